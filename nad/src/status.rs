//! What a running sensor is doing, for whoever asks it over a Unix socket: `nad status`.
//!
//! A thread of its own answers from the ledger, the condition and what an output was told of incidents: an answer costs the packets
//! nothing. The protocol is one line of request, `status`, and one JSON object, [`Report`], after which the sensor hangs up.

mod board;
mod client;
mod gather;
mod server;
mod words;

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

pub use board::Board;
pub use client::{AskError, ask};
pub use server::{Listener, Server, StatusError};
pub use words::words;

/// What the output is called that is told of incidents for this.
pub const STATUS: &str = "status";
/// What is asked, with the line's end.
const REQUEST: &str = "status\n";
/// The version of [`Report`]: it changes where a field is taken out or means something else.
const VERSION: u8 = 1;
/// Hosts of an incident that are listed; of more is said that there are.
const MOST_HOSTS: usize = 4;

/// The socket that is used where no setting names one: in the first directory that the service manager gives (`RUNTIME_DIRECTORY`,
/// systemd.exec(5)), or else in `/run/nad`.
pub fn default_socket() -> PathBuf {
    let given = std::env::var_os("RUNTIME_DIRECTORY").filter(|given| !given.is_empty());
    let first = given.and_then(|given| std::env::split_paths(&given).next());
    first.unwrap_or_else(|| "/run/nad".into()).join("nad.sock")
}

/// What the sensor is doing. Times are in seconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Version of this object: 1.
    pub schema: u8,
    /// Name of the sensor.
    pub sensor: String,
    /// Version of nad.
    pub version: String,
    /// Number of the process.
    pub process: u32,
    /// When this was written.
    pub time: f64,
    /// When the sensor was started.
    pub started: f64,
    /// The interfaces that are watched, or were.
    pub interfaces: Vec<Interface>,
    /// `learning`, `training`, `detecting` or `failed`.
    pub stage: String,
    /// Why a thread is taken to hang; absent where none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hangs: Option<String>,
    /// What was learnt of a baseline that is not complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning: Option<Learning>,
    /// The model in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Model>,
    /// Each view, and how much of its past it has seen.
    pub views: Vec<ViewState>,
    /// Packets a second, lately.
    pub packets_per_second: f64,
    /// Bytes a second on the wire, in the last seconds with packets; 0 where the last ones had none.
    pub bytes_per_second: f64,
    /// The part of the last packets that was recorded, 0 to 1; absent where none came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<f64>,
    /// Sampling level under load, 0 (every packet) to 3.
    pub sampling_level: u8,
    /// What became of the packets since the start, by the names of the ledger.
    pub packets: BTreeMap<String, u64>,
    /// Incidents since the start.
    pub incidents: u64,
    /// The open ones, the gravest and newest first.
    pub open_incidents: Vec<OpenIncident>,
    /// What became of the events for each output.
    pub outputs: Vec<Output>,
    /// The sandbox in force, in words.
    pub sandbox: String,
    /// Resident memory in bytes; absent where the system does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
}

/// An interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Whether packets can come there.
    pub up: bool,
    /// How received packets are watched: `native` or `generic`; absent where they are not, or not here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingress: Option<String>,
    /// Whether sent packets are watched here.
    pub egress: bool,
}

/// A baseline that is being learnt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Learning {
    /// Packets that it has so far.
    pub packets: u64,
    /// The time that they span, in seconds.
    pub seconds: f64,
}

/// A model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// Time of the last packet that it was trained on.
    pub trained: f64,
    /// Length of its baseline, in seconds.
    pub baseline_seconds: f64,
    /// Whether that is long enough to judge what hosts do.
    pub judges_hosts: bool,
    /// The probability below which what a subject does is reported.
    pub threshold_probability: f64,
}

/// A view.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ViewState {
    /// Its name.
    pub name: String,
    /// Whether what it looks at is judged now.
    pub judges: bool,
    /// What it has judged since the start.
    pub judged: u64,
    /// How far back it looks, in seconds.
    pub horizon_seconds: f64,
    /// The part of that which the sensor has watched, 0 to 1.
    pub maturity: f64,
}

/// An open incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenIncident {
    /// Its number in the run.
    pub id: String,
    /// Its name among all sensors.
    pub uid: String,
    /// `low`, `medium` or `high`.
    pub severity: String,
    /// What it looks like.
    pub shape: String,
    /// Who did it, the first few.
    pub sources: Vec<String>,
    /// To whom, the first few.
    pub targets: Vec<String>,
    /// Whether there are more of either.
    pub more: bool,
    /// When it began.
    pub start: f64,
    /// When it last went on.
    pub end: f64,
    /// Packets in its seconds.
    pub packets: u64,
    /// Why, in one sentence.
    pub reason: String,
}

/// An output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// Events that it delivered.
    pub delivered: u64,
    /// Events that its queue had no room for.
    pub dropped: u64,
    /// Events that it could not deliver.
    pub failed: u64,
}
