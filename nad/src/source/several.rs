//! Several captures as one, in the order of their packets' times.

mod survey;

use std::{
    collections::VecDeque,
    fs::{self, File},
    path::{Path, PathBuf},
};

use nad_common::counters::KernelCounters;
use nad_engine::batch::{BATCH_RECORDS, Cause, RecordBatch, Shift};

use super::{
    Fill, Source,
    heads::HeadOptions,
    pcap::{CaptureError, PcapSource},
};
pub use survey::Survey;
use survey::Surveyor;

/// Captures whose packets interleave, of which each needs a descriptor and a buffer.
const MOST_OPEN: usize = 64;
/// A pause between packets that counts at most as watched: a longer one is one in which nothing was captured.
const LONGEST_PAUSE_NS: u64 = 60_000_000_000;
/// A pause between files that passes as sensor time; of a longer one, as much does as counts as watched.
const LONGEST_SILENCE_NS: u64 = 3_600_000_000_000;

/// Why captures can't be read together.
#[derive(Debug, thiserror::Error)]
pub enum SeveralError {
    /// One of them can't be read.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// A directory can't be listed.
    #[error("{name}: can't be listed: {cause}")]
    Unlisted {
        /// The directory as it was given.
        name: String,
        /// What the system said.
        cause: std::io::Error,
    },
    /// A directory holds no capture.
    #[error("{name}: no file in this directory is a capture; name one that holds pcap or pcapng files")]
    NoCapture {
        /// The directory as it was given.
        name: String,
    },
    /// Too many interleave.
    #[error("more than {MOST_OPEN} captures have packets of the same time: merge them first with `mergecap`")]
    TooMany,
}

/// Captures that are open, and what was left out of the directories that were named.
#[derive(Debug, Default)]
pub struct Found {
    /// The captures. They are opened once: later, nad may have no right to.
    pub captures: Vec<Capture>,
    /// Files of directories that are none.
    pub others: Vec<PathBuf>,
}

/// A capture that is open.
#[derive(Debug)]
pub struct Capture {
    /// Its path.
    pub path: PathBuf,
    file: File,
    heads: HeadOptions,
}

impl Capture {
    fn open(path: PathBuf, heads: HeadOptions) -> Result<Self, CaptureError> {
        let name = crate::text::path(&path);
        let file = File::open(&path).map_err(|cause| CaptureError::unreadable(&name, cause))?;
        // What is none is known by how it begins.
        PcapSource::of_file(&file, &path)?;
        Ok(Self { path, file, heads })
    }

    /// Whether it can be read once more, as a file and no pipe.
    pub fn is_file(&self) -> bool {
        self.file.metadata().is_ok_and(|metadata| metadata.is_file())
    }

    /// Its bytes, as they are stored.
    pub fn bytes(&self) -> u64 {
        self.file.metadata().map_or(0, |metadata| metadata.len())
    }

    fn read(&self) -> Result<PcapSource, CaptureError> {
        Ok(PcapSource::of_file(&self.file, &self.path)?.with_heads(self.heads))
    }
}

/// Finds captures: files as they are named, and of directories the captures that lie in them.
///
/// # Errors
///
/// When a file that is named can't be read as a capture, or a directory holds none.
pub fn find(named: &[PathBuf], heads: HeadOptions) -> Result<Found, SeveralError> {
    let mut found = Found::default();
    for path in named {
        if !path.is_dir() {
            found.captures.push(Capture::open(path.clone(), heads)?);
            continue;
        }
        let before = found.captures.len();
        for file in files_in(path)? {
            match Capture::open(file.clone(), heads) {
                Ok(capture) => found.captures.push(capture),
                Err(
                    CaptureError::NotACapture { .. }
                    | CaptureError::OtherCompression { .. }
                    | CaptureError::Empty { .. },
                ) => found.others.push(file),
                Err(error) => return Err(error.into()),
            }
        }
        if found.captures.len() == before {
            return Err(SeveralError::NoCapture { name: crate::text::path(path) });
        }
    }
    Ok(found)
}

/// The regular files in a directory, by name, but for hidden ones.
fn files_in(directory: &Path) -> Result<Vec<PathBuf>, SeveralError> {
    let unlisted = |cause| SeveralError::Unlisted { name: crate::text::path(directory), cause };
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).map_err(unlisted)? {
        let entry = entry.map_err(unlisted)?;
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !is_hidden && entry.path().is_file() {
            files.push(entry.path());
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// See the module. Files follow each other by the time of their first packet; those that overlap are merged.
#[derive(Debug)]
pub struct Several<'a> {
    /// Those that are not read yet, with the time of their first packet.
    waiting: VecDeque<(u64, &'a Capture)>,
    open: Vec<Open>,
    /// Of those that are read.
    counters: KernelCounters,
    damaged: Vec<CaptureError>,
    /// The time of the last record that was handed on.
    last_ns: Option<u64>,
    /// By how much sensor time is behind the files' times.
    skipped_ns: u64,
    /// Bytes of those that are read.
    bytes_read: u64,
}

#[derive(Debug)]
struct Open {
    source: PcapSource,
    batch: RecordBatch,
    /// The next record of the batch.
    place: usize,
    /// Whether it is the first batch.
    is_new: bool,
}

impl<'a> Several<'a> {
    /// Puts captures in order.
    ///
    /// # Errors
    ///
    /// When one of them can't be read at all.
    pub fn open(captures: &'a [Capture]) -> Result<Self, SeveralError> {
        let mut waiting = Vec::with_capacity(captures.len());
        for capture in captures {
            waiting.push((first_time(capture)?, capture));
        }
        // Files without packets come last; a stable order keeps the one in which they were named.
        waiting.sort_by_key(|(first_ns, _)| *first_ns);
        Ok(Self::in_order(waiting.into()))
    }

    /// One that can be read only once, as a pipe.
    pub fn once(source: PcapSource) -> Self {
        let mut several = Self::in_order(VecDeque::new());
        several.open.push(Open { source, batch: RecordBatch::default(), place: 0, is_new: true });
        several
    }

    fn in_order(waiting: VecDeque<(u64, &'a Capture)>) -> Self {
        let (open, damaged) = (Vec::new(), Vec::new());
        Self {
            waiting,
            open,
            counters: KernelCounters::default(),
            damaged,
            last_ns: None,
            skipped_ns: 0,
            bytes_read: 0,
        }
    }

    /// Reads all of captures, and says what there is; `progress` gets the bytes that were read.
    ///
    /// # Errors
    ///
    /// As for [`Self::fill`].
    pub fn survey(captures: &'a [Capture], mut progress: impl FnMut(u64)) -> Result<Survey, SeveralError> {
        let mut several = Self::open(captures)?;
        let mut batch = RecordBatch::default();
        let mut surveyor = Surveyor::default();
        loop {
            let filled = several.fill(&mut batch)?;
            batch.records().iter().for_each(|record| surveyor.take(record.time_ns));
            progress(several.bytes_read());
            if filled == Fill::End {
                return Ok(surveyor.end());
            }
        }
    }

    /// What could not be read to its end, as far as it was met.
    pub fn take_damaged(&mut self) -> Vec<CaptureError> {
        std::mem::take(&mut self.damaged)
    }

    /// Bytes that were read, as they are stored.
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read + self.open.iter().map(|open| open.source.progress().bytes_read).sum::<u64>()
    }

    /// The open file whose next packet is the first.
    fn next(&self) -> Option<(usize, u64)> {
        let times = self.open.iter().enumerate().map(|(place, open)| (place, open.next_ns()));
        times.min_by_key(|(_, time_ns)| *time_ns)
    }

    /// Opens those that are due, and sees to it that each that is open has a record; false while one has none so far.
    fn advance(&mut self) -> Result<bool, SeveralError> {
        let mut place = 0;
        while place < self.open.len() {
            let open = &mut self.open[place];
            if open.has_next() {
                place += 1;
                continue;
            }
            open.is_new = open.batch.is_empty();
            open.place = 0;
            open.batch.clear();
            match open.source.fill(&mut open.batch) {
                Ok(Fill::End) if open.batch.is_empty() => self.close(place)?,
                Ok(Fill::End | Fill::More) if open.batch.is_empty() => return Ok(false),
                Ok(Fill::Idle) => return Ok(false),
                Ok(_) => place += 1,
                Err(error) => {
                    self.damaged.push(error);
                    if self.open[place].batch.is_empty() {
                        self.close(place)?;
                    }
                }
            }
        }
        let due_ns = self.next().map_or(u64::MAX, |(_, time_ns)| time_ns);
        if self.waiting.front().is_none_or(|(first_ns, _)| *first_ns > due_ns) {
            return Ok(true);
        }
        if self.open.len() >= MOST_OPEN {
            return Err(SeveralError::TooMany);
        }
        if let Some((_, capture)) = self.waiting.pop_front() {
            let source = capture.read()?;
            self.open.push(Open { source, batch: RecordBatch::default(), place: 0, is_new: true });
        }
        Ok(false)
    }

    fn close(&mut self, place: usize) -> Result<(), SeveralError> {
        let open = self.open.swap_remove(place);
        self.counters.add(&open.source.counters()?);
        self.bytes_read += open.source.progress().bytes_read;
        Ok(())
    }
}

impl Source for Several<'_> {
    type Error = SeveralError;

    /// Damage of one file is no error: what comes before it is given, and [`Self::take_damaged`] tells of it.
    fn fill(&mut self, batch: &mut RecordBatch) -> Result<Fill, SeveralError> {
        batch.clear();
        while !batch.is_full() {
            if self.open.iter().any(|open| !open.has_next()) || self.is_due() {
                if !self.advance()? && self.open.is_empty() && self.waiting.is_empty() {
                    return Ok(Fill::End);
                }
                continue;
            }
            let Some((place, time_ns)) = self.next() else {
                return Ok(Fill::End);
            };
            self.pass_gap(time_ns, batch);
            let until_ns = self.until(place);
            let open = &mut self.open[place];
            let room = BATCH_RECORDS - batch.len();
            let rest = open.batch.records()[open.place..].iter().skip(1).take(room - 1);
            let run = 1 + rest.take_while(|record| record.time_ns < until_ns).count();
            batch.append(&open.batch, open.place..open.place + run, self.skipped_ns);
            open.place += run;
            self.last_ns = Some(open.batch.records()[open.place - 1].time_ns);
        }
        Ok(Fill::More)
    }

    fn counters(&self) -> Result<KernelCounters, SeveralError> {
        let mut counters = self.counters;
        for open in &self.open {
            counters.add(&open.source.counters()?);
        }
        Ok(counters)
    }
}

impl Several<'_> {
    /// The moment at which a packet of another file than this one is due.
    fn until(&self, place: usize) -> u64 {
        let others = self.open.iter().enumerate().filter(|(other, _)| *other != place);
        let waiting = self.waiting.front().map(|(first_ns, _)| *first_ns);
        others.map(|(_, open)| open.next_ns()).chain(waiting).min().unwrap_or(u64::MAX)
    }

    /// Between files, nobody watched; gaps within one are reported by its source.
    fn pass_gap(&mut self, time_ns: u64, batch: &mut RecordBatch) {
        let is_first_of_file = self.open.iter().any(|open| open.place == 0 && open.is_new);
        let gap_ns = self.last_ns.map_or(0, |last_ns| time_ns.saturating_sub(last_ns));
        if !is_first_of_file || gap_ns <= LONGEST_PAUSE_NS {
            return;
        }
        let skipped_ns = if gap_ns > LONGEST_SILENCE_NS { gap_ns - LONGEST_PAUSE_NS } else { 0 };
        self.skipped_ns = self.skipped_ns.saturating_add(skipped_ns);
        let unwatched_ns = gap_ns - LONGEST_PAUSE_NS - skipped_ns;
        let index = batch.indices().last().copied().unwrap_or(0);
        let cause = Cause::Gap(gap_ns);
        batch.push_shift(Shift { index, by_ns: skipped_ns.into(), unwatched_ns, cause });
    }

    /// Whether a file that waits begins before what is next.
    fn is_due(&self) -> bool {
        let next_ns = self.next().map_or(u64::MAX, |(_, time_ns)| time_ns);
        self.waiting.front().is_some_and(|(first_ns, _)| *first_ns <= next_ns)
    }
}

impl Open {
    fn has_next(&self) -> bool {
        self.place < self.batch.len()
    }

    fn next_ns(&self) -> u64 {
        self.batch.records().get(self.place).map_or(0, |record| record.time_ns)
    }
}

/// The time of a capture's first packet; the last that there is where it has none.
fn first_time(capture: &Capture) -> Result<u64, SeveralError> {
    let mut source = capture.read()?;
    let mut batch = RecordBatch::default();
    loop {
        match source.fill(&mut batch) {
            _ if !batch.is_empty() => return Ok(batch.records()[0].time_ns),
            Ok(Fill::End) => return Ok(u64::MAX),
            Ok(_) => {}
            // What there is before the damage counts, and it is reported when it is read.
            Err(CaptureError::Damaged { .. } | CaptureError::Read { .. }) => return Ok(u64::MAX),
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests;
