//! The log file: lines go into it whole or not at all, and what happens to it is said once.

use std::{
    cell::Cell,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use super::{
    origin,
    rotation::{self, Day},
};
use crate::{
    files::{self, Identity},
    output::{
        followed::{self, Torn, is_regular},
        log::{LogConfig, LogFormat, Rotate},
        reopen::Reopening,
        terminal::Screen,
    },
    text,
};

/// How often is looked whether the path still leads to the file that is written: another nad may have begun a new one.
const LOOK: Duration = Duration::from_secs(1);
/// After a new file could not be begun, this long is waited before that is tried again.
const RETRY: Duration = Duration::from_secs(60);

thread_local! {
    /// Whether the last line of this thread is in the file.
    static WRITTEN: Cell<Option<bool>> = const { Cell::new(None) };
}

/// Whether what is logged meanwhile, in one line, is in the file; `None` where there is none.
pub(super) fn outcome(log: impl FnOnce()) -> Option<bool> {
    WRITTEN.set(None);
    log();
    WRITTEN.take()
}

/// See the module. Several nads may add to the same file: each line is one write to its end.
pub(super) struct LogFile {
    path: PathBuf,
    config: LogConfig,
    screen: Screen,
    file: File,
    /// Only a regular file is ever moved, which nad has opened itself: not `/dev/null`, nor what standard error leads to.
    is_regular: bool,
    /// Whether nad began the file. Another program's is added to and never moved.
    is_own: bool,
    size: u64,
    /// That of what lies in the file.
    day: Day,
    looked: Instant,
    reopening: Reopening,
    /// Until when no new file is begun or looked for, after one could not be opened: so often is that said at most.
    not_before: Option<Instant>,
    /// Lines that are missing since it could not be written; 0 while it can.
    missing: u64,
}

impl LogFile {
    /// Opens the file to add to it; its folder is made where it is missing.
    pub(super) fn open(path: &Path, config: &LogConfig, screen: Screen) -> io::Result<Self> {
        let (file, metadata) = open(path, followed::open)?;
        let log = Self {
            path: path.into(),
            config: config.clone(),
            screen,
            is_regular: is_regular(path, &metadata),
            is_own: is_own(path, &metadata),
            size: metadata.len(),
            day: day(&metadata),
            file,
            looked: Instant::now(),
            reopening: Reopening::default(),
            not_before: None,
            missing: 0,
        };
        if log.is_regular && !log.is_own {
            log.warn(&format!(
                "log file {} was not begun by nad, so it is never moved away, however large; choose another with --log",
                text::path(path)
            ));
        }
        Ok(log)
    }

    /// Opens the path anew where that is due, then begins a new file where that is.
    fn prepare(&mut self, line: usize, now: SystemTime) {
        let is_asked = self.reopening.is_due();
        if !self.is_regular {
            return;
        }
        let may = self.not_before.is_none_or(|then| Instant::now() >= then);
        if is_asked || may && self.looked.elapsed() >= LOOK {
            self.looked = Instant::now();
            self.follow();
        }
        let is_full = self.size + line as u64 > self.config.max_size;
        let is_yesterday = self.config.rotate == Rotate::Daily && self.day != Day::of(now);
        if self.size == 0 {
            self.day = Day::of(now);
        } else if (is_full || is_yesterday) && may && self.is_own {
            self.not_before = None;
            self.rotate(now);
        }
    }

    /// Goes on in the file that the path leads to, if it is another one by now; one that is missing is made.
    fn follow(&mut self) {
        // Where it was deleted, the next line makes it again, or says that it can't.
        if !self.is_followed()
            && !followed::is_deleted(&self.file)
            && let Err(error) = self.reopen()
        {
            self.complain("can't be opened anew", &error);
            self.not_before = Some(Instant::now() + RETRY);
        }
    }

    fn is_followed(&self) -> bool {
        followed::leads_to(&self.path, &self.file)
    }

    fn reopen(&mut self) -> io::Result<()> {
        let (file, metadata) = open(&self.path, followed::reopen)?;
        (self.file, self.size) = (file, metadata.len());
        (self.is_regular, self.is_own) = (is_regular(&self.path, &metadata), is_own(&self.path, &metadata));
        self.day = day(&metadata);
        Ok(())
    }

    /// Moves the file away and begins a new one. A nad that is killed in between leaves no file of that name, and the next
    /// one makes it. Where another nad was first, its new file is taken.
    fn rotate(&mut self, now: SystemTime) {
        let moved = Identity::of_file(&self.file).and_then(|file| match self.is_followed() {
            true => rotation::move_away(&self.path, file, now),
            false => Ok(()),
        });
        if let Err(error) = moved.and_then(|()| self.reopen()) {
            self.complain("can't be rotated", &error);
            self.not_before = Some(Instant::now() + RETRY);
            return;
        }
        if let Err(error) = rotation::retain(&self.path, self.config.keep) {
            self.complain("has old files that can't be deleted", &error);
        }
    }

    /// Says in the first line of a new file whose it is, where the line that is to be written doesn't: by that the next nad
    /// knows that it may move the file away.
    fn begin(&mut self, line: &[u8]) -> io::Result<()> {
        if self.size > 0 || !self.is_regular || origin::is_nads(line) {
            return Ok(());
        }
        let first = origin::first_line(self.config.format == LogFormat::Json);
        self.add(first.as_bytes())
    }

    /// Writes all of a line.
    fn add(&mut self, line: &[u8]) -> io::Result<()> {
        followed::write_whole(&mut self.file, line).map_err(Torn::into_cause)?;
        self.size += line.len() as u64;
        Ok(())
    }

    /// Writes a line to where it is found. In a file that was deleted meanwhile it is not: another is made with it.
    fn keep(&mut self, line: &[u8]) -> io::Result<()> {
        if self.is_regular && followed::is_deleted(&self.file) {
            self.reopen()?;
        }
        self.begin(line)?;
        self.add(line)?;
        if self.is_regular && followed::is_deleted(&self.file) {
            self.reopen()?;
            self.begin(line)?;
            self.add(line)?;
        }
        Ok(())
    }

    fn complain(&self, what: &str, error: &io::Error) {
        self.warn(&format!("log file {} {what}: {error}", text::path(&self.path)));
    }

    /// Not through tracing, which is what calls this.
    fn warn(&self, line: &str) {
        self.screen.tell(&format!("warning: {line}\n"));
    }
}

/// Opens the file to add to it. One that can't take a line now, as a pipe whose reader is slow, is not waited for.
fn open(path: &Path, how: fn(&Path) -> io::Result<File>) -> io::Result<(File, fs::Metadata)> {
    let file = if files::is_descriptor(path) { files::append(path)? } else { how(path)? };
    let metadata = file.metadata()?;
    if !metadata.is_file() && !files::is_descriptor(path) {
        rustix::fs::fcntl_setfl(&file, rustix::fs::OFlags::APPEND | rustix::fs::OFlags::NONBLOCK)?;
    }
    Ok((file, metadata))
}

/// Whether nad began what is in a file; nobody began an empty one.
fn is_own(path: &Path, metadata: &fs::Metadata) -> bool {
    metadata.len() == 0 || origin::began(path)
}

/// What lies in a file is of the day on which it was written last.
fn day(metadata: &fs::Metadata) -> Day {
    Day::of(metadata.modified().unwrap_or_else(|_| SystemTime::now()))
}

impl Write for LogFile {
    /// Takes a whole line. It says once when it can't be written, and once when it can again; whoever logs is not to care.
    fn write(&mut self, whole: &[u8]) -> io::Result<usize> {
        // JSON escapes by itself, and keeps the rest as it was.
        let line = if self.config.format == LogFormat::Text { super::readable(whole) } else { whole.into() };
        let line = line.as_ref();
        self.prepare(line.len(), SystemTime::now());
        let kept = self.keep(line);
        WRITTEN.set(Some(kept.is_ok()));
        match kept {
            Ok(()) => {
                let missing = std::mem::take(&mut self.missing);
                if missing > 0 {
                    let path = text::path(&self.path);
                    self.warn(&format!(
                        "log file {path} can be written again; {missing} lines are missing in it"
                    ));
                }
            }
            Err(error) => {
                self.missing += 1;
                if self.missing == 1 {
                    self.complain(
                        "can't be written",
                        &io::Error::other(format!("{error}; the log has gaps")),
                    );
                }
            }
        }
        Ok(whole.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
