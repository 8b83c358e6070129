//! What a row of the table of views says.

use crate::{
    context::{Judged, OneOf, Sort, Subject},
    features::{Column, Feature, shape::Shape},
};

/// All that the engine knows of a view.
pub(crate) struct Row {
    /// Its name in models, files and tables.
    pub(super) name: &'static str,
    /// What it judges, by which features, and what a deviation of it looks like.
    pub(super) judges: &'static dyn Judges,
    /// How much a deviation counts when an incident is named: who does something to many says more than what comes over
    /// one of them, or what one of many service pairs looks like.
    pub(crate) vote: f64,
    /// Whether it says something about the packets of now: what a host did minutes ago says little.
    pub(crate) tells_of_now: bool,
    /// Whether a client deviates in it also by not being served: what a flood does to those who use its target.
    pub(crate) can_be_harm: bool,
}

/// What a view judges. Votes and the like are of subjects: packets are no deviations. The subject is also what deviations
/// are grouped by.
pub(super) trait Judges: Sync {
    /// Which subjects those are, unless they are packets.
    fn sort(&self) -> Option<Sort>;

    /// The features, in order.
    fn features(&self) -> Vec<&'static Feature>;

    /// Adds the features of a subject, each on its scale; whether it is one of those that are judged.
    fn read(&self, subject: &Subject<'_>, vector: &mut Vec<f32>) -> bool;

    /// What a deviation of one of these subjects looks like.
    fn shape(&self, subject: &Subject<'_>) -> Option<Shape>;
}

/// Each packet.
pub(super) struct Packets {
    pub(super) features: &'static [Feature],
}

impl Judges for Packets {
    fn sort(&self) -> Option<Sort> {
        None
    }

    fn features(&self) -> Vec<&'static Feature> {
        self.features.iter().collect()
    }

    fn read(&self, _: &Subject<'_>, _: &mut Vec<f32>) -> bool {
        false
    }

    fn shape(&self, _: &Subject<'_>) -> Option<Shape> {
        None
    }
}

/// Reads a feature from a subject's state.
type Read<J> = fn(&<J as Judged>::State) -> f32;

/// Those subjects of a sort that it is for.
pub(super) struct Of<J: Judged> {
    pub(super) columns: &'static [Column<Read<J>>],
    pub(super) is_for: fn(&J::State) -> bool,
    pub(super) shape: fn(&J::State) -> Shape,
}

impl<J: OneOf> Judges for Of<J> {
    fn sort(&self) -> Option<Sort> {
        Some(J::SORT)
    }

    fn features(&self) -> Vec<&'static Feature> {
        self.columns.iter().map(|column| &column.feature).collect()
    }

    fn read(&self, subject: &Subject<'_>, vector: &mut Vec<f32>) -> bool {
        let Some(state) = J::state(subject).filter(|state| (self.is_for)(state)) else { return false };
        vector.extend(self.columns.iter().map(|column| column.feature.scaled((column.read)(state))));
        true
    }

    fn shape(&self, subject: &Subject<'_>) -> Option<Shape> {
        J::state(subject).map(self.shape)
    }
}

pub(super) fn all<S>(_: &S) -> bool {
    true
}
