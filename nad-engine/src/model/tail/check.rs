//! Whether a tail from a file follows from the scores that it says it was learnt from.

use super::{MOST_PEAKS, Tail, excess::Excess};

/// Scores that are learnt from at most, with room for what is added.
const MOST_SCORES: u64 = 1 << 40;

impl Tail {
    /// Why it can't have been learnt. The tail is [sound](Self::is_sound).
    pub(in crate::model) fn check(&self) -> Result<(), String> {
        let (lowest, highest) = (self.body[0], self.highest());
        if !(0.0..=1.0).contains(&lowest) || !(0.0..=1.0 + 1e-9).contains(&highest) {
            return Err(format!("its scores go from {lowest} to {highest}, and a forest's from 0 to 1"));
        }
        let below = self.scores - self.above;
        if self.scores > MOST_SCORES
            || self.body.len() as u64 > below
            || self.peaks.len() as u64 != self.kept_peaks()
        {
            return Err(format!(
                "it keeps {} and {} of {} scores, of which {} are high",
                self.body.len(),
                self.peaks.len(),
                self.scores,
                self.above
            ));
        }
        // As it was saved after training: what is learnt later is not.
        if self.new_peaks == 0 && self.excess != self.expected_excess() {
            return Err("how far its scores reach does not follow from its highest ones".into());
        }
        Ok(())
    }

    /// The highest score that is known.
    pub(in crate::model) fn highest(&self) -> f64 {
        self.location + self.peaks.iter().copied().fold(0.0, f64::max)
    }

    fn kept_peaks(&self) -> u64 {
        self.above.min(MOST_PEAKS as u64)
    }

    fn expected_excess(&self) -> Excess {
        if !self.peaks.is_empty() {
            return Excess::fit(&self.peaks);
        }
        let range = (self.location - self.body[0]) / libm::log(self.scores as f64 + 1.0);
        Excess::guess(range.max(self.location.abs() / 100.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_that_never_ends_and_counts_that_do_not_fit_are_refused() {
        let scores: Vec<f64> = (0..2000).map(|i| 0.3 + f64::from(i) * 1e-4).collect();
        let whole = Tail::fit(&scores).unwrap();
        whole.check().unwrap();
        let refused = |reason: &str, harm: &dyn Fn(&mut Tail)| {
            let mut harmed = whole.clone();
            harm(&mut harmed);
            let found = harmed.check().unwrap_err();
            assert!(found.contains(reason), "{reason}: {found}");
        };
        refused("how far its scores reach", &|tail| tail.excess = Excess::guess(1e300));
        refused("it keeps", &|tail| tail.scores = u64::MAX - 1);
        refused("it keeps", &|tail| tail.above = 1500);
        refused("it keeps", &|tail| tail.scores = tail.above + 5);
        refused("a forest's from 0 to 1", &|tail| tail.body[0] = -7.0);
        refused("a forest's from 0 to 1", &|tail| tail.peaks[0] = 1e9);
    }
}
