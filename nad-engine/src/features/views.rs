//! The table of views: a row for each, and what is asked of all by their rows.

mod horizon;
mod host;
mod link;
mod packet;
mod row;
mod segment;
mod service_pair;
mod upload;

use std::sync::LazyLock;

use nad_common::record::PacketRecord;
use serde::{Deserialize, Serialize};

use super::{Feature, Persistence, shape::Shape};
use crate::context::{
    Seen, Sort, Subject,
    horizon::{Logins, LongOutflow, LongSource, TriedPort},
    host::{Source, Target},
    link::Link,
    segment::Segment,
    service_pair::ServicePair,
};
pub(crate) use row::Row;
use row::{Of, Packets, all};

pub use packet::{WIDTH as PACKET_FEATURES, codes as packet_codes};

/// Makes the enum, the list of all and the rows, in one order.
macro_rules! views {
    ($($(#[$meaning:meta])+ $view:ident => $row:expr,)+) => {
        /// A view: what is judged, and by which features.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "&str", into = "&'static str")]
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
        judges: &Packets { features: &packet::FEATURES },
        vote: 1.0,
        tells_of_now: true,
        can_be_harm: true,
    },
    /// Services and hosts that a source tries in seconds: scans and sweeps.
    Scan => Row {
        name: "scan",
        judges: &Of::<Source> { columns: &host::SCAN, is_for: all, shape: host::shape_of_attempts },
        vote: 4.0,
        tells_of_now: true,
        can_be_harm: true,
    },
    /// The same over minutes: slow scans.
    SlowScan => Row {
        name: "slow-scan",
        judges: &Of::<Source> { columns: &host::SLOW_SCAN, is_for: all, shape: host::shape_of_attempts },
        vote: 1.0,
        tells_of_now: false,
        can_be_harm: true,
    },
    /// What a source sends without waiting for answers: outbound floods.
    OutboundFlood => Row {
        name: "outbound-flood",
        judges: &Of::<Source> { columns: &host::OUTBOUND_FLOOD, is_for: all, shape: host::shape_of_sent },
        vote: 1.0,
        tells_of_now: true,
        can_be_harm: false,
    },
    /// Packets of a source that no ordinary stack sends.
    Malformed => Row {
        name: "malformed",
        judges: &Of::<Source> { columns: &host::MALFORMED, is_for: all, shape: |_| Shape::MalformedPackets },
        vote: 1.0,
        tells_of_now: true,
        can_be_harm: true,
    },
    /// What a target receives without an exchange: inbound floods, also from many sources.
    InboundFlood => Row {
        name: "inbound-flood",
        judges: &Of::<Target> { columns: &host::INBOUND_FLOOD, is_for: all, shape: host::shape_of_received },
        vote: 0.5,
        tells_of_now: true,
        can_be_harm: true,
    },
    /// How a client connects to a service: brute force, exhaustion of connections.
    Connections => Row {
        name: "connections",
        judges: &Of::<ServicePair> {
            columns: &service_pair::CONNECTIONS,
            is_for: all,
            shape: service_pair::shape_of_connections,
        },
        vote: 1.0,
        tells_of_now: true,
        can_be_harm: true,
    },
    /// How fast a client asks a service: enumeration.
    Exchange => Row {
        name: "exchange",
        judges: &Of::<ServicePair> {
            columns: &service_pair::EXCHANGE,
            is_for: all,
            shape: service_pair::shape_of_exchange,
        },
        vote: 1.0,
        tells_of_now: true,
        can_be_harm: true,
    },
    /// What a client uploads.
    Upload => Row {
        name: "upload",
        judges: &Of::<ServicePair> {
            columns: &upload::UPLOAD,
            is_for: all,
            shape: service_pair::shape_of_upload,
        },
        vote: 1.0,
        tells_of_now: true,
        can_be_harm: true,
    },
    /// What a client outside fetches from a server inside.
    Pull => Row {
        name: "pull",
        judges: &Of::<ServicePair> {
            columns: &upload::PULL,
            is_for: upload::is_fetched_from_outside,
            shape: |_| Shape::UnusualUpload,
        },
        vote: 1.0,
        tells_of_now: true,
        can_be_harm: false,
    },
    /// What comes back for little: amplification.
    Answers => Row {
        name: "answers",
        judges: &Of::<ServicePair> {
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
        judges: &Of::<ServicePair> {
            columns: &service_pair::PERIODICITY,
            is_for: all,
            shape: |_| Shape::Beacon,
        },
        vote: 0.5,
        tells_of_now: true,
        can_be_harm: true,
    },
    /// How rare first contacts such as a pair's are: intrusions and what follows them.
    Contact => Row {
        name: "contact",
        judges: &Of::<ServicePair> {
            columns: &service_pair::CONTACT,
            is_for: service_pair::had_contact,
            shape: |_| Shape::Unusual,
        },
        vote: 1.0,
        tells_of_now: true,
        can_be_harm: true,
    },
    /// What names a client asks for: tunnels.
    Names => Row {
        name: "names",
        judges: &Of::<ServicePair> {
            columns: &service_pair::NAMES,
            is_for: service_pair::has_names,
            shape: service_pair::shape_of_names,
        },
        vote: 1.0,
        tells_of_now: true,
        can_be_harm: true,
    },
    /// What client and service say in the clear: refused logins, errors, injected commands.
    Application => Row {
        name: "application",
        judges: &Of::<ServicePair> {
            columns: &service_pair::APPLICATION,
            is_for: service_pair::said_any,
            shape: service_pair::shape_of_application,
        },
        vote: 4.0,
        tells_of_now: true,
        can_be_harm: false,
    },
    /// What a MAC address claims and asks by ARP.
    Arp => Row {
        name: "arp",
        judges: &Of::<Link> { columns: &link::ARP, is_for: all, shape: link::shape },
        vote: 4.0,
        tells_of_now: true,
        can_be_harm: true,
    },
    /// Services that a source tries without success over hours: scans that take their time.
    LongScan => Row {
        name: "long-scan",
        judges: &Of::<LongSource> { columns: &horizon::LONG_SCAN, is_for: all, shape: horizon::shape_of_scan },
        vote: 1.0,
        tells_of_now: false,
        can_be_harm: false,
    },
    /// Logins at a service over an hour: passwords guessed slowly, or from many places.
    Logins => Row {
        name: "logins",
        judges: &Of::<Logins> { columns: &horizon::LOGINS, is_for: all, shape: |_| Shape::BruteForce },
        vote: 1.0,
        tells_of_now: false,
        can_be_harm: false,
    },
    /// Logins at a service within minutes, from all clients: passwords guessed by many.
    ManyLogins => Row {
        name: "many-logins",
        judges: &Of::<Logins> { columns: &horizon::MANY_LOGINS, is_for: all, shape: |_| Shape::BruteForce },
        vote: 1.0,
        tells_of_now: true,
        can_be_harm: false,
    },
    /// What a source sends outside over hours: thefts in slices.
    LongUpload => Row {
        name: "long-upload",
        judges: &Of::<LongOutflow> { columns: &horizon::LONG_UPLOAD, is_for: all, shape: |_| Shape::UnusualUpload },
        vote: 1.0,
        tells_of_now: false,
        can_be_harm: false,
    },
    /// Services that many sources try without success at many hosts, each of them few: distributed scans.
    DistributedScan => Row {
        name: "distributed-scan",
        judges: &Of::<TriedPort> { columns: &horizon::DISTRIBUTED_SCAN, is_for: all, shape: |_| Shape::HostSweep },
        vote: 1.0,
        tells_of_now: false,
        can_be_harm: false,
    },
    /// New MAC addresses of the whole segment: MAC floods.
    Senders => Row {
        name: "senders",
        judges: &Of::<Segment> { columns: &segment::SENDERS, is_for: all, shape: |_| Shape::Flood },
        vote: 1.0,
        tells_of_now: true,
        can_be_harm: false,
    },
}

/// By its name, in state files.
impl From<View> for &'static str {
    fn from(view: View) -> Self {
        view.name()
    }
}

impl TryFrom<&str> for View {
    type Error = String;

    fn try_from(name: &str) -> Result<Self, String> {
        Self::named(name).ok_or_else(|| format!("there is no view {name:?}"))
    }
}

/// What subjects are read by.
struct ReadBy {
    features: Vec<&'static Feature>,
    /// Whether some of them matter only where others are remarkable.
    has_circumstances: bool,
}

const HOUR_S: f32 = 3600.0;

impl View {
    /// Its name in models, files and tables.
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// The view of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|view| view.name() == name)
    }

    /// Whether it judges what lasts: over hours, or as what a subject is like.
    pub(crate) fn is_lasting(self) -> bool {
        let is_long = |persistence| matches!(persistence, Persistence::Holds(seconds) if seconds >= HOUR_S);
        self.judges_a_trait() || self.features().any(|feature| is_long(feature.persistence))
    }

    /// Whether it judges what a subject is like, and not what it does just now.
    pub(crate) fn judges_a_trait(self) -> bool {
        self.features().all(|feature| feature.persistence == Persistence::Lasts)
    }

    /// Its features, in order. The list of names is the schema that a model is checked against.
    pub fn features(self) -> impl ExactSizeIterator<Item = &'static Feature> {
        self.read_by().features.iter().copied()
    }

    /// The views that may judge a subject, in their order.
    pub(super) fn of(subject: &Subject<'_>) -> &'static [Self] {
        /// Made once: this is asked for each subject of each second.
        static OF: LazyLock<Vec<Vec<View>>> = LazyLock::new(|| {
            let of = |sort: &Sort| {
                let is_of = |view: &View| view.row().judges.sort() == Some(*sort);
                View::ALL.into_iter().filter(is_of).collect()
            };
            Sort::ALL.iter().map(of).collect()
        });
        &OF[subject.sort() as usize]
    }

    /// Reads the features of a subject into `vector`, on the scale of each; `false` where this view does not look
    /// at such a subject. All values are finite.
    pub fn read(self, subject: &Subject<'_>, vector: &mut Vec<f32>) -> bool {
        vector.clear();
        self.append(subject, vector)
    }

    /// The same after what is in `values`.
    pub(super) fn append(self, subject: &Subject<'_>, values: &mut Vec<f32>) -> bool {
        let begin = values.len();
        if !self.row().judges.read(subject, values) {
            return false;
        }
        self.drop_circumstances(&mut values[begin..]);
        true
    }

    /// Novelty, brevity and destination matter only where something is remarkable: a client's first
    /// connection to a service is no event.
    fn drop_circumstances(self, vector: &mut [f32]) {
        let ReadBy { features, has_circumstances } = self.read_by();
        let is_remarkable = |(feature, value): (&&Feature, &f32)| {
            feature.ordinary > 0.0 && *value > feature.scaled(feature.ordinary)
        };
        if !has_circumstances || features.iter().zip(&*vector).any(is_remarkable) {
            return;
        }
        for (feature, value) in features.iter().zip(vector) {
            if feature.circumstance > 0.0 {
                *value = feature.scaled(0.0);
            }
        }
    }

    fn read_by(self) -> &'static ReadBy {
        /// Made once: this is asked for each subject of each second.
        static ALL: LazyLock<[ReadBy; View::ALL.len()]> = LazyLock::new(|| {
            View::ALL.map(|view| {
                let features = view.row().judges.features();
                let has_circumstances = features.iter().any(|feature| feature.circumstance > 0.0);
                ReadBy { features, has_circumstances }
            })
        });
        &ALL[self as usize]
    }

    /// What a deviation of a subject in this view looks like.
    pub(crate) fn shape(self, subject: &Subject<'_>) -> Shape {
        self.row().judges.shape(subject).unwrap_or(Shape::Unusual)
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
