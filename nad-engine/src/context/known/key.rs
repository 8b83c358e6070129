//! What can be known, and by which key.

use bytemuck::{Pod, Zeroable};
use serde::{Deserialize, Serialize};

use super::ServiceKey;
use crate::context::{hash::HashKey, host_key::HostKey, table::Hashed};

/// What identifies an entry of the known services.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Pod, Zeroable, Serialize, Deserialize)]
pub(in crate::context) struct KnownKey {
    /// The client of a pair, or of meetings; otherwise nobody.
    client: HostKey,
    /// The server, or a host.
    host: HostKey,
    port: u16,
    protocol: u8,
    kind: u8,
    padding: u32,
}

/// Kinds of entries.
mod kind {
    pub(super) const SERVICE_PAIR: u8 = 0;
    pub(super) const OFFER: u8 = 1;
    pub(super) const OFFER_INSIDE: u8 = 2;
    pub(super) const OFFER_OUTSIDE: u8 = 3;
    pub(super) const HOST: u8 = 4;
    pub(super) const PORT: u8 = 5;
    pub(super) const MEETINGS_INSIDE: u8 = 6;
    pub(super) const MEETINGS_OUTSIDE: u8 = 7;
    pub(super) const CLIENT_INSIDE: u8 = 8;
    pub(super) const CLIENT_OUTSIDE: u8 = 9;
    pub(super) const CONTACTS: u8 = 10;
    pub(super) const CONTACTS_OF_HOST: u8 = 11;
    pub(super) const PACE: u8 = 12;
    /// All of them are below this.
    pub(super) const END: u8 = 13;
}

impl KnownKey {
    fn of_service(kind: u8, service: &ServiceKey) -> Self {
        let ServiceKey { server, port, protocol } = *service;
        Self { client: HostKey::NOBODY, host: server, port, protocol, kind, padding: 0 }
    }

    pub(in crate::context) fn service_pair(client: HostKey, service: &ServiceKey) -> Self {
        Self { client, ..Self::of_service(kind::SERVICE_PAIR, service) }
    }

    pub(in crate::context) fn offer(service: &ServiceKey) -> Self {
        Self::of_service(kind::OFFER, service)
    }

    pub(in crate::context) fn offer_to(service: &ServiceKey, is_outside: bool) -> Self {
        Self::of_service(if is_outside { kind::OFFER_OUTSIDE } else { kind::OFFER_INSIDE }, service)
    }

    pub(in crate::context) fn port(service: &ServiceKey) -> Self {
        Self { host: HostKey::NOBODY, ..Self::of_service(kind::PORT, service) }
    }

    pub(in crate::context) fn host(host: HostKey) -> Self {
        let nowhere = ServiceKey { server: host, port: 0, protocol: 0 };
        Self::of_service(kind::HOST, &nowhere)
    }

    /// A host that has turned to others of its own network, or outside of it.
    pub(in crate::context) fn client(host: HostKey, is_outside: bool) -> Self {
        let kind = if is_outside { kind::CLIENT_OUTSIDE } else { kind::CLIENT_INSIDE };
        Self { kind, ..Self::host(host) }
    }

    /// At what pace a client comes back to servers at one port.
    pub(in crate::context) fn pace(client: HostKey, service: &ServiceKey) -> Self {
        Self { client, host: HostKey::NOBODY, ..Self::of_service(kind::PACE, service) }
    }

    /// First contacts of one kind, by its code.
    pub(in crate::context) fn contacts(code: u16) -> Self {
        Self { port: code, kind: kind::CONTACTS, ..Self::host(HostKey::NOBODY) }
    }

    /// Those of a host.
    pub(in crate::context) fn contacts_of(client: HostKey, code: u16) -> Self {
        Self { client, kind: kind::CONTACTS_OF_HOST, ..Self::contacts(code) }
    }

    /// A client's meetings with new servers at one port, on its own side of the network or outside.
    pub(in crate::context) fn meetings(client: HostKey, service: &ServiceKey) -> Self {
        let is_outside = service.server.is_global();
        let kind = if is_outside { kind::MEETINGS_OUTSIDE } else { kind::MEETINGS_INSIDE };
        Self { client, host: HostKey::NOBODY, ..Self::of_service(kind, service) }
    }

    /// Whether its entry has numbers of its own in the place of what is usual for clients.
    pub(in crate::context) fn has_own_numbers(&self) -> bool {
        matches!(self.kind, kind::MEETINGS_INSIDE | kind::MEETINGS_OUTSIDE | kind::CONTACTS | kind::PACE)
    }

    /// Whether it is one that there can be.
    pub(in crate::context) fn is_sound(&self) -> bool {
        self.kind < kind::END && self.padding == 0
    }

    #[inline]
    pub(in crate::context) fn hash(&self, hash_key: &HashKey) -> u64 {
        let ([a, b], [c, d]) = (self.client.words(), self.host.words());
        let rest = u64::from(self.kind) << 24 | u64::from(self.port) << 8 | u64::from(self.protocol);
        hash_key.hash([a, b, c, d, rest])
    }

    pub(in crate::context) fn hashed(self, hash_key: &HashKey) -> Hashed<Self> {
        Hashed { hash: self.hash(hash_key), key: self }
    }
}
