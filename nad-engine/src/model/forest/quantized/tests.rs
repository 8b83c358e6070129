use super::*;
use crate::model::{
    matrix::Matrix,
    random::Random,
    trainer::{Growth, TrainerKind},
};

const WIDTH: usize = PACKET_FEATURES;
type Codes = [u8; WIDTH];

/// Codes as packets have them: constant columns, flags, few values, and all there are.
fn codes(random: &mut Random) -> Codes {
    std::array::from_fn(|column| match column % 5 {
        0 => 64,
        1 => random.below(2) as u8,
        2 => [6, 17, 58][random.below(3) as usize],
        3 => (100.0 + 20.0 * random.normal()).clamp(0.0, 255.0) as u8,
        _ => random.below(256) as u8,
    })
}

fn matrix(rows: &[Codes]) -> Matrix {
    let mut matrix = Matrix::new(WIDTH);
    rows.iter().for_each(|row| matrix.push(&row.map(f32::from)));
    matrix
}

/// A forest over codes, whose scaled values are far from whole numbers.
fn grown(trainer: TrainerKind, rows: &[Codes], growth: &Growth) -> (Scaler, Forest) {
    let samples = matrix(rows);
    let scaler = Scaler::learn(&samples, &[1.0; WIDTH]);
    let mut scaled = Matrix::new(WIDTH);
    samples.rows().for_each(|row| scaled.push(&scale(&scaler, row)));
    (scaler, trainer.trainer().grow(&scaled, growth).unwrap())
}

fn scale(scaler: &Scaler, row: &[f32]) -> Vec<f32> {
    let mut scaled = Vec::new();
    scaler.scale(row, &mut scaled);
    scaled
}

/// Usual samples, and such as lie at or beside every limit of the forest and at both ends of each column.
fn questions(random: &mut Random, rows: &[Codes], forest: &QuantizedForest) -> Vec<Codes> {
    let mut questions = rows.to_vec();
    questions.extend((0..500).map(|_| std::array::from_fn(|_| random.below(256) as u8)));
    questions.extend([[0; WIDTH], [255; WIDTH], [127; WIDTH], [128; WIDTH]]);
    for tree in &forest.trees {
        for (feature, limit) in tree.features.iter().zip(tree.limits).skip(1) {
            let mut row = rows[random.below(rows.len() as u32) as usize];
            row[usize::from(*feature)] = (limit ^ FLIP).wrapping_add(random.below(3) as u8).wrapping_sub(1);
            questions.push(row);
        }
    }
    questions
}

fn sums(forest: &QuantizedForest, questions: &[Codes]) -> Vec<u32> {
    let mut all = Vec::new();
    for part in questions.chunks(BLOCK) {
        let mut block = Block::default();
        let mut sums = [u32::MAX; BLOCK];
        part.iter().enumerate().for_each(|(place, codes)| block.set(place, codes));
        forest.paths(&block, u32::MAX, &mut sums);
        all.extend(&sums[..part.len()]);
    }
    all
}

#[test]
fn every_kernel_gives_the_float_forests_scores_and_order_also_at_its_limits() {
    let mut random = Random::new(3, 0);
    for (round, trainer) in [TrainerKind::Seeded, TrainerKind::Crate].into_iter().cycle().take(6).enumerate()
    {
        let rows: Vec<Codes> = (0..1500).map(|_| codes(&mut random)).collect();
        let growth = Growth { seed: round as u64, ..Growth::default() };
        let (scaler, forest) = grown(trainer, &rows, &growth);
        let quantized = QuantizedForest::compile(&forest, &scaler, &[]).unwrap();
        let questions = questions(&mut random, &rows, &quantized);
        let float: Vec<f64> =
            matrix(&questions).rows().map(|row| forest.score(&scale(&scaler, row))).collect();
        let mut before: Option<Vec<u32>> = None;
        let mut quantized = quantized;
        for kernel in Kernel::all() {
            quantized = quantized.with_kernel(kernel);
            let sums = sums(&quantized, &questions);
            for (sum, float) in sums.iter().zip(&float) {
                let score = quantized.score(*sum);
                assert!((score - float).abs() < 1e-7, "{}: {score} and {float}", kernel.name());
            }
            let mut order: Vec<usize> = (0..sums.len()).collect();
            order.sort_by_key(|place| sums[*place]);
            assert!(order.is_sorted_by(|a, b| float[*a] + 1e-7 >= float[*b]), "{}", kernel.name());
            assert!(before.is_none_or(|before| before == sums), "{}", kernel.name());
            before = Some(sums);
        }
    }
}

#[test]
fn a_forest_of_one_row_over_and_over_and_one_of_two_are_compiled_alike() {
    for rows in [vec![[7; WIDTH]; 50], vec![[7; WIDTH], [8; WIDTH]]] {
        let (scaler, forest) = grown(TrainerKind::Seeded, &rows, &Growth::default());
        let quantized = QuantizedForest::compile(&forest, &scaler, &[]).unwrap();
        for question in [[7; WIDTH], [8; WIDTH], [0; WIDTH], [255; WIDTH]] {
            let float = forest.score(&scale(&scaler, &question.map(f32::from)));
            assert!((quantized.score(sums(&quantized, &[question])[0]) - float).abs() < 1e-7);
        }
    }
}

#[test]
fn what_is_left_out_makes_no_difference() {
    let mut random = Random::new(4, 0);
    let rows: Vec<Codes> = (0..400).map(|_| codes(&mut random)).collect();
    let (scaler, forest) = grown(TrainerKind::Seeded, &rows, &Growth::default());
    let quantized = QuantizedForest::compile(&forest, &scaler, &[4, 9]).unwrap();
    let mut other = rows[0];
    (other[4], other[9]) = (other[4].wrapping_add(100), other[9].wrapping_add(100));
    let sums = sums(&quantized, &[rows[0], other]);
    assert_eq!(sums[0], sums[1]);
}

#[test]
fn what_is_no_standard_forest_over_codes_is_not_compiled() {
    let mut random = Random::new(5, 0);
    let rows: Vec<Codes> = (0..4000).map(|_| codes(&mut random)).collect();
    let compiles = |growth: &Growth| {
        let (scaler, forest) = grown(TrainerKind::Seeded, &rows, growth);
        QuantizedForest::compile(&forest, &scaler, &[]).is_some()
    };
    assert!(compiles(&Growth { trees: MOST_TREES, ..Growth::default() }));
    assert!(!compiles(&Growth { trees: MOST_TREES + 1, ..Growth::default() }));
    assert!(!compiles(&Growth { extension_level: 1, ..Growth::default() }));
    assert!(!compiles(&Growth { samples_per_tree: 2048, ..Growth::default() }), "more than eight levels");
}

#[test]
fn above_the_longest_path_of_a_score_every_score_is_below_it() {
    let mut random = Random::new(6, 0);
    let rows: Vec<Codes> = (0..400).map(|_| codes(&mut random)).collect();
    let (scaler, forest) = grown(TrainerKind::Seeded, &rows, &Growth::default());
    let quantized = QuantizedForest::compile(&forest, &scaler, &[]).unwrap();
    for score in [0.01, 0.3, 0.5, 0.7, 0.999] {
        let longest = quantized.longest_path(score);
        assert!(quantized.score(longest + 1) < score);
        assert!(
            quantized.score(longest.saturating_sub(3)) >= score,
            "and it is the longest but for rounding"
        );
    }
    assert_eq!(quantized.longest_path(0.0), u32::MAX);
}

#[test]
fn sums_up_to_a_limit_are_whole_and_those_above_it_are_above_it() {
    let mut random = Random::new(8, 0);
    let rows: Vec<Codes> = (0..640).map(|_| codes(&mut random)).collect();
    let (scaler, forest) = grown(TrainerKind::Seeded, &rows, &Growth::default());
    let mut quantized = QuantizedForest::compile(&forest, &scaler, &[]).unwrap();
    let whole = sums(&quantized, &rows);
    let mut spared = 0;
    for kernel in Kernel::all() {
        quantized = quantized.with_kernel(kernel);
        for limit in [0, 1 << 24, *whole.iter().min().unwrap(), *whole.iter().max().unwrap(), u32::MAX] {
            for (part, whole) in rows.chunks(BLOCK).zip(whole.chunks(BLOCK)) {
                let mut block = Block::default();
                part.iter().enumerate().for_each(|(place, codes)| block.set(place, codes));
                let mut sums = [0; BLOCK];
                quantized.paths(&block, limit, &mut sums);
                for (sum, whole) in sums.iter().zip(whole) {
                    assert!(sum == whole || *sum > limit && whole > sum, "{}: {sum}, {whole}", kernel.name());
                    spared += u32::from(sum != whole);
                }
            }
        }
    }
    assert!(spared > 1000, "{spared}");
}
