//! Features of a client-service pair: how much leaves.

use super::service_pair::{NOVELTY, Read, excess, unless_known};
use crate::{
    context::service_pair::{JudgedPair, ServicePairState},
    features::{Column, Feature, Persistence},
};

/// A nightly backup goes to a known service; a theft to somewhere nobody dealt with.
pub(super) static UPLOAD: [Column<Read>; 5] = [
    Column {
        feature: Feature::logarithmic("bytes uploaded", "bytes")
            .persistence(Persistence::Fades(60.0))
            .ordinary(65_536.0)
            .phrase("uploaded {} in a minute"),
        read: |pair| if leads_outside(pair) { 0.0 } else { unless_known(pair, pair.up_60) },
    },
    Column {
        // What comes back as much is a call or a game.
        feature: Feature::logarithmic("bytes uploaded outside", "bytes")
            .persistence(Persistence::Fades(60.0))
            .ordinary(262_144.0)
            .phrase("uploaded {} in a minute, to the outside and beyond what came back,"),
        read: |pair| {
            let one_way = (pair.up_60 - pair.down_60).max(0.0);
            if leads_outside(pair) { unless_known(pair, one_way) } else { 0.0 }
        },
    },
    Column {
        feature: Feature::logarithmic("times the usual upload", "")
            .persistence(Persistence::Fades(60.0))
            .ordinary(2.0)
            .phrase("uploaded {} times more in a minute than is usual there"),
        read: |pair| if leads_outside(pair) { 0.0 } else { excess(pair.up_60, pair.usual.up_60) },
    },
    Column {
        feature: Feature::logarithmic("times the usual upload outside", "")
            .persistence(Persistence::Fades(60.0))
            .ordinary(4.0)
            .phrase("uploaded {} times more in a minute, to the outside, than is usual there"),
        read: |pair| {
            let one_way = (pair.up_60 - pair.down_60).max(0.0);
            if leads_outside(pair) { excess(one_way, pair.usual.up_60) } else { 0.0 }
        },
    },
    NOVELTY,
];

/// A client from outside reads pages and mail; a theft through a service that is open to the outside takes all there is.
pub(super) static PULL: [Column<Read>; 3] = [
    Column {
        feature: Feature::logarithmic("bytes fetched", "bytes")
            .persistence(Persistence::Fades(60.0))
            .ordinary(262_144.0)
            .phrase("fetched {} in a minute from outside, beyond what it sent,"),
        read: |pair| unless_known(pair, fetched(pair)),
    },
    Column {
        feature: Feature::logarithmic("times the usual fetched", "")
            .steep()
            .persistence(Persistence::Fades(60.0))
            .ordinary(4.0)
            .phrase("fetched {} times more in a minute than any client usually does there"),
        read: |pair| excess(fetched(pair), pair.usual.down_60),
    },
    NOVELTY,
];

/// Whether a client outside fetches from a server inside.
pub(super) fn is_fetched_from_outside(pair: &JudgedPair) -> bool {
    pair.client.is_global() && !pair.server.is_global() && !pair.server.is_group()
}

fn fetched(pair: &ServicePairState) -> f32 {
    (pair.down_60 - pair.up_60).max(0.0)
}

fn leads_outside(pair: &ServicePairState) -> bool {
    pair.server.is_global()
}
