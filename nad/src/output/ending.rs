//! When everything that an output does has to be over, because nad ends.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

/// The moment of the end, once it is known. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Ending(Arc<OnceLock<Instant>>);

impl Ending {
    /// Everything has to be over by then. The first moment that was set counts.
    pub fn begin(&self, deadline: Instant) {
        // Whoever was first has said so already.
        let _ = self.0.set(deadline);
    }

    /// Whether that moment has come.
    pub fn is_over(&self) -> bool {
        self.is_over_since(Duration::ZERO)
    }

    /// Whether it came so long ago.
    pub(super) fn is_over_since(&self, length: Duration) -> bool {
        self.0.get().is_some_and(|end| end.elapsed() >= length && *end <= Instant::now())
    }

    /// A deadline, or that of the end where it comes earlier.
    pub fn bound(&self, deadline: Instant) -> Instant {
        self.0.get().map_or(deadline, |end| deadline.min(*end))
    }

    /// The time until a deadline or the end; `None` where it is over.
    pub fn left(&self, deadline: Instant) -> Option<Duration> {
        let left = self.bound(deadline).saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }
}
