//! Heads of HTTP/1 requests and responses (RFC 9112).
//!
//! They are read by hand: the requests that matter most are those that a strict parser would refuse.

mod odd;

use super::{
    host_name,
    refusal::{Protocol, Refusal, Refused},
    text,
};

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// What is to be done.
    pub method: Method,
    /// The name or address of the server without a port, from the Host field or, where there is none, from the target.
    pub host: Option<Box<str>>,
    /// Bytes of the request target: path and query. Those past the end of the head are not counted.
    pub target_length: u16,
    /// What the client calls itself; at most 128 characters.
    pub user_agent: Option<Box<str>>,
    /// Bytes of the request's head that ordinary requests have few of or none: they end or begin something in the
    /// languages of shells, templates, queries and markup, so that injected commands need them.
    ///
    /// In the request target (RFC 3986 allows none of them but `$`, `'` and `;`):
    /// - control bytes, spaces and bytes that are not ASCII,
    /// - ``$ { } < > \ | ; ' " ^ ` ``,
    /// - percent-encodings of control bytes and of those characters,
    /// - percent-encodings that hide something: of letters, digits and `- . _ ~`, which no client encodes (RFC 3986,
    ///   2.3), and of a percent sign before two digits (encoded twice),
    /// - segments `..`, which clients resolve before they ask (RFC 3986, 5.2.4).
    ///
    /// In the values of header fields: control bytes but tabs, bytes that are not ASCII, and ``$ { } < > \ | ' ^ ` ``;
    /// no semicolons and quotation marks, which are syntax there, and no encodings, which nobody undoes there.
    ///
    /// Encoded text of any language (bytes from 0x80) does not count.
    pub odd: u16,
}

/// A response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpResponse {
    /// The status code, 100 to 999.
    pub status: u16,
}

impl HttpResponse {
    /// What it refuses, where it does: 401 and 407 ask for a login, 403 denies access, and all others from 400 on are
    /// errors.
    pub fn refusal(self) -> Option<Refusal> {
        let what = match self.status {
            401 | 407 => Refused::Login,
            403 => Refused::Access,
            400.. => Refused::Error,
            _ => return None,
        };
        Some(Refusal { protocol: Protocol::Http, what })
    }
}

/// The method of a request (RFC 9110, 9; RFC 5789).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// Transfer it.
    Get,
    /// Only its header.
    Head,
    /// Process what is sent.
    Post,
    /// Replace it.
    Put,
    /// Change it.
    Patch,
    /// Remove it.
    Delete,
    /// A tunnel.
    Connect,
    /// What can be done.
    Options,
    /// A loopback test.
    Trace,
}

impl Method {
    fn of(word: &[u8]) -> Option<Self> {
        Some(match word {
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            b"POST" => Self::Post,
            b"PUT" => Self::Put,
            b"PATCH" => Self::Patch,
            b"DELETE" => Self::Delete,
            b"CONNECT" => Self::Connect,
            b"OPTIONS" => Self::Options,
            b"TRACE" => Self::Trace,
            _ => return None,
        })
    }
}

pub(super) fn request(head: &[u8]) -> Option<HttpRequest> {
    const MOST_OF_AGENT: usize = 128;
    let mut lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let line = lines.next()?;
    let space = line.iter().position(|byte| *byte == b' ')?;
    let method = Method::of(&line[..space])?;
    let target = without_version(&line[space + 1..]);
    let mut request = HttpRequest {
        method,
        host: None,
        target_length: u16::try_from(target.len()).unwrap_or(u16::MAX),
        user_agent: None,
        odd: odd::in_target(target),
    };
    // An empty line ends the header; what follows is content.
    for line in lines.take_while(|line| !line.is_empty()) {
        let colon = line.iter().position(|byte| *byte == b':');
        let (name, value) = colon.map_or((&line[..0], line), |colon| (&line[..colon], &line[colon + 1..]));
        let value = value.trim_ascii();
        request.odd += odd::in_value(value);
        if name.eq_ignore_ascii_case(b"host") && request.host.is_none() {
            request.host = host_name(without_port(value));
        } else if name.eq_ignore_ascii_case(b"user-agent") && request.user_agent.is_none() {
            request.user_agent = Some(text(value, MOST_OF_AGENT));
        }
    }
    request.host = request.host.or_else(|| authority(method, target).and_then(host_name));
    Some(request)
}

pub(super) fn response(head: &[u8]) -> Option<HttpResponse> {
    let [b'H', b'T', b'T', b'P', b'/', b'1', b'.', _, b' ', digits @ .., _] = head.first_chunk::<13>()?
    else {
        return None;
    };
    let digits = str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    let status = digits.parse().ok().filter(|status| *status >= 100)?;
    Some(HttpResponse { status })
}

/// What stands before the version at the end of a request line; all of it where the head ends before that.
fn without_version(rest: &[u8]) -> &[u8] {
    let version = rest.windows(6).rposition(|window| window == b" HTTP/");
    version.map_or(rest, |version| &rest[..version])
}

/// The server that a target names: one for a proxy, or the end of a tunnel (RFC 9112, 3.2.2 and 3.2.3).
fn authority(method: Method, target: &[u8]) -> Option<&[u8]> {
    let authority = match method {
        Method::Connect => target,
        _ => target.strip_prefix(b"http://")?,
    };
    let end = authority.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(authority.len());
    // Before an @ may stand a name with a password.
    let start = authority[..end].iter().rposition(|byte| *byte == b'@').map_or(0, |at| at + 1);
    Some(without_port(&authority[start..end]))
}

/// The host of `host:port` or `[IPv6]:port`.
fn without_port(authority: &[u8]) -> &[u8] {
    if let Some(inner) = authority.strip_prefix(b"[") {
        return inner.split(|byte| *byte == b']').next().unwrap_or(inner);
    }
    authority.split(|byte| *byte == b':').next().unwrap_or(authority)
}
