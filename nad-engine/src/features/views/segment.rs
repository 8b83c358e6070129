//! Features of the network as a whole.

use crate::{
    context::segment::SegmentState,
    features::{Column, Feature, Persistence},
};

type Read = fn(&SegmentState) -> f32;

/// Machines come one by one, or by the dozen when an office opens; a flood has thousands.
pub(super) static SENDERS: [Column<Read>; 2] = [
    Column {
        feature: Feature::logarithmic("new senders", "")
            .ordinary(48.0)
            .hostile(1_000.0)
            .phrase("had packets in 10 s from {} MAC addresses that were not there before"),
        read: |segment| segment.new_10,
    },
    Column {
        feature: Feature::logarithmic("new senders 60 s", "")
            .persistence(Persistence::Fades(60.0))
            .ordinary(96.0)
            .hostile(4_000.0)
            .phrase("had packets in a minute from {} MAC addresses that were not there before"),
        read: |segment| segment.new_60,
    },
];
