//! One forest twice: as the crate has it, and as nad compiles it.
//!
//! The one place where nad's scorer is called.

use anyhow::{Result, anyhow, bail};
use extended_isolation_forest::{Forest as CrateForest, ForestOptions};
use nad_engine::{
    features::PACKET_FEATURES,
    model::{
        forest::{
            kernel::Kernel,
            oblique::{ObliqueForest, Values},
            quantized::{BLOCK, Block, QuantizedForest},
        },
        matrix::Matrix,
        scaler::Scaler,
        trainer::{Growth, MOST_CRATE_COLUMNS, Seeded, Trainer as _, from_crate},
    },
};
use serde::Deserialize;

/// The same forest in both forms.
pub(super) struct Forests {
    nads: Nads,
    pub(super) crates: Box<dyn CrateScorer>,
}

/// How nad scores it.
enum Nads {
    /// Over codes of a byte, many at once.
    Quantized(QuantizedForest),
    /// Over scaled values, row by row, where it is no standard one.
    Oblique(ObliqueForest),
}

/// What is scored, in the forms that there are of it.
pub(super) struct Samples {
    /// Scaled.
    pub(super) rows: Matrix,
    pub(super) codes: Vec<[u8; PACKET_FEATURES]>,
}

/// The crate's way to a score, whatever the number of columns, which is part of its type.
pub(super) trait CrateScorer {
    /// Adds the scores of the first so many rows.
    fn score(&self, rows: &Matrix, count: usize, scores: &mut Vec<f64>);
}

impl Forests {
    /// The same, scored in another way than the fastest.
    pub(super) fn with_kernel(self, kernel: Kernel) -> Self {
        match self.nads {
            Nads::Quantized(quantized) => {
                Self { nads: Nads::Quantized(quantized.with_kernel(kernel)), ..self }
            }
            Nads::Oblique(oblique) => Self { nads: Nads::Oblique(oblique.with_kernel(kernel)), ..self },
        }
    }

    /// Adds a score for each sample.
    pub(super) fn score(&self, samples: &Samples, scores: &mut Vec<f64>) {
        match &self.nads {
            Nads::Quantized(quantized) => each_block(quantized, samples, u32::MAX, |paths| {
                scores.extend(paths.iter().map(|paths| quantized.score(*paths)));
            }),
            Nads::Oblique(oblique) => {
                let mut values = Values::default();
                scores.extend(samples.rows.rows().map(|row| {
                    values.set(row);
                    oblique.score(oblique.path(&values, f64::INFINITY))
                }));
            }
        }
    }

    /// Goes as far as the detector does where only what scores above a threshold is to be told: to the sum of paths, or
    /// less far where it is sure before that. Gives how many do.
    pub(super) fn count_above(&self, samples: &Samples, threshold: f64) -> usize {
        let mut above = 0;
        if let Nads::Quantized(quantized) = &self.nads {
            let limit = quantized.longest_path(threshold);
            each_block(quantized, samples, limit, |paths| {
                let near = paths.iter().filter(|paths| **paths <= limit);
                above += near.filter(|paths| quantized.score(**paths) > threshold).count();
            });
        }
        above
    }
}

fn each_block(quantized: &QuantizedForest, samples: &Samples, limit: u32, mut take: impl FnMut(&[u32])) {
    let (mut block, mut paths) = (Block::default(), [0; BLOCK]);
    for codes in samples.codes.chunks(BLOCK) {
        for (place, codes) in codes.iter().enumerate() {
            block.set(place, codes);
        }
        quantized.paths(&block, limit, &mut paths);
        take(&paths[..codes.len()]);
    }
}

/// Grows a forest with the crate from rows that a scaler made.
pub(super) fn grow(scaler: &Scaler, rows: &Matrix, extension_level: usize) -> Result<Forests> {
    /// One copy for each number of columns.
    macro_rules! with_columns {
        ($($columns:literal)*) => {
            match rows.columns() {
                $($columns => grow_with::<$columns>(scaler, rows, extension_level),)*
                columns => bail!("{columns} features are more than {MOST_CRATE_COLUMNS}, the most that the crate takes"),
            }
        };
    }
    with_columns!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32)
}

/// A standard forest by nad's own trainer, which grows the same one every time, compiled.
pub(crate) fn seeded(scaler: &Scaler, rows: &Matrix) -> Result<Option<QuantizedForest>> {
    let forest = Seeded::default().grow(rows, &Growth::default())?;
    Ok(QuantizedForest::compile(&forest, scaler, &[]))
}

fn grow_with<const N: usize>(scaler: &Scaler, rows: &Matrix, extension_level: usize) -> Result<Forests>
where
    [f32; N]: for<'de> Deserialize<'de>,
{
    let Growth { trees, samples_per_tree, .. } = Growth::default();
    let options = ForestOptions {
        n_trees: trees,
        sample_size: samples_per_tree,
        max_tree_depth: None,
        extension_level,
    };
    let samples: Vec<[f32; N]> = rows.rows().map(array).collect();
    let crates =
        CrateForest::from_slice(&samples, &options).map_err(|error| anyhow!("the crate: {error}"))?;
    let flat = from_crate(&crates, samples_per_tree)?;
    let quantized = QuantizedForest::compile(&flat, scaler, &[]);
    Ok(Forests {
        nads: quantized.map_or_else(|| Nads::Oblique(ObliqueForest::compile(&flat)), Nads::Quantized),
        crates: Box::new(crates),
    })
}

impl<const N: usize> CrateScorer for CrateForest<f32, N> {
    fn score(&self, rows: &Matrix, count: usize, scores: &mut Vec<f64>) {
        scores.extend(rows.rows().take(count).map(|row| CrateForest::score(self, &array(row))));
    }
}

fn array<const N: usize>(row: &[f32]) -> [f32; N] {
    std::array::from_fn(|column| row[column])
}
