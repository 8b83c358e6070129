//! Heads: the first bytes of a payload that begins something or refuses it.
//!
//! What is one is said of the packet alone, by its first bytes and ports, so that the kernel keeps no state and replay
//! finds the same. No request that carries a password of its own is one, but for those of HTTP.

use bytemuck::{Pod, Zeroable};

use crate::{frame::Frame, record::PacketRecord};

/// The most bytes of a head.
pub const MAX_HEAD: usize = 512;

/// What a head is the beginning of; 0 stands for no head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum HeadKind {
    /// A DNS, mDNS or LLMNR message over UDP (RFC 1035, 4).
    Dns = 1,
    /// A DHCP message (RFC 2131).
    Dhcp = 2,
    /// A TLS ClientHello (RFC 8446, 4.1.2).
    TlsClientHello = 3,
    /// A QUIC Initial packet of version 1 (RFC 9000, 17.2.2).
    QuicInitial = 4,
    /// A TLS ServerHello (RFC 8446, 4.1.3).
    TlsServerHello = 5,
    /// An HTTP/1 request (RFC 9112, 3).
    HttpRequest = 6,
    /// An HTTP/1 response (RFC 9112, 4).
    HttpResponse = 7,
    /// An SSH identification string (RFC 4253, 4.2).
    Ssh = 8,
    /// An SMB message of any version ([MS-SMB], [MS-SMB2]).
    Smb = 9,
    /// A line that a server of FTP, SMTP, POP3 or IMAP answers with.
    Reply = 10,
    /// An LDAP server's answer (RFC 4511).
    Ldap = 11,
    /// A Kerberos server's answer over TCP (RFC 4120).
    Kerberos = 12,
    /// An MQTT server's answer to a connection (CONNACK).
    Mqtt = 13,
    /// A Redis server's error (RESP).
    Redis = 14,
    /// A MySQL server's error (`ERR_Packet`).
    MySql = 15,
    /// A PostgreSQL server's error (`ErrorResponse`).
    Postgres = 16,
    /// A Microsoft SQL server's short answer ([MS-TDS]).
    Tds = 17,
}

impl HeadKind {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 17] = [
        Self::Dns,
        Self::Dhcp,
        Self::TlsClientHello,
        Self::QuicInitial,
        Self::TlsServerHello,
        Self::HttpRequest,
        Self::HttpResponse,
        Self::Ssh,
        Self::Smb,
        Self::Reply,
        Self::Ldap,
        Self::Kerberos,
        Self::Mqtt,
        Self::Redis,
        Self::MySql,
        Self::Postgres,
        Self::Tds,
    ];

    /// The last of those that say how hosts are called, and little else; the others come after it.
    pub const LAST_OF_NAMES: Self = Self::QuicInitial;
    /// The last of all.
    pub const LAST: Self = Self::ALL[Self::ALL.len() - 1];
}

/// Payloads of servers' answers that are longer carry content.
const SHORT: u16 = 512;

/// The kind of a TCP payload by its first bytes, of which those past its end are 0.
#[inline(always)]
pub(crate) fn of_stream(start: [u8; 8], record: &PacketRecord) -> Option<HeadKind> {
    const HANDSHAKE: u8 = 22;
    Some(match start {
        [HANDSHAKE, 3, _, _, _, 1, ..] => HeadKind::TlsClientHello,
        [HANDSHAKE, 3, _, _, _, 2, ..] => HeadKind::TlsServerHello,
        [b'H', b'T', b'T', b'P', b'/', b'1', ..] => HeadKind::HttpResponse,
        [b'S', b'S', b'H', b'-', ..] => HeadKind::Ssh,
        [_, _, _, _, 0xfe | 0xff, b'S', b'M', b'B'] => HeadKind::Smb,
        _ if is_method(&start) => HeadKind::HttpRequest,
        _ => return of_answer(start, record),
    })
}

#[inline(always)]
const fn is_method(start: &[u8; 8]) -> bool {
    matches!(
        start,
        b"OPTIONS "
            | [b'C', b'O', b'N', b'N', b'E', b'C', b'T', b' ']
            | [b'G' | b'P', b'E' | b'U', b'T', b' ', ..]
            | [b'P', b'O', b'S', b'T', b' ', ..]
            | [b'H', b'E', b'A', b'D', b' ', ..]
            | [b'P', b'A', b'T', b'C', b'H', b' ', ..]
            | [b'T', b'R', b'A', b'C', b'E', b' ', ..]
            | [b'D', b'E', b'L', b'E', b'T', b'E', b' ', ..]
    )
}

/// The kind of what a server at a port of its protocol answers.
#[inline(always)]
fn of_answer(start: [u8; 8], record: &PacketRecord) -> Option<HeadKind> {
    let is_short = record.payload_length <= SHORT;
    let (kind, is_one) = match record.source_port {
        21 | 25 | 110 | 143 | 587 => (HeadKind::Reply, is_short),
        88 => (HeadKind::Kerberos, is_short),
        389 | 3268 => (HeadKind::Ldap, is_short && start[0] == 0x30),
        1433 => (HeadKind::Tds, is_short && start[0] == 4),
        1883 => (HeadKind::Mqtt, start[0] == 0x20),
        3306 => (HeadKind::MySql, start[4] == 0xff),
        5432 => (HeadKind::Postgres, start[0] == b'E'),
        6379 => (HeadKind::Redis, start[0] == b'-'),
        _ => return None,
    };
    is_one.then_some(kind)
}

/// The kind of a UDP payload, other than those of DNS, by its first bytes.
#[inline(always)]
pub(crate) fn of_datagram(start: [u8; 8], record: &PacketRecord) -> Option<HeadKind> {
    const LONG_HEADER_INITIAL: u8 = 0xc0;
    match (record.source_port, record.destination_port) {
        (67 | 68, 67 | 68) => Some(HeadKind::Dhcp),
        (_, 443) | (443, _) if start[0] & 0xf0 == LONG_HEADER_INITIAL && start[1..5] == [0, 0, 0, 1] => {
            Some(HeadKind::QuicInitial)
        }
        _ => None,
    }
}

impl PacketRecord {
    /// What its payload is the head of.
    pub fn head_kind(&self) -> Option<HeadKind> {
        let number = usize::from(self.head);
        HeadKind::ALL.get(number.wrapping_sub(1)).copied()
    }
}

/// How many heads a CPU and direction still sends.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct HeadBudget {
    /// The time that it holds for, in steps of 2^30 ns: about a second.
    step: u64,
    /// Heads in it so far.
    taken: u32,
    /// The last head's number.
    number: u32,
}

impl HeadBudget {
    /// Whether one more is sent at this time, of so many a second at sampling level 0 and an eighth as many at each further.
    #[inline(always)]
    pub fn admits(&mut self, time_ns: u64, a_second: u32, level: u32) -> bool {
        const LOG_STEP: u32 = 30;
        let step = time_ns >> LOG_STEP;
        if step != self.step {
            (self.step, self.taken) = (step, 0);
        }
        let admits = self.taken < a_second >> (3 * (level & 3));
        if admits {
            self.taken += 1;
        }
        admits
    }

    /// The next head's [number](PacketRecord::head_number): from 1 to 255, and then again.
    #[inline(always)]
    pub fn number(&mut self) -> u8 {
        self.number = if self.number >= 255 { 1 } else { self.number + 1 };
        self.number as u8
    }
}

/// A head as it stands in the ring of heads, whose first [`Self::length`] bytes mean something.
#[repr(C, align(8))]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub struct WireHead {
    /// That of the record that it belongs to.
    pub time_ns: u64,
    /// How many of the bytes are the payload's.
    pub length: u16,
    /// The record's [`PacketRecord::head_number`].
    pub number: u8,
    /// The record's [`Direction`](crate::record::Direction).
    pub direction: u8,
    /// Always 0.
    pub reserved: [u8; 4],
    /// The first bytes of the payload.
    pub bytes: [u8; MAX_HEAD],
}

const _: () = assert!(size_of::<WireHead>() == 16 + MAX_HEAD);

/// Copies the first bytes of the payload at `offset`, at most `limit` of them and no more than the frame has, and gives how
/// many these are.
#[inline(always)]
pub fn copy<F: Frame>(frame: &F, offset: usize, limit: usize, to: &mut [u8; MAX_HEAD]) -> usize {
    const WORD: usize = size_of::<u64>();
    let mut copied = 0;
    for word in to.as_chunks_mut::<WORD>().0 {
        let Some(bytes) = frame.read::<[u8; WORD]>(offset + copied).filter(|_| copied + WORD <= limit) else {
            break;
        };
        *word = bytes;
        copied += WORD;
    }
    // What is left of the limit, or of the frame, is less than a word.
    for _ in 1..WORD {
        if copied >= limit {
            break;
        }
        let (Some([byte]), Some(place)) = (frame.read::<[u8; 1]>(offset + copied), to.get_mut(copied)) else {
            break;
        };
        *place = byte;
        copied += 1;
    }
    copied
}
