//! The sensor: packets in, incidents out to people. What detects is [`nad_engine`].

pub mod cli;
pub mod clock;
pub mod command;
pub mod config;
pub mod doctor;
pub mod files;
pub mod format;
#[cfg(feature = "history")]
pub mod history;
pub mod interface;
#[cfg(feature = "history")]
pub mod known;
#[cfg(feature = "metrics")]
pub mod metrics;
pub mod model_file;
pub mod output;
pub mod parts;
pub mod queue;
#[cfg(feature = "history")]
pub mod report;
pub mod sandbox;
pub mod secret;
pub mod self_traffic;
pub mod sensor;
pub mod service_manager;
pub mod settings;
pub mod shedding;
pub mod source;
pub mod state;
pub mod status;
pub mod text;

#[cfg(test)]
#[path = "../tests/support/skip.rs"]
mod skip;
