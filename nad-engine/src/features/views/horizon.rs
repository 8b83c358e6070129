//! Features of what goes on over hours, and of login services with all their clients.

use crate::{
    context::horizon::{LoginsState, LongOutflowState, LongSourceState, TriedPortState},
    features::{Column, Feature, Persistence, shape::Shape},
};

type ReadSource = fn(&LongSourceState) -> f32;
type ReadLogins = fn(&LoginsState) -> f32;
type ReadLongOutflow = fn(&LongOutflowState) -> f32;
type ReadTriedPort = fn(&TriedPortState) -> f32;

/// A client of a dead service retries that one; a scanner tries another each time.
pub(super) static LONG_SCAN: [Column<ReadSource>; 3] = [
    Column {
        feature: Feature::logarithmic("attempts 10 min", "")
            .persistence(Persistence::Holds(600.0))
            .ordinary(16.0)
            .phrase("tried {} services in ten minutes without success that it is not known to use"),
        read: |source| source.attempts(0),
    },
    Column {
        feature: Feature::logarithmic("attempts 1 h", "")
            .steep()
            .persistence(Persistence::Holds(3_600.0))
            .ordinary(24.0)
            .phrase("tried {} services in an hour without success that it is not known to use"),
        read: |source| source.attempts(1),
    },
    Column {
        feature: Feature::logarithmic("attempts 8 h", "")
            .steep()
            .persistence(Persistence::Holds(28_800.0))
            .ordinary(40.0)
            .phrase("tried {} services in eight hours without success that it is not known to use"),
        read: |source| source.attempts(2),
    },
];

/// An administrator connects now and then; a program that guesses passwords connects all the time.
pub(super) static LOGINS: [Column<ReadLogins>; 3] = [
    Column {
        feature: Feature::logarithmic("minutes with logins", "")
            .steep()
            .up_to(60.0)
            .persistence(Persistence::Holds(3_600.0))
            .ordinary(12.0)
            .phrase("had logins in {} minutes of an hour from clients that are not known there"),
        read: LoginsState::minutes,
    },
    Column {
        feature: Feature::logarithmic("new clients", "")
            .persistence(Persistence::Holds(3_600.0))
            .ordinary(12.0)
            .phrase("had logins from {} clients in an hour that are not known there"),
        read: LoginsState::clients,
    },
    Column {
        // A script with an old password tries it now and then.
        feature: Feature::logarithmic("refused logins 1 h", "")
            .steep()
            .persistence(Persistence::Holds(3_600.0))
            .ordinary(12.0)
            .phrase("refused {} logins in an hour, of all clients together"),
        read: LoginsState::refused_3600,
    },
];

/// The members of a botnet guess a password or two each.
pub(super) static MANY_LOGINS: [Column<ReadLogins>; 2] = [
    Column {
        feature: Feature::logarithmic("new clients 120 s", "")
            .persistence(Persistence::Holds(120.0))
            .ordinary(12.0)
            .phrase("had logins from {} clients in two minutes that are not known there"),
        read: LoginsState::clients_120,
    },
    Column {
        feature: Feature::logarithmic("logins 60 s", "")
            .persistence(Persistence::Fades(60.0))
            .ordinary(32.0)
            .phrase("had {} logins in a minute from clients that are not known there"),
        read: LoginsState::connections_60,
    },
];

/// People send pictures and forms; a theft in slices goes on.
pub(super) static LONG_UPLOAD: [Column<ReadLongOutflow>; 3] = [
    Column {
        feature: Feature::logarithmic("KiB outside 10 min", "KiB")
            .steep()
            .persistence(Persistence::Fades(600.0))
            .ordinary(3_072.0)
            .phrase(
                "uploaded {} in ten minutes, beyond what came back, to servers outside that it had not used",
            ),
        read: |source| source.kib(0),
    },
    Column {
        feature: Feature::logarithmic("KiB outside 1 h", "KiB")
            .steep()
            .persistence(Persistence::Holds(3_600.0))
            .ordinary(4_096.0)
            .phrase("uploaded {} in an hour, beyond what came back, to servers outside that it had not used"),
        read: |source| source.kib(1),
    },
    Column {
        feature: Feature::logarithmic("KiB outside 8 h", "KiB")
            .steep()
            .persistence(Persistence::Holds(28_800.0))
            .ordinary(12_288.0)
            .phrase(
                "uploaded {} in eight hours, beyond what came back, to servers outside that it had not used",
            ),
        read: |source| source.kib(2),
    },
];

/// A service that is down is tried by many at one host, and a sweep by one at many; a botnet shares the hosts out.
pub(super) static DISTRIBUTED_SCAN: [Column<ReadTriedPort>; 2] = [
    Column {
        feature: Feature::logarithmic("attempts of many 2 min", "")
            .steep()
            .persistence(Persistence::Holds(120.0))
            .ordinary(24.0)
            .phrase(
                "saw {} attempts without success in two minutes, by many sources that each tried few hosts",
            ),
        read: |port| port.attempts(0),
    },
    Column {
        feature: Feature::logarithmic("attempts of many 1 h", "")
            .steep()
            .persistence(Persistence::Holds(3_600.0))
            .ordinary(48.0)
            .phrase("saw {} attempts without success in an hour, by many sources that each tried few hosts"),
        read: |port| port.attempts(1),
    },
];

/// What attempts over hours look like.
pub(super) fn shape_of_scan(source: &LongSourceState) -> Shape {
    if source.is_sweep() { Shape::HostSweep } else { Shape::PortScan }
}
