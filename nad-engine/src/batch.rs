//! Records on their way from a source to the detector, many at a time.

use std::ops::Range;

use nad_common::record::PacketRecord;

/// Unix time moves against sensor time, from a record on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shift {
    /// The record's place in its batch; a batch's length stands for the first record of the next.
    pub place: usize,
    /// The record's index.
    pub index: u64,
    /// By how much Unix time moves against sensor time, in nanoseconds.
    pub by_ns: i128,
    /// How much of the sensor time since the record before nobody watched, in nanoseconds.
    pub unwatched_ns: u64,
    /// Why.
    pub cause: Cause,
}

/// Why Unix time moves against sensor time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The clock that stamps packets was set, or the recording went on later: by so many nanoseconds.
    Step(i64),
    /// No packet came for so many nanoseconds of a capture.
    Gap(u64),
    /// A counter of seconds with 32 bits began anew.
    Wrap,
    /// The system's clock is steered: too little to be said.
    Slew,
}

/// A packet whose time is far from that of the packets before and after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stray {
    /// The packet's index.
    pub index: u64,
    /// How far ahead of them it is, in nanoseconds; negative where it is behind.
    pub distance_ns: i64,
}

/// Records that a batch has room for.
pub const BATCH_RECORDS: usize = 4096;

/// A reusable batch: each record with its index, which is the packet's place in the capture file (from 0,
/// counting every packet) or, live, the number of the record since the start.
#[derive(Debug)]
pub struct RecordBatch {
    records: Vec<PacketRecord>,
    indices: Vec<u64>,
    shifts: Vec<Shift>,
    strays: Vec<Stray>,
    until_ns: Option<u64>,
}

/// Bytes of a batch.
pub const BATCH_BYTES: usize = BATCH_RECORDS * (size_of::<PacketRecord>() + size_of::<u64>());

impl Default for RecordBatch {
    fn default() -> Self {
        Self {
            records: Vec::with_capacity(BATCH_RECORDS),
            indices: Vec::with_capacity(BATCH_RECORDS),
            ..Self::none()
        }
    }
}

impl RecordBatch {
    /// One without room for any.
    pub const fn none() -> Self {
        Self {
            records: Vec::new(),
            indices: Vec::new(),
            shifts: Vec::new(),
            strays: Vec::new(),
            until_ns: None,
        }
    }

    /// Adds a record; a batch that [is full](Self::is_full) is handed on before the next.
    pub fn push(&mut self, index: u64, record: PacketRecord) {
        self.records.push(record);
        self.indices.push(index);
    }

    /// Says that Unix time moves against that of records; shifts are added in the order of their places.
    pub fn push_shift(&mut self, shift: Shift) {
        self.shifts.push(shift);
    }

    /// Says that a packet has the time of its neighbours, as its own is far from theirs.
    pub fn push_stray(&mut self, stray: Stray) {
        self.strays.push(stray);
    }

    /// Says that every record before a moment of the records' clock, in nanoseconds, has been handed on.
    pub fn set_until(&mut self, until_ns: u64) {
        self.until_ns = Some(until_ns);
    }

    /// Adds those records of another batch whose places are in a range, with what else the other says of them.
    pub fn append(&mut self, other: &Self, places: Range<usize>) {
        let before = self.len();
        self.records.extend_from_slice(&other.records[places.clone()]);
        self.indices.extend_from_slice(&other.indices[places.clone()]);
        let is_last = places.end == other.len();
        let belongs = |shift: &&Shift| places.contains(&shift.place) || is_last && shift.place >= places.end;
        let moved = |shift: &Shift| Shift { place: before + shift.place - places.start, ..*shift };
        self.shifts.extend(other.shifts.iter().filter(belongs).map(moved));
        if is_last {
            self.strays.extend_from_slice(&other.strays);
        }
    }

    /// Brings the time of the records from a place on forward, by so many nanoseconds.
    pub fn bring_forward(&mut self, from: usize, by_ns: u64) {
        for record in &mut self.records[from..] {
            record.time_ns = record.time_ns.saturating_sub(by_ns);
        }
    }

    /// Where Unix time moves against that of records, in the order of their places.
    pub fn shifts(&self) -> &[Shift] {
        &self.shifts
    }

    /// The packets whose own time was not taken.
    pub fn strays(&self) -> &[Stray] {
        &self.strays
    }

    /// The moment of the records' clock, in nanoseconds, before which no further record comes, where it is known.
    pub fn until_ns(&self) -> Option<u64> {
        self.until_ns
    }

    /// The records, in the order in which they came.
    pub fn records(&self) -> &[PacketRecord] {
        &self.records
    }

    /// The index of each record.
    pub fn indices(&self) -> &[u64] {
        &self.indices
    }

    /// How many records it holds.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Whether it has no more room.
    pub fn is_full(&self) -> bool {
        self.records.len() >= BATCH_RECORDS
    }

    /// Empties it and keeps its memory.
    pub fn clear(&mut self) {
        self.records.clear();
        self.indices.clear();
        self.shifts.clear();
        self.strays.clear();
        self.until_ns = None;
    }
}
