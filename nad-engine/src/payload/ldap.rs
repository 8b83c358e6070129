//! Results of LDAP operations (RFC 4511, 4.1.9 and appendix A).

use super::{
    ber,
    bytes::Bytes,
    refusal::{Protocol, Refusal, Refused},
};

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const ENUMERATED: u8 = 0x0a;

/// What the messages of a head refuse: the first that does.
pub(super) fn read(head: &[u8]) -> Option<Refusal> {
    let mut rest = Bytes(head);
    while let Some(message) = ber::expect(&mut rest, SEQUENCE) {
        if let Some(what) = result(message).and_then(refused) {
            return Some(Protocol::Ldap.refuses(what));
        }
    }
    None
}

/// The result code of a response.
fn result(mut message: Bytes<'_>) -> Option<u32> {
    ber::expect(&mut message, INTEGER)?;
    let operation = ber::next(&mut message)?;
    // The responses to bind, search, modify, add, delete, rename and compare, and of extensions.
    const RESPONSES: [u8; 8] = [0x61, 0x65, 0x67, 0x69, 0x6b, 0x6d, 0x6f, 0x78];
    RESPONSES.contains(&operation.tag).then_some(())?;
    let code = ber::expect(&mut Bytes(operation.content), ENUMERATED)?;
    ber::integer(code.0)
}

fn refused(code: u32) -> Option<Refused> {
    match code {
        // Success, the outcomes of a comparison, a referral, and a login that goes on.
        0 | 5 | 6 | 10 | 14 => None,
        // The method is not supported or too weak, inappropriate, invalid credentials.
        7 | 8 | 48 | 49 => Some(Refused::Login),
        50 => Some(Refused::Access),
        _ => Some(Refused::Error),
    }
}
