//! What a packet changes.

use nad_common::record::PacketRecord;

use super::{Addressed, Exchange, MacShown, Meeting, Partition, Solicitation};
use crate::{
    context::{
        OF_HOSTS, PROTOCOL_TCP, SETTLING_NS,
        active::Active,
        ahead::Keys,
        flow::{FlowKey, FlowStep},
        host::{Exploration, HostState, MacProof},
        host_key::HostKey,
        icmp,
        kinds::PairPacket,
        known::{Novelty, ServiceKey},
        network::Network,
        subject::{Seen, nobody},
        table::{Admission, Entry, Group, Hashed, Slot, Table},
        vantage::Sides,
        weight::Weight,
    },
    payload::HeadFacts,
};

/// One end of a packet: the states that it counts with.
#[derive(Debug, Clone, Copy)]
struct End {
    key: HostKey,
    slot: Option<Slot>,
    /// Of those without a state of their own, or beside it where there is not room for all.
    group: Option<Slot>,
}

/// When a packet came: sensor time, and the second that it is in.
#[derive(Debug, Clone, Copy)]
pub(in crate::context) struct Moment {
    pub(in crate::context) ns: u64,
    pub(in crate::context) tick: u64,
}

impl Partition {
    /// Takes an IP packet of one of its pairs into account.
    pub(in crate::context) fn observe(
        &mut self,
        network: &Network,
        record: &PacketRecord,
        keys: &Keys,
        facts: HeadFacts,
        moment: Moment,
    ) -> Seen<'_> {
        let now_ns = moment.ns;
        let is_error = icmp::is_icmp_error(record);
        let own_slot = self.enter_host(network, &keys.source, record, now_ns);
        let is_foreign =
            own_slot.slot().is_some_and(|slot| self.hosts.get(slot).macs.is_foreign(record.source_mac));
        let (flow_slot, mut step, is_real) = self.follow_flow(network, record, keys.flow, is_foreign, now_ns);
        let asked = keys.destination.key;
        if (step.is_stray || step.opened)
            && self.questions.is_answer(record, asked, &network.hash_key, now_ns)
        {
            (step.opened, step.is_stray) = (false, false);
        }
        // Who looks for what there is may have shown that it is there.
        let probes = step.probes && step.is_stray;
        if record.level() > 0 {
            self.sampled_ns = Some(now_ns);
        }
        let is_sampled = self.sampled_ns.is_some_and(|last_ns| now_ns.saturating_sub(last_ns) < SETTLING_NS);
        if step.is_stray && (is_sampled || network.vantage.lost_a_side()) {
            // What would make its flow real was left out under load, or is not seen any more; who has shown before that it
            // is there may go on.
            let is_verified = own_slot.slot().is_some_and(|slot| self.hosts.get(slot).is_real());
            step.is_stray = !is_verified || is_foreign;
        }
        // The network's own business.
        let is_management = icmp::is_discovery(record) || icmp::is_group_management(record);
        if is_management {
            (step.opened, step.is_stray) = (false, false);
        }
        if icmp::is_solicitation(record) {
            self.pending.solicitations.add(Solicitation { record: *record, time_ns: now_ns });
        } else if step.opened {
            self.contacts.note(asked, record.source_mac, &network.hash_key, now_ns);
        }
        if is_error {
            // About somebody else's flow; as a flow of its own it opens nothing.
            (step.opened, step.is_stray) = (false, false);
        }
        if let Some(slot) = own_slot.slot() {
            let proof = MacProof::of(record, &step, is_real);
            if self.hosts.get_mut(slot).macs.learn(record.source_mac, proof, now_ns) {
                let shown = MacShown { host: keys.source, mac: record.source_mac, proof, time_ns: now_ns };
                self.pending.macs.add(shown);
            }
        }
        let target_admission = self.enter_host(network, &keys.destination, record, now_ns);
        let mut source = self.end_of_source(network, keys.source.key, own_slot, is_foreign, record, now_ns);
        let target = self.end_of_target(network, keys.destination.key, target_admission, now_ns);
        if source.slot == target.slot && source.key != target.key {
            // Its place was the only one that was left for the target.
            source.slot = None;
        }

        let (client, server, port) = if step.from_initiator {
            (source, target, record.destination_port)
        } else {
            (target, source, record.source_port)
        };
        let service = ServiceKey { server: server.key, port, protocol: record.protocol };
        let novelty = step.opened.then(|| network.known.novelty(client.key, &service, now_ns));
        let probed = (probes && !is_management && !is_error)
            .then(|| network.known.novelty(client.key, &service, now_ns));
        // A group never answers; whoever asks it must have shown elsewhere that it is there.
        let is_real_of = |end: End| end.slot.is_some_and(|slot| self.hosts.get(slot).is_real());
        let asks_group = step.opened && server.key.is_group() && !is_foreign && is_real_of(client);
        let is_exchange = (step.established || step.joined) && !is_foreign || asks_group;
        if is_exchange && !network.is_suspect(client.key, server.key) {
            let mac = client.slot.and_then(|slot| self.hosts.get(slot).macs.first()).unwrap_or_default();
            let begins = step.established;
            let exchange = Exchange { client: client.key, mac, service, begins, time_ns: now_ns };
            self.pending.exchanges.add(exchange);
        }

        self.change(source, |state| state.send(target.key, record, &step, is_real, now_ns));
        self.change(target, |state| {
            state.receive(source.key, record, &step, is_real, now_ns);
            // Some stacks tell themselves that nobody takes their broadcasts.
            if icmp::is_unreachable(record) && source.key != target.key {
                state.be_unreached();
            }
        });
        if is_error && source.key != target.key {
            self.count_error(source, target, record, now_ns);
        }
        self.kinds.observe(&PairPacket {
            network,
            record,
            step: &step,
            client: client.key,
            service,
            pair_hash: keys.pair_hash(record, step.from_initiator),
            novelty,
            probed,
            is_own: !is_error && !is_management && !is_foreign && step.has_roles,
            facts,
            moment,
        });
        if let Some(novelty) = novelty {
            let (of_source, of_target) = Weight::of(record).more_flows();
            self.change(client, |state| state.open(&service, of_source, now_ns));
            let may_be_work = !is_foreign
                && client.slot.is_some()
                && novelty.is_scan_like()
                && network.known.is_worker(client.key, &service, now_ns);
            let meeting = Meeting { client: client.key, service, novelty, more: of_source, time_ns: now_ns };
            // Where there are too many, it is no work.
            if !(may_be_work && self.pending.meetings.add(meeting)) {
                let hashes = service.hashes(&network.hash_key);
                let new = Exploration::new(client.key, &service, novelty);
                self.change(client, |state| state.explore(hashes, new, of_source, now_ns));
            }
            self.change(server, |state| state.be_asked(client.key, &service, of_target, now_ns));
        }
        if let Some(novelty) = probed {
            let hashes = service.hashes(&network.hash_key);
            let new = Exploration::new(client.key, &service, novelty);
            self.change(client, |state| {
                state.probe(&service, now_ns);
                state.explore(hashes, new, 0, now_ns);
            });
        }
        self.count_hosts([client, server], record, step.from_initiator, moment.tick);

        if let Some(slot) = flow_slot {
            self.flows.confirm(slot);
        }
        for slot in [source.slot, target.slot].into_iter().flatten() {
            self.hosts.confirm(slot);
        }

        let nobody = nobody();
        let host = |end: End| match (end.slot, end.group) {
            (Some(slot), _) => self.hosts.get(slot),
            (None, Some(group)) => self.groups.get(group),
            (None, None) => &nobody.host,
        };
        let pairs = &self.kinds.service_pairs;
        let pair = pairs.at_hand.map_or(&nobody.service_pair, |slot| pairs.table.get(slot));
        if facts.by_address
            && step.from_initiator
            && service.server.is_global()
            && !client.key.is_global()
            && let Some(novelty) = pair.novelty_of_server()
            && !network.is_suspect(client.key, server.key)
        {
            let addressed =
                Addressed { client: client.key, mac: record.source_mac, service, novelty, time_ns: now_ns };
            self.pending.addressed.add(addressed);
        }
        // What a host does to many shows in packets outside of the service pairs that are usual for it.
        let is_apart = !is_real || step.opened || pair.novelty() > f32::from(Novelty::NewClient as u8);
        let of_hosts = host(client).source_level.max(host(server).target_level);
        Seen {
            flow: flow_slot.map_or(&nobody.flow, |slot| self.flows.get(slot)),
            step,
            source: host(source),
            target: host(target),
            service_pair: pair,
            inherited_level: if is_apart {
                pair.anomaly_level.max(OF_HOSTS * of_hosts)
            } else {
                pair.anomaly_level
            },
        }
    }

    /// Counts an ICMP error: it belongs to what its receiver sent, or is sent of its sender's own accord.
    fn count_error(&mut self, source: End, target: End, record: &PacketRecord, now_ns: u64) {
        let mut is_asked_for = false;
        self.change(target, |state| is_asked_for |= state.take_error(record));
        if !is_asked_for {
            self.change(source, |state| state.send_orphan(record));
            self.change(target, |state| state.receive_orphan(source.key, record, now_ns));
        }
    }

    /// What a packet does to its flow, and whether that is real. One in the name of an address that belongs to another
    /// MAC address changes nothing of a real flow.
    fn follow_flow(
        &mut self,
        network: &Network,
        record: &PacketRecord,
        key: FlowKey,
        is_foreign: bool,
        now_ns: u64,
    ) -> (Option<Slot>, FlowStep, bool) {
        let group = || Group::of(&network.hash_key, HostKey::of(record).0, record.source_mac);
        let Some(slot) = self.flows.enter(&key.id, group, now_ns).slot() else {
            return (None, FlowStep::untracked(record), false);
        };
        let state = self.flows.get_mut(slot);
        if is_foreign && state.is_real() {
            return (Some(slot), FlowStep::NONE, true);
        }
        let mut step = state.update(record, key, now_ns, network.vantage.trust());
        if state.is_midstream() && now_ns.saturating_sub(network.began_ns) < SETTLING_NS {
            step.is_stray = false;
        }
        let is_real = state.is_real();
        let is_both = step.proven && is_real && record.protocol == PROTOCOL_TCP;
        if step.one_sided {
            self.pending.sides.add((now_ns, Sides::One));
        } else if is_both {
            self.pending.sides.add((now_ns, Sides::Both));
        }
        // Where one is enough, as well as both.
        if step.of_one_mac {
            self.pending.sides.add((now_ns, Sides::OfOneMac));
        }
        (Some(slot), step, is_real)
    }

    fn end_of_source(
        &mut self,
        network: &Network,
        key: HostKey,
        admission: Admission,
        is_foreign: bool,
        record: &PacketRecord,
        now_ns: u64,
    ) -> End {
        let slot = admission.slot().filter(|_| !is_foreign);
        let group = if !admission.is_overrun() && !is_foreign || key.is_group() {
            None
        } else {
            let mac = HostKey::mac(record.source_mac);
            let name = if record.source_mac == [0; 6] { key.prefix() } else { mac };
            self.enter_group(network, name, now_ns)
        };
        End { key, slot, group }
    }

    fn end_of_target(&mut self, network: &Network, key: HostKey, admission: Admission, now_ns: u64) -> End {
        let is_left_out = matches!(admission, Admission::Refused) && !key.is_group();
        let group = if is_left_out { self.enter_group(network, key.prefix(), now_ns) } else { None };
        End { key, slot: admission.slot(), group }
    }

    fn enter_group(&mut self, network: &Network, name: HostKey, now_ns: u64) -> Option<Slot> {
        let wanted = name.hashed(&network.hash_key);
        let slot = self.groups.enter(&wanted, Group::default, now_ns).slot()?;
        inherit(self.groups.get_mut(slot), network, &wanted);
        Some(slot)
    }

    /// Changes every state that one end of a packet counts with.
    fn change(&mut self, end: End, mut change: impl FnMut(&mut HostState)) {
        if let Some(slot) = end.slot {
            change(self.hosts.get_mut(slot));
        }
        if let Some(group) = end.group {
            change(self.groups.get_mut(group));
        }
    }

    fn enter_host(
        &mut self,
        network: &Network,
        wanted: &Hashed<HostKey>,
        record: &PacketRecord,
        now_ns: u64,
    ) -> Admission {
        if wanted.key.is_group() {
            return Admission::Refused;
        }
        let group = || Group::of(&network.hash_key, wanted.key, record.source_mac);
        let admission = self.hosts.enter(wanted, group, now_ns);
        if let Some(slot) = admission.slot() {
            inherit(self.hosts.get_mut(slot), network, wanted);
        }
        admission
    }

    /// Counts a packet with the one who began its flow and the one who was asked.
    fn count_hosts(
        &mut self,
        [client, server]: [End; 2],
        record: &PacketRecord,
        from_client: bool,
        tick: u64,
    ) {
        let (tick, length) = (tick as u32, record.length);
        let (of_client, of_server) = Weight::of(record).of_ends(from_client);
        let (hosts, groups, active) = (&mut self.hosts, &mut self.groups, &mut self.active);
        let count = |table: &mut Table<HostState>, slot, is_client, active: &mut Active| {
            let Some(slot) = slot else { return };
            let state = table.get_mut(slot);
            let turn = if is_client {
                state.begun.count(tick, length, of_client)
            } else {
                state.asked.count(tick, length, of_server)
            };
            active.add(turn, slot, || table.hash(slot));
        };
        count(hosts, client.slot, true, &mut active.hosts.sources);
        count(hosts, server.slot, false, &mut active.hosts.targets);
        count(groups, client.group, true, &mut active.groups.sources);
        count(groups, server.group, false, &mut active.groups.targets);
    }
}

/// A host's share that begins here takes what is known of it from elsewhere.
#[inline]
fn inherit(state: &mut HostState, network: &Network, host: &Hashed<HostKey>) {
    if state.last_ns == 0
        && let Some(summary) = network.summary(host)
    {
        state.inherit(summary);
    }
}
