use super::*;
use crate::model::random::Random;

/// A distribution to draw from, with its true tail.
struct Distribution {
    name: &'static str,
    draw: fn(&mut Random) -> f64,
    /// P(S > score).
    tail: fn(f64) -> f64,
}

/// Tails that end, that are exponential, lighter than that, and heavy.
const DISTRIBUTIONS: [Distribution; 4] = [
    Distribution {
        name: "exponential",
        draw: |random| -libm::log(1.0 - random.uniform()),
        tail: |score| libm::exp(-score),
    },
    Distribution { name: "uniform", draw: Random::uniform, tail: |score| (1.0 - score).clamp(0.0, 1.0) },
    Distribution {
        name: "normal",
        draw: Random::normal,
        tail: |score| 0.5 * libm::erfc(score / std::f64::consts::SQRT_2),
    },
    Distribution {
        name: "Pareto",
        draw: |random| libm::pow(1.0 - random.uniform(), -1.0 / 3.0),
        tail: |score| libm::pow(score, -3.0),
    },
];

fn draws(distribution: &Distribution, count: usize, seed: u64) -> Vec<f64> {
    let mut random = Random::new(seed, count as u64);
    (0..count).map(|_| (distribution.draw)(&mut random)).collect()
}

fn fit(scores: &[f64]) -> Tail {
    let tail = Tail::fit(scores).unwrap();
    assert!(tail.is_sound());
    tail
}

/// Scores that are hard: few, tied, all alike, on a grid; and the easy ones.
fn samples() -> Vec<(String, Vec<f64>)> {
    let mut samples: Vec<(String, Vec<f64>)> = DISTRIBUTIONS
        .iter()
        .flat_map(|it| [1, 2, 3, 19, 20, 300, 20_000].map(|n| (format!("{n} {}", it.name), draws(it, n, 1))))
        .collect();
    let grid = draws(&DISTRIBUTIONS[0], 3000, 2).iter().map(|score| (score * 2.0).round() / 2.0).collect();
    let mut tied_highest = draws(&DISTRIBUTIONS[1], 1000, 3);
    tied_highest.extend([1.0; 100]);
    let mut tied_below = draws(&DISTRIBUTIONS[1], 1000, 3);
    tied_below.extend([0.999; 100]);
    tied_below.push(1.5);
    samples.extend([
        ("a grid".into(), grid),
        ("a frequent highest".into(), tied_highest),
        ("a frequent second".into(), tied_below),
        ("all alike".into(), vec![0.45; 500]),
        ("all nothing".into(), vec![0.0; 500]),
        ("all negative".into(), draws(&DISTRIBUTIONS[0], 500, 4).iter().map(|it| it - 1e3).collect()),
        ("two values".into(), (0..1000).map(|it| f64::from(u8::from(it % 50 == 0))).collect()),
        ("huge".into(), draws(&DISTRIBUTIONS[3], 500, 5).iter().map(|it| it * 1e200).collect()),
        ("tiny".into(), draws(&DISTRIBUTIONS[3], 500, 5).iter().map(|it| it * 1e-200).collect()),
    ]);
    samples
}

/// Scores in and beyond those of a sample, and between them.
fn places(scores: &[f64]) -> Vec<f64> {
    let mut places: Vec<f64> = scores.iter().copied().step_by(scores.len().div_ceil(200)).collect();
    let highest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let lowest = scores.iter().copied().fold(f64::INFINITY, f64::min);
    let width = if highest > lowest { highest - lowest } else { highest.abs().max(1.0) };
    places.extend((-20..200).map(|step| highest + width * f64::from(step) / 40.0));
    places.extend([highest, lowest, f64::MAX, f64::MIN, f64::INFINITY]);
    places.sort_unstable_by(f64::total_cmp);
    places
}

#[test]
fn a_higher_score_is_never_more_probable_and_none_is_impossible() {
    for (name, scores) in samples() {
        let tail = fit(&scores);
        let mut last = 1.0;
        for place in places(&scores) {
            let probability = tail.probability(place);
            assert!((LEAST_PROBABILITY..=1.0).contains(&probability), "{name}: {probability} at {place}");
            assert!(probability <= last * (1.0 + 1e-12), "{name}: {probability} at {place} after {last}");
            last = probability;
        }
        assert_eq!(tail.probability(f64::NAN), tail.probability(f64::NEG_INFINITY), "{name}");
    }
}

#[test]
fn the_threshold_is_the_inverse_of_the_probability() {
    for (name, scores) in samples() {
        let tail = fit(&scores);
        for exponent in 0..56 {
            let probability = libm::pow(10.0, -f64::from(exponent) / 4.0);
            let threshold = tail.threshold(probability);
            for place in places(&scores) {
                let is_rare = tail.probability(place) <= probability.max(LEAST_PROBABILITY);
                assert_eq!(place > threshold, is_rare, "{name}: {place} and {probability}: {threshold}");
            }
            // In the tail, where probabilities have no gaps, they come back.
            if (LEAST_PROBABILITY..tail.of_peaks()).contains(&probability) && threshold > tail.location {
                let back = tail.probability(threshold);
                assert!((back / probability - 1.0).abs() < 1e-6, "{name}: {back} for {probability}");
            }
        }
    }
}

#[test]
fn within_the_scores_a_probability_is_a_rank() {
    let scores: Vec<f64> = (0..1000).map(f64::from).collect();
    let tail = fit(&scores);
    assert_eq!(tail.probability(900.0), 100.5 / 1001.0);
    assert_eq!(tail.probability(899.5), 100.5 / 1001.0);
    assert_eq!(tail.probability(0.0), 1000.5 / 1001.0);
    assert_eq!(tail.threshold(0.2), 800.0, "199 scores are higher");
    assert_eq!(tail.threshold(1.0), f64::NEG_INFINITY);
}

#[test]
fn a_frequent_score_is_never_improbable() {
    let mut scores = draws(&DISTRIBUTIONS[1], 1000, 3);
    scores.extend([1.0; 100]);
    let tail = fit(&scores);
    assert!((tail.probability(1.0) - 0.0912).abs() < 1e-3, "{}", tail.probability(1.0));
    assert!(tail.probability(1.0_f64.next_up()) < 1e-3);
    assert!(tail.threshold(1e-4) > 1.0);
}

#[test]
fn scores_all_alike_leave_something_to_be_rare() {
    let tail = fit(&[0.45; 500]);
    assert!(tail.probability(0.45) > 0.99);
    assert!((1e-5..1e-2).contains(&tail.probability(0.451)), "{}", tail.probability(0.451));
    assert!(tail.probability(0.7) < 1e-8, "{}", tail.probability(0.7));
}

#[test]
fn what_can_not_be_learnt_from_is_refused() {
    assert_eq!(Tail::fit(&[]), Err(TailError::NoScores));
    for value in [f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(Tail::fit(&[0.1, value]), Err(TailError::NotFinite { place: 1, value }));
    }
    let error = Tail::fit(&[f64::NAN]).unwrap_err().to_string();
    assert_eq!(error, "score 0 to calibrate with is NaN: scores must be finite");
}

/// Rates at which ordinary records exceed the thresholds for nominal ones: a row for each of many fits. The
/// true tail stands for any number of fresh draws.
fn realised(distribution: &Distribution, scores: usize, nominal: [f64; 3]) -> Vec<[f64; 3]> {
    let rates = |seed: u64| {
        let tail = fit(&draws(distribution, scores, 100 + seed));
        nominal.map(|nominal| (distribution.tail)(tail.threshold(nominal)))
    };
    (0..60).map(rates).collect()
}

#[test]
fn ordinary_records_exceed_a_threshold_about_as_often_as_it_says() {
    let nominal = [1e-3, 1e-4, 1e-5];
    for distribution in &DISTRIBUTIONS {
        for scores in [2_000, 20_000] {
            let rates = realised(distribution, scores, nominal);
            for (place, nominal) in nominal.into_iter().enumerate() {
                let factor =
                    rates.iter().map(|rates| rates[place] / nominal).sum::<f64>() / rates.len() as f64;
                let told = format!("{scores} {}: {factor:.2} of {nominal}", distribution.name);
                assert!(factor < 3.0, "{told}");
                // So far beyond 2,000 scores a tail that ends is told from one that doesn't by luck, and
                // silence is the right mistake.
                if scores > 2_000 || nominal > 1e-4 {
                    assert!(factor > 0.5, "{told}");
                }
            }
        }
    }
}

#[test]
fn where_the_scores_can_be_counted_every_single_fit_is_right() {
    for distribution in &DISTRIBUTIONS {
        for [rate, ..] in realised(distribution, 20_000, [1e-3; 3]) {
            assert!((5e-4..2e-3).contains(&rate), "{}: {rate}", distribution.name);
        }
    }
}

/// How high the threshold of exponential scores is above the location, as a multiple of the true one's height: the
/// median of many fits.
fn height(scores: usize, nominal: f64) -> f64 {
    let truth = -libm::log(nominal);
    let mut heights: Vec<f64> = (0..41_u64)
        .map(|seed| {
            let tail = fit(&draws(&DISTRIBUTIONS[0], scores, 300 + seed));
            (tail.threshold(nominal) - tail.location) / (truth - tail.location)
        })
        .collect();
    heights.sort_unstable_by(f64::total_cmp);
    heights[20]
}

#[test]
fn the_further_beyond_the_scores_the_higher_above_the_true_threshold() {
    for (scores, nominal, expected) in [
        (2_000, 1e-5, 1.2..1.6),
        (2_000, 1e-9, 30.0..60.0),
        (20_000, 1e-5, 0.95..1.1),
        (20_000, 1e-9, 1.8..2.5),
        (65_536, 1e-5, 0.95..1.1),
        (65_536, 1e-9, 1.2..1.6),
    ] {
        let found = height(scores, nominal);
        assert!(expected.contains(&found), "{scores} scores, {nominal:e}: {found}");
    }
}

#[test]
fn updates_lead_where_a_fit_of_everything_would() {
    for distribution in &DISTRIBUTIONS {
        let scores = draws(distribution, 60_000, 7);
        let mut tail = fit(&scores[..2_000]);
        scores[2_000..].iter().for_each(|score| tail.update(*score));
        tail.update(f64::NAN);
        assert!(tail.is_sound());
        assert_eq!(tail.scores(), 60_000);
        assert_eq!(tail.peaks.len(), MOST_PEAKS, "no more are kept");
        for nominal in [1e-2, 1e-3, 1e-4] {
            let rate = (distribution.tail)(tail.threshold(nominal));
            assert!((0.5..2.0).contains(&(rate / nominal)), "{}: {rate} for {nominal}", distribution.name);
        }
    }
}

#[test]
fn updates_follow_scores_that_have_risen() {
    let mut tail = fit(&draws(&DISTRIBUTIONS[0], 2_000, 8));
    let before = tail.probability(6.0);
    draws(&DISTRIBUTIONS[0], 20_000, 9).iter().for_each(|score| tail.update(score + 1.0));
    assert!(tail.probability(6.0) > 1.5 * before, "{} after {before}", tail.probability(6.0));
}

#[test]
fn a_tail_from_bytes_is_the_same_tail_and_a_harmed_one_is_not_sound() {
    let tail = fit(&draws(&DISTRIBUTIONS[2], 2_000, 1));
    let read: Tail = postcard::from_bytes(&postcard::to_allocvec(&tail).unwrap()).unwrap();
    assert_eq!(read, tail);
    let refused = |what: &str, harm: &dyn Fn(&mut Tail)| {
        let mut harmed = tail.clone();
        harm(&mut harmed);
        assert!(!harmed.is_sound(), "{what}");
    };
    refused("no body", &|tail| tail.body.clear());
    refused("a body in disorder", &|tail| tail.body.swap(3, 4));
    refused("another location", &|tail| tail.location += 1.0);
    refused("a peak below", &|tail| tail.peaks[0] = -1.0);
    refused("more peaks than scores", &|tail| tail.above = tail.scores);
    refused("another shape", &|tail| tail.excess = Excess::guess(f64::INFINITY));
}
