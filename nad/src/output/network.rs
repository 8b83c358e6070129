//! Connections of outputs. The server may be hostile or broken: each conversation has a deadline, each answer a time and a
//! size, and the end of nad cuts all of them short.
//!
//! Whoever uses a connection waits, but never for longer than that, and needs no timers of its own.

#[cfg(feature = "mail")]
mod polled;
mod resolve;

use std::{
    fmt,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    os::fd::AsFd,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

#[cfg(feature = "mail")]
pub(super) use polled::block_on;
pub(super) use resolve::resolve;

use super::{ending::Ending, ready};
use crate::self_traffic::{self, Registration};

/// The end of nad is noticed this often.
const SLICE: Duration = Duration::from_millis(100);
/// Answers that a conversation may have of the largest size.
const MOST_LARGE_ANSWERS: usize = 16;

/// What a server is given. Clones are of the same conversation.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    /// When the conversation is over.
    deadline: Arc<Mutex<Instant>>,
    /// How long each answer may take, as a whole.
    step: Duration,
    /// Bytes of an answer.
    most_answer: usize,
    /// The end of nad.
    ending: Ending,
}

impl Limits {
    /// Those of a conversation that begins now.
    pub(super) fn new(whole: Duration, step: Duration, most_answer: usize, ending: &Ending) -> Self {
        let deadline = Arc::new(Mutex::new(Instant::now() + whole));
        Self { deadline, step, most_answer, ending: ending.clone() }
    }

    /// The conversation may take so much longer, and no more than it might before.
    pub(super) fn shorten(&self, left: Duration) {
        let mut deadline = self.deadline.lock().unwrap_or_else(PoisonError::into_inner);
        *deadline = (*deadline).min(Instant::now() + left);
    }

    /// The time that is left for something that was begun.
    fn left(&self, begun: Instant) -> io::Result<Duration> {
        let deadline = *self.deadline.lock().unwrap_or_else(PoisonError::into_inner);
        let left = self.ending.left(deadline.min(begun + self.step));
        left.ok_or_else(|| Cut::Late.into())
    }
}

/// Why a conversation was cut short.
#[derive(Debug, thiserror::Error)]
pub(super) enum Cut {
    /// An answer, or all of it, took too long.
    #[error("no answer in time")]
    Late,
    /// An answer is longer than any that makes sense.
    #[error("the answer is longer than {0} bytes, so it was not read to its end")]
    Answer(usize),
    /// The server says ever more.
    #[error("the answers are longer than {0} bytes altogether, so they were not read to their end")]
    Answers(usize),
}

impl From<Cut> for io::Error {
    fn from(cut: Cut) -> Self {
        let kind = match cut {
            Cut::Late => io::ErrorKind::TimedOut,
            Cut::Answer(_) | Cut::Answers(_) => io::ErrorKind::InvalidData,
        };
        Self::new(kind, cut)
    }
}

/// A connection within limits, which is self traffic.
pub(super) struct Connection {
    socket: Arc<Socket>,
    limits: Limits,
    /// When what is being answered was sent.
    asked: Instant,
    /// Since when what is to be sent has no room.
    refused: Option<Instant>,
    /// Bytes that were received since then, and altogether.
    answered: usize,
    received: usize,
    /// Whether no more than a line is read at a time, so that what follows is left to who reads next.
    by_line: bool,
}

/// A socket, which is registered as nad's own as long as it is open.
struct Socket {
    stream: TcpStream,
    _registration: Registration<'static>,
}

impl Connection {
    /// Connects to the first address that answers, each of which has its share of the time.
    ///
    /// # Errors
    ///
    /// That of the last address, or [`Cut::Late`].
    pub(super) fn open(addresses: &[SocketAddr], limits: &Limits) -> io::Result<Self> {
        let mut refused = io::Error::new(io::ErrorKind::NotFound, "its name has no address");
        for (place, address) in addresses.iter().enumerate() {
            let left = limits.left(Instant::now())?;
            let share = left / u32::try_from(addresses.len() - place).unwrap_or(u32::MAX);
            match self_traffic::connect(*address, Instant::now() + share) {
                Ok((stream, registration)) => return Self::over(stream, limits.clone(), registration),
                Err(error) if error.kind() == io::ErrorKind::TimedOut => refused = Cut::Late.into(),
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    fn over(stream: TcpStream, limits: Limits, registration: Registration<'static>) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        // Limits are watched between attempts.
        stream.set_nonblocking(true)?;
        Ok(Self {
            socket: Arc::new(Socket { stream, _registration: registration }),
            limits,
            asked: Instant::now(),
            refused: None,
            answered: 0,
            received: 0,
            by_line: false,
        })
    }

    /// What waits where a future waits for this connection.
    pub(super) fn waiting(&self) -> Waiting {
        Waiting(Arc::clone(&self.socket))
    }

    /// How many bytes may be read at once.
    fn room(&self) -> Result<usize, Cut> {
        let most = self.limits.most_answer;
        let most_of_all = most * MOST_LARGE_ANSWERS;
        match (most - self.answered, most_of_all - self.received) {
            (0, _) => Err(Cut::Answer(most)),
            (_, 0) => Err(Cut::Answers(most_of_all)),
            (of_answer, of_all) => Ok(of_answer.min(of_all)),
        }
    }

    /// Reads what is there; [`io::ErrorKind::WouldBlock`] where there is nothing yet.
    fn read_now(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = self.room()?.min(buffer.len());
        self.limits.left(self.asked)?;
        let mut most = room;
        if self.by_line {
            let peeked = self.socket.stream.peek(&mut buffer[..room])?;
            let end = buffer[..peeked].iter().position(|byte| *byte == b'\n');
            most = end.map_or(peeked, |end| end + 1);
        }
        let count = (&self.socket.stream).read(&mut buffer[..most])?;
        self.answered += count;
        self.received += count;
        Ok(count)
    }

    /// Writes what there is room for; [`io::ErrorKind::WouldBlock`] where there is none yet.
    fn write_now(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let begun = *self.refused.get_or_insert_with(Instant::now);
        self.limits.left(begun)?;
        let count = (&self.socket.stream).write(bytes)?;
        (self.asked, self.refused, self.answered) = (Instant::now(), None, 0);
        Ok(count)
    }
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.read_now(buffer) {
                Err(error) if is_pause(&error) => self.waiting().wait(),
                result => return result,
            }
        }
    }
}

impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.write_now(bytes) {
                Err(error) if is_pause(&error) => {
                    ready::wait(self.socket.stream.as_fd(), ready::WRITABLE, SLICE);
                }
                result => return result,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether nothing has failed but that nothing could be done just now.
fn is_pause(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// Waits for what a connection has.
pub(super) struct Waiting(Arc<Socket>);

impl Waiting {
    /// Waits until there is something to read, or for a slice of time.
    fn wait(&self) {
        ready::wait(self.0.stream.as_fd(), ready::READABLE, SLICE);
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("server", &self.socket.stream.peer_addr().ok()).finish()
    }
}

#[cfg(test)]
mod tests;
