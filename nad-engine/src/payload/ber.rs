//! Elements of BER (ITU-T X.690), as far as LDAP and Kerberos need them.

use super::bytes::Bytes;

/// An element: one byte of tag, and as much of its content as the head has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
}

/// The next element. Tags of several bytes and lengths without an end are not used by those protocols.
pub(super) fn next<'a>(bytes: &mut Bytes<'a>) -> Option<Element<'a>> {
    let tag = bytes.u8()?;
    let length = match bytes.u8()? {
        short @ 0..0x80 => usize::from(short),
        long => {
            const MOST: usize = 4;
            let digits =
                bytes.take(usize::from(long & 0x7f)).filter(|digits| (1..=MOST).contains(&digits.len()))?;
            digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit))
        }
    };
    Some(Element { tag, content: bytes.up_to(length) })
}

/// The content of the next element, where it has this tag.
pub(super) fn expect<'a>(bytes: &mut Bytes<'a>, tag: u8) -> Option<Bytes<'a>> {
    next(bytes).filter(|element| element.tag == tag).map(|element| Bytes(element.content))
}

/// A small integer that is not negative.
pub(super) fn integer(content: &[u8]) -> Option<u32> {
    const MOST: usize = 4;
    (1..=MOST).contains(&content.len()).then_some(())?;
    Some(content.iter().fold(0, |value, byte| value << 8 | u32::from(*byte)))
}
