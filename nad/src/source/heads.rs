//! The first bytes of payloads that begin something, on their way beside the records that they belong to.

use std::{collections::VecDeque, io, os::fd::AsRawFd};

use bytemuck::Zeroable;
use nad_common::{
    head::{HeadKind, MAX_HEAD, WireHead},
    record::PacketRecord,
};
use serde::{Deserialize, Serialize};

use super::ring::Ring;

/// Bytes of each CPU's ring of heads: 489 of them.
pub(crate) const HEAD_RING_BYTES: u32 = 256 << 10;
/// Heads that may wait for their records. Between a head and its record there are only heads whose record was lost, and
/// those of a packet that was sent while one was received on the same CPU.
const MOST_WAITING: usize = 64;

/// Which payloads' first bytes are looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum HeadLevel {
    /// None: no bytes of payloads leave the kernel.
    Off,
    /// Those that say how hosts are called: DNS, DHCP, the ClientHello of TLS; and that of QUIC, whose names are encrypted.
    Names,
    /// Those, and what begins or refuses something in other protocols.
    #[default]
    Full,
}

/// What is looked at of payloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadOptions {
    /// Which payloads.
    pub level: HeadLevel,
    /// How many bytes of each, at most [`MAX_HEAD`].
    pub bytes: u32,
    /// Live: how many a second, by CPU and direction.
    pub a_second: u32,
}

impl HeadOptions {
    /// The number of the last [`HeadKind`] that is looked at, or 0.
    pub(crate) fn last_kind(&self) -> u8 {
        match self.level {
            HeadLevel::Off => 0,
            HeadLevel::Names => HeadKind::LAST_OF_NAMES as u8,
            HeadLevel::Full => HeadKind::LAST as u8,
        }
    }
}

impl Default for HeadOptions {
    fn default() -> Self {
        Self { level: HeadLevel::default(), bytes: MAX_HEAD as u32, a_second: 2000 }
    }
}

/// The reading end of a CPU's ring of heads.
#[derive(Debug)]
pub(super) struct HeadRing {
    ring: Ring,
    waiting: VecDeque<WireHead>,
}

impl HeadRing {
    pub(super) fn map(ring: &impl AsRawFd) -> io::Result<Self> {
        Ok(Self { ring: Ring::map(ring, HEAD_RING_BYTES as usize)?, waiting: VecDeque::new() })
    }

    /// The head that a record of the same CPU says it has.
    pub(super) fn of(&mut self, record: &PacketRecord) -> Option<WireHead> {
        let is_its = |head: &WireHead| {
            (head.number, head.direction, head.time_ns)
                == (record.head_number, record.direction() as u8, record.time_ns)
        };
        if let Some(place) = self.waiting.iter().position(is_its) {
            return self.waiting.remove(place);
        }
        // It was written before the record was.
        loop {
            let mut next = None;
            let take = |bytes: &[u8]| {
                next = read(bytes);
                next.is_some()
            };
            self.ring.drain(1, take);
            let head = next?;
            if is_its(&head) {
                return Some(head);
            }
            if self.waiting.len() == MOST_WAITING {
                self.waiting.pop_front();
            }
            self.waiting.push_back(head);
        }
    }
}

/// A head as it stands in the ring.
fn read(bytes: &[u8]) -> Option<WireHead> {
    let mut head = WireHead::zeroed();
    let all = bytemuck::bytes_of_mut(&mut head);
    (bytes.len() == all.len()).then(|| all.copy_from_slice(bytes))?;
    (usize::from(head.length) <= MAX_HEAD).then_some(head)
}
