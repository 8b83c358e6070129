//! What leaves, and when: by this machine's own time, whatever the system's clock or packets say.

use std::sync::{Arc, Mutex};

use super::*;
use crate::format::native;

const DAY: i64 = 86_400_000_000_000;
/// 2026-01-01, in nanoseconds since the Unix epoch.
const NEW_YEAR: i64 = 1_767_225_600_000_000_000;

/// Clocks that a test moves.
#[derive(Clone)]
struct Moved(Arc<Mutex<clock::Reading>>);

impl Moved {
    fn new() -> Self {
        let reading = clock::Reading { boot: "first".into(), since_boot_ns: 0, wall_ns: NEW_YEAR };
        Self(Arc::new(Mutex::new(reading)))
    }

    fn store(&self, place: &Place) -> Store {
        let readings = Arc::clone(&self.0);
        Store::begin_by(place.config.clone(), Box::new(move || readings.lock().unwrap().clone())).unwrap()
    }

    /// Time passes, on all clocks.
    fn pass(&self, length_ns: i64) {
        let mut reading = self.0.lock().unwrap();
        reading.since_boot_ns += length_ns;
        reading.wall_ns += length_ns;
    }

    /// The system's clock is set.
    fn set(&self, wall_ns: i64) {
        self.0.lock().unwrap().wall_ns = wall_ns;
    }

    /// The machine is off for so long.
    fn reboot(&self, boot: &str, length_ns: i64) {
        let mut reading = self.0.lock().unwrap();
        *reading =
            clock::Reading { boot: boot.into(), since_boot_ns: 0, wall_ns: reading.wall_ns + length_ns };
    }
}

fn names(place: &Place) -> String {
    let incidents = place.history().incidents(&Filter::default()).unwrap();
    incidents.iter().map(|incident| incident.id.clone()).collect()
}

#[test]
fn a_system_clock_that_is_set_ahead_for_a_minute_or_for_good_deletes_nothing() {
    let (place, clocks) = (Place::new(), Moved::new());
    let add = |store: &mut Store, id: &str| {
        store.add(&[incident(id, MINUTE, [10, 0, 0, 1], State::Closed), second(MINUTE, &[1])]).unwrap();
        store.prune().unwrap();
    };
    let mut store = clocks.store(&place);
    add(&mut store, "a");
    clocks.pass(DAY);
    for years in [4, 0, 4] {
        clocks.set(NEW_YEAR + DAY + years * 365 * DAY);
        add(&mut store, "b");
        // Also where nad is started anew meanwhile.
        store = clocks.store(&place);
        store.prune().unwrap();
        clocks.pass(60_000_000_000);
        add(&mut store, "c");
    }
    assert!(names(&place).starts_with('a') && names(&place).contains('b'), "{}", names(&place));
    assert_eq!(place.history().spans(0, u64::MAX).unwrap().len(), 4, "one of each run");
    // And where the machine is, with a clock that has lost its battery and then finds the time.
    clocks.set(0);
    store.prune().unwrap();
    drop(store);
    clocks.reboot("second", 0);
    let mut store = clocks.store(&place);
    clocks.set(NEW_YEAR + 3 * DAY);
    add(&mut store, "d");
    clocks.reboot("third", 10 * 365 * DAY);
    let mut store = clocks.store(&place);
    add(&mut store, "e");
    let named = names(&place);
    assert!(named.starts_with('a') && named.ends_with('e'), "{named}");
}

#[test]
fn a_packet_of_the_far_future_or_past_changes_nothing_of_when_others_leave() {
    let (place, clocks) = (Place::new(), Moved::new());
    let mut store = clocks.store(&place);
    store.add(&[incident("a", MINUTE, [10, 0, 0, 1], State::Closed)]).unwrap();
    clocks.pass(DAY);
    for odd in [i64::MAX as u64 - 6_000_000_000, 1] {
        store
            .add(&[incident(&odd.to_string(), odd, [10, 0, 0, 1], State::Closed), second(odd, &[1])])
            .unwrap();
        store.prune().unwrap();
    }
    let incidents = place.history().incidents(&Filter::default()).unwrap();
    assert_eq!(incidents.len(), 3, "{incidents:?}");
    clocks.pass(89 * DAY + 1);
    store.prune().unwrap();
    let incidents = place.history().incidents(&Filter::default()).unwrap();
    assert!(incidents.len() == 2 && incidents.iter().all(|incident| incident.id != "a"), "{incidents:?}");
}

#[test]
fn what_was_written_leaves_after_its_time_on_this_machine_whatever_run_wrote_it() {
    let (place, clocks) = (Place::new(), Moved::new());
    clocks.store(&place).add(&[incident("a", MINUTE, [10, 0, 0, 1], State::Closed)]).unwrap();
    // No nad runs for 50 days; two do then, and time passes for both of them once.
    clocks.pass(50 * DAY);
    let (mut one, mut other) = (clocks.store(&place), clocks.store(&place));
    one.add(&[incident("b", MINUTE, [10, 0, 0, 1], State::Closed)]).unwrap();
    for _ in 0..40 {
        clocks.pass(DAY - 1_000_000_000);
        one.prune().unwrap();
        other.prune().unwrap();
        other.beat().unwrap();
    }
    assert_eq!(names(&place), "ab", "it is 90 days but for 40 s");
    clocks.pass(41_000_000_000);
    other.prune().unwrap();
    assert_eq!(names(&place), "b");
}

#[test]
fn where_there_is_too_much_the_least_grave_leaves_first() {
    let mut place = Place::new();
    place.config.max_size = LEAST_MAX_SIZE;
    let clocks = Moved::new();
    let mut store = clocks.store(&place);
    let graded = |id: &str, shape: Shape, probability: f64| {
        let Event::Incident(update) = incident(id, MINUTE, [10, 0, 0, 1], State::Closed) else { panic!() };
        let update = IncidentUpdate {
            change: Change::Closed,
            incident: Incident { shape, probability, ..update.incident.clone() },
        };
        Event::Incident(update.into())
    };
    store
        .add(&[graded("high", Shape::UnusualUpload, 1e-12), graded("medium", Shape::PortScan, 1e-12)])
        .unwrap();
    for round in 0..80_u64 {
        clocks.pass(3_600_000_000_000);
        let mut events: Vec<Event> =
            (0..20).map(|n| graded(&format!("low-{round}-{n}"), Shape::Unusual, 1e-3)).collect();
        events.extend((0..50).map(|n| second((round * 50 + n + 1) * MINUTE, &[1, 2, 3, 4, 5])));
        store.add(&events).unwrap();
        store.prune().unwrap();
    }
    let kept = || {
        let incidents = place.history().incidents(&Filter::default()).unwrap();
        let has = |id: &str| incidents.iter().any(|incident| incident.id == id);
        (has("high"), has("medium"), has("low-0-0"), has("low-79-19"))
    };
    assert_eq!(kept(), (true, true, false, true), "what was least grave and first has left");
    // Many graver ones drive out what is less grave, but what goes on keeps a part.
    for round in 0..60 {
        clocks.pass(3_600_000_000_000);
        let events: Vec<Event> =
            (0..50).map(|n| graded(&format!("scan-{round}-{n}"), Shape::PortScan, 1e-12)).collect();
        store.add(&events).unwrap();
        store.add(&[second((5000 + round) * MINUTE, &[1])]).unwrap();
        store.prune().unwrap();
    }
    assert_eq!((kept().0, kept().1), (true, false), "of equal ones the first leaves");
    let spans = place.history().spans(0, u64::MAX).unwrap();
    assert_eq!(spans.last().unwrap().start_s, 5058 * 60, "what went on last is there");
    let connection = Connection::open(&place.config.path).unwrap();
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    assert!(fs::metadata(&place.config.path).unwrap().len() <= LEAST_MAX_SIZE);
}

/// A history of version 1 whose rows were written at these moments by the system's clock.
fn first_version(place: &Place, written_ns: &[i64]) {
    let connection = Connection::open(&place.config.path).unwrap();
    connection.execute_batch(include_str!("../v1.sql")).unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    connection.pragma_update(None, "application_id", 0x6e61_6468).unwrap();
    connection
        .execute(
            "INSERT INTO runs (process, source, version, span_s, begun_ns, noted_ns) VALUES ('', 'eth0', '0', 60, ?1, ?1)",
            [written_ns[0]],
        )
        .unwrap();
    for (place, noted_ns) in written_ns.iter().enumerate() {
        let Event::Incident(update) = incident(&place.to_string(), MINUTE, [10, 0, 0, 1], State::Closed)
        else {
            panic!()
        };
        connection
            .execute(
                "INSERT INTO incidents VALUES (1, ?1, ?2, 'closed', ?3, NULL, 1, 1, 1, '', '', '', '', 1, 1, 1, 1.0, 0.5,
                     0.5, 1e-12, 0.5, 'host', '', ?4)",
                rusqlite::params![update.incident.id, noted_ns, update.incident.shape.name(), native::incident(&update.incident)],
            )
            .unwrap();
        connection
            .execute(
                "INSERT INTO spans VALUES (1, ?1, ?2, 1, 1, 1, 0, 0.5, 0.5, 0)",
                rusqlite::params![place as i64, noted_ns],
            )
            .unwrap();
    }
}

#[test]
fn views_and_counters_of_an_older_history_get_their_new_names() {
    let (place, clocks) = (Place::new(), Moved::new());
    first_version(&place, &[NEW_YEAR, NEW_YEAR]);
    let connection = Connection::open(&place.config.path).unwrap();
    let old = r#"{"counters":{"own":1,"thinned":2,"told":3,"untold":4,"memories_refused":5,"dealings_evicted":6},"outputs":[]}"#;
    connection.execute("UPDATE runs SET ledger = ?1", [old]).unwrap();
    let json = r#"{"view":"slow-reach","reason":"\"view\":\"slow-reach\""}"#;
    connection.execute("UPDATE incidents SET view = 'slow-reach', json = ?1 WHERE id = '0'", [json]).unwrap();
    drop(connection);
    drop(clocks.store(&place));
    let connection = Connection::open(&place.config.path).unwrap();
    let text = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
    assert_eq!(
        text("SELECT ledger FROM runs ORDER BY id"),
        r#"{"counters":{"self_traffic":1,"sampled_out":2,"attributed":3,"unattributed":4,"known_services_refused":5,"service_pairs_evicted":6},"outputs":[]}"#
    );
    assert_eq!(text("SELECT view FROM incidents WHERE id = '0'"), "slow-scan");
    assert_eq!(
        text("SELECT json FROM incidents WHERE id = '0'"),
        r#"{"view":"slow-scan","reason":"\"view\":\"slow-reach\""}"#
    );
    assert_eq!(text("SELECT view FROM incidents WHERE id = '1'"), "host", "what has no new name stays");
}

#[test]
fn an_older_history_that_is_only_read_is_shown_in_the_words_of_now() {
    let place = Place::new();
    first_version(&place, &[NEW_YEAR, NEW_YEAR]);
    let connection = Connection::open(&place.config.path).unwrap();
    let old = r#"{"counters":{"own":1,"thinned":2,"told":3,"untold":4,"memories_refused":5,"seen":6},"outputs":[]}"#;
    connection.execute("UPDATE runs SET ledger = ?1", [old]).unwrap();
    let renamed = "UPDATE incidents SET view = 'slow-reach', reason = 'no reach',
                       json = replace(replace(json, ?1, '\"view\":\"slow-reach\"'), 'many ports', 'view reach') WHERE id = '0'";
    let view = format!("\"view\":\"{}\"", View::ALL[0].name());
    assert_eq!(connection.execute(renamed, [&view]).unwrap(), 1);
    drop(connection);
    let before = fs::read(&place.config.path).unwrap();
    let history = place.history();
    let incidents = history.incidents(&Filter::default()).unwrap();
    let shown: Vec<_> =
        incidents.iter().map(|it| (it.view.as_str(), it.shape.as_str(), it.reason.as_str())).collect();
    let first = ("slow-scan", "port scan", "view reach");
    assert_eq!(shown, [first, (View::ALL[0].name(), "port scan", "many ports")], "a sentence stays");
    let ledger = history.runs(0, u64::MAX).unwrap().remove(0).ledger.unwrap();
    let counters: Vec<_> = ledger.counters.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    assert_eq!(
        counters,
        [
            ("attributed", 3),
            ("known_services_refused", 5),
            ("sampled_out", 2),
            ("seen", 6),
            ("self_traffic", 1),
            ("unattributed", 4)
        ]
    );
    assert!(fs::read(&place.config.path).unwrap() == before, "it was not written to");
}

#[test]
fn an_older_history_is_read_as_it_is_and_goes_on_where_it_is_written() {
    let (place, clocks) = (Place::new(), Moved::new());
    let week_ago = NEW_YEAR - 7 * DAY;
    // The third was written while the clock was wrong by four years.
    first_version(&place, &[week_ago, week_ago + DAY / 2, NEW_YEAR + 4 * 365 * DAY]);
    assert_eq!(names(&place), "012", "an older one can be read without being written to");
    let mut store = clocks.store(&place);
    store.prune().unwrap();
    assert_eq!((names(&place).as_str(), place.history().spans(0, u64::MAX).unwrap().len()), ("012", 3));
    let severity: i64 = Connection::open(&place.config.path)
        .unwrap()
        .query_row("SELECT min(severity) FROM incidents WHERE shape = 'port scan'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(severity, 2);
    clocks.pass(89 * DAY);
    store.prune().unwrap();
    assert_eq!(names(&place), "12", "the first was there for half a day more than the second");
}
