//! Facts of a second that wait for its end, in the order of their times.

use super::{
    host::Exploration,
    known::{ExchangeKeys, Novelty},
    network::Network,
    partition::{Addressed, Exchange, MacShown, Meeting, Partition},
    vantage::Sides,
};

/// Facts for which the memory is asked together.
const TOGETHER: usize = 8;

/// Makes known what both sides took part in, and decides whether clients that met new servers did their work or scanned. In the
/// order of time: a client meets a server before the server answers.
pub(super) fn exchanges(partitions: &mut [Partition], network: &mut Network) {
    enum Fact {
        Meeting(usize, Meeting),
        Exchange(usize, Exchange),
    }
    let mut facts: Vec<(u64, Fact)> = Vec::new();
    for (index, partition) in partitions.iter_mut().enumerate() {
        let meetings = partition.pending.meetings.take().into_iter();
        facts.extend(meetings.map(|meeting| (meeting.time_ns, Fact::Meeting(index, meeting))));
        let exchanges = partition.pending.exchanges.take().into_iter();
        facts.extend(exchanges.map(|exchange| (exchange.time_ns, Fact::Exchange(index, exchange))));
    }
    // Of the same moment meetings first, as they come first in each partition.
    facts.sort_by_key(|(time_ns, fact)| (*time_ns, matches!(fact, Fact::Exchange(..))));
    for facts in facts.chunks(TOGETHER) {
        let keys_of = |(_, fact): &(u64, Fact)| match fact {
            Fact::Meeting(_, Meeting { client, service, .. })
            | Fact::Exchange(_, Exchange { client, service, .. }) => network.known.keys_of(*client, service),
        };
        let keys: Vec<ExchangeKeys> = facts.iter().map(keys_of).collect();
        network.known.ask_for(&keys);
        for ((_, fact), keys) in facts.iter().zip(&keys) {
            match fact {
                Fact::Meeting(index, meeting) => settle_meeting(&mut partitions[*index], network, meeting),
                Fact::Exchange(index, exchange) => {
                    settle_exchange(&mut partitions[*index], network, exchange, keys);
                }
            }
        }
    }
}

fn settle_exchange(
    partition: &mut Partition,
    network: &mut Network,
    exchange: &Exchange,
    keys: &ExchangeKeys,
) {
    let Some(contact) = network.remember(exchange, keys) else { return };
    let wanted = exchange.service.service_pair(&network.hash_key, exchange.client);
    let pairs = &mut partition.kinds.service_pairs.table;
    if let Some(slot) = pairs.find(&wanted) {
        pairs.get_mut(slot).set_contact(&contact);
    }
}

/// Notes how rare it is that clients ask servers outside by address.
pub(super) fn addressed(partitions: &mut [Partition], network: &mut Network) {
    let mut facts: Vec<(usize, Addressed)> = Vec::new();
    for (index, partition) in partitions.iter_mut().enumerate() {
        facts.extend(partition.pending.addressed.take().into_iter().map(|addressed| (index, addressed)));
    }
    // Of the same moment in the order of the partitions.
    facts.sort_by_key(|(_, addressed)| addressed.time_ns);
    for (index, addressed) in &facts {
        let contact = network.address(addressed);
        let wanted = addressed.service.service_pair(&network.hash_key, addressed.client);
        let pairs = &mut partitions[*index].kinds.service_pairs.table;
        if let Some(slot) = pairs.find(&wanted) {
            pairs.get_mut(slot).raise_contact(&contact);
        }
    }
}

fn settle_meeting(partition: &mut Partition, network: &mut Network, meeting: &Meeting) {
    let Meeting { client, service, novelty, more, time_ns } = *meeting;
    let hash_key = network.hash_key;
    let pair = partition.kinds.service_pairs.table.find(&service.service_pair(&hash_key, client));
    // Another flow to one that it has turned to is no other meeting.
    let is_work = pair.is_some_and(|slot| partition.kinds.service_pairs.table.get(slot).is_work())
        || network.known.is_work(client, &service, time_ns);
    if is_work && let Some(slot) = pair {
        partition.kinds.service_pairs.table.get_mut(slot).set_work();
    }
    if let Some(slot) = partition.hosts.find(&client.hashed(&hash_key)) {
        let novelty = if is_work { Novelty::Known } else { novelty };
        let new = Exploration::new(client, &service, novelty);
        partition.hosts.get_mut(slot).explore(service.hashes(&hash_key), new, more, time_ns);
    }
}

/// Where hosts' packets come from, in the order in which it was shown.
pub(super) fn macs(partitions: &mut [Partition], network: &mut Network) {
    let mut shown: Vec<MacShown> = Vec::new();
    partitions.iter_mut().for_each(|partition| shown.append(&mut partition.pending.macs.take()));
    shown.sort_by_key(|shown| shown.time_ns);
    for MacShown { host, mac, proof, time_ns } in shown {
        if let Some(slot) = network.enter(&host, mac, time_ns) {
            network.hosts.get_mut(slot).macs.learn(mac, proof, time_ns);
        }
    }
}

/// Whether both sides of connections are seen, by when each showed it.
pub(super) fn vantage(partitions: &mut [Partition], network: &mut Network) {
    let mut shown: Vec<(u64, Sides)> = Vec::new();
    partitions.iter_mut().for_each(|partition| shown.append(&mut partition.pending.sides.take()));
    // Of the same moment in the order of the partitions.
    shown.sort_by_key(|(time_ns, _)| *time_ns);
    for (time_ns, sides) in shown {
        network.vantage.count(sides, time_ns);
    }
}
