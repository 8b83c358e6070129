//! What a packet belongs to, as keys of the table.

use bytemuck::{Pod, Zeroable};

use crate::{
    head::HeadKind,
    record::{AddressKind, PacketRecord, flag},
};

/// The keys of what a packet belongs to.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Subjects {
    pub(super) flow: u64,
    pub(super) to_service: u64,
    pub(super) to_host: u64,
    pub(super) from_service: u64,
    pub(super) from_host: u64,
    /// 1 where it asks for a connection, or else 0.
    pub(super) begins: u64,
}

impl Subjects {
    #[inline(always)]
    pub(super) fn of(record: &PacketRecord, seed: u64) -> Self {
        let words: [u64; 4] = bytemuck::cast(record.address_bytes);
        let kind = record.address_kind();
        let (source, destination) = match kind {
            AddressKind::V4 => (mix(seed, words[0] & 0xffff_ffff), mix(seed, words[0] >> 32)),
            AddressKind::V6 => (mix(mix(seed, words[0]), words[1]), mix(mix(seed, words[2]), words[3])),
            // MAC addresses.
            AddressKind::Link => (
                mix(seed, words[0] & 0xffff_ffff_ffff),
                mix(seed, words[0] >> 48 | (words[1] & 0xffff_ffff) << 16),
            ),
        };
        let begins = begins_connection(record);
        let is_link = matches!(kind, AddressKind::Link);
        let what = kind as u64
            | u64::from(begins) << 2
            | u64::from(record.protocol) << 8
            | u64::from(record.message_type) << 16
            | if is_link { u64::from(record.ether_type) << 24 } else { 0 };
        let ports = u64::from(record.source_port) << 16 | u64::from(record.destination_port);
        let service = |host: u64, port: u16| mix(host, what << 16 | u64::from(port));
        // What tells the kinds of subjects apart.
        const FROM: u64 = 0x5bd1_e995_9d1b_58d3;
        const TO_HOST: u64 = 0xc6a4_a793_5bd1_e995;
        const FROM_HOST: u64 = 0x27d4_eb2f_1656_67c5;
        Self {
            flow: mix(mix(source, destination), (what & !4) << 32 ^ ports),
            to_service: service(destination, record.destination_port),
            to_host: mix(destination, TO_HOST),
            from_service: mix(service(source, record.source_port), FROM),
            from_host: mix(source, FROM_HOST),
            begins: begins.into(),
        }
    }
}

const PROTOCOL_TCP: u8 = 6;
const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

#[inline(always)]
fn begins_connection(record: &PacketRecord) -> bool {
    record.protocol == PROTOCOL_TCP && record.tcp_flags & (SYN | ACK) == SYN
}

/// Whether a packet says more than the ones before it in its flow.
#[inline(always)]
pub(super) fn is_seldom(record: &PacketRecord) -> bool {
    const FLAGS: u32 = flag::FRAGMENT | flag::IP_OPTIONS | flag::DNS;
    record.flags & FLAGS != 0
        // Of SMB each message has one.
        || record.head != 0 && record.head != HeadKind::Smb as u8
        || record.is_defective()
        || matches!(record.address_kind(), AddressKind::Link)
        || record.protocol == PROTOCOL_TCP && record.tcp_flags & (SYN | FIN | RST) != 0
}

/// A step of a multiplicative hash: every bit of the second word reaches the lower half of the result.
#[inline(always)]
const fn mix(hash: u64, word: u64) -> u64 {
    let product = (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    product ^ product >> 32
}
