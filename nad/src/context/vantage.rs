//! Whether both sides of connections are seen.
//!
//! A mirror port of one direction, or one of two routers with asymmetric routes, shows one side only. There nothing can be
//! verified, and a connection whose one side goes on as if the other answered has to do. This is told of the place as a
//! whole while the baseline is learnt, never of a single flow, and stays as it is afterwards.

/// The fewest connections by which it is told.
const FEWEST: u32 = 16;
/// The place is one-way where this many times as many connections show one side as both.
const TIMES: u32 = 4;

/// What was seen of TCP connections so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Vantage {
    both: u32,
    one: u32,
    is_one_way: bool,
    is_settled: bool,
}

impl Vantage {
    /// One that is known from a baseline.
    pub(super) fn known(is_one_way: bool) -> Self {
        Self { is_one_way, is_settled: true, ..Self::default() }
    }

    /// Both sides of a connection were seen.
    pub(super) fn count_both(&mut self) {
        self.both = self.both.saturating_add(1);
        self.decide();
    }

    /// Only one side of a connection was seen, which acknowledges what the other one sends.
    pub(super) fn count_one(&mut self) {
        self.one = self.one.saturating_add(1);
        self.decide();
    }

    /// From now on it stays.
    pub(super) fn settle(&mut self) {
        self.is_settled = true;
    }

    pub(super) fn is_one_way(&self) -> bool {
        self.is_one_way
    }

    fn decide(&mut self) {
        if !self.is_settled {
            self.is_one_way = self.one >= FEWEST && self.one / TIMES >= self.both;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(both: u32, one: u32) -> Vantage {
        let mut vantage = Vantage::default();
        (0..both).for_each(|_| vantage.count_both());
        (0..one).for_each(|_| vantage.count_one());
        vantage
    }

    #[test]
    fn a_place_is_one_way_where_nearly_all_connections_are() {
        assert!(!seen(0, FEWEST - 1).is_one_way(), "too few to tell");
        assert!(seen(0, FEWEST).is_one_way());
        assert!(!seen(100, 399).is_one_way() && seen(100, 400).is_one_way());
    }

    #[test]
    fn what_comes_after_the_baseline_changes_nothing() {
        let mut vantage = seen(100, 0);
        vantage.settle();
        (0..1000).for_each(|_| vantage.count_one());
        assert!(!vantage.is_one_way());
    }
}
