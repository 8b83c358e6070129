//! Records on their way from a source to the detector, many at a time.

use std::ops::Range;

use nad_common::record::PacketRecord;

/// Unix time moves against sensor time, from a record on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shift {
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
    /// Of each shift, how many records come before it.
    shifted_after: Vec<usize>,
    strays: Vec<Stray>,
    heads: Heads,
    until_ns: Option<u64>,
}

/// The first bytes of payloads, one after the other.
#[derive(Debug, Default)]
struct Heads {
    bytes: Vec<u8>,
    /// Of each, the place of its record, and where it begins.
    of: Vec<(usize, usize)>,
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
            shifted_after: Vec::new(),
            strays: Vec::new(),
            heads: Heads { bytes: Vec::new(), of: Vec::new() },
            until_ns: None,
        }
    }

    /// Adds a record; a batch that [is full](Self::is_full) is handed on before the next.
    pub fn push(&mut self, index: u64, record: PacketRecord) {
        self.records.push(record);
        self.indices.push(index);
    }

    /// Adds the first bytes of the last record's payload.
    ///
    /// # Panics
    ///
    /// When there is no record.
    pub fn push_head(&mut self, bytes: &[u8]) {
        let place = self.len().checked_sub(1).expect("a head comes after its record");
        self.heads.push(place, bytes);
    }

    /// Says that Unix time moves against that of records from the next record on, in this batch or in the one after it.
    pub fn push_shift(&mut self, shift: Shift) {
        self.shifts.push(shift);
        self.shifted_after.push(self.len());
    }

    /// Says that a packet has the time of its neighbours, as its own is far from theirs.
    pub fn push_stray(&mut self, stray: Stray) {
        self.strays.push(stray);
    }

    /// Says that every record before a moment of the records' clock, in nanoseconds, has been handed on.
    pub fn set_until(&mut self, until_ns: u64) {
        self.until_ns = Some(until_ns);
    }

    /// Adds those records of another batch whose places are in a range, with what else the other says of them, and brings
    /// their time forward by so many nanoseconds.
    pub fn append(&mut self, other: &Self, places: Range<usize>, forward_ns: u64) {
        let before = self.len();
        let brought = |record: &PacketRecord| PacketRecord {
            time_ns: record.time_ns.saturating_sub(forward_ns),
            ..*record
        };
        self.records.extend(other.records[places.clone()].iter().map(brought));
        self.indices.extend_from_slice(&other.indices[places.clone()]);
        for (place, head) in other.heads.iter().filter(|(place, _)| places.contains(place)) {
            self.heads.push(before + place - places.start, head);
        }
        let is_last = places.end == other.len();
        for (shift, after) in other.shifts.iter().zip(&other.shifted_after) {
            if places.contains(after) || is_last && *after >= places.end {
                self.shifts.push(*shift);
                self.shifted_after.push(before + after - places.start);
            }
        }
        if is_last {
            self.strays.extend_from_slice(&other.strays);
        }
    }

    /// The records, each in its turn, with what is said of time before it.
    pub fn arrivals(&self) -> Arrivals<'_> {
        Arrivals { batch: self, place: 0, shifted: 0, heads: 0 }
    }

    /// Whether it says that Unix time moves.
    pub fn has_shifts(&self) -> bool {
        !self.shifts.is_empty()
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
        self.shifted_after.clear();
        self.strays.clear();
        self.heads.bytes.clear();
        self.heads.of.clear();
        self.until_ns = None;
    }
}

impl Heads {
    fn push(&mut self, place: usize, bytes: &[u8]) {
        self.of.push((place, self.bytes.len()));
        self.bytes.extend_from_slice(bytes);
    }

    /// The head with this number, and the place of its record.
    fn get(&self, number: usize) -> Option<(usize, &[u8])> {
        let (place, begin) = *self.of.get(number)?;
        let end = self.of.get(number + 1).map_or(self.bytes.len(), |(_, next)| *next);
        Some((place, &self.bytes[begin..end]))
    }

    fn iter(&self) -> impl Iterator<Item = (usize, &[u8])> {
        (0..self.of.len()).filter_map(|number| self.get(number))
    }
}

/// A record whose turn it is.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'b> {
    /// Its index.
    pub index: u64,
    /// The record.
    pub record: &'b PacketRecord,
    /// The first bytes of its payload, where it is the [head](nad_common::head) of something and they are known.
    pub head: Option<&'b [u8]>,
    /// How Unix time moves against that of records, from this one on.
    pub shifts: &'b [Shift],
}

/// The records of a batch in their turn. What is said after the last of them is left, for [`Self::end`].
#[derive(Debug)]
pub struct Arrivals<'b> {
    batch: &'b RecordBatch,
    place: usize,
    /// Shifts that were handed out.
    shifted: usize,
    /// Heads that were.
    heads: usize,
}

impl<'b> Arrivals<'b> {
    /// How Unix time moves from the next batch's first record on.
    pub fn end(self) -> &'b [Shift] {
        &self.batch.shifts[self.shifted..]
    }
}

impl<'b> Iterator for Arrivals<'b> {
    type Item = Arrival<'b>;

    #[inline]
    fn next(&mut self) -> Option<Arrival<'b>> {
        let batch = self.batch;
        let record = batch.records.get(self.place)?;
        let first = self.shifted;
        while batch.shifted_after.get(self.shifted).is_some_and(|after| *after <= self.place) {
            self.shifted += 1;
        }
        let head =
            batch.heads.get(self.heads).filter(|(place, _)| *place == self.place).map(|(_, head)| head);
        self.heads += usize::from(head.is_some());
        let arrival = Arrival {
            index: batch.indices[self.place],
            record,
            head,
            shifts: &batch.shifts[first..self.shifted],
        };
        self.place += 1;
        Some(arrival)
    }
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable;

    use super::*;

    fn shift(index: u64) -> Shift {
        Shift { index, by_ns: 1, unwatched_ns: 0, cause: Cause::Slew }
    }

    fn record(time_ns: u64) -> PacketRecord {
        PacketRecord { time_ns, ..PacketRecord::zeroed() }
    }

    /// A record's time and index, and the indices of the shifts before it.
    type Said = (u64, u64, Vec<u64>);

    /// All records, and the indices of the shifts after the last one.
    fn said(batch: &RecordBatch) -> (Vec<Said>, Vec<u64>) {
        let indices = |shifts: &[Shift]| shifts.iter().map(|shift| shift.index).collect::<Vec<_>>();
        let mut arrivals = batch.arrivals();
        let records = arrivals
            .by_ref()
            .map(|arrival| (arrival.record.time_ns, arrival.index, indices(arrival.shifts)))
            .collect();
        (records, indices(arrivals.end()))
    }

    #[test]
    fn each_head_comes_with_its_record_also_into_another_batch() {
        let of = |batch: &RecordBatch| {
            batch.arrivals().map(|it| (it.index, it.head.map(<[u8]>::to_vec))).collect::<Vec<_>>()
        };
        let mut batch = RecordBatch::default();
        for (index, head) in
            [(1, None), (2, Some(&b"GET /"[..])), (3, Some(b"")), (4, None), (5, Some(b"SSH-"))]
        {
            batch.push(index, record(index));
            head.into_iter().for_each(|head| batch.push_head(head));
        }
        let heads = [None, Some(b"GET /".to_vec()), Some(Vec::new()), None, Some(b"SSH-".to_vec())];
        let whole: Vec<_> = (1..).zip(heads).collect();
        assert_eq!(of(&batch), whole);
        let mut parts = RecordBatch::default();
        parts.push(0, record(0));
        parts.append(&batch, 1..2, 0);
        parts.append(&batch, 2..5, 0);
        assert_eq!(of(&parts)[1..], whole[1..]);
        batch.clear();
        assert_eq!(of(&batch), []);
    }

    #[test]
    fn each_shift_comes_with_the_record_that_was_added_after_it_also_into_another_batch() {
        let mut batch = RecordBatch::default();
        assert_eq!(said(&batch), (vec![], vec![]));
        batch.push_shift(shift(10));
        batch.push_shift(shift(11));
        batch.push(1, record(100));
        batch.push(2, record(200));
        batch.push_shift(shift(12));
        batch.push(3, record(300));
        batch.push_shift(shift(13));
        let whole = vec![(100, 1, vec![10, 11]), (200, 2, vec![]), (300, 3, vec![12])];
        assert_eq!(said(&batch), (whole.clone(), vec![13]));
        let mut parts = RecordBatch::default();
        parts.append(&batch, 0..1, 0);
        parts.append(&batch, 1..3, 0);
        assert_eq!(said(&parts), (whole, vec![13]));
        let mut late = RecordBatch::default();
        late.push(9, record(250));
        late.append(&batch, 1..2, 150);
        assert_eq!(said(&late), (vec![(250, 9, vec![]), (50, 2, vec![])], vec![]));
        batch.clear();
        assert_eq!(said(&batch), (vec![], vec![]));
    }
}
