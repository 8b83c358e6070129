//! The pcapng container (draft-ietf-opsawg-pcapng): sections of blocks, some of which are packets.
//!
//! The crate reads sections and interfaces. The packet blocks are read here, because the crate knows no obsolete
//! packet block and allocates for the options of the others.

mod interface;

use pcap_parser::{
    BOM_MAGIC, EPB_MAGIC, IDB_MAGIC, SHB_MAGIC, SPB_MAGIC, parse_interfacedescriptionblock_be,
    parse_interfacedescriptionblock_le, parse_sectionheaderblock,
};

use self::interface::Interface;
use super::{MAX_BLOCK, MAX_PACKET, Packet, Step, damage::Damage, error::Stop, window::Window};

/// Type of the obsolete packet block, which is "Packet Block" in the older drafts.
const OBSOLETE_MAGIC: u32 = 2;
/// Type (4), total length (4), and of a section header its byte-order magic (4); no block is shorter.
const BLOCK_START: usize = 12;
/// Type and total length, before the body.
const BODY_AT: usize = 8;
/// The total length again, after the body.
const TRAILER: usize = 4;
/// Bytes of a section header or interface description at most: the crate makes a list of their options, which
/// takes up to ten times their length.
const MAX_HEADER_BLOCK: usize = 1 << 20;
/// Interfaces that one section can have: as many as the obsolete packet block could number.
const MAX_INTERFACES: usize = 1 << 16;

pub(super) struct Ng {
    order: Order,
    /// Those of the current section, by their number in it.
    interfaces: Vec<Interface>,
    /// The time of the last packet that had one, for those that have none.
    last_ns: u64,
}

#[derive(Clone, Copy)]
enum Order {
    Little,
    Big,
}

/// Whether a file that starts so is pcapng.
pub(super) fn recognizes(start: &[u8]) -> bool {
    // The section header's type reads the same in both byte orders.
    start.starts_with(&SHB_MAGIC.to_le_bytes())
}

impl Ng {
    pub(super) fn open(window: &mut Window) -> Result<Self, Stop> {
        let mut ng = Self { order: Order::Little, interfaces: Vec::new(), last_ns: 0 };
        ng.next(window, true)?;
        Ok(ng)
    }

    #[inline]
    pub(super) fn next(&mut self, window: &mut Window, may_wait: bool) -> Result<Step, Stop> {
        if window.bytes().len() < BLOCK_START {
            if !may_wait {
                return Ok(Step::Wait);
            }
            if !window.ensure(BLOCK_START)? {
                return match window.bytes().len() {
                    0 => Ok(Step::End),
                    has => Err(Damage::Cut { part: "a block header", has, needs: BLOCK_START }.into()),
                };
            }
        }
        let (order, kind, size) = self.block_start(window.bytes())?;
        if window.bytes().len() < size {
            if !may_wait {
                return Ok(Step::Wait);
            }
            if !window.ensure(size)? {
                return Err(Damage::Cut { part: "a block", has: window.bytes().len(), needs: size }.into());
            }
        }
        let block = &window.bytes()[..size];
        let trailer = order.u32(block, size - TRAILER);
        if trailer as usize != size {
            return Err(Damage::BlockEnd { length: size as u64, trailer }.into());
        }
        match kind {
            EPB_MAGIC => return self.enhanced(block),
            SPB_MAGIC => return self.simple(block),
            OBSOLETE_MAGIC => return self.obsolete(block),
            SHB_MAGIC => self.begin_section(order, block)?,
            IDB_MAGIC => self.add_interface(block)?,
            _ => {}
        }
        window.consume(size);
        Ok(Step::Other)
    }

    /// Byte order, type and total length of the block whose first [`BLOCK_START`] bytes these are.
    #[inline]
    fn block_start(&self, bytes: &[u8]) -> Result<(Order, u32, usize), Damage> {
        let mut order = self.order;
        if recognizes(bytes) {
            order = match Order::Little.u32(bytes, BODY_AT) {
                BOM_MAGIC => Order::Little,
                swapped if swapped == BOM_MAGIC.swap_bytes() => Order::Big,
                magic => return Err(Damage::ByteOrder { magic }),
            };
        }
        let length = order.u32(bytes, 4);
        let size = length as usize;
        let kind = order.u32(bytes, 0);
        let limit = if matches!(kind, SHB_MAGIC | IDB_MAGIC) { MAX_HEADER_BLOCK } else { MAX_BLOCK };
        if size > limit {
            return Err(Damage::BlockTooLong { length, limit });
        }
        if size < BLOCK_START || !size.is_multiple_of(4) {
            return Err(Damage::BlockLength { length });
        }
        Ok((order, kind, size))
    }

    fn begin_section(&mut self, order: Order, block: &[u8]) -> Result<(), Damage> {
        let (_, section) =
            parse_sectionheaderblock(block).map_err(|_| Damage::BlockBody { kind: "section header" })?;
        if section.major_version != 1 {
            return Err(Damage::Version { major: section.major_version, minor: section.minor_version });
        }
        self.order = order;
        self.interfaces.clear();
        Ok(())
    }

    fn add_interface(&mut self, block: &[u8]) -> Result<(), Damage> {
        let parsed = match self.order {
            Order::Little => parse_interfacedescriptionblock_le(block),
            Order::Big => parse_interfacedescriptionblock_be(block),
        };
        let (_, description) = parsed.map_err(|_| Damage::BlockBody { kind: "interface description" })?;
        if self.interfaces.len() >= MAX_INTERFACES {
            return Err(Damage::TooManyInterfaces { limit: MAX_INTERFACES });
        }
        self.interfaces.push(Interface::new(&description, matches!(self.order, Order::Big)));
        Ok(())
    }

    /// Interface (4), time (4 high, 4 low), captured length (4), original length (4), packet.
    #[inline]
    fn enhanced(&mut self, block: &[u8]) -> Result<Step, Stop> {
        const PACKET_AT: usize = BODY_AT + 20;
        check_body(block, PACKET_AT, "enhanced packet")?;
        let number = self.order.u32(block, BODY_AT);
        self.timed(block, number, PACKET_AT)
    }

    /// Interface (2), packets dropped (2), then as in the enhanced packet block.
    fn obsolete(&mut self, block: &[u8]) -> Result<Step, Stop> {
        const PACKET_AT: usize = BODY_AT + 20;
        check_body(block, PACKET_AT, "obsolete packet")?;
        let number = u32::from(self.order.u16(block, BODY_AT));
        self.timed(block, number, PACKET_AT)
    }

    #[inline]
    fn timed(&mut self, block: &[u8], number: u32, packet_at: usize) -> Result<Step, Stop> {
        let interface = self.interface(number)?;
        let units = u64::from(self.order.u32(block, BODY_AT + 4)) << 32
            | u64::from(self.order.u32(block, BODY_AT + 8));
        let time_ns = interface.time.unix_ns(units);
        let captured = self.order.u32(block, BODY_AT + 12);
        let original = self.order.u32(block, BODY_AT + 16);
        let step = packet(block, packet_at, interface, time_ns, captured, original)?;
        self.last_ns = time_ns;
        Ok(step)
    }

    /// Original length (4), packet. Its interface is the first one; how much of it was captured follows from
    /// that interface's limit.
    fn simple(&mut self, block: &[u8]) -> Result<Step, Stop> {
        const PACKET_AT: usize = BODY_AT + 4;
        check_body(block, PACKET_AT, "simple packet")?;
        let interface = self.interface(0)?;
        let original = self.order.u32(block, BODY_AT);
        let captured = match interface.snap_length {
            0 => original,
            limit => original.min(limit),
        };
        packet(block, PACKET_AT, interface, self.last_ns, captured, original)
    }

    #[inline]
    fn interface(&self, number: u32) -> Result<&Interface, Damage> {
        self.interfaces
            .get(number as usize)
            .ok_or(Damage::NoInterface { number, interfaces: self.interfaces.len() })
    }
}

impl Order {
    #[inline]
    fn u32(self, bytes: &[u8], at: usize) -> u32 {
        let field = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
        match self {
            Self::Little => u32::from_le_bytes(field),
            Self::Big => u32::from_be_bytes(field),
        }
    }

    fn u16(self, bytes: &[u8], at: usize) -> u16 {
        let field = [bytes[at], bytes[at + 1]];
        match self {
            Self::Little => u16::from_le_bytes(field),
            Self::Big => u16::from_be_bytes(field),
        }
    }
}

#[inline]
fn check_body(block: &[u8], packet_at: usize, kind: &'static str) -> Result<(), Damage> {
    if block.len() < packet_at + TRAILER { Err(Damage::BlockBody { kind }) } else { Ok(()) }
}

#[inline]
fn packet(
    block: &[u8],
    start: usize,
    interface: &Interface,
    time_ns: u64,
    captured: u32,
    original: u32,
) -> Result<Step, Stop> {
    let room = block.len() - TRAILER - start;
    if captured as usize > MAX_PACKET {
        return Err(Damage::PacketTooLong { captured: captured.into() }.into());
    }
    if captured as usize > room {
        return Err(Damage::PacketPastBlock { captured, room }.into());
    }
    let captured = captured as usize;
    let link_type = interface.link_type;
    Ok(Step::Packet(Packet { time_ns, link_type, start, captured, original, size: block.len() }))
}
