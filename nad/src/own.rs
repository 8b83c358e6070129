//! nad's own connections, so that what it sends is never what it reports.
//!
//! Whoever connects to a server says so before ([`Registry::begin`]), and until it has its answer. A TCP connection
//! that this machine opens to that server in between is nad's, and stays so until it is silent for long. Another
//! program's that is opened to the same server in the same moments counts as nad's, too.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use nad_common::record::PacketRecord;

use crate::{clock::monotonic_ns, context::host_key::HostKey};

/// This process's connections.
pub static CONNECTIONS: Registry = Registry::new();

const PROTOCOL_TCP: u8 = 6;
const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
/// A record is looked at no later than this after its packet.
const LATE_NS: u64 = 10_000_000_000;
/// A connection that was silent for this long is forgotten, and one that ends sooner: each that is known is looked for
/// with every packet.
const SILENCE_NS: u64 = 300_000_000_000;
const ENDING_NS: u64 = 10_000_000_000;
/// Connections that are known at a time, far more than outputs have.
const MOST: usize = 256;

/// Who is being connected to, and when.
#[derive(Debug)]
pub struct Registry {
    attempts: Mutex<Vec<Attempt>>,
    /// Changes with the attempts.
    version: AtomicU64,
}

/// This machine's address and the server's, in the time in which connections between them are nad's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Attempt {
    number: u64,
    local: HostKey,
    server: End,
    /// By the kernel's monotonic clock, as records have it.
    begun_ns: u64,
    ended_ns: u64,
}

type End = (HostKey, u16);

impl Attempt {
    /// Whether no record of it can come any more.
    const fn is_past(&self, now_ns: u64) -> bool {
        now_ns.saturating_sub(self.ended_ns) >= LATE_NS
    }

    fn is_of(&self, local: End, server: End, time_ns: u64) -> bool {
        self.server == server && self.local == local.0 && (self.begun_ns..=self.ended_ns).contains(&time_ns)
    }
}

/// Connections to a server are nad's while it lives.
#[derive(Debug)]
#[must_use]
pub struct Connecting<'a> {
    registry: &'a Registry,
    number: u64,
}

impl Registry {
    /// One without any.
    pub const fn new() -> Self {
        Self { attempts: Mutex::new(Vec::new()), version: AtomicU64::new(0) }
    }

    /// What this process opens to one of these addresses from now on is its own, until what is returned goes.
    pub fn begin(&self, servers: &[SocketAddr]) -> Connecting<'_> {
        let now_ns = monotonic_ns();
        let mut attempts = self.lock();
        let number = self.version.fetch_add(1, Relaxed) + 1;
        attempts.retain(|attempt| !attempt.is_past(now_ns));
        attempts.extend(servers.iter().filter_map(|server| {
            Some(Attempt {
                number,
                local: HostKey::ip(local_address(server)?),
                server: (HostKey::ip(server.ip().to_canonical()), server.port()),
                begun_ns: now_ns,
                ended_ns: u64::MAX,
            })
        }));
        Connecting { registry: self, number }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Attempt>> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Connecting<'_> {
    fn drop(&mut self) {
        let now_ns = monotonic_ns();
        let mut attempts = self.registry.lock();
        let own = attempts.iter_mut().filter(|attempt| attempt.number == self.number);
        own.for_each(|attempt| attempt.ended_ns = now_ns);
        self.registry.version.fetch_add(1, Relaxed);
    }
}

/// The address that this machine reaches a server from. Nothing is sent.
fn local_address(server: &SocketAddr) -> Option<IpAddr> {
    let any: IpAddr =
        if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(server).ok()?;
    Some(socket.local_addr().ok()?.ip().to_canonical())
}

/// Tells which records are of a registry's connections.
#[derive(Debug)]
pub struct OwnTraffic {
    registry: &'static Registry,
    version: u64,
    attempts: Vec<Attempt>,
    open: Vec<Open>,
}

/// A connection that was opened.
#[derive(Debug)]
struct Open {
    local: End,
    server: End,
    forget_ns: u64,
}

impl Open {
    fn has(&self, sender: End, receiver: End) -> bool {
        (self.local, self.server) == (sender, receiver) || (self.server, self.local) == (sender, receiver)
    }
}

impl OwnTraffic {
    /// One that knows of none so far.
    pub fn new(registry: &'static Registry) -> Self {
        Self { registry, version: 0, attempts: Vec::new(), open: Vec::new() }
    }

    /// Takes up what was registered since, and forgets what is over. Due before a batch of records.
    pub fn refresh(&mut self) {
        let version = self.registry.version.load(Relaxed);
        if version != self.version {
            self.version = version;
            self.attempts.clone_from(&self.registry.lock());
        }
        if !(self.attempts.is_empty() && self.open.is_empty()) {
            self.forget(monotonic_ns());
        }
    }

    fn forget(&mut self, now_ns: u64) {
        self.attempts.retain(|attempt| !attempt.is_past(now_ns));
        self.open.retain(|open| now_ns < open.forget_ns);
    }

    /// Whether a record of the kernel's is of one of them.
    #[inline]
    pub fn has(&mut self, record: &PacketRecord) -> bool {
        let may_be = !(self.attempts.is_empty() && self.open.is_empty()) && record.protocol == PROTOCOL_TCP;
        may_be && self.look(record)
    }

    fn look(&mut self, record: &PacketRecord) -> bool {
        let ports = [record.source_port, record.destination_port];
        let is_port = |port: u16| ports.contains(&port);
        if !(self.open.iter().any(|open| is_port(open.local.1) && is_port(open.server.1))
            || self.attempts.iter().any(|attempt| is_port(attempt.server.1)))
        {
            return false;
        }
        let (source, destination) = HostKey::of(record);
        let (sender, receiver) = ((source, ports[0]), (destination, ports[1]));
        let now_ns = record.time_ns;
        let silence_ns = if record.tcp_flags & (FIN | RST) == 0 { SILENCE_NS } else { ENDING_NS };
        if let Some(open) = self.open.iter_mut().find(|open| open.has(sender, receiver)) {
            open.forget_ns = now_ns + silence_ns;
            return true;
        }
        let is_begun = |(local, server): &(End, End)| {
            self.attempts.iter().any(|attempt| attempt.is_of(*local, *server, now_ns))
        };
        let ends = [(sender, receiver), (receiver, sender)].into_iter().find(is_begun);
        let Some((local, server)) = ends.filter(|_| record.tcp_flags & SYN != 0) else { return false };
        if self.open.len() < MOST {
            self.open.push(Open { local, server, forget_ns: now_ns + silence_ns });
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable;

    use super::*;

    const SERVER: &str = "127.0.0.1:587";

    fn registry() -> &'static Registry {
        Box::leak(Box::new(Registry::new()))
    }

    /// A TCP packet between two ports of this machine, now.
    fn packet(source_port: u16, destination_port: u16, tcp_flags: u8) -> PacketRecord {
        const KIND_V4: u32 = 1;
        let mut record = PacketRecord { protocol: 6, tcp_flags, flags: KIND_V4, ..PacketRecord::zeroed() };
        record.address_bytes[..8].copy_from_slice(&[127, 0, 0, 1, 127, 0, 0, 1]);
        (record.source_port, record.destination_port) = (source_port, destination_port);
        record.time_ns = monotonic_ns();
        record
    }

    fn has(own: &mut OwnTraffic, record: PacketRecord) -> bool {
        own.refresh();
        own.has(&record)
    }

    #[test]
    fn what_is_opened_while_nad_connects_is_its_own_both_ways_and_to_its_end() {
        let registry = registry();
        let mut own = OwnTraffic::new(registry);
        assert!(!has(&mut own, packet(40_000, 587, SYN)), "nad connects to nobody");
        let connecting = registry.begin(&[SERVER.parse().unwrap()]);
        assert!(has(&mut own, packet(40_001, 587, SYN)));
        assert!(has(&mut own, packet(587, 40_001, 0x12)));
        drop(connecting);
        assert!(has(&mut own, packet(40_001, 587, 0x11)), "what it sends later over that connection");
    }

    #[test]
    fn what_others_do_is_not() {
        let registry = registry();
        let mut own = OwnTraffic::new(registry);
        assert!(!has(&mut own, packet(40_000, 587, SYN)));
        let early = packet(40_002, 587, SYN);
        let connecting = registry.begin(&[SERVER.parse().unwrap()]);
        assert!(!has(&mut own, early), "opened before");
        assert!(!has(&mut own, packet(40_000, 587, 0x10)), "a connection that was open before");
        assert!(!has(&mut own, packet(40_003, 25, SYN)), "another port");
        let mut from_elsewhere = packet(40_004, 587, SYN);
        from_elsewhere.address_bytes[..4].copy_from_slice(&[10, 0, 0, 9]);
        assert!(!has(&mut own, from_elsewhere), "another machine's");
        drop(connecting);
        std::thread::sleep(std::time::Duration::from_millis(2));
        assert!(!has(&mut own, packet(40_005, 587, SYN)), "opened after");
    }

    #[test]
    fn what_is_over_is_forgotten_soon_and_what_is_silent_later() {
        let registry = registry();
        let mut own = OwnTraffic::new(registry);
        let connecting = registry.begin(&[SERVER.parse().unwrap()]);
        assert!(has(&mut own, packet(40_001, 587, SYN)) && has(&mut own, packet(40_002, 587, SYN)));
        drop(connecting);
        assert!(has(&mut own, packet(40_001, 587, RST)));
        own.forget(monotonic_ns() + 11_000_000_000);
        assert!(!has(&mut own, packet(40_001, 587, 0x10)), "it had ended");
        assert!(has(&mut own, packet(40_002, 587, 0x10)));
        own.forget(monotonic_ns() + 301_000_000_000);
        assert!(!has(&mut own, packet(40_002, 587, 0x10)), "silent for five minutes");
    }

    #[test]
    fn a_record_that_is_late_is_still_known() {
        let registry = registry();
        let mut own = OwnTraffic::new(registry);
        let connecting = registry.begin(&[SERVER.parse().unwrap()]);
        let late = packet(40_006, 587, SYN);
        drop(connecting);
        drop(registry.begin(&["127.0.0.1:25".parse().unwrap()]));
        assert!(has(&mut own, late));
    }
}
