//! Whether both sides of connections are seen.
//!
//! A mirror port of one direction, or one of two routers with asymmetric routes, shows one side only. There nothing can be
//! verified, and a connection whose one side goes on as if the other answered has to do. This is decided for the place as a
//! whole while the baseline is learnt, never of a single flow, and stays as it is afterwards: what is trusted does not
//! follow from what somebody sends later.
//!
//! Where routes or a mirror change afterwards, connections of many hosts become one-way at once. That shows in the last
//! connections in a row, and said; nothing is trusted because of it, but what verified hosts go on to send is no flood.
//!
//! Likewise for MAC addresses: two hosts that talk have two, so that one machine that forges both sides of a connection shows.
//! Where a router alone is mirrored, or a capture was rewritten, both sides have the same one.

use serde::{Deserialize, Serialize};

/// The fewest connections by which it is decided.
const FEWEST: u32 = 16;
/// The place is one-way where this many times as many connections show one side as both.
const TIMES: u32 = 4;
/// Connections in a row, of one kind each, by which a change is recognised.
const IN_A_ROW: u32 = 8;
/// Connections that are further apart tell nothing of each other.
const TOGETHER_NS: u64 = 60_000_000_000;

/// What is enough for a flow to be real, as everything that was seen of the baseline's connections is so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trust {
    /// One side that goes on as if it were answered.
    pub one_side: bool,
    /// Both sides from the same MAC address.
    pub one_mac: bool,
}

/// How a connection showed which of its sides are seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sides {
    /// Both are.
    Both,
    /// Only one is, which acknowledges what the other one sends.
    One,
    /// Both are, and come from the same MAC address.
    OfOneMac,
}

/// What was seen of TCP connections so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Vantage {
    both: u32,
    one: u32,
    of_one_mac: u32,
    trust: Trust,
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
    pub(super) fn known(trust: Trust) -> Self {
        Self { trust, is_settled: true, ..Self::default() }
    }

    /// A connection showed which of its sides are seen.
    pub(super) fn count(&mut self, sides: Sides, now_ns: u64) {
        let count = match sides {
            Sides::Both => &mut self.both,
            Sides::One => &mut self.one,
            Sides::OfOneMac => &mut self.of_one_mac,
        };
        *count = count.saturating_add(1);
        self.decide();
        // Which MAC addresses it has tells nothing of its sides; where those are trusted, it counts as both as well.
        if sides != Sides::OfOneMac {
            self.follow(sides == Sides::One, now_ns);
        }
    }

    /// Whether connections have lost a side since the baseline.
    pub(super) fn lost_a_side(&self) -> bool {
        self.is_changed && !self.trust.one_side
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
        let is_as_expected = is_one == (self.trust.one_side != self.is_changed);
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
            self.news = Some(match (self.is_changed, self.trust.one_side) {
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
        self.trust.one_side
    }

    pub(super) fn trust(&self) -> Trust {
        self.trust
    }

    fn decide(&mut self) {
        if !self.is_settled {
            self.trust = Trust {
                one_side: self.one >= FEWEST && self.one / TIMES >= self.both,
                // A part of the network may be behind the router that is mirrored.
                one_mac: self.of_one_mac >= FEWEST && self.of_one_mac >= self.both / TIMES,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(both: u32, one: u32) -> Vantage {
        let mut vantage = Vantage::default();
        (0..both).for_each(|_| vantage.count(Sides::Both, 1));
        (0..one).for_each(|_| vantage.count(Sides::One, 1));
        vantage
    }

    #[test]
    fn a_place_is_one_way_where_nearly_all_connections_are() {
        assert!(!seen(0, FEWEST - 1).is_one_way(), "too few to tell");
        assert!(seen(0, FEWEST).is_one_way());
        assert!(!seen(100, 399).is_one_way() && seen(100, 400).is_one_way());
    }

    #[test]
    fn one_mac_address_is_enough_where_a_fifth_of_all_connections_has_only_one() {
        let trusts = |both, of_one_mac| {
            let mut vantage = seen(both, 0);
            (0..of_one_mac).for_each(|_| vantage.count(Sides::OfOneMac, 1));
            vantage.trust().one_mac
        };
        assert!(!trusts(0, FEWEST - 1), "too few to tell");
        assert!(trusts(0, FEWEST));
        assert!(!trusts(400, 99) && trusts(400, 100));
    }

    #[test]
    fn what_comes_after_the_baseline_changes_nothing() {
        let mut vantage = seen(100, 0);
        vantage.settle();
        (0..1000).for_each(|_| vantage.count(Sides::One, 1));
        (0..1000).for_each(|_| vantage.count(Sides::OfOneMac, 1));
        assert_eq!(vantage.trust(), Trust::default());
    }

    #[test]
    fn a_change_is_told_by_connections_in_a_row_once_and_so_is_its_end() {
        const SECOND: u64 = 1_000_000_000;
        for is_one_way in [false, true] {
            let mut vantage = Vantage::known(Trust { one_side: is_one_way, one_mac: false });
            let see = |vantage: &mut Vantage, is_one: bool, second: u64| {
                vantage.count(if is_one { Sides::One } else { Sides::Both }, second * SECOND);
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
