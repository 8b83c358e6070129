//! Whom others have just tried to reach: who asks for the MAC address of such a host does so because of them, as a router does
//! that delivers a sweep from outside.

use std::net::IpAddr;

use super::{hash::HashKey, host_key::HostKey};

/// Hosts that are kept; a later one takes the place of one with the same hash.
const MOST: usize = 4096;
/// An address is asked for within this time, with two repetitions a second apart (RFC 4861, 10; Linux does so for ARP).
const ASKED_NS: u64 = 4_000_000_000;
/// What the group that IPv6 asks has of an address (RFC 4291, 2.7.1).
const SOLICITED: u64 = 0xff_ffff;

#[derive(Debug, Clone, Copy, Default)]
struct Contact {
    end: u64,
    from: [u8; 6],
    /// When it began, and when it was last seen.
    since_ns: u64,
    time_ns: u64,
}

/// See the module. Its memory is there from the first contact on: each partition has some, and many see none.
#[derive(Debug, Default)]
pub(super) struct Contacts(Vec<[Contact; 2]>);

/// What a question names of an address: all of an IPv4 address, the end of an IPv6 one.
fn end_of(key: HostKey) -> u64 {
    let [_, low] = key.words();
    if matches!(key.to_ip(), Some(IpAddr::V4(_))) { low | 1 << 63 } else { low & SOLICITED }
}

fn place(key: &HashKey, end: u64) -> usize {
    (key.hash([end, 0, 0, 0, 1]) % (MOST as u64 / 2)) as usize
}

impl Contacts {
    /// Somebody opens a flow to a host, in a packet from a MAC address.
    pub(super) fn note(&mut self, to: HostKey, from: [u8; 6], key: &HashKey, now_ns: u64) {
        if self.0.is_empty() {
            self.0.resize(MOST / 2, Default::default());
        }
        let end = end_of(to);
        let [last, other] = &mut self.0[place(key, end)];
        if (last.end, last.from) != (end, from) {
            // The one before it stays.
            std::mem::swap(last, other);
        }
        let goes_on = (last.end, last.from) == (end, from)
            && last.time_ns != 0
            && now_ns.saturating_sub(last.time_ns) < ASKED_NS;
        let since_ns = if goes_on { last.since_ns } else { now_ns };
        *last = Contact { end, from, since_ns, time_ns: now_ns };
    }

    /// Whether a MAC address asks for a host, or the group of one, because of another that had tried it before.
    pub(super) fn is_cause(&self, asked: HostKey, by: [u8; 6], key: &HashKey, now_ns: u64) -> bool {
        let end = end_of(asked);
        self.0.get(place(key, end)).into_iter().flatten().any(|contact| {
            contact.end == end
                && contact.time_ns != 0
                && contact.from != by
                && contact.since_ns <= now_ns
                && now_ns.saturating_sub(contact.time_ns) < ASKED_NS
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;
    const ROUTER: [u8; 6] = [2, 0, 0, 0, 0, 1];
    const SWEEPER: [u8; 6] = [2, 0, 0, 0, 0, 2];

    #[test]
    fn a_question_for_whom_another_has_just_tried_is_that_others() {
        let key = HashKey::from_seed(1);
        let mut contacts = Contacts::default();
        let v6 = |text: &str| HostKey::ip(text.parse().unwrap());
        for (host, asked) in [
            (HostKey::v4([10, 0, 0, 7]), HostKey::v4([10, 0, 0, 7])),
            (v6("2001:db8::12:3456"), v6("ff02::1:ff12:3456")),
        ] {
            assert!(!contacts.is_cause(asked, ROUTER, &key, 10 * SECOND));
            contacts.note(host, SWEEPER, &key, 10 * SECOND);
            assert!(contacts.is_cause(asked, ROUTER, &key, 12 * SECOND));
            assert!(!contacts.is_cause(asked, SWEEPER, &key, 12 * SECOND), "it asks for itself");
            assert!(!contacts.is_cause(asked, ROUTER, &key, 15 * SECOND), "too late");
            assert!(!contacts.is_cause(asked, ROUTER, &key, 9 * SECOND), "it asked before");
            assert!(!contacts.is_cause(HostKey::v4([10, 0, 0, 8]), ROUTER, &key, 12 * SECOND));
        }
    }
}
