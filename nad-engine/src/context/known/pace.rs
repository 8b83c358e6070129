//! At what pace a client comes back to servers at one port: a program that asks one server each minute asks the next one so, too.

use super::{FORGET_AFTER_S, KnownKey, KnownServices, nanoseconds};
use crate::context::{service_pair::ServicePairState, table::Group};

/// How far apart two paces are the same, as a part of the former.
const ALIKE: f32 = 0.25;
/// Regular intervals in a row from which on a pair's pace becomes its client's: a beacon is reported long before, so that who changes
/// his server again and again excuses nothing by it.
const SHOWN: f32 = 16.0;

impl KnownServices {
    /// Whether a client came back to another server at the port of this pair, as often, before the pair began. Where no pace of its
    /// is known, that of a pair which goes on for long becomes it.
    pub(in crate::context) fn is_usual_pace(&mut self, pair: &ServicePairState, now_ns: u64) -> bool {
        let (now_s, began_s) = (self.now_s(now_ns), self.now_s(pair.first_ns));
        let hash_key = self.hash_key;
        let wanted = KnownKey::pace(pair.client, &pair.service()).hashed(&hash_key);
        let is_remembered = |last_s: u32| now_s.saturating_sub(last_s) <= FORGET_AFTER_S;
        let known = self.table.find(&wanted).filter(|slot| is_remembered(self.table.get(*slot).last_s));
        let Some(slot) = known else {
            if pair.regular_intervals >= SHOWN {
                let group = || Group::of(&hash_key, pair.client, [0; 6]);
                if let Some(slot) = self.table.enter(&wanted, group, nanoseconds(now_s)).slot() {
                    let entry = self.table.get_mut(slot);
                    (entry.first_s, entry.last_s, entry.settled[0]) = (now_s, now_s, pair.interval_mean);
                }
            }
            return false;
        };
        let entry = self.table.get_mut(slot);
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
        (pair.first_ns, pair.interval_mean, pair.regular_intervals) = (began * SECOND, interval, SHOWN);
        pair
    }

    #[test]
    fn who_changes_his_server_before_he_is_reported_excuses_nothing() {
        let table = KnownServices::table(1024).unwrap();
        let mut known = KnownServices::new(table, HashKey::from_seed(0), 60);
        known.begin(SECOND);
        for server in 1..20 {
            let mut short = pair(server, 100 * u64::from(server), 10.0);
            short.regular_intervals = 5.0;
            assert!(!known.is_usual_pace(&short, (100 * u64::from(server) + 60) * SECOND), "{server}");
        }
    }

    #[test]
    fn another_server_at_the_same_pace_is_usual_and_one_at_another_pace_is_not() {
        let table = KnownServices::table(1024).unwrap();
        let mut known = KnownServices::new(table, HashKey::from_seed(0), 60);
        known.begin(SECOND);
        assert!(!known.is_usual_pace(&pair(1, 10, 30.0), 200 * SECOND), "it is the first");
        assert!(!known.is_usual_pace(&pair(1, 10, 30.0), 300 * SECOND), "it does not excuse itself");
        assert!(
            !known.is_usual_pace(&pair(2, 100, 30.0), 300 * SECOND),
            "it began before the first one was regular"
        );
        assert!(known.is_usual_pace(&pair(3, 250, 33.0), 400 * SECOND));
        assert!(!known.is_usual_pace(&pair(4, 250, 10.0), 400 * SECOND));
        let mut other_port = pair(5, 250, 30.0);
        other_port.port = 80;
        assert!(!known.is_usual_pace(&other_port, 400 * SECOND));
    }
}
