//! Features of a client's dealing with a service.

use super::{Column, Feature, Memory, scale::doublings};
use crate::context::{
    dealing::DealingState,
    memory::{Strangeness, Usual},
};

/// Beats in a row from which on it makes no difference how many there were.
const ENOUGH_BEATS: f32 = 32.0;

/// Reads a feature from a dealing and what is usual for clients of its service.
pub(super) type Read = fn(&DealingState, &Usual) -> f32;

/// Whether names were asked for.
pub(super) fn has_names(dealing: &DealingState) -> bool {
    dealing.queries_10 > 0.01
}

/// Whether it is UDP, where a forged source gets the answers.
pub(super) fn is_datagram(dealing: &DealingState) -> bool {
    const PROTOCOL_UDP: u8 = 17;
    dealing.protocol == PROTOCOL_UDP
}

/// How strange the dealing is: a [`Strangeness`].
const STRANGENESS: Column<Read> = Column {
    feature: Feature::linear("strangeness")
        .finely()
        .up_to(Strangeness::Exposed as u8 as f32)
        .circumstance(Strangeness::NewEverything as u8 as f32),
    read: |dealing, _| dealing.strangeness(),
};

/// How many times as many as is usual for the service, on a logarithmic scale; no more than usual is 0.
fn excess(value: f32, usual: f32) -> f32 {
    (value / usual.max(1.0) - 1.0).max(0.0)
}

/// A value where the client is not known to use the service; what it always did is measured by what is usual.
fn unless_known(dealing: &DealingState, value: f32) -> f32 {
    if dealing.strangeness() > 0.0 { value } else { 0.0 }
}

/// Guessing passwords and exhausting a server take more connections than the service's users need; a flash crowd
/// is many clients with a few each.
pub(super) static CONNECTIONS: [Column<Read>; 5] = [
    Column {
        feature: Feature::logarithmic("connections", "")
            .ordinary(4.0)
            .phrase("opened {} connections to the service in 10 s"),
        read: |dealing, _| unless_known(dealing, dealing.opened_10),
    },
    Column {
        feature: Feature::logarithmic("times the usual connections", "")
            .ordinary(1.0)
            .phrase("opened {} times more connections in 10 s than is usual there"),
        read: |dealing, usual| excess(dealing.opened_10, usual.opened_10),
    },
    Column {
        feature: Feature::logarithmic("connections open", "")
            .memory(Memory::Lasts)
            .ordinary(16.0)
            .phrase("holds {} connections to the service open"),
        read: |dealing, _| dealing.open_now,
    },
    Column {
        // A client that retries a service that is down, once a second or several at a time, is ordinary.
        feature: Feature::logarithmic("unsuccessful connections", "")
            .ordinary(16.0)
            .hostile(100.0)
            .phrase("had {} connections there without success in 10 s"),
        read: |dealing, _| dealing.unsuccessful_10(),
    },
    STRANGENESS,
];

/// Enumeration asks much faster than people and their programs do, of a service that is not used so.
pub(super) static EXCHANGE: [Column<Read>; 3] = [
    Column {
        feature: Feature::logarithmic("requests", "")
            .ordinary(32.0)
            .phrase("made {} requests of the service in 10 s"),
        read: |dealing, _| unless_known(dealing, dealing.turns_10),
    },
    Column {
        feature: Feature::logarithmic("times the usual requests", "")
            .ordinary(1.0)
            .phrase("made {} times more requests in 10 s than is usual there"),
        read: |dealing, usual| excess(dealing.turns_10, usual.turns_10),
    },
    STRANGENESS,
];

/// A nightly backup goes to a known service; a theft to somewhere nobody dealt with.
pub(super) static UPLOAD: [Column<Read>; 4] = [
    Column {
        feature: Feature::logarithmic("bytes uploaded", "bytes")
            .memory(Memory::Fades(60.0))
            .ordinary(65_536.0)
            .phrase("uploaded {} in a minute"),
        read: |dealing, _| unless_known(dealing, dealing.up_60),
    },
    Column {
        feature: Feature::logarithmic("times the usual upload", "")
            .memory(Memory::Fades(60.0))
            .ordinary(2.0)
            .phrase("uploaded {} times more in a minute than is usual there"),
        read: |dealing, usual| excess(dealing.up_60, usual.up_60),
    },
    STRANGENESS,
    Column {
        feature: Feature::linear("outside").finely().circumstance(1.0),
        read: |dealing, _| f32::from(u8::from(dealing.server.is_global())),
    },
];

/// Bytes of answers in a minute that are worth a look.
const MUCH: f32 = 16_384.0;

/// Reflectors answer much for little, or for nothing that was seen.
pub(super) static ANSWERS: [Column<Read>; 3] = [
    Column {
        feature: Feature::logarithmic("bytes answered", "bytes")
            .memory(Memory::Fades(60.0))
            .ordinary(MUCH)
            .phrase("was answered with {} in a minute"),
        read: |dealing, _| unless_known(dealing, dealing.down_60),
    },
    Column {
        feature: Feature::logarithmic("times more received than sent", "")
            .memory(Memory::Fades(60.0))
            .ordinary(8.0),
        read: |dealing, _| if dealing.down_60 > MUCH { excess(dealing.down_60, dealing.up_60) } else { 0.0 },
    },
    STRANGENESS,
];

/// A beacon comes back on time with little to say, to somewhere new; probes and clocks are regular, too, but known,
/// and streams have much to say.
pub(super) static RHYTHM: [Column<Read>; 3] = [
    Column {
        feature: Feature::logarithmic("regular beats", "")
            .up_to(ENOUGH_BEATS)
            .memory(Memory::Lasts)
            .ordinary(3.0)
            .phrase("came back {} times in a row at regular intervals"),
        read: |dealing, _| unless_known(dealing, dealing.beats.min(ENOUGH_BEATS)),
    },
    Column {
        feature: Feature::linear("brevity of a beat").finely().circumstance(16.0),
        read: |dealing, _| brevity(dealing.beat_bytes_mean),
    },
    STRANGENESS,
];

/// How much less than 64 KiB is said, in halvings.
fn brevity(bytes: f32) -> f32 {
    (16.0 - doublings(bytes)).max(0.0)
}

/// A tunnel asks for long names without end, and for types that carry much.
pub(super) static NAMES: [Column<Read>; 4] = [
    Column {
        feature: Feature::logarithmic("queries", "").ordinary(16.0).phrase("made {} DNS queries in 10 s"),
        read: |dealing, _| dealing.queries_10,
    },
    Column {
        feature: Feature::logarithmic("name length", "bytes")
            .memory(Memory::Lasts)
            .ordinary(40.0)
            .phrase("asked for names of {} on average"),
        read: |dealing, _| dealing.name_length,
    },
    Column {
        feature: Feature::linear("rare types").finely().up_to(1.0).circumstance(1.0),
        read: |dealing, _| dealing.rare_types,
    },
    Column {
        feature: Feature::linear("names that do not exist").finely().up_to(1.0).circumstance(1.0),
        read: |dealing, _| dealing.no_such_name,
    },
];
