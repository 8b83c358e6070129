//! What of a head counts towards features.

use std::net::IpAddr;

use nad_common::record::PacketRecord;

use super::{Refused, Said};

/// What a packet's head says that is counted; nothing of most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HeadFacts {
    /// A server refuses something to the packet's receiver.
    pub refused: Option<Refused>,
    /// Bytes of an HTTP request that requests seldom have, see [`HttpRequest::odd`](super::HttpRequest::odd).
    pub odd: u16,
    /// An HTTP request names its server by an address.
    pub by_address: bool,
}

impl HeadFacts {
    /// Those of a head.
    pub fn of(said: &Said) -> Self {
        let request = match said {
            Said::HttpRequest(request) => Some(request),
            _ => None,
        };
        let host = request.and_then(|request| request.host.as_deref());
        Self {
            refused: said.refusal().map(|refusal| refusal.what),
            odd: request.map_or(0, |request| request.odd),
            by_address: host.is_some_and(|host| host.parse::<IpAddr>().is_ok()),
        }
    }

    /// Those of a packet by its head, where it has one.
    #[inline]
    pub fn read(record: &PacketRecord, head: Option<&[u8]>) -> Self {
        let said = head.zip(record.head_kind()).and_then(|(head, kind)| super::read(kind, record, head));
        said.as_ref().map_or(Self::default(), Self::of)
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
