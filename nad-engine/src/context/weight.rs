//! How many packets a record stands for.
//!
//! Under load the kernel leaves packets out, and their number travels with the next record of the same flow, service or
//! host ([`nad_common::sampling`]). They are taken to be like that record, as far as they concern the same subject: what
//! an address is sent by many counts with the address, and not with the one of the many that was recorded.

use nad_common::{
    record::PacketRecord,
    sampling::{SampledOut, Scope},
};

/// See the module.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weight {
    flow: Volume,
    source: Volume,
    target: Volume,
    source_flows: u32,
    target_flows: u32,
}

/// Packets and bytes besides the record's own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Volume {
    /// Packets.
    pub packets: u32,
    /// Bytes on the wire.
    pub bytes: u32,
}

impl Weight {
    /// What a record stands for besides itself.
    #[inline]
    pub fn of(record: &PacketRecord) -> Self {
        // As nearly always: it is asked for several times a packet.
        if record.sampled_out_packets == 0 {
            return Self::default();
        }
        record.sampled_out().map_or(Self::default(), |sampled_out| Self::of_sampled_out(&sampled_out))
    }

    fn of_sampled_out(sampled_out: &SampledOut) -> Self {
        let more = Volume { packets: sampled_out.packets, bytes: sampled_out.bytes };
        let none = Self::default();
        match sampled_out.scope {
            Scope::Flow => Self { flow: more, source: more, target: more, ..none },
            Scope::ToService | Scope::ToHost => Self { target: more, target_flows: more.packets, ..none },
            Scope::FromService | Scope::FromHost => Self { source: more, source_flows: more.packets, ..none },
            Scope::Others => none,
        }
    }

    /// Further packets of the same flow and direction.
    pub fn flow(&self) -> Volume {
        self.flow
    }

    /// Further packets of the same sender.
    pub fn source(&self) -> Volume {
        self.source
    }

    /// Further packets of the client and of the server of a flow, by who of them sent the record.
    pub fn of_ends(&self, from_client: bool) -> (Volume, Volume) {
        if from_client { (self.source, self.target) } else { (self.target, self.source) }
    }

    /// Further flows that the sender opened and that were opened to the receiver, where the record opened one.
    pub fn more_flows(&self) -> (u32, u32) {
        (self.source_flows, self.target_flows)
    }

    /// Packets of the sender, the record's own included.
    pub fn sent(&self) -> f32 {
        1.0 + self.source.packets as f32
    }

    /// Packets to the receiver, the record's own included.
    pub fn received(&self) -> f32 {
        1.0 + self.target.packets as f32
    }

    /// Flows of the sender to which the same happened, the record's own included.
    pub fn source_flows(&self) -> f32 {
        1.0 + self.source_flows as f32
    }

    /// Flows to the receiver to which the same happened, the record's own included.
    pub fn target_flows(&self) -> f32 {
        1.0 + self.target_flows as f32
    }
}

impl Volume {
    /// Bytes of payload, where each packet has as much around it as the record.
    pub fn payload(&self, record: &PacketRecord) -> f32 {
        let around = record.length.saturating_sub(record.payload_length.into());
        (f64::from(self.bytes) - f64::from(self.packets) * f64::from(around)).max(0.0) as f32
    }
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable;

    use super::*;

    #[test]
    fn packets_count_with_whom_they_concern_and_with_nobody_else() {
        let of = |scope| Weight::of_sampled_out(&SampledOut { scope, packets: 9, bytes: 900 });
        let counts = |weight: Weight| {
            let flow = weight.flow().packets;
            (flow, weight.sent(), weight.received(), weight.source_flows(), weight.target_flows())
        };
        assert_eq!(counts(of(Scope::Flow)), (9, 10.0, 10.0, 1.0, 1.0));
        assert_eq!(counts(of(Scope::ToService)), (0, 1.0, 10.0, 1.0, 10.0));
        assert_eq!(counts(of(Scope::ToHost)), (0, 1.0, 10.0, 1.0, 10.0));
        assert_eq!(counts(of(Scope::FromService)), (0, 10.0, 1.0, 10.0, 1.0));
        assert_eq!(counts(of(Scope::FromHost)), (0, 10.0, 1.0, 10.0, 1.0));
        assert_eq!(of(Scope::Others), Weight::default());
        assert_eq!(Weight::of(&PacketRecord::zeroed()), Weight::default());
        assert_eq!(of(Scope::ToHost).of_ends(false).0.packets, 9, "what the server sends is the client's");
    }

    #[test]
    fn payload_is_what_is_left_of_the_bytes_without_headers_like_the_records() {
        let record = PacketRecord { length: 154, payload_length: 100, ..PacketRecord::zeroed() };
        assert_eq!(Volume { packets: 10, bytes: 1540 }.payload(&record), 1000.0);
        assert_eq!(Volume { packets: 10, bytes: 300 }.payload(&record), 0.0);
        assert_eq!(Volume::default().payload(&record), 0.0);
    }
}
