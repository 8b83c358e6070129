//! A source over hours: how much it sends outside, to all servers together that it is not known to use. A theft in slices stays
//! below what a minute may have.

use bytemuck::{Pod, Zeroable};

use super::past::Past;
use crate::context::{
    host::{Recent, TickCount},
    host_key::HostKey,
    service_pair::Outflow,
    subject::{Identity, Judged, Parties},
    table::Entry,
    weight::Volume,
};

/// Seconds over which bytes fade, by horizon.
const SCALES_S: [f32; 3] = [600.0, 3_600.0, 28_800.0];
/// Nanoseconds of an epoch of the past, by horizon; a horizon counts once two were watched.
const EPOCHS_NS: [u64; 3] = [300_000_000_000, 1_800_000_000_000, 14_400_000_000_000];
/// Bytes from which on a source is judged.
const LEAST: f32 = 262_144.0;

/// What a source sends outside over hours, as a subject.
#[derive(Debug)]
pub enum LongOutflow {}

/// The state of one.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub struct LongOutflowState {
    /// The host.
    pub key: HostKey,
    /// Up to when bytes have faded, in nanoseconds.
    last_ns: u64,
    /// Nanoseconds for which the network was watched by then.
    watched_ns: u64,
    /// The last servers.
    recent: Recent,
    /// What it sent in its last tick.
    count: TickCount,
    /// Its past, by horizon.
    past: [Past; SCALES_S.len()],
    /// Bytes, by horizon.
    bytes: [f32; SCALES_S.len()],
    port: u16,
    protocol: u8,
    padding: [u8; 5],
}

impl Entry for LongOutflowState {
    type Key = HostKey;

    fn key(&self) -> HostKey {
        self.key
    }

    fn begin(key: HostKey) -> Self {
        Self { key, ..Self::zeroed() }
    }

    /// Only what is answered is carried on.
    fn is_real(&self) -> bool {
        true
    }
}

impl LongOutflowState {
    /// Bytes leave for a server.
    pub(super) fn send(&mut self, outflow: &Outflow, now_ns: u64) {
        self.fade(now_ns);
        self.bytes.iter_mut().for_each(|bytes| *bytes += outflow.bytes);
        self.recent.add(outflow.server);
        (self.port, self.protocol) = (outflow.port, outflow.protocol);
    }

    /// Counts it in a tick.
    pub(super) fn count(&mut self, tick: u32, outflow: &Outflow) -> crate::context::active::Turn {
        self.count.count(tick, outflow.bytes as u32, Volume::default())
    }

    /// Whether it has sent enough to be judged.
    pub(super) fn is_worth_a_visit(&self) -> bool {
        self.bytes[2] >= LEAST
    }

    /// The state at a moment, after so much watched time.
    pub(super) fn at(&self, now_ns: u64, watched_ns: u64) -> Self {
        let mut now = Self { watched_ns, ..*self };
        now.fade(now_ns);
        now
    }

    /// Learns from an ordinary second.
    pub(super) fn learn(&mut self, now_ns: u64) {
        self.fade(now_ns);
        for ((past, bytes), epoch_ns) in self.past.iter_mut().zip(self.bytes).zip(EPOCHS_NS) {
            past.learn(bytes, now_ns, epoch_ns);
        }
    }

    /// KiB of a horizon, beyond what is usual for the host; 0 until the network was watched for so long.
    pub fn kib(&self, horizon: usize) -> f32 {
        if self.watched_ns < 2 * EPOCHS_NS[horizon] {
            return 0.0;
        }
        self.past[horizon].excess(self.bytes[horizon], self.last_ns, EPOCHS_NS[horizon]) / 1_024.0
    }

    /// Whether it is one that a sensor has at a moment.
    pub(super) fn is_sound_at(&self, now_ns: u64) -> bool {
        const MOST: f32 = 1e15;
        let is_sound = |(past, epoch_ns): (&Past, u64)| past.is_sound(now_ns, epoch_ns);
        self.last_ns <= now_ns
            && self.count.is_sound()
            && self.recent.is_sound()
            && self.bytes.iter().all(|bytes| (0.0..=MOST).contains(bytes))
            && self.past.iter().zip(EPOCHS_NS).all(is_sound)
    }

    fn fade(&mut self, now_ns: u64) {
        let age_s = now_ns.saturating_sub(self.last_ns) as f32 * 1e-9;
        for (bytes, scale_s) in self.bytes.iter_mut().zip(SCALES_S) {
            *bytes *= libm::expf(-age_s / scale_s);
        }
        self.last_ns = now_ns.max(self.last_ns);
    }
}

impl Judged for LongOutflow {
    type State = LongOutflowState;

    fn principal(source: &LongOutflowState) -> HostKey {
        source.key
    }

    fn parties(source: &LongOutflowState) -> Parties {
        Parties::of_recent(source.key, source.recent.iter(), source.port, source.protocol)
    }

    fn cap_target(_: &LongOutflowState) -> HostKey {
        HostKey::NOBODY
    }

    fn volume(source: &LongOutflowState) -> (u64, u64) {
        (source.count.packets.into(), source.count.bytes)
    }

    fn identity(parties: &Parties) -> Identity {
        (parties.source, None, None)
    }

    fn name(source: &LongOutflowState) -> String {
        source.key.to_string()
    }
}
