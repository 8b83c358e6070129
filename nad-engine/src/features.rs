//! From states to the numbers that the forests see.
//!
//! There are several views, each with a forest of its own over a few features that belong together: in a forest
//! over everything, one feature that is far out is lost among many that are not. A view looks at a packet, or once a
//! second at what was active in that second: a client's dealing with a service, a host as source or as target, a
//! MAC address.

mod dealing;
mod host;
mod link;
mod packet;
pub mod scale;

use std::sync::LazyLock;

use nad_common::record::PacketRecord;

use crate::context::{Seen, Subject};
pub use packet::{WIDTH as PACKET_FEATURES, codes as packet_codes};

/// The most features that a view has.
pub const MOST_FEATURES: usize = 32;

/// A view: what is looked at, and by which features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum View {
    /// Every packet: its header, its flow and what its sender is about.
    Packet,
    /// A source's reach in seconds: scans and sweeps.
    Reach,
    /// A source's reach over minutes: slow scans.
    SlowReach,
    /// What a source sends without waiting for answers: floods.
    Push,
    /// Packets of a source that no ordinary stack sends.
    Form,
    /// What comes over a target without an exchange: floods from many sources.
    Pressure,
    /// How a client connects to a service: brute force, exhaustion of connections.
    Connections,
    /// How fast a client asks a service: enumeration.
    Exchange,
    /// What a client uploads.
    Upload,
    /// What comes back for little: amplification.
    Answers,
    /// How regular a client comes back: beacons.
    Rhythm,
    /// What names a client asks for: tunnels.
    Names,
    /// What a MAC address claims and asks by ARP.
    Claims,
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
pub enum Memory {
    /// It falls to its eth part in this many seconds.
    Fades(f32),
    /// It stays for about this many seconds, and is gone then.
    Holds(f32),
    /// It stays.
    Lasts,
}

/// One number about what a view looks at.
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
    pub memory: Memory,
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
        Self::Reach,
        Self::SlowReach,
        Self::Push,
        Self::Form,
        Self::Pressure,
        Self::Connections,
        Self::Exchange,
        Self::Upload,
        Self::Answers,
        Self::Rhythm,
        Self::Names,
        Self::Claims,
    ];

    /// Its name in models, files and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Packet => "packet",
            Self::Reach => "reach",
            Self::SlowReach => "slow-reach",
            Self::Push => "push",
            Self::Form => "form",
            Self::Pressure => "pressure",
            Self::Connections => "connections",
            Self::Exchange => "exchange",
            Self::Upload => "upload",
            Self::Answers => "answers",
            Self::Rhythm => "rhythm",
            Self::Names => "names",
            Self::Claims => "claims",
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
            Self::Reach => list(&host::REACH),
            Self::SlowReach => list(&host::SLOW_REACH),
            Self::Push => list(&host::PUSH),
            Self::Form => list(&host::FORM),
            Self::Pressure => list(&host::PRESSURE),
            Self::Connections => list(&dealing::CONNECTIONS),
            Self::Exchange => list(&dealing::EXCHANGE),
            Self::Upload => list(&dealing::UPLOAD),
            Self::Answers => list(&dealing::ANSWERS),
            Self::Rhythm => list(&dealing::RHYTHM),
            Self::Names => list(&dealing::NAMES),
            Self::Claims => list(&link::CLAIMS),
        }
    }

    /// Reads the features of a subject into `vector`, on the scale of each; `false` where this view does not look
    /// at such a subject. All values are finite.
    pub fn read(self, subject: &Subject<'_>, vector: &mut Vec<f32>) -> bool {
        vector.clear();
        match (self, subject) {
            (Self::Reach, Subject::Source(state)) => read(&host::REACH, vector, |read| read(state)),
            (Self::SlowReach, Subject::Source(state)) => read(&host::SLOW_REACH, vector, |read| read(state)),
            (Self::Push, Subject::Source(state)) => read(&host::PUSH, vector, |read| read(state)),
            (Self::Form, Subject::Source(state)) => read(&host::FORM, vector, |read| read(state)),
            (Self::Pressure, Subject::Target(state)) => read(&host::PRESSURE, vector, |read| read(state)),
            (Self::Claims, Subject::Link(state)) => read(&link::CLAIMS, vector, |read| read(state)),
            (_, Subject::Dealing(state, usual)) => {
                let columns: &[Column<dealing::Read>] = match self {
                    Self::Connections => &dealing::CONNECTIONS,
                    Self::Exchange => &dealing::EXCHANGE,
                    Self::Upload => &dealing::UPLOAD,
                    Self::Answers if dealing::is_datagram(state) => &dealing::ANSWERS,
                    Self::Rhythm => &dealing::RHYTHM,
                    Self::Names if dealing::has_names(state) => &dealing::NAMES,
                    _ => return false,
                };
                read(columns, vector, |read| read(state, usual));
            }
            _ => return false,
        }
        self.drop_circumstances(vector);
        true
    }

    /// How strange, how brief or where to something is matters only where something is remarkable: a client's first
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
            memory: Memory::Fades(10.0),
            phrase: "",
        }
    }

    const fn linear(name: &'static str) -> Self {
        Self {
            scale: Scale::Linear,
            is_open: false,
            codes_per_unit: 1.0,
            memory: Memory::Lasts,
            ..Self::logarithmic(name, "")
        }
    }

    const fn up_to(self, most: f32) -> Self {
        Self { is_open: true, most, ..self }
    }

    const fn memory(self, memory: Memory) -> Self {
        Self { memory, ..self }
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
