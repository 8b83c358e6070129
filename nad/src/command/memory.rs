//! How much memory a command needs, and the word before the work where there is too little: afterwards it is the kernel's
//! out-of-memory killer that has it.

use std::path::Path;

use anyhow::Result;
use aya::util::nr_cpus;
use nad_engine::{
    batch::BATCH_BYTES,
    context::{Context, Sizes, Tables, hash::HashKey},
    model::{Training, baseline},
};

use crate::{
    config::Task,
    doctor::{self, Fit, Part, Shards},
    source::heads::HEAD_RING_BYTES,
};

/// What the program itself takes: its code, its threads, what outputs keep, names of hosts.
const PROGRAM_BYTES: usize = 42 << 20;
/// A model of the usual size, as it is used: about four times its file.
const MODEL_BYTES: usize = 40 << 20;
/// A copy of full tables, and a model and both in bytes.
const STATE_BYTES: usize = 128 << 20;
const USUAL_TREES: usize = 100;
const USUAL_SAMPLES: usize = 256;
const BYTES_FOR_EACH_OF_A_FILE: usize = 4;
/// Batches of a replay: those between its two threads, as many that go back, and one that each has in hand.
const REPLAY_BATCHES: usize = 18;

/// What takes memory.
pub(super) struct MemoryNeeds<'a> {
    /// Sizes of tables.
    pub(super) sizes: &'a Sizes,
    /// Bytes of the queue to the detector.
    pub(super) queue: usize,
    /// Bytes of each CPU's ring, where packets come from the kernel.
    pub(super) ring_bytes: Option<u32>,
    /// Bytes of models; see [`models`].
    pub(super) models: usize,
    /// Whether what was learnt is saved.
    pub(super) keeps_state: bool,
}

/// Bytes of the queue of a replay.
pub(super) const REPLAY_QUEUE: usize = REPLAY_BATCHES * BATCH_BYTES;

/// Bytes of the models of a task: one that is used and one that is trained meanwhile.
pub(super) fn models(task: Option<&Task>, training: &Training) -> usize {
    let growth = training.growth;
    let share = |value: usize, usual: usize| value as f64 / usual as f64;
    let trained =
        MODEL_BYTES as f64 * share(growth.trees, USUAL_TREES) * share(growth.samples_per_tree, USUAL_SAMPLES);
    let of_file = |path: &Path| {
        let size = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
        usize::try_from(size).unwrap_or(usize::MAX).saturating_mul(BYTES_FOR_EACH_OF_A_FILE)
    };
    match task {
        Some(Task::Detect(path) | Task::Count { model: Some(path), .. }) => {
            of_file(path).saturating_add(trained as usize)
        }
        _ => 2 * trained as usize,
    }
}

impl MemoryNeeds<'_> {
    /// Part by part. The tables are made for it, but not touched, so they take nothing.
    pub(super) fn parts(&self) -> Vec<Part> {
        let rings = self.ring_bytes.map_or(0, |bytes| {
            let of_cpu = bytes.saturating_add(HEAD_RING_BYTES) as usize;
            nr_cpus().unwrap_or(1).saturating_mul(of_cpu)
        });
        let mut parts = tables(self.sizes);
        parts.extend([
            Part { name: "rings", bytes: rings, setting: Some("--ring-bytes".into()) },
            Part { name: "queue to the detector", bytes: self.queue, setting: None },
            // The one that is learnt from and, meanwhile, the one that the next is learnt from.
            Part { name: "samples of the baseline", bytes: 2 * baseline::bytes_when_full(), setting: None },
            Part { name: "models", bytes: self.models, setting: Some("trees in [training]".into()) },
            Part {
                name: "the state while it is saved",
                bytes: if self.keeps_state { STATE_BYTES } else { 0 },
                setting: Some("[state] dir".into()),
            },
            Part { name: "the program itself", bytes: PROGRAM_BYTES, setting: None },
        ]);
        parts.retain(|part| part.bytes > 0);
        parts
    }

    /// Says where memory is short.
    ///
    /// # Errors
    ///
    /// When there is less than what may be needed, with both numbers and the setting to lower.
    pub(super) fn check(&self) -> Result<()> {
        match doctor::fit(&self.parts(), doctor::room().as_ref()) {
            Fit::Fits => Ok(()),
            Fit::Tight(words) => {
                tracing::warn!("memory is tight: {words}");
                Ok(())
            }
            Fit::Short(words) => anyhow::bail!("there is too little memory: {words}"),
        }
    }
}

/// Shards, and how much of the tables each of them has, when these are full.
pub(super) fn of_shards(sizes: &Sizes, shards: usize) -> Shards {
    let made = Tables::new(sizes).map(|tables| Context::new(tables, HashKey::from_seed(0), 0));
    Shards { number: shards, bytes_of_each: made.ok().map(|context| context.shard_bytes(shards)) }
}

/// The context's tables.
fn tables(sizes: &Sizes) -> Vec<Part> {
    let bytes = match Tables::new(sizes) {
        Ok(tables) => Context::new(tables, HashKey::from_seed(0), 0).bytes(),
        // They are larger than all that there is: how large they would be follows from small ones.
        Err(_) => estimated(*sizes),
    };
    let part = |(name, bytes)| Part { name, bytes, setting: Some(format!("{name} in [context]").into()) };
    bytes.by_name().map(part).into()
}

/// Bytes of tables that can't be made: they grow as the power of two that their entries need.
fn estimated(mut sizes: Sizes) -> Sizes {
    // At least a bucket in each partition.
    const SMALL: usize = 128;
    let Ok(tables) = Tables::new(&Sizes::all(SMALL)) else { return Sizes::all(0) };
    let mut small = Context::new(tables, HashKey::from_seed(0), 0).bytes();
    let times = |entries: usize| entries.max(SMALL).checked_next_power_of_two().unwrap_or(usize::MAX) / SMALL;
    for (size, bytes) in sizes.all_mut().into_iter().zip(small.all_mut()) {
        *size = bytes.saturating_mul(times(*size));
    }
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_that_can_t_be_made_are_as_large_as_they_would_be() {
        let mut sizes = Sizes::all(65);
        (sizes.flows, sizes.hosts, sizes.service_pairs) = (100_000, 128, 5000);
        let made: Vec<_> = tables(&sizes).into_iter().map(|part| (part.name, part.bytes)).collect();
        assert_eq!(estimated(sizes).by_name().to_vec(), made);
    }

    #[test]
    fn what_a_command_needs_is_told_with_the_setting_to_lower() {
        let sizes = Sizes { flows: 1 << 40, ..Sizes::all(64) };
        let needs = MemoryNeeds { sizes: &sizes, queue: 1, ring_bytes: None, models: 0, keeps_state: false };
        let error = needs.check().unwrap_err().to_string();
        for part in ["too little memory: ", " MiB of memory are needed", "lower flows in [context]"] {
            assert!(error.contains(part), "{error}");
        }
        let small = Sizes { flows: 64, ..sizes };
        MemoryNeeds { sizes: &small, ..needs }.check().unwrap();
    }
}
