//! Exchanges, which make a client, a service and what they have to do with each other known.

use super::{FORGET_AFTER_S, KnownEntry, KnownKey, KnownServices, ServiceKey, nanoseconds};
use crate::context::{
    host_key::HostKey,
    table::{Group, Hashed},
};

/// What an exchange makes known, the client-service pair first.
pub(in crate::context) type ExchangeKeys = [Hashed<KnownKey>; 7];

impl KnownServices {
    /// What an exchange of a client and a service makes known.
    pub(in crate::context) fn keys_of(&self, client: HostKey, service: &ServiceKey) -> ExchangeKeys {
        [
            KnownKey::service_pair(client, service),
            KnownKey::offer_to(service, client.is_global()),
            KnownKey::offer(service),
            KnownKey::host(service.server),
            KnownKey::host(client),
            KnownKey::client(client, service.server.is_global()),
            KnownKey::port(service),
        ]
        .map(|key| key.hashed(&self.hash_key))
    }

    /// Asks the memory for what is known of several exchanges: each is some hundreds of nanoseconds away.
    pub(in crate::context) fn ask_for(&self, exchanges: &[ExchangeKeys]) {
        let keys = || exchanges.iter().flatten();
        keys().for_each(|key| self.table.prefetch(key.hash));
        keys().for_each(|key| {
            self.table.prefetch_value(key.hash, size_of::<KnownEntry>());
        });
    }

    /// Notes an exchange that both sides took part in. The client's packets came from `mac`.
    pub fn remember(&mut self, client: HostKey, mac: [u8; 6], service: &ServiceKey, now_ns: u64) {
        let keys = self.keys_of(client, service);
        self.remember_by(&keys, client, mac, service, now_ns);
    }

    /// The same by the exchange's keys.
    pub(in crate::context) fn remember_by(
        &mut self,
        keys: &ExchangeKeys,
        client: HostKey,
        mac: [u8; 6],
        service: &ServiceKey,
        now_ns: u64,
    ) {
        self.began_ns.get_or_insert(now_ns);
        let now_s = self.now_s(now_ns);
        let [pair, others @ ..] = keys;
        if self.refresh(pair, client, mac, now_s) && !service.server.is_group() {
            self.meet(client, mac, service, now_s);
        }
        for key in others {
            self.refresh(key, client, mac, now_s);
        }
    }

    /// Whether a client and a service have had an exchange, however lately.
    pub(in crate::context) fn has_met(&self, [pair, ..]: &ExchangeKeys) -> bool {
        self.table.find(pair).is_some()
    }

    /// Notes that an entry was seen; whether it is new.
    fn refresh(&mut self, key: &Hashed<KnownKey>, client: HostKey, mac: [u8; 6], now_s: u32) -> bool {
        let hash_key = self.hash_key;
        let group = || Group::of(&hash_key, client, mac);
        let Some(slot) = self.table.enter(key, group, nanoseconds(now_s)).slot() else {
            return false;
        };
        let entry = self.table.get_mut(slot);
        let is_new = entry.last_s == 0 || now_s.saturating_sub(entry.last_s) > FORGET_AFTER_S;
        if is_new {
            (entry.first_s, entry.in_baseline) = (now_s, 0);
        }
        entry.last_s = now_s;
        is_new
    }
}
