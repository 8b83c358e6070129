//! The bounded queues between threads and tasks.

use tokio::sync::mpsc::{self, Receiver, error::TrySendError};

/// What happens to an item for which a queue has no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// The sender waits. Between drain and detector: the rings fill up meanwhile, and what they have no room for
    /// is counted there, so that packets are lost in one place only.
    Wait,
    /// The item is dropped. Between detector and outputs: a slow output never slows the packets.
    Drop,
}

/// What happened to an item; whoever sends counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// There was room.
    AtOnce,
    /// There was none, and the sender waited for it.
    AfterWaiting,
    /// There was none, and the item is gone.
    Dropped,
}

/// The sending end.
#[derive(Debug)]
pub struct Sender<T> {
    channel: mpsc::Sender<T>,
    when_full: WhenFull,
}

/// A queue of at most `capacity` items.
pub fn bounded<T>(capacity: usize, when_full: WhenFull) -> (Sender<T>, Receiver<T>) {
    let (channel, receiver) = mpsc::channel(capacity);
    (Sender { channel, when_full }, receiver)
}

/// The receiving end is gone.
#[derive(Debug, PartialEq, Eq)]
pub struct Closed;

impl<T> Sender<T> {
    /// Items that nobody has received yet.
    pub fn waiting(&self) -> usize {
        self.channel.max_capacity() - self.channel.capacity()
    }

    /// Adds an item, from a thread that may wait, and has something to do meanwhile, again and again.
    ///
    /// # Errors
    ///
    /// When nobody receives any more.
    pub fn send_meanwhile(&self, item: T, mut meanwhile: impl FnMut()) -> Result<Sent, Closed> {
        let mut item = item;
        let mut sent = Sent::AtOnce;
        loop {
            match self.channel.try_send(item) {
                Ok(()) => return Ok(sent),
                Err(TrySendError::Closed(_)) => return Err(Closed),
                Err(TrySendError::Full(_)) if self.when_full == WhenFull::Drop => return Ok(Sent::Dropped),
                Err(TrySendError::Full(back)) => item = back,
            }
            sent = Sent::AfterWaiting;
            meanwhile();
        }
    }

    /// Adds an item, from a thread that may wait.
    ///
    /// # Errors
    ///
    /// When nobody receives any more.
    pub fn send(&self, item: T) -> Result<Sent, Closed> {
        match self.channel.try_send(item) {
            Ok(()) => Ok(Sent::AtOnce),
            Err(TrySendError::Closed(_)) => Err(Closed),
            Err(TrySendError::Full(_)) if self.when_full == WhenFull::Drop => Ok(Sent::Dropped),
            Err(TrySendError::Full(item)) => {
                self.channel.blocking_send(item).map(|()| Sent::AfterWaiting).map_err(|_| Closed)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_drops_the_item_and_says_so() {
        let (sender, mut receiver) = bounded(1, WhenFull::Drop);
        assert_eq!(sender.send(1), Ok(Sent::AtOnce));
        assert_eq!(sender.send(2), Ok(Sent::Dropped));
        assert_eq!(sender.waiting(), 1);
        assert_eq!(receiver.blocking_recv(), Some(1));
        assert_eq!(sender.waiting(), 0);
        assert_eq!(sender.send(3), Ok(Sent::AtOnce));
    }

    #[test]
    fn a_full_queue_makes_the_sender_wait_and_says_so() {
        let (sender, mut receiver) = bounded(1, WhenFull::Wait);
        assert_eq!(sender.send(1), Ok(Sent::AtOnce));
        let thread = std::thread::spawn(move || sender.send(2));
        std::thread::sleep(std::time::Duration::from_millis(50));
        assert!(!thread.is_finished());
        assert_eq!((receiver.blocking_recv(), receiver.blocking_recv()), (Some(1), Some(2)));
        assert_eq!(thread.join().unwrap(), Ok(Sent::AfterWaiting));
    }

    #[test]
    fn while_the_queue_is_full_something_else_is_done() {
        let (sender, mut receiver) = bounded(1, WhenFull::Wait);
        assert_eq!(sender.send_meanwhile(1, || panic!("there is room")), Ok(Sent::AtOnce));
        let mut done = 0;
        let sent = sender.send_meanwhile(2, || {
            done += 1;
            if done == 3 {
                assert_eq!(receiver.blocking_recv(), Some(1));
            }
        });
        assert_eq!((sent, done), (Ok(Sent::AfterWaiting), 3));
    }

    #[test]
    fn a_queue_without_receiver_is_closed() {
        let (sender, receiver) = bounded(1, WhenFull::Wait);
        drop(receiver);
        assert_eq!(sender.send(1), Err(Closed));
    }
}
