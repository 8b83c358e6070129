//! `[output]` in the file: what outputs have in common.

use serde::{Deserialize, Serialize};

use crate::output::format::AlertFormat;

/// `[output]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OutputSection {
    /// What the files of alerts and incidents contain.
    pub alert_format: Option<AlertFormat>,
}
