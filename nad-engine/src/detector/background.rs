//! Work beside the detector.

use std::{
    io,
    thread::{self, JoinHandle},
};

use rustix::{
    io::Errno,
    process::{getpriority_process, setpriority_process},
    thread::{CpuSet, sched_setaffinity},
};

/// What is added to the nice value (nice(7)): beside a busy detector such work gets about a tenth of a CPU that they share.
const NICER_BY: i32 = 10;

/// Starts a thread that trains. One that nobody waits for leaves the CPU to whoever reads and judges packets, as do the
/// threads that it starts.
pub(super) fn train<T: Send + 'static>(
    is_awaited: bool,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    thread::Builder::new().name("nad-train".into()).spawn(move || {
        if !is_awaited {
            step_back();
        }
        work()
    })
}

/// Has the calling thread run on one CPU only.
pub(super) fn bind(cpu: usize) {
    let mut set = CpuSet::new();
    set.set(cpu);
    if let Err(error) = sched_setaffinity(None, &set) {
        tracing::warn!("a thread can't be bound to CPU {cpu}: {error}");
    }
}

/// Makes the calling thread a nicer one.
fn step_back() {
    // On Linux none is the calling thread, and not its process.
    if let Err(error) = nice().and_then(|nice| setpriority_process(None, nice + NICER_BY)) {
        tracing::debug!("the training thread keeps its priority: {error}");
    }
}

fn nice() -> Result<i32, Errno> {
    getpriority_process(None)
}

#[cfg(test)]
mod tests {
    use rustix::thread::sched_getaffinity;

    use super::*;

    #[test]
    fn a_thread_is_bound_to_the_cpu_that_is_named_and_goes_on_where_there_is_none() {
        let bound = thread::spawn(|| {
            let first =
                (0..CpuSet::MAX_CPU).find(|cpu| sched_getaffinity(None).unwrap().is_set(*cpu)).unwrap();
            bind(first);
            let there = sched_getaffinity(None).unwrap();
            bind(CpuSet::MAX_CPU - 1);
            (there.count(), there.is_set(first), sched_getaffinity(None).unwrap().count())
        });
        assert_eq!(bound.join().unwrap(), (1, true, 1));
    }

    #[test]
    fn what_nobody_waits_for_is_nice_with_all_its_threads_and_nothing_else_is() {
        const NICEST: i32 = 19;
        fn nice() -> i32 {
            super::nice().unwrap()
        }
        let before = nice();
        let child = || thread::spawn(nice).join().unwrap();
        assert_eq!(train(true, nice).unwrap().join().unwrap(), before);
        assert_eq!(train(false, child).unwrap().join().unwrap(), (before + NICER_BY).min(NICEST));
        assert_eq!(nice(), before, "this thread is as it was");
    }
}
