//! Packets from a capture file: pcap or pcapng, plain or compressed with gzip or zstd.

mod ahead;
mod classic;
mod damage;
mod error;
mod input;
mod link;
mod ng;
mod unread;
mod window;

use std::{
    fmt,
    fs::File,
    path::Path,
    sync::{Arc, atomic::AtomicU64, atomic::Ordering},
};

use bytemuck::Zeroable;
use nad_common::{
    counters::KernelCounters,
    frame::SliceFrame,
    head::{self, MAX_HEAD},
    parse::{LinkType, Stamp, parse},
    record::PacketRecord,
};

pub use ahead::ReadAhead;
pub use damage::Damage;
pub use error::{CaptureError, Compression, Offset};
use nad_engine::{
    batch::{BATCH_RECORDS, RecordBatch},
    time::Order,
};

use self::{classic::Classic, input::Input, ng::Ng, unread::Skipped, window::Window};
use super::{Fill, Source, heads::HeadOptions};
use crate::text;

/// Captured bytes that one packet can have at most; libpcap's limit (`MAXIMUM_SNAPLEN` in `pcap-int.h`).
pub const MAX_PACKET: usize = 262_144;
/// Bytes that one pcapng block can have at most; libpcap's limit (`sf-pcapng.c`).
pub const MAX_BLOCK: usize = 16 << 20;

/// Packets and other blocks that one call of `fill` reads: a file that holds nothing but packets without a
/// record still lets its reader stop or report between two calls.
const BUDGET: usize = 4 * BATCH_RECORDS;

/// A capture file as a source of records.
///
/// The container is recognised by its first bytes, never by the file's name. pcap is read with micro- and nanosecond
/// times in both byte orders; pcapng with any number of sections and interfaces, and with enhanced, simple and
/// obsolete packet blocks. Memory is bounded whatever the file's size: one buffer of 1 MiB, which grows up to
/// [`MAX_BLOCK`], and what decompression needs (zstd: at most 128 MiB).
///
/// A record's time is sensor time: the capture's, put in order by [`Order`], which holds back records whose time is far
/// from that of the one before until it has seen those after them. A simple packet block has no time; it gets the time
/// of the packet before it, so that time stands still instead of jumping to 1970. Its length is the length on the wire
/// that the file states, or the captured length where that is larger.
///
/// In a damaged file the packets before the damage are delivered and then the error. Within a compressed stream
/// that is corrupt, rather than cut, up to 256 KiB before the damage may be lost with it.
pub struct PcapSource {
    name: String,
    compression: Option<Compression>,
    window: Window,
    container: Container,
    /// Of what was handed on.
    counters: KernelCounters,
    packets: u64,
    order: Order<Parsed>,
    heads: HeadOptions,
    /// Room for the head at hand.
    head: [u8; MAX_HEAD],
    /// More bytes may be a while in coming (a pipe): hand on what is there before waiting for them.
    live: bool,
    /// How reading ended.
    ended: Option<Result<(), CaptureError>>,
    bytes_read: Arc<AtomicU64>,
    bytes_total: Option<u64>,
    /// Packets of link types that aren't supported.
    skipped: Skipped,
}

/// A packet whose time is not known yet.
#[derive(Debug)]
struct Parsed {
    record: PacketRecord,
    head: Option<Box<[u8]>>,
}

/// How far a capture has been read, in bytes of the file as it is stored (compressed, where it is).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes read so far.
    pub bytes_read: u64,
    /// Bytes of the whole file, where it is a file.
    pub bytes_total: Option<u64>,
}

impl PcapSource {
    /// Opens a capture and reads its header; the path `-` means standard input.
    ///
    /// # Errors
    ///
    /// When there is no such file, when it can't be read, or when it isn't a capture that nad can read. A pcapng
    /// file's link types are only known where its packets are: those that aren't supported are skipped, and a file
    /// that has no others is refused at its end.
    pub fn open(path: &Path) -> Result<Self, CaptureError> {
        let name = if input::is_stdin(path) { "standard input".into() } else { text::path(path) };
        Self::of_input(input::open(path, &name)?, name)
    }

    /// The same of a file that is open, from its beginning on; one that is no pipe can so be read again, one time after
    /// the other.
    ///
    /// # Errors
    ///
    /// As for [`Self::open`].
    pub fn of_file(file: &File, path: &Path) -> Result<Self, CaptureError> {
        let name = text::path(path);
        let file = file.try_clone().map_err(|cause| CaptureError::unreadable(&name, cause))?;
        Self::of_input(input::of_file(file, &name)?, name)
    }

    fn of_input(input: Input, name: String) -> Result<Self, CaptureError> {
        let mut window = Window::new(input.reader, input.compression.is_some());
        let container = Container::open(&mut window, &name, input.compression)?;
        Ok(Self {
            name,
            compression: input.compression,
            window,
            container,
            counters: KernelCounters::default(),
            packets: 0,
            order: Order::default(),
            heads: HeadOptions::default(),
            head: [0; MAX_HEAD],
            live: input.bytes_total.is_none(),
            ended: None,
            bytes_read: input.bytes_read,
            bytes_total: input.bytes_total,
            skipped: Skipped::default(),
        })
    }

    /// The same, looking at these payloads.
    #[must_use]
    pub fn with_heads(self, heads: HeadOptions) -> Self {
        Self { heads, ..self }
    }

    /// How far the file has been read.
    pub fn progress(&self) -> Progress {
        Progress { bytes_read: self.bytes_read.load(Ordering::Relaxed), bytes_total: self.bytes_total }
    }

    /// Makes one packet a record, or counts why it is none.
    fn take(&mut self, packet: &Packet, batch: &mut RecordBatch) {
        let index = self.packets;
        self.packets += 1;
        let frame = &self.window.bytes()[packet.start..packet.start + packet.captured];
        // At most `MAX_PACKET`.
        let captured = frame.len() as u32;
        let length = packet.original.max(captured);
        let stamp = Stamp { time_ns: packet.time_ns, length, ..Stamp::default() };
        let mut record = PacketRecord::zeroed();
        let parsed = match packet.link_type {
            Ok(link_type) => parse(&SliceFrame(frame), link_type, stamp, &mut record),
            Err(number) => Err(self.skipped.add(number, &self.name)),
        };
        let head = match parsed {
            Ok(payload) => self.take_head(packet, payload, &record),
            Err(_) => None,
        };
        self.window.consume(packet.size);
        match parsed {
            Ok(_) => {
                unread::count(&record, length - captured, &mut self.counters);
                self.hand_on(index, record, head, batch);
            }
            Err(refusal) => {
                self.counters.seen += 1;
                self.counters.add_unparsed(unread::reason(refusal, captured < length));
            }
        }
    }

    /// Keeps the head that a packet's payload is, and gives how long it is.
    #[inline]
    fn take_head(&mut self, packet: &Packet, payload: usize, record: &PacketRecord) -> Option<usize> {
        if record.head == 0 || record.head > self.heads.last_kind() {
            return None;
        }
        let frame = SliceFrame(&self.window.bytes()[packet.start..packet.start + packet.captured]);
        let limit = usize::from(record.payload_length).min(self.heads.bytes as usize);
        self.counters.heads += 1;
        Some(head::copy(&frame, payload, limit, &mut self.head))
    }

    fn hand_on(
        &mut self,
        index: u64,
        mut record: PacketRecord,
        head: Option<usize>,
        batch: &mut RecordBatch,
    ) {
        if let Some(sensor_ns) = self.order.at_once(record.time_ns) {
            record.time_ns = sensor_ns;
            self.push(index, record, batch);
            if let Some(length) = head {
                batch.push_head(&self.head[..length]);
            }
        } else {
            let head = head.map(|length| self.head[..length].into());
            self.order.push(index, record.time_ns, Parsed { record, head });
            self.hand_on_waiting(batch, false);
        }
    }

    /// Hands on records whose time is known by now; where no more come for now (`is_all`), all for which there is room.
    fn hand_on_waiting(&mut self, batch: &mut RecordBatch, is_all: bool) {
        while !batch.is_full()
            && let Some(placed) = self.order.next(is_all)
        {
            placed.shift.into_iter().for_each(|shift| batch.push_shift(shift));
            placed.stray.into_iter().for_each(|stray| batch.push_stray(stray));
            let Parsed { record, head } = placed.item;
            self.push(placed.index, PacketRecord { time_ns: placed.sensor_ns, ..record }, batch);
            head.iter().for_each(|head| batch.push_head(head));
        }
    }

    fn push(&mut self, index: u64, record: PacketRecord, batch: &mut RecordBatch) {
        self.counters.seen += 1;
        self.counters.recorded += 1;
        batch.push(index, record);
    }
}

impl Source for PcapSource {
    type Error = CaptureError;

    fn fill(&mut self, batch: &mut RecordBatch) -> Result<Fill, CaptureError> {
        for _ in 0..BUDGET {
            self.hand_on_waiting(batch, self.ended.is_some());
            if batch.is_full() {
                return Ok(Fill::More);
            }
            match self.ended.take() {
                Some(Err(error)) => {
                    self.ended = Some(Ok(()));
                    return Err(error);
                }
                Some(Ok(())) => {
                    self.ended = Some(Ok(()));
                    return Ok(Fill::End);
                }
                None => {}
            }
            let may_wait = !self.live || batch.is_empty() && self.order.is_empty();
            match self.container.next(&mut self.window, may_wait) {
                Ok(Step::Packet(packet)) => self.take(&packet, batch),
                Ok(Step::Other) => {}
                Ok(Step::Wait) => {
                    self.hand_on_waiting(batch, true);
                    return Ok(Fill::More);
                }
                Ok(Step::End) => self.ended = Some(self.skipped.refuse_if_all(&self.name, self.packets)),
                Err(stop) => {
                    let offset = Offset::new(self.window.offset(), self.compression);
                    self.ended = Some(Err(stop.explain(&self.name, offset, self.packets)));
                }
            }
        }
        Ok(Fill::More)
    }

    fn counters(&self) -> Result<KernelCounters, CaptureError> {
        Ok(self.counters)
    }
}

impl fmt::Debug for PcapSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PcapSource")
            .field("name", &self.name)
            .field("compression", &self.compression)
            .field("counters", &self.counters)
            .field("progress", &self.progress())
            .finish_non_exhaustive()
    }
}

/// One packet at the start of the window.
struct Packet {
    time_ns: u64,
    /// The link type, or the number of one that isn't supported.
    link_type: Result<LinkType, u32>,
    /// Where its bytes start in the window.
    start: usize,
    /// Bytes in the file, at most [`MAX_PACKET`].
    captured: usize,
    /// Bytes on the wire as the file states them.
    original: u32,
    /// Bytes of the file that it takes, headers included.
    size: usize,
}

/// What a container found at the start of the window.
enum Step {
    /// A packet, which is still there.
    Packet(Packet),
    /// Something else, which is consumed.
    Other,
    /// Too little to tell, and the caller doesn't want to wait for more.
    Wait,
    /// The end of the file.
    End,
}

/// The file format around the packets.
enum Container {
    Classic(Classic),
    Ng(Ng),
}

impl Container {
    fn open(window: &mut Window, name: &str, compression: Option<Compression>) -> Result<Self, CaptureError> {
        let opened = match window.ensure(4) {
            Ok(_) if window.bytes().is_empty() => return Err(CaptureError::Empty { name: name.into() }),
            Ok(_) if ng::recognizes(window.bytes()) => Ng::open(window).map(Self::Ng),
            Ok(_) if classic::recognizes(window.bytes()) => Classic::open(window).map(Self::Classic),
            Ok(_) => {
                // What follows the first bytes makes the message clearer, and need not be there.
                let _ = window.ensure(16);
                return Err(CaptureError::not_a_capture(name, window.bytes()));
            }
            Err(error) => Err(error.into()),
        };
        opened.map_err(|stop| stop.explain(name, Offset::new(window.offset(), compression), 0))
    }

    fn next(&mut self, window: &mut Window, may_wait: bool) -> Result<Step, error::Stop> {
        match self {
            Self::Classic(classic) => classic.next(window, may_wait),
            Self::Ng(ng) => ng.next(window, may_wait),
        }
    }
}
