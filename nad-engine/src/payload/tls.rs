//! The hellos of TLS (RFC 8446, 4.1). They are read by hand: a ClientHello with a post-quantum key is longer than a head, and
//! what stands before the cut counts.

use super::{
    bytes::{Bytes, u16s},
    host_name, ja4, text,
};

/// A client's first message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientHello {
    /// The server's name (RFC 6066, 3), in lower case.
    pub server_name: Option<Box<str>>,
    /// The protocol that the client likes best (RFC 7301), as `h2`; at most 32 characters.
    pub alpn: Option<Box<str>>,
}

/// A server's choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerHello {
    /// The version on the wire: 0x0304 is TLS 1.3.
    pub version: u16,
    /// The cipher suite on the wire.
    pub cipher: u16,
}

pub(super) const SERVER_NAME: u16 = 0;
pub(super) const SIGNATURE_ALGORITHMS: u16 = 13;
pub(super) const ALPN: u16 = 16;
pub(super) const SUPPORTED_VERSIONS: u16 = 43;
const MOST_OF_ALPN: usize = 32;

/// What a ClientHello offers, as far as the head shows it.
#[derive(Debug, Default)]
pub(super) struct Offer<'a> {
    pub(super) version: u16,
    pub(super) ciphers: &'a [u8],
    pub(super) extensions: Vec<Extension<'a>>,
    /// Whether the extensions are all there.
    is_whole: bool,
}

#[derive(Debug)]
pub(super) struct Extension<'a> {
    pub(super) kind: u16,
    pub(super) data: &'a [u8],
}

impl Offer<'_> {
    pub(super) fn extension(&self, kind: u16) -> Option<&[u8]> {
        self.extensions.iter().find(|extension| extension.kind == kind).map(|extension| extension.data)
    }

    /// The first protocol that is offered.
    pub(super) fn alpn(&self) -> Option<&[u8]> {
        let list = Bytes(self.extension(ALPN)?).counted_by_u16()?;
        Bytes(list).counted_by_u8()
    }
}

const CLIENT_HELLO: u8 = 1;

pub(super) fn client_hello(head: &[u8]) -> Option<ClientHello> {
    let offer = offer(message(head, CLIENT_HELLO)?)?;
    Some(ClientHello {
        server_name: offer.extension(SERVER_NAME).and_then(server_name),
        alpn: offer.alpn().filter(|alpn| !alpn.is_empty()).map(|alpn| text(alpn, MOST_OF_ALPN)),
    })
}

pub(super) fn fingerprint(head: &[u8]) -> Option<Box<str>> {
    let offer = offer(message(head, CLIENT_HELLO)?)?;
    offer.is_whole.then(|| ja4::of(&offer))
}

pub(super) fn server_hello(head: &[u8]) -> Option<ServerHello> {
    const SERVER_HELLO: u8 = 2;
    let (mut body, _) = message(head, SERVER_HELLO)?;
    let legacy_version = body.u16()?;
    let _random = body.take(32)?;
    let _session = body.counted_by_u8()?;
    let cipher = body.u16()?;
    let _compression = body.u8();
    let (extensions, _) = extensions(&mut body);
    let chosen = extensions.iter().find(|extension| extension.kind == SUPPORTED_VERSIONS);
    let version = chosen.and_then(|extension| Bytes(extension.data).u16()).unwrap_or(legacy_version);
    Some(ServerHello { version, cipher })
}

/// The body of a handshake message as far as it stands in the first record, and whether that is all of it.
fn message(head: &[u8], kind: u8) -> Option<(Bytes<'_>, bool)> {
    const HANDSHAKE: u8 = 22;
    let mut record = Bytes(head);
    let [content, _, _] = record.array()?;
    let length = record.u16()?;
    let mut fragment = Bytes(record.up_to(length.into()));
    if content != HANDSHAKE || fragment.u8()? != kind {
        return None;
    }
    let length = fragment.u24()?;
    let body = fragment.up_to(length);
    Some((Bytes(body), body.len() == length))
}

fn offer((mut body, is_whole): (Bytes<'_>, bool)) -> Option<Offer<'_>> {
    let version = body.u16()?;
    let _random = body.take(32)?;
    let _session = body.counted_by_u8()?;
    let mut offer = Offer { version, ..Offer::default() };
    // Whatever is cut off is not known, and that is no error.
    if let Some(ciphers) = body.counted_by_u16()
        && body.counted_by_u8().is_some()
    {
        let (extensions, is_end) = extensions(&mut body);
        offer = Offer { ciphers, extensions, is_whole: is_whole && is_end, ..offer };
    }
    Some(offer)
}

/// The extensions that are whole, and whether those are all.
fn extensions<'a>(body: &mut Bytes<'a>) -> (Vec<Extension<'a>>, bool) {
    let mut extensions = Vec::new();
    if body.0.is_empty() {
        return (extensions, true);
    }
    let Some(length) = body.u16() else { return (extensions, false) };
    let mut rest = Bytes(body.up_to(length.into()));
    let is_there = rest.0.len() == usize::from(length);
    let next = |rest: &mut Bytes<'a>| Some(Extension { kind: rest.u16()?, data: rest.counted_by_u16()? });
    while let Some(extension) = next(&mut rest) {
        extensions.push(extension);
    }
    (extensions, is_there && rest.0.is_empty())
}

fn server_name(data: &[u8]) -> Option<Box<str>> {
    const HOST_NAME: u8 = 0;
    let mut list = Bytes(Bytes(data).counted_by_u16()?);
    (list.u8()? == HOST_NAME).then_some(())?;
    host_name(list.counted_by_u16()?)
}

/// Whether it is a value that only keeps servers from choking on unknown ones (RFC 8701).
pub(super) fn is_grease(value: u16) -> bool {
    value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff
}

/// Numbers of 16 bits without those that mean nothing.
pub(super) fn meant(bytes: &[u8]) -> impl Iterator<Item = u16> {
    u16s(bytes).filter(|value| !is_grease(*value))
}
