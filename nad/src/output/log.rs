//! The log file, through tracing: alerts, and everything that nad says.

use std::{
    fmt,
    fs::{self, OpenOptions},
    io::{self, Write},
    path::Path,
    sync::Mutex,
};

use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::{
    Layer,
    filter::filter_fn,
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    layer::SubscriberExt,
    registry::LookupSpan,
    util::SubscriberInitExt,
};

use super::{Done, Event as Told, Failure, Interests, OutputError, Sink, table::SAID};
use crate::{
    alert::Alert,
    incident::IncidentUpdate,
    presentation::{self, Endpoint},
};

/// Target of the events that alerts are; the terminal has its own table for them.
const ANOMALY: &str = "nad::anomaly";

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
        "log".into()
    }

    fn interests(&self) -> Interests {
        Interests { incidents: true, alerts: self.packets, ..Interests::default() }
    }

    fn deliver(&mut self, events: &[Told]) -> Result<Done, Failure> {
        for event in events {
            match event {
                Told::Incident(update) => log_incident(update),
                Told::Alert(alert) => log_alert(alert),
                Told::Second(_) => {}
            }
        }
        Ok(Done::all(events))
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
/// standard error. `kernel_log` lets through what the kernel program logs.
///
/// # Errors
///
/// When the file or its folder can't be made.
pub fn start(path: Option<&Path>, kernel_log: bool) -> Result<(), OutputError> {
    let file = path.map(open).transpose()?;
    let concerns = move |metadata: &Metadata<'_>| {
        *metadata.level() <= Level::INFO || kernel_log && metadata.target().starts_with(KERNEL_PROGRAM)
    };
    let file_layer = file.map(|file| {
        tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .log_internal_errors(false)
            .with_writer(Mutex::new(file))
            .with_filter(filter_fn(concerns))
    });
    let terminal_layer = tracing_subscriber::fmt::layer()
        .event_format(Plain)
        .with_ansi(false)
        .log_internal_errors(false)
        .with_writer(io::stderr)
        .with_filter(filter_fn(move |metadata| {
            concerns(metadata) && ![ANOMALY, SAID].contains(&metadata.target())
        }));
    // Fails where logging was started before, as in tests that run in one process.
    let _ = tracing_subscriber::registry().with(file_layer).with(terminal_layer).try_init();
    Ok(())
}

fn open(path: &Path) -> Result<LogFile, OutputError> {
    let name = format!("log file {}", path.display());
    let error =
        |error| OutputError::new(&name, error).remedy("choose another with --log, or none with --log none");
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(error)?;
    }
    let file = OpenOptions::new().create(true).append(true).open(path).map_err(error)?;
    Ok(LogFile { name, file, failed: false })
}

/// The log file, which says once when it can no longer be written; watching goes on without it.
struct LogFile {
    name: String,
    file: fs::File,
    failed: bool,
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes);
        match &written {
            Err(error) if !self.failed && error.kind() != io::ErrorKind::Interrupted => {
                self.failed = true;
                // Not through tracing, which is what calls this.
                let _ = writeln!(
                    io::stderr(),
                    "warning: {} can't be written: {error}; the log has gaps",
                    self.name
                );
            }
            Err(_) => {}
            Ok(_) => self.failed = false,
        }
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
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
