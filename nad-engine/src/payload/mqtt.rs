//! MQTT's answer to a connection (3.1.1: 3.2.2.3; 5: 3.2.2.2).

use super::{
    bytes::Bytes,
    refusal::{Protocol, Refusal, Refused},
};

/// What a CONNACK packet refuses.
pub(super) fn read(head: &[u8]) -> Option<Refusal> {
    const CONNACK: u8 = 0x20;
    let mut rest = Bytes(head);
    (rest.u8()? == CONNACK).then_some(())?;
    // The length that follows has up to four bytes, all but the last with the highest bit.
    const MOST: usize = 4;
    let mut length = (0..MOST).map_while(|_| rest.u8());
    length.find(|byte| byte & 0x80 == 0)?;
    let _flags = rest.u8()?;
    let what = match rest.u8()? {
        0 => return None,
        // Version 3.1.1: a bad user name or password; not authorized, which brokers say of both.
        4 | 5 => Refused::Login,
        // Version 5: bad user name or password, not authorized, bad authentication method.
        0x86 | 0x87 | 0x8c => Refused::Login,
        // Banned.
        0x8a => Refused::Access,
        _ => Refused::Error,
    };
    Some(Protocol::Mqtt.refuses(what))
}
