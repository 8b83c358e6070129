//! Features of a MAC address.

use crate::{
    context::link::LinkState,
    features::{Column, Feature, Persistence, shape::Shape},
};

pub(super) type Read = fn(&LinkState) -> f32;

/// A machine that got another's lease claims it once; a spoofer claims again and again what others hold.
pub(super) static ARP: [Column<Read>; 4] = [
    Column {
        feature: Feature::logarithmic("conflicting claims", "")
            .persistence(Persistence::Fades(60.0))
            .ordinary(3.0)
            .hostile(20.0)
            .phrase("claimed {} times in a minute an address that another MAC address holds"),
        read: |link| link.conflicts_60,
    },
    Column {
        feature: Feature::logarithmic("unasked replies", "")
            .persistence(Persistence::Fades(60.0))
            .ordinary(4.0)
            .phrase("sent {} ARP replies in a minute that nobody asked for"),
        read: |link| link.unasked_60,
    },
    Column {
        feature: Feature::logarithmic("addresses asked for", "")
            .persistence(Persistence::Holds(10.0))
            .ordinary(12.0)
            .hostile(100.0)
            .phrase("asked by ARP for {} different addresses in 10 s"),
        read: LinkState::asked_10,
    },
    Column {
        feature: Feature::logarithmic("malformed frames", "")
            .ordinary(1.0)
            .hostile(50.0)
            .phrase("sent {} malformed frames in 10 s"),
        read: |link| link.malformed_10,
    },
];

/// What a MAC address does looks like.
pub(super) fn shape(link: &LinkState) -> Shape {
    if link.conflicts_60 >= 1.0 {
        Shape::ArpSpoofing
    } else if link.malformed_10 >= 1.0 {
        Shape::MalformedPackets
    } else if link.asked_10() > link.unasked_60 {
        Shape::HostSweep
    } else {
        Shape::ArpSpoofing
    }
}
