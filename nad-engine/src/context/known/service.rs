//! Services.

use super::key::KnownKey;
use crate::context::{hash::HashKey, host_key::HostKey, service_pair::ServicePairKey, table::Hashed};

/// A service: who offers it, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceKey {
    /// Who offers it.
    pub server: HostKey,
    /// Its port; 0 for protocols without ports.
    pub port: u16,
    /// IP protocol.
    pub protocol: u8,
}

/// Ports of remote logins: FTP, SSH, Telnet, RDP, VNC, WinRM.
const REMOTE_LOGIN_PORTS: [u16; 7] = [21, 22, 23, 3389, 5900, 5985, 5986];
const TCP: u8 = 6;

impl ServiceKey {
    /// Whether one logs in there, to work at the machine.
    pub fn is_remote_login(&self) -> bool {
        self.protocol == TCP && REMOTE_LOGIN_PORTS.contains(&self.port)
    }

    /// The pair of a client and this service. Its entry among the known services has the same hash.
    #[inline]
    pub fn service_pair(self, hash_key: &HashKey, client: HostKey) -> Hashed<ServicePairKey> {
        let hash = KnownKey::service_pair(client, &self).hash(hash_key);
        Hashed { hash, key: ServicePairKey { client, service: self } }
    }

    /// Its hash and that of its server, for sketches.
    #[inline]
    pub fn hashes(&self, hash_key: &HashKey) -> [u64; 2] {
        [self.hash(hash_key), self.server.hashed(hash_key).hash]
    }

    /// Its hash for sketches.
    #[inline]
    pub fn hash(&self, hash_key: &HashKey) -> u64 {
        KnownKey::offer(self).hash(hash_key)
    }
}
