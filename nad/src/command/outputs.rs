//! Where findings are reported, and what is opened for it.

use std::{
    fs,
    io::{self, IsTerminal as _},
    os::{fd::AsFd, unix::fs::FileTypeExt as _},
};

use anyhow::Result;

use crate::{
    config::{ClosedStdout, OutputConfig},
    history::LedgerBook,
    output::{
        Outputs, WhenFailing,
        alerts::AlertFile,
        email::Email,
        history::HistoryFile,
        incidents::IncidentFile,
        log::AnomalyLog,
        metrics::MetricsSink,
        reopen::Earlier,
        terminal::{Screen, Terminal},
        webhook::Webhook,
    },
    queue::WhenFull,
    secret::Secret,
};

fn is_pipe(stream: &impl AsFd) -> bool {
    let file = stream.as_fd().try_clone_to_owned().map(fs::File::from);
    file.and_then(|file| file.metadata()).is_ok_and(|metadata| metadata.file_type().is_fifo())
}

impl OutputConfig {
    /// Whether single packets above the threshold are reported anywhere.
    pub(super) fn wants_packets(&self) -> bool {
        self.packets || self.alerts.is_some()
    }

    /// Whether there is an output besides the terminal and the log that reports incidents or serves metrics.
    fn has_others(&self) -> bool {
        self.alerts.is_some()
            || self.incidents.is_some()
            || self.history.is_some()
            || self.email.is_some()
            || !self.webhooks.is_empty()
            || self.latencies.is_some()
    }

    /// What it means where nobody reads standard output any more; see [`ClosedStdout`].
    fn when_stdout_closes(&self) -> WhenFailing {
        let default = || {
            let is_watched = io::stdout().is_terminal() || is_pipe(&io::stdout());
            if is_watched && !self.has_others() { ClosedStdout::Exit } else { ClosedStdout::Continue }
        };
        match self.closed_stdout.unwrap_or_else(default) {
            ClosedStdout::Continue if self.is_live => WhenFailing::StopUnlessGone,
            _ => WhenFailing::Stop,
        }
    }

    /// Whether a live run goes on where nobody reads standard output any more.
    pub(super) fn goes_on_without_stdout(&self) -> bool {
        self.when_stdout_closes() == WhenFailing::StopUnlessGone
    }

    /// Opens every output; where a fixed number of packets is captured, it is packets that are shown.
    pub(super) fn open(&self, is_count: bool, screen: &Screen) -> Result<Outputs> {
        let mut outputs = Outputs::default();
        Self { packets: self.packets || is_count, ..self.clone() }.reopen(&mut outputs, screen)?;
        Ok(outputs)
    }

    /// Puts these outputs in the place of others; those with the same settings go on as they are. What is replayed waits
    /// for its outputs, and one that fails ends it; nothing live does.
    ///
    /// # Errors
    ///
    /// When one of them can't be opened; then nothing is changed.
    pub(super) fn reopen(&self, outputs: &mut Outputs, screen: &Screen) -> Result<()> {
        let (when_full, when_failing) = if self.is_live {
            (WhenFull::Drop, WhenFailing::GoOn)
        } else {
            (WhenFull::Wait, WhenFailing::Stop)
        };
        let earlier = if outputs.are_in_use() { Earlier::Kept } else { Earlier::Replaced };
        let mut new = outputs.replacement(when_full);
        let packets = self.packets;
        let when_closed = self.when_stdout_closes();
        new.open("terminal", &(packets, when_closed), when_closed, || {
            Ok(Terminal::new(packets, screen.clone()))
        })?;
        new.open("log", &packets, WhenFailing::GoOn, || Ok(AnomalyLog { packets }))?;
        if let Some(path) = &self.alerts {
            let format = self.format;
            new.open("alerts", &(path, format), when_failing, || {
                Ok(AlertFile::open(path, format, earlier)?)
            })?;
        }
        if let Some(path) = &self.incidents {
            let (follow, format) = (self.follow, self.format);
            let settings = (path, follow, format);
            new.open("incidents", &settings, when_failing, || {
                Ok(IncidentFile::open(path, follow, format, earlier)?)
            })?;
        }
        if let Some(config) = &self.history {
            new.open("history", config, when_failing, || Ok(HistoryFile::open(config.clone())?))?;
        }
        if let Some(config) = &self.email {
            let secret = config.server.login.as_ref().map(|login| login.password.mark());
            new.open("email", &(config, secret), WhenFailing::GoOn, || Ok(Email::new(config.clone())))?;
        }
        for (number, config) in self.webhooks.iter().enumerate() {
            let kind = format!("webhook {number}");
            let secrets = (config.url.mark(), config.key.as_ref().map(Secret::mark));
            new.open(&kind, &(config, secrets), WhenFailing::GoOn, || Ok(Webhook::open(config.clone())?))?;
        }
        if let Some(latencies) = &self.latencies {
            new.open("metrics", &(), WhenFailing::GoOn, || Ok(MetricsSink::new(latencies.clone())))?;
        }
        new.put_in_place();
        if let Some(config) = &self.history {
            outputs.keep_ledger(LedgerBook::new(config.path.clone()));
        }
        Ok(())
    }
}
