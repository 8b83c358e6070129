//! PostgreSQL's `ErrorResponse`
//! (<https://www.postgresql.org/docs/current/protocol-error-fields.html>).

use super::{
    bytes::Bytes,
    refusal::{Protocol, Refusal, Refused},
};

/// What an error refuses.
pub(super) fn read(head: &[u8]) -> Option<Refusal> {
    const SQL_STATE: u8 = b'C';
    let mut rest = Bytes(head);
    (rest.u8()? == b'E').then_some(())?;
    let _length = rest.array::<4>()?;
    let mut fields = rest.0.split(|byte| *byte == 0);
    let state = fields.find_map(|field| field.strip_prefix(&[SQL_STATE]))?;
    let what = match state {
        // Class 28: invalid authorization specification.
        [b'2', b'8', ..] => Refused::Login,
        b"42501" => Refused::Access,
        _ => Refused::Error,
    };
    Some(Protocol::Postgres.refuses(what))
}
