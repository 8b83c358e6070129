//! Replies of FTP (RFC 959, 4.2), SMTP (RFC 5321, 4.2), POP3 (RFC 1939) and IMAP (RFC 9051, 7.1).

use super::refusal::{Protocol, Refusal, Refused};

/// What the server at this port refuses.
pub(super) fn read(port: u16, head: &[u8]) -> Option<Refusal> {
    let mut lines = head.split(|byte| *byte == b'\n');
    let (protocol, what) = match port {
        21 => (Protocol::Ftp, ftp(code(lines.next()?)?)),
        25 | 587 => (Protocol::Smtp, smtp(lines.next()?)),
        110 => (Protocol::Pop3, pop3(lines.next()?)),
        // Untagged lines come before the one that answers.
        143 => (Protocol::Imap, lines.find_map(imap)),
        _ => return None,
    };
    what.map(|what| protocol.refuses(what))
}

/// The three digits that begin a reply.
fn code(line: &[u8]) -> Option<u16> {
    let digits = line.first_chunk::<3>()?;
    let is_end = line.get(3).is_none_or(|byte| matches!(byte, b' ' | b'-' | b'\r'));
    let digits = str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    is_end.then(|| digits.parse().ok()).flatten()
}

fn ftp(code: u16) -> Option<Refused> {
    match code {
        430 | 530 => Some(Refused::Login),
        532..=534 => Some(Refused::Access),
        400..600 => Some(Refused::Error),
        _ => None,
    }
}

fn smtp(line: &[u8]) -> Option<Refused> {
    match code(line)? {
        // RFC 4954, 6: authentication.
        432 | 454 | 530 | 534 | 535 | 538 => Some(Refused::Login),
        // RFC 3463, 3.8: policy.
        400..600 if line.get(5..).is_some_and(|status| status.starts_with(b".7.")) => Some(Refused::Access),
        400..600 => Some(Refused::Error),
        _ => None,
    }
}

fn pop3(line: &[u8]) -> Option<Refused> {
    let said = line.strip_prefix(b"-ERR")?;
    Some(if is_about_a_login(said) { Refused::Login } else { Refused::Error })
}

fn imap(line: &[u8]) -> Option<Refused> {
    let mut words = line.splitn(3, |byte| *byte == b' ');
    let (_tag, status) = (words.next()?, words.next()?);
    let said = words.next().unwrap_or_default();
    match status.trim_ascii_end() {
        b"NO" if contains(said, b"[noperm]") => Some(Refused::Access),
        b"NO" if is_about_a_login(said) => Some(Refused::Login),
        b"NO" | b"BAD" => Some(Refused::Error),
        _ => None,
    }
}

/// There are codes for it (RFC 3206, RFC 5530), but many servers say it in words only.
fn is_about_a_login(said: &[u8]) -> bool {
    [&b"auth"[..], b"login", b"logon", b"password", b"credential"].iter().any(|word| contains(said, word))
}

/// Whether a text has a word, which is given in lower case.
fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word))
}
