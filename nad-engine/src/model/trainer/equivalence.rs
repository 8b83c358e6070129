//! The seeded trainer against the crate: the same distribution of scores, the same detection.

use super::{CrateTrainer, Growth, Seeded, Trainer};
use crate::model::{forest::Forest, matrix::Matrix, random::Random};

const COLUMNS: usize = 6;
const LEVELS: [usize; 3] = [0, 1, COLUMNS - 1];

fn grow(trainer: &dyn Trainer, samples: &Matrix, extension_level: usize, seed: u64) -> Forest {
    trainer.grow(samples, &Growth { extension_level, seed, ..Growth::default() }).unwrap()
}

fn scores(forest: &Forest, samples: &Matrix) -> Vec<f64> {
    samples.rows().map(|row| forest.score(row)).collect()
}

/// The two-sample statistic of Kolmogorov and Smirnov: the largest distance of the two distributions.
fn distance(first: &mut [f64], second: &mut [f64]) -> f64 {
    first.sort_unstable_by(f64::total_cmp);
    second.sort_unstable_by(f64::total_cmp);
    let below = |values: &[f64], limit: f64| {
        values.partition_point(|value| *value <= limit) as f64 / values.len() as f64
    };
    let gap = |limit: &f64| (below(first, *limit) - below(second, *limit)).abs();
    first.iter().chain(second.iter()).map(gap).fold(0.0, f64::max)
}

/// The chance that an odd sample scores higher than a usual one.
fn roc_auc(usual: &[f64], odd: &[f64]) -> f64 {
    let mut usual = usual.to_vec();
    usual.sort_unstable_by(f64::total_cmp);
    let rank = |score: &f64| {
        let below = usual.partition_point(|it| it < score);
        (below + usual.partition_point(|it| it <= score)) as f64 / 2.0
    };
    odd.iter().map(rank).sum::<f64>() / (usual.len() * odd.len()) as f64
}

/// Training and held-out samples of one cloud. Two in three are one of a few rows over and over, as packets
/// are, and no split parts those: there c(n) says something else than deeper trees would, so the depth shows in
/// the scores.
fn halves() -> (Matrix, Matrix) {
    let mut random = Random::new(31, 0);
    let kinds: Vec<[f32; COLUMNS]> =
        (0..8).map(|_| std::array::from_fn(|_| random.below(4) as f32)).collect();
    let mut half = || {
        let mut samples = Matrix::new(COLUMNS);
        for row in 0..2000 {
            let mut values = kinds[random.below(8) as usize];
            if row % 3 == 0 {
                values = std::array::from_fn(|_| (1.5 + random.normal()) as f32);
            }
            values[2] = 5.0;
            samples.push(&values);
        }
        samples
    };
    (half(), half())
}

#[test]
fn scores_are_distributed_as_the_crates_are() {
    const FORESTS: u64 = 20;
    /// Two pools of the crate's own are about 0.04 apart, and one of a wrong depth 0.35 to 0.6.
    const BOUND: f64 = 0.1;
    let (training, held_out) = halves();
    let pool = |forest: &dyn Fn(u64) -> Forest| -> Vec<f64> {
        (0..FORESTS).flat_map(|seed| scores(&forest(seed), &held_out)).collect()
    };
    for level in LEVELS {
        let mut theirs = pool(&|_| grow(&CrateTrainer, &training, level, 0));
        let mut again = pool(&|_| grow(&CrateTrainer, &training, level, 0));
        let mut ours = pool(&|seed| grow(&Seeded::default(), &training, level, seed));
        let among_theirs = distance(&mut theirs, &mut again);
        let between = distance(&mut theirs, &mut ours);
        assert!(between < BOUND, "level {level}: {between}, and {among_theirs} among the crate's");
        // What a wrong detail would look like.
        let growth = |seed| Growth { extension_level: level, seed, ..Growth::default() };
        for (sample_size, depth) in [(256, 7), (256, 9), (128, 7)] {
            let mut wrong = pool(&|seed| {
                Seeded::default().grow_to(&training, &growth(seed), sample_size, depth).unwrap()
            });
            let off = distance(&mut theirs, &mut wrong);
            assert!(off > 2.0 * BOUND, "level {level}: {off} with {sample_size} samples to depth {depth}");
        }
    }
}

/// Ordinary samples in two correlated groups, and odd ones between and beside them.
fn planted() -> (Matrix, Matrix, Matrix) {
    let mut random = Random::new(23, 0);
    let mut make = |rows: usize, is_odd: bool| {
        let mut samples = Matrix::new(COLUMNS);
        for row in 0..rows {
            let center = if row % 3 == 0 { 6.0 } else { 0.0 };
            let common = random.normal();
            let mut values: [f32; COLUMNS] =
                std::array::from_fn(|_| (center + common + 0.5 * random.normal()) as f32);
            values[COLUMNS - 1] = random.below(4) as f32;
            if is_odd {
                values[random.below(COLUMNS as u32) as usize] += if random.coin() { 3.0 } else { -3.0 };
            }
            samples.push(&values);
        }
        samples
    };
    (make(2000, false), make(2000, false), make(500, true))
}

#[test]
fn planted_outliers_are_found_as_well_as_by_the_crate() {
    const RUNS: u64 = 10;
    let (training, usual, odd) = planted();
    let auc = |trainer: &dyn Trainer, level: usize, seed: u64| {
        let forest = grow(trainer, &training, level, seed);
        roc_auc(&scores(&forest, &usual), &scores(&forest, &odd))
    };
    for level in LEVELS {
        let theirs: Vec<f64> = (0..RUNS).map(|_| auc(&CrateTrainer, level, 0)).collect();
        let ours: Vec<f64> = (0..RUNS).map(|seed| auc(&Seeded::default(), level, seed)).collect();
        let worst = theirs.iter().copied().fold(f64::INFINITY, f64::min);
        let best = theirs.iter().copied().fold(0.0, f64::max);
        let mean = ours.iter().sum::<f64>() / RUNS as f64;
        assert!(worst > 0.6, "level {level}: the outliers can be found at all, {worst}");
        let spread = best - worst;
        let usual = worst - spread / 2.0..=best + spread / 2.0;
        assert!(usual.contains(&mean), "level {level}: {mean} on average, the crate's {worst} to {best}");
    }
}
