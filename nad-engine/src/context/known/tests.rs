use super::*;
use crate::context::vantage::Trust;

const SECOND: u64 = 1_000_000_000;
const ONE_WAY: Trust = Trust { one_side: true, one_mac: false };

fn key(last: u8) -> HostKey {
    HostKey::v4([10, 0, 0, last])
}

fn ssh(server: u8) -> ServiceKey {
    ServiceKey { server: key(server), port: 22, protocol: 6 }
}

fn hash_key() -> HashKey {
    HashKey::from_seed(0)
}

fn known() -> KnownServices {
    KnownServices::new(KnownServices::table(1024).unwrap(), hash_key(), 400)
}

#[test]
fn a_service_is_known_an_epoch_after_it_was_first_seen() {
    let mut known = known();
    known.remember(key(1), [0; 6], &ssh(2), 1000 * SECOND);
    let after = |known: &KnownServices, seconds| known.novelty(key(1), &ssh(2), (1000 + seconds) * SECOND);
    assert_eq!(after(&known, 99), Novelty::NewEverything);
    assert_eq!(after(&known, 100), Novelty::Known);
    assert_eq!(after(&known, u64::from(FORGET_AFTER_S) + 1), Novelty::NewEverything);
}

#[test]
fn what_was_in_the_baseline_is_known_at_its_end_and_what_comes_later_after_an_hour() {
    let mut known = known();
    known.remember(key(1), [0; 6], &ssh(2), 1000 * SECOND);
    known.end_baseline();
    known.remember(key(1), [0; 6], &ssh(3), 1020 * SECOND);
    let after =
        |known: &KnownServices, server, seconds| known.novelty(key(1), &ssh(server), seconds * SECOND);
    assert_eq!(after(&known, 2, 1020), Novelty::Known);
    assert_eq!(after(&known, 3, 1020 + 3599), Novelty::NewServer);
    assert_eq!(after(&known, 3, 1020 + 3600), Novelty::Known);
    let kept = known.keep(Trust::default(), 1020 * SECOND);
    let restored = KnownServices::restore(KnownServices::table(1024).unwrap(), hash_key(), &kept);
    assert_eq!(after(&restored, 2, 1020), Novelty::Known);
}

#[test]
fn what_is_partly_known_has_a_degree_of_its_own() {
    let mut known = known();
    known.remember(key(1), [0; 6], &ssh(2), 1000 * SECOND);
    let now = 2000 * SECOND;
    assert_eq!(known.novelty(key(9), &ssh(2), now), Novelty::NewClient);
    let web = ServiceKey { port: 80, ..ssh(2) };
    assert_eq!(known.novelty(key(1), &web, now), Novelty::NewPort);
    assert_eq!(known.novelty(key(1), &ssh(3), now), Novelty::NewServer);
    assert!(known.knows_host(key(1), now) && !known.knows_host(key(3), now));
}

#[test]
fn a_service_for_insiders_is_not_one_for_outsiders() {
    let mut known = known();
    known.remember(key(1), [0; 6], &ssh(2), 1000 * SECOND);
    let outsider = HostKey::v4([198, 51, 100, 7]);
    assert_eq!(known.novelty(outsider, &ssh(2), 2000 * SECOND), Novelty::Exposed);
    known.remember(outsider, [0; 6], &ssh(3), 1000 * SECOND);
    assert_eq!(known.novelty(key(1), &ssh(3), 2000 * SECOND), Novelty::NewClient);
}

#[test]
fn what_is_usual_counts_from_the_next_epoch_on() {
    let mut known = known();
    known.remember(key(1), [0; 6], &ssh(2), 1000 * SECOND);
    known.learn_usual(
        known.places_of_usual(&ssh(2)),
        Usual { opened_10: 6.0, turns_10: 40.0, up_60: 1e6, down_60: 2e6 },
        1000 * SECOND,
    );
    assert_eq!(
        known.usual(known.places_of_usual(&ssh(2)), 1050 * SECOND),
        Usual::AT_LOGIN,
        "nothing is known so far"
    );
    let web = ServiceKey { port: 80, ..ssh(2) };
    assert_eq!(known.usual(known.places_of_usual(&web), 1050 * SECOND), Usual::ANYWHERE);
    assert_eq!(
        known.usual(known.places_of_usual(&ssh(2)), 1100 * SECOND),
        Usual { opened_10: 6.0, turns_10: 40.0, up_60: 1e6, down_60: 2e6 }
    );
    assert_eq!(
        known.usual(known.places_of_usual(&ssh(3)), 1100 * SECOND).opened_10,
        6.0,
        "as at this port elsewhere"
    );
    let restored = KnownServices::restore(
        KnownServices::table(1024).unwrap(),
        hash_key(),
        &known.keep(Trust::default(), 1100 * SECOND),
    );
    assert_eq!(restored.usual(restored.places_of_usual(&ssh(2)), 9000 * SECOND).opened_10, 6.0);
}

#[test]
fn a_model_remembers_the_same() {
    let mut known = known();
    for server in 2..60 {
        known.remember(key(1), [0; 6], &ssh(server), 1000 * SECOND);
    }
    let kept = known.keep(ONE_WAY, 1000 * SECOND);
    assert!(kept.are_sound() && kept.trust() == ONE_WAY);
    let restored = KnownServices::restore(KnownServices::table(1024).unwrap(), HashKey::from_seed(1), &kept);
    assert_eq!(
        KnownSnapshot { hash_key: hash_key(), ..restored.keep(ONE_WAY, 5000 * SECOND) },
        kept,
        "whatever the key"
    );
    assert_eq!(restored.novelty(key(1), &ssh(50), 2000 * SECOND), Novelty::NewEverything);
}

#[test]
fn what_was_seen_in_the_last_second_is_kept_as_of_the_last_packet() {
    let mut known = known();
    known.remember(key(1), [0; 6], &ssh(2), 1000 * SECOND);
    // The end of the second that the last packet is in.
    known.remember(key(1), [0; 6], &ssh(3), 1010 * SECOND);
    let kept = known.keep(Trust::default(), 1009 * SECOND + SECOND / 2);
    kept.check().unwrap();
    assert_eq!(kept.watched_s, kept.entries.iter().map(|kept| kept.last_s).max().unwrap());
}

#[test]
fn nothing_grows_old_while_nobody_watches_and_nothing_is_known_because_its_run_was_later() {
    const DAY: u64 = 86_400 * SECOND;
    let mut known = known();
    known.begin(1000 * DAY);
    known.remember(key(1), [0; 6], &ssh(2), 1000 * DAY);
    known.end_baseline();
    known.remember(key(1), [0; 6], &ssh(3), 1000 * DAY + SECOND);
    let kept = known.keep(Trust::default(), 1000 * DAY + SECOND);
    for began in [900 * DAY, 1000 * DAY, 1001 * DAY, 1900 * DAY] {
        let mut later = KnownServices::restore(KnownServices::table(1024).unwrap(), hash_key(), &kept);
        later.begin(began);
        let novelty = |known: &KnownServices, server, now| known.novelty(key(1), &ssh(server), now);
        assert_eq!(novelty(&later, 2, began), Novelty::Known);
        assert_eq!(novelty(&later, 3, began + 3500 * SECOND), Novelty::NewServer);
        assert_eq!(novelty(&later, 3, began + 3600 * SECOND), Novelty::Known);
        assert_eq!(novelty(&later, 2, began + 15 * DAY), Novelty::NewEverything, "watched, and not seen");
        // What comes later in this run is new, whatever the model's time was.
        later.remember(key(4), [0; 6], &ssh(5), began + SECOND);
        assert_eq!(later.novelty(key(4), &ssh(5), began + 2 * SECOND), Novelty::NewServer);
        let again = later.keep(Trust::default(), began + 10 * SECOND);
        assert_eq!(again.watched_s, kept.watched_s + 10);
    }
}
