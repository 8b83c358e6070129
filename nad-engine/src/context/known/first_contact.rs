//! First contacts: a client and a service that never had to do with each other, and how often there is one of its kind here.
//!
//! Each is held against the rate of such contacts on this network. What is expected before anything was watched is a guess
//! that counts as much as two contacts; what is watched replaces it, so that rates are learnt in both directions.

use std::collections::VecDeque;

use super::{KnownKey, KnownServices, Novelty, ServiceKey, nanoseconds};
use crate::context::{host_key::HostKey, table::Group};

/// What a guess weighs, in contacts.
const GUESS: f32 = 2.0;
/// Contacts within so many seconds are of one cause: their rarity is that of all of them together.
const TOGETHER_S: f32 = 600.0;
const HOUR_S: f32 = 3600.0;
/// Contacts that come up more often than once in so many hours make others no rarer.
const FREQUENT_H: f32 = 6.0;
/// The highest number of hours that is told apart.
const MOST_HOURS: f32 = 1e6;
/// A host that was watched for so long without turning to others has none to turn to.
const WATCHED_S: u32 = 3600;
/// Contacts that are remembered to see who calls back.
const MOST_RECENT: usize = 4096;

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
}

impl ContactKind {
    /// Its place among those of all kinds.
    fn code(self) -> u16 {
        let bits = [self.is_tcp, self.is_common_port, self.calls_back];
        let flags = bits.iter().fold(0, |code, bit| code << 1 | u16::from(*bit));
        (self.novelty as u16) << 8 | (self.direction as u16) << 6 | (self.role as u16) << 4 | flags
    }

    /// Hours between two of its kind, as far as anybody knows without having watched.
    fn guess_h(self) -> f32 {
        use Novelty::{Exposed, Known, NewClient, NewEverything, NewPort, NewServer};
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
        let role = match self.role {
            Role::Client => 1.0,
            Role::Server => 8.0,
            Role::Unknown => 0.3,
        };
        usual * port * protocol * call * role
    }
}

/// Contacts of the last minutes.
#[derive(Debug, Default)]
pub(super) struct RecentContacts(VecDeque<(u32, HostKey, HostKey)>);

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
    /// Hours between two occasions of all that the client had within minutes, each of another kind.
    pub hours_together: f32,
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
        self.recent.add(client, service.server, now_s);
        if !self.is_first_of_hour(client, kind, mac, now_s) {
            // More of them are of the same cause.
            return FirstContact { hours: 0.0, hours_together: 0.0, calls_back: kind.calls_back };
        }
        let hours = self.hours_between(kind, now_s);
        let contact = FirstContact { hours, hours_together: hours, calls_back: kind.calls_back };
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
    /// one was. Each of another kind that is rare itself makes all of them rarer.
    pub(in crate::context) fn join(&mut self, others_hours: &mut f32, apart_ns: u64) {
        let before =
            if apart_ns as f32 * 1e-9 <= TOGETHER_S { others_hours.max(FREQUENT_H) } else { FREQUENT_H };
        *others_hours = (before * (self.hours / FREQUENT_H).max(1.0)).min(MOST_HOURS);
        if self.hours > FREQUENT_H {
            self.hours_together = *others_hours;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::hash::HashKey;

    const SECOND: u64 = 1_000_000_000;
    const HOUR: u64 = 3600 * SECOND;

    fn known() -> KnownServices {
        let mut known = KnownServices::new(KnownServices::table(1024).unwrap(), HashKey::from_seed(0), 60);
        known.begin(SECOND);
        known
    }

    fn inside(last: u8) -> HostKey {
        HostKey::v4([10, 0, 0, last])
    }

    fn outside(last: u8) -> HostKey {
        HostKey::v4([198, 51, 100, last])
    }

    fn tcp(server: HostKey, port: u16) -> ServiceKey {
        ServiceKey { server, port, protocol: TCP }
    }

    /// How rare a contact is.
    fn contact(known: &mut KnownServices, client: HostKey, service: ServiceKey, now_ns: u64) -> FirstContact {
        let novelty = known.novelty(client, &service, now_ns);
        let contact = known.contact(client, [0; 6], &service, novelty, now_ns);
        known.remember(client, [0; 6], &service, now_ns);
        contact
    }

    #[test]
    fn who_calls_back_at_a_port_of_its_own_is_rare_and_who_browses_is_not() {
        let mut known = known();
        let now = 300 * SECOND;
        assert!(contact(&mut known, inside(1), tcp(outside(1), 443), now).hours < 1.0);
        let exploit = contact(&mut known, inside(1), tcp(inside(2), 445), now);
        assert!(!exploit.calls_back && exploit.hours < 24.0, "{exploit:?}");
        let shell = contact(&mut known, inside(2), tcp(inside(1), 4444), now + 20 * SECOND);
        assert!(shell.calls_back && shell.hours > 72.0, "{shell:?}");
        let later = contact(&mut known, inside(2), tcp(inside(1), 4445), now + HOUR + SECOND);
        assert!(!later.calls_back, "that was long ago");
    }

    #[test]
    fn an_outsider_at_a_service_of_ones_own_is_rare_until_others_came_too() {
        let mut known = known();
        let service = tcp(inside(2), 22);
        let mut hours = Vec::new();
        for last in 1..40 {
            hours.push(contact(&mut known, outside(last), service, 300 * SECOND).hours);
        }
        assert!(hours[0] >= 24.0 && hours[38] < 2.0, "{hours:?}");
        assert!(hours.is_sorted_by(|a, b| a >= b));
    }

    #[test]
    fn a_host_counts_once_an_hour_and_its_next_contact_of_a_kind_is_nothing_new() {
        let mut known = known();
        contact(&mut known, inside(1), tcp(outside(1), 443), 300 * SECOND);
        let first = contact(&mut known, inside(1), tcp(inside(2), 9000), 300 * SECOND);
        let second = contact(&mut known, inside(1), tcp(inside(3), 9001), 301 * SECOND);
        assert!(first.hours > 1.0, "{first:?}");
        assert_eq!(second.hours, 0.0);
        assert!(contact(&mut known, inside(1), tcp(inside(4), 9002), 2 * HOUR).hours > 0.5);
    }

    #[test]
    fn what_was_watched_takes_the_place_of_the_guess() {
        let quiet = contact(&mut known(), inside(1), tcp(inside(2), 9000), 30 * 24 * HOUR).hours;
        assert!(quiet > 200.0, "a month without any: {quiet}");
        let mut busy = known();
        let mut last = 0.0;
        for hour in 1..100 {
            last =
                contact(&mut busy, inside(1), tcp(inside(2), 9000 + hour as u16), hour * HOUR + HOUR).hours;
        }
        assert!(last < 2.0, "one each hour: {last}");
    }

    #[test]
    fn a_server_that_turns_to_others_is_rarer_than_a_client_that_does() {
        let server_first = |watched: u64| {
            let mut known = known();
            contact(&mut known, inside(1), tcp(inside(2), 80), 100 * SECOND);
            contact(&mut known, inside(2), tcp(outside(9), 9001), watched).hours
        };
        assert!(
            server_first(HOUR + 200 * SECOND) > 4.0 * server_first(200 * SECOND),
            "it was watched for long enough"
        );
    }

    #[test]
    fn rare_contacts_of_several_kinds_are_rarer_together_and_frequent_ones_change_nothing() {
        let mut others = 0.0;
        let mut join = |hours, apart_s: u64| {
            let mut contact = FirstContact { hours, hours_together: hours, calls_back: false };
            contact.join(&mut others, apart_s * SECOND);
            contact.hours_together
        };
        assert_eq!(join(24.0, 1_000_000), 24.0);
        assert_eq!(join(0.1, 60), 0.1, "it is frequent");
        assert_eq!(join(24.0, 600), 96.0);
        assert_eq!(join(24.0, 601), 24.0, "that was long ago");
        assert_eq!(join(MOST_HOURS, 1), MOST_HOURS);
    }

    #[test]
    fn each_kind_has_a_code_of_its_own() {
        use Novelty::{Exposed, NewClient, NewEverything, NewPort, NewServer};
        let mut codes = std::collections::HashSet::new();
        let mut kinds = 0;
        for novelty in [NewClient, NewPort, NewServer, NewEverything, Exposed] {
            for direction in [Direction::Inside, Direction::Outbound, Direction::Inbound] {
                for role in [Role::Client, Role::Server, Role::Unknown] {
                    for flags in 0..8 {
                        let [is_tcp, is_common_port, calls_back] = [1, 2, 4].map(|bit| flags & bit != 0);
                        let kind =
                            ContactKind { novelty, direction, role, is_tcp, is_common_port, calls_back };
                        codes.insert(kind.code());
                        kinds += 1;
                        assert!(kind.guess_h() > 0.0);
                    }
                }
            }
        }
        assert_eq!(codes.len(), kinds);
    }
}
