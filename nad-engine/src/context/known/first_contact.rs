//! First contacts: a client and a service that never had to do with each other, and how often there is one of its kind here.
//!
//! Each is held against the rate of such contacts on this network. What is expected before anything was watched is a guess
//! that counts as much as two contacts; what is watched replaces it, so that rates are learnt in both directions.

use std::collections::VecDeque;

use super::{KnownKey, KnownServices, Novelty, ServiceKey, nanoseconds};
use crate::context::{host_key::HostKey, partition::Addressed, table::Group};

/// What a guess weighs, in contacts.
const GUESS: f32 = 2.0;
/// Contacts within so many seconds are of one cause: their rarity is that of all of them together.
const TOGETHER_S: f32 = 600.0;
const HOUR_S: f32 = 3600.0;
/// Contacts that come up more often than once in so many hours make others no rarer.
const FREQUENT_H: f32 = 6.0;
/// By how much one more host of the same network makes a client's contacts rarer, where it turns to one after the other at
/// services that it did not use, and how rare such a contact has to be: an exploit that spreads.
const SPREAD: f32 = 1.25;
/// See [`SPREAD`].
const SPREADING_H: f32 = 0.25;
/// Hours between two requests of one's own network that name a new server outside by its address, where nothing was watched:
/// people and programs use names, and what is hidden from those who watch names does not.
const BY_ADDRESS_H: f32 = 24.0;
/// The highest number of hours that is told apart.
const MOST_HOURS: f32 = 1e6;
/// A host that was watched for so long without turning to others has none to turn to.
const WATCHED_S: u32 = 3600;
/// Contacts that are remembered to see who calls back.
pub(super) const MOST_RECENT: usize = 4096;

const TCP: u8 = 6;

/// Ports of services that programs of any desk turn to: remote shells, names, time, web, mail, chat, calls, printing, file
/// sharing, message queues and tunnels.
const COMMON_PORTS: [u16; 31] = [
    22, 53, 80, 110, 123, 143, 443, 445, 465, 500, 554, 587, 631, 853, 993, 995, 1194, 1883, 1900, 3389,
    3478, 4500, 5060, 5222, 5223, 5228, 5353, 8080, 8443, 8883, 51820,
];

/// Those of them by which one controls another machine: ordinary towards servers outside, and between hosts of one network
/// only where they are used.
const CONTROL_PORTS: [u16; 3] = [22, 445, 3389];

/// Between whom a contact is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    /// Two hosts of one's own network.
    Inside,
    /// Somebody outside is asked.
    Outbound,
    /// Somebody outside asks.
    Inbound,
}

/// Who makes a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// It has done so before, or may have.
    Client,
    /// It was watched for long and only ever answered on that side of the network.
    Server,
    /// Nothing is known of it.
    Unknown,
}

/// What a first contact looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ContactKind {
    novelty: Novelty,
    direction: Direction,
    role: Role,
    is_tcp: bool,
    is_common_port: bool,
    calls_back: bool,
    /// Whether the server was asked by its address instead of a name.
    by_address: bool,
}

impl ContactKind {
    /// Its place among those of all kinds.
    fn code(self) -> u16 {
        let bits = [self.by_address, self.is_tcp, self.is_common_port, self.calls_back];
        let flags = bits.iter().fold(0, |code, bit| code << 1 | u16::from(*bit));
        (self.novelty as u16) << 8 | (self.direction as u16) << 6 | (self.role as u16) << 4 | flags
    }

    /// Whether an intruder makes it who goes from host to host of a network.
    fn is_of_intruders(self) -> bool {
        self.direction == Direction::Inside && self.is_tcp && !self.is_common_port
    }

    /// Hours between two of its kind, as far as anybody knows without having watched.
    fn guess_h(self) -> f32 {
        use Novelty::{Exposed, Known, NewClient, NewEverything, NewPort, NewServer};
        let role = match self.role {
            Role::Client => 1.0,
            Role::Server => 8.0,
            Role::Unknown => 0.3,
        };
        if self.by_address {
            return BY_ADDRESS_H * role;
        }
        let usual = match (self.direction, self.novelty) {
            (_, Known) => 0.0,
            (Direction::Inside, NewClient) => 0.1,
            (Direction::Inside, NewServer) => 0.3,
            (Direction::Inside, NewPort | NewEverything | Exposed) => 4.0,
            (Direction::Outbound, NewClient | NewServer) => 0.02,
            (Direction::Outbound, NewPort | NewEverything | Exposed) => 3.0,
            (Direction::Inbound, NewClient) => 0.02,
            (Direction::Inbound, Exposed | NewPort | NewServer | NewEverything) => 24.0,
        };
        let port = if self.is_common_port { 0.1 } else { 1.0 };
        let protocol = if self.is_tcp { 1.0 } else { 0.1 };
        let call = match (self.calls_back, self.is_tcp) {
            (false, _) => 1.0,
            (true, true) => 30.0,
            (true, false) => 3.0,
        };
        usual * port * protocol * call * role
    }
}

/// Contacts of the last minutes.
#[derive(Debug, Default)]
pub(super) struct RecentContacts(pub(super) VecDeque<(u32, HostKey, HostKey)>);

impl RecentContacts {
    fn add(&mut self, client: HostKey, server: HostKey, now_s: u32) {
        let is_over = |then_s: u32| now_s.saturating_sub(then_s) as f32 > TOGETHER_S;
        while self.0.len() >= MOST_RECENT || self.0.front().is_some_and(|(then_s, ..)| is_over(*then_s)) {
            self.0.pop_front();
        }
        self.0.push_back((now_s, client, server));
    }

    fn has(&self, client: HostKey, server: HostKey, now_s: u32) -> bool {
        self.0
            .iter()
            .rev()
            .take_while(|(then_s, ..)| now_s.saturating_sub(*then_s) as f32 <= TOGETHER_S)
            .any(|(_, a, b)| (*a, *b) == (client, server))
    }
}

/// A first contact.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::context) struct FirstContact {
    /// Hours between two of its kind on this network; 0 for another one of a kind that the client had just now.
    pub hours: f32,
    /// Hours between two occasions of all that the client had within minutes, each of another kind or with another host.
    pub hours_together: f32,
    /// Whether it is one of a rare kind with one more host of the client's network.
    pub spreads: bool,
    /// Whether the server has just turned to the client for the first time.
    pub calls_back: bool,
}

impl KnownServices {
    /// A client and a service that never had to do with each other have both taken part in an exchange: how rare that is.
    pub(in crate::context) fn contact(
        &mut self,
        client: HostKey,
        mac: [u8; 6],
        service: &ServiceKey,
        novelty: Novelty,
        now_ns: u64,
    ) -> FirstContact {
        let now_s = self.now_s(now_ns);
        let kind = self.kind_of(client, service, novelty, now_s);
        self.contact_of(kind, client, mac, service, now_s)
    }

    /// A client asks a server outside that it did not know by its address: how rare that is.
    pub(in crate::context) fn addressed(&mut self, addressed: &Addressed) -> FirstContact {
        let Addressed { client, mac, service, novelty, time_ns } = *addressed;
        let now_s = self.now_s(time_ns);
        let kind = ContactKind { by_address: true, ..self.kind_of(client, &service, novelty, now_s) };
        self.contact_of(kind, client, mac, &service, now_s)
    }

    fn contact_of(
        &mut self,
        kind: ContactKind,
        client: HostKey,
        mac: [u8; 6],
        service: &ServiceKey,
        now_s: u32,
    ) -> FirstContact {
        let calls_back = kind.calls_back;
        if !self.is_first_of_hour(client, kind, mac, now_s) {
            // More of them are of the same cause.
            let spreads = kind.is_of_intruders()
                && !self.recent.has(client, service.server, now_s)
                && self.hours_between(kind, now_s) >= SPREADING_H;
            self.recent.add(client, service.server, now_s);
            return FirstContact { hours: 0.0, hours_together: 0.0, spreads, calls_back };
        }
        self.recent.add(client, service.server, now_s);
        let hours = self.hours_between(kind, now_s);
        let contact = FirstContact { hours, hours_together: hours, spreads: false, calls_back };
        // In the beginning everything is new.
        if now_s >= self.epoch_s {
            let hash_key = self.hash_key;
            let group = || Group::of(&hash_key, client, mac);
            let wanted = KnownKey::contacts(kind.code()).hashed(&hash_key);
            if let Some(slot) = self.table.enter(&wanted, group, nanoseconds(now_s)).slot() {
                let entry = self.table.get_mut(slot);
                entry.first_s = if entry.last_s == 0 { now_s } else { entry.first_s };
                entry.last_s = now_s;
                entry.settled[0] += 1.0;
            }
        }
        contact
    }

    fn kind_of(&self, client: HostKey, service: &ServiceKey, novelty: Novelty, now_s: u32) -> ContactKind {
        let direction = match (client.is_global(), service.server.is_global()) {
            (true, false) => Direction::Inbound,
            (false, false) => Direction::Inside,
            (_, true) => Direction::Outbound,
        };
        let entry =
            |key: KnownKey| self.table.find(&key.hashed(&self.hash_key)).map(|slot| *self.table.get(slot));
        let was_client = entry(KnownKey::client(client, direction == Direction::Outbound)).is_some();
        let role = match entry(KnownKey::host(client)) {
            _ if was_client || direction == Direction::Inbound => Role::Client,
            Some(host) if now_s.saturating_sub(host.first_s) >= WATCHED_S => Role::Server,
            Some(_) => Role::Client,
            None => Role::Unknown,
        };
        ContactKind {
            novelty,
            direction,
            role,
            is_tcp: service.protocol == TCP,
            is_common_port: is_common(service.port, direction),
            calls_back: self.recent.has(service.server, client, now_s),
            by_address: false,
        }
    }

    fn hours_between(&self, kind: ContactKind, now_s: u32) -> f32 {
        let found = self.table.find(&KnownKey::contacts(kind.code()).hashed(&self.hash_key));
        let contacts = found.map_or(0.0, |slot| self.table.get(slot).settled[0]);
        ((now_s as f32 / HOUR_S + GUESS * kind.guess_h()) / (contacts + GUESS)).min(MOST_HOURS)
    }

    /// A host counts once an hour: one that looks around makes nothing ordinary.
    fn is_first_of_hour(&mut self, client: HostKey, kind: ContactKind, mac: [u8; 6], now_s: u32) -> bool {
        let hash_key = self.hash_key;
        let group = || Group::of(&hash_key, client, mac);
        let wanted = KnownKey::contacts_of(client, kind.code()).hashed(&hash_key);
        let Some(slot) = self.table.enter(&wanted, group, nanoseconds(now_s)).slot() else { return false };
        let entry = self.table.get_mut(slot);
        let is_first = entry.last_s == 0 || now_s.saturating_sub(entry.last_s) as f32 >= HOUR_S;
        if is_first {
            entry.first_s = if entry.last_s == 0 { now_s } else { entry.first_s };
            entry.last_s = now_s;
        }
        is_first
    }
}

/// Whether a port says nothing.
fn is_common(port: u16, direction: Direction) -> bool {
    match direction {
        Direction::Inside => COMMON_PORTS.contains(&port) && !CONTROL_PORTS.contains(&port) || port == 0,
        Direction::Outbound => COMMON_PORTS.contains(&port) || port == 0,
        Direction::Inbound => false,
    }
}

impl FirstContact {
    /// Joins it with the client's other contacts of the last minutes: how rare those are together, in hours, and how long ago the last
    /// one was. Each of another kind that is rare itself makes all of them rarer, and so does each with one more host.
    pub(in crate::context) fn join(&mut self, others_hours: &mut f32, apart_ns: u64) {
        let before =
            if apart_ns as f32 * 1e-9 <= TOGETHER_S { others_hours.max(FREQUENT_H) } else { FREQUENT_H };
        let times = if self.spreads { SPREAD } else { (self.hours / FREQUENT_H).max(1.0) };
        *others_hours = (before * times).min(MOST_HOURS);
        if self.hours > FREQUENT_H || self.spreads {
            self.hours_together = *others_hours;
        }
    }
}

#[cfg(test)]
mod tests;
