//! Where findings are reported, and what is opened for it.

use std::{
    fs,
    io::{self, IsTerminal as _},
    os::{fd::AsFd, unix::fs::FileTypeExt as _},
    sync::Arc,
};

use anyhow::Result;

use crate::{
    config::{ClosedStdout, OutputConfig},
    output::{
        Outputs, Service, SinkConfig, WhenFailing,
        log::AnomalyLog,
        reopen::Earlier,
        terminal::{Screen, Terminal},
    },
    queue::WhenFull,
};

fn is_pipe(stream: &impl AsFd) -> bool {
    let file = stream.as_fd().try_clone_to_owned().map(fs::File::from);
    file.and_then(|file| file.metadata()).is_ok_and(|metadata| metadata.file_type().is_fifo())
}

impl OutputConfig {
    /// Whether single packets above the threshold are reported anywhere.
    pub(super) fn wants_packets(&self) -> bool {
        self.packets || self.sinks.iter().any(|sink| sink.wants_packets())
    }

    /// What it means where nobody reads standard output any more; see [`ClosedStdout`].
    fn when_stdout_closes(&self) -> WhenFailing {
        let default = || {
            let is_watched = io::stdout().is_terminal() || is_pipe(&io::stdout());
            let is_told = self.sinks.iter().any(|sink| sink.is_destination());
            if is_watched && !is_told { ClosedStdout::Exit } else { ClosedStdout::Continue }
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
        new.open("terminal", &format!("{packets} {when_closed:?}"), when_closed, || {
            Ok(Box::new(Terminal::new(packets, screen.clone())))
        })?;
        new.open("log", &packets.to_string(), WhenFailing::GoOn, || Ok(Box::new(AnomalyLog { packets })))?;
        for (place, sink) in self.sinks.iter().enumerate() {
            // Two may have the same settings.
            let is_same = |other: &&Arc<dyn SinkConfig>| {
                (other.kind(), other.identity()) == (sink.kind(), sink.identity())
            };
            let kind = format!("{} {}", sink.kind(), self.sinks[..place].iter().filter(is_same).count());
            new.open(&kind, &sink.identity(), sink.when_failing(when_failing), || sink.open(earlier))?;
        }
        new.put_in_place();
        outputs.keep_ledger(self.sinks.iter().find_map(|sink| sink.book()));
        Ok(())
    }

    /// Takes the places at which sinks serve others, before anything is attached: a port in use is known at once.
    pub(super) fn listen(&self, is_count: bool) -> Result<Vec<Box<dyn Service>>> {
        self.sinks.iter().filter_map(|sink| sink.listen(is_count).transpose()).collect()
    }

    /// What of sinks takes a restart to change and is another in these outputs, in words.
    pub(super) fn fixed_otherwise_than(&self, new: &Self) -> Vec<&'static str> {
        let fixed = |outputs: &Self| outputs.sinks.iter().filter_map(|sink| sink.fixed()).collect::<Vec<_>>();
        let (old, new) = (fixed(self), fixed(new));
        let left = old.iter().filter(|fixed| !new.contains(fixed));
        let came = new.iter().filter(|fixed| !old.contains(fixed));
        let mut names: Vec<_> = left.chain(came).map(|(name, _)| *name).collect();
        names.dedup();
        names
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use nad_engine::detector::Event;

    use super::*;
    use crate::output::{Done, Failure, Interests, Sink, terminal::TerminalConfig};

    /// Counts how often it is opened.
    #[derive(Debug, Clone, Default)]
    struct Fake {
        setting: u8,
        fixed: u8,
        opened: Arc<AtomicUsize>,
    }

    impl SinkConfig for Fake {
        fn kind(&self) -> &'static str {
            "fake"
        }

        fn identity(&self) -> String {
            self.setting.to_string()
        }

        fn fixed(&self) -> Option<(&'static str, String)> {
            Some(("what is fixed", self.fixed.to_string()))
        }

        fn open(&self, _: Earlier) -> Result<Box<dyn Sink>> {
            self.opened.fetch_add(1, Relaxed);
            Ok(Box::new(self.clone()))
        }
    }

    impl Sink for Fake {
        fn name(&self) -> String {
            "fake".into()
        }

        fn interests(&self) -> Interests {
            Interests::default()
        }

        fn deliver(&mut self, events: &[Event]) -> Result<Done, Failure> {
            Ok(Done::all(events))
        }
    }

    fn config(fakes: &[&Fake]) -> OutputConfig {
        let sinks = fakes.iter().map(|fake| Arc::new((*fake).clone()) as Arc<dyn SinkConfig>).collect();
        OutputConfig { sinks, is_live: true, ..OutputConfig::default() }
    }

    #[test]
    fn what_has_the_same_settings_goes_on_and_what_has_others_is_opened_anew() {
        let screen = Screen::new(&TerminalConfig::default());
        let fake = Fake::default();
        let other = Fake { setting: 1, ..fake.clone() };
        let opened = || fake.opened.load(Relaxed);
        let mut outputs = config(&[&fake, &fake]).open(false, &screen).unwrap();
        outputs.start().unwrap();
        assert_eq!(opened(), 2, "two of the same settings are two");
        for (fakes, expected) in [(vec![&fake, &fake], 2), (vec![&fake, &other], 3), (vec![&other], 3)] {
            config(&fakes).reopen(&mut outputs, &screen).unwrap();
            outputs.start().unwrap();
            assert_eq!(opened(), expected, "{fakes:?}");
        }
        outputs.finish().unwrap();
    }

    #[test]
    fn what_is_fixed_is_named_where_it_changes_comes_or_goes() {
        let fake = Fake::default();
        let (same, other) = (Fake { setting: 1, ..fake.clone() }, Fake { fixed: 1, ..fake.clone() });
        let named = |old: &[&Fake], new: &[&Fake]| config(old).fixed_otherwise_than(&config(new));
        assert!(named(&[&fake], &[&same]).is_empty());
        for (old, new) in [(vec![&fake], vec![&other]), (vec![], vec![&fake]), (vec![&fake], vec![])] {
            assert_eq!(named(&old, &new), ["what is fixed"]);
        }
    }
}
