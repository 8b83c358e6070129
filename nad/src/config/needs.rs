//! What the settings call for once nad works in its sandbox.

use std::path::PathBuf;

use super::OutputConfig;
use crate::{output::log::LogConfig, sandbox::Needs};

impl Needs {
    /// What outputs and the log need; `reads` are the files that settings are in.
    pub fn new(outputs: &OutputConfig, log: &LogConfig, reads: &[PathBuf]) -> Self {
        let written = outputs.sinks.iter().filter_map(|sink| sink.written()).map(|written| written.path);
        let writes = log.path.iter().cloned().chain(written).collect();
        let mut needs = Self { reads: reads.to_vec(), writes, ..Self::default() };
        outputs.sinks.iter().for_each(|sink| sink.need(&mut needs));
        needs
    }
}
