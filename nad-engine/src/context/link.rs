//! One MAC address: what it asks and claims by ARP (RFC 826), and what else it sends without IP.

use bytemuck::{Pod, Zeroable};
use nad_common::record::PacketRecord;

use super::{decay::Decay, distinct::Distinct, host::TickCount, host_key::HostKey, table::Entry};

pub use super::links::Link;

const WINDOW_NS: u64 = 5_000_000_000;
/// Another MAC address that used an IP address within this time still has it.
const HELD_NS: u64 = 120_000_000_000;
/// Two that claim an address in turn within this time quarrel about it. Those that take over from each other are silent in
/// between.
const IN_TURN_NS: u64 = 30_000_000_000;
/// Claims that count at once when a quarrel shows.
const MOST_PENDING: u32 = 20;

/// What is known of one MAC address.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub struct LinkState {
    /// The MAC address.
    pub key: HostKey,
    /// The IP address that it used first.
    pub own_ip: HostKey,
    /// The IP address that it last took from another, and to whom it claimed it.
    pub claimed: HostKey,
    /// See `claimed`.
    pub claimed_to: HostKey,
    /// When it was last seen, in nanoseconds.
    pub last_ns: u64,
    /// IP addresses that it asked for, of the last 5 to 10 s.
    asked_10: Distinct,
    /// ARP requests.
    pub requests_10: f32,
    /// Replies that nobody asked for.
    pub unasked_60: f32,
    /// Claims of an IP address that another MAC address held.
    pub conflicts_60: f32,
    /// Frames without IP that are malformed.
    pub malformed_10: f32,
    /// How far out it was when it was last visited: -log10 of the probability.
    pub anomaly_level: f32,
    padding: u32,
    /// What it sent in its last tick.
    pub sent: TickCount,
}

/// Which MAC address holds an IP address.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub struct Binding {
    /// The IP address.
    ip: HostKey,
    /// The MAC address.
    holder: HostKey,
    /// When it last said so.
    last_ns: u64,
    /// When somebody last asked for the IP address.
    asked_ns: u64,
    /// Another MAC address that says it has the IP address, and when it last said so.
    rival: HostKey,
    rival_ns: u64,
    /// When the holder last insisted, after the rival had claimed.
    insisted_ns: u64,
    /// Claims of the rival that are no conflict so far.
    pending: u32,
    padding: u32,
}

impl Entry for LinkState {
    type Key = HostKey;

    fn key(&self) -> HostKey {
        self.key
    }

    fn begin(key: HostKey) -> Self {
        Self { key, ..Self::zeroed() }
    }

    fn is_real(&self) -> bool {
        self.own_ip != HostKey::NOBODY
    }
}

impl Entry for Binding {
    type Key = HostKey;

    fn key(&self) -> HostKey {
        self.ip
    }

    fn begin(ip: HostKey) -> Self {
        Self { ip, ..Self::zeroed() }
    }

    fn is_real(&self) -> bool {
        self.holder != HostKey::NOBODY
    }
}

/// What an ARP packet says of the sender's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// Claims, with earlier ones, of what another MAC address holds and goes on to claim. A takeover is none: the old holder
    /// is silent.
    pub conflicts: u32,
    /// Another MAC address holds it.
    pub is_held: bool,
    /// It is a conflict, and a reply that nobody asked for, or says what it is to itself.
    pub is_unasked: bool,
}

impl LinkState {
    /// Whether it is one that a sensor has at a moment.
    pub(super) fn is_sound_at(&self, now_ns: u64) -> bool {
        const MOST: f32 = 1e9;
        let counts =
            [self.requests_10, self.unasked_60, self.conflicts_60, self.malformed_10, self.anomaly_level];
        self.last_ns <= now_ns
            && self.asked_10.is_sound(now_ns / WINDOW_NS)
            && counts.iter().all(|count| (0.0..=MOST).contains(count))
            && self.sent.is_sound()
    }
}

impl Binding {
    /// Whether it is one that a sensor has at a moment.
    pub(super) fn is_sound_at(&self, now_ns: u64) -> bool {
        let last_ns = self.last_ns.max(self.asked_ns).max(self.rival_ns).max(self.insisted_ns);
        last_ns <= now_ns && self.pending <= MOST_PENDING
    }

    /// `mac` says that it has this IP address.
    pub fn claim(&mut self, mac: HostKey, is_reply: bool, now_ns: u64) -> Claim {
        const ANSWER_NS: u64 = 2_000_000_000;
        let was_asked = self.asked_ns != 0 && now_ns.saturating_sub(self.asked_ns) < ANSWER_NS;
        let is_recent = |then_ns: u64| then_ns != 0 && now_ns.saturating_sub(then_ns) < IN_TURN_NS;
        let is_held = self.holder != HostKey::NOBODY && now_ns.saturating_sub(self.last_ns) < HELD_NS;
        // Who had it first keeps it as long as it says so; only after a silence it goes to another.
        if self.holder == mac || !is_held {
            if self.holder == mac && is_recent(self.rival_ns) {
                self.insisted_ns = now_ns;
            } else if self.holder != mac {
                (self.rival, self.rival_ns, self.insisted_ns, self.pending) = (HostKey::NOBODY, 0, 0, 0);
            }
            (self.holder, self.last_ns) = (mac, now_ns);
            return Claim { conflicts: 0, is_held: false, is_unasked: false };
        }
        if self.rival != mac {
            (self.rival, self.insisted_ns, self.pending) = (mac, 0, 0);
        }
        self.rival_ns = now_ns;
        self.pending = MOST_PENDING.min(self.pending + 1);
        let conflicts = if is_recent(self.insisted_ns) { std::mem::take(&mut self.pending) } else { 0 };
        Claim { conflicts, is_held: true, is_unasked: conflicts > 0 && is_reply && !was_asked }
    }

    /// Somebody asks for the IP address.
    pub fn ask(&mut self, now_ns: u64) {
        self.asked_ns = now_ns;
    }

    /// Who has it.
    pub fn holder(&self) -> HostKey {
        self.holder
    }
}

impl LinkState {
    /// Takes one frame of this MAC address without IP into account.
    pub fn update(&mut self, record: &PacketRecord, now_ns: u64) {
        if self.last_ns == 0 {
            self.last_ns = now_ns;
        }
        self.fade(now_ns);
        self.malformed_10 += f32::from(u8::from(record.defect().is_some()));
    }

    /// It asks who has an IP address, by its hash, and asked `more` besides.
    pub fn ask(&mut self, ip_hash: u64, more: u32, now_ns: u64) {
        self.requests_10 += 1.0 + more as f32;
        self.asked_10.add(ip_hash, now_ns / WINDOW_NS);
    }

    /// It says that it has an IP address.
    pub fn claim(&mut self, ip: HostKey, claimed_to: HostKey, claim: Claim) {
        if claim.conflicts > 0 {
            self.conflicts_60 += claim.conflicts as f32;
            self.claimed = ip;
            self.claimed_to = claimed_to;
        } else if !claim.is_held && self.own_ip == HostKey::NOBODY {
            self.own_ip = ip;
        }
        if claim.is_unasked {
            self.unasked_60 += 1.0;
        }
    }

    /// Lets counts fade up to a moment.
    pub fn fade(&mut self, now_ns: u64) {
        let Some(age) = now_ns.checked_sub(self.last_ns).filter(|age| *age > 0) else { return };
        let decay = Decay::after(age);
        self.requests_10 *= decay.ten;
        self.malformed_10 *= decay.ten;
        self.unasked_60 *= decay.minute;
        self.conflicts_60 *= decay.minute;
        self.last_ns = now_ns;
    }

    /// Different IP addresses that it asked for in the last 5 to 10 s.
    pub fn asked_10(&self) -> f32 {
        self.asked_10.estimate(self.last_ns / WINDOW_NS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn mac(last: u8) -> HostKey {
        HostKey::mac([2, 0, 0, 0, 0, last])
    }

    /// Claims of the machine with a number, at seconds: how many conflicts each is.
    fn conflicts(claims: &[(u8, u64)]) -> Vec<u32> {
        let mut binding = Binding::zeroed();
        claims.iter().map(|(of, second)| binding.claim(mac(*of), true, second * SECOND).conflicts).collect()
    }

    #[test]
    fn a_takeover_is_no_conflict_while_the_old_holder_is_silent_nor_is_its_return() {
        assert_eq!(conflicts(&[(1, 1), (2, 50), (2, 51), (2, 52), (2, 100), (2, 170), (2, 171)]), [0; 7]);
        assert_eq!(conflicts(&[(1, 1), (2, 50), (2, 51), (1, 90), (1, 91), (2, 130), (2, 131)]), [0; 7]);
        assert_eq!(conflicts(&[(1, 1), (1, 2), (1, 3), (1, 4)]), [0; 4], "its own");
        assert_eq!(conflicts(&[(1, 1), (2, 200)]), [0; 2], "a lease may go to another machine");
    }

    #[test]
    fn two_that_claim_in_turn_quarrel_and_the_later_one_is_to_blame_for_all_its_claims() {
        let claims = [(1, 1), (2, 50), (2, 51), (2, 52), (1, 53), (2, 54), (2, 55), (1, 56), (2, 57)];
        assert_eq!(conflicts(&claims), [0, 0, 0, 0, 0, 4, 1, 0, 1]);
        let mut binding = Binding::zeroed();
        for (of, second) in claims {
            binding.claim(mac(of), true, second * SECOND);
        }
        assert_eq!(binding.holder(), mac(1));
    }

    #[test]
    fn a_reply_is_unasked_where_it_is_a_conflict_and_nobody_asked_just_before() {
        let mut binding = Binding::zeroed();
        assert!(!binding.claim(mac(1), true, SECOND).is_unasked, "of its own address");
        binding.claim(mac(2), true, 2 * SECOND);
        binding.claim(mac(1), true, 3 * SECOND);
        assert!(binding.claim(mac(2), true, 4 * SECOND).is_unasked);
        binding.ask(5 * SECOND);
        assert!(!binding.claim(mac(2), true, 6 * SECOND).is_unasked);
        assert!(!binding.claim(mac(2), false, 9 * SECOND).is_unasked, "it asks itself");
    }
}
