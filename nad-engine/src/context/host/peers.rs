//! The peers of a host that matter most, in little memory.

use bytemuck::{Pod, Zeroable};

use crate::context::{decay::Decay, host_key::HostKey};

/// The one that had more than half of the votes lately, if any had (Boyer and Moore's vote).
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
pub struct Majority {
    host: HostKey,
    /// Up to when votes have faded.
    last_ns: u64,
    port: u32,
    votes: f32,
    total: f32,
    padding: u32,
}

/// The last few different hosts.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub(in crate::context) struct Recent {
    hosts: [HostKey; 4],
    next: u64,
}

impl Recent {
    pub(in crate::context) fn add(&mut self, host: HostKey) {
        if !self.hosts.contains(&host) {
            self.hosts[self.next as usize % self.hosts.len()] = host;
            self.next += 1;
        }
    }

    /// Whether further hosts can be added.
    pub(in crate::context) fn is_sound(&self) -> bool {
        self.next <= u64::MAX / 2
    }

    pub(in crate::context) fn iter(&self) -> impl Iterator<Item = HostKey> {
        self.hosts.into_iter().filter(|host| *host != HostKey::NOBODY)
    }
}

impl Majority {
    pub(super) fn vote(&mut self, host: HostKey, port: u16, weight: f32, now_ns: u64) {
        self.fade(now_ns);
        self.total += weight;
        if self.host == host {
            self.votes += weight;
            self.port = port.into();
        } else if self.votes < weight {
            *self = Self { host, port: port.into(), votes: weight - self.votes, ..*self };
        } else {
            self.votes -= weight;
        }
    }

    /// Adds the votes of another partition.
    pub(super) fn add(&mut self, other: &Self, now_ns: u64) {
        if other.total == 0.0 {
            return;
        }
        let mut other = *other;
        self.fade(now_ns);
        other.fade(now_ns);
        let total = self.total + other.total;
        if self.host == other.host {
            self.votes += other.votes;
        } else if self.votes < other.votes {
            *self = Self { votes: other.votes - self.votes, ..other };
        } else {
            self.votes -= other.votes;
        }
        self.total = total;
    }

    /// Counts votes of which nobody knows for whom they are.
    pub(super) fn add_others(&mut self, votes: f32) {
        self.total += votes;
    }

    /// Takes votes back.
    pub(super) fn retract(&mut self, host: HostKey, weight: f32) {
        self.total = (self.total - weight).max(0.0);
        let votes = if self.host == host { self.votes - weight } else { self.votes + weight };
        self.votes = votes.clamp(0.0, self.total);
    }

    fn fade(&mut self, now_ns: u64) {
        let factor = Decay::after(now_ns.saturating_sub(self.last_ns)).ten;
        self.votes *= factor;
        self.total *= factor;
        self.last_ns = now_ns;
    }

    /// Who it is, and the last port, where it leads by a third of all votes.
    pub fn winner(&self) -> Option<(HostKey, u16)> {
        (self.votes > 0.0 && self.votes >= self.total / 3.0).then_some((self.host, self.port as u16))
    }
}
