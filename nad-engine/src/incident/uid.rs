//! Names of incidents that no other sensor, run or capture gives: UUIDv7 (RFC 9562).
//!
//! The time is the incident's beginning, and what is random there comes from the sensor's hash key: a live sensor draws that from
//! the system, and a replay takes it from its seed, so that a replay can be repeated.

use uuid::{Builder, Uuid};

use crate::context::{hash::HashKey, host_key::HostKey};

/// The name of the incident that began at this Unix time, in nanoseconds, as the `number`th of the run; `principal` is who is
/// behind it.
pub(super) fn of(key: &HashKey, start_ns: u64, number: u64, principal: HostKey) -> Uuid {
    let who = principal.hashed(key).hash;
    let [first, second] = [1, 2].map(|half| key.hash([start_ns, number, who, half]).to_be_bytes());
    let mut random = [0; 10];
    random[..8].copy_from_slice(&first);
    random[8..].copy_from_slice(&second[..2]);
    Builder::from_unix_timestamp_millis(start_ns / 1_000_000, &random).into_uuid()
}

/// In bytes it is a number.
pub(super) mod number {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use uuid::Uuid;

    pub(in crate::incident) fn serialize<S: Serializer>(
        uid: &Uuid,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        uid.as_u128().serialize(serializer)
    }

    pub(in crate::incident) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Uuid, D::Error> {
        u128::deserialize(deserializer).map(Uuid::from_u128)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const START_NS: u64 = 1_795_335_254_600_000_000;

    #[test]
    fn the_same_beginning_has_the_same_name_and_anything_else_another() {
        let host = |last| HostKey::v4([10, 0, 0, last]);
        let named =
            |seed, start_ns, number, last| of(&HashKey::from_seed(seed), start_ns, number, host(last));
        assert_eq!(named(1, START_NS, 1, 1), named(1, START_NS, 1, 1));
        let others = [
            named(1, START_NS, 1, 1),
            named(2, START_NS, 1, 1),
            named(1, START_NS + 1, 1, 1),
            named(1, START_NS, 2, 1),
            named(1, START_NS, 1, 2),
        ];
        assert_eq!(others.iter().collect::<HashSet<_>>().len(), others.len(), "{others:?}");
        let text = others[0].to_string();
        assert_eq!((others[0].get_version_num(), text.as_bytes()[14]), (7, b'7'), "{text}");
        assert!(b"89ab".contains(&text.as_bytes()[19]), "the variant of RFC 9562: {text}");
        let milliseconds = u64::from_str_radix(&text.replace('-', "")[..12], 16).unwrap();
        assert_eq!(milliseconds, START_NS / 1_000_000);
    }
}
