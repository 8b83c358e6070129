//! From a record to the numbers that the forest sees.
//!
//! One table says for each feature its name, its unit, how it is read and on which scale it is compared. What
//! spans orders of magnitude is compared by its logarithm, so that 100 against 200 bytes differ as much as
//! 1,000 against 2,000.

use nad_common::record::{AddressKind, PacketRecord, flag};

/// How many features a packet has.
pub const FEATURE_COUNT: usize = FEATURES.len();

/// A packet's features in the order of [`FEATURES`], on the scale of each; not yet scaled by a baseline.
pub type FeatureVector = [f32; FEATURE_COUNT];

/// How values of a feature are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// As they are.
    Linear,
    /// By log2(1 + value).
    Logarithmic,
}

/// One number about a packet.
#[derive(Debug, Clone, Copy)]
pub struct Feature {
    /// Its name in models, files and reasons.
    pub name: &'static str,
    /// The unit of its value; empty for flags and codes.
    pub unit: &'static str,
    /// How values are compared.
    pub scale: Scale,
    read: fn(&PacketRecord) -> f32,
}

/// Every feature, in order. The list of names is the schema that a model is checked against.
pub static FEATURES: [Feature; 20] = [
    logarithmic("length", "bytes", |r| r.length as f32),
    logarithmic("payload length", "bytes", |r| r.payload_length.into()),
    linear("network protocol", network_protocol),
    linear("IP protocol", |r| r.protocol.into()),
    linear("TTL", |r| r.ttl.into()),
    logarithmic("service port", "", |r| r.source_port.min(r.destination_port).into()),
    logarithmic("client port", "", |r| r.source_port.max(r.destination_port).into()),
    linear("TCP SYN", |r| bit(r.tcp_flags & 0x02)),
    linear("TCP ACK", |r| bit(r.tcp_flags & 0x10)),
    linear("TCP FIN", |r| bit(r.tcp_flags & 0x01)),
    linear("TCP RST", |r| bit(r.tcp_flags & 0x04)),
    linear("TCP PSH", |r| bit(r.tcp_flags & 0x08)),
    linear("TCP URG", |r| bit(r.tcp_flags & 0x20)),
    logarithmic("TCP window", "", |r| r.tcp_window.into()),
    linear("message type", |r| r.message_type.into()),
    linear("group address", group_address),
    linear("fragment", |r| f32::from(u8::from(r.has(flag::FRAGMENT)))),
    linear("IP options", |r| f32::from(u8::from(r.has(flag::IP_OPTIONS)))),
    linear("defect", |r| f32::from(u8::from(r.defect().is_some()))),
    linear("DNS name length", |r| r.dns_name_length.into()),
];

/// Reads every feature of a record. All values are finite.
pub fn extract(record: &PacketRecord) -> FeatureVector {
    std::array::from_fn(|i| {
        let feature = &FEATURES[i];
        let value = (feature.read)(record);
        match feature.scale {
            Scale::Linear => value,
            Scale::Logarithmic => value.ln_1p() * std::f32::consts::LOG2_E,
        }
    })
}

/// The names, in order: two models with the same list see the same numbers.
pub fn schema() -> impl Iterator<Item = &'static str> {
    FEATURES.iter().map(|feature| feature.name)
}

impl Feature {
    /// A value of this feature's scale in words: `1448 bytes`.
    pub fn describe(&self, value: f32) -> String {
        let value = match self.scale {
            Scale::Linear => value,
            Scale::Logarithmic => value.exp2() - 1.0,
        };
        let separator = if self.unit.is_empty() { "" } else { " " };
        format!("{:.0}{separator}{}", value.abs(), self.unit)
    }
}

const fn linear(name: &'static str, read: fn(&PacketRecord) -> f32) -> Feature {
    Feature { name, unit: "", scale: Scale::Linear, read }
}

const fn logarithmic(name: &'static str, unit: &'static str, read: fn(&PacketRecord) -> f32) -> Feature {
    Feature { name, unit, scale: Scale::Logarithmic, read }
}

fn bit(flags: u8) -> f32 {
    f32::from(u8::from(flags != 0))
}

/// 4 and 6 for IP, 1 for ARP, 0 for anything else.
fn network_protocol(record: &PacketRecord) -> f32 {
    match record.address_kind() {
        AddressKind::V4 => 4.0,
        AddressKind::V6 => 6.0,
        AddressKind::Link if record.is_arp() => 1.0,
        AddressKind::Link => 0.0,
    }
}

/// 0 for one receiver, 1 for a multicast group, 2 for broadcast, by the destination MAC address.
fn group_address(record: &PacketRecord) -> f32 {
    if record.has(flag::LINK_BROADCAST) {
        2.0
    } else if record.has(flag::LINK_MULTICAST) {
        1.0
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable;

    use super::*;

    #[test]
    fn every_name_is_used_once() {
        let names: std::collections::HashSet<_> = schema().collect();
        assert_eq!(names.len(), FEATURE_COUNT);
    }

    #[test]
    fn a_logarithmic_value_is_described_in_its_own_unit() {
        let record = PacketRecord { length: 1448, ..PacketRecord::zeroed() };
        assert_eq!(FEATURES[0].describe(extract(&record)[0]), "1448 bytes");
    }

    #[test]
    fn every_bit_pattern_of_a_record_gives_finite_features() {
        for byte in [0x00, 0x55, 0xaa, 0xff] {
            let record: PacketRecord = bytemuck::pod_read_unaligned(&[byte; size_of::<PacketRecord>()]);
            assert!(extract(&record).iter().all(|value| value.is_finite()), "{byte:#x}");
        }
    }
}
