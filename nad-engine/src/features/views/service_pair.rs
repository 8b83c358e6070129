//! Features of a client-service pair.

use crate::{
    context::{
        known::Novelty,
        service_pair::{JudgedPair, ServicePairState},
    },
    features::{
        Column, Feature, Persistence,
        shape::{FEWEST_CONNECTIONS, FEWEST_PACKETS, Shape, if_many},
    },
};

/// Regular intervals in a row from which on it makes no difference how many there were.
const ENOUGH_INTERVALS: f32 = 32.0;

/// Services that ask for a password.
pub(super) const LOGIN_PORTS: [u16; 20] =
    [21, 22, 23, 110, 143, 389, 445, 465, 587, 636, 993, 995, 1433, 1521, 3306, 3389, 5432, 5900, 5985, 6379];

const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP: [u8; 2] = [1, 58];

pub(super) type Read = fn(&JudgedPair) -> f32;

/// Whether names were asked for.
pub(super) fn has_names(pair: &JudgedPair) -> bool {
    pair.queries_10 > 0.01
}

/// Whether it is UDP, where a forged source gets the answers.
pub(super) fn is_datagram(pair: &JudgedPair) -> bool {
    pair.protocol == UDP
}

/// How new the service pair is: a [`Novelty`].
pub(super) const NOVELTY: Column<Read> = Column {
    feature: Feature::linear("novelty")
        .finely()
        .up_to(Novelty::Exposed as u8 as f32)
        .circumstance(Novelty::NewEverything as u8 as f32),
    read: |pair| pair.novelty(),
};

/// How many times as many as is usual for the service, on a logarithmic scale; no more than usual is 0.
pub(super) fn excess(value: f32, usual: f32) -> f32 {
    (value / usual.max(1.0) - 1.0).max(0.0)
}

/// A value where the client is not known to use the service; what it always did is measured by what is usual.
pub(super) fn unless_known(pair: &ServicePairState, value: f32) -> f32 {
    if pair.novelty() > 0.0 { value } else { 0.0 }
}

/// Guessing passwords and exhausting a server take more connections than the service's users need; a flash crowd
/// is many clients with a few each.
pub(super) static CONNECTIONS: [Column<Read>; 5] = [
    Column {
        feature: Feature::logarithmic("connections", "")
            .ordinary(4.0)
            .phrase("opened {} connections to the service in 10 s"),
        read: |pair| unless_known(pair, pair.successful_10()),
    },
    Column {
        feature: Feature::logarithmic("times the usual connections", "")
            .ordinary(1.0)
            .phrase("opened {} times more connections in 10 s than is usual there"),
        read: |pair| excess(pair.successful_10(), pair.usual.opened_10),
    },
    Column {
        feature: Feature::logarithmic("connections open", "")
            .persistence(Persistence::Lasts)
            .ordinary(16.0)
            .phrase("holds {} connections to the service open"),
        read: |pair| pair.open_now,
    },
    Column {
        // A client that retries a service that is down, once a second or several at a time, is ordinary.
        feature: Feature::logarithmic("unsuccessful connections", "")
            .ordinary(16.0)
            .hostile(100.0)
            .phrase("had {} connections there without success in 10 s"),
        read: |pair| pair.unsuccessful_10(),
    },
    NOVELTY,
];

/// Enumeration asks much faster than people and their programs do, of a service that is not used so.
pub(super) static EXCHANGE: [Column<Read>; 3] = [
    Column {
        feature: Feature::logarithmic("requests", "")
            .ordinary(32.0)
            .phrase("made {} requests of the service in 10 s"),
        read: |pair| unless_known(pair, pair.turns_10),
    },
    Column {
        feature: Feature::logarithmic("times the usual requests", "")
            .ordinary(1.0)
            .phrase("made {} times more requests in 10 s than is usual there"),
        read: |pair| excess(pair.turns_10, pair.usual.turns_10),
    },
    NOVELTY,
];

/// Bytes of answers in a minute that are worth a look.
const MUCH: f32 = 16_384.0;

/// Reflectors answer much for little, or for nothing that was seen.
pub(super) static ANSWERS: [Column<Read>; 3] = [
    Column {
        feature: Feature::logarithmic("bytes answered", "bytes")
            .persistence(Persistence::Fades(60.0))
            .ordinary(MUCH)
            .phrase("was answered with {} in a minute"),
        read: |pair| unless_known(pair, pair.down_60),
    },
    Column {
        feature: Feature::logarithmic("times more received than sent", "")
            .persistence(Persistence::Fades(60.0))
            .ordinary(8.0),
        read: |pair| if pair.down_60 > MUCH { excess(pair.down_60, pair.up_60) } else { 0.0 },
    },
    NOVELTY,
];

/// A beacon comes back on time with little to say, to somewhere new; probes and clocks are regular, too, but known,
/// and streams have much to say.
pub(super) static PERIODICITY: [Column<Read>; 2] = [
    Column {
        // Four bits are as much as a doubling of a count says elsewhere.
        feature: Feature::linear("regularity").up_to(64.0).ordinary(4.0),
        read: |pair| if_beacon(pair, pair.regularity_bits / 4.0),
    },
    Column {
        feature: Feature::logarithmic("regular intervals", "")
            .up_to(ENOUGH_INTERVALS)
            .persistence(Persistence::Lasts)
            .ordinary(6.0)
            .phrase("came back {} times in a row at regular intervals"),
        read: |pair| if_beacon(pair, pair.regular_intervals.min(ENOUGH_INTERVALS)),
    },
];

/// Bytes in an interval from which on it is a stream.
const STREAM: f32 = 65_536.0;

/// A value where it may be a beacon: a client comes back to a server outside that nobody is known to use, or to a port of it, and
/// is answered little. Inside, only services of which nothing is known count, and half. Clocks, and what the client has already been
/// seen to do at the same pace elsewhere, are none.
fn if_beacon(pair: &ServicePairState, value: f32) -> f32 {
    const CLOCK: u16 = 123;
    let novelty = pair.novelty();
    let reached = |least: Novelty| novelty >= f32::from(least as u8);
    let is_outside = pair.server.is_global();
    let part = match (pair.client.is_global(), is_outside) {
        (true, false) => 0.0,
        (_, true) if reached(Novelty::NewServer) || novelty == f32::from(Novelty::NewPort as u8) => 1.0,
        (false, false) if reached(Novelty::NewEverything) => 0.5,
        _ => 0.0,
    };
    let is_clock = pair.protocol == UDP && pair.port == CLOCK;
    let is_small = pair.interval_bytes_mean < STREAM;
    let may_be =
        is_small && pair.is_answered() && !pair.server.is_group() && !is_clock && !pair.has_usual_pace();
    if may_be { part * value } else { 0.0 }
}

/// Bytes of names in a minute beyond [`USUAL_NAME`](ServicePairState::USUAL_NAME) each that browsers stay below.
const MUCH_IN_NAMES: f32 = 256.0;

/// A tunnel asks for long names without end, and for types that carry much.
pub(super) static NAMES: [Column<Read>; 6] = [
    Column {
        feature: Feature::logarithmic("queries", "").ordinary(16.0).phrase("made {} DNS queries in 10 s"),
        read: |pair| pair.queries_10,
    },
    Column {
        feature: Feature::logarithmic("name length", "bytes")
            .persistence(Persistence::Lasts)
            .ordinary(40.0)
            .phrase("asked for names of {} on average"),
        read: |pair| pair.name_length,
    },
    Column {
        // What devices on a network call themselves is long, and carries nothing to anyone outside.
        feature: Feature::logarithmic("bytes of long names", "bytes")
            .persistence(Persistence::Fades(60.0))
            .ordinary(MUCH_IN_NAMES)
            .phrase("asked in a minute for long names, with {} beyond what names usually have"),
        read: |pair| if pair.server.is_group() { 0.0 } else { pair.long_names_60 },
    },
    Column {
        feature: Feature::logarithmic("failed look-ups", "")
            .persistence(Persistence::Fades(60.0))
            .ordinary(24.0)
            .phrase("asked for {} names in a minute that do not exist"),
        read: |pair| pair.missing_60,
    },
    Column {
        feature: Feature::linear("rare types").finely().up_to(1.0).circumstance(1.0),
        read: |pair| pair.rare_types,
    },
    Column {
        feature: Feature::linear("names that do not exist").finely().up_to(1.0).circumstance(1.0),
        read: |pair| pair.no_such_name,
    },
];

/// People mistype a password, pages refer to what is gone, and some requests have braces in them.
pub(super) static APPLICATION: [Column<Read>; 3] = [
    Column {
        feature: Feature::logarithmic("refused logins", "")
            .persistence(Persistence::Fades(60.0))
            .ordinary(3.0)
            .phrase("was refused {} logins in a minute"),
        read: |pair| pair.said.refused_logins_60,
    },
    Column {
        feature: Feature::logarithmic("errors and refusals", "")
            .persistence(Persistence::Fades(60.0))
            .ordinary(16.0)
            .phrase("was answered with {} errors and refusals in a minute"),
        read: |pair| pair.said.refused_60,
    },
    Column {
        feature: Feature::logarithmic("odd bytes of requests", "bytes")
            .persistence(Persistence::Fades(60.0))
            .ordinary(24.0)
            .phrase("sent requests in a minute with {} that injected commands need and requests do not"),
        read: |pair| pair.said.odd_60,
    },
];

/// Whether anything was said that counts.
pub(super) fn said_any(pair: &JudgedPair) -> bool {
    pair.said.is_any()
}

/// What refusals and odd requests look like.
pub(super) fn shape_of_application(pair: &JudgedPair) -> Shape {
    /// Errors in a minute of who tries what there is.
    const MANY: f32 = 32.0;
    if pair.said.refused_logins_60 > 2.0 {
        Shape::BruteForce
    } else if pair.said.refused_60 > MANY {
        Shape::Enumeration
    } else {
        Shape::Unusual
    }
}

/// Networks have their first contacts every minute, but few at ports that nobody uses, from outside, or of who has just been
/// called itself.
pub(super) static CONTACT: [Column<Read>; 2] = [
    Column {
        feature: Feature::logarithmic("rarity of its first contact", "h")
            .steep()
            .persistence(Persistence::Fades(60.0))
            .ordinary(6.0)
            .phrase("made a first contact of a kind that comes up once in {}"),
        read: |pair| pair.contact_60,
    },
    Column {
        feature: Feature::logarithmic("rarity of its first contacts", "h")
            .steep()
            .persistence(Persistence::Fades(60.0))
            .ordinary(12.0)
            .phrase(
                "made first contacts of several kinds or with several hosts that come up together once in {}",
            ),
        read: |pair| pair.contacts_60,
    },
];

/// Whether its first exchange was just now.
pub(super) fn had_contact(pair: &JudgedPair) -> bool {
    pair.contact_60.max(pair.contacts_60) > 0.01
}

/// What the connections of a client to a service look like.
pub(super) fn shape_of_connections(pair: &JudgedPair) -> Shape {
    /// Bytes of payload that a connection's client has sent in a slow request, at most.
    const LITTLE: f32 = 1_000.0;
    let is_tcp = pair.protocol == TCP;
    if has_long_names(pair) {
        Shape::DnsTunnel
    } else if is_tcp && pair.unsuccessful_10() > 0.5 * pair.opened_10 {
        if_many(pair.opened_10, FEWEST_CONNECTIONS, Shape::SynFlood)
    } else if is_tcp && LOGIN_PORTS.contains(&pair.port) {
        Shape::BruteForce
    } else if is_tcp && pair.open_now > 0.5 * pair.opened_60 && pair.up_60 < LITTLE * pair.opened_60 {
        Shape::SlowRequests
    } else if is_tcp && pair.turns_10 >= pair.opened_10 {
        Shape::Enumeration
    } else {
        if_many(pair.opened_10.max(pair.turns_10), FEWEST_CONNECTIONS, Shape::Flood)
    }
}

/// What the requests of a client look like.
pub(super) fn shape_of_exchange(pair: &JudgedPair) -> Shape {
    if has_long_names(pair) {
        Shape::DnsTunnel
    } else if ICMP.contains(&pair.protocol) {
        if_many(pair.turns_10, FEWEST_PACKETS, Shape::Flood)
    } else if LOGIN_PORTS.contains(&pair.port) {
        Shape::BruteForce
    } else if pair.protocol == TCP {
        Shape::Enumeration
    } else {
        Shape::Unusual
    }
}

/// What an upload looks like.
pub(super) fn shape_of_upload(pair: &JudgedPair) -> Shape {
    if has_long_names(pair) { Shape::DnsTunnel } else { Shape::UnusualUpload }
}

/// What large answers look like.
pub(super) fn shape_of_answers(pair: &JudgedPair) -> Shape {
    if has_long_names(pair) { Shape::DnsTunnel } else { Shape::Amplification }
}

/// What the names that a client asks for look like.
pub(super) fn shape_of_names(pair: &JudgedPair) -> Shape {
    /// Failed look-ups in a minute, and their part of all, from which on a program makes names up.
    const GENERATED: (f32, f32) = (12.0, 0.4);
    if has_long_names(pair) || pair.rare_types > 0.5 || pair.long_names_60 > MUCH_IN_NAMES {
        Shape::DnsTunnel
    } else if pair.missing_60 > GENERATED.0 && pair.no_such_name > GENERATED.1 {
        Shape::GeneratedNames
    } else {
        Shape::Unusual
    }
}

fn has_long_names(pair: &ServicePairState) -> bool {
    const LONG_NAME: f32 = 50.0;
    pair.queries_10 > 1.0 && pair.name_length > LONG_NAME
}
