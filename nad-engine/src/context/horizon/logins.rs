//! A login service: connections of clients that are not known there, and refused logins, from all clients together.

use bytemuck::{Pod, Zeroable};

use super::past::Past;
use crate::{
    context::{
        decay::Decay,
        distinct::Distinct,
        host::{Recent, TickCount},
        host_key::HostKey,
        known::ServiceKey,
        subject::{Identity, Judged, Parties},
        table::Entry,
    },
    presentation,
};

const TCP: u8 = 6;

const MINUTE_NS: u64 = 60_000_000_000;
/// Minutes that are kept.
const MINUTES: u32 = 60;
/// Nanoseconds of the sketches' windows and of the epochs of the past: of what is of an hour, and of minutes.
const WINDOW_NS: u64 = 1_800_000_000_000;
const SHORT_WINDOW_NS: u64 = MINUTE_NS;
/// Places of [`LoginsState::values`] that are of an hour; the others are of minutes.
const OF_AN_HOUR: usize = 3;
/// Of these, what says something only after an hour.
const MATURING: usize = 2;
const HOUR_S: f32 = 3_600.0;

/// A remote login service with all its clients, as a subject.
#[derive(Debug)]
pub enum Logins {}

/// The state of one.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub struct LoginsState {
    /// Who offers the service.
    pub server: HostKey,
    /// When a client last connected, in nanoseconds.
    last_ns: u64,
    /// Nanoseconds for which the network was watched by then.
    watched_ns: u64,
    /// A bit for each minute with a connection of a client that was not known there, the current minute lowest.
    minutes: u64,
    /// Such clients, of an hour and of two minutes.
    clients: Distinct,
    clients_120: Distinct,
    /// The last of them.
    recent: Recent,
    /// Connections of the last tick.
    count: TickCount,
    /// The past of its values.
    past: [Past; 5],
    /// Number of the current minute.
    minute: u32,
    /// Their connections.
    connections_60: f32,
    /// Logins that the service refused to anybody, fading over an hour.
    refused_3600: f32,
    /// The service's port.
    port: u16,
    padding: [u16; 3],
}

/// What identifies one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoginsKey {
    server: HostKey,
    port: u16,
}

impl LoginsKey {
    /// The key of a service, where it is for remote logins.
    pub(super) fn of(service: &ServiceKey) -> Option<Self> {
        service.is_remote_login().then_some(Self::any(service))
    }

    /// The key of a service that asks for logins.
    pub(super) fn any(service: &ServiceKey) -> Self {
        Self { server: service.server, port: service.port }
    }
}

impl Entry for LoginsState {
    type Key = LoginsKey;

    fn key(&self) -> LoginsKey {
        LoginsKey { server: self.server, port: self.port }
    }

    fn begin(key: LoginsKey) -> Self {
        Self { server: key.server, port: key.port, ..Self::zeroed() }
    }

    /// Only complete handshakes count.
    fn is_real(&self) -> bool {
        true
    }
}

impl LoginsState {
    /// One that these clients have just connected to.
    #[cfg(any(test, feature = "examples"))]
    pub(crate) fn of(service: &ServiceKey, clients: impl IntoIterator<Item = HostKey>) -> Self {
        let key = LoginsKey { server: service.server, port: service.port };
        let mut state = Self::begin(key);
        clients.into_iter().enumerate().for_each(|(number, client)| state.connect(client, number as u64, 0));
        state
    }

    /// A client connects that is not known there.
    pub(super) fn connect(&mut self, client: HostKey, client_hash: u64, now_ns: u64) {
        self.turn(now_ns);
        self.minutes |= 1;
        self.clients.add(client_hash, now_ns / WINDOW_NS);
        self.clients_120.add(client_hash, now_ns / SHORT_WINDOW_NS);
        self.connections_60 += 1.0;
        self.recent.add(client);
    }

    /// The service refuses a client's login.
    pub(super) fn refuse(&mut self, client: HostKey, now_ns: u64) {
        self.turn(now_ns);
        self.refused_3600 += 1.0;
        self.recent.add(client);
    }

    /// Connections of a tick.
    pub(super) fn count_mut(&mut self) -> &mut TickCount {
        &mut self.count
    }

    /// The state at a moment, after so much watched time.
    pub(super) fn at(&self, now_ns: u64, watched_ns: u64) -> Self {
        let mut now = Self { watched_ns, ..*self };
        now.turn(now_ns);
        now
    }

    /// Learns from an ordinary second.
    pub(super) fn learn(&mut self, now_ns: u64) {
        let now = self.at(now_ns, self.watched_ns);
        for (place, (past, value)) in self.past.iter_mut().zip(now.values()).enumerate() {
            past.learn(value, now_ns, epoch_ns(place));
        }
    }

    /// Minutes of the last hour with connections of clients that are not known there, beyond what is usual; 0 until the network
    /// was watched for an hour.
    pub fn minutes(&self) -> f32 {
        self.excess(0)
    }

    /// Such clients of the last hour, likewise.
    pub fn clients(&self) -> f32 {
        self.excess(1)
    }

    /// Logins that the service refused over an hour, beyond what is usual there.
    pub fn refused_3600(&self) -> f32 {
        self.excess(2)
    }

    /// Such clients of the last one to two minutes, beyond what is usual.
    pub fn clients_120(&self) -> f32 {
        self.excess(3)
    }

    /// Their connections over a minute, beyond what is usual.
    pub fn connections_60(&self) -> f32 {
        self.excess(4)
    }

    fn excess(&self, place: usize) -> f32 {
        if place < MATURING && self.watched_ns < 2 * WINDOW_NS {
            return 0.0;
        }
        self.past[place].excess(self.values()[place], self.last_ns, epoch_ns(place))
    }

    /// Minutes, clients and refused logins of an hour, clients of two minutes, connections of one.
    fn values(&self) -> [f32; 5] {
        let minutes = (self.minutes & ((1 << MINUTES) - 1)).count_ones();
        [
            minutes as f32,
            self.clients.estimate(self.last_ns / WINDOW_NS),
            self.refused_3600,
            self.clients_120.estimate(self.last_ns / SHORT_WINDOW_NS),
            self.connections_60,
        ]
    }

    fn turn(&mut self, now_ns: u64) {
        let minute = (now_ns / MINUTE_NS) as u32;
        self.minutes = self.minutes.checked_shl(minute.saturating_sub(self.minute)).unwrap_or(0);
        self.minute = minute.max(self.minute);
        let age_ns = now_ns.saturating_sub(self.last_ns);
        self.connections_60 *= Decay::after(age_ns).minute;
        self.refused_3600 *= libm::expf(-(age_ns as f32 * 1e-9) / HOUR_S);
        self.last_ns = now_ns.max(self.last_ns);
    }

    /// Whether it is one that a sensor has at a moment.
    pub(super) fn is_sound_at(&self, now_ns: u64) -> bool {
        const MOST: f32 = 1e9;
        let is_sound = |(place, past): (usize, &Past)| past.is_sound(now_ns, epoch_ns(place));
        self.last_ns <= now_ns
            && u64::from(self.minute) <= now_ns / MINUTE_NS
            && self.count.is_sound()
            && [self.connections_60, self.refused_3600].iter().all(|count| (0.0..=MOST).contains(count))
            && self.recent.is_sound()
            && self.clients.is_sound(now_ns / WINDOW_NS)
            && self.clients_120.is_sound(now_ns / SHORT_WINDOW_NS)
            && self.past.iter().enumerate().all(is_sound)
    }

    /// Its client, where it lately had only one.
    fn only_client(&self) -> Option<HostKey> {
        let mut clients = self.recent.iter();
        clients.next().filter(|_| clients.next().is_none())
    }
}

fn epoch_ns(place: usize) -> u64 {
    if place < OF_AN_HOUR { WINDOW_NS } else { SHORT_WINDOW_NS }
}

impl Judged for Logins {
    type State = LoginsState;

    fn principal(service: &LoginsState) -> HostKey {
        service.only_client().unwrap_or(service.server)
    }

    fn parties(service: &LoginsState) -> Parties {
        Parties {
            source: service.only_client(),
            target: Some(service.server),
            port: Some(service.port),
            protocol: Some(TCP),
            ..Parties::default()
        }
    }

    fn cap_target(service: &LoginsState) -> HostKey {
        service.server
    }

    fn volume(service: &LoginsState) -> (u64, u64) {
        (service.count.packets.into(), service.count.bytes)
    }

    fn identity(parties: &Parties) -> Identity {
        (None, parties.target, parties.port)
    }

    fn name(service: &LoginsState) -> String {
        format!("{} port {} ({})", service.server, service.port, presentation::protocol_name(TCP))
    }

    fn other_side(service: &LoginsState) -> String {
        match service.only_client() {
            Some(client) => format!(", from {client}"),
            None => ", from several clients".into(),
        }
    }

    fn is_target_of_many(service: &LoginsState) -> bool {
        service.only_client().is_none()
    }
}
