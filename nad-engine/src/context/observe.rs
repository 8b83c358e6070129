//! What a packet changes.

use nad_common::record::{Addresses, PacketRecord};

use super::{
    Context, OF_HOSTS, PROTOCOL_TCP, SETTLING_NS,
    active::Active,
    ahead::Keys,
    flow::{self, FlowKey, FlowStep},
    host::{HostState, MacProof},
    host_key::HostKey,
    known::{Novelty, ServiceKey},
    questions,
    subject::{Seen, nobody},
    table::{Admission, Entry, Group, Hashed, Slot, Table},
    weight::Weight,
};

/// One end of a packet: the states that it counts with.
#[derive(Debug, Clone, Copy)]
struct End {
    key: HostKey,
    slot: Option<Slot>,
    /// Of those without a state of their own, or beside it where there is not room for all.
    group: Option<Slot>,
}

impl Context {
    /// Takes an IP packet into account.
    pub(super) fn observe_ip(&mut self, record: &PacketRecord, keys: Keys, now_ns: u64) -> Seen<'_> {
        let is_error = flow::is_unreachable(record);
        let own_slot = self.enter_host(&keys.source, record, now_ns);
        let is_foreign =
            own_slot.slot().is_some_and(|slot| self.hosts.get(slot).macs.is_foreign(record.source_mac));
        let (flow_slot, mut step, is_real) = self.follow_flow(record, keys.flow, is_foreign, now_ns);
        let (asker, asked) = (keys.source.key, keys.destination.key);
        if !is_foreign && questions::asks_many(record, asked) {
            self.questions.note(record, asker, &self.hash_key, now_ns);
        } else if (step.is_stray || step.opened)
            && self.questions.is_answer(record, asked, &self.hash_key, now_ns)
        {
            (step.opened, step.is_stray) = (false, false);
        }
        if step.is_stray && self.vantage.lost_a_side() {
            // Its answers are not seen any more; who has shown before that it is there may go on.
            let is_verified = own_slot.slot().is_some_and(|slot| self.hosts.get(slot).is_real());
            step.is_stray = !is_verified || is_foreign;
        }
        if flow::is_discovery(record) {
            (step.opened, step.is_stray) = (false, false);
        }
        if flow::is_solicitation(record) {
            self.observe_solicitation(record, &keys.destination, now_ns);
        } else if step.opened {
            self.contacts.note(asked, record.source_mac, &self.hash_key, now_ns);
        }
        if is_error {
            // About somebody else's flow; as a flow of its own it opens nothing.
            (step.opened, step.is_stray) = (false, false);
        }
        if let Some(slot) = own_slot.slot() {
            let proof = MacProof::of(record, &step, is_real);
            self.hosts.get_mut(slot).macs.learn(record.source_mac, proof, now_ns);
        }
        let target_admission = self.enter_host(&keys.destination, record, now_ns);
        let mut source = self.end_of_source(keys.source.key, own_slot, is_foreign, record, now_ns);
        let target = self.end_of_target(keys.destination.key, target_admission, now_ns);
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
        let novelty = step.opened.then(|| self.known.novelty(client.key, &service, now_ns));
        // A group never answers; whoever asks it must have shown elsewhere that it is there.
        let is_real_of = |end: End| end.slot.is_some_and(|slot| self.hosts.get(slot).is_real());
        let asks_group = step.opened && server.key.is_group() && !is_foreign && is_real_of(client);
        if (step.established || step.joined || asks_group) && !self.is_suspect(client.key, server.key) {
            let mac = client.slot.and_then(|slot| self.hosts.get(slot).macs.first()).unwrap_or_default();
            self.known.remember(client.key, mac, &service, now_ns);
        }

        self.change(source, |state| state.send(target.key, record, &step, is_real, now_ns));
        self.change(target, |state| {
            state.receive(source.key, record, &step, is_real, now_ns);
            if is_error {
                state.be_unreached();
            }
        });
        let is_work = !is_foreign
            && matches!(novelty, Some(novelty) if novelty.is_scan_like())
            && self.is_work(client.key, &service, now_ns);
        if let Some(novelty) = novelty {
            let (of_source, of_target) = Weight::of(record).more_flows();
            let hashes = [service.hash(&self.hash_key), service.server.hashed(&self.hash_key).hash];
            let of_reach = if is_work { Novelty::Known } else { novelty };
            self.change(client, |state| state.open(&service, hashes, of_reach, of_source, now_ns));
            self.change(server, |state| state.be_asked(client.key, &service, of_target, now_ns));
        }
        let pair_slot = if is_error || is_foreign || !step.has_roles {
            None
        } else {
            self.update_service_pair(record, client.key, service, &step, novelty, now_ns)
        };
        if is_work && let Some(slot) = pair_slot {
            self.service_pairs.get_mut(slot).set_work();
        }
        self.count_hosts([client, server], record, step.from_initiator);

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
        let pair = pair_slot.map_or(&nobody.service_pair, |slot| self.service_pairs.get(slot));
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

    /// What a packet does to its flow, and whether that is real. One in the name of an address that belongs to another
    /// MAC address changes nothing of a real flow.
    fn follow_flow(
        &mut self,
        record: &PacketRecord,
        key: FlowKey,
        is_foreign: bool,
        now_ns: u64,
    ) -> (Option<Slot>, FlowStep, bool) {
        let hash_key = self.hash_key;
        let group = || Group::of(&hash_key, HostKey::of(record).0, record.source_mac);
        let Some(slot) = self.flows.enter(&key.id, group, now_ns).slot() else {
            return (None, FlowStep::untracked(record), false);
        };
        let state = self.flows.get_mut(slot);
        if is_foreign && state.is_real() {
            return (Some(slot), FlowStep::NONE, true);
        }
        let mut step = state.update(record, key, now_ns, self.vantage.is_one_way());
        if state.is_midstream() && now_ns.saturating_sub(self.began_ns) < SETTLING_NS {
            step.is_stray = false;
        }
        let is_real = state.is_real();
        if step.one_sided {
            self.vantage.count_one(now_ns);
        } else if step.proven && is_real && record.protocol == PROTOCOL_TCP {
            self.vantage.count_both(now_ns);
        }
        (Some(slot), step, is_real)
    }

    fn end_of_source(
        &mut self,
        key: HostKey,
        admission: Admission,
        is_foreign: bool,
        record: &PacketRecord,
        now_ns: u64,
    ) -> End {
        let slot = admission.slot().filter(|_| !is_foreign);
        let group = if key.is_group() || !admission.is_overrun() && !is_foreign {
            None
        } else {
            let mac = HostKey::mac(record.source_mac);
            let name = if record.source_mac == [0; 6] { key.prefix() } else { mac };
            self.enter_group(name, now_ns)
        };
        End { key, slot, group }
    }

    fn end_of_target(&mut self, key: HostKey, admission: Admission, now_ns: u64) -> End {
        let is_left_out = matches!(admission, Admission::Refused) && !key.is_group();
        let group = if is_left_out { self.enter_group(key.prefix(), now_ns) } else { None };
        End { key, slot: admission.slot(), group }
    }

    fn enter_group(&mut self, name: HostKey, now_ns: u64) -> Option<Slot> {
        self.groups.enter(&name.hashed(&self.hash_key), Group::default, now_ns).slot()
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

    /// Whether it is a client's work to meet a server; another flow to one that it has turned to is no other meeting.
    fn is_work(&mut self, client: HostKey, service: &ServiceKey, now_ns: u64) -> bool {
        let pair = self.service_pairs.find(&service.service_pair(&self.hash_key, client));
        pair.is_some_and(|slot| self.service_pairs.get(slot).is_work())
            || self.known.is_work(client, service, now_ns)
    }

    fn is_suspect(&self, client: HostKey, server: HostKey) -> bool {
        !self.suspects.is_empty() && (self.suspects.contains(&client) || self.suspects.contains(&server))
    }

    fn enter_host(&mut self, wanted: &Hashed<HostKey>, record: &PacketRecord, now_ns: u64) -> Admission {
        if wanted.key.is_group() {
            return Admission::Refused;
        }
        let hash_key = self.hash_key;
        self.hosts.enter(wanted, || Group::of(&hash_key, wanted.key, record.source_mac), now_ns)
    }

    fn update_service_pair(
        &mut self,
        record: &PacketRecord,
        client: HostKey,
        service: ServiceKey,
        step: &FlowStep,
        novelty: Option<Novelty>,
        now_ns: u64,
    ) -> Option<Slot> {
        let wanted = service.service_pair(&self.hash_key, client);
        let hash_key = self.hash_key;
        let group = || Group::of(&hash_key, client, record.source_mac);
        let slot = self.service_pairs.enter(&wanted, group, now_ns).slot()?;
        let state = self.service_pairs.get_mut(slot);
        state.update(record, step, now_ns);
        if let Some(novelty) = novelty {
            state.set_novelty(novelty);
        }
        let turn = state.count(self.tick as u32, record);
        self.active.service_pairs.add(turn, slot, || wanted.hash);
        self.service_pairs.confirm(slot);
        Some(slot)
    }

    /// Counts a packet with the one who began its flow and the one who was asked.
    fn count_hosts(&mut self, [client, server]: [End; 2], record: &PacketRecord, from_client: bool) {
        let (tick, length) = (self.tick as u32, record.length);
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
        count(hosts, client.slot, true, &mut active.sources);
        count(hosts, server.slot, false, &mut active.targets);
        count(groups, client.group, true, &mut active.group_sources);
        count(groups, server.group, false, &mut active.group_targets);
    }

    /// Takes a packet without IP into account; how far out its sender was at the last tick.
    pub(super) fn observe_link(&mut self, record: &PacketRecord, now_ns: u64) -> f32 {
        const REQUEST: u8 = 1;
        const REPLY: u8 = 2;
        let Addresses::Link { source, sender_ip, target_ip, sender_mac, .. } = record.addresses() else {
            return 0.0;
        };
        let claims = record.is_arp() && sender_ip != [0; 4];
        let key = HostKey::mac(if record.is_arp() { sender_mac } else { source });
        let hash_key = self.hash_key;
        let wanted = key.hashed(&hash_key);
        let group = || Group::of(&hash_key, key, [0; 6]);
        let Some(slot) = self.links.enter(&wanted, group, now_ns).slot() else { return 0.0 };
        self.links.get_mut(slot).update(record, now_ns);
        let more = Weight::of(record).source();
        if record.is_arp() && record.message_type == REQUEST && sender_ip != target_ip {
            let asked = HostKey::v4(target_ip).hashed(&hash_key);
            if !self.contacts.is_cause(asked.key, sender_mac, &hash_key, now_ns) {
                self.links.get_mut(slot).ask(asked.hash, more.packets, now_ns);
            }
            if let Some(binding) = self.enter_binding(&asked, key, now_ns) {
                self.bindings.get_mut(binding).ask(now_ns);
            }
        }
        if claims {
            let ip = HostKey::v4(sender_ip);
            if let Some(binding) = self.enter_binding(&ip.hashed(&hash_key), key, now_ns) {
                let is_reply = record.message_type == REPLY || sender_ip == target_ip;
                let claim = self.bindings.get_mut(binding).claim(key, is_reply, now_ns);
                self.links.get_mut(slot).claim(ip, HostKey::v4(target_ip), claim);
            }
        }
        let turn = self.links.get_mut(slot).sent.count(self.tick as u32, record.length, more);
        self.active.links.add(turn, slot, || wanted.hash);
        self.links.get(slot).anomaly_level
    }

    /// Takes a question for the MAC address of an IPv6 address into account, like one by ARP: it goes to a group made of the
    /// address's end.
    fn observe_solicitation(&mut self, record: &PacketRecord, asked: &Hashed<HostKey>, now_ns: u64) {
        let key = HostKey::mac(record.source_mac);
        let wanted = key.hashed(&self.hash_key);
        let hash_key = self.hash_key;
        let group = || Group::of(&hash_key, key, [0; 6]);
        let Some(slot) = self.links.enter(&wanted, group, now_ns).slot() else { return };
        let more = Weight::of(record).source();
        let link = self.links.get_mut(slot);
        link.update(record, now_ns);
        if !self.contacts.is_cause(asked.key, record.source_mac, &hash_key, now_ns) {
            link.ask(asked.hash, more.packets, now_ns);
        }
        let turn = link.sent.count(self.tick as u32, record.length, more);
        self.active.links.add(turn, slot, || wanted.hash);
    }

    fn enter_binding(&mut self, ip: &Hashed<HostKey>, mac: HostKey, now_ns: u64) -> Option<Slot> {
        let hash_key = self.hash_key;
        let group = || Group::of(&hash_key, ip.key, mac.to_mac().unwrap_or_default());
        self.bindings.enter(ip, group, now_ns).slot()
    }
}
