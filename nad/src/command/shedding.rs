//! Load shedding: has the kernel programs sample packets when the sensor falls behind, and says so.

use std::{
    hash::{BuildHasher, RandomState},
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

use nad_common::sampling::Sampling;
use nad_engine::ledger::Tally;

use crate::{
    shedding::{self, LevelControl, Reading, SamplingMode},
    source::LiveSource,
};

/// A place in the table of sampling is free for others after as much time without its subject at most.
const KEPT: Duration = Duration::from_secs(2);

/// The level control and what it needs.
pub(super) struct LoadShedding {
    control: LevelControl,
    cpus: usize,
    begun: Instant,
    seed: u64,
    /// When the level was last above 0; `MAX` while it is.
    ended: Option<Duration>,
    seen: u64,
    announcer: Announcer,
}

impl LoadShedding {
    pub(super) fn new(sampling: SamplingMode, queues: usize) -> Option<Self> {
        (sampling == SamplingMode::Auto).then(|| Self {
            control: LevelControl::default(),
            cpus: queues,
            begun: Instant::now(),
            seed: 0,
            ended: None,
            seen: 0,
            announcer: Announcer::default(),
        })
    }

    /// Checks how far behind the sensor is, and changes the level where that is due. Cheap while nothing is.
    pub(super) fn look<S: LiveSource>(&mut self, source: &mut S, tally: &Tally) -> Result<(), S::Error> {
        let now = self.begun.elapsed();
        if self.control.is_sample_due(now) {
            self.seen = source.counters()?.seen;
        }
        let judged = tally.judged();
        let behind = tally.drained.load(Relaxed).saturating_sub(judged);
        let reading = Reading { ring: source.fullness(), behind, judged, seen: self.seen };
        if let Some(level) = self.control.advance(now, &reading) {
            // Another one each time, so that what was noted the last time belongs to nobody any more; but not before
            // those who were busy then have lost their places.
            if level > 0 && self.ended.is_none_or(|ended| now.saturating_sub(ended) > KEPT) {
                self.seed = RandomState::new().hash_one(now);
            }
            self.ended = if level > 0 { Some(Duration::MAX) } else { Some(now) };
            source.set_sampling(Sampling::of_level(level, self.seed, self.cpus))?;
            tally.condition.set_sampling_level(level);
            self.announcer.changed(now, level, &reading);
        }
        self.announcer.catch_up(now);
        Ok(())
    }
}

/// Says each change once, and less often where there are many.
#[derive(Debug, Default)]
struct Announcer {
    said: Option<(Duration, u8)>,
    /// What was not said yet: the level, why, and the changes before it.
    unsaid: Option<(u8, String, u32)>,
    pause: Duration,
}

/// A change is said at once after this long a time without any; otherwise pauses grow up to as much.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

impl Announcer {
    fn changed(&mut self, now: Duration, level: u8, reading: &Reading) {
        let why = format!(
            "the fullest ring is {:.0} % full, and {} records wait to be judged",
            100.0 * reading.ring,
            reading.behind
        );
        let others = self.unsaid.take().map_or(0, |(_, _, others)| others + 1);
        self.unsaid = Some((level, why, others));
        self.catch_up(now);
    }

    /// Says what is unsaid, once it is time.
    fn catch_up(&mut self, now: Duration) {
        let since = self.said.map(|(then, _)| now.saturating_sub(then));
        if self.unsaid.is_none() || since.is_some_and(|since| since < self.pause) {
            return;
        }
        let Some((level, why, others)) = self.unsaid.take() else { return };
        let is_calm = since.is_none_or(|since| since >= LONGEST_PAUSE);
        self.pause = if is_calm { SHORTEST_PAUSE } else { (self.pause * 2).min(LONGEST_PAUSE) };
        let line = line(level, self.said.map(|(_, level)| level), &why, others);
        self.said = Some((now, level));
        match line {
            Some(line) if level > 0 => tracing::warn!("{line}"),
            Some(line) => tracing::info!("{line}"),
            None => {}
        }
    }
}

/// What is said of a change; nothing where it was taken back before it was said.
fn line(level: u8, last: Option<u8>, why: &str, others: u32) -> Option<String> {
    let others = match others {
        0 => String::new(),
        1 => " (after another change)".into(),
        others => format!(" (after {others} other changes)"),
    };
    match (level, last) {
        (0, None | Some(0)) if others.is_empty() => None,
        (0, _) => Some(format!("every packet is recorded again{others}")),
        _ => Some(format!(
            "too many packets: {why}; level {level} of {} from now on: {}{others}; those left out are counted as \
             sampled_out (--sampling off forbids it)",
            nad_common::sampling::LEVELS - 1,
            shedding::meaning(level)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn said_after(changes: &[(u64, u8)]) -> Vec<(u64, u8)> {
        let mut announcer = Announcer::default();
        let reading = Reading { ring: 0.5, behind: 70_000, judged: 0, seen: 0 };
        let mut said = Vec::new();
        let mut changes = changes.iter().peekable();
        for tenth in 0..3000 {
            let now = SECOND / 10 * tenth;
            let before = announcer.said;
            if let Some((_, level)) = changes.next_if(|(when, _)| *when == u64::from(tenth)) {
                announcer.changed(now, *level, &reading);
            }
            announcer.catch_up(now);
            if announcer.said != before {
                said.push((u64::from(tenth), announcer.said.unwrap().1));
            }
        }
        assert_eq!(announcer.unsaid, None, "everything is said in the end");
        said
    }

    #[test]
    fn a_change_is_said_at_once_and_its_end_a_little_later() {
        assert_eq!(said_after(&[(0, 1), (30, 0), (1000, 2)]), [(0, 1), (30, 0), (1000, 2)]);
    }

    #[test]
    fn many_changes_are_said_less_and_less_often_and_the_last_one_in_any_case() {
        let flapping: Vec<_> = (0..200).map(|number| (number * 3, (number % 2) as u8 + 1)).collect();
        let said = said_after(&flapping);
        assert!(said.len() <= 10, "{said:?}");
        assert_eq!(said.last().unwrap().1, 2);
    }

    #[test]
    fn a_line_says_what_is_recorded_and_why() {
        let said = line(2, Some(0), "the fullest ring is 50 % full, and 70000 records wait to be judged", 3)
            .unwrap();
        assert!(said.starts_with("too many packets: the fullest ring is 50 % full"), "{said}");
        assert!(said.contains("level 2 of 3 from now on: of each flow the first 4 packets"), "{said}");
        assert!(said.contains("(after 3 other changes)"), "{said}");
        assert_eq!(line(0, Some(2), "", 0).unwrap(), "every packet is recorded again");
        assert_eq!(line(0, None, "", 0), None);
    }
}
