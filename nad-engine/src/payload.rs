//! What heads say: plain facts from the first bytes of payloads.
//!
//! [`read`] takes a head as [`nad_common::head`] chooses them and gives what is worth knowing of it. It keeps no state and
//! allocates no more than the head has bytes. A head is hostile: whatever it holds, the outcome is facts or none. It ends at
//! [`MAX_HEAD`] bytes, often in the middle of a message, and what stands before that end is still read.
//!
//! Nothing here is a secret: no passwords, no cookies, no paths and no content are kept. Texts are bounded, and bytes that
//! are not printable ASCII stand in them as `?`; international names stay in their ASCII form (RFC 5890, 2.3.2.1).

mod ber;
mod bytes;
mod dhcp;
mod dns;
mod facts;
mod http;
mod ja4;
mod kerberos;
mod ldap;
mod mqtt;
mod mysql;
mod postgres;
mod redis;
mod refusal;
mod reply;
mod smb;
mod ssh;
mod tds;
mod tls;

use nad_common::{
    head::{HeadKind, MAX_HEAD},
    record::PacketRecord,
};

pub use dhcp::{Dhcp, DhcpMessage};
pub use dns::{Answer, Dns};
pub use facts::HeadFacts;
pub use http::{HttpRequest, HttpResponse, Method};
pub use refusal::{Protocol, Refusal, Refused};
pub use ssh::Ssh;
pub use tls::{ClientHello, ServerHello};

/// Characters of a name at most (RFC 1035, 2.3.4: 255 bytes on the wire).
pub const MOST_OF_NAME: usize = 253;

/// What a head says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// A DNS, mDNS or LLMNR message.
    Dns(Dns),
    /// A DHCP message.
    Dhcp(Dhcp),
    /// A TLS ClientHello.
    ClientHello(ClientHello),
    /// A TLS ServerHello.
    ServerHello(ServerHello),
    /// A QUIC Initial packet. Its ClientHello is encrypted with a key that everybody can derive (RFC 9001, 5.2); that is
    /// not done.
    QuicInitial,
    /// An HTTP request.
    HttpRequest(HttpRequest),
    /// An HTTP response.
    HttpResponse(HttpResponse),
    /// An SSH identification string.
    Ssh(Ssh),
    /// A server refuses something, in any protocol but HTTP; see [`Said::refusal`].
    Refusal(Refusal),
}

impl Said {
    /// What is refused, also by an HTTP response.
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Refusal(refusal) => Some(*refusal),
            Self::HttpResponse(response) => response.refusal(),
            _ => None,
        }
    }
}

/// What a head of this kind says, or nothing where it is not what it begins like, or no answer that refuses.
///
/// `record` is the packet's, for its ports; of `head` only the first [`MAX_HEAD`] bytes are read.
pub fn read(kind: HeadKind, record: &PacketRecord, head: &[u8]) -> Option<Said> {
    let head = &head[..head.len().min(MAX_HEAD)];
    let refusal = match kind {
        HeadKind::Dns => return dns::read(head).map(Said::Dns),
        HeadKind::Dhcp => return dhcp::read(head).map(Said::Dhcp),
        HeadKind::TlsClientHello => return tls::client_hello(head).map(Said::ClientHello),
        HeadKind::TlsServerHello => return tls::server_hello(head).map(Said::ServerHello),
        HeadKind::QuicInitial => return Some(Said::QuicInitial),
        HeadKind::HttpRequest => return http::request(head).map(Said::HttpRequest),
        HeadKind::HttpResponse => return http::response(head).map(Said::HttpResponse),
        HeadKind::Ssh => return ssh::read(record, head).map(Said::Ssh),
        HeadKind::Smb => smb::read(head),
        HeadKind::Reply => reply::read(record.source_port, head),
        HeadKind::Ldap => ldap::read(head),
        HeadKind::Kerberos => kerberos::read(head),
        HeadKind::Mqtt => mqtt::read(head),
        HeadKind::Redis => redis::read(head),
        HeadKind::MySql => mysql::read(head),
        HeadKind::Postgres => postgres::read(head),
        HeadKind::Tds => tds::read(head),
    };
    refusal.map(Said::Refusal)
}

/// The fingerprint JA4 of a TLS client's software, 36 characters, by the head that its ClientHello is; none where that is no
/// ClientHello, or ends before its extensions do. [`read`] leaves it out, as it takes two digests.
pub fn ja4(head: &[u8]) -> Option<Box<str>> {
    tls::fingerprint(&head[..head.len().min(MAX_HEAD)])
}

/// The part of a name that its owner registered: one label below a public suffix, by the list that is built in
/// (<https://publicsuffix.org>). A name that has no such part, and an address in place of a name, come back whole. The name
/// is expected in lower case, as [`read`] gives it.
///
/// ```
/// # use nad_engine::payload::registered_domain;
/// assert_eq!(registered_domain("a.b.example.co.uk"), "example.co.uk");
/// assert_eq!(registered_domain("localhost"), "localhost");
/// ```
pub fn registered_domain(name: &str) -> &str {
    if name.parse::<std::net::IpAddr>().is_ok() {
        return name;
    }
    psl::domain_str(name).unwrap_or(name)
}

/// The first bytes of a text, at most so many, as printable ASCII.
fn text(bytes: &[u8], most: usize) -> Box<str> {
    let printable = |byte: &u8| if matches!(byte, b' '..=b'~') { char::from(*byte) } else { '?' };
    bytes.iter().take(most).map(printable).collect::<String>().into()
}

/// A host's name in lower case without dots at its end, or nothing where there is none.
fn host_name(bytes: &[u8]) -> Option<Box<str>> {
    let mut bytes = &bytes[..bytes.len().min(MOST_OF_NAME)];
    while let Some(rest) = bytes.strip_suffix(b".") {
        bytes = rest;
    }
    let name: String = bytes.iter().map(|byte| name_character(*byte)).collect();
    (!name.is_empty()).then(|| name.into())
}

fn name_character(byte: u8) -> char {
    if byte.is_ascii_graphic() { char::from(byte.to_ascii_lowercase()) } else { '?' }
}

#[cfg(test)]
mod tests;
