//! Clients whose work it is to meet new servers: probers, load balancers, crawlers, mail servers.
//!
//! What such a client opens to servers that it never used is no scan, as long as they are at the port where it met new ones
//! again and again in the baseline, answer as those did, and do not come much faster than then. Only the baseline counts:
//! nobody shows his work or a higher rate later. Servers of one's own network and those outside are apart, so that a
//! browser may not sweep the office.

use super::{FORGET_AFTER_S, KnownEntry, KnownKey, KnownServices, Peaks, ServiceKey};
use crate::context::{decay::Decay, host_key::HostKey, table::Group};

/// New servers in the baseline, and periods of it in which there were some, that show a client's work.
const LEAST_SERVERS: f32 = 8.0;
const LEAST_PERIODS: f32 = 4.0;
/// Periods in an epoch, of which a baseline has four; none is shorter than a moment.
const PERIODS: u32 = 12;
/// Seconds of a moment.
const MOMENT_S: u32 = 10;
/// By how much more often than in an average moment with new servers it may meet some, and how many in a moment in any case.
const BURST: f32 = 4.0;
const LEAST_BURST: f32 = 4.0;
/// Servers of about the last minute that need not have answered, and which part of those that it usually meets in a moment.
const UNANSWERED: f32 = 4.0;
const UNANSWERED_SHARE: f32 = 0.5;

/// What is known of a client's meetings at a port, in the numbers of a [`KnownEntry`].
struct Meetings<'a> {
    /// New servers that answered in the baseline.
    servers: &'a mut f32,
    /// Moments, and longer periods, in which there were some.
    moments: &'a mut f32,
    periods: &'a mut f32,
    /// New ones that it turned to in the last seconds, fading.
    recent: &'a mut f32,
    /// Those of about the last minute that passed for its work and have not answered.
    unanswered: &'a mut f32,
    /// Up to when the last two have faded, in seconds of watched time.
    faded_s: &'a mut u32,
}

impl KnownEntry {
    fn meetings(&mut self) -> Meetings<'_> {
        let [servers, moments, periods, _]: &mut Peaks = &mut self.settled;
        let [recent, unanswered, ..]: &mut Peaks = &mut self.growing;
        Meetings { servers, moments, periods, recent, unanswered, faded_s: &mut self.epoch }
    }
}

impl KnownServices {
    /// A server that a client never used has answered.
    pub(super) fn meet(&mut self, client: HostKey, mac: [u8; 6], service: &ServiceKey, now_s: u32) {
        let hash_key = self.hash_key;
        let period_s = (self.epoch_s / PERIODS).max(MOMENT_S);
        let group = || Group::of(&hash_key, client, mac);
        let wanted = KnownKey::meetings(client, service).hashed(&hash_key);
        let Some(slot) = self.table.enter(&wanted, group, super::nanoseconds(now_s)).slot() else { return };
        let entry = self.table.get_mut(slot);
        let is_first = entry.last_s == 0 || now_s.saturating_sub(entry.last_s) > FORGET_AFTER_S;
        if is_first {
            *entry = KnownEntry { key: entry.key, first_s: now_s, ..bytemuck::Zeroable::zeroed() };
        }
        let last_s = std::mem::replace(&mut entry.last_s, now_s);
        let is_later = entry.in_baseline != 0;
        let meetings = entry.meetings();
        *meetings.unanswered = (*meetings.unanswered - 1.0).max(0.0);
        if is_later {
            return;
        }
        let is_other = |length_s| is_first || now_s / length_s != last_s / length_s;
        *meetings.servers += 1.0;
        *meetings.moments += f32::from(u8::from(is_other(MOMENT_S)));
        *meetings.periods += f32::from(u8::from(is_other(period_s)));
    }

    /// Whether it is a client's work to meet new servers at this port.
    pub fn is_worker(&self, client: HostKey, service: &ServiceKey, now_ns: u64) -> bool {
        let now_s = self.now_s(now_ns);
        let meetings = self.table.find(&KnownKey::meetings(client, service).hashed(&self.hash_key));
        meetings.is_some_and(|slot| {
            let entry = self.table.get(slot);
            let [servers, _, periods, _] = entry.settled;
            entry.in_baseline != 0
                && now_s.saturating_sub(entry.last_s) <= FORGET_AFTER_S
                && servers >= LEAST_SERVERS
                && periods >= LEAST_PERIODS
        })
    }

    /// A client turns to a server that it is not known to use: whether that is its work.
    pub fn is_work(&mut self, client: HostKey, service: &ServiceKey, now_ns: u64) -> bool {
        if !self.is_worker(client, service, now_ns) {
            return false;
        }
        let now_s = self.now_s(now_ns);
        let is_remembered = |entry: &KnownEntry| now_s.saturating_sub(entry.last_s) <= FORGET_AFTER_S;
        let Some(slot) = self.table.find(&KnownKey::meetings(client, service).hashed(&self.hash_key)) else {
            return false;
        };
        let [servers, moments, ..] = self.table.get(slot).settled;
        let met = self.table.find(&KnownKey::service_pair(client, service).hashed(&self.hash_key));
        if met.is_some_and(|slot| is_remembered(self.table.get(slot))) {
            // It comes back to one that answered, before that is known for long enough.
            return true;
        }
        let meetings = self.table.get_mut(slot).meetings();
        let age_s = u64::from(now_s.saturating_sub(*meetings.faded_s));
        let decay = Decay::after(age_s.saturating_mul(1_000_000_000));
        *meetings.recent *= decay.ten;
        *meetings.unanswered *= decay.minute;
        *meetings.faded_s = now_s;
        let a_moment = servers / moments.max(1.0);
        let is_work = *meetings.recent < LEAST_BURST.max(BURST * a_moment)
            && *meetings.unanswered < UNANSWERED.max(UNANSWERED_SHARE * a_moment);
        // A sweep counts, too, so that it does not become work again while it goes on.
        *meetings.recent += 1.0;
        *meetings.unanswered += if is_work { 1.0 } else { 0.0 };
        is_work
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::{hash::HashKey, vantage::Trust};

    const SECOND: u64 = 1_000_000_000;
    const BASELINE_S: u64 = 120;
    const PROBER: [u8; 4] = [10, 0, 0, 1];

    fn client() -> HostKey {
        HostKey::v4(PROBER)
    }

    fn web(server: u16) -> ServiceKey {
        let [high, low] = server.to_be_bytes();
        ServiceKey { server: HostKey::v4([10, 1, high, low]), port: 443, protocol: 6 }
    }

    fn meet(known: &mut KnownServices, service: &ServiceKey, second: u64) -> bool {
        let is_work = known.is_work(client(), service, second * SECOND);
        known.remember(client(), [0; 6], service, second * SECOND);
        is_work
    }

    /// The known services of a client that met another server each so many seconds of the baseline, as its model has them.
    fn prober(every_s: u64) -> KnownServices {
        let key = HashKey::from_seed(0);
        let mut known = KnownServices::new(KnownServices::table(4096).unwrap(), key, BASELINE_S);
        for (server, second) in (0..BASELINE_S).step_by(every_s as usize).enumerate() {
            meet(&mut known, &web(server as u16), second);
        }
        known.end_baseline();
        let kept = known.keep(Trust::default(), BASELINE_S * SECOND);
        let mut known = KnownServices::restore(KnownServices::table(4096).unwrap(), key, &kept);
        known.begin(0);
        known
    }

    #[test]
    fn who_met_new_servers_again_and_again_goes_on_with_its_work() {
        let mut known = prober(5);
        assert!((0..200).all(|round| meet(&mut known, &web(1000 + round), u64::from(round) * 5)));
        let twice = (0..40).map(|round| meet(&mut known, &web(2000 + round), 1000 + u64::from(round) * 2));
        assert!(twice.into_iter().all(|is_work| is_work), "a little faster is no sweep");
    }

    #[test]
    fn it_may_come_back_to_those_it_met() {
        let mut known = prober(5);
        for round in 0..100_u16 {
            let second = u64::from(round) * 5;
            assert!(meet(&mut known, &web(1000 + round), second), "{round}");
            for again in round.saturating_sub(20)..=round {
                assert!(meet(&mut known, &web(1000 + again), second + 1), "{again} in round {round}");
            }
        }
    }

    #[test]
    fn a_rate_that_grows_after_the_baseline_becomes_no_usual_one() {
        let mut known = prober(5);
        let mut server = 1000;
        for second in 0..3600 {
            // Just below what is a sweep, again and again.
            for _ in 0..2 {
                meet(&mut known, &web(server), second / 10 * 10);
                server += 1;
            }
        }
        let fast = (0..200).filter(|i| meet(&mut known, &web(40_000 + i), 4000 + u64::from(i / 50))).count();
        assert!(fast < 25, "{fast}");
    }

    #[test]
    fn servers_that_do_not_answer_another_port_and_a_much_higher_rate_are_no_work() {
        let mut known = prober(5);
        let unanswered =
            (0..100).filter(|i| known.is_work(client(), &web(1000 + i), u64::from(*i) * SECOND)).count();
        assert!(unanswered < 20, "{unanswered}");
        let mut known = prober(5);
        let fast = (0..250).filter(|i| meet(&mut known, &web(1000 + i), u64::from(i / 50))).count();
        assert!(fast < 25, "{fast}");
        let mut known = prober(5);
        let other = ServiceKey { port: 22, ..web(1000) };
        assert!(!meet(&mut known, &other, 10));
        let outside = ServiceKey { server: HostKey::v4([198, 51, 100, 7]), ..web(0) };
        assert!(!meet(&mut known, &outside, 10));
        assert!(!known.is_work(HostKey::v4([10, 0, 0, 2]), &web(1000), 10 * SECOND));
    }

    #[test]
    fn neither_a_few_nor_a_burst_nor_what_came_after_the_baseline_shows_a_clients_work() {
        let mut known = prober(20);
        assert!(!meet(&mut known, &web(1000), 10), "six servers in two minutes");
        let mut known =
            KnownServices::new(KnownServices::table(4096).unwrap(), HashKey::from_seed(0), BASELINE_S);
        (0..60).for_each(|server| {
            meet(&mut known, &web(server), 15 + u64::from(server / 30));
        });
        known.end_baseline();
        assert!(!meet(&mut known, &web(1000), BASELINE_S), "all within ten seconds");
        for round in 0..1000 {
            assert!(!meet(&mut known, &web(2000 + round), BASELINE_S + 10 * u64::from(round)), "{round}");
        }
        let mut known =
            KnownServices::new(KnownServices::table(4096).unwrap(), HashKey::from_seed(0), 86_400);
        (0..200).for_each(|server| {
            meet(&mut known, &web(server), 40_000 + 5 * u64::from(server));
        });
        known.end_baseline();
        assert!(!meet(&mut known, &web(1000), 86_400), "a quarter of an hour of a day");
    }
}
