//! What people say of incidents.

use std::{fmt, path::Path};

use clap::ValueEnum;
use rusqlite::params;
use serde::{Deserialize, Serialize};

use super::{HistoryError, KeptIncident, now_ns, schema};

/// What somebody said of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mark {
    /// It is what is to go on here: an allow rule has it not reported again
    Normal,
    /// It was what it looked like
    Confirmed,
    /// It is of no interest: an allow rule has it not reported for a while
    Noise,
}

impl Mark {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Confirmed => "confirmed",
            Self::Noise => "noise",
        }
    }

    /// The mark of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::Normal, Self::Confirmed, Self::Noise].into_iter().find(|mark| mark.name() == name)
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Notes in a history what somebody says of incidents, in the place of what was said before.
///
/// # Errors
///
/// When the file is not usable.
pub fn mark(
    path: &Path,
    incidents: &[KeptIncident],
    mark: Mark,
    comment: Option<&str>,
) -> Result<(), HistoryError> {
    let connection = schema::open_to_write(path)?;
    let note = |incident: &KeptIncident| {
        connection.execute(
            "INSERT INTO marks (run, id, mark, comment, marked_ns) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (run, id) DO UPDATE SET
                 mark = excluded.mark, comment = excluded.comment, marked_ns = excluded.marked_ns",
            params![incident.run, incident.id, mark.name(), comment, now_ns()],
        )
    };
    let noted = incidents.iter().try_for_each(|incident| note(incident).map(drop));
    noted.map_err(|cause| HistoryError::of(path, cause))
}
