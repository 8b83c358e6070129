//! Whether a view's part of a model makes sense.

use super::{SUBJECT_TREES, ViewModel};
use crate::{features::View, model::Training};

impl ViewModel {
    /// Why it can't be used for the view.
    pub(in crate::model) fn check(&self, view: View, training: &Training) -> Result<(), String> {
        let columns = view.features().len();
        if !self.is_sound(columns) {
            return Err("its forest is not whole".into());
        }
        let codes: Vec<f32> = view.features().map(|feature| feature.codes_per_unit).collect();
        self.scaler.check(&codes)?;
        let blind: Vec<u16> = super::blind(view, training);
        if blind != self.blind {
            return Err("other features are left out than the training says".into());
        }
        if blind.len() == columns {
            return Err("all features are left out, so nothing would be seen".into());
        }
        let trees = training.growth.trees * if view == View::Packet { 1 } else { SUBJECT_TREES };
        let forests = [Some((&self.forest, &self.calibration))]
            .into_iter()
            .chain([self.prefilter.as_ref().map(|prefilter| (&prefilter.forest, &prefilter.calibration))]);
        for (forest, calibration) in forests.flatten() {
            forest.check(trees, training.growth.samples_per_tree)?;
            calibration.check(trees)?;
        }
        let is_extended = view == View::Packet && training.extension_level(view).min(columns - 1) > 0;
        if self.prefilter.is_some() != is_extended {
            return Err(
                "a forest that is asked first is there only for packets, where theirs is extended".into()
            );
        }
        Ok(())
    }
}
