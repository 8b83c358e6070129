//! A capture that a thread of its own reads ahead.

use std::{
    io,
    panic::resume_unwind,
    sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError},
    thread::{self, JoinHandle},
    time::Duration,
};

use nad_common::counters::KernelCounters;
use nad_engine::batch::RecordBatch;

use super::{CaptureError, PcapSource, Progress};
use crate::source::{Fill, Source};

/// Batches that may wait for whoever takes them: 3 MiB. More would only mean that they leave the cache before that.
const QUEUE_BATCHES: usize = 8;
/// After this long without a packet (from a pipe), `fill` returns, so that its caller can look around.
const PATIENCE: Duration = Duration::from_millis(100);

/// A [`PcapSource`] whose reading, decompressing and parsing go on while its records are worked on.
///
/// It gives the very batches that the source itself would give, with the counters and the progress as of each batch:
/// what was read ahead and is never asked for counts as not read.
#[derive(Debug)]
pub struct ReadAhead {
    /// `None` once it has ended.
    reader: Option<JoinHandle<()>>,
    reads: Receiver<Read>,
    used: SyncSender<RecordBatch>,
    counters: KernelCounters,
    progress: Progress,
}

/// What one `fill` of the source gave.
struct Read {
    batch: RecordBatch,
    filled: Result<Fill, CaptureError>,
    counters: KernelCounters,
    progress: Progress,
}

impl ReadAhead {
    /// Begins to read. The thread ends with the file, or soon after this is dropped; one that waits for a pipe that
    /// stays silent is left behind.
    ///
    /// # Errors
    ///
    /// When there can't be one more thread.
    pub fn start(source: PcapSource) -> io::Result<Self> {
        let (to_taker, reads) = mpsc::sync_channel(QUEUE_BATCHES);
        let (used, empties) = mpsc::sync_channel(QUEUE_BATCHES);
        let counters = source.counters;
        let progress = source.progress();
        let reader = thread::Builder::new()
            .name("nad-read".into())
            .spawn(move || read(source, &to_taker, &empties))?;
        Ok(Self { reader: Some(reader), reads, used, counters, progress })
    }

    /// How far the file had been read when the last batch was complete.
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// The thread has ended: after its last batch, or by a panic, which goes on here.
    fn end(&mut self) -> Fill {
        if let Some(Err(panic)) = self.reader.take().map(JoinHandle::join) {
            resume_unwind(panic);
        }
        Fill::End
    }
}

impl Source for ReadAhead {
    type Error = CaptureError;

    /// Exchanges `batch`, of which nothing is kept, for one that has been read; after a while without any, leaves it
    /// empty and says [`Fill::Idle`].
    fn fill(&mut self, batch: &mut RecordBatch) -> Result<Fill, CaptureError> {
        batch.clear();
        let mut read = match self.reads.recv_timeout(PATIENCE) {
            Ok(read) => read,
            Err(RecvTimeoutError::Timeout) => return Ok(Fill::Idle),
            Err(RecvTimeoutError::Disconnected) => return Ok(self.end()),
        };
        std::mem::swap(batch, &mut read.batch);
        match self.used.try_send(read.batch) {
            // The reader needs no more of them once it has ended.
            Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
        }
        self.counters = read.counters;
        self.progress = read.progress;
        read.filled
    }

    /// Those of the packets up to the last batch.
    fn counters(&self) -> Result<KernelCounters, CaptureError> {
        Ok(self.counters)
    }
}

fn read(mut source: PcapSource, to_taker: &SyncSender<Read>, empties: &Receiver<RecordBatch>) {
    loop {
        let mut batch = empties.try_recv().unwrap_or_default();
        batch.clear();
        let filled = source.fill(&mut batch);
        let is_over = matches!(filled, Ok(Fill::End) | Err(_));
        let read = Read { batch, filled, counters: source.counters, progress: source.progress() };
        // Nobody takes any more: a signal, an output that failed, or enough for a baseline.
        let is_wanted = to_taker.send(read).is_ok();
        if is_over || !is_wanted {
            return;
        }
    }
}
