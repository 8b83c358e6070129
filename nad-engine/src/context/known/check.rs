//! Whether the known services of a model file make sense.

use super::{EPOCH_RANGE_S, Kept, KnownSnapshot};

/// The highest of each number that can be usual: flows and requests in 10 s, and bytes in 60 s of the fastest links.
pub(super) const MOST_USUAL: [f32; 4] = [1e9, 1e9, 1e13, 1e13];

impl KnownSnapshot {
    /// Why it can't be gone on with.
    pub(crate) fn check(&self) -> Result<(), String> {
        let (shortest, longest) = EPOCH_RANGE_S;
        if !(shortest..=longest).contains(&self.epoch_s) {
            return Err(format!(
                "its epochs have {} s, and {shortest} to {longest} are possible",
                self.epoch_s
            ));
        }
        if !self.are_sound() {
            return Err("an entry is none that a sensor writes".into());
        }
        if !self.entries.is_sorted_by(|one, next| one.key < next.key) {
            return Err("its entries are not in order, each once".into());
        }
        for Kept { last_s, usual, .. } in &self.entries {
            if *last_s > self.watched_s {
                return Err(format!(
                    "something was seen after {last_s} s, and {} s were watched",
                    self.watched_s
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
    use crate::context::{hash::HashKey, host_key::HostKey, known::KnownKey, vantage::Trust};

    #[test]
    fn known_services_that_would_have_everything_known_or_nothing_are_refused() {
        let kept = |last, usual| Kept {
            key: KnownKey::host(HostKey::v4([10, 0, 0, last])),
            first_s: 5,
            last_s: 9,
            in_baseline: true,
            usual,
        };
        let whole = KnownSnapshot {
            hash_key: HashKey::from_seed(0),
            epoch_s: 3600,
            watched_s: 100,
            trust: Trust::default(),
            entries: vec![kept(1, [0.0; 4]), kept(2, [7.0; 4])],
        };
        whole.check().unwrap();
        let refused = |reason: &str, harm: &dyn Fn(&mut KnownSnapshot)| {
            let mut harmed = whole.clone();
            harm(&mut harmed);
            let found = harmed.check().unwrap_err();
            assert!(found.contains(reason), "{reason}: {found}");
        };
        for epoch_s in [0, 1, 14, 21_601, u32::MAX] {
            refused("its epochs", &|known| known.epoch_s = epoch_s);
        }
        refused("100 s were watched", &|known| known.entries[1].last_s = 101);
        refused("not in order", &|known| known.entries.swap(0, 1));
        refused("not in order", &|known| known.entries[1].key = known.entries[0].key);
        refused("an entry is none", &|known| known.entries[0].first_s = 10);
        refused("what is usual", &|known| known.entries[0].usual[2] = 1e30);
        for usual in [f32::NAN, f32::INFINITY, -1.0] {
            refused("an entry is none", &|known| known.entries[0].usual[2] = usual);
        }
    }
}
