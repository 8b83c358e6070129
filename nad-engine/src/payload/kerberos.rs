//! Error messages of Kerberos over TCP (RFC 4120, 5.9.1, 7.2.2 and 7.5.9).

use super::{
    ber,
    bytes::Bytes,
    refusal::{Protocol, Refusal, Refused},
};

/// What an error message refuses.
pub(super) fn read(head: &[u8]) -> Option<Refusal> {
    const KRB_ERROR: u8 = 0x7e;
    const SEQUENCE: u8 = 0x30;
    const ERROR_CODE: u8 = 0xa6;
    const INTEGER: u8 = 0x02;
    // The message's length stands before it.
    let mut rest = Bytes(head.get(4..)?);
    let mut fields = ber::expect(&mut ber::expect(&mut rest, KRB_ERROR)?, SEQUENCE)?;
    while let Some(field) = ber::next(&mut fields) {
        if field.tag == ERROR_CODE {
            let code = ber::integer(ber::expect(&mut Bytes(field.content), INTEGER)?.0)?;
            return refused(code).map(|what| Protocol::Kerberos.refuses(what));
        }
    }
    None
}

fn refused(code: u32) -> Option<Refused> {
    match code {
        // None; proof is asked for, as it is in every login; a larger answer than UDP takes.
        0 | 25 | 52 => None,
        // Expired names, an unknown client, revoked or not yet valid, an expired password, a wrong one, a ticket that
        // does not decrypt.
        1 | 6 | 18 | 21 | 23 | 24 | 31 => Some(Refused::Login),
        12 => Some(Refused::Access),
        _ => Some(Refused::Error),
    }
}
