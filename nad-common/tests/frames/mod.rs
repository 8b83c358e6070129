//! Frames and what must become of them, for the tests in userspace and, through `#[path]`, in the kernel.
//!
//! All start with an Ethernet header. Expected values are written down from the formats, not computed.

mod application;
pub(crate) mod build;
mod carried;
mod link;
mod network;
mod transport;
mod tunnel;

use nad_common::{
    record::{AddressKind, Defect, LONG_RECORD, PacketRecord, Tunnel, flag},
    refusal::Refusal,
};

/// One frame.
pub(crate) struct Case {
    /// What it shows, as a sentence.
    pub(crate) name: &'static str,
    /// The frame from its Ethernet header on, without frame check sequence.
    pub(crate) frame: Vec<u8>,
    /// What the parser must make of it.
    pub(crate) expected: Expected,
}

/// The outcome for one frame.
pub(crate) enum Expected {
    /// This record, at time 0 on interface 0, with the frame's length.
    Record(Box<PacketRecord>),
    /// No record.
    Refused(Refusal),
}

impl Expected {
    /// The record, or the reason why there is none.
    pub(crate) fn outcome(&self) -> Result<&PacketRecord, Refusal> {
        match self {
            Self::Record(record) => Ok(record),
            Self::Refused(reason) => Err(*reason),
        }
    }
}

/// All frames.
pub(crate) fn cases() -> Vec<Case> {
    [
        link::cases(),
        network::cases(),
        network::extension_cases(),
        transport::cases(),
        tunnel::cases(),
        tunnel::opaque_cases(),
        carried::cases(),
        carried::tunnel_cases(),
        carried::opaque_cases(),
        application::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn case(name: &'static str, frame: Vec<u8>, facts: impl FnOnce(&mut PacketRecord)) -> Case {
    let mut record = nothing();
    record.length = frame.len() as u32;
    record.source_mac = build::CLIENT_MAC;
    facts(&mut record);
    Case { name, frame, expected: Expected::Record(Box::new(record)) }
}

/// A record without any fact.
fn nothing() -> PacketRecord {
    PacketRecord::from_wire(&[0; LONG_RECORD]).expect("a record of zeros is one of MAC addresses")
}

fn refused(name: &'static str, frame: Vec<u8>, reason: Refusal) -> Case {
    Case { name, frame, expected: Expected::Refused(reason) }
}

/// The MAC addresses of [`build::ethernet`], and an EtherType without meaning to the parser.
fn expect_link(record: &mut PacketRecord, ether_type: u16) {
    expect_macs(record, build::CLIENT_MAC, build::SERVER_MAC);
    record.ether_type = ether_type;
}

fn expect_macs(record: &mut PacketRecord, source: [u8; 6], destination: [u8; 6]) {
    record.source_mac = source;
    record.address_bytes[..6].copy_from_slice(&source);
    record.address_bytes[6..12].copy_from_slice(&destination);
}

/// The header of [`build::Ipv4::outer`].
fn expect_ipv4(record: &mut PacketRecord, protocol: u8) {
    record.flags |= AddressKind::V4 as u32 | flag::DONT_FRAGMENT;
    record.ether_type = 0x0800;
    record.address_bytes[..8].copy_from_slice(&[10, 1, 2, 3, 192, 0, 2, 80]);
    record.protocol = protocol;
    record.ttl = 57;
}

/// The header of [`build::Ipv4::inner`].
fn expect_inner_ipv4(record: &mut PacketRecord, tunnel: Tunnel, protocol: u8) {
    record.flags |= AddressKind::V4 as u32;
    record.ether_type = 0x0800;
    record.address_bytes[..8].copy_from_slice(&[172, 16, 5, 6, 198, 51, 100, 7]);
    record.protocol = protocol;
    record.ttl = 33;
    expect_tunnel(record, tunnel);
}

/// The header of [`build::Ipv6::outer`].
fn expect_ipv6(record: &mut PacketRecord, protocol: u8) {
    record.flags |= AddressKind::V6 as u32;
    record.ether_type = 0x86dd;
    record.address_bytes[..16].copy_from_slice(&build::CLIENT_V6);
    record.address_bytes[16..].copy_from_slice(&build::SERVER_V6);
    record.protocol = protocol;
    record.ttl = 61;
}

/// The header of [`build::Ipv6::inner`].
fn expect_inner_ipv6(record: &mut PacketRecord, tunnel: Tunnel, protocol: u8) {
    expect_ipv6(record, protocol);
    record.address_bytes[..16].copy_from_slice(&build::INNER_CLIENT_V6);
    record.address_bytes[16..].copy_from_slice(&build::INNER_SERVER_V6);
    record.ttl = 29;
    expect_tunnel(record, tunnel);
}

/// The header of [`build::tcp`].
fn expect_tcp(record: &mut PacketRecord, flags: u8, payload: u16) {
    record.source_port = 49651;
    record.destination_port = 443;
    record.tcp_sequence = 0x89ab_cdef;
    record.tcp_acknowledgement = 0x0123_4567;
    record.tcp_flags = flags;
    record.payload_length = payload;
}

fn expect_udp(record: &mut PacketRecord, source: u16, destination: u16, payload: u16) {
    record.source_port = source;
    record.destination_port = destination;
    record.payload_length = payload;
}

/// Bits 20 to 23 of the flags.
fn expect_tunnel(record: &mut PacketRecord, tunnel: Tunnel) {
    record.flags |= (tunnel as u32) << 20;
}

/// Bits 24 to 28 of the flags.
fn expect_defect(record: &mut PacketRecord, defect: Defect) {
    record.flags |= (defect as u32) << 24;
}
