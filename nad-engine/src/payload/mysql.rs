//! MySQL's `ERR_Packet`
//! (<https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_err_packet.html>).

use super::{
    bytes::Bytes,
    refusal::{Protocol, Refusal, Refused},
};

/// What an error refuses.
pub(super) fn read(head: &[u8]) -> Option<Refusal> {
    const ERR: u8 = 0xff;
    // Length and number of the packet stand before it.
    let mut rest = Bytes(head.get(4..)?);
    (rest.u8()? == ERR).then_some(())?;
    let number = u16::from_le_bytes(rest.array()?);
    let what = match number {
        // Access denied, also without a password; the password is expired, the account locked.
        1045 | 1698 | 1820 | 1862 | 3118 => Refused::Login,
        // The database, host blocked, host not allowed, a table, a column, a privilege, a routine.
        1044 | 1129 | 1130 | 1142 | 1143 | 1227 | 1370 => Refused::Access,
        _ => Refused::Error,
    };
    Some(Protocol::MySql.refuses(what))
}
