//! `nad known`: what was marked as normal or noise, and what is allowed for it.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use anyhow::Result;
use nad_engine::incident::allow::Criteria;

use super::{Outcome, say};
use crate::{
    clock,
    config::AllowSection,
    known::{Known, KnownFile},
    output::{
        OutputError,
        terminal::{STANDARD_OUTPUT, columns},
    },
    text::{self, human::wrapped},
};

/// Lines narrower than this are not made.
const LEAST_WIDTH: usize = 60;
/// Where lines after an entry's first begin.
const INDENT: usize = 4;

/// Settings of `nad known`.
#[derive(Debug)]
pub struct KnownConfig {
    /// The history that it stands beside.
    pub history: PathBuf,
    /// What is done with it.
    pub doing: Doing,
}

/// What `nad known` does.
#[derive(Debug)]
pub enum Doing {
    /// Lists it.
    List,
    /// Takes out what was said of an incident.
    Forget(String),
}

pub(super) fn known(config: &KnownConfig) -> Result<Outcome> {
    let mut file = KnownFile::beside(&config.history)?;
    match &config.doing {
        Doing::List => {
            let width = columns(io::stdout()).map(|columns| columns.max(LEAST_WIDTH));
            let now_ns = clock::unix_now_ns();
            let mut told: String = file.all().iter().map(|known| entry(known, now_ns, width)).collect();
            if told.is_empty() {
                told = "Nothing was marked as normal or noise.\n".into();
            }
            let mut out = io::stdout().lock();
            let written = out.write_all(told.as_bytes()).and_then(|()| out.flush());
            written.map_err(|error| OutputError::new(STANDARD_OUTPUT, error))?;
        }
        Doing::Forget(incident) => {
            anyhow::ensure!(
                file.forget(incident)?,
                "nothing is known of incident {}; nad known list names those of which something is",
                text::escaped(incident)
            );
            say(&format!(
                "Forgotten: what incident {incident} told of is reported again. A running sensor takes it up at SIGHUP."
            ))?;
        }
    }
    Ok(Outcome::Fine)
}

/// Which incident, since when and until when, and each rule.
fn entry(known: &Known, now_ns: u64, width: Option<usize>) -> String {
    let first = format!("{}  {}, since {}", known.incident, known.mark, known.since);
    let mut lines = wrapped(&text::escaped(&first), width, INDENT) + "\n";
    for criteria in known.allow.iter().map(AllowSection::criteria) {
        let rule = format!("{:INDENT$}{}", "", rule(&criteria, now_ns));
        lines += &(wrapped(&text::escaped(&rule), width, INDENT) + "\n");
    }
    lines
}

fn rule(criteria: &Criteria, now_ns: u64) -> String {
    let Criteria { source, mac, destination, port, protocol, shape, comment, expires_ns } = criteria;
    let parts = [
        shape.map(|shape| shape.name().to_owned()),
        source.map(|source| format!("from {source}")),
        mac.map(|address| format!("with MAC {}", nad_engine::presentation::mac(address))),
        destination.map(|destination| format!("to {destination}")),
        port.map(|port| format!("port {port}")),
        protocol.map(nad_engine::presentation::protocol_name),
    ];
    let end = match expires_ns {
        None => String::new(),
        Some(end_ns) if *end_ns <= now_ns => format!(", over since {}", clock::local::local(*end_ns)),
        Some(end_ns) => format!(", until {}", clock::local::local(*end_ns)),
    };
    format!("{}{end}: {comment}", parts.into_iter().flatten().collect::<Vec<_>>().join(" "))
}
