//! Bytes that ordinary requests have few of; see [`HttpRequest::odd`](super::HttpRequest::odd).

/// How many a request target has; no more than it has bytes.
pub(super) fn in_target(target: &[u8]) -> u16 {
    let mut count = 0_u16;
    let mut rest = target;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        let is_odd = match (byte, encoded(after)) {
            (b'%', Some(hidden)) => {
                rest = &after[2..];
                is_odd_encoded(hidden, rest)
            }
            _ => *byte == b' ' || is_odd_in_target(*byte),
        };
        count = count.saturating_add(is_odd.into());
    }
    let segments = target.split(|byte| matches!(byte, b'/' | b'?' | b'=' | b'&'));
    let steps_up = segments.filter(|segment| *segment == b"..").count();
    count.saturating_add(u16::try_from(steps_up).unwrap_or(u16::MAX))
}

/// How many the value of a header field has.
pub(super) fn in_value(value: &[u8]) -> u16 {
    let is_odd = |byte: &&u8| {
        is_metacharacter(**byte) || !byte.is_ascii() || byte.is_ascii_control() && **byte != b'\t'
    };
    u16::try_from(value.iter().filter(is_odd).count()).unwrap_or(u16::MAX)
}

fn is_odd_in_target(byte: u8) -> bool {
    byte.is_ascii_control() || !byte.is_ascii() || is_metacharacter(byte) || matches!(byte, b';' | b'"')
}

const fn is_metacharacter(byte: u8) -> bool {
    matches!(byte, b'$' | b'{' | b'}' | b'<' | b'>' | b'\\' | b'|' | b'\'' | b'^' | b'`')
}

/// Whether an encoded byte is odd, before what follows it.
fn is_odd_encoded(byte: u8, after: &[u8]) -> bool {
    let is_unreserved = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let is_encoded_twice = byte == b'%' && encoded(after).is_some();
    byte.is_ascii() && is_odd_in_target(byte) || is_unreserved || is_encoded_twice
}

/// The byte that two hexadecimal digits stand for.
fn encoded(digits: &[u8]) -> Option<u8> {
    let digit = |place: usize| char::from(*digits.get(place)?).to_digit(16);
    u8::try_from(digit(0)? << 4 | digit(1)?).ok()
}
