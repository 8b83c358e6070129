//! From a history to what a page tells.

use std::time::{SystemTime, UNIX_EPOCH};

use super::Report;
use crate::history::{Filter, History, HistoryError, KeptIncident, KeptLedger, Run, Span};

/// Parts of a timeline, at most: about as many as a screen can tell apart.
const MOST_BUCKETS: u64 = 240;
/// Seconds that a part may have.
const LENGTHS: [u64; 18] =
    [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400, 604_800];
/// Hosts that are named.
const MOST_HOSTS: usize = 15;
const SECOND_NS: u64 = 1_000_000_000;

/// What went on in a part of the period.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Bucket {
    /// Seconds of which there is a record.
    pub(super) recorded_s: u64,
    pub(super) packets: u64,
    pub(super) records: u64,
    pub(super) bytes: u64,
    pub(super) anomalies: u64,
    pub(super) peak_score: f64,
    /// In force at the peak.
    pub(super) threshold: f64,
    pub(super) is_learning: bool,
    /// The beginning of the last span.
    last_s: u64,
}

impl Bucket {
    fn add(&mut self, span: &Span) {
        // Several runs may have watched at once.
        if self.recorded_s == 0 || span.start_s != self.last_s {
            self.recorded_s += u64::from(span.length_s);
            self.last_s = span.start_s;
        }
        self.packets += span.packets;
        self.records += span.records;
        self.bytes += span.bytes;
        self.anomalies += span.anomalies;
        if span.peak_score >= self.peak_score {
            (self.peak_score, self.threshold) = (span.peak_score, span.threshold);
        }
        self.is_learning |= span.is_learning;
    }

    /// Packets a second.
    pub(super) fn packet_rate(&self) -> f64 {
        self.packets as f64 / self.recorded_s.max(1) as f64
    }

    /// Bytes a second.
    pub(super) fn byte_rate(&self) -> f64 {
        self.bytes as f64 / self.recorded_s.max(1) as f64
    }
}

impl Report {
    /// Gathers what a history has of a period; without moments, all of it.
    ///
    /// # Errors
    ///
    /// When the history can't be read.
    pub fn gather(
        history: &History,
        since_ns: Option<u64>,
        until_ns: Option<u64>,
    ) -> Result<Self, HistoryError> {
        let made_ns = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_nanos() as u64);
        let (from, to) = (since_ns.unwrap_or(0), until_ns.unwrap_or(u64::MAX));
        let mut incidents = history.incidents(&Filter { since_ns, until_ns, ..Filter::default() })?;
        let spans = history.spans(from, to)?;
        // Where no moment is given, the period is that of which there is a record; what began at one goes on to now.
        let recorded = extent(&spans, &incidents);
        let until_ns = until_ns.or(since_ns.map(|_| made_ns));
        let since_ns = since_ns.or(recorded.map(|(first, _)| first)).unwrap_or(made_ns);
        let until_ns = until_ns
            .or(recorded.map(|(_, last)| last))
            .unwrap_or(made_ns)
            .max(since_ns.saturating_add(SECOND_NS));
        let runs = match recorded {
            Some(_) => history.runs(since_ns, until_ns)?,
            None => history.runs(from, to)?,
        };
        incidents
            .sort_by(|a, b| a.probability.total_cmp(&b.probability).then_with(|| b.packets.cmp(&a.packets)));
        let bucket_s = bucket_length((until_ns - since_ns) / SECOND_NS, &spans);
        let first_s = since_ns / SECOND_NS / bucket_s * bucket_s;
        let mut total = Bucket::default();
        spans.iter().for_each(|span| total.add(span));
        Ok(Self {
            timeline: timeline(&spans, first_s, bucket_s, until_ns.div_ceil(SECOND_NS)),
            hosts: history.hosts(from, to, MOST_HOSTS)?,
            ledger: ledger(&runs),
            since_ns,
            until_ns,
            made_ns,
            incidents,
            bucket_s,
            first_s,
            total,
            runs,
        })
    }
}

/// The first and the last moment of which there is a record.
fn extent(spans: &[Span], incidents: &[KeptIncident]) -> Option<(u64, u64)> {
    let spans = spans
        .iter()
        .map(|span| (span.start_s * SECOND_NS, (span.start_s + u64::from(span.length_s)) * SECOND_NS));
    let incidents =
        incidents.iter().map(|incident| ((incident.start * 1e9) as u64, (incident.end * 1e9) as u64));
    spans.chain(incidents).reduce(|(first, last), (start, end)| (first.min(start), last.max(end)))
}

/// The shortest length that makes few enough parts, none shorter than a record.
fn bucket_length(period_s: u64, spans: &[Span]) -> u64 {
    let least = spans.iter().map(|span| u64::from(span.length_s)).max().unwrap_or(1);
    let fits = |length: &u64| *length >= least && period_s / length < MOST_BUCKETS;
    LENGTHS.into_iter().find(fits).unwrap_or_else(|| {
        let week = LENGTHS[LENGTHS.len() - 1];
        (period_s / MOST_BUCKETS / week + 1) * week
    })
}

fn timeline(spans: &[Span], first_s: u64, bucket_s: u64, until_s: u64) -> Vec<Option<Bucket>> {
    let count = until_s.saturating_sub(first_s).div_ceil(bucket_s).clamp(1, MOST_BUCKETS + 1);
    let mut timeline = vec![None; count as usize];
    for span in spans {
        let place = span.start_s.saturating_sub(first_s) / bucket_s;
        if let Some(bucket) = timeline.get_mut(place as usize) {
            bucket.get_or_insert_with(Bucket::default).add(span);
        }
    }
    timeline
}

fn ledger(runs: &[Run]) -> Option<KeptLedger> {
    let mut ledgers = runs.iter().filter_map(|run| run.ledger.as_ref());
    let mut sum = ledgers.next()?.clone();
    ledgers.for_each(|ledger| sum.add(ledger));
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start_s: u64, length_s: u32) -> Span {
        Span {
            start_s,
            length_s,
            packets: 600,
            records: 300,
            bytes: 60_000,
            anomalies: 1,
            peak_score: 0.5,
            threshold: 0.7,
            is_learning: false,
        }
    }

    #[test]
    fn a_timeline_has_gaps_where_nothing_was_recorded() {
        let spans = [span(600, 60), span(660, 60), span(780, 60)];
        let timeline = timeline(&spans, 600, 60, 840);
        assert_eq!(
            timeline.iter().map(Option::is_some).collect::<Vec<_>>(),
            [true, true, false, true],
            "{timeline:?}"
        );
        assert_eq!(timeline[0].unwrap().packet_rate(), 10.0);
    }

    #[test]
    fn what_two_runs_saw_at_once_is_added_and_its_time_is_not() {
        let mut bucket = Bucket::default();
        [span(600, 60), span(600, 60), span(660, 60)].iter().for_each(|span| bucket.add(span));
        assert_eq!((bucket.recorded_s, bucket.packets), (120, 1800));
        assert_eq!(bucket.packet_rate(), 15.0);
    }

    #[test]
    fn a_period_of_whatever_length_has_few_enough_parts() {
        for period_s in [1, 300, 3600, 86_400, 90 * 86_400, 3_000_000_000] {
            let length = bucket_length(period_s, &[]);
            assert!(period_s / length < MOST_BUCKETS, "{period_s} s in parts of {length} s");
        }
        assert_eq!((bucket_length(200, &[]), bucket_length(200, &[span(0, 60)])), (1, 60));
    }
}
