//! DHCP messages (RFC 2131, 2; options RFC 2132).

use std::net::Ipv4Addr;

use super::{bytes::Bytes, host_name};

/// A message of a client or a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dhcp {
    /// What it is; none in a message of BOOTP (RFC 951).
    pub message: Option<DhcpMessage>,
    /// The client's MAC address; none on links without.
    pub client: Option<[u8; 6]>,
    /// The client's name (option 12), in lower case.
    pub host_name: Option<Box<str>>,
    /// The address that the server gives, otherwise the one that the client asks for (option 50) or has.
    pub address: Option<Ipv4Addr>,
}

/// The type of a DHCP message (RFC 2132, 9.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum DhcpMessage {
    /// A client looks for servers.
    Discover = 1,
    /// A server offers an address.
    Offer = 2,
    /// A client asks for an address, or to keep it.
    Request = 3,
    /// A client found the address in use.
    Decline = 4,
    /// A server grants an address.
    Ack = 5,
    /// A server does not.
    Nak = 6,
    /// A client gives its address back.
    Release = 7,
    /// A client with an address asks for settings.
    Inform = 8,
}

impl DhcpMessage {
    const ALL: [Self; 8] = [
        Self::Discover,
        Self::Offer,
        Self::Request,
        Self::Decline,
        Self::Ack,
        Self::Nak,
        Self::Release,
        Self::Inform,
    ];
}

pub(super) fn read(head: &[u8]) -> Option<Dhcp> {
    const ETHERNET: [u8; 2] = [1, 6];
    const MAGIC: [u8; 4] = [99, 130, 83, 99];
    /// Hops, transaction, seconds and flags.
    const TIMES: usize = 9;
    /// Addresses of the next server and of the relay.
    const SERVERS: usize = 8;
    /// What is left of the hardware address, and names of server and boot file.
    const NAMES: usize = 10 + 64 + 128;
    let mut rest = Bytes(head);
    let [1 | 2, hardware @ ..] = rest.array::<3>()? else { return None };
    rest.take(TIMES)?;
    let (has, given) = (rest.array::<4>()?, rest.array::<4>()?);
    rest.take(SERVERS)?;
    let client = rest.array::<6>()?;
    let mut dhcp = Dhcp {
        message: None,
        client: (hardware == ETHERNET).then_some(client),
        host_name: None,
        address: None,
    };
    let mut requested = [0; 4];
    if rest.take(NAMES).is_some() && rest.array() == Some(MAGIC) {
        options(rest, &mut dhcp, &mut requested);
    }
    let addresses = [given, requested, has].map(Ipv4Addr::from);
    dhcp.address = addresses.into_iter().find(|address| !address.is_unspecified());
    Some(dhcp)
}

fn options(mut rest: Bytes<'_>, dhcp: &mut Dhcp, requested: &mut [u8; 4]) {
    const PAD: u8 = 0;
    const HOST_NAME: u8 = 12;
    const REQUESTED: u8 = 50;
    const MESSAGE: u8 = 53;
    const END: u8 = 255;
    while let Some(option) = rest.u8().filter(|option| *option != END) {
        if option == PAD {
            continue;
        }
        let Some(value) = rest.counted_by_u8() else { break };
        match (option, value) {
            // Some end it with a zero.
            (HOST_NAME, name) => {
                dhcp.host_name = host_name(name.split(|byte| *byte == 0).next().unwrap_or(name))
            }
            (REQUESTED, [a, b, c, d]) => *requested = [*a, *b, *c, *d],
            (MESSAGE, [number]) => {
                dhcp.message = DhcpMessage::ALL.into_iter().find(|message| *message as u8 == *number);
            }
            _ => {}
        }
    }
}
