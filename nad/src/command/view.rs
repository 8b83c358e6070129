//! The status line of `nad run`: what it tells, from what the outputs and the ledger say.

use std::{
    collections::{HashSet, VecDeque},
    time::{Duration, Instant},
};

use nad_engine::{
    detector::{BaselineLength, Event, LEAST_BASELINE, Start},
    incident::Change,
    ledger::Ledger,
    model::Model,
    policy::AlertBudget,
};

use crate::output::terminal::{Phase, Screen, Status};

/// How often it is drawn.
pub(super) const INTERVAL: Duration = Duration::from_millis(500);
/// Packets a second are those of this time, and coverage that of the longer one.
const RATE_SPAN: Duration = Duration::from_secs(2);
const COVERAGE_SPAN: Duration = Duration::from_secs(10);
/// Incidents that are open at once; the tracker has no more.
const MOST_OPEN: usize = 256;

/// See the module.
pub(super) struct View {
    screen: Screen,
    is_shown: bool,
    budget: AlertBudget,
    baseline: Option<BaselineLength>,
    /// When the first packet was learnt.
    begun: Option<Instant>,
    /// The end of what the model was trained on, in nanoseconds since 1970.
    trained_ns: Option<u64>,
    open: HashSet<String>,
    /// Ledgers of the last seconds, the oldest first.
    past: VecDeque<(Instant, Ledger)>,
    turns: usize,
}

impl View {
    /// Begins to show it, where there is a terminal for it.
    pub(super) fn new(screen: Screen, budget: AlertBudget, start: &Start) -> Self {
        match start {
            Start::Learn { baseline, .. } => Self::with(screen, budget, Some(*baseline), None),
            Start::Detect(model) => Self::with(screen, budget, None, Some(model.window().last_ns)),
            Start::Resume(snapshot) => {
                Self::with(screen, budget, None, Some(snapshot.model().window().last_ns))
            }
        }
    }

    /// The same where a baseline is learnt, and nothing after it.
    pub(super) fn of_baseline(screen: Screen, baseline: BaselineLength) -> Self {
        Self::with(screen, AlertBudget::default(), Some(baseline), None)
    }

    fn with(
        screen: Screen,
        budget: AlertBudget,
        baseline: Option<BaselineLength>,
        trained_ns: Option<u64>,
    ) -> Self {
        let is_shown = screen.show_status();
        Self {
            screen,
            is_shown,
            budget,
            baseline,
            begun: None,
            trained_ns,
            open: HashSet::new(),
            past: VecDeque::new(),
            turns: 0,
        }
    }

    /// Whether there is a terminal for it.
    pub(super) fn is_shown(&self) -> bool {
        self.is_shown
    }

    /// Takes note of incidents that open and close.
    pub(super) fn note(&mut self, events: &[Event]) {
        for event in events {
            let Event::Incident(update) = event else { continue };
            let id = &update.incident.id;
            match update.change {
                Change::Closed => _ = self.open.remove(id),
                // Where the queue had no room for a close, this is what bounds them.
                _ if self.open.len() < MOST_OPEN => _ = self.open.insert(id.clone()),
                _ => {}
            }
        }
    }

    /// Takes note of another alert budget.
    pub(super) fn set_budget(&mut self, budget: AlertBudget) {
        self.budget = budget;
    }

    /// Takes note of another model.
    pub(super) fn trained(&mut self, model: &Model) {
        self.trained_ns = Some(model.window().last_ns);
    }

    /// Shows how things are at `now`, which is `now_ns` of the clock.
    pub(super) fn draw(&mut self, ledger: Ledger, sampling: u8, now: Instant, now_ns: u64) {
        let status = self.status(ledger, sampling, now, now_ns);
        self.screen.set_status(status.line(self.screen.status_width()));
    }

    fn status(&mut self, ledger: Ledger, sampling: u8, now: Instant, now_ns: u64) -> Status {
        if ledger.learned > 0 {
            self.begun.get_or_insert(now);
        }
        let earlier = |span: Duration| {
            let is_within = |(then, _): &&(Instant, Ledger)| now.duration_since(*then) <= span;
            self.past.iter().find(is_within).or(self.past.back())
        };
        let packets_per_second = earlier(RATE_SPAN).map_or(0.0, |(then, past)| {
            let packets = ledger.source.seen.saturating_sub(past.source.seen);
            packets as f64 / now.duration_since(*then).as_secs_f64().max(0.1)
        });
        let tables_overrun = earlier(COVERAGE_SPAN)
            .is_some_and(|(_, past)| ledger.context.overruns() > past.context.overruns());
        let coverage = earlier(COVERAGE_SPAN).and_then(|(_, past)| ledger.coverage_since(past));
        let status = Status {
            phase: self.phase(&ledger, now, now_ns),
            open: self.open.len(),
            incidents: ledger.incidents,
            lost: ledger.source.ring_full,
            sampling,
            tables_overrun,
            packets_per_second,
            coverage,
            budget: self.budget.to_string(),
        };
        self.turns += 1;
        self.past.push_back((now, ledger));
        while self.past.front().is_some_and(|(then, _)| now.duration_since(*then) > COVERAGE_SPAN) {
            self.past.pop_front();
        }
        status
    }

    fn phase(&self, ledger: &Ledger, now: Instant, now_ns: u64) -> Phase {
        if let Some(then_ns) = self.trained_ns {
            return Phase::Detecting(Duration::from_nanos(now_ns.saturating_sub(then_ns)));
        }
        let spent = self.begun.map_or(Duration::ZERO, |begun| now.duration_since(begun));
        let is_timed =
            |length: &BaselineLength| matches!(length, BaselineLength::Time(time) if spent >= *time);
        let lacks_packets = ledger.learned < LEAST_BASELINE && self.baseline.as_ref().is_some_and(is_timed);
        if ledger.learned == 0 || lacks_packets {
            return Phase::Waiting(ledger.learned, LEAST_BASELINE);
        }
        let least = ledger.learned as f64 / LEAST_BASELINE as f64;
        let (part, left) = match self.baseline {
            Some(BaselineLength::Time(length)) => {
                let part = spent.as_secs_f64() / length.as_secs_f64();
                // With too few packets it goes on for as long as they take, and nobody knows how long that is.
                (part.min(least), (part <= least).then(|| length.saturating_sub(spent)))
            }
            Some(BaselineLength::Packets(packets) | BaselineLength::Whole { packets, .. }) => {
                let part = ledger.learned as f64 / packets as f64;
                let whole = spent.as_secs_f64() / part;
                let left = Duration::try_from_secs_f64(whole - spent.as_secs_f64()).ok();
                (part, left.filter(|_| part > 0.0))
            }
            None => (0.0, None),
        };
        if part >= 1.0 { Phase::Training(self.turns) } else { Phase::Learning(part, left) }
    }
}

impl Drop for View {
    /// What comes after it has the terminal for itself.
    fn drop(&mut self) {
        self.screen.clear();
    }
}

#[cfg(test)]
mod tests {
    use nad_common::counters::KernelCounters;

    use super::*;
    use crate::output::terminal::TerminalConfig;

    fn view(baseline: BaselineLength) -> View {
        let screen = Screen::new(&TerminalConfig { quiet: true, ..TerminalConfig::default() });
        View::of_baseline(screen, baseline)
    }

    fn ledger(seen: u64, sampled_out: u64, learned: u64) -> Ledger {
        let source =
            KernelCounters { seen, recorded: seen - sampled_out, sampled_out, ..KernelCounters::default() };
        Ledger { learned, ..Ledger::default() }.with_source(source)
    }

    #[test]
    fn a_quiet_screen_shows_none() {
        assert!(!view(BaselineLength::Packets(10)).is_shown());
    }

    #[test]
    fn the_rate_is_that_of_the_last_two_seconds_and_coverage_that_of_the_last_ten() {
        let mut view = view(BaselineLength::Packets(10));
        let begun = Instant::now();
        let mut last = None;
        for half in 0..=40_u32 {
            let (seen, sampled_out) =
                (u64::from(half) * 50, if half > 30 { u64::from(half - 30) * 25 } else { 0 });
            last = Some(view.status(ledger(seen, sampled_out, 0), 0, begun + INTERVAL * half, 0));
        }
        let last = last.unwrap();
        assert_eq!((last.packets_per_second, last.coverage), (100.0, Some(0.75)));
        assert_eq!(view.past.len(), 21, "no more is kept");
    }

    #[test]
    fn a_baseline_by_time_waits_for_packets_and_says_so_by_naming_no_end() {
        let mut view = view(BaselineLength::Time(Duration::from_secs(10)));
        let begun = Instant::now();
        let mut phase = |seconds, learned| {
            let now = begun + Duration::from_secs(seconds);
            view.status(ledger(learned, 0, learned), 0, now, 0).phase
        };
        assert_eq!(phase(0, 0), Phase::Waiting(0, LEAST_BASELINE));
        assert_eq!(
            phase(2, 1_000),
            Phase::Learning(0.0, Some(Duration::from_secs(10))),
            "it begins with a packet"
        );
        assert_eq!(phase(7, 2_000), Phase::Learning(0.5, Some(Duration::from_secs(5))));
        assert_eq!(phase(7, 64), Phase::Learning(0.25, None));
        assert_eq!(phase(12, 64), Phase::Waiting(64, LEAST_BASELINE));
        assert!(matches!(phase(12, 2_000), Phase::Training(_)));
    }

    #[test]
    fn a_baseline_by_packets_takes_as_long_as_they_have_taken_so_far() {
        let mut view = view(BaselineLength::Packets(1000));
        let begun = Instant::now();
        view.status(ledger(1, 0, 1), 0, begun, 0);
        let status = view.status(ledger(250, 0, 250), 0, begun + Duration::from_secs(5), 0);
        assert_eq!(status.phase, Phase::Learning(0.25, Some(Duration::from_secs(15))));
    }
}
