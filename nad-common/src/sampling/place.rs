//! The table's places, and what has none.

use bytemuck::{Pod, Zeroable};

use super::{DUE, NOT_DUE, Sampling, Scope};
use crate::record::PacketRecord;

/// A subject that came again keeps its place for this many windows.
const KEPT_WINDOWS: u32 = 8;
/// Above these counts a place hands them on, so that they never overflow.
const HANDED_ON: u32 = 1 << 31;

/// One place of the table: what is known of one subject.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Place {
    pub(super) key: u64,
    /// The window in which it was last seen.
    pub(super) window: u32,
    /// Packets in that window; of a flow, all of them.
    pub(super) seen: u32,
    /// Packets in the window before that one.
    pub(super) seen_before: u32,
    /// Records in the window: of a flow, all of them; otherwise, of what began or is seldom,
    pub(super) begun: u16,
    /// and of flows that went on.
    pub(super) went_on: u16,
    /// Packets and bytes that were sampled out and are not attributed yet: no record has carried them.
    pub(super) packets: u32,
    bytes: u32,
}

const _: () = assert!(size_of::<Place>() == 32);

/// What a CPU knows of a direction besides its table.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Whole {
    /// The same of subjects that have no place (any more).
    pub(super) packets: u64,
    bytes: u64,
    pub(super) window: u32,
    pub(super) flows: u32,
    pub(super) beginnings: u32,
    pub(super) senders: u32,
}

const _: () = assert!(size_of::<Whole>() == 32);

impl Place {
    /// Whether no other subject can have it: the first one in a window keeps it to the window's end, and one that came
    /// again a while longer.
    #[inline(always)]
    pub(super) fn is_kept(&self, now: u32) -> bool {
        let age = now.wrapping_sub(self.window);
        self.key != 0 && (age == 0 || age <= KEPT_WINDOWS && self.seen > 1)
    }

    /// Counts a packet of a subject, whose place it is from now on.
    #[inline(always)]
    pub(super) fn count(&mut self, key: u64, now: u32, whole: &mut Whole) {
        if self.key != key {
            whole.add(self.packets.into(), self.bytes);
            *self = Self { key, window: now, ..Self::zeroed() };
        } else if self.window != now {
            self.seen_before = if self.window.wrapping_add(1) == now { self.seen } else { 0 };
            self.window = now;
            self.seen = 0;
            self.begun = 0;
            self.went_on = 0;
        }
        self.seen = self.seen.saturating_add(1);
    }

    /// Counts a packet of a flow, whose place it is: [`DUE`] where its next record is, or else [`NOT_DUE`].
    #[inline(always)]
    pub(super) fn ask(&mut self, settings: &Sampling, now: u32) -> u64 {
        if self.window != now {
            self.window = now;
            self.begun = 0;
        }
        self.seen = self.seen.saturating_add(1);
        let recorded = u32::from(self.begun);
        let is_due = self.seen <= settings.first
            || recorded == 0
            || self.packets + 1 >= settings.every && recorded < settings.flow;
        if is_due { DUE } else { NOT_DUE }
    }

    #[inline(always)]
    pub(super) fn leave_out(&mut self, length: u32, whole: &mut Whole) {
        self.packets += 1;
        self.bytes = self.bytes.wrapping_add(length);
        if self.bytes >= HANDED_ON || self.packets >= HANDED_ON {
            whole.add(self.packets.into(), self.bytes);
            self.packets = 0;
            self.bytes = 0;
        }
    }

    /// Lets its counts travel with a record; whether there were any.
    #[inline(always)]
    pub(super) fn attribute(&mut self, scope: Scope, record: &mut PacketRecord) -> bool {
        if self.packets == 0 {
            return false;
        }
        record.set_sampled_out(scope, self.packets, self.bytes);
        self.packets = 0;
        self.bytes = 0;
        true
    }

    /// Packets and bytes that no record has carried yet.
    pub const fn unattributed(&self) -> (u64, u64) {
        (self.packets as u64, self.bytes as u64)
    }
}

impl Whole {
    /// Takes back what was to travel with a record for which there was no room.
    #[inline(always)]
    pub fn take_back(&mut self, record: &PacketRecord) {
        self.add(record.sampled_out_packets.into(), record.sampled_out_bytes);
    }

    /// The same, but for those of subjects with a place.
    pub const fn unattributed(&self) -> (u64, u64) {
        (self.packets, self.bytes)
    }

    /// Lets its counts travel with a record, as many as go into it.
    #[inline(always)]
    pub(super) fn attribute(&mut self, record: &mut PacketRecord) {
        if self.packets == 0 {
            return;
        }
        let packets = self.packets.min(u32::MAX.into());
        let bytes = self.bytes.min(u32::MAX.into());
        self.packets -= packets;
        self.bytes -= bytes;
        record.set_sampled_out(Scope::Others, packets as u32, bytes as u32);
    }

    #[inline(always)]
    pub(super) fn begin(&mut self, now: u32) {
        if self.window != now {
            self.window = now;
            self.flows = 0;
            self.beginnings = 0;
            self.senders = 0;
        }
    }

    #[inline(always)]
    pub(super) fn add(&mut self, packets: u64, bytes: u32) {
        self.packets += packets;
        self.bytes += u64::from(bytes);
    }
}
