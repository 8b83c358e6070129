//! What events tell: the incidents that are open, and how much the last seconds brought.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use nad_engine::{
    detector::{Event, Second},
    incident::{Change, Incident, IncidentUpdate, Listed, Uuid, tracker::MOST_OPEN},
};

use super::{MOST_HOSTS, OpenIncident};
use crate::format::severity::Severity;

/// Seconds whose bytes are a rate.
const SECONDS: usize = 10;

/// See the module. Clones share what was told.
#[derive(Debug, Clone, Default)]
pub struct Board(Arc<Mutex<Told>>);

#[derive(Debug, Default)]
struct Told {
    open: Vec<(Uuid, Severity, OpenIncident)>,
    /// Ends of seconds in nanoseconds, and bytes.
    seconds: VecDeque<(u64, u64)>,
}

impl Board {
    /// Takes note of events.
    pub fn note(&self, events: &[Event]) {
        let mut told = self.lock();
        for event in events {
            match event {
                Event::Incident(update) => told.incident(update),
                Event::Second(second) => told.second(second),
                Event::Alert(_) => {}
            }
        }
    }

    /// The open incidents, the gravest and of these the newest first.
    pub(super) fn open(&self) -> Vec<OpenIncident> {
        let mut open: Vec<_> =
            self.lock().open.iter().map(|(_, severity, open)| (*severity, open.clone())).collect();
        open.sort_by(|(a, first), (b, second)| b.cmp(a).then(second.start.total_cmp(&first.start)));
        open.into_iter().map(|(_, open)| open).collect()
    }

    /// Bytes a second up to a moment, in nanoseconds since the Unix epoch, in the last ten seconds.
    pub(super) fn bytes_per_second(&self, now_ns: u64) -> f64 {
        let since_ns = now_ns.saturating_sub(SECONDS as u64 * 1_000_000_000);
        let told = self.lock();
        let bytes: u64 =
            told.seconds.iter().filter(|(end_ns, _)| *end_ns > since_ns).map(|(_, bytes)| bytes).sum();
        bytes as f64 / SECONDS as f64
    }

    fn lock(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Told {
    fn incident(&mut self, update: &IncidentUpdate) {
        let incident = &update.incident;
        self.open.retain(|(uid, ..)| *uid != incident.uid);
        if update.change == Change::Closed {
            return;
        }
        // Where the queue had no room for a close, this is what bounds them: the oldest leaves.
        if self.open.len() >= MOST_OPEN {
            self.open.remove(0);
        }
        self.open.push((incident.uid, Severity::of_incident(incident), OpenIncident::of(incident)));
    }

    fn second(&mut self, second: &Second) {
        if self.seconds.len() >= SECONDS {
            self.seconds.pop_front();
        }
        self.seconds.push_back((second.end_ns, second.bytes));
    }
}

impl OpenIncident {
    fn of(incident: &Incident) -> Self {
        let seconds = |ns: u64| ns as f64 / 1e9;
        let sources = incident.told_sources();
        Self {
            id: incident.id.clone(),
            uid: incident.uid.to_string(),
            severity: Severity::of_incident(incident).word().into(),
            shape: incident.shape.name().into(),
            sources: first(&sources),
            targets: first(&incident.targets),
            more: has_more(&sources) || has_more(&incident.targets),
            start: seconds(incident.start_ns),
            end: seconds(incident.end_ns),
            packets: incident.packets,
            reason: incident.reason.clone(),
        }
    }
}

fn first<T: ToString>(listed: &Listed<T>) -> Vec<String> {
    listed.items.iter().take(MOST_HOSTS).map(T::to_string).collect()
}

fn has_more<T>(listed: &Listed<T>) -> bool {
    listed.more || listed.items.len() > MOST_HOSTS
}

#[cfg(test)]
mod tests {
    use nad_engine::incident::{example::update, shape::Shape};

    use super::*;

    fn event(number: u128, change: Change, shape: Shape, start_ns: u64) -> Event {
        let mut update = update("1-1", change);
        (update.incident.uid, update.incident.shape) = (Uuid::from_u128(number), shape);
        (update.incident.start_ns, update.incident.id) = (start_ns, format!("1-{number}"));
        Event::Incident(Arc::new(update))
    }

    fn ids(board: &Board) -> Vec<String> {
        board.open().into_iter().map(|open| open.id).collect()
    }

    #[test]
    fn the_gravest_and_newest_come_first_and_what_is_closed_leaves() {
        let board = Board::default();
        board.note(&[
            event(1, Change::Opened, Shape::PortScan, 1),
            event(2, Change::Opened, Shape::SynFlood, 2),
            event(3, Change::Opened, Shape::PortScan, 3),
            event(2, Change::Updated, Shape::SynFlood, 2),
        ]);
        assert_eq!(ids(&board), ["1-2", "1-3", "1-1"]);
        board.note(&[
            event(2, Change::Closed, Shape::SynFlood, 2),
            event(9, Change::Closed, Shape::SynFlood, 2),
        ]);
        assert_eq!(ids(&board), ["1-3", "1-1"]);
        board.note(&[event(2, Change::Resumed, Shape::SynFlood, 2)]);
        assert_eq!(ids(&board)[0], "1-2");
    }

    #[test]
    fn closes_that_were_lost_do_not_make_it_grow() {
        let board = Board::default();
        for number in 0..2 * MOST_OPEN {
            board.note(&[event(number as u128, Change::Opened, Shape::PortScan, number as u64)]);
        }
        assert_eq!(ids(&board).len(), MOST_OPEN);
        assert_eq!(ids(&board)[0], format!("1-{}", 2 * MOST_OPEN - 1));
    }

    #[test]
    fn bytes_are_those_of_the_last_ten_seconds() {
        let board = Board::default();
        let second = |end_s: u64, bytes| {
            let (coverage, hosts) = (Default::default(), Vec::new());
            let (anomalies, peak_score, threshold, is_learning) = (0, 0.0, 0.0, false);
            let end_ns = end_s * 1_000_000_000;
            Event::Second(Arc::new(Second {
                end_ns,
                coverage,
                bytes,
                anomalies,
                peak_score,
                threshold,
                is_learning,
                hosts,
            }))
        };
        (1..=20).for_each(|end_s| board.note(&[second(end_s, 1000)]));
        assert_eq!(board.bytes_per_second(20_000_000_000), 1000.0);
        assert_eq!(board.bytes_per_second(25_000_000_000), 500.0);
        assert_eq!(board.bytes_per_second(60_000_000_000), 0.0);
    }
}
