//! Questions to many, which those that answer have no flow for: to a group or broadcast address, as in SSDP, WS-Discovery,
//! mDNS, NetBIOS, DHCP, or a ping of all nodes. An answer to the port that has just asked belongs to its question.
//!
//! Whoever forges a question in a host's name opens a hole for as many answers as there may be, for a few seconds: fewer
//! than a flood has.

use nad_common::record::{PacketRecord, flag};

use super::{hash::HashKey, host_key::HostKey, icmp};

/// Questions that are kept; a later one takes the place of one with the same hash.
const MOST: usize = 1024;
/// An answer comes within this time: SSDP's longest (`MX`, UPnP Device Architecture 2.0, 1.3.2) and what it takes.
const ANSWERED_NS: u64 = 10_000_000_000;
/// The same question within this time is no other one.
const REPEATED_NS: u64 = 1_000_000_000;
/// Answers to one question that come to one partition.
const MOST_ANSWERS: u32 = 64;

const PROTOCOL_UDP: u8 = 17;

#[derive(Debug, Clone, Copy, Default)]
struct Question {
    asker: HostKey,
    protocol: u8,
    port: u16,
    asked_ns: u64,
    answers: u32,
}

/// See the module. Its memory is there from the first question on.
#[derive(Debug, Default)]
pub(super) struct Questions(Vec<Question>);

impl Questions {
    /// Whether a packet asks what was not asked just now, so that it has to be noted; what goes on, as a stream to a group does,
    /// is noted from time to time.
    pub(super) fn is_news(
        &mut self,
        record: &PacketRecord,
        asker: HostKey,
        key: &HashKey,
        now_ns: u64,
    ) -> bool {
        let port = if icmp::is_icmp(record) { 0 } else { record.source_port };
        let is_it = |question: &&Question| {
            (question.asker, question.protocol, question.port) == (asker, record.protocol, port)
                && question.asked_ns != 0
        };
        let question = self.0.get(place(key, asker, record.protocol, port)).filter(is_it);
        let is_news = question.is_none_or(|question| now_ns.saturating_sub(question.asked_ns) >= REPEATED_NS);
        if is_news {
            self.note(record, asker, key, now_ns);
        }
        is_news
    }

    /// Takes note of a packet that asks many.
    pub(super) fn note(&mut self, record: &PacketRecord, asker: HostKey, key: &HashKey, now_ns: u64) {
        let port = if icmp::is_icmp(record) { 0 } else { record.source_port };
        let protocol = record.protocol;
        let place = place(key, asker, protocol, port);
        if self.0.is_empty() {
            self.0.resize(MOST, Question::default());
        }
        self.0[place] = Question { asker, protocol, port, asked_ns: now_ns, answers: 0 };
    }

    /// Whether a packet answers a question of its receiver, and is not one too many.
    pub(super) fn is_answer(
        &mut self,
        record: &PacketRecord,
        to: HostKey,
        key: &HashKey,
        now_ns: u64,
    ) -> bool {
        if !(record.protocol == PROTOCOL_UDP || icmp::is_icmp_answer(record)) {
            return false;
        }
        let port = if icmp::is_icmp(record) { 0 } else { record.destination_port };
        let Some(question) = self.0.get_mut(place(key, to, record.protocol, port)) else { return false };
        let is_it = question.asked_ns != 0
            && (question.asker, question.protocol, question.port) == (to, record.protocol, port)
            && now_ns.saturating_sub(question.asked_ns) < ANSWERED_NS
            && question.answers < MOST_ANSWERS;
        question.answers += u32::from(is_it);
        is_it
    }
}

/// Whether a packet goes to many.
pub(super) fn asks_many(record: &PacketRecord, destination: HostKey) -> bool {
    let is_question = record.protocol == PROTOCOL_UDP || icmp::is_icmp(record);
    is_question
        && (destination.is_group() || record.has(flag::LINK_BROADCAST) || record.has(flag::LINK_MULTICAST))
}

fn place(key: &HashKey, asker: HostKey, protocol: u8, port: u16) -> usize {
    let [high, low] = asker.words();
    (key.hash([high, low, u64::from(protocol) << 16 | u64::from(port), 0, 0]) % MOST as u64) as usize
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn udp(source_port: u16, destination_port: u16) -> PacketRecord {
        PacketRecord { protocol: PROTOCOL_UDP, source_port, destination_port, ..PacketRecord::zeroed() }
    }

    #[test]
    fn an_answer_to_the_port_that_asked_many_belongs_to_the_question_for_a_while_and_within_a_bound() {
        let (asker, key) = (HostKey::v4([10, 0, 0, 5]), HashKey::from_seed(1));
        let mut questions = Questions::default();
        let asked = udp(50_000, 1900);
        assert!(asks_many(&asked, HostKey::v4([239, 255, 255, 250])));
        assert!(!asks_many(&asked, HostKey::v4([10, 0, 0, 6])));
        let broadcast = PacketRecord { flags: flag::LINK_BROADCAST, ..asked };
        assert!(asks_many(&broadcast, HostKey::v4([10, 0, 0, 255])));
        let answer = udp(1900, 50_000);
        assert!(!questions.is_answer(&answer, asker, &key, SECOND), "nobody asked");
        questions.note(&asked, asker, &key, 10 * SECOND);
        assert!(questions.is_answer(&answer, asker, &key, 12 * SECOND));
        assert!(questions.is_answer(&udp(4000, 50_000), asker, &key, 12 * SECOND), "from any port");
        assert!(!questions.is_answer(&udp(1900, 50_001), asker, &key, 12 * SECOND), "to another port");
        assert!(!questions.is_answer(&answer, HostKey::v4([10, 0, 0, 6]), &key, 12 * SECOND));
        assert!(!questions.is_answer(&answer, asker, &key, 21 * SECOND), "too late");
        assert!(!questions.is_news(&asked, asker, &key, 10 * SECOND + SECOND / 2), "it was noted");
        assert!(questions.is_news(&udp(50_001, 1900), asker, &key, 10 * SECOND), "from another port");
        assert!(questions.is_news(&asked, asker, &key, 30 * SECOND), "long after");
        let answers = (0..10_000).filter(|_| questions.is_answer(&answer, asker, &key, 31 * SECOND)).count();
        assert_eq!(answers, MOST_ANSWERS as usize);
    }
}
