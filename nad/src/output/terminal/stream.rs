//! Writing to a standard stream, whoever reads it: a reader that has stopped holds up nobody but who writes there, and one that
//! has gone is noticed also where there is nothing to write.

use std::{
    io::{self, Write},
    os::fd::AsFd,
    time::{Duration, Instant},
};

use rustix::event::PollFlags;

use crate::output::ready;

/// Bytes that are written at once: as many as a pipe takes without waiting, once it takes any (pipe(7), `PIPE_BUF`).
const MOST_AT_ONCE: usize = 4096;
/// How often is looked whether waiting still makes sense.
const SLICE: Duration = Duration::from_millis(100);

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    Output,
    Error,
}

/// Writes text. `locked` is called with each part that can be written without waiting, and writes it; in between, and
/// whenever there is nothing to do but wait, `may_wait` is asked.
///
/// # Errors
///
/// When it can't be written; [`io::ErrorKind::TimedOut`] where it was not to be waited for any longer, and
/// [`io::ErrorKind::BrokenPipe`] where nobody reads it any more.
pub(super) fn write(
    stream: Stream,
    text: &[u8],
    mut may_wait: impl FnMut() -> bool,
    mut locked: impl FnMut(&mut dyn FnMut() -> io::Result<()>) -> io::Result<()>,
) -> io::Result<()> {
    for part in parts(text) {
        while !stream.is_writable(SLICE) {
            if !may_wait() {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "its reader has stopped reading"));
            }
        }
        let written = locked(&mut || stream.put(part));
        written.map_err(|error| if stream.is_gone() { io::ErrorKind::BrokenPipe.into() } else { error })?;
    }
    Ok(())
}

/// Asks [`write`] to wait no longer than this.
pub(super) fn for_at_most(patience: Option<Duration>) -> impl FnMut() -> bool {
    let begun = Instant::now();
    move || patience.is_none_or(|patience| begun.elapsed() < patience)
}

impl Stream {
    /// Whether whoever read it has gone.
    pub(super) fn is_gone(self) -> bool {
        self.state(PollFlags::empty(), Duration::ZERO).intersects(ready::GONE)
    }

    /// Waits for a while, or until something can be written, or it is clear that it can't.
    pub(super) fn is_writable(self, longest: Duration) -> bool {
        !self.state(ready::WRITABLE, longest).is_empty()
    }

    fn put(self, part: &[u8]) -> io::Result<()> {
        match self {
            Self::Output => {
                let mut out = io::stdout().lock();
                out.write_all(part).and_then(|()| out.flush())
            }
            Self::Error => io::stderr().write_all(part),
        }
    }

    fn state(self, wanted: PollFlags, longest: Duration) -> PollFlags {
        match self {
            Self::Output => ready::wait(io::stdout().as_fd(), wanted, longest),
            Self::Error => ready::wait(io::stderr().as_fd(), wanted, longest),
        }
    }
}

/// Whole lines as long as they fit, so that a line at the bottom of the terminal is drawn between lines only.
fn parts(mut text: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let most = &text[..text.len().min(MOST_AT_ONCE)];
        let length = most.iter().rposition(|byte| *byte == b'\n').map_or(most.len(), |end| end + 1);
        let (part, rest) = text.split_at(length);
        text = rest;
        (!part.is_empty()).then_some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_written_in_whole_lines_as_far_as_they_fit_and_nothing_of_it_is_lost() {
        let text = format!("{}\n{}\n{}", "a".repeat(3000), "b".repeat(2000), "c".repeat(9000));
        let lengths: Vec<usize> = parts(text.as_bytes()).map(<[u8]>::len).collect();
        assert_eq!(lengths, [3001, 2001, 4096, 4096, 808]);
        assert_eq!(parts(text.as_bytes()).flatten().copied().collect::<Vec<_>>(), text.as_bytes());
        assert_eq!(parts(b"").count(), 0);
    }
}
