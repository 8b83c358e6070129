use bytemuck::Zeroable;

use super::{
    bucket::{STAMP_MASK, STAMP_SHIFT},
    *,
};

#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
struct Host {
    key: u64,
    last_ns: u64,
    is_real: u64,
}

impl Entry for Host {
    type Key = u64;

    fn key(&self) -> u64 {
        self.key
    }

    fn begin(key: u64) -> Self {
        Self { key, ..Self::zeroed() }
    }

    fn is_real(&self) -> bool {
        self.is_real == 1
    }
}

/// Nanoseconds of a stamp's step.
const STEP: u64 = 1 << STAMP_SHIFT;
const SECOND: u64 = 1_000_000_000;

fn hashed(key: u64) -> Hashed<u64> {
    Hashed { hash: HashKey::from_seed(0).hash([key]), key }
}

fn of_prefix(prefix: u16) -> Group {
    Group { prefix, mac: 0 }
}

fn touch_as(table: &mut Table<Host>, wanted: Hashed<u64>, group: Group, now: u64, is_real: u64) -> Admission {
    let admission = table.enter(&wanted, || group, now);
    if let Some(slot) = admission.slot() {
        *table.get_mut(slot) = Host { key: wanted.key, last_ns: now, is_real };
        table.confirm(slot);
    }
    admission
}

fn touch(table: &mut Table<Host>, key: u64, now: u64, is_real: u64) -> bool {
    touch_as(table, hashed(key), Group::default(), now, is_real).slot().is_some()
}

#[test]
fn what_went_in_is_found_and_nothing_else() {
    let mut table = Table::new(1024, 1000).unwrap();
    assert_eq!(table.capacity(), 1024);
    for key in 0..200 {
        assert!(touch(&mut table, key, key, 0));
    }
    for key in 0..200 {
        assert_eq!(table.get(table.find(&hashed(key)).unwrap()).last_ns, key);
    }
    assert_eq!(table.find(&hashed(7777)), None);
    assert_eq!(table.counts(), TableCounts { entered: 200, ..TableCounts::default() });
}

#[test]
fn keys_of_one_hash_have_entries_of_their_own() {
    let mut table = Table::new(1024, u64::MAX).unwrap();
    let colliding = |key| Hashed { hash: 0x1234_5678_9abc_def0, key };
    for key in 0..8 {
        touch_as(&mut table, colliding(key), Group::default(), key, 0);
    }
    for key in 0..8 {
        let slot = table.find(&colliding(key)).unwrap();
        assert_eq!((table.get(slot).key, table.get(slot).last_ns), (key, key));
    }
    assert_eq!(table.find(&colliding(8)), None);
}

#[test]
fn a_flood_of_a_million_forgeries_leaves_every_real_entry_in_place() {
    let mut table = Table::new(4096, u64::MAX).unwrap();
    for key in 0..1000 {
        touch(&mut table, key, 10, 1);
    }
    for key in 0..1_000_000 {
        touch(&mut table, 1_000_000 + key, 20 + key, 0);
    }
    assert!((0..1000).all(|key| table.find(&hashed(key)).is_some()));
    let counts = table.counts();
    assert_eq!(counts.entered + counts.refused, 1_001_000);
    assert!(counts.evicted > 900_000 && counts.displaced > 900_000);
}

#[test]
fn where_all_are_real_the_longest_idle_one_leaves_as_soon_as_it_is_not_in_use() {
    let mut table = Table::new(8, 3600 * SECOND).unwrap();
    for key in 0..8 {
        touch(&mut table, key, key * SECOND, 1);
    }
    assert!(!touch(&mut table, 100, 9 * SECOND, 0), "all are real and were used within ten seconds");
    assert!(touch(&mut table, 100, 12 * SECOND, 0), "the first two were not");
    assert_eq!((table.find(&hashed(0)), table.find(&hashed(1)).is_some()), (None, true));
    let counts = TableCounts { entered: 9, evicted: 1, displaced: 0, refused: 1 };
    assert_eq!(table.counts(), counts);
}

#[test]
fn an_entry_that_was_idle_for_the_tables_limit_leaves_without_being_counted() {
    let mut table = Table::new(8, 100 * STEP).unwrap();
    for key in 0..8 {
        touch(&mut table, key, key * STEP, 1);
    }
    assert!(touch(&mut table, 100, 103 * STEP, 0));
    assert_eq!(table.find(&hashed(0)), None);
    assert_eq!(table.counts(), TableCounts { entered: 9, ..TableCounts::default() });
}

#[test]
fn one_network_fills_no_bucket_alone() {
    for is_real in [0, 1] {
        let mut table = Table::new(8, 3600 * SECOND).unwrap();
        for key in 0..4 {
            touch_as(&mut table, hashed(key), of_prefix(1), SECOND, 1);
        }
        for key in 4..100 {
            // Newcomers from another network, as many as like.
            touch_as(&mut table, hashed(key), of_prefix(2), 2 * SECOND + key, is_real);
        }
        assert!((0..4).all(|key| table.find(&hashed(key)).is_some()), "those of the first are still there");
        let third = touch_as(&mut table, hashed(200), of_prefix(3), 30 * SECOND, 0);
        assert!(third.slot().is_some());
    }
}

#[test]
fn one_mac_address_fills_no_bucket_alone() {
    let group = |mac| Group { prefix: 0, mac };
    let mut table = Table::new(8, 3600 * SECOND).unwrap();
    touch_as(&mut table, hashed(0), group(1), SECOND, 0);
    for key in 1..1000 {
        touch_as(&mut table, hashed(key), group(2), 2 * SECOND + key, 0);
    }
    assert!(table.find(&hashed(0)).is_some(), "it isn't even real");
}

#[test]
fn who_had_to_displace_another_in_use_or_was_refused_is_told_so() {
    let mut table = Table::new(8, 3600 * SECOND).unwrap();
    for key in 0..8 {
        assert!(!touch_as(&mut table, hashed(key), Group::default(), SECOND, key % 2).is_overrun());
    }
    assert!(matches!(
        touch_as(&mut table, hashed(8), Group::default(), 2 * SECOND, 1),
        Admission::Displacing(_)
    ));
    for key in 9..12 {
        touch_as(&mut table, hashed(key), Group::default(), 2 * SECOND, 1);
    }
    assert_eq!(touch_as(&mut table, hashed(12), Group::default(), 2 * SECOND, 1), Admission::Refused);
    assert_eq!(table.counts().overruns(), 5);
}

#[test]
fn a_clock_that_goes_back_or_round_makes_nobody_old() {
    let round = u64::from(STAMP_MASK) + 1;
    for (then, now) in [(1_000, 900), (round - 50, round + 40)] {
        let mut table = Table::new(8, 100 * STEP).unwrap();
        for key in 0..8 {
            touch(&mut table, key, then * STEP, 1);
        }
        assert!(!touch(&mut table, 100, now * STEP, 0), "nobody has been idle for 100 steps");
    }
}

#[test]
fn values_lie_one_after_the_other_and_stay_with_their_places() {
    let mut table = Table::new(1 << 12, 1000).unwrap();
    for key in 1..=100 {
        assert!(touch(&mut table, key, 0, 0));
    }
    let value = |table: &Table<Host>, key| table.find(&hashed(key)).unwrap().value.get();
    let mut values: Vec<u32> = (1..=100).map(|key| value(&table, key)).collect();
    assert_eq!(values, (1..=100).collect::<Vec<u32>>(), "in the order in which they came");
    let mut seen: Vec<u64> = table.iter().map(|(_, host)| host.key).collect();
    seen.sort_unstable();
    assert_eq!(seen, (1..=100).collect::<Vec<u64>>());
    table.for_each_mut(|host| host.last_ns = 7);
    assert!(table.iter().all(|(_, host)| host.last_ns == 7));
    // Those who displace others take their values over: there are never more of them than places.
    let mut table = Table::new(64, 1000).unwrap();
    for key in 1..=10_000 {
        assert!(touch(&mut table, key, key * STEP, 0));
    }
    values = table.iter().map(|(_, host)| value(&table, host.key)).collect();
    values.sort_unstable();
    assert_eq!(values, (1..=64).collect::<Vec<u32>>());
}

#[test]
fn more_entries_than_can_be_numbered_are_an_error() {
    assert!(Table::<Host>::new((1 << 31) + 1, 1000).is_err());
}
