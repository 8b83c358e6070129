use super::*;
use crate::model::{
    matrix::Matrix,
    trainer::{Growth, TrainerKind, cloud},
};

/// Samples of the baseline, and such as lie on points of splits, beside them, and far out.
fn questions(samples: &Matrix, forest: &Forest) -> Matrix {
    let mut questions = samples.clone();
    for (number, node) in forest.nodes.iter().enumerate().step_by(3) {
        let terms = match *node {
            Node::Leaf { .. } => continue,
            Node::Axis { feature, limit, .. } => &[Term { feature, coefficient: 1.0, point: limit }],
            Node::Oblique { first_term, term_count, .. } => forest.oblique_terms(first_term, term_count),
        };
        // On the plane itself the sum is 0, and one step beside it, it hardly is.
        let mut row = samples.row(number % samples.len()).to_vec();
        terms.iter().for_each(|term| row[usize::from(term.feature)] = term.point);
        questions.push(&row);
        let value = &mut row[usize::from(terms[number % terms.len()].feature)];
        *value = if number % 2 == 0 { value.next_up() } else { value.next_down() };
        questions.push(&row);
    }
    for far in [0.0, -0.0, 1e6, -1e6, f32::MIN_POSITIVE] {
        questions.push(&vec![far; samples.columns()]);
    }
    questions
}

fn path(compiled: &ObliqueForest, row: &[f32], limit: f64) -> f64 {
    let mut values = Values::default();
    values.set(row);
    compiled.path(&values, limit)
}

#[test]
fn every_kernel_gives_the_very_scores_of_the_forest() {
    for trainer in [TrainerKind::Seeded, TrainerKind::Crate] {
        for (columns, extension_level) in
            [(1, 0), (2, 1), (5, 4), (7, 6), (7, 0), (8, 7), (9, 8), (23, 7), (23, 8), (23, 22), (32, 1)]
        {
            let samples = cloud(400, columns);
            let growth = Growth { extension_level, trees: 50, ..Growth::default() };
            let forest = trainer.trainer().grow(&samples, &growth).unwrap();
            let questions = questions(&samples, &forest);
            let mut compiled = ObliqueForest::compile(&forest);
            for kernel in Kernel::all() {
                compiled = compiled.with_kernel(kernel);
                for row in questions.rows() {
                    let score = compiled.score(path(&compiled, row, f64::INFINITY));
                    let name = kernel.name();
                    assert_eq!(
                        score,
                        forest.score(row),
                        "{name}, level {extension_level} of {columns}: {row:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn sums_up_to_a_limit_are_whole_and_those_above_it_are_above_it() {
    let samples = cloud(600, 7);
    let growth = Growth { extension_level: 6, ..Growth::default() };
    let forest = TrainerKind::Seeded.trainer().grow(&samples, &growth).unwrap();
    let mut compiled = ObliqueForest::compile(&forest);
    let whole: Vec<f64> = samples.rows().map(|row| path(&compiled, row, f64::INFINITY)).collect();
    let mut spared = 0;
    for kernel in Kernel::all() {
        compiled = compiled.with_kernel(kernel);
        for limit in [0.0, 500.0, whole[0], whole[1], 2000.0] {
            for (row, whole) in samples.rows().zip(&whole) {
                let sum = path(&compiled, row, limit);
                assert!(sum == *whole || sum > limit && *whole > sum, "{sum}, {whole}");
                spared += u32::from(sum != *whole);
            }
        }
    }
    assert!(spared > 1000, "{spared}");
}

#[test]
fn above_the_longest_path_of_a_score_every_score_is_below_it() {
    let samples = cloud(300, 3);
    let growth = Growth { extension_level: 2, ..Growth::default() };
    let compiled = ObliqueForest::compile(&TrainerKind::Seeded.trainer().grow(&samples, &growth).unwrap());
    for score in [0.01, 0.3, 0.5, 0.7, 0.999] {
        let longest = compiled.longest_path(score);
        assert!(compiled.score(longest + 1e-9) < score);
        assert!(compiled.score(longest - 1e-6) >= score, "and it is the longest but for rounding");
    }
}
