//! Features of a packet: its header, its flow, and what its sender is about.

use nad_common::record::{AddressKind, PacketRecord, flag};

use crate::{
    context::{Seen, malformed::is_malformed},
    features::{
        Feature,
        scale::{self, doublings},
    },
};

/// Features of a packet.
pub const WIDTH: usize = 23;

/// Makes the table of features and one function that reads them all, so that nothing is called once for each feature
/// of each packet.
macro_rules! columns {
    (|$record:ident, $seen:ident| $($scale:ident $arguments:tt => $value:expr,)+) => {
        pub(super) static FEATURES: [Feature; WIDTH] = [$(Feature::$scale $arguments),+];

        /// Codes of each feature's unit.
        const CODES: [f32; WIDTH] = [$(Feature::$scale $arguments.codes_per_unit),+];

        /// Reads every feature of a packet, on its scale. All values are finite and from 0 on.
        #[inline]
        pub(super) fn read($record: &PacketRecord, $seen: &Seen<'_>) -> [f32; WIDTH] {
            [$($scale(f32::from($value))),+]
        }
    };
}

columns! { |r, s|
    logarithmic("length", "bytes") => r.length as f32,
    logarithmic("payload length", "bytes") => r.payload_length,
    linear("network protocol") => network_protocol(r),
    linear("IP protocol") => r.protocol,
    linear("TTL") => r.ttl,
    logarithmic("service port", "") => r.source_port.min(r.destination_port),
    linear("TCP SYN") => bit(r.tcp_flags & 0x02 != 0),
    linear("TCP FIN") => bit(r.tcp_flags & 0x01 != 0),
    linear("TCP RST") => bit(r.tcp_flags & 0x04 != 0),
    linear("malformed") => bit(is_malformed(r)),
    linear("fragment or options") => bit(r.flags & (flag::FRAGMENT | flag::IP_OPTIONS) != 0),
    linear("message type") => r.message_type,
    linear("group address") => group_address(r),
    logarithmic("DNS name length", "bytes") => r.dns_name_length,
    logarithmic("packets of the flow", "") => s.flow.packets_total() as f32,
    logarithmic("pause of the flow", "ms") => s.step.gap * 1e3,
    logarithmic("flows opened by source", "") => s.source.opened_everywhere_10(),
    logarithmic("failures of source", "") => s.source.failed_everywhere_10(),
    logarithmic("unanswered packets of source", "") => s.source.stray_everywhere_10(),
    logarithmic("failures of target", "") => s.target.failed_everywhere_10(),
    logarithmic("connections of the service pair", "") => s.service_pair.opened_10,
    logarithmic("requests of the service pair", "") => s.service_pair.turns_10,
    logarithmic("packets of the pair's client", "") => s.service_pair.sent_1,
}

/// The codes of values on their features' scales: what the packet view's forest is grown from and scores.
#[inline]
pub fn codes(values: &[f32; WIDTH]) -> [u8; WIDTH] {
    scale::codes(values, &CODES)
}

#[inline]
fn logarithmic(value: f32) -> f32 {
    doublings(value)
}

#[inline]
fn linear(value: f32) -> f32 {
    value
}

fn bit(is_set: bool) -> u8 {
    u8::from(is_set)
}

/// 4 and 6 for IP, 1 for ARP, 0 for anything else.
fn network_protocol(record: &PacketRecord) -> u8 {
    match record.address_kind() {
        AddressKind::V4 => 4,
        AddressKind::V6 => 6,
        AddressKind::Link if record.is_arp() => 1,
        AddressKind::Link => 0,
    }
}

/// 0 for one receiver, 1 for a multicast group, 2 for broadcast, by the destination MAC address.
fn group_address(record: &PacketRecord) -> u8 {
    if record.has(flag::LINK_BROADCAST) {
        2
    } else if record.has(flag::LINK_MULTICAST) {
        1
    } else {
        0
    }
}
