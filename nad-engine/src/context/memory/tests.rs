use super::*;

const SECOND: u64 = 1_000_000_000;

fn key(last: u8) -> HostKey {
    HostKey::v4([10, 0, 0, last])
}

fn ssh(server: u8) -> ServiceKey {
    ServiceKey { server: key(server), port: 22, protocol: 6 }
}

fn hash_key() -> HashKey {
    HashKey::from_seed(0)
}

fn memory() -> Memory {
    Memory::new(Memory::table(1024).unwrap(), hash_key(), 400)
}

#[test]
fn a_thing_is_known_an_epoch_after_it_was_first_seen() {
    let mut memory = memory();
    memory.remember(key(1), [0; 6], &ssh(2), 1000 * SECOND);
    let after = |memory: &Memory, seconds| memory.strangeness(key(1), &ssh(2), (1000 + seconds) * SECOND);
    assert_eq!(after(&memory, 99), Strangeness::NewEverything);
    assert_eq!(after(&memory, 100), Strangeness::Known);
    assert_eq!(after(&memory, u64::from(FORGET_AFTER_S) + 1), Strangeness::NewEverything);
}

#[test]
fn what_was_in_the_baseline_is_known_at_its_end_and_what_comes_later_after_an_hour() {
    let mut memory = memory();
    memory.remember(key(1), [0; 6], &ssh(2), 1000 * SECOND);
    memory.end_baseline();
    memory.remember(key(1), [0; 6], &ssh(3), 1020 * SECOND);
    let after = |memory: &Memory, server, seconds| memory.strangeness(key(1), &ssh(server), seconds * SECOND);
    assert_eq!(after(&memory, 2, 1020), Strangeness::Known);
    assert_eq!(after(&memory, 3, 1020 + 3599), Strangeness::NewServer);
    assert_eq!(after(&memory, 3, 1020 + 3600), Strangeness::Known);
    let kept = memory.keep(false, 1020 * SECOND);
    let restored = Memory::restore(Memory::table(1024).unwrap(), hash_key(), &kept);
    assert_eq!(after(&restored, 2, 1020), Strangeness::Known);
}

#[test]
fn what_is_partly_known_has_a_degree_of_its_own() {
    let mut memory = memory();
    memory.remember(key(1), [0; 6], &ssh(2), 1000 * SECOND);
    let now = 2000 * SECOND;
    assert_eq!(memory.strangeness(key(9), &ssh(2), now), Strangeness::NewClient);
    let web = ServiceKey { port: 80, ..ssh(2) };
    assert_eq!(memory.strangeness(key(1), &web, now), Strangeness::NewPort);
    assert_eq!(memory.strangeness(key(1), &ssh(3), now), Strangeness::NewServer);
    assert!(memory.knows_host(key(1), now) && !memory.knows_host(key(3), now));
}

#[test]
fn a_service_for_insiders_is_not_one_for_outsiders() {
    let mut memory = memory();
    memory.remember(key(1), [0; 6], &ssh(2), 1000 * SECOND);
    let outsider = HostKey::v4([198, 51, 100, 7]);
    assert_eq!(memory.strangeness(outsider, &ssh(2), 2000 * SECOND), Strangeness::Exposed);
    memory.remember(outsider, [0; 6], &ssh(3), 1000 * SECOND);
    assert_eq!(memory.strangeness(key(1), &ssh(3), 2000 * SECOND), Strangeness::NewClient);
}

#[test]
fn what_is_usual_counts_from_the_next_epoch_on() {
    let mut memory = memory();
    memory.remember(key(1), [0; 6], &ssh(2), 1000 * SECOND);
    memory.learn_usual(&ssh(2), Usual { opened_10: 6.0, turns_10: 40.0, up_60: 1e6 }, 1000 * SECOND);
    assert_eq!(memory.usual(&ssh(2), 1050 * SECOND), Usual::ANYWHERE);
    assert_eq!(memory.usual(&ssh(2), 1100 * SECOND), Usual { opened_10: 6.0, turns_10: 40.0, up_60: 1e6 });
    assert_eq!(memory.usual(&ssh(3), 1100 * SECOND).opened_10, 6.0, "as at this port elsewhere");
    let restored =
        Memory::restore(Memory::table(1024).unwrap(), hash_key(), &memory.keep(false, 1100 * SECOND));
    assert_eq!(restored.usual(&ssh(2), 9000 * SECOND).opened_10, 6.0);
}

#[test]
fn a_model_remembers_the_same() {
    let mut memory = memory();
    for server in 2..60 {
        memory.remember(key(1), [0; 6], &ssh(server), 1000 * SECOND);
    }
    let kept = memory.keep(true, 1000 * SECOND);
    assert!(kept.are_sound() && kept.is_one_way());
    let restored = Memory::restore(Memory::table(1024).unwrap(), HashKey::from_seed(1), &kept);
    assert_eq!(
        Memories { hash_key: hash_key(), ..restored.keep(true, 5000 * SECOND) },
        kept,
        "whatever the key"
    );
    assert_eq!(restored.strangeness(key(1), &ssh(50), 2000 * SECOND), Strangeness::NewEverything);
}

#[test]
fn nothing_grows_old_while_nobody_watches_and_nothing_is_known_because_its_run_was_later() {
    const DAY: u64 = 86_400 * SECOND;
    let mut memory = memory();
    memory.begin(1000 * DAY);
    memory.remember(key(1), [0; 6], &ssh(2), 1000 * DAY);
    memory.end_baseline();
    memory.remember(key(1), [0; 6], &ssh(3), 1000 * DAY + SECOND);
    let kept = memory.keep(false, 1000 * DAY + SECOND);
    for began in [900 * DAY, 1000 * DAY, 1001 * DAY, 1900 * DAY] {
        let mut later = Memory::restore(Memory::table(1024).unwrap(), hash_key(), &kept);
        later.begin(began);
        let strangeness = |memory: &Memory, server, now| memory.strangeness(key(1), &ssh(server), now);
        assert_eq!(strangeness(&later, 2, began), Strangeness::Known);
        assert_eq!(strangeness(&later, 3, began + 3500 * SECOND), Strangeness::NewServer);
        assert_eq!(strangeness(&later, 3, began + 3600 * SECOND), Strangeness::Known);
        assert_eq!(
            strangeness(&later, 2, began + 15 * DAY),
            Strangeness::NewEverything,
            "watched, and not seen"
        );
        // What comes later in this run is new, whatever the model's time was.
        later.remember(key(4), [0; 6], &ssh(5), began + SECOND);
        assert_eq!(later.strangeness(key(4), &ssh(5), began + 2 * SECOND), Strangeness::NewServer);
        let again = later.keep(false, began + 10 * SECOND);
        assert_eq!(again.watched_s, kept.watched_s + 10);
    }
}
