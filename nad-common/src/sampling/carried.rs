//! What a record says of sampling: the level in force, and what travels with it.

use super::{SampledOut, Scope};
use crate::record::{LEVEL_MASK, LEVEL_SHIFT, PacketRecord, SCOPE_MASK, SCOPE_SHIFT};

impl PacketRecord {
    /// How much was recorded when this packet was: 0 for every packet, up to 3; see [`sampling`](super).
    pub const fn level(&self) -> u8 {
        ((self.flags & LEVEL_MASK) >> LEVEL_SHIFT) as u8
    }

    /// The packets that were not recorded and travel with this one.
    pub fn sampled_out(&self) -> Option<SampledOut> {
        let code = (self.flags & SCOPE_MASK) >> SCOPE_SHIFT;
        let scope = Scope::ALL.get(code as usize).copied().unwrap_or(Scope::Others);
        let (packets, bytes) = (self.sampled_out_packets, self.sampled_out_bytes);
        (packets > 0).then_some(SampledOut { scope, packets, bytes })
    }

    #[inline(always)]
    pub(crate) fn set_level(&mut self, level: u32) {
        self.flags = self.flags & !LEVEL_MASK | level << LEVEL_SHIFT & LEVEL_MASK;
    }

    #[inline(always)]
    pub(crate) fn set_sampled_out(&mut self, scope: Scope, packets: u32, bytes: u32) {
        self.flags = self.flags & !SCOPE_MASK | (scope as u32) << SCOPE_SHIFT;
        self.sampled_out_packets = packets;
        self.sampled_out_bytes = bytes;
    }
}
