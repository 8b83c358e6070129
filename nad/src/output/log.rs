//! The log file, through tracing: alerts, and everything that nad says.

mod config;
mod file;
mod json;
mod origin;
mod rotation;

use std::{
    borrow::Cow,
    fmt,
    io::{self, Write},
    sync::Mutex,
};

use nad_engine::{
    alert::Alert,
    detector::Event as Told,
    incident::IncidentUpdate,
    presentation::{self, Endpoint},
};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::{
    Layer, Registry,
    filter::filter_fn,
    fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter, format::Writer},
    layer::SubscriberExt,
    registry::LookupSpan,
    util::SubscriberInitExt,
};

use self::{file::LogFile, json::JsonLines};
use super::{
    Done, Failure, Interests, OutputError, Sink,
    terminal::{SAID, Screen, columns},
};
use crate::text::{self, human};
pub use config::{LogConfig, LogFormat, Rotate};

/// What the log is called in messages and counts.
pub const LOG: &str = "log";

/// Target of the events that alerts are; the terminal has its own table for them.
const ANOMALY: &str = "nad::anomaly";

/// Where a message goes on that a terminal's line has no room for.
const INDENT: usize = 2;

/// Target of what the kernel program logs: its crate's name.
const KERNEL_PROGRAM: &str = "nad_ebpf";

/// Writes incidents, and where wanted each packet above the threshold, as warnings.
#[derive(Debug, Default)]
pub struct AnomalyLog {
    /// Whether packets are logged as well.
    pub packets: bool,
}

impl Sink for AnomalyLog {
    fn name(&self) -> String {
        LOG.into()
    }

    fn interests(&self) -> Interests {
        Interests { incidents: true, alerts: self.packets, ..Interests::default() }
    }

    fn deliver(&mut self, events: &[Told]) -> Result<Done, Failure> {
        let mut done = Done::default();
        for event in events {
            let written = file::outcome(|| match event {
                Told::Incident(update) => log_incident(update),
                Told::Alert(alert) => log_alert(alert),
                Told::Second(_) => {}
            });
            // That it fails is said by the file. Without a file, nobody was to read it.
            match written {
                Some(true) => done.delivered += 1,
                Some(false) => done.failed += 1,
                None => {}
            }
        }
        Ok(done)
    }
}

fn log_incident(update: &IncidentUpdate) {
    let incident = &update.incident;
    tracing::warn!(
        target: ANOMALY,
        id = %incident.id,
        change = update.change.name(),
        shape = incident.shape.name(),
        technique = incident.shape.technique().unwrap_or("-"),
        sources = %incident.sources,
        targets = %incident.targets,
        alerts = incident.alerts,
        packets = incident.packets,
        bytes = incident.bytes,
        coverage = incident.coverage.percent(),
        peak_score = incident.peak_score,
        threshold = incident.threshold,
        probability = incident.probability,
        view = incident.view.name(),
        start = %presentation::timestamp(incident.start_ns),
        end = %presentation::timestamp(incident.end_ns),
        reason = %incident.reason,
        "incident"
    );
}

fn log_alert(alert: &Alert) {
    let record = &alert.record;
    let (source, destination) = Endpoint::of(record);
    tracing::warn!(
        target: ANOMALY,
        src_ip = %source,
        dst_ip = %destination,
        src_port = record.source_port,
        dst_port = record.destination_port,
        length = record.length,
        protocol = %presentation::protocol(record),
        score = alert.score,
        threshold = alert.threshold,
        time = %presentation::timestamp(alert.time_ns),
        reason = %alert.reason,
        "anomaly"
    );
}

/// Starts logging: everything to the file, where there is one, and what concerns the person at the terminal to
/// standard error, clear of what `screen` shows. `kernel_log` lets through what the kernel program logs.
///
/// # Errors
///
/// When the file or its folder can't be made.
pub fn start(config: &LogConfig, kernel_log: bool, screen: &Screen) -> Result<(), OutputError> {
    let file_layer = config.path.is_some().then(|| file_layer(config, kernel_log, screen)).transpose()?;
    let most = if screen.is_quiet() { Level::ERROR } else { Level::INFO };
    let terminal_layer = tracing_subscriber::fmt::layer()
        .event_format(Plain)
        .with_ansi(false)
        .log_internal_errors(false)
        .with_writer(AboveStatus(screen.clone()))
        .with_filter(filter_fn(move |metadata| {
            concerns(metadata, most, kernel_log) && ![ANOMALY, SAID].contains(&metadata.target())
        }));
    // Fails where logging was started before, as in tests that run in one process.
    let _ = tracing_subscriber::registry().with(file_layer).with(terminal_layer).try_init();
    Ok(())
}

type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

fn file_layer(config: &LogConfig, kernel_log: bool, screen: &Screen) -> Result<BoxedLayer, OutputError> {
    let path = config.path.as_deref().unwrap_or("".as_ref());
    let file = LogFile::open(path, config, screen.clone()).map_err(|error| {
        OutputError::new(format!("log file {}", text::path(path)), error)
            .remedy("choose another with --log, or none with --log none")
    })?;
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .log_internal_errors(false)
        .with_writer(Mutex::new(file));
    let filter = filter_fn(move |metadata| concerns(metadata, Level::INFO, kernel_log));
    Ok(match config.format {
        LogFormat::Text => layer.with_filter(filter).boxed(),
        LogFormat::Json => layer.event_format(JsonLines).with_filter(filter).boxed(),
    })
}

fn concerns(metadata: &Metadata<'_>, most: Level, kernel_log: bool) -> bool {
    *metadata.level() <= most || kernel_log && metadata.target().starts_with(KERNEL_PROGRAM)
}

/// A line with its end, in which nothing that came from outside ends it or moves a cursor.
fn readable(line: &[u8]) -> Cow<'_, [u8]> {
    let Ok(text) = str::from_utf8(line) else { return line.into() };
    match text::escaped(text.strip_suffix('\n').unwrap_or(text)) {
        Cow::Borrowed(_) => line.into(),
        Cow::Owned(mut escaped) => {
            escaped.push('\n');
            escaped.into_bytes().into()
        }
    }
}

/// Standard error, above what is shown at the bottom of the terminal.
struct AboveStatus(Screen);

impl<'a> MakeWriter<'a> for AboveStatus {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> &'a Self {
        self
    }
}

impl Write for &AboveStatus {
    /// Takes a whole line.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let line = readable(line);
        let line = String::from_utf8_lossy(&line);
        let width = columns(io::stderr());
        self.0.tell(&(human::wrapped(line.trim_end_matches('\n'), width, INDENT) + "\n"));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A line as a person at a terminal wants it: the message, marked where it is more than information.
struct Plain;

impl<S, N> FormatEvent<S, N> for Plain
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        ctx: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        match *event.metadata().level() {
            Level::ERROR => writer.write_str("error: ")?,
            Level::WARN => writer.write_str("warning: ")?,
            _ => {}
        }
        ctx.field_format().format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}
