//! Connections of which there are not too many, and none that is held for ever or by one who asks nothing.
//!
//! There is always room for one more: where there are too many, of all or of one peer, another one has to leave for it, the one
//! that has been doing nothing for longest before any that is answered.

use std::{
    cmp::Reverse,
    io,
    net::IpAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::Notify,
    time::{Instant, Sleep},
};

/// How many connections there may be, and for how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// At a time. Each takes one of the process's files, which outputs need, too.
    pub(super) most: usize,
    /// Of one peer.
    pub(super) most_of_peer: usize,
    /// How long the head of a request may take, from the connection or from its first byte on.
    pub(super) asking: Duration,
    /// How long an answer may take until it was taken.
    pub(super) answering: Duration,
    /// How long a connection may wait for its next request: longer than Prometheus usually waits between scrapes.
    pub(super) idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            most: 32,
            most_of_peer: 8,
            asking: Duration::from_secs(5),
            answering: Duration::from_secs(10),
            idle: Duration::from_secs(75),
        }
    }
}

/// The connections that there are.
#[derive(Debug)]
pub(super) struct Room {
    limits: Limits,
    places: Mutex<Places>,
}

#[derive(Debug, Default)]
struct Places {
    taken: Vec<Place>,
    last_number: u64,
}

#[derive(Debug)]
struct Place {
    number: u64,
    peer: Peer,
    stage: Stage,
    since: Instant,
    leave: Arc<Notify>,
}

/// What a connection is doing; those that come first have to leave first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// It was answered, and asks nothing.
    Idle,
    /// It has not asked a whole question yet.
    Asking,
    /// It is answered.
    Answering,
}

/// Who is on the other side: an address, of which one of IPv6 counts with its 64 bits of network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Peer(u128);

impl Peer {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(address.to_bits().into()),
            IpAddr::V6(address) => Self(address.to_bits() >> 64 << 64),
        }
    }
}

impl Room {
    pub(super) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, places: Mutex::default() })
    }

    /// Takes a connection in, for which another one may have to leave.
    pub(super) fn enter(self: &Arc<Self>, stream: TcpStream, address: IpAddr) -> (Connection, Leaving) {
        let (peer, leave) = (Peer::of(address), Arc::new(Notify::new()));
        let mut places = self.lock();
        places.make_room(peer, self.limits);
        places.last_number += 1;
        let number = places.last_number;
        let stage = Stage::Asking;
        places.taken.push(Place { number, peer, stage, since: Instant::now(), leave: Arc::clone(&leave) });
        drop(places);
        let seat = Seat { room: Arc::clone(self), number };
        let deadline = Box::pin(tokio::time::sleep(self.limits.asking));
        let connection = Connection { stream, deadline, stage, has_written: false, seat: Arc::new(seat) };
        (connection, Leaving(leave))
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    fn make_room(&mut self, peer: Peer, limits: Limits) {
        let count = |peer: Peer| self.taken.iter().filter(|place| place.peer == peer).count();
        let is_one_too_many = count(peer) >= limits.most_of_peer;
        if !is_one_too_many && self.taken.len() < limits.most {
            return;
        }
        let may_leave = self.taken.iter().enumerate();
        let may_leave = may_leave.filter(|(_, place)| !is_one_too_many || place.peer == peer);
        let leaves =
            may_leave.min_by_key(|(_, place)| (Reverse(count(place.peer)), place.stage, place.since));
        if let Some((place, _)) = leaves {
            self.taken.swap_remove(place).leave.notify_one();
        }
    }
}

/// Says when a connection has to leave for another one.
#[derive(Debug)]
pub(super) struct Leaving(Arc<Notify>);

impl Leaving {
    pub(super) async fn is_due(&self) {
        self.0.notified().await;
    }
}

/// A connection's place, which is free once it has gone.
#[derive(Debug)]
struct Seat {
    room: Arc<Room>,
    number: u64,
}

impl Seat {
    /// Notes what it does from now on.
    fn note(&self, stage: Stage) {
        if let Some(place) = self.room.lock().taken.iter_mut().find(|place| place.number == self.number) {
            (place.stage, place.since) = (stage, Instant::now());
        }
    }

    fn stage(&self) -> Option<Stage> {
        self.room.lock().taken.iter().find(|place| place.number == self.number).map(|place| place.stage)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.room.lock().taken.retain(|place| place.number != self.number);
    }
}

/// Notes that a connection has asked a whole question.
#[derive(Debug, Clone)]
pub(super) struct Asked(Arc<Seat>);

impl Asked {
    pub(super) fn note(&self) {
        self.0.note(Stage::Answering);
    }
}

/// A connection, one of not too many.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    /// Moved on by a new stage only, not by what comes in: who sends a byte now and then holds nothing.
    deadline: Pin<Box<Sleep>>,
    /// That of the deadline.
    stage: Stage,
    /// Whether any of the answer was.
    has_written: bool,
    seat: Arc<Seat>,
}

impl Connection {
    /// What notes that it has asked.
    pub(super) fn asked(&self) -> Asked {
        Asked(Arc::clone(&self.seat))
    }

    fn enter(&mut self, stage: Stage) {
        self.seat.note(stage);
        self.keep_up();
    }

    /// Gives the deadline of the stage that it is in.
    fn keep_up(&mut self) {
        let Some(stage) = self.seat.stage().filter(|stage| *stage != self.stage) else { return };
        (self.stage, self.has_written) = (stage, false);
        let limits = self.seat.room.limits;
        let length = match stage {
            Stage::Idle => limits.idle,
            Stage::Asking => limits.asking,
            Stage::Answering => limits.answering,
        };
        self.deadline.as_mut().reset(Instant::now() + length);
    }

    /// An error instead of waiting on where the time is over.
    fn or_too_late<T>(
        &mut self,
        poll: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        self.keep_up();
        if poll.is_pending() && self.deadline.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        poll
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let poll = Pin::new(&mut this.stream).poll_read(context, buffer);
        if poll.is_ready() && this.stage == Stage::Idle {
            this.enter(Stage::Asking);
        }
        this.or_too_late(poll, context)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.keep_up();
        let poll = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.has_written |= poll.is_ready();
        this.or_too_late(poll, context)
    }

    /// Called once the whole answer was written.
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if std::mem::take(&mut this.has_written) && this.stage == Stage::Answering {
            this.enter(Stage::Idle);
        }
        Pin::new(&mut this.stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        most: 4,
        most_of_peer: 2,
        asking: Duration::from_secs(5),
        answering: Duration::from_secs(10),
        idle: Duration::from_secs(75),
    };

    /// Places taken one after the other, and those that are left once a peer asks for one.
    fn left(taken: &[(u32, Stage)], newcomer: u32) -> Vec<u64> {
        let begun = Instant::now();
        let place = |(number, (peer, stage)): (usize, &(u32, Stage))| Place {
            number: number as u64,
            peer: Peer((*peer).into()),
            stage: *stage,
            since: begun + Duration::from_secs(number as u64),
            leave: Arc::default(),
        };
        let mut places = Places { taken: taken.iter().enumerate().map(place).collect(), last_number: 0 };
        places.make_room(Peer(newcomer.into()), LIMITS);
        let mut left: Vec<u64> = places.taken.iter().map(|place| place.number).collect();
        left.sort_unstable();
        left
    }

    #[test]
    fn a_peer_s_share_is_taken_from_itself_and_room_for_all_from_who_has_most() {
        use Stage::{Answering, Asking, Idle};
        assert_eq!(left(&[(1, Idle), (2, Asking)], 1), [0, 1], "there is room");
        assert_eq!(
            left(&[(1, Answering), (1, Asking), (2, Idle)], 1),
            [0, 2],
            "its own, which asks nothing whole"
        );
        assert_eq!(left(&[(1, Asking), (1, Asking), (2, Idle)], 1), [1, 2], "its oldest");
        assert_eq!(left(&[(1, Answering), (1, Answering)], 1), [1], "also one that takes no answer");
        assert_eq!(left(&[(3, Idle), (1, Asking), (1, Asking), (2, Idle)], 4), [0, 2, 3], "of who has two");
        assert_eq!(left(&[(1, Asking), (2, Idle), (3, Idle), (4, Asking)], 5), [0, 2, 3], "the idle one");
    }

    #[test]
    fn peers_are_addresses_and_networks_of_ipv6() {
        let peer = |text: &str| Peer::of(text.parse().unwrap());
        assert_eq!(peer("10.0.0.1"), peer("::ffff:10.0.0.1"));
        assert_ne!(peer("10.0.0.1"), peer("10.0.0.2"));
        assert_eq!(peer("2001:db8::1"), peer("2001:db8::ffff:1"));
        assert_ne!(peer("2001:db8::1"), peer("2001:db8:0:1::1"));
    }
}
