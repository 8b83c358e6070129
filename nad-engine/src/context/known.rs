//! Known services: which hosts and services there are, and which client uses which service.
//!
//! A service, host, port or client-service pair is *known* when it was there in the baseline, or was first seen long
//! enough ago, so that what began a minute ago is still new; it is forgotten when it has not been seen for a long time. While a baseline is being
//! learnt, a quarter of it is long enough. Ages are of watched time, which goes on in a later run where it was in the model:
//! what is not looked for is not missed. Only exchanges with an answer count: a scan or a
//! forged source makes nothing known. The known services are part of the model.

mod check;
mod exchange;
mod first_contact;
mod kept;
mod key;
mod meetings;
mod pace;
mod service;
mod state;

use std::io;

use bytemuck::{Pod, Zeroable};

use super::{
    EachTable, TableId,
    hash::HashKey,
    host_key::HostKey,
    table::{Entry, Group, Slot, Table},
    vantage::Trust,
};
pub(super) use exchange::ExchangeKeys;
pub(super) use first_contact::FirstContact;
use first_contact::RecentContacts;
use kept::Kept;
pub use kept::KnownSnapshot;
use key::KnownKey;
pub use service::ServiceKey;
pub(super) use state::KnownState;

/// Seconds after which something that was not seen again is new once more.
const FORGET_AFTER_S: u32 = 14 * 86_400;
/// The shortest and the longest epoch of a baseline, in seconds.
const EPOCH_RANGE_S: (u32, u32) = (15, 6 * 3600);
/// The shortest epoch after it: long enough for something that comes back every few minutes to show itself first.
const LEAST_EPOCH_S: u32 = 3600;

/// The first second of watched time; 0 stands for never.
const FIRST_S: u32 = 1;

/// How new a client-service pair is, from known to something nobody should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Novelty {
    /// This client uses this service.
    Known = 0,
    /// Others use the service.
    NewClient = 1,
    /// The server is known, at other ports.
    NewPort = 2,
    /// Others use this port, at other servers.
    NewServer = 3,
    /// Neither the server nor its port is known.
    NewEverything = 4,
    /// A client from outside, at a service that only one's own hosts use.
    Exposed = 8,
}

impl Novelty {
    /// Whether somebody who looks for what there is would begin so.
    pub fn is_scan_like(self) -> bool {
        !matches!(self, Self::Known | Self::Exposed)
    }
}

/// The highest values that clients of a service reached in earlier epochs: what is usual for it.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
pub struct Usual {
    /// Flows opened in 10 s.
    pub opened_10: f32,
    /// Requests in 10 s.
    pub turns_10: f32,
    /// Bytes uploaded in 60 s.
    pub up_60: f32,
    /// Bytes fetched in 60 s.
    pub down_60: f32,
}

impl Usual {
    /// What is taken for usual where nothing is known: what a browser does.
    const ANYWHERE: Self = Self { opened_10: 6.0, turns_10: 20.0, up_60: 65_536.0, down_60: 262_144.0 };
    /// Likewise where one logs in: a person's own sessions.
    const AT_LOGIN: Self = Self { opened_10: 2.0, ..Self::ANYWHERE };
    /// Where something is known, no less than this.
    const LEAST: Self = Self { opened_10: 1.0, turns_10: 1.0, up_60: 65_536.0, down_60: 262_144.0 };

    fn peaks(self) -> Peaks {
        [self.opened_10, self.turns_10, self.up_60, self.down_60]
    }
}

/// Where what is usual for clients of a service stands.
#[derive(Debug, Clone, Copy)]
pub struct UsualPlaces {
    /// Of the service, and of its port.
    slots: [Option<Slot>; 2],
    is_remote_login: bool,
}

/// The numbers of [`Usual`].
type Peaks = [f32; 4];

#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub(super) struct KnownEntry {
    key: KnownKey,
    first_s: u32,
    last_s: u32,
    /// Number of the epoch that `growing` belongs to. This and the next two mean something else of [`meetings`].
    epoch: u32,
    /// Peaks of earlier epochs, older ones fading.
    settled: Peaks,
    /// Peaks of this epoch.
    growing: Peaks,
    /// 1 where it was there in the baseline.
    in_baseline: u32,
}

impl Entry for KnownEntry {
    type Key = KnownKey;

    fn key(&self) -> KnownKey {
        self.key
    }

    fn begin(key: KnownKey) -> Self {
        Self { key, ..Self::zeroed() }
    }

    fn is_real(&self) -> bool {
        false
    }
}

impl KnownEntry {
    /// How much of a peak is left after each further epoch.
    const FADE: f32 = 0.9;

    /// The peaks of earlier epochs, as they stand in this one.
    fn peaks(&self, epoch: u32) -> Peaks {
        let mut turned = *self;
        turned.turn(epoch);
        turned.settled
    }

    /// What goes into a model.
    fn all(&self) -> Peaks {
        if self.key.has_own_numbers() {
            return self.settled;
        }
        std::array::from_fn(|i| self.settled[i].max(self.growing[i]))
    }

    fn turn(&mut self, epoch: u32) {
        if epoch <= self.epoch {
            return;
        }
        let fade = Self::FADE.powi((epoch - self.epoch).min(1000) as i32);
        for (settled, growing) in self.settled.iter_mut().zip(&mut self.growing) {
            // Nothing fades before its first epoch, which is 0 for what comes from a model.
            let faded = if self.epoch == 0 { *settled } else { *settled * fade };
            *settled = faded.max(std::mem::take(growing));
        }
        self.epoch = epoch;
    }
}

/// See the module.
#[derive(Debug)]
pub struct KnownServices {
    table: Table<KnownEntry>,
    hash_key: HashKey,
    epoch_s: u32,
    /// Seconds that were watched before this run.
    before_s: u32,
    /// The moment of sensor time with which this run began.
    began_ns: Option<u64>,
    recent: RecentContacts,
}

impl KnownServices {
    /// A table of at least `capacity` entries.
    pub(super) fn table(capacity: usize) -> io::Result<Table<KnownEntry>> {
        Table::new(capacity, u64::MAX)
    }

    /// One in which nothing is known, for a baseline of this many seconds.
    pub(super) fn new(table: Table<KnownEntry>, hash_key: HashKey, baseline_s: u64) -> Self {
        let epoch_s = (baseline_s / 4).clamp(EPOCH_RANGE_S.0.into(), EPOCH_RANGE_S.1.into()) as u32;
        Self {
            table,
            hash_key,
            epoch_s,
            before_s: FIRST_S,
            began_ns: None,
            recent: RecentContacts::default(),
        }
    }

    /// One that continues a model's.
    pub(super) fn restore(mut table: Table<KnownEntry>, hash_key: HashKey, known: &KnownSnapshot) -> Self {
        for Kept { key, first_s, last_s, in_baseline, usual } in &known.entries {
            let wanted = key.hashed(&hash_key);
            if let Some(slot) = table.enter(&wanted, Group::default, nanoseconds(*last_s)).slot() {
                let entry = KnownEntry {
                    first_s: *first_s,
                    last_s: *last_s,
                    settled: *usual,
                    in_baseline: u32::from(*in_baseline),
                    ..KnownEntry::begin(*key)
                };
                *table.get_mut(slot) = entry;
            }
        }
        Self { epoch_s: known.epoch_s, before_s: known.watched_s, ..Self::new(table, hash_key, 0) }
    }

    /// A run begins at a moment of sensor time.
    pub fn begin(&mut self, now_ns: u64) {
        self.began_ns = Some(now_ns);
    }

    /// The baseline is over: all that was seen in it is known, and what comes from now on must stay for longer.
    pub fn end_baseline(&mut self) {
        self.epoch_s = self.epoch_s.max(LEAST_EPOCH_S);
        self.table.for_each_mut(|entry| {
            entry.settled = entry.all();
            entry.growing = Peaks::default();
            // Whatever the new epochs' numbers: nothing of it fades at once.
            entry.epoch = 0;
            entry.in_baseline = 1;
        });
    }

    /// What goes into a model.
    pub fn keep(&self, trust: Trust, now_ns: u64) -> KnownSnapshot {
        // What belongs to a second that ends after the last packet was seen until that.
        let now_s = self.now_s(now_ns);
        let mut entries: Vec<_> = self
            .table
            .iter()
            .map(|(_, entry)| Kept {
                key: entry.key,
                first_s: entry.first_s.min(now_s),
                last_s: entry.last_s.min(now_s),
                in_baseline: entry.in_baseline != 0,
                usual: entry.all(),
            })
            .collect();
        entries.sort_unstable_by_key(|kept| kept.key);
        KnownSnapshot { hash_key: self.hash_key, epoch_s: self.epoch_s, watched_s: now_s, trust, entries }
    }

    /// How new a client-service pair is.
    pub fn novelty(&self, client: HostKey, service: &ServiceKey, now_ns: u64) -> Novelty {
        let is_outside = client.is_global();
        if self.knows(KnownKey::service_pair(client, service), now_ns) {
            Novelty::Known
        } else if self.knows(KnownKey::offer_to(service, is_outside), now_ns) {
            Novelty::NewClient
        } else if self.knows(KnownKey::offer(service), now_ns) {
            if is_outside { Novelty::Exposed } else { Novelty::NewClient }
        } else if self.knows(KnownKey::host(service.server), now_ns) {
            Novelty::NewPort
        } else if self.knows(KnownKey::port(service), now_ns) {
            Novelty::NewServer
        } else {
            Novelty::NewEverything
        }
    }

    /// Whether a host has ever answered anyone, or been answered.
    #[cfg(test)]
    pub(crate) fn knows_host(&self, key: HostKey, now_ns: u64) -> bool {
        self.knows(KnownKey::host(key), now_ns)
    }

    /// Prefetches the entry of a client-service pair, by its hash.
    #[inline]
    pub fn prefetch(&self, pair: u64) {
        self.table.prefetch(pair);
    }

    /// Where it stands what is usual for clients of a service, until something becomes known.
    pub fn places_of_usual(&self, service: &ServiceKey) -> UsualPlaces {
        let place = |key: KnownKey| self.table.find(&key.hashed(&self.hash_key));
        UsualPlaces {
            slots: [KnownKey::offer(service), KnownKey::port(service)].map(place),
            is_remote_login: service.is_remote_login(),
        }
    }

    /// What is usual for clients of a service; where it is not known, what is usual at its port, or anywhere.
    pub fn usual(&self, places: UsualPlaces, now_ns: u64) -> Usual {
        let epoch = self.epoch(now_ns);
        let peaks_at = |slot: Slot| {
            let peaks = self.table.get(slot).peaks(epoch);
            (peaks != Peaks::default()).then_some(peaks)
        };
        let Some([opened_10, turns_10, up_60, _]) = places.slots.into_iter().flatten().find_map(peaks_at)
        else {
            return if places.is_remote_login { Usual::AT_LOGIN } else { Usual::ANYWHERE };
        };
        // What servers of the web give says nothing of what one's own server gives at the same port.
        let down_60 =
            places.slots[0].and_then(peaks_at).map_or(Usual::ANYWHERE.down_60, |[.., down_60]| down_60);
        let least = Usual::LEAST;
        Usual {
            opened_10: opened_10.max(least.opened_10),
            turns_10: turns_10.max(least.turns_10),
            up_60: up_60.max(least.up_60),
            down_60: down_60.max(least.down_60),
        }
    }

    /// Learns from what an ordinary client of a service does. It counts from the next epoch on, so that what
    /// grows over minutes is not measured by itself.
    pub fn learn_usual(&mut self, places: UsualPlaces, reached: Usual, now_ns: u64) {
        let epoch = self.epoch(now_ns);
        for slot in places.slots.into_iter().flatten() {
            let entry = self.table.get_mut(slot);
            entry.turn(epoch);
            for (growing, reached) in entry.growing.iter_mut().zip(reached.peaks()) {
                *growing = growing.max(reached);
            }
        }
    }

    /// Seconds that were watched up to a moment of sensor time, in this run and before it.
    fn now_s(&self, now_ns: u64) -> u32 {
        let of_run_s = now_ns.saturating_sub(self.began_ns.unwrap_or(now_ns)) / 1_000_000_000;
        self.before_s.saturating_add(u32::try_from(of_run_s).unwrap_or(u32::MAX))
    }

    fn epoch(&self, now_ns: u64) -> u32 {
        self.now_s(now_ns) / self.epoch_s
    }

    /// Seconds after which something that is seen is known.
    pub fn epoch_s(&self) -> u32 {
        self.epoch_s
    }

    /// Its table.
    pub(super) fn each_table<'a>(&'a self, each: EachTable<'_, 'a>) {
        each(TableId::KnownServices, &self.table);
    }

    fn knows(&self, key: KnownKey, now_ns: u64) -> bool {
        let now_s = self.now_s(now_ns);
        self.table.find(&key.hashed(&self.hash_key)).is_some_and(|slot| {
            let entry = self.table.get(slot);
            (now_s.saturating_sub(entry.first_s) >= self.epoch_s || entry.in_baseline != 0)
                && now_s.saturating_sub(entry.last_s) <= FORGET_AFTER_S
        })
    }
}

fn nanoseconds(seconds: u32) -> u64 {
    u64::from(seconds) * 1_000_000_000
}

#[cfg(test)]
mod tests;
