//! A record as it stands in a ring.

use core::ops::Deref;

use bytemuck::Zeroable;

use super::{AddressKind, LONG_RECORD, PacketRecord, SHORT_RECORD, THINNED_BYTES, THINNED_OFFSET};

impl PacketRecord {
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
