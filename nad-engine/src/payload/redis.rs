//! Redis's errors (<https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors>).

use super::refusal::{Protocol, Refusal, Refused};

/// What an error refuses.
pub(super) fn read(head: &[u8]) -> Option<Refusal> {
    let line = head.strip_prefix(b"-")?.split(|byte| *byte == b'\r').next()?;
    let word = line.split(|byte| *byte == b' ').next()?;
    let what = match word {
        b"NOAUTH" | b"WRONGPASS" => Refused::Login,
        // What versions before 6 say of a wrong password.
        b"ERR" if line.starts_with(b"ERR invalid password") => Refused::Login,
        b"NOPERM" | b"DENIED" => Refused::Access,
        // Another server of the cluster has it.
        b"MOVED" | b"ASK" => return None,
        _ => Refused::Error,
    };
    Some(Protocol::Redis.refuses(what))
}
