//! Whether both sides of connections are seen.
//!
//! A mirror port of one direction, or one of two routers with asymmetric routes, shows one side only. There nothing can be
//! verified, and a connection whose one side goes on as if the other answered has to do. This is decided for the place as a
//! whole while the baseline is learnt, never of a single flow, and stays as it is afterwards: what is trusted does not
//! follow from what somebody sends later.
//!
//! Where routes or a mirror change afterwards, connections of many hosts become one-way at once. That shows in the last
//! connections in a row, and said; nothing is trusted because of it, but what verified hosts go on to send is no flood.

/// The fewest connections by which it is decided.
const FEWEST: u32 = 16;
/// The place is one-way where this many times as many connections show one side as both.
const TIMES: u32 = 4;
/// Connections in a row, of one kind each, by which a change is recognised.
const IN_A_ROW: u32 = 8;
/// Connections that are further apart tell nothing of each other.
const TOGETHER_NS: u64 = 60_000_000_000;

/// What was seen of TCP connections so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Vantage {
    both: u32,
    one: u32,
    is_one_way: bool,
    is_settled: bool,
    /// Connections in a row that were not like the baseline's, or like it while it is changed.
    in_a_row: u32,
    last_ns: u64,
    is_changed: bool,
    news: Option<Change>,
}

/// How what is seen of connections has changed since the baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Both sides were seen, and now one is.
    BecameOneWay,
    /// One side was seen, and now both are.
    BecameTwoWay,
    /// It is as in the baseline again.
    Restored,
}

impl Vantage {
    /// One that is known from a baseline.
    pub(super) fn known(is_one_way: bool) -> Self {
        Self { is_one_way, is_settled: true, ..Self::default() }
    }

    /// Both sides of a connection were seen.
    pub(super) fn count_both(&mut self, now_ns: u64) {
        self.both = self.both.saturating_add(1);
        self.decide();
        self.follow(false, now_ns);
    }

    /// Only one side of a connection was seen, which acknowledges what the other one sends.
    pub(super) fn count_one(&mut self, now_ns: u64) {
        self.one = self.one.saturating_add(1);
        self.decide();
        self.follow(true, now_ns);
    }

    /// Whether connections have lost a side since the baseline.
    pub(super) fn lost_a_side(&self) -> bool {
        self.is_changed && !self.is_one_way
    }

    /// What has changed, once.
    pub(super) fn take_news(&mut self) -> Option<Change> {
        self.news.take()
    }

    /// Follows changes after the baseline.
    fn follow(&mut self, is_one: bool, now_ns: u64) {
        if !self.is_settled {
            return;
        }
        let is_as_expected = is_one == (self.is_one_way != self.is_changed);
        let is_together = now_ns.saturating_sub(self.last_ns) < TOGETHER_NS;
        self.last_ns = now_ns;
        self.in_a_row = match (is_as_expected, is_together) {
            (true, _) => 0,
            (false, true) => self.in_a_row + 1,
            (false, false) => 1,
        };
        if self.in_a_row >= IN_A_ROW {
            self.in_a_row = 0;
            self.is_changed = !self.is_changed;
            self.news = Some(match (self.is_changed, self.is_one_way) {
                (false, _) => Change::Restored,
                (true, false) => Change::BecameOneWay,
                (true, true) => Change::BecameTwoWay,
            });
        }
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
        (0..both).for_each(|_| vantage.count_both(1));
        (0..one).for_each(|_| vantage.count_one(1));
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
        (0..1000).for_each(|_| vantage.count_one(1));
        assert!(!vantage.is_one_way());
    }

    #[test]
    fn a_change_is_told_by_connections_in_a_row_once_and_so_is_its_end() {
        const SECOND: u64 = 1_000_000_000;
        for is_one_way in [false, true] {
            let mut vantage = Vantage::known(is_one_way);
            let see = |vantage: &mut Vantage, is_one: bool, second: u64| {
                if is_one {
                    vantage.count_one(second * SECOND)
                } else {
                    vantage.count_both(second * SECOND)
                }
                vantage.take_news()
            };
            for second in 1..100 {
                // Some are unlike the others anywhere.
                assert_eq!(see(&mut vantage, is_one_way ^ (second % 2 == 0), second), None);
            }
            for number in 1..u64::from(IN_A_ROW) {
                assert_eq!(see(&mut vantage, !is_one_way, 1000 + 100 * number), None, "far apart");
            }
            let news: Vec<Change> =
                (0..100).filter_map(|number| see(&mut vantage, !is_one_way, 2000 + number)).collect();
            let change = if is_one_way { Change::BecameTwoWay } else { Change::BecameOneWay };
            assert_eq!((news, vantage.lost_a_side()), (vec![change], !is_one_way));
            assert_eq!(vantage.is_one_way(), is_one_way, "nothing is trusted because of it");
            let news: Vec<Change> =
                (0..100).filter_map(|number| see(&mut vantage, is_one_way, 2100 + number)).collect();
            assert_eq!((news, vantage.lost_a_side()), (vec![Change::Restored], false));
        }
    }
}
