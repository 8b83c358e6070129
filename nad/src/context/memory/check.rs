//! Whether what a model file remembers makes sense.

use super::{EPOCH_RANGE_S, Memories};

/// The highest of each number that can be usual: flows and requests in 10 s, and bytes in 60 s of the fastest links.
const MOST_USUAL: [f32; 3] = [1e9, 1e9, 1e13];

impl Memories {
    /// Why it can't be gone on with, where nothing of it may be later than a second since 1970.
    pub(crate) fn check(&self, latest_s: u32) -> Result<(), String> {
        let (shortest, longest) = EPOCH_RANGE_S;
        if !(shortest..=longest).contains(&self.epoch_s) {
            return Err(format!(
                "its epochs have {} s, and {shortest} to {longest} are possible",
                self.epoch_s
            ));
        }
        // Whatever is seen before a baseline's end counts as known.
        if self.baseline_end_s > latest_s {
            return Err(format!("its baseline ends in the future, {} s after 1970", self.baseline_end_s));
        }
        if !self.are_sound() {
            return Err("an entry is none that a sensor writes".into());
        }
        if !self.entries.is_sorted_by(|(one, ..), (next, ..)| one < next) {
            return Err("its entries are not in order, each once".into());
        }
        for (_, first_s, last_s, usual) in &self.entries {
            if *first_s > latest_s || *last_s > latest_s {
                return Err(format!(
                    "something was seen in the future, {} s after 1970",
                    first_s.max(last_s)
                ));
            }
            if usual.iter().zip(MOST_USUAL).any(|(usual, most)| !(0.0..=most).contains(usual)) {
                return Err(format!("what is usual is {usual:?}, and at most {MOST_USUAL:?} can be"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::{hash::HashKey, host_key::HostKey, memory::ThingKey};

    #[test]
    fn memories_that_would_have_everything_known_or_nothing_are_refused() {
        let thing = |last| ThingKey::host(HostKey::v4([10, 0, 0, last]));
        let whole = Memories {
            hash_key: HashKey::from_seed(0),
            epoch_s: 3600,
            baseline_end_s: 100,
            is_one_way: false,
            entries: vec![(thing(1), 5, 9, [0.0; 3]), (thing(2), 5, 9, [7.0; 3])],
        };
        whole.check(1000).unwrap();
        let refused = |reason: &str, harm: &dyn Fn(&mut Memories)| {
            let mut harmed = whole.clone();
            harm(&mut harmed);
            let found = harmed.check(1000).unwrap_err();
            assert!(found.contains(reason), "{reason}: {found}");
        };
        for epoch_s in [0, 1, 14, 21_601, u32::MAX] {
            refused("its epochs", &|memories| memories.epoch_s = epoch_s);
        }
        refused("its baseline ends in the future", &|memories| memories.baseline_end_s = u32::MAX);
        refused("seen in the future", &|memories| memories.entries[1].2 = 1001);
        refused("not in order", &|memories| memories.entries.swap(0, 1));
        refused("not in order", &|memories| memories.entries[1].0 = memories.entries[0].0);
        refused("an entry is none", &|memories| memories.entries[0].1 = 10);
        refused("what is usual", &|memories| memories.entries[0].3[2] = 1e30);
        for usual in [f32::NAN, f32::INFINITY, -1.0] {
            refused("an entry is none", &|memories| memories.entries[0].3[2] = usual);
        }
    }
}
