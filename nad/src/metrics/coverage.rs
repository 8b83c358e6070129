//! The part of the last packets that was recorded.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use nad_engine::ledger::Ledger;

/// Packets of at least this long count as the last ones, however often and by however many they are asked for.
const WINDOW: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct RecentCoverage(Mutex<Window>);

#[derive(Debug)]
struct Window {
    begun: Instant,
    basis: Ledger,
    /// The coverage of the window before.
    last: Option<f64>,
}

impl Default for Window {
    fn default() -> Self {
        Self { begun: Instant::now(), basis: Ledger::default(), last: None }
    }
}

impl RecentCoverage {
    /// Takes the ledger of this moment into account: the coverage, 0 to 1; 1 where no packet came, as none was missed.
    pub(super) fn take(&self, ledger: &Ledger) -> f64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take(ledger, Instant::now())
    }
}

impl Window {
    fn take(&mut self, ledger: &Ledger, now: Instant) -> f64 {
        let coverage = ledger.coverage_since(&self.basis).unwrap_or(1.0);
        if now.saturating_duration_since(self.begun) < WINDOW {
            return self.last.unwrap_or(coverage);
        }
        *self = Self { begun: now, basis: ledger.clone(), last: Some(coverage) };
        coverage
    }
}

#[cfg(test)]
mod tests {
    use nad_common::counters::KernelCounters;

    use super::*;

    #[test]
    fn two_who_ask_at_once_get_the_same_coverage_and_an_old_loss_is_forgotten() {
        let ledger = |recorded, sampled_out| {
            Ledger::default().with_source(KernelCounters {
                recorded,
                sampled_out,
                ..KernelCounters::default()
            })
        };
        let mut window = Window::default();
        let at = |window: &Window, seconds| window.begun + Duration::from_secs(seconds);
        let soon = at(&window, 1);
        assert_eq!(window.take(&Ledger::default(), soon), 1.0, "nothing was missed");
        assert_eq!(window.take(&ledger(50, 50), soon), 0.5, "since the start");
        let later = at(&window, 10);
        assert_eq!(window.take(&ledger(60, 40), later), 0.6);
        let soon = at(&window, 1);
        assert_eq!(window.take(&ledger(100, 40), soon), 0.6, "a window is not over");
        let later = at(&window, 11);
        assert_eq!(window.take(&ledger(100, 40), later), 1.0);
    }
}
