//! Connections of requests, within the limits that outputs' connections have.

use std::{
    io::{Read, Write},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ureq::{
    Error,
    config::Config,
    http::Uri,
    unversioned::{
        resolver::{ResolvedSocketAddrs, Resolver},
        transport::{Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport},
    },
};

use crate::output::{
    ending::Ending,
    network::{self, Connection, Limits},
};

/// Bytes of a request that are sent, and of an answer that are read, at once.
const BUFFER: usize = 16 << 10;

/// The limits of the request that is being made; without one, nothing may be asked.
#[derive(Debug, Default)]
pub(super) struct Now(Mutex<Option<Limits>>);

impl Now {
    /// A request begins.
    pub(super) fn set(&self, limits: &Limits) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(limits.clone());
    }

    fn limits(&self) -> Limits {
        let limits = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        limits.unwrap_or_else(|| Limits::new(Duration::ZERO, Duration::ZERO, 0, &Ending::default()))
    }
}

/// Looks names up, and connects.
#[derive(Debug, Clone)]
pub(super) struct Bounded {
    now: Arc<Now>,
}

impl Bounded {
    pub(super) fn new(now: Arc<Now>) -> Self {
        Self { now }
    }
}

impl Resolver for Bounded {
    fn resolve(&self, uri: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let usual = if uri.scheme_str() == Some("https") { 443 } else { 80 };
        let host = uri.host().ok_or(Error::HostNotFound)?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let found = network::resolve(bare, uri.port_u16().unwrap_or(usual), &self.now.limits())?;
        let mut addresses = self.empty();
        found.into_iter().for_each(|address| addresses.push(address));
        if addresses.is_empty() { Err(Error::HostNotFound) } else { Ok(addresses) }
    }
}

impl<In: Transport> Connector<In> for Bounded {
    type Out = Either<In, BoundedTransport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        // That to a proxy, made before.
        if let Some(transport) = chained {
            return Ok(Some(Either::A(transport)));
        }
        let connection = Connection::open(&details.addrs, &self.now.limits())?;
        Ok(Some(Either::B(BoundedTransport { connection, buffers: LazyBuffers::new(BUFFER, BUFFER) })))
    }
}

/// A connection as ureq wants it. What ureq says of timeouts is not heeded: the limits are stricter.
#[derive(Debug)]
pub(super) struct BoundedTransport {
    connection: Connection,
    buffers: LazyBuffers,
}

impl Transport for BoundedTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), Error> {
        let output = &self.buffers.output()[..amount];
        Ok(self.connection.write_all(output)?)
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
        let count = self.connection.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(count);
        Ok(count > 0)
    }

    fn is_open(&mut self) -> bool {
        // It is for one request.
        false
    }
}
