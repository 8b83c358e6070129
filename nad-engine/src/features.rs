//! From states to the numbers that the forests see.
//!
//! There are several views, each with a forest of its own over a few features that belong together: in a forest
//! over everything, one feature that is far out is lost among many that are not. A view judges packets, or once a
//! second what was active in that second: a client-service pair, a host as source or as target, a
//! MAC address.

mod host;
mod link;
mod packet;
pub mod scale;
mod service_pair;

use std::sync::LazyLock;

use nad_common::record::PacketRecord;

use crate::context::{Seen, Subject};
pub use packet::{WIDTH as PACKET_FEATURES, codes as packet_codes};

/// The most features that a view has.
pub const MOST_FEATURES: usize = 32;

/// A view: what is judged, and by which features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum View {
    /// Every packet: its header, its flow and what its sender is about.
    Packet,
    /// Services and hosts that a source tries in seconds: scans and sweeps.
    Scan,
    /// The same over minutes: slow scans.
    SlowScan,
    /// What a source sends without waiting for answers: outbound floods.
    OutboundFlood,
    /// Packets of a source that no ordinary stack sends.
    Malformed,
    /// What a target receives without an exchange: inbound floods, also from many sources.
    InboundFlood,
    /// How a client connects to a service: brute force, exhaustion of connections.
    Connections,
    /// How fast a client asks a service: enumeration.
    Exchange,
    /// What a client uploads.
    Upload,
    /// What comes back for little: amplification.
    Answers,
    /// How regular the intervals are at which a client comes back: beacons.
    Periodicity,
    /// What names a client asks for: tunnels.
    Names,
    /// What a MAC address claims and asks by ARP.
    Arp,
}

/// How values of a feature are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// As they are.
    Linear,
    /// By [`scale::doublings`]: 100 against 200 differ as much as 1,000 against 2,000.
    Logarithmic,
}

/// What becomes of a feature's value when nothing more happens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Persistence {
    /// It falls to its eth part in this many seconds.
    Fades(f32),
    /// It stays for about this many seconds, and is gone then.
    Holds(f32),
    /// It stays.
    Lasts,
}

/// One number about what a view judges.
#[derive(Debug, Clone, Copy)]
pub struct Feature {
    /// Its name in models, files and tables; unique in its view.
    pub name: &'static str,
    /// The unit of its value; empty for flags, codes and counts.
    pub unit: &'static str,
    /// How values are compared.
    pub scale: Scale,
    /// Up to this value it is unremarkable on any network, whatever a short baseline has seen: lower ones count as
    /// this one. 0 where there is no such value.
    pub ordinary: f32,
    /// For a circumstance, which says nothing by itself: up to this value it goes with anything ordinary. 0 for other
    /// features.
    pub circumstance: f32,
    /// From this value on it is hostile on any network, so that a baseline does not make it ordinary. 0 where there
    /// is no such value.
    pub hostile: f32,
    /// Whether values beyond the baseline's can occur; `false` for flags and codes.
    pub is_open: bool,
    /// The largest value that there can be.
    pub most: f32,
    /// Codes of a unit of its scale, from 0 on: forests see values by their code, of which there are 256.
    pub codes_per_unit: f32,
    /// What becomes of it when nothing more happens.
    pub persistence: Persistence,
    /// What is said of it in a reason, with the value in the place of `{}`; empty where it explains nothing.
    pub phrase: &'static str,
}

/// A feature and the function that reads it.
struct Column<F> {
    feature: Feature,
    read: F,
}

impl View {
    /// Every view, in the order of their numbers.
    pub const ALL: [Self; 13] = [
        Self::Packet,
        Self::Scan,
        Self::SlowScan,
        Self::OutboundFlood,
        Self::Malformed,
        Self::InboundFlood,
        Self::Connections,
        Self::Exchange,
        Self::Upload,
        Self::Answers,
        Self::Periodicity,
        Self::Names,
        Self::Arp,
    ];

    /// Its name in models, files and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Packet => "packet",
            Self::Scan => "scan",
            Self::SlowScan => "slow-scan",
            Self::OutboundFlood => "outbound-flood",
            Self::Malformed => "malformed",
            Self::InboundFlood => "inbound-flood",
            Self::Connections => "connections",
            Self::Exchange => "exchange",
            Self::Upload => "upload",
            Self::Answers => "answers",
            Self::Periodicity => "periodicity",
            Self::Names => "names",
            Self::Arp => "arp",
        }
    }

    /// The view of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|view| view.name() == name)
    }

    /// Its features, in order. The list of names is the schema that a model is checked against.
    pub fn features(self) -> impl ExactSizeIterator<Item = &'static Feature> {
        /// Made once: this is asked for each subject of each second.
        static ALL: LazyLock<[Vec<&'static Feature>; View::ALL.len()]> =
            LazyLock::new(|| View::ALL.map(View::list));
        ALL[self as usize].iter().copied()
    }

    fn list(self) -> Vec<&'static Feature> {
        match self {
            Self::Packet => packet::FEATURES.iter().collect(),
            Self::Scan => list(&host::SCAN),
            Self::SlowScan => list(&host::SLOW_SCAN),
            Self::OutboundFlood => list(&host::OUTBOUND_FLOOD),
            Self::Malformed => list(&host::MALFORMED),
            Self::InboundFlood => list(&host::INBOUND_FLOOD),
            Self::Connections => list(&service_pair::CONNECTIONS),
            Self::Exchange => list(&service_pair::EXCHANGE),
            Self::Upload => list(&service_pair::UPLOAD),
            Self::Answers => list(&service_pair::ANSWERS),
            Self::Periodicity => list(&service_pair::PERIODICITY),
            Self::Names => list(&service_pair::NAMES),
            Self::Arp => list(&link::ARP),
        }
    }

    /// Reads the features of a subject into `vector`, on the scale of each; `false` where this view does not look
    /// at such a subject. All values are finite.
    pub fn read(self, subject: &Subject<'_>, vector: &mut Vec<f32>) -> bool {
        vector.clear();
        match (self, subject) {
            (Self::Scan, Subject::Source(state)) => read(&host::SCAN, vector, |read| read(state)),
            (Self::SlowScan, Subject::Source(state)) => read(&host::SLOW_SCAN, vector, |read| read(state)),
            (Self::OutboundFlood, Subject::Source(state)) => {
                read(&host::OUTBOUND_FLOOD, vector, |read| read(state))
            }
            (Self::Malformed, Subject::Source(state)) => read(&host::MALFORMED, vector, |read| read(state)),
            (Self::InboundFlood, Subject::Target(state)) => {
                read(&host::INBOUND_FLOOD, vector, |read| read(state))
            }
            (Self::Arp, Subject::Link(state)) => read(&link::ARP, vector, |read| read(state)),
            (_, Subject::ServicePair(state, usual)) => {
                let columns: &[Column<service_pair::Read>] = match self {
                    Self::Connections => &service_pair::CONNECTIONS,
                    Self::Exchange => &service_pair::EXCHANGE,
                    Self::Upload => &service_pair::UPLOAD,
                    Self::Answers if service_pair::is_datagram(state) => &service_pair::ANSWERS,
                    Self::Periodicity => &service_pair::PERIODICITY,
                    Self::Names if service_pair::has_names(state) => &service_pair::NAMES,
                    _ => return false,
                };
                read(columns, vector, |read| read(state, usual));
            }
            _ => return false,
        }
        self.drop_circumstances(vector);
        true
    }

    /// Novelty, brevity and destination matter only where something is remarkable: a client's first
    /// connection to a service is no event.
    fn drop_circumstances(self, vector: &mut [f32]) {
        let is_remarkable = |(feature, value): (&Feature, &f32)| {
            feature.ordinary > 0.0 && *value > feature.scaled(feature.ordinary)
        };
        if self.features().zip(&*vector).any(is_remarkable) {
            return;
        }
        for (feature, value) in self.features().zip(vector) {
            if feature.circumstance > 0.0 {
                *value = feature.scaled(0.0);
            }
        }
    }

    /// Whether a feature has a value that is hostile on any network.
    pub fn is_hostile(self, vector: &[f32]) -> bool {
        let is_hostile = |(feature, value): (&Feature, &f32)| {
            feature.hostile > 0.0 && feature.unscaled(*value) >= feature.hostile
        };
        self.features().zip(vector).any(is_hostile)
    }

    /// Reads the features of a packet, as [`Self::read`] does those of other subjects.
    #[inline]
    pub fn read_packet(record: &PacketRecord, seen: &Seen<'_>) -> [f32; PACKET_FEATURES] {
        packet::read(record, seen)
    }
}

impl Feature {
    const fn logarithmic(name: &'static str, unit: &'static str) -> Self {
        Self {
            name,
            unit,
            scale: Scale::Logarithmic,
            ordinary: 0.0,
            circumstance: 0.0,
            hostile: 0.0,
            is_open: true,
            most: f32::INFINITY,
            codes_per_unit: scale::CODES_PER_DOUBLING,
            persistence: Persistence::Fades(10.0),
            phrase: "",
        }
    }

    const fn linear(name: &'static str) -> Self {
        Self {
            scale: Scale::Linear,
            is_open: false,
            codes_per_unit: 1.0,
            persistence: Persistence::Lasts,
            ..Self::logarithmic(name, "")
        }
    }

    const fn up_to(self, most: f32) -> Self {
        Self { is_open: true, most, ..self }
    }

    const fn persistence(self, persistence: Persistence) -> Self {
        Self { persistence, ..self }
    }

    const fn ordinary(self, ordinary: f32) -> Self {
        Self { ordinary, ..self }
    }

    const fn circumstance(self, circumstance: f32) -> Self {
        Self { circumstance, ..self }
    }

    const fn hostile(self, hostile: f32) -> Self {
        Self { hostile, ..self }
    }

    const fn phrase(self, phrase: &'static str) -> Self {
        Self { phrase, ..self }
    }

    /// A value on the scale on which it is compared.
    pub fn scaled(&self, value: f32) -> f32 {
        let value = if self.ordinary > 0.0 { value.max(self.ordinary) } else { value };
        match self.scale {
            Scale::Linear => value,
            Scale::Logarithmic => scale::doublings(value.max(0.0)),
        }
    }

    /// The value behind one of its scale.
    pub fn unscaled(&self, value: f32) -> f32 {
        match self.scale {
            Scale::Linear => value,
            Scale::Logarithmic => scale::undoubled(value),
        }
    }

    /// A value of this feature's scale in words: `1448 bytes`.
    pub fn describe(&self, value: f32) -> String {
        self.describe_raw(self.unscaled(value))
    }

    /// With codes for parts of a unit.
    const fn finely(self) -> Self {
        Self { codes_per_unit: 16.0, ..self }
    }

    /// A value in this feature's own unit in words.
    pub fn describe_raw(&self, value: f32) -> String {
        let value = value.abs();
        let separator = if self.unit.is_empty() { "" } else { " " };
        let digits = usize::from(value < 9.95 && (value - value.round()).abs() > 0.05);
        format!("{value:.digits$}{separator}{}", self.unit)
    }
}

fn list<F>(columns: &'static [Column<F>]) -> Vec<&'static Feature> {
    columns.iter().map(|column| &column.feature).collect()
}

fn read<F>(columns: &[Column<F>], vector: &mut Vec<f32>, value: impl Fn(&F) -> f32) {
    vector.extend(columns.iter().map(|column| column.feature.scaled(value(&column.read))));
}

#[cfg(test)]
mod tests;
