//! The commands that read a history, in a build without it: their settings can't be made, so they are never called.

/// `nad incidents`
pub mod incidents {
    use anyhow::Result;

    use crate::command::Outcome;

    /// There are none.
    #[derive(Debug)]
    pub enum IncidentsConfig {}

    pub(in crate::command) fn incidents(config: &IncidentsConfig) -> Result<Outcome> {
        match *config {}
    }
}

/// `nad known`
pub mod known {
    use anyhow::Result;

    use crate::command::Outcome;

    /// There are none.
    #[derive(Debug)]
    pub enum KnownConfig {}

    pub(in crate::command) fn known(config: &KnownConfig) -> Result<Outcome> {
        match *config {}
    }
}

/// `nad report`
pub mod report {
    use anyhow::Result;

    use crate::command::Outcome;

    /// There are none.
    #[derive(Debug)]
    pub enum ReportConfig {}

    pub(in crate::command) fn report(config: ReportConfig) -> Result<Outcome> {
        match config {}
    }
}
