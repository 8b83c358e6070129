//! A source over hours: the services that it tries without success.

use bytemuck::{Pod, Zeroable};

use super::past::Past;
use crate::context::{
    distinct::Distinct,
    host::{Recent, TickCount},
    host_key::HostKey,
    known::ServiceKey,
    subject::{Identity, Judged, Parties},
    table::Entry,
};

/// Nanoseconds of a window, by horizon (ten minutes, an hour, eight hours); a sketch covers one to two windows.
const WINDOWS_NS: [u64; 3] = [300_000_000_000, 1_800_000_000_000, 14_400_000_000_000];

/// Services without success of a minute that count; the views of seconds and minutes see more than these.
const MOST_A_MINUTE: u8 = 6;
const MINUTE_NS: u64 = 60_000_000_000;

/// Attempts from which on a source is judged: forged sources have one or two.
const FEWEST_ATTEMPTS: u32 = 8;

/// A source over hours, as a subject.
#[derive(Debug)]
pub enum LongSource {}

/// The state of one.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub struct LongSourceState {
    /// The host.
    pub key: HostKey,
    /// When it was last seen, in nanoseconds.
    last_ns: u64,
    /// Nanoseconds for which the network was watched by then.
    watched_ns: u64,
    /// Services that it tried and is not known to use, by horizon.
    tried: [Distinct; WINDOWS_NS.len()],
    /// Services among them with a complete exchange.
    met: [Distinct; WINDOWS_NS.len()],
    /// Hosts among those tried, in the longest horizon.
    hosts: Distinct,
    /// The last hosts that it tried.
    recent: Recent,
    /// Attempts of its last tick.
    count: TickCount,
    /// Its past, by horizon.
    past: [Past; WINDOWS_NS.len()],
    /// 1 where it had an exchange.
    is_real: u32,
    /// Port and protocol of its last attempt.
    port: u16,
    protocol: u8,
    /// New services of the current minute that have not answered.
    in_minute: u8,
    /// Its number.
    minute: u32,
    /// Attempts at services that were new to it.
    tries: u32,
    padding: u32,
}

impl Entry for LongSourceState {
    type Key = HostKey;

    fn key(&self) -> HostKey {
        self.key
    }

    fn begin(key: HostKey) -> Self {
        Self { key, ..Self::zeroed() }
    }

    fn is_real(&self) -> bool {
        self.is_real != 0
    }
}

impl LongSourceState {
    /// It tries a service that it is not known to use; the hashes are of the service and of its host.
    pub(super) fn attempt(&mut self, service: &ServiceKey, [service_hash, host_hash]: [u64; 2], now_ns: u64) {
        self.last_ns = now_ns;
        let minute = (now_ns / MINUTE_NS) as u32;
        if self.minute != minute {
            (self.minute, self.in_minute) = (minute, 0);
        }
        if self.in_minute >= MOST_A_MINUTE {
            return;
        }
        let mut is_new = false;
        for (tried, window_ns) in self.tried.iter_mut().zip(WINDOWS_NS) {
            is_new |= tried.add(service_hash, now_ns / window_ns);
        }
        self.in_minute += u8::from(is_new);
        self.tries = self.tries.saturating_add(is_new.into());
        self.hosts.add(host_hash, now_ns / WINDOWS_NS[2]);
        self.recent.add(service.server);
        (self.port, self.protocol) = (service.port, service.protocol);
    }

    /// The exchange with a service is complete.
    pub(super) fn meet(&mut self, service_hash: u64, now_ns: u64) {
        self.last_ns = now_ns;
        // A service that answers takes no room from those that don't.
        let is_tried = self.tried[2].has(service_hash, now_ns / WINDOWS_NS[2]);
        self.in_minute = self.in_minute.saturating_sub(is_tried.into());
        // Where it did not count as tried, its answer does not count.
        for ((met, tried), window_ns) in self.met.iter_mut().zip(&self.tried).zip(WINDOWS_NS) {
            if tried.has(service_hash, now_ns / window_ns) {
                met.add(service_hash, now_ns / window_ns);
            }
        }
        self.is_real = 1;
    }

    /// Whether it has tried enough to be judged.
    pub(super) fn is_worth_a_visit(&self) -> bool {
        self.tries >= FEWEST_ATTEMPTS
    }

    /// Attempts of a tick.
    pub(super) fn count_mut(&mut self) -> &mut TickCount {
        &mut self.count
    }

    /// The state at a moment, after so much watched time.
    pub(super) fn at(&self, now_ns: u64, watched_ns: u64) -> Self {
        Self { last_ns: now_ns, watched_ns, ..*self }
    }

    /// Learns from an ordinary second.
    pub(super) fn learn(&mut self, now_ns: u64) {
        for (horizon, window_ns) in WINDOWS_NS.into_iter().enumerate() {
            let failed = self.failed(horizon, now_ns);
            self.past[horizon].learn(failed, now_ns, window_ns);
        }
    }

    /// Different services that it tried within a horizon without success, beyond what is usual for it; 0 until the network was
    /// watched for so long.
    pub fn attempts(&self, horizon: usize) -> f32 {
        let window_ns = WINDOWS_NS[horizon];
        if self.watched_ns < 2 * window_ns {
            return 0.0;
        }
        self.past[horizon].excess(self.failed(horizon, self.last_ns), self.last_ns, window_ns)
    }

    /// Whether it tries many hosts, and few services of each.
    pub fn is_sweep(&self) -> bool {
        let window = self.last_ns / WINDOWS_NS[2];
        let hosts = self.hosts.estimate(window);
        hosts > 4.0 && hosts > 0.5 * self.tried[2].estimate(window)
    }

    /// Whether it is one that a sensor has at a moment.
    pub(super) fn is_sound_at(&self, now_ns: u64) -> bool {
        let is_sound = |(past, window_ns): (&Past, u64)| past.is_sound(now_ns, window_ns);
        let is_possible = |(services, window_ns): (&Distinct, &u64)| services.is_sound(now_ns / window_ns);
        self.last_ns <= now_ns
            && self.count.is_sound()
            && self.in_minute <= MOST_A_MINUTE
            && self.recent.is_sound()
            && self.hosts.is_sound(now_ns / WINDOWS_NS[2])
            && self.tried.iter().chain(&self.met).zip(WINDOWS_NS.iter().cycle()).all(is_possible)
            && self.past.iter().zip(WINDOWS_NS).all(is_sound)
    }

    fn failed(&self, horizon: usize, now_ns: u64) -> f32 {
        let window = now_ns / WINDOWS_NS[horizon];
        (self.tried[horizon].estimate(window) - self.met[horizon].estimate(window)).max(0.0)
    }
}

impl Judged for LongSource {
    type State = LongSourceState;

    fn principal(source: &LongSourceState) -> HostKey {
        source.key
    }

    fn parties(source: &LongSourceState) -> Parties {
        Parties::of_recent(source.key, source.recent.iter(), source.port, source.protocol)
    }

    fn cap_target(_: &LongSourceState) -> HostKey {
        HostKey::NOBODY
    }

    fn volume(source: &LongSourceState) -> (u64, u64) {
        (source.count.packets.into(), source.count.bytes)
    }

    fn identity(parties: &Parties) -> Identity {
        (parties.source, None, None)
    }

    fn name(source: &LongSourceState) -> String {
        source.key.to_string()
    }

    fn shows_its_source(source: &LongSourceState) -> bool {
        source.is_real() || !source.key.is_global()
    }
}
