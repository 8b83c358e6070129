//! The table of views: a row for each, and what is asked of all by their rows.

use std::sync::LazyLock;

use nad_common::record::PacketRecord;

use super::{Column, Feature, PACKET_FEATURES, host, link, packet, service_pair, shape::Shape};
use crate::context::{Seen, Subject, host::HostState, link::LinkState, service_pair::ServicePairState};

/// All that the engine knows of a view.
pub(crate) struct Row {
    /// Its name in models, files and tables.
    name: &'static str,
    /// What it judges, by which features, and what a deviation of it looks like.
    judges: Judges,
    /// How much a deviation counts when an incident is named: who does something to many says more than what comes over
    /// one of them, or what one of many service pairs looks like.
    pub(crate) vote: f64,
    /// Whether it says something about the packets of now: what a host did minutes ago says little.
    pub(crate) tells_of_now: bool,
    /// Whether a client deviates in it also by not being served: what a flood does to those who use its target.
    pub(crate) can_be_harm: bool,
}

/// What a view judges. Votes and the like are of subjects: packets are no deviations. The subject is also what deviations
/// are grouped by.
enum Judges {
    /// Each packet.
    Packets { features: &'static [Feature] },
    /// Each host that begins something.
    Sources { columns: &'static [Column<host::Read>], shape: fn(&HostState) -> Shape },
    /// Each host that is asked.
    Targets { columns: &'static [Column<host::Read>], shape: fn(&HostState) -> Shape },
    /// Those clients and services that it is for.
    ServicePairs {
        columns: &'static [Column<service_pair::Read>],
        is_for: fn(&ServicePairState) -> bool,
        shape: fn(&ServicePairState) -> Shape,
    },
    /// Each MAC address.
    Links { columns: &'static [Column<link::Read>], shape: fn(&LinkState) -> Shape },
}

/// Makes the enum, the list of all and the rows, in one order.
macro_rules! views {
    ($($(#[$meaning:meta])+ $view:ident => $row:expr,)+) => {
        /// A view: what is judged, and by which features.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum View {
            $($(#[$meaning])+ $view,)+
        }

        impl View {
            /// Every view, in the order of their numbers.
            pub const ALL: [Self; [$(Self::$view),+].len()] = [$(Self::$view),+];
        }

        static ROWS: [Row; View::ALL.len()] = [$($row),+];
    };
}

views! {
    /// Every packet: its header, its flow and what its sender is about.
    Packet => Row {
        name: "packet",
        judges: Judges::Packets { features: &packet::FEATURES },
        vote: 1.0,
        tells_of_now: true,
        can_be_harm: true,
    },
    /// Services and hosts that a source tries in seconds: scans and sweeps.
    Scan => Row {
        name: "scan",
        judges: Judges::Sources { columns: &host::SCAN, shape: host::shape_of_attempts },
        vote: 4.0,
        tells_of_now: true,
        can_be_harm: true,
    },
    /// The same over minutes: slow scans.
    SlowScan => Row {
        name: "slow-scan",
        judges: Judges::Sources { columns: &host::SLOW_SCAN, shape: host::shape_of_attempts },
        vote: 1.0,
        tells_of_now: false,
        can_be_harm: true,
    },
    /// What a source sends without waiting for answers: outbound floods.
    OutboundFlood => Row {
        name: "outbound-flood",
        judges: Judges::Sources { columns: &host::OUTBOUND_FLOOD, shape: host::shape_of_sent },
        vote: 1.0,
        tells_of_now: true,
        can_be_harm: false,
    },
    /// Packets of a source that no ordinary stack sends.
    Malformed => Row {
        name: "malformed",
        judges: Judges::Sources { columns: &host::MALFORMED, shape: |_| Shape::MalformedPackets },
        vote: 1.0,
        tells_of_now: true,
        can_be_harm: true,
    },
    /// What a target receives without an exchange: inbound floods, also from many sources.
    InboundFlood => Row {
        name: "inbound-flood",
        judges: Judges::Targets { columns: &host::INBOUND_FLOOD, shape: host::shape_of_received },
        vote: 0.5,
        tells_of_now: true,
        can_be_harm: true,
    },
    /// How a client connects to a service: brute force, exhaustion of connections.
    Connections => Row {
        name: "connections",
        judges: Judges::ServicePairs {
            columns: &service_pair::CONNECTIONS,
            is_for: service_pair::any,
            shape: service_pair::shape_of_connections,
        },
        vote: 1.0,
        tells_of_now: true,
        can_be_harm: true,
    },
    /// How fast a client asks a service: enumeration.
    Exchange => Row {
        name: "exchange",
        judges: Judges::ServicePairs {
            columns: &service_pair::EXCHANGE,
            is_for: service_pair::any,
            shape: service_pair::shape_of_exchange,
        },
        vote: 1.0,
        tells_of_now: true,
        can_be_harm: true,
    },
    /// What a client uploads.
    Upload => Row {
        name: "upload",
        judges: Judges::ServicePairs {
            columns: &service_pair::UPLOAD,
            is_for: service_pair::any,
            shape: service_pair::shape_of_upload,
        },
        vote: 1.0,
        tells_of_now: true,
        can_be_harm: true,
    },
    /// What comes back for little: amplification.
    Answers => Row {
        name: "answers",
        judges: Judges::ServicePairs {
            columns: &service_pair::ANSWERS,
            is_for: service_pair::is_datagram,
            shape: service_pair::shape_of_answers,
        },
        vote: 1.0,
        tells_of_now: true,
        can_be_harm: true,
    },
    /// How regular the intervals are at which a client comes back: beacons.
    Periodicity => Row {
        name: "periodicity",
        judges: Judges::ServicePairs {
            columns: &service_pair::PERIODICITY,
            is_for: service_pair::any,
            shape: |_| Shape::Beacon,
        },
        vote: 0.5,
        tells_of_now: true,
        can_be_harm: true,
    },
    /// What names a client asks for: tunnels.
    Names => Row {
        name: "names",
        judges: Judges::ServicePairs {
            columns: &service_pair::NAMES,
            is_for: service_pair::has_names,
            shape: service_pair::shape_of_names,
        },
        vote: 1.0,
        tells_of_now: true,
        can_be_harm: true,
    },
    /// What a MAC address claims and asks by ARP.
    Arp => Row {
        name: "arp",
        judges: Judges::Links { columns: &link::ARP, shape: link::shape },
        vote: 4.0,
        tells_of_now: true,
        can_be_harm: true,
    },
}

impl View {
    /// Its name in models, files and tables.
    pub const fn name(self) -> &'static str {
        self.row().name
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
        match &self.row().judges {
            Judges::Packets { features } => features.iter().collect(),
            Judges::Sources { columns, .. } | Judges::Targets { columns, .. } => list(columns),
            Judges::ServicePairs { columns, .. } => list(columns),
            Judges::Links { columns, .. } => list(columns),
        }
    }

    /// Reads the features of a subject into `vector`, on the scale of each; `false` where this view does not look
    /// at such a subject. All values are finite.
    pub fn read(self, subject: &Subject<'_>, vector: &mut Vec<f32>) -> bool {
        vector.clear();
        match (&self.row().judges, subject) {
            (Judges::Sources { columns, .. }, Subject::Source(host))
            | (Judges::Targets { columns, .. }, Subject::Target(host)) => {
                read(columns, vector, |read| read(host));
            }
            (Judges::ServicePairs { columns, is_for, .. }, Subject::ServicePair(pair, usual))
                if is_for(pair) =>
            {
                read(columns, vector, |read| read(pair, usual));
            }
            (Judges::Links { columns, .. }, Subject::Link(link)) => read(columns, vector, |read| read(link)),
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

    /// What a deviation of a subject in this view looks like.
    pub(crate) fn shape(self, subject: &Subject<'_>) -> Shape {
        match (&self.row().judges, subject) {
            (Judges::Sources { shape, .. }, Subject::Source(host))
            | (Judges::Targets { shape, .. }, Subject::Target(host)) => shape(host),
            (Judges::ServicePairs { shape, .. }, Subject::ServicePair(pair, _)) => shape(pair),
            (Judges::Links { shape, .. }, Subject::Link(link)) => shape(link),
            _ => Shape::Unusual,
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

    /// All that is known of it.
    pub(crate) const fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }
}

fn list<F>(columns: &'static [Column<F>]) -> Vec<&'static Feature> {
    columns.iter().map(|column| &column.feature).collect()
}

fn read<F>(columns: &[Column<F>], vector: &mut Vec<f32>, value: impl Fn(&F) -> f32) {
    vector.extend(columns.iter().map(|column| column.feature.scaled(value(&column.read))));
}
