//! The arguments of `nad state`, and the settings that they make.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::args::StateDirArgs;
use crate::{
    command::state::{Doing, StateCommand},
    config::{ConfigError, File},
    state::StateConfig,
};

#[derive(Debug, Args)]
pub(super) struct StateArgs {
    #[command(subcommand)]
    doing: DoingArgs,
}

#[derive(Debug, Subcommand)]
enum DoingArgs {
    /// Say what is kept: since when was learnt, how much is known, and which views have watched for long enough
    Show {
        /// As JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        state: StateDirArgs,
    },
    /// Write the state to a file, for another machine or another time
    Export {
        /// Where it is written
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        state: StateDirArgs,
    },
    /// Put a state of `nad state export` in the place of the one that there is, once it was checked
    Import {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        state: StateDirArgs,
    },
    /// Remove the state, and what was set aside: nad learns anew at its next start
    Reset {
        /// Do it; what was learnt is gone then
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        state: StateDirArgs,
    },
}

impl StateArgs {
    /// The settings.
    ///
    /// # Errors
    ///
    /// When no directory is named, or it was not said that the state is to go.
    pub(super) fn check(self, file: &File) -> Result<StateCommand, ConfigError> {
        let (doing, state) = match self.doing {
            DoingArgs::Show { json, state } => (Doing::Show { json }, state),
            DoingArgs::Export { file, state } => (Doing::Export(file), state),
            DoingArgs::Import { file, state } => (Doing::Import(file), state),
            DoingArgs::Reset { yes: true, state } => (Doing::Reset, state),
            DoingArgs::Reset { yes: false, state } => {
                let directory = named(state, file)?.directory;
                return Err(ConfigError::Value(format!(
                    "what was learnt would be gone from {}: add --yes where that is meant",
                    crate::text::path(&directory)
                )));
            }
        };
        Ok(StateCommand { directory: named(state, file)?.directory, doing })
    }
}

fn named(state: StateDirArgs, file: &File) -> Result<StateConfig, ConfigError> {
    StateConfig::new(state.state_dir, &file.state)?.ok_or_else(|| {
        ConfigError::Value(
            "no state directory is named: give --state-dir, NAD_STATE_DIR or [state] dir".into(),
        )
    })
}
