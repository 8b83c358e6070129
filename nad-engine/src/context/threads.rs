//! Several threads for work on things that have nothing to do with each other.

use std::{
    sync::{Mutex, PoisonError},
    thread,
};

/// How many threads such work has, the calling one among them. What comes of it does not depend on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Threads(usize);

impl Threads {
    /// The calling thread.
    pub(super) const ONE: Self = Self(1);

    /// So many, and at least the calling one.
    pub(super) fn new(number: usize) -> Self {
        Self(number.max(1))
    }

    /// Does the same with each of several things, in no order. Where a thread can't be started, others do its part.
    pub(super) fn each<T: Send>(self, things: impl Iterator<Item = T> + Send, work: impl Fn(T) + Sync) {
        if self == Self::ONE {
            return things.for_each(work);
        }
        let things = Mutex::new(things);
        let next = || things.lock().unwrap_or_else(PoisonError::into_inner).next();
        let work = || std::iter::from_fn(&next).for_each(&work);
        thread::scope(|scope| {
            for _ in 1..self.0 {
                let started = thread::Builder::new().name("nad-shard-sum".into()).spawn_scoped(scope, work);
                if let Err(error) = started {
                    tracing::debug!("a second's end has a thread less: {error}");
                }
            }
            work();
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_done_once_however_many_threads_there_are() {
        for threads in [0, 1, 2, 3, 8] {
            let mut things: Vec<usize> = (0..100).collect();
            Threads::new(threads).each(things.iter_mut(), |thing| *thing += 1000);
            assert!(things.into_iter().eq(1000..1100), "{threads}");
            Threads::new(threads).each(std::iter::empty::<()>(), |()| unreachable!("there is nothing"));
        }
    }
}
