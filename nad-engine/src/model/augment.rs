//! What is added to a baseline before a forest is grown from it.
//!
//! A forest splits only where its samples differ, and what lies beyond the farthest sample looks to it as that
//! sample does. So it is shown what lies beyond: vectors of the baseline in which a feature or two are as far out as an
//! attack would have them (negative sampling; Sipple, ICML 2020). And a short baseline has not seen the most that is
//! ordinary: vectors in which one feature goes up to 1.6 times as far count as ordinary, too, and so do
//! such as are hardly remarkable, to whomever and from wherever.

use super::{matrix::Matrix, random::Random};
use crate::features::Feature;

/// The part of a training set that lies beyond, and the part in the margin; the fewest rows of either.
const BEYOND: f64 = 0.10;
const MARGIN: f64 = 0.03;
const FEWEST: usize = 64;
/// How far beyond the most of the baseline, on a feature's scale (doublings where it is logarithmic).
const MARGIN_DISTANCE: (f32, f32) = (0.0, 0.7);
/// How far above what is unremarkable on any network something is still ordinary in whatever circumstances.
const UNREMARKABLE_DISTANCE: (f32, f32) = (0.0, 1.0);
const BEYOND_DISTANCE: (f32, f32) = (1.0, 6.0);

/// What a view is trained on.
pub(super) struct Augmented {
    /// The baseline and its margin, which the tail is fitted to. Where there is no baseline, rows in which nothing is
    /// remarkable stand for it.
    pub(super) ordinary: Matrix,
    /// The same and the rows beyond, which the forest is grown from.
    pub(super) training: Matrix,
}

/// Adds to a baseline what lies around it.
pub(super) fn augment(baseline: &Matrix, features: &[&'static Feature], random: &mut Random) -> Augmented {
    let mut ordinary = baseline.clone();
    if baseline.is_empty() {
        let unremarkable: Vec<f32> = features.iter().map(|feature| feature.scaled(0.0)).collect();
        (0..FEWEST).for_each(|_| ordinary.push(&unremarkable));
    }
    let rows = ordinary.len();
    let highest = |column: usize| ordinary.rows().map(|row| row[column]).fold(f32::MIN, f32::max);
    let limits: Vec<f32> = (0..features.len()).map(highest).collect();
    let most: Vec<f32> = features.iter().map(|feature| feature.scaled(feature.most)).collect();
    let can_grow = |column: &usize| {
        let feature = features[*column];
        feature.is_open && feature.circumstance == 0.0 && limits[*column] < most[*column]
    };
    let open: Vec<usize> = (0..features.len()).filter(can_grow).collect();
    if open.is_empty() {
        return Augmented { training: ordinary.clone(), ordinary };
    }
    let count = |part: f64| ((rows as f64 * part) as usize).max(FEWEST);
    let mut moved = |most_columns: u32, distance: (f32, f32)| {
        let mut row = ordinary.row(random.below(rows as u32) as usize).to_vec();
        for _ in 0..=random.below(most_columns) {
            let column = open[random.below(open.len() as u32) as usize];
            row[column] = (limits[column] + random.between(distance.0, distance.1)).min(most[column]);
        }
        row
    };
    // Of a packet nothing is unremarkable: what lies just beyond the baseline stands for it.
    let bounded: Vec<usize> =
        open.iter().copied().filter(|column| features[*column].ordinary > 0.0).collect();
    let times = if bounded.is_empty() { 2 } else { 1 };
    let mut margin: Vec<_> = (0..times * count(MARGIN)).map(|_| moved(1, MARGIN_DISTANCE)).collect();
    let beyond: Vec<_> = (0..count(BEYOND)).map(|_| moved(2, BEYOND_DISTANCE)).collect();
    if !bounded.is_empty() {
        margin.extend((0..count(MARGIN)).map(|_| unremarkable(features, &bounded, &limits, random)));
    }
    margin.iter().for_each(|row| ordinary.push(row));
    let mut training = ordinary.clone();
    beyond.iter().for_each(|row| training.push(row));
    Augmented { ordinary, training }
}

/// A row in which one feature is hardly above what is unremarkable, or no higher than in the baseline, in whatever circumstances:
/// where the baseline has high values and none between, those between are no odder.
fn unremarkable(
    features: &[&'static Feature],
    bounded: &[usize],
    limits: &[f32],
    random: &mut Random,
) -> Vec<f32> {
    let mut row: Vec<f32> = features.iter().map(|feature| feature.scaled(0.0)).collect();
    let column = bounded[random.below(bounded.len() as u32) as usize];
    let highest = UNREMARKABLE_DISTANCE.1.max(limits[column] - row[column]);
    row[column] += random.between(UNREMARKABLE_DISTANCE.0, highest);
    for (value, feature) in row.iter_mut().zip(features).filter(|(_, feature)| feature.circumstance > 0.0) {
        *value = feature.scaled((random.uniform() as f32 * feature.circumstance).round());
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::View;

    fn features(view: View) -> Vec<&'static Feature> {
        view.features().collect()
    }

    /// A baseline of a view in which every feature goes from 0 to 3.
    fn baseline(view: View, rows: usize) -> Matrix {
        let mut baseline = Matrix::new(view.features().len());
        for row in 0..rows {
            baseline.push(&vec![(row % 4) as f32; baseline.columns()]);
        }
        baseline
    }

    #[test]
    fn rows_around_a_baseline_come_after_it_as_many_as_its_size_asks_for() {
        for (rows, margin, beyond) in [(100, 2 * FEWEST, FEWEST), (4000, 240, 400)] {
            let baseline = baseline(View::OutboundFlood, rows);
            let augmented = augment(&baseline, &features(View::OutboundFlood), &mut Random::new(1, 1));
            assert!(baseline.rows().eq(augmented.ordinary.rows().take(rows)));
            assert!(augmented.ordinary.rows().eq(augmented.training.rows().take(augmented.ordinary.len())));
            assert_eq!(augmented.ordinary.len(), rows + margin);
            assert_eq!(augmented.training.len() - augmented.ordinary.len(), beyond);
        }
    }

    #[test]
    fn the_margin_is_near_and_what_lies_beyond_is_far_and_both_start_from_the_baseline() {
        let baseline = baseline(View::OutboundFlood, 400);
        let augmented = augment(&baseline, &features(View::OutboundFlood), &mut Random::new(1, 1));
        let moved = |row: &[f32]| row.iter().copied().filter(|value| *value > 3.0).collect::<Vec<_>>();
        for row in augmented.ordinary.rows().skip(400).take(FEWEST) {
            let moved = moved(row);
            assert!(moved.len() <= 1 && moved.iter().all(|value| *value <= 3.7), "{row:?}");
        }
        for row in augmented.training.rows().skip(augmented.ordinary.len()) {
            let moved = moved(row);
            assert!((1..=2).contains(&moved.len()), "{row:?}");
            assert!(moved.iter().all(|value| (4.0..=9.0).contains(value)), "{row:?}");
        }
    }

    #[test]
    fn what_lies_between_values_of_the_baseline_is_ordinary_too() {
        let features = features(View::Periodicity);
        let lowest: Vec<f32> = features.iter().map(|feature| feature.scaled(0.0)).collect();
        let mut rows = Matrix::new(features.len());
        (0..400).for_each(|row| {
            let mut values = lowest.clone();
            values[0] = if row % 10 == 0 { 30.0 } else { lowest[0] };
            rows.push(&values);
        });
        let augmented = augment(&rows, &features, &mut Random::new(1, 1));
        let between = augmented.ordinary.rows().skip(400).filter(|row| (10.0..25.0).contains(&row[0]));
        assert!(between.count() > 10);
    }

    #[test]
    fn flags_stay_as_they_are_and_nothing_goes_beyond_what_there_can_be() {
        let features = features(View::Upload);
        let rows = baseline(View::Upload, 400);
        let augmented = augment(&rows, &features, &mut Random::new(1, 1));
        for row in augmented.training.rows() {
            for (feature, value) in features.iter().zip(row) {
                assert!(*value <= feature.scaled(feature.most).max(3.0), "{}: {value}", feature.name);
                assert!(
                    feature.is_open || *value <= feature.circumstance.max(3.0),
                    "{}: {value}",
                    feature.name
                );
            }
        }
    }

    #[test]
    fn no_packet_of_nothing_but_zeros_is_ordinary() {
        for (view, are_any) in [(View::Packet, false), (View::OutboundFlood, true)] {
            let features = features(view);
            let zeros: Vec<f32> = features.iter().map(|feature| feature.scaled(0.0)).collect();
            let mut ones = Matrix::new(features.len());
            (0..400).for_each(|_| ones.push(&vec![1.0; features.len()]));
            let augmented = augment(&ones, &features, &mut Random::new(1, 1));
            let is_near = |row: &[f32]| row.iter().zip(&zeros).filter(|(a, b)| a != b).count() <= 1;
            assert_eq!(augmented.ordinary.rows().skip(400).any(is_near), are_any, "{}", view.name());
        }
    }

    #[test]
    fn where_there_is_no_baseline_what_is_unremarkable_stands_for_it() {
        let features = features(View::Names);
        let empty = Matrix::new(features.len());
        let augmented = augment(&empty, &features, &mut Random::new(1, 1));
        let unremarkable: Vec<f32> = features.iter().map(|feature| feature.scaled(0.0)).collect();
        assert!(augmented.ordinary.rows().take(FEWEST).all(|row| row == unremarkable));
        assert!(augmented.training.len() > augmented.ordinary.len());
    }
}
