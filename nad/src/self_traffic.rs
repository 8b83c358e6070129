//! Self traffic: the TCP connections that nad's outputs open, so that nad never reports itself.
//!
//! [`connect`] binds a socket to an address and a port of its own, registers the connection's addresses and ports, and
//! only then sends a SYN. The kernel gives that local port to no other socket while this one is open, so that all
//! packets with these addresses and ports are of this connection, and those of any other program's are not, even to
//! the same server at the same moment. [`SelfTraffic`] attributes records to registered connections.
//!
//! Not self traffic: a query for a server's name (the resolver's), and what others open to nad (a scrape of its metrics).

mod attribution;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use socket2::{Domain, Protocol, Socket, Type};

pub use self::attribution::SelfTraffic;
use nad_engine::context::host_key::HostKey;

use crate::clock::kernel_ns;

/// This process's connections.
pub static CONNECTIONS: Registry = Registry::new();

/// What tells the records of this process's connections, for a detector.
pub fn ours() -> Box<SelfTraffic> {
    Box::new(SelfTraffic::new(&CONNECTIONS))
}

/// Connections that are registered at a time, far more than outputs have open.
const MAX_REGISTERED: usize = 256;

/// An address and a TCP port.
type End = (HostKey, u16);

/// Opens a TCP connection that is self traffic from its first packet on.
///
/// Keep the registration at least as long as the stream: once it is dropped, a new connection with the same ports is
/// not nad's. The stream is blocking, without timeouts and with Nagle's algorithm, as [`TcpStream::connect`] gives it.
///
/// # Errors
///
/// `TimedOut` where the connection isn't established by the deadline; otherwise what the system says, as
/// [`TcpStream::connect`] does.
pub fn connect(server: SocketAddr, deadline: Instant) -> io::Result<(TcpStream, Registration<'static>)> {
    CONNECTIONS.connect(server, deadline)
}

/// The connections that this process has opened, with the latest of those that it has closed.
#[derive(Debug)]
pub struct Registry {
    connections: Mutex<Vec<Connection>>,
    /// Grows with each change; the number of a connection is that of the change that registered it.
    version: AtomicU64,
}

/// A connection from before its first packet on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Connection {
    number: u64,
    local: End,
    server: End,
    /// By the kernel's monotonic clock, as records have it.
    opened_ns: u64,
    /// `u64::MAX` while it is open.
    closed_ns: u64,
}

/// A connection is registered as open while this lives.
#[derive(Debug)]
#[must_use = "the connection counts as closed once its registration is dropped"]
pub struct Registration<'a> {
    registry: &'a Registry,
    number: u64,
}

impl Registry {
    /// A registry without connections.
    pub const fn new() -> Self {
        Self { connections: Mutex::new(Vec::new()), version: AtomicU64::new(0) }
    }

    fn connect(&self, server: SocketAddr, deadline: Instant) -> io::Result<(TcpStream, Registration<'_>)> {
        // An IPv4 address in IPv6 notation is sent to, and recorded, as IPv4.
        let server = match server.ip().to_canonical() {
            IpAddr::V4(address) => SocketAddr::from((address, server.port())),
            IpAddr::V6(_) => server,
        };
        let mut local = source_address(&server)?;
        local.set_port(0);
        let socket = Socket::new(Domain::for_address(server), Type::STREAM, Some(Protocol::TCP))?;
        // Without SO_REUSEADDR and SO_REUSEPORT, this port of this address is no other socket's from here on.
        socket.bind(&local.into())?;
        let local = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
        let registration = self.register(local, server);
        let patience = deadline.saturating_duration_since(Instant::now());
        if patience.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        socket.connect_timeout(&server.into(), patience)?;
        Ok((socket.into(), registration))
    }

    /// Registers a connection, before its first packet leaves.
    fn register(&self, local: SocketAddr, server: SocketAddr) -> Registration<'_> {
        let mut connections = self.lock();
        if connections.len() >= MAX_REGISTERED {
            let closed_first = (0..connections.len()).min_by_key(|place| connections[*place].closed_ns);
            closed_first.map(|place| connections.swap_remove(place));
        }
        let number = self.version.load(Ordering::Relaxed) + 1;
        let (opened_ns, closed_ns) = (kernel_ns(), u64::MAX);
        connections.push(Connection { number, local: end(local), server: end(server), opened_ns, closed_ns });
        self.version.store(number, Ordering::Release);
        Registration { registry: self, number }
    }

    fn close(&self, number: u64) {
        let mut connections = self.lock();
        if let Some(connection) = connections.iter_mut().find(|connection| connection.number == number) {
            connection.closed_ns = kernel_ns();
        }
        self.version.fetch_add(1, Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Registration<'_> {
    fn drop(&mut self) {
        self.registry.close(self.number);
    }
}

fn end(address: SocketAddr) -> End {
    (HostKey::ip(address.ip().to_canonical()), address.port())
}

/// The address that this machine's routes give a connection to a server. Nothing is sent.
fn source_address(server: &SocketAddr) -> io::Result<SocketAddr> {
    let any: IpAddr =
        if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(server)?;
    socket.local_addr()
}

#[cfg(test)]
mod tests {
    use std::{
        net::{Ipv4Addr, Ipv6Addr, TcpListener},
        time::Duration,
    };

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    fn only(registry: &Registry) -> Connection {
        let connections = registry.lock();
        let [connection] = connections[..] else { panic!("one of these: {connections:?}") };
        connection
    }

    #[test]
    fn a_connection_is_registered_with_the_addresses_and_ports_that_the_server_sees() {
        for loopback in [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()] {
            let registry = Registry::new();
            let listener = TcpListener::bind((loopback, 0)).unwrap();
            let server = listener.local_addr().unwrap();
            let (stream, registration) = registry.connect(server, soon()).unwrap();
            let (_, seen) = listener.accept().unwrap();
            let connection = only(&registry);
            assert_eq!((connection.local, connection.server), (end(seen), end(server)));
            assert_eq!(stream.local_addr().unwrap(), seen);
            assert_eq!(connection.closed_ns, u64::MAX);
            drop((stream, registration));
            assert!(
                only(&registry).closed_ns >= connection.opened_ns && only(&registry).closed_ns < u64::MAX
            );
        }
    }

    #[test]
    fn an_ipv4_server_in_ipv6_notation_is_registered_as_its_packets_are_recorded() {
        let registry = Registry::new();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let mapped = SocketAddr::from((Ipv4Addr::LOCALHOST.to_ipv6_mapped(), port));
        let (stream, _registration) = registry.connect(mapped, soon()).unwrap();
        assert_eq!(only(&registry).server, end(listener.local_addr().unwrap()));
        assert!(stream.local_addr().unwrap().is_ipv4());
    }

    #[test]
    fn no_other_socket_gets_the_port_of_an_open_connection() {
        let registry = Registry::new();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (stream, _registration) = registry.connect(listener.local_addr().unwrap(), soon()).unwrap();
        let local = stream.local_addr().unwrap();
        let other = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        other.set_reuse_address(true).unwrap();
        other.set_reuse_port(true).unwrap();
        let refused = other.bind(&local.into()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn a_refused_connection_is_registered_and_closed_again() {
        let registry = Registry::new();
        // It has its port, and does not listen.
        let deaf = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        deaf.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        let server = deaf.local_addr().unwrap().as_socket().unwrap();
        let refused = registry.connect(server, soon()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        assert!(only(&registry).closed_ns < u64::MAX);
    }

    #[test]
    fn a_connection_is_not_waited_for_beyond_the_deadline() {
        let registry = Registry::new();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let server = listener.local_addr().unwrap();
        let late = registry.connect(server, Instant::now()).unwrap_err();
        assert_eq!(late.kind(), io::ErrorKind::TimedOut);
        // Whoever does not accept has room for few: those after them get no answer.
        let mut kept = Vec::new();
        let timed_out = (0..10_000).find_map(|_| {
            let begun = Instant::now();
            let opened = registry.connect(server, begun + Duration::from_millis(300));
            opened.map(|open| kept.push(open)).err().map(|error| (error.kind(), begun.elapsed()))
        });
        let (kind, waited) = timed_out.expect("a listener's queue is bounded");
        assert_eq!(kind, io::ErrorKind::TimedOut);
        // The system counts in milliseconds, and the first part of one is over.
        assert!(waited >= Duration::from_millis(298), "{waited:?}");
    }
}
