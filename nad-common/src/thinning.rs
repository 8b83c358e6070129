//! Which packets are recorded where there are more than the sensor can take.
//!
//! At level 0 every packet is, and none of this is looked at. Above it each packet belongs to a flow and to four other
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

/// How much is recorded. Budgets are records in a window, of each CPU and direction.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Thinning {
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

const _: () = assert!(size_of::<Thinning>() == 48);

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
pub struct Thinned {
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
    settings: &Thinning,
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
    settings: &Thinning,
    table: &mut impl Table,
    whole: &mut Whole,
    record: &mut PacketRecord,
    subjects: &mut Subjects,
) -> bool {
    let now = (record.time_ns >> WINDOW_SHIFT) as u32;
    whole.begin(now);
    *subjects = Subjects::of(record, settings.seed);
    let seldom = is_seldom(record);
    if let Some(place) = find(table, subjects.flow) {
        if place.window != now {
            place.window = now;
            place.recorded = 0;
        }
        place.seen = place.seen.saturating_add(1);
        let is_due = place.seen <= settings.first
            || place.recorded == 0
            || place.packets + 1 >= settings.every && place.recorded < settings.flow;
        if is_due && whole.flows < settings.flows && subjects.begins == 0 {
            whole.flows += 1;
            place.recorded += 1;
            let told = place.tell(Scope::Flow, record);
            finish(settings, whole, record, told);
            return true;
        }
        if !seldom {
            place.leave_out(record.length, whole);
            return false;
        }
    }
    admit_beginning(settings, table, whole, record, subjects, now)
}

#[inline(always)]
fn admit_beginning(
    settings: &Thinning,
    table: &mut impl Table,
    whole: &mut Whole,
    record: &mut PacketRecord,
    subjects: &Subjects,
    now: u32,
) -> bool {
    // 0: none of them. Each is compared before the next one is looked up, so that little has to be kept meanwhile.
    let mut used_up = 0;
    let mut enter = |key: u64, budget: u32| {
        let known = enter(table, key, now, whole);
        if used_up == 0 && known.recorded >= budget {
            used_up = key;
        }
        known
    };
    enter(subjects.to_service, settings.service);
    enter(subjects.to_host, settings.host);
    enter(subjects.from_service, settings.service);
    let from_host = enter(subjects.from_host, settings.host);
    if used_up == 0 && whole.beginnings >= settings.beginnings {
        used_up = subjects.to_service;
    }
    let used_up = table.meet(used_up);
    if used_up == 0 {
        whole.beginnings += 1;
        count(table, subjects.to_service);
        count(table, subjects.to_host);
        count(table, subjects.from_service);
    } else if from_host.seen_lately >= SEVERAL
        && from_host.recorded < settings.sender
        && whole.senders < settings.senders
    {
        whole.senders += 1;
    } else {
        match find(table, used_up) {
            Some(place) => place.leave_out(record.length, whole),
            None => whole.add(1, record.length),
        }
        return false;
    }
    tell(settings, table, whole, record, subjects, now);
    true
}

/// Notes that a packet which is no known flow's is recorded, and lets travel with it what waits for one of its
/// subjects.
#[inline(always)]
fn tell(
    settings: &Thinning,
    table: &mut impl Table,
    whole: &mut Whole,
    record: &mut PacketRecord,
    subjects: &Subjects,
    now: u32,
) {
    count(table, subjects.from_host);
    let told = tell_of(table, subjects.flow, Scope::Flow, record)
        || tell_of(table, subjects.to_service, Scope::ToService, record)
        || tell_of(table, subjects.to_host, Scope::ToHost, record)
        || tell_of(table, subjects.from_service, Scope::FromService, record)
        || tell_of(table, subjects.from_host, Scope::FromHost, record);
    finish(settings, whole, record, told);
    // From now on the flow is known, if there is a place for it. One that was known stays so.
    if find(table, subjects.flow).is_none() {
        enter(table, subjects.flow, now, whole);
    }
    count(table, subjects.flow);
}

#[inline(always)]
fn finish(settings: &Thinning, whole: &mut Whole, record: &mut PacketRecord, told: bool) {
    record.set_level(settings.level);
    if !told {
        whole.tell(record);
    }
}

#[inline(always)]
fn tell_of(table: &mut impl Table, key: u64, scope: Scope, record: &mut PacketRecord) -> bool {
    find(table, key).is_some_and(|place| place.tell(scope, record))
}

/// The place of a subject that has one.
#[inline(always)]
fn find<T: Table>(table: &mut T, key: u64) -> Option<&mut Place> {
    table.place(key as u32 % PLACES).filter(|place| place.key == key)
}

/// What is known of a subject in this window.
#[derive(Clone, Copy)]
struct Known {
    recorded: u32,
    /// Packets in this window and the one before.
    seen_lately: u32,
}

/// Counts a packet with a subject, which gets a place if it can have one; what is then known of it.
#[inline(always)]
fn enter(table: &mut impl Table, key: u64, now: u32, whole: &mut Whole) -> Known {
    let known = match table.place(key as u32 % PLACES) {
        Some(place) if place.key == key || !place.is_kept(now) => {
            place.count(key, now, whole);
            u64::from(place.recorded) << 32 | u64::from(place.seen.saturating_add(place.seen_before))
        }
        _ => 0,
    };
    let known = table.meet(known);
    Known { recorded: (known >> 32) as u32, seen_lately: known as u32 }
}

/// Counts a record with a subject that has a place.
#[inline(always)]
fn count(table: &mut impl Table, key: u64) {
    if let Some(place) = find(table, key) {
        place.recorded += 1;
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
