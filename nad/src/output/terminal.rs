//! What a person sees: incidents and packets on standard output, messages and the status on standard error.

mod json;
mod lines;
mod screen;
mod status;
mod stream;
mod table;

use std::io::{self, Write};

use nad_engine::detector::Event;

use super::{Done, Failure, Interests, Sink, ending::Ending};
use crate::format::native;
pub use screen::{SAID, STANDARD_OUTPUT, Screen, columns};
pub use status::{Phase, Status};
use stream::Stream;
use table::Table;

/// What is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For a person at a terminal: fitted to its width, coloured, with a status line.
    Table,
    /// One JSON object a line, and nothing else on standard output.
    Json,
    /// Lines without control characters, whole ones however long.
    Plain,
}

/// When `table` has colour.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set; elsewhere where `CLICOLOR_FORCE` is.
    #[default]
    Auto,
    /// Wherever it goes.
    Always,
    /// Never.
    Never,
}

/// Settings of the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TerminalConfig {
    /// What is printed; without it, `table` on a terminal and `plain` elsewhere.
    pub format: Option<Format>,
    /// When it has colour.
    pub color: Color,
    /// Whether only incidents and errors are printed.
    pub quiet: bool,
}

/// Prints each incident that opens, changes or closes, and, where packets are shown, each alert.
#[derive(Debug)]
pub struct Terminal {
    screen: Screen,
    table: Option<Table>,
    ending: Ending,
}

impl Terminal {
    /// One that shows single packets as well, or not.
    pub fn new(packets: bool, screen: Screen) -> Self {
        Self { screen, table: packets.then(Table::default), ending: Ending::default() }
    }

    fn write(&mut self, event: &Event, out: &mut impl Write) -> io::Result<()> {
        let (format, width) = (self.screen.format(), self.screen.width());
        match (event, &mut self.table) {
            (Event::Incident(update), _) => match format {
                Format::Json => writeln!(out, "{}", native::incident(&update.incident)),
                Format::Plain => lines::plain(update).map_or(Ok(()), |line| writeln!(out, "{line}")),
                Format::Table => lines::fitted(update, width, self.screen.has_color())
                    .map_or(Ok(()), |lines| writeln!(out, "{lines}")),
            },
            (Event::Alert(alert), Some(_)) if format == Format::Json => {
                writeln!(out, "{}", native::alert(alert))
            }
            (Event::Alert(alert), Some(table)) => table.write(alert, width, out),
            _ => Ok(()),
        }
    }
}

impl Sink for Terminal {
    fn name(&self) -> String {
        STANDARD_OUTPUT.into()
    }

    fn interests(&self) -> Interests {
        Interests { incidents: true, alerts: self.table.is_some(), ..Interests::default() }
    }

    fn deliver(&mut self, events: &[Event]) -> Result<Done, Failure> {
        let mut text = Vec::new();
        events.iter().try_for_each(|event| self.write(event, &mut text))?;
        let ending = self.ending.clone();
        stream::write(Stream::Output, &text, || !ending.is_over(), |write| self.screen.suspend(write))?;
        Ok(Done::all(events))
    }

    fn idle(&mut self) -> Result<Done, Failure> {
        if Stream::Output.is_gone() { Err(Failure::Gone) } else { Ok(Done::default()) }
    }

    fn ends_with(&mut self, ending: Ending) {
        self.ending = ending;
    }
}
