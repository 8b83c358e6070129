//! What a second was like.

use nad_common::record::PacketRecord;

use crate::{
    context::{Subject, host_key::HostKey},
    incident::coverage::Coverage,
};

/// Hosts that a second names.
const MOST_NAMED: usize = 5;

/// What went on in one second of the packets' clock; there is none for a second without packets.
#[derive(Debug, Clone, PartialEq)]
pub struct Second {
    /// Its end, in nanoseconds since the Unix epoch.
    pub end_ns: u64,
    /// Records, and packets with those that were left out under load.
    pub coverage: Coverage,
    /// Bytes on the wire, of all packets.
    pub bytes: u64,
    /// Packets above the threshold.
    pub anomalies: u64,
    /// The score of the subject that was farthest out of the ordinary, 0 to 1; 0 as long as there is no model.
    pub peak_score: f64,
    /// The score that would be reported, on the same scale; 0 as long as there is no model.
    pub threshold: f64,
    /// Whether a baseline was being learnt.
    pub is_learning: bool,
    /// Hosts that began or answered the flows with the most bytes, the first ones first.
    pub hosts: Vec<HostVolume>,
}

/// What went on in the flows that a host began, or that others began to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostVolume {
    /// The host.
    pub host: HostKey,
    /// Packets, both ways.
    pub packets: u64,
    /// Bytes, both ways.
    pub bytes: u64,
}

/// A second that goes on.
#[derive(Default)]
pub(super) struct Ongoing {
    coverage: Coverage,
    bytes: u64,
    anomalies: u64,
    peak_score: f64,
    hosts: Vec<HostVolume>,
}

impl Ongoing {
    /// Counts a record and what travels with it.
    #[inline]
    pub(super) fn count(&mut self, record: &PacketRecord) {
        self.coverage.count(record);
        self.bytes += u64::from(record.length) + u64::from(record.sampled_out_bytes);
    }

    pub(super) fn add_anomalies(&mut self, anomalies: u64) {
        self.anomalies += anomalies;
    }

    /// Takes states into account that the tables lost or had no room for.
    pub(super) fn add_lost_states(&mut self, states: u64) {
        self.coverage.lost_states += states;
    }

    /// Takes a subject's score into account.
    pub(super) fn add_score(&mut self, score: f64) {
        self.peak_score = self.peak_score.max(score);
    }

    /// Takes a subject's volume into account.
    pub(super) fn visit(&mut self, subject: &Subject<'_>) {
        let Some(host) = subject.host() else { return };
        let (packets, bytes) = subject.volume();
        let volume = HostVolume { host, packets, bytes };
        if self.hosts.len() < MOST_NAMED {
            self.hosts.push(volume);
        } else if let Some(least) = self.hosts.iter_mut().min_by_key(|volume| volume.bytes)
            && least.bytes < volume.bytes
        {
            *least = volume;
        }
    }

    /// Ends it; nothing where no packet came.
    pub(super) fn end(&mut self, end_ns: u64, threshold: f64, is_learning: bool) -> Option<Second> {
        let Self { coverage, bytes, anomalies, peak_score, mut hosts } = std::mem::take(self);
        // A host that has a part in both ways is named once, with what is more.
        hosts.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.host.cmp(&b.host)));
        let mut named: Vec<HostVolume> = Vec::with_capacity(hosts.len());
        for volume in hosts {
            if named.iter().all(|other| other.host != volume.host) {
                named.push(volume);
            }
        }
        (coverage.packets > 0).then_some(Second {
            end_ns,
            coverage,
            bytes,
            anomalies,
            peak_score,
            threshold,
            is_learning,
            hosts: named,
        })
    }
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable;

    use super::*;
    use crate::incident::example::{key, source};

    #[test]
    fn a_second_counts_what_was_left_out_and_names_the_largest_hosts_once() {
        let mut ongoing = Ongoing::default();
        assert_eq!(ongoing.end(1, 0.5, false), None, "nothing came");
        let record = PacketRecord { length: 100, ..PacketRecord::zeroed() };
        ongoing.count(&record);
        ongoing.count(&PacketRecord { sampled_out_packets: 8, sampled_out_bytes: 800, ..record });
        for number in 1..=9 {
            let mut host = source(number, 200);
            (host.begun.bytes, host.begun.packets) = (u64::from(number) * 1000, 3);
            ongoing.visit(&Subject::Source(&host));
            host.asked.bytes = 10;
            ongoing.visit(&Subject::Target(&host));
        }
        ongoing.add_score(0.25);
        ongoing.add_score(0.2);
        ongoing.add_anomalies(2);
        let second = ongoing.end(1_000_000_000, 0.5, false).unwrap();
        assert_eq!(second.coverage, Coverage { records: 2, packets: 10, lost_states: 0 });
        assert_eq!((second.bytes, second.anomalies, second.peak_score), (1000, 2, 0.25));
        let named: Vec<HostKey> = second.hosts.iter().map(|volume| volume.host).collect();
        assert_eq!(named, [9, 8, 7, 6, 5].map(key));
        assert_eq!(ongoing.end(2_000_000_000, 0.5, false), None, "another one has begun");
    }
}
