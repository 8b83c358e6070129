//! A record as it stands in a ring.

use core::ops::Deref;

use bytemuck::Zeroable;

use super::{AddressKind, LONG_RECORD, PacketRecord, SAMPLED_OUT_BYTES, SAMPLED_OUT_OFFSET, SHORT_RECORD};

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
        self.own_length() + if self.sampled_out_packets == 0 { 0 } else { SAMPLED_OUT_BYTES }
    }

    /// The record as it stands in a ring.
    pub fn wire_bytes(&self) -> impl Deref<Target = [u8]> + use<> {
        let (own, length) = (self.own_length(), self.wire_length());
        let all = bytemuck::bytes_of(self);
        let mut wire = Wire { bytes: [0; size_of::<Self>()], length };
        wire.bytes[..own].copy_from_slice(&all[..own]);
        wire.bytes[own..length].copy_from_slice(&all[SAMPLED_OUT_OFFSET..][..length - own]);
        wire
    }

    /// Reads a record from a ring; `None` where the length is none of the four, or not the one that the
    /// record itself says.
    #[inline]
    pub fn from_wire(bytes: &[u8]) -> Option<Self> {
        const SHORT_SAMPLED_OUT: usize = SHORT_RECORD + SAMPLED_OUT_BYTES;
        let mut record = Self::zeroed();
        let own = if bytes.len() == SHORT_SAMPLED_OUT { SHORT_RECORD } else { bytes.len() };
        let (facts, sampled_out) = bytes.split_at(own);
        let all = bytemuck::bytes_of_mut(&mut record);
        all.get_mut(..own)?.copy_from_slice(facts);
        all[SAMPLED_OUT_OFFSET..][..sampled_out.len()].copy_from_slice(sampled_out);
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
