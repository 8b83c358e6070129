//! Errors in the answers of Microsoft SQL Server ([MS-TDS] 2.2.7.10).

use super::{
    bytes::Bytes,
    refusal::{Protocol, Refusal, Refused},
};

/// What the first error refuses.
pub(super) fn read(head: &[u8]) -> Option<Refusal> {
    const RESPONSE: u8 = 4;
    const ERROR: u8 = 0xaa;
    // Information, the acknowledgement of a login, changes of the environment.
    const OTHERS: [u8; 3] = [0xab, 0xad, 0xe3];
    let mut rest = Bytes(head);
    let [kind, ..] = rest.array::<8>()?;
    (kind == RESPONSE).then_some(())?;
    loop {
        let token = rest.u8()?;
        let length = u16::from_le_bytes(rest.array()?);
        match token {
            ERROR => return Some(Protocol::Tds.refuses(refused(u32::from_le_bytes(rest.array()?)))),
            _ if OTHERS.contains(&token) => _ = rest.take(length.into())?,
            _ => return None,
        }
    }
}

fn refused(number: u32) -> Refused {
    match number {
        // Failed, from an untrusted domain, disabled, locked, expired, to be changed.
        18456 | 18452 | 18470 | 18486..=18488 => Refused::Login,
        // Objects, columns, statements, databases.
        229 | 230 | 262 | 297 | 300 | 916 | 4060 => Refused::Access,
        _ => Refused::Error,
    }
}
