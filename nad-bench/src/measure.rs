//! Repetitions, what they have in common, and where they run.

use std::{io, time::Instant};

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;

/// What several repetitions gave: the value in the middle, and the range of the middle half of them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) lower_quartile: f64,
    pub(crate) upper_quartile: f64,
    pub(crate) repetitions: usize,
}

impl Spread {
    /// # Errors
    ///
    /// Of nothing, and of what is no number.
    pub(crate) fn of(values: &[f64]) -> Result<Self> {
        ensure!(!values.is_empty(), "nothing was measured");
        ensure!(values.iter().all(|value| value.is_finite()), "what was measured is no number: {values:?}");
        Ok(Self {
            median: quantile(values, 0.5),
            lower_quartile: quantile(values, 0.25),
            upper_quartile: quantile(values, 0.75),
            repetitions: values.len(),
        })
    }

    /// Of one value to another, repetition by repetition: what slowed down one pair slowed down both.
    ///
    /// # Errors
    ///
    /// As [`Self::of`], and when they are not pairs.
    pub(crate) fn of_ratios(values: &[f64], others: &[f64]) -> Result<Self> {
        ensure!(values.len() == others.len(), "{} values and {} others", values.len(), others.len());
        let ratios: Vec<f64> = values.iter().zip(others).map(|(value, other)| value / other).collect();
        Self::of(&ratios)
    }
}

/// A quantile, from 0 to 1, of at least one value, between its two neighbours by its distance to each.
pub(crate) fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let place = share * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    below + (above - below) * place.fract()
}

/// Seconds that something takes.
pub(crate) fn seconds(work: impl FnOnce()) -> f64 {
    let begun = Instant::now();
    work();
    begun.elapsed().as_secs_f64()
}

/// Things done a second: `work` does so many at once, and is repeated until there was time enough for the clock.
pub(crate) fn rate(count: usize, mut work: impl FnMut()) -> f64 {
    const LEAST_SECONDS: f64 = 0.02;
    let (mut done, mut taken) = (0, 0.0);
    while taken < LEAST_SECONDS {
        taken += seconds(&mut work);
        done += count;
    }
    done as f64 / taken
}

/// Keeps the calling thread on one CPU.
///
/// # Errors
///
/// When the kernel refuses.
pub(crate) fn pin(cpu: usize) -> Result<()> {
    pin_process(0, &[cpu])
}

/// Keeps a thread, or the only thread of a process, on some CPUs, and what it starts from then on; 0 is the calling one.
///
/// # Errors
///
/// When the kernel refuses.
pub(crate) fn pin_process(id: libc::pid_t, cpus: &[usize]) -> Result<()> {
    // SAFETY: the set is plain bits, for which zeros are a value, and lives through the calls.
    let result = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        cpus.iter().for_each(|cpu| libc::CPU_SET(*cpu, &mut set));
        libc::sched_setaffinity(id, size_of_val(&set), &raw const set)
    };
    ensure_success(result).with_context(|| format!("can't stay on the CPUs {cpus:?}"))
}

/// The CPUs that this process may run on, in order.
pub(crate) fn cpus() -> Result<Vec<usize>> {
    // SAFETY: as above; the numbers asked for are below the size of the set.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        ensure_success(libc::sched_getaffinity(0, size_of_val(&set), &raw mut set))?;
        Ok((0..libc::CPU_SETSIZE as usize).filter(|cpu| libc::CPU_ISSET(*cpu, &set)).collect())
    }
}

fn ensure_success(result: libc::c_int) -> Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error().into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_their_neighbours() {
        let values = [4.0, 1.0, 3.0, 2.0];
        assert_eq!([0.0, 0.25, 0.5, 1.0].map(|share| quantile(&values, share)), [1.0, 1.75, 2.5, 4.0]);
        assert_eq!(quantile(&[7.0], 0.99), 7.0);
    }

    #[test]
    fn ratios_are_taken_pair_by_pair() {
        // The second pair ran on a machine half as fast.
        let spread = Spread::of_ratios(&[10.0, 5.0, 12.0], &[20.0, 10.0, 20.0]).unwrap();
        assert_eq!((spread.median, spread.repetitions), (0.5, 3));
        assert!(Spread::of_ratios(&[1.0], &[]).is_err());
        assert!(Spread::of_ratios(&[1.0], &[0.0]).is_err(), "infinity is no measurement");
    }

    #[test]
    fn a_pinned_thread_may_run_on_one_cpu() {
        std::thread::spawn(|| {
            let last = *cpus().unwrap().last().unwrap();
            pin(last).unwrap();
            assert_eq!(cpus().unwrap(), [last]);
        })
        .join()
        .unwrap();
    }
}
