//! Whether what a model file says makes sense, beyond its checksum, which whoever writes a file can make.
//!
//! What follows from something else must be what follows from it: paths from depths and counts, a tail from its peaks, what
//! is left out from the training. The rest must be in the range that training gives. So no file leads a detector astray,
//! makes it wait, or takes more memory than it is large. A model that was trained on an attack is a model like another: whom
//! models come from is for their owner to see to.

use super::{FEWEST_PACKETS, Model, Training, TrainingWindow, schema};
use crate::features::View;

/// Characters of the longest name of a source.
const LONGEST_SOURCE: usize = 64 << 10;
/// Decisions a second of one view at most: the subjects that are judged, and once more for a baseline that ended within one.
const MOST_DECISIONS: f64 = 2.0 * 16_384.0;

impl Model {
    /// Why the model can't be used, as far as its content shows.
    pub(super) fn check(&self) -> Result<(), String> {
        check_window(&self.window)?;
        check_training(&self.training)?;
        let most = MOST_DECISIONS * View::ALL.len() as f64;
        if !(1.0..=most).contains(&self.decisions_per_second) {
            return Err(format!(
                "it says that {} decisions a second are made, and 1 to {most} can be",
                self.decisions_per_second
            ));
        }
        if self.views.len() != View::ALL.len() {
            return Err(format!("it has {} views, and this nad has {}", self.views.len(), View::ALL.len()));
        }
        for view in View::ALL {
            self.view(view)
                .check(view, &self.training)
                .map_err(|reason| format!("of its view {}, {reason}", view.name()))?;
        }
        self.known.check().map_err(|reason| format!("of its known services, {reason}"))
    }
}

fn check_window(window: &TrainingWindow) -> Result<(), String> {
    let TrainingWindow { source, first_ns, settled_ns, last_ns, packets } = window;
    if source.len() > LONGEST_SOURCE {
        return Err(format!("the name of its source has {} bytes", source.len()));
    }
    if !(first_ns <= settled_ns && settled_ns <= last_ns && *last_ns <= i64::MAX as u64) {
        return Err(format!(
            "its training began at {first_ns} ns, settled at {settled_ns} ns and ended at {last_ns} ns"
        ));
    }
    if *packets < FEWEST_PACKETS as u64 {
        return Err(format!("it was trained on {packets} packets, and {FEWEST_PACKETS} are the fewest"));
    }
    Ok(())
}

fn check_training(training: &Training) -> Result<(), String> {
    training.check()?;
    // A probability that none is below would be silence.
    if training.contamination < super::tail::LEAST_PROBABILITY {
        return Err(format!("contamination {} is too small to be reached", training.contamination));
    }
    let names = schema();
    if let Some(name) = training.without.iter().find(|name| !names.contains(name)) {
        return Err(format!("it was trained without \"{name}\", which is no feature"));
    }
    if training.without.len() > names.len() {
        return Err("it leaves out more features than there are".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::example;

    #[test]
    fn a_model_as_it_is_trained_makes_sense() {
        for extension_level in [None, Some(0), Some(1)] {
            example::model(extension_level).check().unwrap();
        }
    }

    #[test]
    fn rates_windows_and_counts_that_can_not_be_are_refused_with_the_reason() {
        let whole = example::model(None);
        let refused = |reason: &str, harm: &dyn Fn(&mut Model)| {
            let mut harmed = whole.clone();
            harm(&mut harmed);
            let found = harmed.check().unwrap_err();
            assert!(found.contains(reason), "{reason}: {found}");
        };
        for rate in [0.0, -1.0, 0.5, 1e300, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            refused("decisions a second", &|model| model.decisions_per_second = rate);
        }
        refused("its training began", &|model| model.window.first_ns = 5);
        refused("its training began", &|model| model.window.settled_ns = 10);
        refused("its training began", &|model| model.window.last_ns = u64::MAX);
        refused("it was trained on 0 packets", &|model| model.window.packets = 0);
        refused("the name of its source", &|model| model.window.source = "x".repeat(1 << 20));
        for contamination in [0.0, -0.1, 0.6, f64::NAN, 1e-300] {
            refused("contamination", &|model| model.training.contamination = contamination);
        }
        refused("trees", &|model| model.training.growth.trees = usize::MAX);
        refused("trees", &|model| model.training.growth.trees = 0);
        refused("samples_per_tree", &|model| model.training.growth.samples_per_tree = 1 << 40);
        refused("extension_level", &|model| model.training.extension_level = Some(1000));
        refused("no feature", &|model| model.training.without = vec!["moon/phase".into()]);
        refused("views", &|model| _ = model.views.pop());
        refused("of its view", &|model| model.views.swap(0, 1));
        // It says that it was trained with as many trees as it has.
        refused("trees", &|model| model.training.growth.trees = 6);
    }

    #[test]
    fn what_is_left_out_is_what_the_training_left_out_and_never_all() {
        let mut model = example::model(None);
        model.training.without = vec![schema()[0].clone()];
        assert!(model.check().unwrap_err().contains("left out"), "its views know nothing of it");
    }
}
