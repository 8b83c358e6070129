//! At what pace a client comes back to servers at one port: a program that asks one server each minute asks the next one so, too.

use super::{FORGET_AFTER_S, KnownKey, KnownServices, nanoseconds};
use crate::context::{service_pair::ServicePairState, table::Group};

/// How far apart two paces are the same, as a part of the former.
const ALIKE: f32 = 0.25;

impl KnownServices {
    /// Whether a client came back to another server at the port of this regular pair, as often, before the pair began. Where none is
    /// known, the pair's pace becomes the client's.
    pub(in crate::context) fn has_pace(&mut self, pair: &ServicePairState, now_ns: u64) -> bool {
        let (now_s, began_s) = (self.now_s(now_ns), self.now_s(pair.first_ns));
        let hash_key = self.hash_key;
        let wanted = KnownKey::pace(pair.client, &pair.service()).hashed(&hash_key);
        let group = || Group::of(&hash_key, pair.client, [0; 6]);
        let Some(slot) = self.table.enter(&wanted, group, nanoseconds(now_s)).slot() else { return false };
        let entry = self.table.get_mut(slot);
        if entry.last_s == 0 || now_s.saturating_sub(entry.last_s) > FORGET_AFTER_S {
            (entry.first_s, entry.settled[0]) = (now_s, pair.interval_mean);
        }
        entry.last_s = now_s;
        let [pace, ..] = entry.settled;
        entry.first_s < began_s && (pair.interval_mean - pace).abs() <= ALIKE * pace
    }
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable;

    use super::*;
    use crate::context::{hash::HashKey, host_key::HostKey};

    const SECOND: u64 = 1_000_000_000;

    /// A pair of 10.0.0.1 with a server outside that began at a second, and comes back each so many seconds.
    fn pair(server: u8, began: u64, interval: f32) -> ServicePairState {
        let mut pair = ServicePairState::zeroed();
        (pair.client, pair.server) = (HostKey::v4([10, 0, 0, 1]), HostKey::v4([198, 51, 100, server]));
        (pair.port, pair.protocol) = (443, 6);
        (pair.first_ns, pair.interval_mean) = (began * SECOND, interval);
        pair
    }

    #[test]
    fn another_server_at_the_same_pace_is_usual_and_one_at_another_pace_is_not() {
        let table = KnownServices::table(1024).unwrap();
        let mut known = KnownServices::new(table, HashKey::from_seed(0), 60);
        known.begin(SECOND);
        assert!(!known.has_pace(&pair(1, 10, 30.0), 200 * SECOND), "it is the first");
        assert!(!known.has_pace(&pair(1, 10, 30.0), 300 * SECOND), "it does not excuse itself");
        assert!(
            !known.has_pace(&pair(2, 100, 30.0), 300 * SECOND),
            "it began before the first one was regular"
        );
        assert!(known.has_pace(&pair(3, 250, 33.0), 400 * SECOND));
        assert!(!known.has_pace(&pair(4, 250, 10.0), 400 * SECOND));
        let mut other_port = pair(5, 250, 30.0);
        other_port.port = 80;
        assert!(!known.has_pace(&other_port, 400 * SECOND));
    }
}
