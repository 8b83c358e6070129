//! Where incidents and alerts go. Each output is a [`Sink`] in a file of its own.

pub mod alerts;
pub mod features;
pub mod incidents;
pub mod log;
pub mod scores;
pub mod table;

use std::{fs, io, os::unix::fs::MetadataExt, path::Path};

use crate::{alert::Alert, incident::IncidentUpdate};

/// Something that incidents, alerts or both are told to.
pub trait Sink {
    /// What it is, for messages about it: `the alert file out.jsonl`.
    fn name(&self) -> String;

    /// Tells one packet above the threshold.
    ///
    /// # Errors
    ///
    /// When it can't be told; the sink is then not used again.
    fn alert(&mut self, _alert: &Alert) -> io::Result<()> {
        Ok(())
    }

    /// Tells what became of an incident.
    ///
    /// # Errors
    ///
    /// As for [`Self::alert`].
    fn incident(&mut self, _update: &IncidentUpdate) -> io::Result<()> {
        Ok(())
    }

    /// Makes everything told so far visible to whoever reads it.
    ///
    /// # Errors
    ///
    /// As for [`Self::alert`].
    fn flush(&mut self) -> io::Result<()>;
}

/// The outputs in use.
#[derive(Default)]
pub struct Outputs {
    sinks: Vec<Box<dyn Sink>>,
}

/// An output that failed.
#[derive(Debug, thiserror::Error)]
#[error("{name} can't be written: {cause}{}{}", if remedy.is_empty() { "" } else { "; " }, remedy)]
pub struct OutputError {
    name: String,
    /// Told by the message, so not also as its source.
    cause: io::Error,
    remedy: &'static str,
}

impl OutputError {
    /// Names what could not be written.
    pub fn new(name: impl Into<String>, cause: io::Error) -> Self {
        Self { name: name.into(), cause, remedy: "" }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn remedy(self, remedy: &'static str) -> Self {
        Self { remedy, ..self }
    }

    /// Whether whoever read the output went away, as `head` does; that is no failure.
    pub fn is_broken_pipe(&self) -> bool {
        self.cause.kind() == io::ErrorKind::BrokenPipe
    }
}

/// Refuses to write over the capture that is read, which is seldom there twice.
///
/// # Errors
///
/// When `output`, called `name`, is the same file as `capture`.
pub fn spare_capture(name: &str, output: &Path, capture: &Path) -> Result<(), OutputError> {
    match (fs::metadata(output), fs::metadata(capture)) {
        (Ok(output_file), Ok(file)) if (output_file.dev(), output_file.ino()) == (file.dev(), file.ino()) => {
            let name = format!("{name} {}", output.display());
            Err(OutputError::new(name, io::Error::other("it is the capture")).remedy("choose another place"))
        }
        _ => Ok(()),
    }
}

impl Outputs {
    /// Adds an output.
    pub fn add(&mut self, sink: impl Sink + 'static) {
        self.sinks.push(Box::new(sink));
    }

    /// Tells every output everything.
    ///
    /// # Errors
    ///
    /// The first output that fails.
    pub fn tell(&mut self, alerts: &[Alert], incidents: &[IncidentUpdate]) -> Result<(), OutputError> {
        if alerts.is_empty() && incidents.is_empty() {
            return Ok(());
        }
        for sink in &mut self.sinks {
            let told = alerts
                .iter()
                .try_for_each(|alert| sink.alert(alert))
                .and_then(|()| incidents.iter().try_for_each(|update| sink.incident(update)))
                .and_then(|()| sink.flush());
            told.map_err(|source| OutputError::new(sink.name(), source))?;
        }
        Ok(())
    }
}
