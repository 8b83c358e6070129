//! The thread that takes records out of the rings and hands them to the detector.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use nad_engine::{batch::RecordBatch, ledger::Tally};
use tokio::sync::mpsc::Receiver;

use crate::{
    clock::{LiveClock, kernel_ns},
    command::shedding::LoadShedding,
    queue::{Closed, Sender, Sent},
    source::{Fill, LiveSource},
};

/// Batches that wait for the detector from which on the next one is handed on when it is full.
const ENOUGH_WAITING: usize = 2;
/// How long the drain sleeps after records came, and after none came for a while.
const SHORTEST_NAP: Duration = Duration::from_micros(200);
const LONGEST_NAP: Duration = Duration::from_millis(8);
/// A run of the kernel program that began before it was detached has written its record by then.
const GRACE: Duration = Duration::from_millis(2);
/// A batch without records goes out this often when none come, so that time passes for the detector: an incident is reported
/// within about a second of its last packet.
const HEARTBEAT: Duration = Duration::from_millis(200);
/// How often is looked whether the system's clock was set.
const CLOCK_INTERVAL: Duration = Duration::from_secs(1);

/// Drains a source until it is stopped.
pub(super) fn drain<S: LiveSource>(
    source: S,
    clock: LiveClock,
    shedding: Option<LoadShedding>,
    stop: &AtomicBool,
    tally: &Tally,
    full: &Sender<RecordBatch>,
    empties: Receiver<RecordBatch>,
) -> Result<(), S::Error> {
    let mut batch = RecordBatch::default();
    let mut draining = Draining { source, clock, shedding, stop, tally, full, empties };
    let result = draining.run(&mut batch);
    // Where it failed, these are not handed on any more.
    tally.discarded.fetch_add(batch.len() as u64, Relaxed);
    result
}

/// What the drain works with.
struct Draining<'a, S> {
    source: S,
    clock: LiveClock,
    shedding: Option<LoadShedding>,
    stop: &'a AtomicBool,
    tally: &'a Tally,
    full: &'a Sender<RecordBatch>,
    empties: Receiver<RecordBatch>,
}

impl<S: LiveSource> Draining<'_, S> {
    /// Until it is stopped. What is in the batch at its end was drained and not handed on.
    fn run(&mut self, batch: &mut RecordBatch) -> Result<(), S::Error> {
        let mut nap = SHORTEST_NAP;
        let mut last_sent = Instant::now();
        let mut last_look = Instant::now();
        let mut is_last_round = false;
        loop {
            if self.stop.load(Relaxed) && !is_last_round {
                self.source.detach();
                thread::sleep(GRACE);
                is_last_round = true;
            }
            self.source.check()?;
            let (before, before_ns) = (batch.len(), kernel_ns());
            let fill = self.source.fill(batch);
            let came = (batch.len() - before) as u64;
            let drained = self.tally.drained.fetch_add(came, Relaxed) + came;
            let fill = fill?;
            if fill != Fill::More {
                // What was stamped before has been written by now, but for a run of the program that goes on.
                batch.set_until(before_ns.saturating_sub(GRACE.as_nanos() as u64));
            }
            if last_look.elapsed() >= CLOCK_INTERVAL {
                if let Some(shift) = self.clock.look(drained) {
                    batch.push_shift(shift);
                }
                last_look = Instant::now();
            }
            self.tally.unreadable.store(self.source.unreadable(), Relaxed);
            self.tally.attributed.store(self.source.attributed(), Relaxed);
            look(&mut self.shedding, &mut self.source, self.tally)?;
            let has_any = !batch.is_empty() || batch.has_shifts();
            // A detector that has others to take first gets them together: where it is held up, the queue is to hold records,
            // not many batches with a few each.
            let is_due = fill == Fill::More || is_last_round || self.full.waiting() < ENOUGH_WAITING;
            if has_any && is_due || last_sent.elapsed() > HEARTBEAT {
                last_sent = Instant::now();
                self.hand_on(batch)?;
            }
            if fill == Fill::More {
                continue;
            }
            if is_last_round && came == 0 {
                return Ok(());
            }
            // What is kept back goes out as soon as the detector has taken the others.
            nap = if batch.is_empty() && came == 0 { (nap * 2).min(LONGEST_NAP) } else { SHORTEST_NAP };
            thread::sleep(nap);
        }
    }

    /// Gives a batch to the detector, and takes an empty one for it.
    fn hand_on(&mut self, batch: &mut RecordBatch) -> Result<(), S::Error> {
        let mut next = self.empties.try_recv().unwrap_or_default();
        next.clear();
        let ready = std::mem::replace(batch, next);
        let discarded = ready.len() as u64;
        let mut looked = Ok(());
        let sent = self.full.send_meanwhile(ready, || {
            looked = look(&mut self.shedding, &mut self.source, self.tally);
            thread::sleep(SHORTEST_NAP);
        });
        match sent {
            Ok(Sent::AtOnce | Sent::Dropped) => {}
            Ok(Sent::AfterWaiting) => {
                self.tally.queue_waits.fetch_add(1, Relaxed);
            }
            Err(Closed) => {
                self.tally.discarded.fetch_add(discarded, Relaxed);
                self.stop.store(true, Relaxed);
            }
        }
        looked
    }
}

fn look<S: LiveSource>(
    shedding: &mut Option<LoadShedding>,
    source: &mut S,
    tally: &Tally,
) -> Result<(), S::Error> {
    tally.condition.drain.beat();
    shedding.as_mut().map_or(Ok(()), |shedding| shedding.look(source, tally))
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, sync::atomic::AtomicU64};

    use bytemuck::Zeroable as _;
    use nad_common::{counters::KernelCounters, record::PacketRecord, sampling::Sampling};

    use super::*;
    use crate::{
        command::live::QUEUE_BATCHES,
        queue::{self, WhenFull},
        source::Source,
    };

    /// A few records at a time, as many as were asked for.
    struct Trickle<'a> {
        left: u64,
        given: &'a AtomicU64,
    }

    impl Source for Trickle<'_> {
        type Error = Infallible;

        fn fill(&mut self, batch: &mut RecordBatch) -> Result<Fill, Infallible> {
            let came = self.left.min(10);
            let first = self.given.fetch_add(came, Relaxed);
            (first..first + came).for_each(|index| batch.push(index, PacketRecord::zeroed()));
            self.left -= came;
            Ok(Fill::Idle)
        }

        fn counters(&self) -> Result<KernelCounters, Infallible> {
            Ok(KernelCounters::default())
        }
    }

    impl LiveSource for Trickle<'_> {
        fn check(&self) -> Result<(), Infallible> {
            Ok(())
        }

        fn detach(&mut self) {}

        fn queues(&self) -> usize {
            1
        }

        fn fullness(&self) -> f32 {
            0.0
        }

        fn unreadable(&self) -> u64 {
            0
        }

        fn attributed(&self) -> u64 {
            0
        }

        fn set_sampling(&mut self, _: Sampling) -> Result<(), Infallible> {
            Ok(())
        }
    }

    #[test]
    fn a_detector_that_is_held_up_stops_no_drain_and_gets_every_record_once_and_in_order() {
        const RECORDS: u64 = 10 * 20 * QUEUE_BATCHES as u64;
        let (given, stop, tally) = (AtomicU64::new(0), AtomicBool::new(false), Tally::default());
        let (full, mut batches) = queue::bounded(QUEUE_BATCHES, WhenFull::Wait);
        let (_used, empties) = queue::bounded(1, WhenFull::Drop);
        let source = Trickle { left: RECORDS, given: &given };
        let mut indices = Vec::new();
        thread::scope(|scope| {
            let (stop, tally) = (&stop, &tally);
            let drained =
                scope.spawn(move || drain(source, LiveClock::start(), None, stop, tally, &full, empties));
            // Nothing is taken meanwhile.
            let begun = Instant::now();
            while given.load(Relaxed) < RECORDS {
                assert!(begun.elapsed() < Duration::from_secs(60), "the drain waits");
                thread::sleep(Duration::from_millis(1));
            }
            stop.store(true, Relaxed);
            while let Some(batch) = batches.blocking_recv() {
                indices.extend_from_slice(batch.indices());
            }
            drained.join().unwrap().unwrap();
        });
        assert!(indices.iter().copied().eq(0..RECORDS));
        assert_eq!((tally.drained.load(Relaxed), tally.queue_waits.load(Relaxed)), (RECORDS, 0));
        assert_eq!(tally.discarded.load(Relaxed), 0);
    }
}
