//! The one way of packets through a command: batches from a source to what is done with them.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread::{self, JoinHandle},
};

use anyhow::{Context, Result};
use nad_engine::batch::RecordBatch;
use tokio::sync::oneshot;

use super::live::Received;
use crate::source::{Fill, Source};

/// What is done with batches of a source.
pub(super) trait End<S> {
    /// Takes a batch, which may be empty, and says whether another is wanted.
    ///
    /// # Errors
    ///
    /// When it can't go on.
    fn take(&mut self, batch: &RecordBatch, source: &mut S) -> Result<Wants>;

    /// What is left once no more comes.
    type Left;

    /// Does what is due once no more comes.
    ///
    /// # Errors
    ///
    /// When that can't be done.
    fn finish(self) -> Result<Self::Left>;
}

/// Whether more is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wants {
    /// As long as there is more.
    More,
    /// Nothing.
    Nothing,
}

/// Why no more packets came.
#[derive(Debug)]
pub(super) enum Ended<E> {
    /// There were none.
    Complete,
    /// None were wanted.
    Enough,
    /// Nad was asked to end.
    Stopped,
    /// The source could not go on.
    Failed(E),
}

/// Moves batches until there are no more, none are wanted, or `stop` is set. What came before a source's failure is taken.
///
/// # Errors
///
/// When the end can't go on.
pub(super) fn pump<S: Source>(
    source: &mut S,
    end: &mut impl End<S>,
    stop: &AtomicBool,
) -> Result<Ended<S::Error>> {
    let mut batch = RecordBatch::default();
    loop {
        batch.clear();
        let filled = source.fill(&mut batch);
        let wants = end.take(&batch, source)?;
        match filled {
            Err(error) => return Ok(Ended::Failed(error)),
            Ok(Fill::End) => return Ok(Ended::Complete),
            Ok(_) if wants == Wants::Nothing => return Ok(Ended::Enough),
            Ok(_) if stop.load(Relaxed) => return Ok(Ended::Stopped),
            Ok(_) => {}
        }
    }
}

/// The pump of live packets, on a thread of its own: it ends once the drain has handed on everything.
pub(super) struct LivePump<L> {
    thread: JoinHandle<Result<L>>,
    ended: oneshot::Receiver<()>,
}

impl<L: Send + 'static> LivePump<L> {
    /// Starts it.
    pub(super) fn start<E>(mut received: Received, mut end: E) -> Result<Self>
    where
        E: End<Received, Left = L> + Send + 'static,
    {
        let (ends, ended) = oneshot::channel();
        let work = move || {
            let pumped = pump(&mut received, &mut end, &AtomicBool::new(false));
            drop(received);
            let left = match pumped {
                Ok(Ended::Failed(error)) => Err(error.into()),
                Ok(Ended::Complete | Ended::Enough | Ended::Stopped) => end.finish(),
                Err(error) => Err(error),
            };
            // Nobody may wait for it.
            let _ = ends.send(());
            left
        };
        let thread = thread::Builder::new().name("nad-detect".into()).spawn(work);
        Ok(Self { thread: thread.context("the detector thread could not be started")?, ended })
    }

    /// Waits until it has ended; to be asked again and again.
    pub(super) async fn ended(&mut self) {
        // It ends in any case, also without a word.
        let _ = (&mut self.ended).await;
    }

    /// What is left.
    ///
    /// # Errors
    ///
    /// When its end could not go on, or it panicked.
    pub(super) fn join(self) -> Result<L> {
        self.thread.join().map_err(|_| anyhow::anyhow!("the detector thread failed"))?
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use bytemuck::Zeroable as _;
    use nad_common::{counters::KernelCounters, record::PacketRecord};

    use super::*;

    /// So many batches of a record each.
    struct Batches(u64);

    impl Source for Batches {
        type Error = Infallible;

        fn fill(&mut self, batch: &mut RecordBatch) -> Result<Fill, Infallible> {
            assert!(batch.is_empty(), "what was taken is gone");
            if self.0 == 0 {
                return Ok(Fill::End);
            }
            self.0 -= 1;
            batch.push(self.0, PacketRecord::zeroed());
            Ok(Fill::More)
        }

        fn counters(&self) -> Result<KernelCounters, Infallible> {
            Ok(KernelCounters::default())
        }
    }

    /// Wants so many records; sets a flag after so many.
    struct Wanting<'a> {
        wanted: usize,
        taken: usize,
        stop: Option<(usize, &'a AtomicBool)>,
    }

    impl End<Batches> for Wanting<'_> {
        fn take(&mut self, batch: &RecordBatch, _source: &mut Batches) -> Result<Wants> {
            self.taken += batch.len();
            if let Some((_, stop)) = self.stop.filter(|(after, _)| self.taken >= *after) {
                stop.store(true, Relaxed);
            }
            Ok(if self.taken < self.wanted { Wants::More } else { Wants::Nothing })
        }

        type Left = ();

        fn finish(self) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn it_ends_with_the_source_when_there_is_enough_and_when_it_is_told_to() {
        let stop = AtomicBool::new(false);
        let pumped = |wanted, stop_after: Option<usize>| {
            stop.store(false, Relaxed);
            let mut end = Wanting { wanted, taken: 0, stop: stop_after.map(|after| (after, &stop)) };
            let ended = pump(&mut Batches(5), &mut end, &stop).unwrap();
            (format!("{ended:?}"), end.taken)
        };
        assert_eq!(pumped(usize::MAX, None), ("Complete".into(), 5));
        assert_eq!(pumped(3, None), ("Enough".into(), 3));
        assert_eq!(pumped(usize::MAX, Some(2)), ("Stopped".into(), 2));
    }
}
