//! Deviations for tests.

use bytemuck::Zeroable;

use super::{
    Change, Deviation, Incident, IncidentUpdate, Listed, Place, State, SubjectState, Uuid,
    coverage::Coverage, shape::Shape,
};
use crate::{
    context::{
        Origin,
        hash::HashKey,
        horizon::{LoginsState, LongSourceState},
        host::{Exploration, HostState},
        host_key::HostKey,
        known::{Novelty, ServiceKey, Usual},
        service_pair::{JudgedPair, ServicePairState},
        table::Entry as _,
    },
    features::View,
    model::{Evidence, Judgement},
};

/// A source that is what it says.
pub const VERIFIED: Origin = Origin { is_verified: true, mac: Some([2, 0, 0, 0, 0, 1]) };

/// Nanoseconds.
pub const SECOND: u64 = 1_000_000_000;

/// 10.0.0.`last`.
pub fn key(last: u8) -> HostKey {
    HostKey::v4([10, 0, 0, last])
}

/// What is usual in tests: 6 connections, 40 requests, 100,000 bytes sent and 1,000,000 fetched.
pub const USUAL: Usual = Usual { opened_10: 6.0, turns_10: 40.0, up_60: 100_000.0, down_60: 1_000_000.0 };

/// The pair of 10.0.0.1 and a service of 10.0.0.2.
pub fn service_pair(port: u16, protocol: u8) -> ServicePairState {
    between(key(1), key(2), port, protocol)
}

/// A service pair of ten packets.
pub fn between(client: HostKey, server: HostKey, port: u16, protocol: u8) -> ServicePairState {
    let mut pair = ServicePairState::zeroed();
    (pair.client, pair.server, pair.port, pair.protocol) = (client, server, port, protocol);
    (pair.tick_packets, pair.tick_bytes) = (10, 1000);
    pair
}

/// A host with some numbers changed.
pub fn with(mut host: HostState, change: impl FnOnce(&mut HostState)) -> HostState {
    change(&mut host);
    host
}

/// A host that opened flows to ports of the last byte's host.
pub fn source(last: u8, target: u8) -> HostState {
    let service = ServiceKey { server: key(target), port: 80, protocol: 6 };
    with(named(last), |host| open(host, &service, Novelty::Known, 0))
}

/// A host opens `1 + more` flows to a service.
pub fn open(host: &mut HostState, service: &ServiceKey, novelty: Novelty, more: u32) {
    let hash_key = HashKey::from_seed(0);
    host.open(service, more, 0);
    host.explore(service.hashes(&hash_key), Exploration { novelty, is_browsing: false }, more, 0);
}

/// A host that was asked by clients of these last bytes.
pub fn target(last: u8, clients: impl IntoIterator<Item = u8>) -> HostState {
    let mut host = named(last);
    let service = ServiceKey { server: key(last), port: 80, protocol: 6 };
    for client in clients {
        host.be_asked(key(client), &service, 0, 0);
    }
    host
}

/// A deviation at the end of a second. Its vector grows from one to the next, so that it is not suppressed as decay.
pub fn deviation(view: View, subject: SubjectState, second: u64) -> Deviation {
    let value = second as f32;
    Deviation {
        time_ns: second * SECOND,
        view,
        subject,
        judgement: Judgement { score: 0.8, probability: 1e-9 },
        vector: vec![value; view.features().len()],
        threshold: 0.7,
        origin: VERIFIED,
    }
}

/// See [`deviation`].
pub fn of_service_pair(view: View, pair: ServicePairState, second: u64) -> Deviation {
    deviation(view, SubjectState::ServicePair(Box::new(JudgedPair::new(pair, USUAL))), second)
}

/// See [`deviation`].
pub fn of_source(view: View, host: HostState, second: u64) -> Deviation {
    deviation(view, SubjectState::Source(Box::new(host)), second)
}

/// See [`deviation`]; of a source over hours, with 2^`doublings` attempts.
pub fn of_long_source(host: HostKey, doublings: f32, second: u64) -> Deviation {
    let subject = SubjectState::LongSource(Box::new(LongSourceState::begin(host)));
    let vector = vec![doublings; View::LongScan.features().len()];
    Deviation { vector, ..deviation(View::LongScan, subject, second) }
}

/// See [`deviation`]; of a remote login service with several clients.
pub fn of_logins(server: HostKey, port: u16, second: u64) -> Deviation {
    let service = ServiceKey { server, port, protocol: 6 };
    deviation(
        View::ManyLogins,
        SubjectState::Logins(Box::new(LoginsState::of(&service, [key(8), key(9)]))),
        second,
    )
}

/// See [`deviation`]; in the view of those whom others press.
pub fn of_target(host: HostState, second: u64) -> Deviation {
    deviation(View::InboundFlood, SubjectState::Target(Box::new(host)), second)
}

/// What a view's feature of this name says.
pub fn evidence(view: View, name: &str, value: f32, most: f32) -> Evidence {
    let feature = view.features().find(|feature| feature.name == name).expect("the view has the feature");
    Evidence { feature, value, baseline: (0.0, most), weight: 0.5 }
}

fn named(last: u8) -> HostState {
    with(HostState::zeroed(), |host| host.key = key(last))
}

/// An open port scan of 10.0.0.2 by 10.0.0.1, half of which was analysed.
pub fn update(id: &str, change: Change) -> IncidentUpdate {
    let mut incident = Incident {
        id: id.into(),
        case: id.into(),
        related: Vec::new(),
        uid: Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0001),
        place: Place::default(),
        detected_ns: 2 * SECOND,
        start_ns: SECOND,
        end_ns: 3 * SECOND,
        sources: Listed::new(),
        origins: vec![VERIFIED],
        forged_sources: 0,
        targets: Listed::new(),
        names: Vec::new(),
        ports: Listed::new(),
        protocols: vec![6],
        shape: Shape::PortScan,
        alerts: 2,
        packets: 1000,
        bytes: 60_000,
        peak_score: 0.8,
        score: 0.75,
        probability: 1e-9,
        threshold: 0.7,
        view: View::Scan,
        coverage: Coverage { records: 500, packets: 1000, lost_states: 0 },
        state: if change == Change::Closed { State::Closed } else { State::Open },
        reason: "10.0.0.1 asked for 1,000 services in 10 s (baseline: 0 to 6)".into(),
        evidence: Vec::new(),
    };
    incident.sources.add(key(1));
    incident.targets.add(key(2));
    incident.ports.add(80);
    IncidentUpdate { change, incident }
}
