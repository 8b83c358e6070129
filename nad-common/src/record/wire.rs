//! A record as it stands in a ring, and what travels with it.

use core::ops::Deref;

use bytemuck::Zeroable;

use super::{
    AddressKind, LEVEL_MASK, LEVEL_SHIFT, LONG_RECORD, PacketRecord, SCOPE_MASK, SCOPE_SHIFT, SHORT_RECORD,
    THINNED_BYTES, THINNED_OFFSET,
};
use crate::thinning::{Scope, Thinned};

impl PacketRecord {
    /// How much was recorded when this packet was: 0 for every packet, up to 3; see [`thinning`](crate::thinning).
    pub const fn level(&self) -> u8 {
        ((self.flags & LEVEL_MASK) >> LEVEL_SHIFT) as u8
    }

    /// The packets that were not recorded and travel with this one.
    pub fn thinned(&self) -> Option<Thinned> {
        let code = (self.flags & SCOPE_MASK) >> SCOPE_SHIFT;
        let scope = Scope::ALL.get(code as usize).copied().unwrap_or(Scope::Others);
        let (packets, bytes) = (self.thinned_packets, self.thinned_bytes);
        (packets > 0).then_some(Thinned { scope, packets, bytes })
    }

    /// Bytes that the record's own facts take in a ring: [`SHORT_RECORD`] or [`LONG_RECORD`].
    #[inline(always)]
    pub const fn own_length(&self) -> usize {
        match self.address_kind() {
            AddressKind::V4 => SHORT_RECORD,
            _ => LONG_RECORD,
        }
    }

    /// Bytes that the record takes in a ring.
    #[inline(always)]
    pub const fn wire_length(&self) -> usize {
        self.own_length() + if self.thinned_packets == 0 { 0 } else { THINNED_BYTES }
    }

    /// The record as it stands in a ring.
    pub fn wire_bytes(&self) -> impl Deref<Target = [u8]> + use<> {
        let (own, length) = (self.own_length(), self.wire_length());
        let all = bytemuck::bytes_of(self);
        let mut wire = Wire { bytes: [0; size_of::<Self>()], length };
        wire.bytes[..own].copy_from_slice(&all[..own]);
        wire.bytes[own..length].copy_from_slice(&all[THINNED_OFFSET..][..length - own]);
        wire
    }

    /// Reads a record from a ring; `None` where the length is none of the four, or not the one that the
    /// record itself says.
    #[inline]
    pub fn from_wire(bytes: &[u8]) -> Option<Self> {
        const SHORT_THINNED: usize = SHORT_RECORD + THINNED_BYTES;
        let mut record = Self::zeroed();
        let own = if bytes.len() == SHORT_THINNED { SHORT_RECORD } else { bytes.len() };
        let (facts, thinned) = bytes.split_at(own);
        let all = bytemuck::bytes_of_mut(&mut record);
        all.get_mut(..own)?.copy_from_slice(facts);
        all[THINNED_OFFSET..][..thinned.len()].copy_from_slice(thinned);
        (own >= SHORT_RECORD && record.wire_length() == bytes.len()).then_some(record)
    }

    #[inline(always)]
    pub(crate) fn set_level(&mut self, level: u32) {
        self.flags = self.flags & !LEVEL_MASK | level << LEVEL_SHIFT & LEVEL_MASK;
    }

    #[inline(always)]
    pub(crate) fn set_thinned(&mut self, scope: Scope, packets: u32, bytes: u32) {
        self.flags = self.flags & !SCOPE_MASK | (scope as u32) << SCOPE_SHIFT;
        self.thinned_packets = packets;
        self.thinned_bytes = bytes;
    }
}

struct Wire {
    bytes: [u8; size_of::<PacketRecord>()],
    length: usize,
}

impl Deref for Wire {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}
