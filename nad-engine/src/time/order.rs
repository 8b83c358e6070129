//! The times of a capture, put in order.
//!
//! A capture's times are claims: a packet may be an hour ahead of its neighbours, a clock may have been set while it
//! was recorded, files may have been joined in the wrong order, a counter of seconds may have wrapped. A packet whose time
//! is more than a second off is compared with those that follow it. Where three quarters of them agree with it, time has
//! moved: forward through a silence, or by a *step*, after which sensor time goes on from where it was. Otherwise the
//! packet is a *stray*, which gets the time of its neighbours.

use std::collections::VecDeque;

use crate::{
    batch::{Cause, Shift, Stray},
    context::TICK_NS,
};

/// Packets that are asked whether one of them is right.
const NEIGHBOURS: usize = 16;
/// With fewer of them, the first packet of all is taken to be right.
const FEWEST_NEIGHBOURS: usize = 3;
/// So much disorder is ordinary: several queues of a card, several threads of a recorder.
const SLACK_NS: i128 = TICK_NS as i128;
/// Silence beyond this is not taken for watching: nobody knows whether the recorder ran.
const LONGEST_WATCHED_NS: i128 = 60_000_000_000;
/// What is farther ahead is no silence but another clock, or another recording.
const LONGEST_SILENCE_NS: i128 = 3_600_000_000_000;
/// Clocks that were left, and may be returned to: of interfaces of one file, of files that were merged.
const CLOCKS: usize = 4;
/// A counter of seconds with 32 bits.
const WRAP_NS: i128 = (1 << 32) * 1_000_000_000;

/// See the module. `T` is what the times belong to.
#[derive(Debug)]
pub struct Order<T> {
    waiting: VecDeque<(u64, i128, T)>,
    /// Sensor time of the last one that was placed; `None` before the first.
    now_ns: Option<i128>,
    /// Sensor time less the capture's.
    offset_ns: i128,
    /// The offsets of clocks before this one, the latest first.
    earlier: VecDeque<i128>,
    /// What wraps have added to the capture's times.
    wrapped_ns: i128,
}

/// Something whose time is known.
#[derive(Debug, PartialEq, Eq)]
pub struct Placed<T> {
    /// What the time belongs to.
    pub item: T,
    /// Its index in the capture.
    pub index: u64,
    /// Its sensor time, in nanoseconds: never less than that of the one before.
    pub sensor_ns: u64,
    /// How Unix time moves with it.
    pub shift: Option<Shift>,
    /// Where its own time was not taken.
    pub stray: Option<Stray>,
}

/// What a time is taken for.
enum Verdict {
    /// In order, or nearly: sensor time is this then.
    Ordinary(i128),
    /// It is alone.
    Stray,
    /// Sensor time goes on from here, by another offset.
    Moved { sensor_ns: i128, offset_ns: i128, unwatched_ns: i128, cause: Cause },
    /// The neighbours that decide are still to come.
    Unknown,
}

impl<T> Default for Order<T> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), now_ns: None, offset_ns: 0, earlier: VecDeque::new(), wrapped_ns: 0 }
    }
}

impl<T> Order<T> {
    /// The sensor time of one that is in order, where none waits: the way of nearly all. Another is to be pushed.
    #[inline]
    pub fn at_once(&mut self, time_ns: u64) -> Option<u64> {
        let now_ns = self.now_ns.filter(|_| self.waiting.is_empty())?;
        let at_ns = i128::from(time_ns) + self.wrapped_ns + self.offset_ns;
        if !(-SLACK_NS..=SLACK_NS).contains(&(at_ns - now_ns)) {
            return None;
        }
        let sensor_ns = at_ns.max(now_ns);
        self.now_ns = Some(sensor_ns);
        Some(clamped(sensor_ns))
    }

    /// Adds one, with the index that it has in the capture and the time that the capture states, in nanoseconds.
    pub fn push(&mut self, index: u64, time_ns: u64, item: T) {
        self.waiting.push_back((index, i128::from(time_ns) + self.wrapped_ns, item));
    }

    /// The next one, in the order in which they were pushed, as soon as its time is known. Where no more come for now
    /// (`is_all`), those that are there decide.
    pub fn next(&mut self, is_all: bool) -> Option<Placed<T>> {
        let is_enough = is_all || self.waiting.len() > NEIGHBOURS;
        let now_ns = match self.now_ns {
            Some(now_ns) => now_ns,
            None if self.waiting.is_empty() || !is_enough => return None,
            None => *self.now_ns.insert(self.beginning()),
        };
        let (_, time_ns, _) = self.waiting.front()?;
        let verdict = self.judge(*time_ns, now_ns, is_enough);
        if matches!(verdict, Verdict::Unknown) {
            return None;
        }
        let (index, time_ns, item) = self.waiting.pop_front()?;
        let mut placed = Placed { item, index, sensor_ns: 0, shift: None, stray: None };
        let mut sensor_ns = now_ns;
        match verdict {
            Verdict::Ordinary(at_ns) => sensor_ns = at_ns,
            Verdict::Moved { sensor_ns: at_ns, offset_ns, unwatched_ns, cause } => {
                sensor_ns = at_ns;
                if cause == Cause::Wrap {
                    self.wrap();
                }
                // Unix time is sensor time less the offset.
                let by_ns = self.offset_ns - offset_ns;
                self.set_offset(offset_ns);
                let unwatched_ns = unwatched_ns as u64;
                placed.shift = Some(Shift { index, by_ns, unwatched_ns, cause });
            }
            Verdict::Stray | Verdict::Unknown => {
                let distance_ns = saturated(time_ns + self.offset_ns - now_ns);
                placed.stray = Some(Stray { index, distance_ns });
            }
        }
        self.now_ns = Some(sensor_ns);
        placed.sensor_ns = clamped(sensor_ns);
        Some(placed)
    }

    /// Whether nothing waits for its neighbours.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Where sensor time begins: with the first packet, unless it is alone with its time.
    fn beginning(&self) -> i128 {
        let first_ns = self.waiting[0].1;
        let mut others: Vec<i128> = self.followers().collect();
        others.sort_unstable();
        if others.len() < FEWEST_NEIGHBOURS {
            return first_ns;
        }
        let middle_ns = others[others.len() / 2];
        let spread_ns = others[others.len() - 1 - others.len() / 8] - others[others.len() / 8];
        let is_behind = middle_ns - first_ns > LONGEST_SILENCE_NS.max(10 * spread_ns);
        let is_ahead = self.is_agreed(|time_ns| time_ns < first_ns - SLACK_NS);
        if !(is_behind || is_ahead) {
            return first_ns;
        }
        // The earliest of those that are near to each other.
        let reach_ns = LONGEST_WATCHED_NS.max(2 * spread_ns);
        others.into_iter().find(|time_ns| middle_ns - time_ns <= reach_ns).unwrap_or(middle_ns)
    }

    fn judge(&self, time_ns: i128, now_ns: i128, is_enough: bool) -> Verdict {
        let at_ns = time_ns + self.offset_ns;
        let ahead_ns = at_ns - now_ns;
        if (-SLACK_NS..=SLACK_NS).contains(&ahead_ns) {
            return Verdict::Ordinary(at_ns.max(now_ns));
        }
        if !is_enough {
            return Verdict::Unknown;
        }
        let is_alone = self.waiting.len() == 1;
        let is_agreed = if ahead_ns > 0 {
            self.is_agreed(|other_ns| other_ns >= time_ns - SLACK_NS)
        } else {
            self.is_agreed(|other_ns| other_ns + self.offset_ns < now_ns - SLACK_NS)
        };
        // The last packet of all may come after a silence.
        if !is_agreed || is_alone && !(0..=LONGEST_SILENCE_NS).contains(&ahead_ns) {
            return Verdict::Stray;
        }
        if let Some(moved) = self.return_to_earlier_clock(time_ns, now_ns) {
            return moved;
        }
        if ahead_ns > LONGEST_SILENCE_NS {
            // So long that what lasts for seconds is over, and not so long that anything is forgotten.
            let sensor_ns = now_ns + LONGEST_WATCHED_NS;
            let cause = Cause::Step(saturated(ahead_ns));
            let unwatched_ns = LONGEST_WATCHED_NS;
            return Verdict::Moved { sensor_ns, offset_ns: sensor_ns - time_ns, unwatched_ns, cause };
        }
        if ahead_ns > LONGEST_WATCHED_NS {
            let unwatched_ns = ahead_ns - LONGEST_WATCHED_NS;
            let cause = Cause::Gap(ahead_ns as u64);
            return Verdict::Moved { sensor_ns: at_ns, offset_ns: self.offset_ns, unwatched_ns, cause };
        }
        if ahead_ns > 0 {
            return Verdict::Ordinary(at_ns);
        }
        if (-SLACK_NS..=LONGEST_SILENCE_NS).contains(&(ahead_ns + WRAP_NS)) {
            let sensor_ns = (at_ns + WRAP_NS).max(now_ns);
            let offset_ns = self.offset_ns;
            return Verdict::Moved { sensor_ns, offset_ns, unwatched_ns: 0, cause: Cause::Wrap };
        }
        let cause = Cause::Step(saturated(ahead_ns));
        Verdict::Moved { sensor_ns: now_ns, offset_ns: now_ns - time_ns, unwatched_ns: 0, cause }
    }

    /// A clock that was left before, where it would say about now.
    fn return_to_earlier_clock(&self, time_ns: i128, now_ns: i128) -> Option<Verdict> {
        let offset_ns = *self.earlier.iter().find(|offset_ns| {
            let ahead_ns = time_ns + **offset_ns - now_ns;
            (-SLACK_NS..=LONGEST_WATCHED_NS).contains(&ahead_ns)
        })?;
        let sensor_ns = (time_ns + offset_ns).max(now_ns);
        let cause = Cause::Step(saturated(time_ns + self.offset_ns - now_ns));
        Some(Verdict::Moved { sensor_ns, offset_ns, unwatched_ns: 0, cause })
    }

    fn set_offset(&mut self, offset_ns: i128) {
        if offset_ns == self.offset_ns {
            return;
        }
        self.earlier.retain(|earlier_ns| *earlier_ns != offset_ns);
        self.earlier.push_front(self.offset_ns);
        self.earlier.truncate(CLOCKS);
        self.offset_ns = offset_ns;
    }

    /// From now on the capture's times are what they would be with more bits.
    fn wrap(&mut self) {
        self.wrapped_ns += WRAP_NS;
        self.waiting.iter_mut().for_each(|(_, time_ns, _)| *time_ns += WRAP_NS);
    }

    fn followers(&self) -> impl Iterator<Item = i128> {
        self.waiting.iter().skip(1).take(NEIGHBOURS).map(|(_, time_ns, _)| *time_ns)
    }

    /// Whether three quarters of those that follow the front agree with it; with nobody there, nobody disagrees.
    fn is_agreed(&self, agrees: impl Fn(i128) -> bool) -> bool {
        let all = self.followers().count();
        let agreeing = self.followers().filter(|time_ns| agrees(*time_ns)).count();
        4 * agreeing >= 3 * all
    }
}

fn clamped(ns: i128) -> u64 {
    ns.clamp(0, u64::MAX.into()) as u64
}

fn saturated(ns: i128) -> i64 {
    ns.clamp(i64::MIN.into(), i64::MAX.into()) as i64
}

#[cfg(test)]
mod tests;
