//! What is seen of MAC addresses: ARP (RFC 826), neighbour discovery (RFC 4861), and other frames without IP.
//!
//! There are few such packets and none of them belongs to a pair of addresses, so all are in one place.

mod state;

use std::io;

use nad_common::record::{AddressKind, Addresses, PacketRecord};

use super::{
    EachTable, HOST_IDLE_NS, Sizes, Subject, TableId,
    active::{Active, SubjectTable},
    contacts::Contacts,
    hash::HashKey,
    host_key::HostKey,
    kinds::{End, SubjectKind},
    link::{Binding, LinkState},
    partition::{Moment, Partition, Solicitation},
    subject::{Identity, Judged, Parties, Verdict},
    table::{Group, Hashed, Slot, Table},
    weight::Weight,
};

pub(super) use state::LinksState;

/// Questions of a second that wait for its end; more count as asked for the asker's own sake.
const MOST_WAITING: usize = 65_536;

/// See the module.
#[derive(Debug)]
pub(super) struct Links {
    links: SubjectTable<LinkState>,
    bindings: Table<Binding>,
    /// Whether a question was asked because of another host is known at the second's end.
    waiting: Vec<Question>,
}

/// A MAC address asks for that of an IP address.
#[derive(Debug, Clone, Copy)]
struct Question {
    by: [u8; 6],
    asked: Hashed<HostKey>,
    /// Questions besides the record's own.
    more: u32,
    time_ns: u64,
}

impl SubjectKind for Links {
    type Part = ();

    fn new(sizes: &Sizes) -> io::Result<Self> {
        Ok(Self {
            links: SubjectTable::of(sizes.links, Active::of_network())?,
            bindings: Table::new(sizes.links, HOST_IDLE_NS)?,
            waiting: Vec::new(),
        })
    }

    fn each_table<'a>(&'a self, each: EachTable<'_, 'a>) {
        each(TableId::Links, &self.links.table);
        each(TableId::Bindings, &self.bindings);
    }

    fn passed_over(&self) -> u64 {
        self.links.active.passed_over
    }

    /// Only packets without IP count.
    #[inline]
    fn observe(&mut self, record: &PacketRecord, hash_key: &HashKey, moment: Moment) -> f32 {
        if record.address_kind() == AddressKind::Link { self.take(record, hash_key, moment) } else { 0.0 }
    }

    fn visit(&mut self, end: &mut End<'_>, visit: &mut impl FnMut(Subject<'_>) -> Verdict) {
        self.settle(end.partitions, &end.network.hash_key, end.tick);
        self.links.active.choose();
        self.links.visit(|stored, _| {
            let mut link = *stored;
            link.fade(end.ns);
            stored.anomaly_level = visit(Subject::Link(&link)).anomaly_level;
        });
    }
}

impl Links {
    /// Takes a packet without IP into account; how far out its sender was at the last tick.
    fn take(&mut self, record: &PacketRecord, hash_key: &HashKey, moment: Moment) -> f32 {
        const REQUEST: u8 = 1;
        const REPLY: u8 = 2;
        let Addresses::Link { source, sender_ip, target_ip, sender_mac, .. } = record.addresses() else {
            return 0.0;
        };
        let now_ns = moment.ns;
        let claims = record.is_arp() && sender_ip != [0; 4];
        let key = HostKey::mac(if record.is_arp() { sender_mac } else { source });
        let Some(slot) = self.enter(key, hash_key, now_ns) else { return 0.0 };
        self.links.table.get_mut(slot).update(record, now_ns);
        let more = Weight::of(record).source();
        if record.is_arp() && record.message_type == REQUEST && sender_ip != target_ip {
            let asked = HostKey::v4(target_ip).hashed(hash_key);
            let question = Question { by: sender_mac, asked, more: more.packets, time_ns: now_ns };
            if self.waiting.len() < MOST_WAITING {
                self.waiting.push(question);
            } else {
                self.ask(&question, hash_key);
            }
            if let Some(binding) = self.enter_binding(&asked, key, hash_key, now_ns) {
                self.bindings.get_mut(binding).ask(now_ns);
            }
        }
        if claims {
            let ip = HostKey::v4(sender_ip);
            if let Some(binding) = self.enter_binding(&ip.hashed(hash_key), key, hash_key, now_ns) {
                let is_reply = record.message_type == REPLY || sender_ip == target_ip;
                let claim = self.bindings.get_mut(binding).claim(key, is_reply, now_ns);
                self.links.table.get_mut(slot).claim(ip, HostKey::v4(target_ip), claim);
            }
        }
        self.count(slot, record, moment.tick);
        self.links.table.get(slot).anomaly_level
    }

    /// Takes the second's questions into account, by ARP and as solicitations, but for those that others were the cause of.
    fn settle(&mut self, partitions: &mut [Partition], hash_key: &HashKey, tick: u64) {
        for partition in &mut *partitions {
            for Solicitation { record, time_ns } in partition.pending.solicitations.take() {
                let Some(slot) = self.enter(HostKey::mac(record.source_mac), hash_key, time_ns) else {
                    continue;
                };
                self.links.table.get_mut(slot).update(&record, time_ns);
                let (by, more) = (record.source_mac, Weight::of(&record).source().packets);
                // It goes to a group made of the address's end.
                let asked = HostKey::of(&record).1.hashed(hash_key);
                self.waiting.push(Question { by, asked, more, time_ns });
                self.count(slot, &record, tick);
            }
        }
        for question in std::mem::take(&mut self.waiting) {
            let Question { by, asked, time_ns, .. } = question;
            let is_cause = |contacts: &Contacts| contacts.is_cause(asked.key, by, hash_key, time_ns);
            if !partitions.iter().any(|partition| is_cause(&partition.contacts)) {
                self.ask(&question, hash_key);
            }
        }
    }

    /// The IP address that a MAC address used first, where it is known.
    pub(super) fn ip_of(&self, mac: &Hashed<HostKey>) -> Option<HostKey> {
        let slot = self.links.table.find(mac)?;
        Some(self.links.table.get(slot).own_ip).filter(|ip| *ip != HostKey::NOBODY)
    }

    fn ask(&mut self, question: &Question, hash_key: &HashKey) {
        let by = HostKey::mac(question.by).hashed(hash_key);
        if let Some(slot) = self.links.table.find(&by) {
            self.links.table.get_mut(slot).ask(question.asked.hash, question.more, question.time_ns);
        }
    }

    fn count(&mut self, slot: Slot, record: &PacketRecord, tick: u64) {
        let more = Weight::of(record).source();
        let SubjectTable { table, active, .. } = &mut self.links;
        let turn = table.get_mut(slot).sent.count(tick as u32, record.length, more);
        active.add(turn, slot, || table.hash(slot));
    }

    fn enter(&mut self, key: HostKey, hash_key: &HashKey, now_ns: u64) -> Option<Slot> {
        let group = || Group::of(hash_key, key, [0; 6]);
        self.links.table.enter(&key.hashed(hash_key), group, now_ns).slot()
    }

    fn enter_binding(
        &mut self,
        ip: &Hashed<HostKey>,
        mac: HostKey,
        hash_key: &HashKey,
        now_ns: u64,
    ) -> Option<Slot> {
        let group = || Group::of(hash_key, ip.key, mac.to_mac().unwrap_or_default());
        self.bindings.enter(ip, group, now_ns).slot()
    }
}

/// A MAC address.
#[derive(Debug)]
pub enum Link {}

impl Judged for Link {
    type State = LinkState;

    fn principal(link: &LinkState) -> HostKey {
        named(link.own_ip).unwrap_or(link.key)
    }

    fn parties(link: &LinkState) -> Parties {
        Parties {
            source: Some(Self::principal(link)),
            alias: named(link.own_ip).map(|_| link.key),
            target: named(link.claimed),
            other_targets: named(link.claimed_to).into_iter().collect(),
            ..Parties::default()
        }
    }

    fn cap_target(link: &LinkState) -> HostKey {
        link.claimed
    }

    fn volume(link: &LinkState) -> (u64, u64) {
        (link.sent.packets.into(), link.sent.bytes)
    }

    fn identity(parties: &Parties) -> Identity {
        (parties.source, None, None)
    }

    fn name(link: &LinkState) -> String {
        match named(link.own_ip) {
            None => link.key.to_string(),
            Some(ip) => format!("{ip} ({})", link.key),
        }
    }

    fn other_side(link: &LinkState) -> String {
        let Some(claimed) = named(link.claimed) else { return String::new() };
        match named(link.claimed_to).filter(|to| *to != claimed) {
            None => format!(", last {claimed}"),
            Some(to) => format!(", last {claimed} towards {to}"),
        }
    }

    /// A router asks for addresses because of a sweep.
    fn may_follow_others(_: &LinkState) -> bool {
        true
    }
}

fn named(key: HostKey) -> Option<HostKey> {
    Some(key).filter(|key| *key != HostKey::NOBODY)
}
