//! Which packets are recorded where there are more than the sensor can take.
//!
//! At level 0 every packet is, and none of this is used. Above it each packet belongs to a flow and to four other
//! subjects: the service that it goes to, the host that it goes to, and the two that it comes from. What is known of
//! them for a *window* of 134 ms stands in a small direct-mapped table of each CPU:
//!
//! - A known flow is recorded for its first packets, then every so many packets, at least once a window.
//! - What begins, ends or is seldom (connections, fragments, what is malformed, names asked for, ARP) and the first
//!   packet of a flow is recorded as long as none of its four subjects has used up its budget for the window: a flood
//!   from forged sources consists of first packets only, and has one target.
//! - Beyond the budget a packet is still recorded where its sender was seen several times lately and has a budget of
//!   its own left: a scanner has an address, forged ones are not seen again.
//! - Each of the three ways has a budget of the whole CPU, which bounds the sum.
//!
//! What is not recorded is counted with the subject because of which it was not, and travels with that subject's next
//! record. The counts of a subject whose place in the table another one takes travel with the next record of any.

mod carried;
mod levels;
mod place;
mod subjects;

use bytemuck::{Pod, Zeroable};

pub use place::{Place, Whole};
pub use subjects::Subjects;

use crate::record::{Direction, PacketRecord};
use subjects::is_seldom;

/// Windows are of 2 to the power of this many nanoseconds: 134 ms.
pub const WINDOW_SHIFT: u32 = 27;

/// Places in a CPU's table for each direction.
pub const PLACES: u32 = 16_384;

/// Levels, from 0 (every packet) up.
pub const LEVELS: u32 = 4;

/// A subject that was seen at least this often in this window and the last one comes again.
const SEVERAL: u32 = 3;
/// One that was seen no more often sends little: a scan of 120 ports a second.
const LITTLE: u32 = 32;
/// Of the budget of all known flows, a service has this part, and a host all but this part.
const PART: u32 = 4;

/// What is known of a packet's flow: nothing, or whether its next record is due.
const NEW: u64 = 0;
const DUE: u64 = 1;
const NOT_DUE: u64 = 2;

/// What may become of a packet: it is a record of its known flow,
const GOES_ON: u32 = 1;
/// and nothing else,
const OF_FLOW: u32 = 2;
/// but there are too many of such.
const WITHOUT_SHARE: u32 = 4;

/// How much is recorded. Budgets are records in a window, of each CPU and direction.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Sampling {
    /// Mixed into what places are found by, so that nobody can choose addresses which share one.
    pub seed: u64,
    /// 0 for every packet, below [`LEVELS`].
    pub level: u32,
    /// The first packets of a flow.
    pub first: u32,
    /// After them, one of this many, and the first one in a window.
    pub every: u32,
    /// Budget of one flow after its first packets.
    pub flow: u32,
    /// Budget of a service, at either end.
    pub service: u32,
    /// Budget of a host, at either end.
    pub host: u32,
    /// Budget of a sender beyond those of what it sends to.
    pub sender: u32,
    /// Budget of all known flows.
    pub flows: u32,
    /// Budget of all that begins or is seldom.
    pub beginnings: u32,
    /// Budget of all senders beyond the budgets of what they send to.
    pub senders: u32,
}

const _: () = assert!(size_of::<Sampling>() == 48);

/// Whose packets travel with a record uncounted otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Scope {
    /// Of the same flow and direction.
    Flow = 0,
    /// To the same service.
    ToService = 1,
    /// To the same host.
    ToHost = 2,
    /// From the same service.
    FromService = 3,
    /// From the same host.
    FromHost = 4,
    /// Of anybody.
    Others = 5,
}

/// Packets that were not recorded and travel with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SampledOut {
    /// Whose.
    pub scope: Scope,
    /// How many, at least one.
    pub packets: u32,
    /// Their bytes on the wire.
    pub bytes: u32,
}

/// The table of one CPU and direction.
pub trait Table {
    /// The place of an index below [`PLACES`]; none where the table is missing.
    fn place(&mut self, index: u32) -> Option<&mut Place>;

    /// Returns `value` as it is, where many ways meet; see [`Frame::meet`](crate::frame::Frame::meet).
    #[inline(always)]
    fn meet(&mut self, value: u64) -> u64 {
        value
    }
}

/// Whether a packet is recorded; above level 0 only. What travels with the record is then in it.
#[inline(always)]
pub fn admit(
    settings: &Sampling,
    table: &mut impl Table,
    whole: &mut Whole,
    record: &mut PacketRecord,
) -> bool {
    admit_with(settings, table, whole, record, &mut Subjects::zeroed())
}

/// The same, with room for the packet's subjects that is not on the stack; what it holds before and afterwards means
/// nothing.
#[inline(always)]
pub fn admit_with(
    settings: &Sampling,
    table: &mut impl Table,
    whole: &mut Whole,
    record: &mut PacketRecord,
    subjects: &mut Subjects,
) -> bool {
    let now = (record.time_ns >> WINDOW_SHIFT) as u32;
    whole.begin(now);
    *subjects = Subjects::of(record, settings.seed);
    let flow = match find(table, subjects.flow) {
        Some(place) => place.ask(settings, now),
        None => NEW,
    };
    let flow = table.meet(flow);
    let is_seldom = is_seldom(record);
    if flow == NOT_DUE && !is_seldom {
        return leave_out(table, subjects.flow, record, whole);
    }
    // In one word, as there is little room on the stack.
    let mut way = match flow == DUE && subjects.begins == 0 {
        true if is_seldom => GOES_ON,
        true => GOES_ON | OF_FLOW,
        false => 0,
    };
    if whole.flows >= settings.flows {
        way |= WITHOUT_SHARE;
    }
    // 0: none of them.
    let mut used_up = 0;
    draw_on(settings, table, whole, (subjects.to_service, false), now, &mut way, &mut used_up);
    draw_on(settings, table, whole, (subjects.to_host, true), now, &mut way, &mut used_up);
    draw_on(settings, table, whole, (subjects.from_service, false), now, &mut way, &mut used_up);
    let from_host = draw_on(settings, table, whole, (subjects.from_host, true), now, &mut way, &mut used_up);
    if way & (GOES_ON | WITHOUT_SHARE) == GOES_ON {
        go_on(settings, table, whole, record, subjects);
        return true;
    }
    if way & OF_FLOW != 0 {
        return leave_out(table, subjects.flow, record, whole);
    }
    if used_up == 0 && whole.beginnings >= settings.beginnings {
        used_up = subjects.to_service;
    }
    let used_up = table.meet(used_up);
    // A part is kept for those who send little: what many busy ones need would leave nothing for them.
    let seen_lately = from_host.seen_lately();
    let senders = if seen_lately > LITTLE { settings.senders / 2 } else { settings.senders };
    if used_up == 0 {
        whole.beginnings += 1;
        count(table, subjects.to_service);
        count(table, subjects.to_host);
        count(table, subjects.from_service);
    } else if seen_lately >= SEVERAL && from_host.begun() < settings.sender && whole.senders < senders {
        whole.senders += 1;
    } else {
        return leave_out(table, used_up, record, whole);
    }
    attribute(settings, table, whole, record, subjects, now);
    true
}

/// Counts a packet with a subject, of which the second says whether it is a host, and notes what it has used up. Each is
/// compared before the next one is looked up, so that little has to be kept meanwhile; and in line, as a function of its
/// own (which a closure becomes) takes a frame of the stack.
#[inline(always)]
fn draw_on(
    settings: &Sampling,
    table: &mut impl Table,
    whole: &mut Whole,
    (key, is_host): (u64, bool),
    now: u32,
    way: &mut u32,
    used_up: &mut u64,
) -> Known {
    let known = enter(table, key, *way & GOES_ON == 0, now, whole);
    let budget = if is_host { settings.host } else { settings.service };
    if *used_up == 0 && known.begun() >= budget {
        *used_up = key;
    }
    let part = settings.flows / PART;
    if known.went_on() >= if is_host { settings.flows - part } else { part } {
        *way |= WITHOUT_SHARE;
    }
    known
}

/// Counts a packet that is not recorded with a subject, or with nobody where that has no place. Always false.
#[inline(always)]
fn leave_out(table: &mut impl Table, key: u64, record: &PacketRecord, whole: &mut Whole) -> bool {
    // Not what was looked up before, which would have to be kept until then.
    let key = table.meet(key);
    match find(table, key) {
        Some(place) => place.leave_out(record.length, whole),
        None => whole.add(1, record.length),
    }
    false
}

/// Notes that a known flow's packet is recorded, and lets travel with it what waits for the flow.
#[inline(always)]
fn go_on(
    settings: &Sampling,
    table: &mut impl Table,
    whole: &mut Whole,
    record: &mut PacketRecord,
    subjects: &Subjects,
) {
    whole.flows += 1;
    // One after the other: an array of keys would be copied to the stack.
    count_going_on(table, subjects.to_service);
    count_going_on(table, subjects.to_host);
    count_going_on(table, subjects.from_service);
    count_going_on(table, subjects.from_host);
    let flow = table.meet(subjects.flow);
    let attributed = match find(table, flow) {
        Some(place) => {
            place.begun = place.begun.saturating_add(1);
            place.attribute(Scope::Flow, record)
        }
        None => false,
    };
    finish(settings, whole, record, attributed);
}

/// Notes that a packet which is no known flow's is recorded, and lets travel with it what waits for one of its
/// subjects.
#[inline(always)]
fn attribute(
    settings: &Sampling,
    table: &mut impl Table,
    whole: &mut Whole,
    record: &mut PacketRecord,
    subjects: &Subjects,
    now: u32,
) {
    count(table, subjects.from_host);
    let attributed = attribute_to(table, subjects.flow, Scope::Flow, record)
        || attribute_to(table, subjects.to_service, Scope::ToService, record)
        || attribute_to(table, subjects.to_host, Scope::ToHost, record)
        || attribute_to(table, subjects.from_service, Scope::FromService, record)
        || attribute_to(table, subjects.from_host, Scope::FromHost, record);
    finish(settings, whole, record, attributed);
    // From now on the flow is known, if there is a place for it. One that was known stays so.
    if find(table, subjects.flow).is_none() {
        enter(table, subjects.flow, true, now, whole);
    }
    count(table, subjects.flow);
}

#[inline(always)]
fn finish(settings: &Sampling, whole: &mut Whole, record: &mut PacketRecord, attributed: bool) {
    record.set_level(settings.level);
    if !attributed {
        whole.attribute(record);
    }
}

#[inline(always)]
fn attribute_to(table: &mut impl Table, key: u64, scope: Scope, record: &mut PacketRecord) -> bool {
    find(table, key).is_some_and(|place| place.attribute(scope, record))
}

/// The place of a subject that has one.
#[inline(always)]
fn find<T: Table>(table: &mut T, key: u64) -> Option<&mut Place> {
    table.place(key as u32 % PLACES).filter(|place| place.key == key)
}

/// What is known of a subject in this window, in one word.
#[derive(Clone, Copy)]
struct Known(u64);

impl Known {
    #[inline(always)]
    fn of(place: &Place) -> u64 {
        let seen_lately = place.seen.saturating_add(place.seen_before);
        u64::from(place.begun) << 48 | u64::from(place.went_on) << 32 | u64::from(seen_lately)
    }

    /// Records of what began or is seldom.
    #[inline(always)]
    const fn begun(self) -> u32 {
        (self.0 >> 48) as u32
    }

    /// Records of flows that went on.
    #[inline(always)]
    const fn went_on(self) -> u32 {
        (self.0 >> 32) as u32 & 0xffff
    }

    /// Packets in this window and the one before.
    #[inline(always)]
    const fn seen_lately(self) -> u32 {
        self.0 as u32
    }
}

/// Counts a packet with a subject; what is then known of it. One without a place gets one if it may and can.
#[inline(always)]
fn enter(table: &mut impl Table, key: u64, may_get_one: bool, now: u32, whole: &mut Whole) -> Known {
    let known = match table.place(key as u32 % PLACES) {
        Some(place) if place.key == key || may_get_one && !place.is_kept(now) => {
            place.count(key, now, whole);
            Known::of(place)
        }
        _ => 0,
    };
    Known(table.meet(known))
}

/// Counts the record of a known flow with a subject that has a place.
#[inline(always)]
fn count_going_on(table: &mut impl Table, key: u64) {
    if let Some(place) = find(table, key) {
        place.went_on = place.went_on.saturating_add(1);
    }
}

/// Counts another record with a subject that has a place.
#[inline(always)]
fn count(table: &mut impl Table, key: u64) {
    if let Some(place) = find(table, key) {
        place.begun = place.begun.saturating_add(1);
    }
}

impl Scope {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 6] =
        [Self::Flow, Self::ToService, Self::ToHost, Self::FromService, Self::FromHost, Self::Others];
}

/// Where a direction's part of a CPU's table begins.
pub const fn first_place(direction: Direction) -> u32 {
    direction as u32 * PLACES
}
