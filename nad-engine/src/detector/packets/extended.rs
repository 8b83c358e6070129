//! Packets' own scores by a forest that is not one over codes.

use crate::{
    features::{PACKET_FEATURES, packet_codes},
    model::{
        ViewModel,
        forest::oblique::{ObliqueForest, Values},
        random::mix,
    },
};

/// Sums of paths that are kept, each in the place of its codes: a power of two.
const KEPT: usize = 16_384;
/// Codes of a packet, filled up to whole words, and by one byte at least.
const CODES: usize = (PACKET_FEATURES + 1).next_multiple_of(8);

/// A compiled forest, and what it said lately: it takes microseconds, and most packets are like others.
pub(super) struct ExtendedScorer {
    pub(super) forest: ObliqueForest,
    /// What each code of each feature is scaled to.
    scaled: Vec<[f32; 256]>,
    values: Values,
    /// The longest sum of paths by which a packet's own score may be near.
    longest_path: f64,
    lately: Vec<Sum>,
}

#[derive(Debug, Clone, Copy)]
struct Sum {
    codes: [u8; CODES],
    path: f64,
    /// Whether it is not only known to be above the limit.
    is_whole: bool,
}

impl ExtendedScorer {
    /// The view's own forest; of a packet less probable than this the sum of paths matters.
    pub(super) fn new(view: &ViewModel, probability: f64) -> Self {
        let forest = view.oblique();
        let longest_path = forest.longest_path(view.threshold(probability));
        // What fills up a packet's codes is 0.
        let nothing = Sum { codes: [u8::MAX; CODES], path: 0.0, is_whole: false };
        Self {
            forest,
            scaled: view.scaled_codes(),
            values: Values::default(),
            longest_path,
            lately: vec![nothing; KEPT],
        }
    }

    /// The sum of a packet's path lengths; nothing where it is too long for it to be near, unless it is asked for all the
    /// same.
    pub(super) fn path(&mut self, values: &[f32; PACKET_FEATURES], is_asked: bool) -> Option<f64> {
        let mut codes = [0; CODES];
        codes[..PACKET_FEATURES].copy_from_slice(&packet_codes(values));
        let sum = &mut self.lately[place(&codes)];
        if sum.codes != codes || is_asked && !sum.is_whole {
            let mut scaled = [0.0; PACKET_FEATURES];
            for ((scaled, of_codes), code) in scaled.iter_mut().zip(&self.scaled).zip(codes) {
                *scaled = of_codes[usize::from(code)];
            }
            self.values.set(&scaled);
            let limit = if is_asked { f64::INFINITY } else { self.longest_path };
            let path = self.forest.path(&self.values, limit);
            *sum = Sum { codes, path, is_whole: path <= limit };
        }
        (is_asked || sum.path <= self.longest_path).then_some(sum.path)
    }
}

fn place(codes: &[u8; CODES]) -> usize {
    let words = codes.as_chunks::<8>().0.iter();
    words.fold(0, |hash, word| mix(hash ^ u64::from_le_bytes(*word))) as usize % KEPT
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        features::View,
        model::{example, random::Random},
    };

    #[test]
    fn a_sum_is_that_of_the_packet_itself_however_often_and_in_whatever_way_it_is_asked_for() {
        let model = example::model(Some(7));
        let view = model.view(View::Packet);
        let mut scorer = view.scorer();
        let mut extended = ExtendedScorer::new(view, 0.5);
        let mut random = Random::new(9, 0);
        // Such as were learnt from, and such as differ from those in a few columns.
        let mut packet = || {
            let row = random.below(400) as usize;
            let mut values = std::array::from_fn(|column| ((row * (column + 3)) % 5) as f32);
            for _ in 0..random.below(6) {
                values[random.below(PACKET_FEATURES as u32) as usize] = random.below(12) as f32;
            }
            values
        };
        let packets: Vec<[f32; PACKET_FEATURES]> = (0..2 * KEPT).map(|_| packet()).collect();
        let mut far = 0;
        for (number, values) in packets.iter().chain(&packets).enumerate() {
            let score = view.judge(values, &mut scorer).score;
            let is_asked = number % 3 == 0;
            match extended.path(values, is_asked) {
                Some(path) => assert_eq!(extended.forest.score(path), score, "{number}"),
                None => {
                    assert!(!is_asked && score < view.threshold(0.5), "{number}");
                    far += 1;
                }
            }
            if number % 5 == 0 {
                let again = extended.path(values, true).map(|path| extended.forest.score(path));
                assert_eq!(again, Some(score), "{number}, once more");
            }
        }
        assert!((100..packets.len()).contains(&far), "{far} of {}", 2 * packets.len());
    }
}
