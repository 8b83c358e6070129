//! A model for tests.

use super::{
    Model, Training, TrainingWindow,
    baseline::Baseline,
    trainer::{Growth, TrainerKind},
};
use crate::{
    context::{Context, Sizes, Tables, hash::HashKey},
    features::View,
};

/// A small one, of small numbers; the forest of packets is extended to a level where that is given.
pub fn model(extension_level: Option<usize>) -> Model {
    let mut baseline = Baseline::new(0);
    for view in View::ALL {
        let columns = view.features().len();
        for i in 0..400 {
            let vector: Vec<f32> = (0..columns).map(|feature| ((i * (feature + 3)) % 5) as f32).collect();
            baseline.add(view, &vector);
        }
    }
    let growth = Growth { trees: 5, ..Growth::default() };
    let window = TrainingWindow { source: "lo".into(), first_ns: 1, settled_ns: 1, last_ns: 9, packets: 400 };
    let training = Training {
        growth,
        extension_level,
        trainer: TrainerKind::Seeded,
        contamination: 0.01,
        without: Vec::new(),
    };
    let sizes = Sizes::all(64);
    let known = Context::new(
        Tables::new(&sizes).expect("there is memory for small tables"),
        HashKey::from_seed(0),
        60,
    )
    .known_services();
    Model::train(&baseline, &training, window, known).expect("the baseline has packets")
}
