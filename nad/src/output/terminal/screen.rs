//! The two streams, and the line at the bottom that both keep clear of.

use std::{
    env,
    io::{self, IsTerminal},
    os::fd::AsFd,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use nad_engine::ledger::Ledger;
use rustix::termios::tcgetwinsize;

use super::{
    Color, Format, TerminalConfig, json,
    stream::{self, Stream},
};
use crate::{clock, output::OutputError, text};

/// Target of log events that stand on the terminal already.
pub const SAID: &str = "nad::said";
/// What standard output is called in messages and counts.
pub const STANDARD_OUTPUT: &str = "standard output";

/// How often the line at the bottom is drawn at most, a second.
const DRAWN_A_SECOND: u8 = 4;
/// How long a sensor waits for a reader that has stopped.
const PATIENCE: Duration = Duration::from_millis(100);
const BYTES_TEMPLATE: &str = "{wide_bar} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta}";

/// What a person looks at. Clones are the same screen.
///
/// Nothing may be logged while it is [suspended](Self::suspend): the log's part for the terminal suspends it, too.
#[derive(Debug, Clone)]
pub struct Screen {
    format: Format,
    has_color: bool,
    is_quiet: bool,
    /// For how long a reader that has stopped is waited for.
    patience: Option<Duration>,
    /// Whether it is no failure that nobody reads it any more.
    goes_on: bool,
    /// Lines that nobody took since the last that somebody did.
    lost: Arc<AtomicU64>,
    bar: ProgressBar,
}

impl Screen {
    /// One without anything at the bottom.
    pub fn new(config: &TerminalConfig) -> Self {
        let is_terminal = io::stdout().is_terminal();
        // While its file can be read.
        clock::local::zone();
        let format = config.format.unwrap_or(if is_terminal { Format::Table } else { Format::Plain });
        let variable = |name: &str| env::var(name).ok();
        let has_color = format == Format::Table && wants_color(config.color, is_terminal, variable);
        Self {
            format,
            has_color,
            is_quiet: config.quiet,
            patience: None,
            goes_on: false,
            lost: Arc::default(),
            bar: ProgressBar::hidden(),
        }
    }

    /// That of a sensor, which waits for no reader that has stopped and, where it goes on without one, for none that has
    /// gone: what they do not take is in the log.
    #[must_use]
    pub fn of_sensor(self, goes_on: bool) -> Self {
        Self { patience: Some(PATIENCE), goes_on, ..self }
    }

    /// What is printed.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Whether it is coloured.
    pub fn has_color(&self) -> bool {
        self.has_color
    }

    /// Whether only incidents and errors are printed.
    pub fn is_quiet(&self) -> bool {
        self.is_quiet
    }

    /// Columns of the terminal that standard output is, as of now; `None` where it is none.
    pub fn width(&self) -> Option<usize> {
        (self.format == Format::Table).then(|| columns(io::stdout())).flatten()
    }

    /// Columns that the line at the bottom has.
    pub fn status_width(&self) -> usize {
        columns(io::stderr()).unwrap_or(80)
    }

    /// Begins to show a line of text at the bottom; false where there is no terminal for it, or it is not wanted.
    pub fn show_status(&self) -> bool {
        self.show("{msg}")
    }

    /// Begins to show how far a file was read; see [`Self::progress`].
    pub fn show_progress(&self) -> bool {
        self.show(BYTES_TEMPLATE)
    }

    fn show(&self, template: &str) -> bool {
        if self.is_quiet {
            return false;
        }
        let style = ProgressStyle::with_template(template);
        self.bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        // Hidden where standard error is no terminal, or one that can't move its cursor.
        self.bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(DRAWN_A_SECOND));
        !self.bar.is_hidden()
    }

    /// The text at the bottom from now on.
    pub fn set_status(&self, line: String) {
        self.bar.set_message(line);
    }

    /// Bytes that were read, of how many.
    pub fn progress(&self, read: u64, total: u64) {
        self.bar.set_length(total);
        self.bar.set_position(read);
    }

    /// Takes away what is at the bottom.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }

    /// Does what writes to either stream while nothing is at the bottom.
    pub fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        self.bar.suspend(write)
    }

    /// Prints a line, unless it is to be quiet, and writes it to the log in any case. Where standard output is for JSON, it
    /// goes to standard error.
    ///
    /// # Errors
    ///
    /// When standard output can't be written.
    pub fn say(&self, line: &str) -> Result<(), OutputError> {
        // Once here for the terminal; the log escapes what goes into it.
        tracing::info!(target: SAID, "{line}");
        let line = text::escaped(line);
        if self.is_quiet {
            return Ok(());
        }
        if self.format == Format::Json {
            self.tell(&format!("{line}\n"));
            return Ok(());
        }
        self.print(&line)
    }

    /// Writes whole lines to standard error. Whoever reads them may have left; a sensor does not wait for one who has stopped,
    /// and says how many lines were lost once they are read again.
    pub fn tell(&self, lines: &str) {
        let lost = &self.lost;
        if self.patience.is_some() && lost.load(Relaxed) > 0 && !Stream::Error.is_writable(Duration::ZERO) {
            lost.fetch_add(1, Relaxed);
            return;
        }
        let text = match lost.swap(0, Relaxed) {
            0 => lines.to_owned(),
            count => format!("warning: {count} messages were not taken by who reads them\n{lines}"),
        };
        let patience = stream::for_at_most(self.patience);
        let written = stream::write(Stream::Error, text.as_bytes(), patience, |write| self.suspend(write));
        if written.is_err_and(|error| error.kind() == io::ErrorKind::TimedOut) {
            lost.fetch_add(1, Relaxed);
        }
    }

    /// Says at the end what was found, in `line`, and how many alerts each rule allowed, with its comment.
    ///
    /// # Errors
    ///
    /// When standard output can't be written.
    pub fn sum_up(&self, line: &str, ledger: &Ledger, allowed: &[(u64, String)]) -> Result<(), OutputError> {
        self.say(line)?;
        for (count, comment) in allowed {
            let plural = if *count == 1 { "" } else { "s" };
            self.say(&format!("allowed {count} alert{plural}: {comment}"))?;
        }
        if self.format == Format::Json { self.print(&json::summary(ledger, allowed)) } else { Ok(()) }
    }

    fn print(&self, line: &str) -> Result<(), OutputError> {
        let text = format!("{line}\n");
        let patience = stream::for_at_most(self.patience);
        let written = stream::write(Stream::Output, text.as_bytes(), patience, |write| self.suspend(write));
        written.map_or_else(|error| self.excuse(error), Ok)
    }

    fn excuse(&self, error: io::Error) -> Result<(), OutputError> {
        match error.kind() {
            io::ErrorKind::TimedOut => {
                tracing::warn!("{STANDARD_OUTPUT}: {error}; what it did not print is in the log");
                Ok(())
            }
            io::ErrorKind::BrokenPipe if self.goes_on => Ok(()),
            _ => Err(OutputError::new(STANDARD_OUTPUT, error)),
        }
    }
}

/// By <https://no-color.org> and <https://bixense.com/clicolors>; what was asked for by flag or file counts first.
fn wants_color(color: Color, is_terminal: bool, variable: impl Fn(&str) -> Option<String>) -> bool {
    let is_set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
    let is_off = |name: &str| variable(name).is_some_and(|value| value == "0");
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto if is_set("NO_COLOR") => false,
        Color::Auto if is_set("CLICOLOR_FORCE") && !is_off("CLICOLOR_FORCE") => true,
        Color::Auto => {
            let is_dumb = variable("TERM").is_none_or(|term| term == "dumb");
            is_terminal && !is_dumb && !is_off("CLICOLOR")
        }
    }
}

/// Columns of a terminal; `None` where a stream leads to none, or to one that doesn't know.
pub fn columns(stream: impl AsFd) -> Option<usize> {
    let size = tcgetwinsize(stream).ok()?;
    (size.ws_col > 0).then(|| size.ws_col.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_follows_the_flag_then_no_color_then_the_terminal() {
        let wants = |color, is_terminal, set: &[(&str, &str)]| {
            wants_color(color, is_terminal, |name| {
                set.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned())
            })
        };
        let term = ("TERM", "xterm");
        assert!(wants(Color::Auto, true, &[term]));
        assert!(wants(Color::Auto, true, &[term, ("NO_COLOR", "")]), "empty is as good as not set");
        assert!(!wants(Color::Auto, true, &[term, ("NO_COLOR", "1")]));
        assert!(!wants(Color::Auto, true, &[term, ("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]));
        assert!(!wants(Color::Auto, true, &[("TERM", "dumb")]));
        assert!(!wants(Color::Auto, true, &[term, ("CLICOLOR", "0")]));
        assert!(!wants(Color::Auto, false, &[term]));
        assert!(wants(Color::Auto, false, &[term, ("CLICOLOR_FORCE", "1")]));
        assert!(!wants(Color::Auto, false, &[term, ("CLICOLOR_FORCE", "0")]));
        assert!(wants(Color::Always, false, &[("NO_COLOR", "1")]));
        assert!(!wants(Color::Never, true, &[term, ("CLICOLOR_FORCE", "1")]));
    }
}
