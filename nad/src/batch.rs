//! Records on their way from a source to the detector, many at a time.

use nad_common::record::PacketRecord;

/// Records that a batch has room for.
pub const BATCH_RECORDS: usize = 4096;

/// A reusable batch: each record with its index, which is the packet's place in the capture file (from 0,
/// counting every packet) or, live, the number of the record since the start.
#[derive(Debug)]
pub struct RecordBatch {
    records: Vec<PacketRecord>,
    indices: Vec<u64>,
}

/// Bytes of a batch.
pub const BATCH_BYTES: usize = BATCH_RECORDS * (size_of::<PacketRecord>() + size_of::<u64>());

impl Default for RecordBatch {
    fn default() -> Self {
        Self { records: Vec::with_capacity(BATCH_RECORDS), indices: Vec::with_capacity(BATCH_RECORDS) }
    }
}

impl RecordBatch {
    /// One without room for any.
    pub const fn none() -> Self {
        Self { records: Vec::new(), indices: Vec::new() }
    }

    /// Adds a record; a batch that [is full](Self::is_full) is handed on before the next.
    pub fn push(&mut self, index: u64, record: PacketRecord) {
        self.records.push(record);
        self.indices.push(index);
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
    }
}
