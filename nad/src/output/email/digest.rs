//! What the next mail tells, and when it may be sent.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use nad_engine::incident::IncidentUpdate;

use super::Done;

/// Incidents that are kept for a mail; of more it only says how many messages there were.
pub(super) const MOST_INCIDENTS: usize = 1000;
const DAY: Duration = Duration::from_secs(86_400);

/// See the module.
pub(super) struct Digest {
    interval: Duration,
    max_per_day: usize,
    incidents: Vec<Kept>,
    /// Events of incidents for which there was no room.
    omitted: u64,
    not_before: Option<Instant>,
    /// When the mails of the last 24 hours were sent.
    sent: VecDeque<Instant>,
    /// Whether it was said that there were too many.
    is_limit_said: bool,
}

/// An incident, and how many events it had.
struct Kept {
    latest: Arc<IncidentUpdate>,
    events: u64,
}

impl Digest {
    pub(super) fn new(interval: Duration, max_per_day: usize) -> Self {
        Self {
            interval,
            max_per_day,
            incidents: Vec::new(),
            omitted: 0,
            not_before: None,
            sent: VecDeque::new(),
            is_limit_said: false,
        }
    }

    /// Keeps what is new of an incident, in place of what was known of it.
    pub(super) fn add(&mut self, update: &Arc<IncidentUpdate>) {
        let is_same = |kept: &&mut Kept| kept.latest.incident.id == update.incident.id;
        if let Some(kept) = self.incidents.iter_mut().find(is_same) {
            kept.latest = Arc::clone(update);
            kept.events += 1;
        } else if self.incidents.len() < MOST_INCIDENTS {
            self.incidents.push(Kept { latest: Arc::clone(update), events: 1 });
        } else {
            self.omitted += 1;
        }
    }

    /// The incidents, in the order in which they were first reported.
    pub(super) fn updates(&self) -> impl ExactSizeIterator<Item = &IncidentUpdate> {
        self.incidents.iter().map(|kept| &*kept.latest)
    }

    /// Events of incidents that are not among them.
    pub(super) fn omitted(&self) -> u64 {
        self.omitted
    }

    /// Events that were not reported so far.
    pub(super) fn events(&self) -> u64 {
        self.incidents.iter().map(|kept| kept.events).sum::<u64>() + self.omitted
    }

    /// Whether there is something to tell and it is time to.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        let is_time = self.not_before.is_none_or(|time| now >= time);
        if self.incidents.is_empty() || !is_time {
            return false;
        }
        let may_be_sent = self.may_be_sent(now);
        if !may_be_sent && !std::mem::replace(&mut self.is_limit_said, true) {
            let limit = self.max_per_day;
            tracing::warn!(
                "{limit} mails were sent in 24 hours: the next one waits; raise max_per_day or the interval in [email]"
            );
        }
        may_be_sent
    }

    /// Whether the last 24 hours had room for one more.
    pub(super) fn may_be_sent(&mut self, now: Instant) -> bool {
        while self.sent.front().is_some_and(|time| now.duration_since(*time) >= DAY) {
            self.sent.pop_front();
        }
        self.sent.len() < self.max_per_day
    }

    /// Forgets what was reported, and counts it: what a mail had no room for was not delivered.
    pub(super) fn was_sent(&mut self, now: Instant) -> Done {
        let failed = std::mem::take(&mut self.omitted);
        let delivered = self.incidents.drain(..).map(|kept| kept.events).sum();
        self.sent.push_back(now);
        self.is_limit_said = false;
        self.put_off(now);
        Done { delivered, failed }
    }

    /// Waits for as long as after a mail.
    pub(super) fn put_off(&mut self, now: Instant) {
        self.not_before = Some(now + self.interval);
    }
}

#[cfg(test)]
mod tests {
    use nad_engine::incident::{Change, example::update};

    use super::*;
    const QUARTER: Duration = Duration::from_secs(900);

    fn told(digest: &mut Digest, id: &str, change: Change) {
        digest.add(&Arc::new(update(id, change)));
    }

    #[test]
    fn the_first_after_a_quiet_time_is_told_at_once_and_later_ones_once_the_interval_is_over() {
        let mut digest = Digest::new(QUARTER, 50);
        let start = Instant::now();
        assert!(!digest.is_due(start), "there is nothing");
        told(&mut digest, "i-1", Change::Opened);
        assert!(digest.is_due(start));
        assert_eq!(digest.was_sent(start), Done { delivered: 1, failed: 0 });
        told(&mut digest, "i-1", Change::Closed);
        told(&mut digest, "i-2", Change::Opened);
        assert!(!digest.is_due(start + QUARTER - Duration::from_secs(1)));
        assert!(digest.is_due(start + QUARTER));
        assert_eq!(digest.was_sent(start + QUARTER), Done { delivered: 2, failed: 0 });
        told(&mut digest, "i-3", Change::Opened);
        assert!(digest.is_due(start + 9 * QUARTER));
    }

    #[test]
    fn an_incident_is_told_once_as_it_is_now_and_counts_with_all_that_was_told_of_it() {
        let mut digest = Digest::new(QUARTER, 50);
        for (id, change) in [("i-1", Change::Opened), ("i-2", Change::Opened), ("i-1", Change::Closed)] {
            told(&mut digest, id, change);
        }
        let changes: Vec<_> =
            digest.updates().map(|update| (update.incident.id.as_str(), update.change)).collect();
        assert_eq!(changes, [("i-1", Change::Closed), ("i-2", Change::Opened)]);
        assert_eq!((digest.events(), digest.was_sent(Instant::now()).delivered), (3, 3));
    }

    #[test]
    fn of_more_incidents_than_there_is_room_for_only_the_number_is_told_and_they_count_as_failed() {
        let mut digest = Digest::new(QUARTER, 50);
        for number in 0..MOST_INCIDENTS + 7 {
            told(&mut digest, &number.to_string(), Change::Opened);
        }
        told(&mut digest, "0", Change::Closed);
        assert_eq!((digest.updates().len(), digest.omitted()), (MOST_INCIDENTS, 7));
        let expected = Done { delivered: MOST_INCIDENTS as u64 + 1, failed: 7 };
        assert_eq!(digest.was_sent(Instant::now()), expected);
        assert_eq!((digest.events(), digest.omitted()), (0, 0));
    }

    #[test]
    fn a_day_has_no_more_mails_than_it_may_have() {
        let mut digest = Digest::new(QUARTER, 2);
        let start = Instant::now();
        for number in 0..3 {
            let now = start + number * QUARTER;
            told(&mut digest, "i-1", Change::Opened);
            assert_eq!(digest.is_due(now), number < 2, "mail {number}");
            if number < 2 {
                digest.was_sent(now);
            }
        }
        assert!(!digest.is_due(start + DAY - Duration::from_secs(1)));
        assert!(digest.is_due(start + DAY), "the first is no longer of the last 24 hours");
    }

    #[test]
    fn after_a_refusal_the_same_is_tried_once_the_interval_is_over() {
        let mut digest = Digest::new(QUARTER, 2);
        let start = Instant::now();
        told(&mut digest, "i-1", Change::Opened);
        digest.put_off(start);
        assert!(!digest.is_due(start + Duration::from_secs(60)));
        assert!(digest.is_due(start + QUARTER));
        assert_eq!(digest.events(), 1);
    }
}
