//! The report, from the ledger, the condition and the board.

use std::{
    collections::{BTreeMap, VecDeque},
    fs, process,
    sync::Arc,
    time::{Duration, Instant},
};

use nad_engine::{
    condition::Stage,
    features::{Persistence, View},
    ledger::{Ledger, Tally},
};

use super::{Board, Interface, Learning, Model, Output, Report, STATUS, VERSION, ViewState};
use crate::{clock, sensor, source::SourceReader};

/// How often the counters are read, so that a rate is of the last ones.
pub(super) const SAMPLE_EVERY: Duration = Duration::from_secs(2);
/// Samples that are kept: rates are those of ten seconds.
const SAMPLES: usize = 5;
/// A thread that is silent for longer hangs.
const LONGEST_SILENCE: Duration = Duration::from_secs(10);

/// Where the report comes from.
pub(super) struct Gatherer {
    tally: Arc<Tally>,
    source: SourceReader,
    board: Board,
    began: Instant,
    began_ns: u64,
    past: VecDeque<Sample>,
}

/// What the counters said.
#[derive(Debug, Clone)]
struct Sample {
    at: Instant,
    ledger: Ledger,
}

impl Gatherer {
    pub(super) fn new(tally: Arc<Tally>, source: SourceReader, board: Board) -> Self {
        let (began, began_ns) = (Instant::now(), clock::unix_now_ns());
        Self { tally, source, board, began, began_ns, past: VecDeque::new() }
    }

    /// Reads the counters for later rates. Where they can't be read, whoever asks is told.
    pub(super) fn sample(&mut self) {
        if let Ok(ledger) = self.ledger() {
            if self.past.len() >= SAMPLES {
                self.past.pop_front();
            }
            self.past.push_back(Sample { at: Instant::now(), ledger });
        }
    }

    /// How things are.
    ///
    /// # Errors
    ///
    /// When the source's counters can't be read.
    pub(super) fn report(&self) -> Result<Report, String> {
        let ledger = self.ledger()?;
        let condition = &self.tally.condition;
        let (judging, basis) = (condition.judging(), ledger.basis);
        let now_ns = clock::unix_now_ns();
        let seconds = |ns: u64| ns as f64 / 1e9;
        let uptime = self.began.elapsed();
        let watched = (condition.watched_before() + uptime).as_secs_f64();
        let judges = judging.stage == Stage::Detecting;
        let model = (judging.model_ns > 0).then(|| Model {
            trained: seconds(judging.model_ns),
            baseline_seconds: basis.baseline.as_secs_f64(),
            judges_hosts: basis.judges_hosts,
            threshold_probability: judging.threshold_probability,
        });
        let learning = (judging.stage == Stage::Learning)
            .then_some(Learning { packets: basis.learnt.0, seconds: basis.learnt.1.as_secs_f64() });
        let view = |(view, judged): (View, u64)| ViewState {
            name: view.name().into(),
            judges: judges && (view == View::Packet || basis.judges_hosts),
            judged,
            horizon_seconds: horizon(view),
            maturity: (watched / horizon(view)).min(1.0),
        };
        Ok(Report {
            schema: VERSION,
            sensor: sensor::name().into(),
            version: env!("CARGO_PKG_VERSION").into(),
            process: process::id(),
            time: seconds(now_ns),
            started: seconds(self.began_ns),
            interfaces: interfaces(condition.interfaces().unwrap_or_default()),
            stage: judging.stage.name().into(),
            hangs: hangs(condition.detector.silence(), condition.drain.silence()),
            learning,
            model,
            views: View::ALL.into_iter().zip(ledger.decisions).map(view).collect(),
            packets_per_second: self.packets_per_second(&ledger),
            bytes_per_second: self.board.bytes_per_second(now_ns),
            coverage: self.past.front().and_then(|past| ledger.coverage_since(&past.ledger)),
            sampling_level: condition.sampling_level(),
            packets: counts(&ledger),
            incidents: ledger.incidents,
            open_incidents: self.board.open(),
            // But for the one that is there for this.
            outputs: ledger.outputs.iter().filter(|counts| counts.name != STATUS).map(Output::of).collect(),
            sandbox: sensor::sandbox(),
            memory_bytes: memory(),
        })
    }

    fn packets_per_second(&self, ledger: &Ledger) -> f64 {
        let Some(past) = self.past.front() else { return 0.0 };
        let packets = ledger.source.seen.saturating_sub(past.ledger.source.seen);
        packets as f64 / past.at.elapsed().as_secs_f64().max(0.1)
    }

    fn ledger(&self) -> Result<Ledger, String> {
        let tally = self.tally.read();
        Ok(tally.with_source((self.source)()?))
    }
}

impl Output {
    fn of(counts: &nad_engine::ledger::OutputCounts) -> Self {
        let nad_engine::ledger::OutputCounts { name, delivered, dropped, failed } = counts;
        Self { name: name.clone(), delivered: *delivered, dropped: *dropped, failed: *failed }
    }
}

/// How far back a view looks, in seconds.
fn horizon(view: View) -> f64 {
    let seconds = |persistence| match persistence {
        Persistence::Fades(seconds) | Persistence::Holds(seconds) => f64::from(seconds),
        Persistence::Lasts => 1.0,
    };
    view.features().map(|feature| seconds(feature.persistence)).fold(1.0, f64::max)
}

/// The interfaces that are meant, and how each is watched. Of those whose packets are watched elsewhere (a bridge, at its ports)
/// nothing is said of how.
fn interfaces(meant: Vec<(String, bool)>) -> Vec<Interface> {
    let watched = sensor::watched();
    let interface = |(name, up): (String, bool)| {
        let here = watched.iter().find(|watched| watched.name == name);
        let (ingress, egress) = here.map(|here| (here.ingress.clone(), here.egress)).unwrap_or_default();
        Interface { name, up, ingress, egress }
    };
    meant.into_iter().map(interface).collect()
}

fn hangs(detector: Duration, drain: Duration) -> Option<String> {
    let silent = [("drain", drain), ("detector", detector)]
        .into_iter()
        .find(|(_, silence)| *silence > LONGEST_SILENCE);
    silent.map(|(name, silence)| {
        format!(
            "the {name} thread has given no sign of life for {} s: restart nad, and report this",
            silence.as_secs()
        )
    })
}

fn counts(ledger: &Ledger) -> BTreeMap<String, u64> {
    ledger.counters().map(|(counter, count)| (counter.name.to_owned(), count)).collect()
}

/// Resident memory (proc_pid_statm(5)).
fn memory() -> Option<u64> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

#[cfg(test)]
mod tests {
    use nad_common::counters::KernelCounters;
    use nad_engine::condition::Judging;

    use super::*;

    fn gatherer(tally: &Arc<Tally>, seen: u64, lost: u64) -> Gatherer {
        let counters = move || {
            Ok(KernelCounters { seen, recorded: seen - lost, ring_full: lost, ..KernelCounters::default() })
        };
        Gatherer::new(Arc::clone(tally), Box::new(counters), Board::default())
    }

    #[test]
    fn what_the_sensor_does_is_told_by_its_stage() {
        let tally = Arc::new(Tally::default());
        let gatherer = gatherer(&tally, 10, 0);
        let learning = gatherer.report().unwrap();
        assert_eq!(
            (learning.stage.as_str(), learning.learning.is_some(), learning.model),
            ("learning", true, None)
        );
        assert!(learning.views.iter().all(|view| !view.judges) && learning.views.len() == View::ALL.len());
        tally.condition.set_judging(Judging {
            stage: Stage::Detecting,
            model_ns: 7_000_000_000,
            ..Judging::default()
        });
        let detecting = gatherer.report().unwrap();
        assert_eq!(detecting.model.as_ref().unwrap().trained, 7.0);
        // Of a baseline that is too short for hosts.
        let judging: Vec<_> =
            detecting.views.iter().filter(|view| view.judges).map(|view| &*view.name).collect();
        assert_eq!(judging, ["packet"]);
        assert!(detecting.memory_bytes.unwrap() > 1 << 20 && detecting.packets["seen"] == 10);
    }

    #[test]
    fn rates_and_coverage_are_those_since_the_oldest_sample() {
        let tally = Arc::new(Tally::default());
        let mut gatherer = gatherer(&tally, 100, 25);
        assert_eq!(
            (gatherer.report().unwrap().packets_per_second, gatherer.report().unwrap().coverage),
            (0.0, None)
        );
        let at = Instant::now().checked_sub(Duration::from_secs(10)).unwrap();
        gatherer.past.push_back(Sample { at, ledger: Ledger::default() });
        (0..2 * SAMPLES).for_each(|_| gatherer.sample());
        assert_eq!(gatherer.past.len(), SAMPLES);
        gatherer.past[0] = Sample { at, ledger: Ledger::default() };
        let report = gatherer.report().unwrap();
        assert!((9.0..10.1).contains(&report.packets_per_second), "{}", report.packets_per_second);
        assert_eq!(report.coverage, Some(0.75));
    }

    #[test]
    fn a_view_of_hours_takes_hours_and_one_of_seconds_seconds() {
        let of = |name| horizon(View::named(name).unwrap());
        assert_eq!((of("long-scan"), of("logins")), (28_800.0, 3_600.0));
        assert!(View::ALL.into_iter().all(|view| horizon(view) >= 1.0));
    }

    #[test]
    fn what_earlier_runs_have_watched_counts_with_this_one() {
        let tally = Arc::new(Tally::default());
        let gatherer = gatherer(&tally, 10, 0);
        let maturity = || {
            let views = gatherer.report().unwrap().views;
            views.iter().find(|view| view.name == "long-scan").unwrap().maturity
        };
        assert!(maturity() < 0.01);
        tally.condition.set_watched_before(Duration::from_secs(4 * 3600));
        assert!((0.5..0.51).contains(&maturity()), "{}", maturity());
    }

    #[test]
    fn a_thread_that_hangs_is_named() {
        let (well, hanging) = (Duration::from_secs(1), Duration::from_secs(61));
        assert_eq!(hangs(well, well), None);
        assert!(hangs(well, hanging).unwrap().starts_with("the drain thread"));
        assert!(hangs(hanging, well).unwrap().starts_with("the detector thread"));
    }
}
