//! The end of a tick: visiting what was active in it.

use super::{Context, Subject, kinds::End, settle, subject::Verdict};

impl Context {
    /// Visits everything that was active since the last tick closed, as it is at the end of that tick. What the
    /// visit finds is noted with the subject.
    pub fn close_tick(&mut self, mut visit: impl FnMut(Subject<'_>) -> Verdict) {
        let (ns, tick) = (self.tick_end_ns(), self.tick);
        let Self { shard, network, kinds, threads, .. } = self;
        let mut end = End {
            partitions: &mut shard.partitions,
            network: network.get_mut(),
            ns,
            tick,
            threads: *threads,
        };
        settle::vantage(end.partitions, end.network);
        settle::exchanges(end.partitions, end.network);
        settle::addressed(end.partitions, end.network);
        kinds.visit(&mut end, &mut visit);
    }
}
