//! Features of a packet: its header, its flow, and what its sender is about.

use nad_common::record::{AddressKind, PacketRecord, flag};

use super::{Column, Feature};
use crate::context::{Seen, form::is_malformed};

/// Reads a feature from a record and what is known about it.
pub(super) type Read = for<'a> fn(&'a PacketRecord, &'a Seen<'a>) -> f32;

pub(super) static COLUMNS: [Column<Read>; 23] = [
    Column { feature: Feature::logarithmic("length", "bytes"), read: |r, _| r.length as f32 },
    Column { feature: Feature::logarithmic("payload length", "bytes"), read: |r, _| r.payload_length.into() },
    Column { feature: Feature::linear("network protocol"), read: |r, _| network_protocol(r) },
    Column { feature: Feature::linear("IP protocol"), read: |r, _| r.protocol.into() },
    Column { feature: Feature::linear("TTL"), read: |r, _| r.ttl.into() },
    Column {
        feature: Feature::logarithmic("service port", ""),
        read: |r, _| r.source_port.min(r.destination_port).into(),
    },
    Column { feature: Feature::linear("TCP SYN"), read: |r, _| bit(r.tcp_flags & 0x02 != 0) },
    Column { feature: Feature::linear("TCP FIN"), read: |r, _| bit(r.tcp_flags & 0x01 != 0) },
    Column { feature: Feature::linear("TCP RST"), read: |r, _| bit(r.tcp_flags & 0x04 != 0) },
    Column { feature: Feature::linear("malformed"), read: |r, _| bit(is_malformed(r)) },
    Column {
        feature: Feature::linear("fragment or options"),
        read: |r, _| bit(r.flags & (flag::FRAGMENT | flag::IP_OPTIONS) != 0),
    },
    Column { feature: Feature::linear("message type"), read: |r, _| r.message_type.into() },
    Column { feature: Feature::linear("group address"), read: |r, _| group_address(r) },
    Column {
        feature: Feature::logarithmic("DNS name length", "bytes"),
        read: |r, _| r.dns_name_length.into(),
    },
    Column {
        feature: Feature::logarithmic("packets of the flow", ""),
        read: |_, s| s.flow.packets_total() as f32,
    },
    Column { feature: Feature::logarithmic("pause of the flow", "ms"), read: |_, s| s.step.gap * 1e3 },
    Column { feature: Feature::logarithmic("flows opened by source", ""), read: |_, s| s.source.opened_10 },
    Column { feature: Feature::logarithmic("failures of source", ""), read: |_, s| s.source.failed_10 },
    Column {
        feature: Feature::logarithmic("unanswered packets of source", ""),
        read: |_, s| s.source.stray_10,
    },
    Column { feature: Feature::logarithmic("failures of target", ""), read: |_, s| s.target.failed_10 },
    Column {
        feature: Feature::logarithmic("connections of the dealing", ""),
        read: |_, s| s.dealing.opened_10,
    },
    Column { feature: Feature::logarithmic("requests of the dealing", ""), read: |_, s| s.dealing.turns_10 },
    Column {
        feature: Feature::logarithmic("packets of the dealing's client", ""),
        read: |_, s| s.dealing.sent_1,
    },
];

fn bit(is_set: bool) -> f32 {
    f32::from(u8::from(is_set))
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
