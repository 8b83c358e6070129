//! The declaration of subject kinds: where the states of each are, and what is asked of all.
//!
//! A kind has its tables where its packets are. What belongs to a pair of addresses is in the [`KindPart`] of each partition,
//! what belongs to none is in the [`SubjectKind`] itself, which sees all packets in their order, whoever has the partitions.

use std::{fmt, io};

use nad_common::record::PacketRecord;

use crate::payload::HeadFacts;

use super::{
    EachTable, Sizes, Subject,
    flow::FlowStep,
    hash::HashKey,
    host_key::HostKey,
    known::{Novelty, ServiceKey},
    network::Network,
    partition::{Moment, Partition},
    subject::Verdict,
    threads::Threads,
};

/// The subjects of one kind.
pub(super) trait SubjectKind: fmt::Debug + Sized {
    /// What each partition has of them.
    type Part: KindPart;

    /// Nothing is known of any, with tables of these sizes.
    fn new(sizes: &Sizes) -> io::Result<Self>;

    /// Its tables, but for those in partitions.
    fn each_table<'a>(&'a self, _each: EachTable<'_, 'a>) {}

    /// Subjects that were active in a tick and not visited at its end, but for those that a partition passed over.
    fn passed_over(&self) -> u64 {
        0
    }

    /// Takes a packet into account. The anomaly level that it inherits where it has no IP.
    fn observe(&mut self, _record: &PacketRecord, _hash_key: &HashKey, _moment: Moment) -> f32 {
        0.0
    }

    /// Visits those that were active in the second that ends, as they are at its end.
    fn visit(&mut self, end: &mut End<'_>, visit: &mut impl FnMut(Subject<'_>) -> Verdict);
}

/// What one partition has of a kind.
pub(super) trait KindPart: fmt::Debug + Sized {
    /// Nothing is known of any, with the partition's share of tables of these sizes.
    fn new(sizes: &Sizes) -> io::Result<Self>;

    /// Its tables.
    fn each_table<'a>(&'a self, each: EachTable<'_, 'a>);

    /// Subjects that were active in a tick and not visited at its end.
    fn passed_over(&self) -> u64;

    /// Takes an IP packet of one of the partition's pairs into account.
    fn observe(&mut self, packet: &PairPacket<'_>);
}

/// Of a kind that has nothing in partitions, or what every packet needs there.
impl KindPart for () {
    fn new(_: &Sizes) -> io::Result<Self> {
        Ok(())
    }

    fn each_table<'a>(&'a self, _: EachTable<'_, 'a>) {}

    fn passed_over(&self) -> u64 {
        0
    }

    fn observe(&mut self, _: &PairPacket<'_>) {}
}

/// The end of a second.
pub(super) struct End<'a> {
    pub(super) partitions: &'a mut [Partition],
    pub(super) network: &'a mut Network,
    /// Sensor time, in nanoseconds.
    pub(super) ns: u64,
    /// The tick that ends.
    pub(super) tick: u64,
    /// Who may share the work.
    pub(super) threads: Threads,
}

/// A packet of a pair of addresses, with what its partition says of it.
pub(super) struct PairPacket<'a> {
    pub(super) network: &'a Network,
    pub(super) record: &'a PacketRecord,
    pub(super) step: &'a FlowStep,
    pub(super) client: HostKey,
    pub(super) service: ServiceKey,
    /// The hash of the service pair, where it was computed ahead.
    pub(super) pair_hash: Option<u64>,
    /// How new the service pair is, where a flow begins.
    pub(super) novelty: Option<Novelty>,
    /// The same of a probe outside of any flow.
    pub(super) probed: Option<Novelty>,
    /// Whether it is the client's with the service: no error about another flow, and not in another's name.
    pub(super) is_own: bool,
    /// What its head says.
    pub(super) facts: HeadFacts,
    pub(super) moment: Moment,
}

/// Declares the kinds, in the order in which they are visited at a second's end: each with its name in code, and with
/// the subjects that views judge.
macro_rules! kinds {
    ($(
        $kind:ident: $home:ty { $($(#[$meaning:meta])+ $subject:ident: $judged:ty,)+ }
    )+) => {
        /// What a view judges.
        #[derive(Debug, Clone, Copy)]
        pub enum Subject<'a> {
            $($($(#[$meaning])+ $subject(&'a <$judged as Judged>::State),)+)+
        }

        /// The state that was judged.
        #[derive(Debug, Clone)]
        pub enum SubjectState {
            $($($(#[$meaning])+ $subject(Box<<$judged as Judged>::State>),)+)+
        }

        impl SubjectState {
            /// Copies what is judged.
            pub fn of(subject: &Subject<'_>) -> Self {
                match subject {
                    $($(Subject::$subject(state) => Self::$subject(Box::new(**state)),)+)+
                }
            }

            /// Which one it is, and its state without zeros.
            fn packed(&self) -> (Sort, Vec<u8>) {
                match self {
                    $($(Self::$subject(state) => {
                        (Sort::$subject, $crate::context::table::pack(std::slice::from_ref(&**state)))
                    })+)+
                }
            }

            /// One of what [`Self::packed`] gave.
            fn unpacked(sort: Sort, packed: &[u8]) -> Option<Self> {
                match sort {
                    $($(Sort::$subject => {
                        let mut states = $crate::context::table::unpack(packed, 1)?;
                        Some(Self::$subject(Box::new(states.pop()?)))
                    })+)+
                }
            }

            /// Bytes of each one's state.
            pub(crate) fn sizes() -> impl Iterator<Item = usize> {
                [$($(size_of::<<$judged as Judged>::State>()),+),+].into_iter()
            }

            /// What is judged.
            pub fn borrowed(&self) -> Subject<'_> {
                match self {
                    $($(Self::$subject(state) => Subject::$subject(state),)+)+
                }
            }
        }

        /// A subject without its state.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub(crate) enum Sort {
            $($($(#[$meaning])+ $subject,)+)+
        }

        impl Sort {
            /// Every one, in the order of their numbers.
            pub(crate) const ALL: &[Self] = &[$($(Self::$subject),+),+];
        }

        $($(
            impl $crate::context::subject::OneOf for $judged {
                const SORT: Sort = Sort::$subject;

                fn state<'a>(subject: &Subject<'a>) -> Option<&'a <$judged as Judged>::State> {
                    match subject {
                        Subject::$subject(state) => Some(*state),
                        _ => None,
                    }
                }
            }
        )+)+

        impl Subject<'_> {
            /// Which one it is.
            pub(crate) fn sort(&self) -> Sort {
                match self {
                    $($(Self::$subject(_) => Sort::$subject,)+)+
                }
            }

            /// Who is behind what it does, or whom it is done to.
            pub fn principal(&self) -> HostKey {
                match self {
                    $($(Self::$subject(state) => <$judged as Judged>::principal(state),)+)+
                }
            }

            /// Who did what to whom.
            pub fn parties(&self) -> Parties {
                match self {
                    $($(Self::$subject(state) => <$judged as Judged>::parties(state),)+)+
                }
            }

            /// To whom it does what it does, by which deviations of one second are capped; `NOBODY` where that is nobody.
            pub fn cap_target(&self) -> HostKey {
                match self {
                    $($(Self::$subject(state) => <$judged as Judged>::cap_target(state),)+)+
                }
            }

            /// Packets and bytes of the second that is judged.
            pub fn volume(&self) -> (u64, u64) {
                match self {
                    $($(Self::$subject(state) => <$judged as Judged>::volume(state),)+)+
                }
            }

            /// The host whose packets these are, where they are all of its packets in a role.
            pub fn host(&self) -> Option<HostKey> {
                match self {
                    $($(Self::$subject(state) => <$judged as Judged>::host(state),)+)+
                }
            }

            /// Whether what is known of its source holds for what it did: packets that nobody answered may as well be another's,
            /// unless they came from a MAC address of its own, as those from the same network do.
            pub fn shows_its_source(&self) -> bool {
                match self {
                    $($(Self::$subject(state) => <$judged as Judged>::shows_its_source(state),)+)+
                }
            }

            /// Whether it is a client that is not served, and asks for no more than is usual and for nothing that is new to it:
            /// what a flood does to those who use its target.
            pub fn is_unserved(&self) -> bool {
                match self {
                    $($(Self::$subject(state) => <$judged as Judged>::is_unserved(state),)+)+
                }
            }

            /// Whether it is a host over which comes what no single source sends most of.
            pub fn is_target_of_many(&self) -> bool {
                match self {
                    $($(Self::$subject(state) => <$judged as Judged>::is_target_of_many(state),)+)+
                }
            }

            /// Whether it may do what it does because of others, and so is taken into account after them.
            pub fn may_follow_others(&self) -> bool {
                match self {
                    $($(Self::$subject(state) => <$judged as Judged>::may_follow_others(state),)+)+
                }
            }

            /// Its name in reasons.
            pub fn name(&self) -> String {
                match self {
                    $($(Self::$subject(state) => <$judged as Judged>::name(state),)+)+
                }
            }

            /// The other side in reasons, with the word before it; empty where there is none.
            pub fn other_side(&self) -> String {
                match self {
                    $($(Self::$subject(state) => <$judged as Judged>::other_side(state),)+)+
                }
            }

            /// What tells a deviation's subject from others of its kind, by who did what to whom.
            pub(crate) fn identity(&self, parties: &Parties) -> Identity {
                match self {
                    $($(Self::$subject(_) => <$judged as Judged>::identity(parties),)+)+
                }
            }
        }

        /// What the context itself has of each kind.
        #[derive(Debug)]
        struct Kinds {
            $($kind: $home,)+
        }

        impl Kinds {
            fn new(sizes: &Sizes) -> std::io::Result<Self> {
                Ok(Self { $($kind: SubjectKind::new(sizes)?,)+ })
            }

            fn each_table<'a>(&'a self, each: EachTable<'_, 'a>) {
                $(self.$kind.each_table(each);)+
            }

            fn passed_over(&self) -> u64 {
                [$(self.$kind.passed_over()),+].iter().sum()
            }

            /// Takes a packet into account, whatever its addresses; the anomaly level that it inherits where it has no IP.
            #[inline]
            fn observe(&mut self, record: &PacketRecord, hash_key: &HashKey, moment: Moment) -> f32 {
                [$(self.$kind.observe(record, hash_key, moment)),+].into_iter().fold(0.0, f32::max)
            }

            fn visit(&mut self, end: &mut End<'_>, visit: &mut impl FnMut(Subject<'_>) -> Verdict) {
                $(self.$kind.visit(end, visit);)+
            }
        }

        /// What a partition has of each kind.
        #[derive(Debug)]
        struct KindParts {
            $($kind: <$home as SubjectKind>::Part,)+
        }

        impl KindParts {
            fn new(sizes: &Sizes) -> std::io::Result<Self> {
                Ok(Self { $($kind: KindPart::new(sizes)?,)+ })
            }

            fn each_table<'a>(&'a self, each: EachTable<'_, 'a>) {
                $(self.$kind.each_table(each);)+
            }

            fn passed_over(&self) -> u64 {
                [$(self.$kind.passed_over()),+].iter().sum()
            }

            #[inline]
            fn observe(&mut self, packet: &PairPacket<'_>) {
                $(self.$kind.observe(packet);)+
            }
        }
    };
}

pub(super) use kinds;
