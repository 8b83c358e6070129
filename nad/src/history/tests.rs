use std::{
    fs,
    sync::{Arc, Mutex},
    time::Duration,
};

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::{
    context::host_key::HostKey,
    detector::{HostVolume, Second},
    features::View,
    incident::{Change, Incident, IncidentUpdate, Listed, State, coverage::Coverage, shape::Shape},
    ledger::Ledger,
    output::Event,
};

const MINUTE: u64 = 60_000_000_000;

struct Place {
    _folder: TempDir,
    config: HistoryConfig,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = HistoryConfig {
            path: folder.path().join("nad.db"),
            max_age: DEFAULT_MAX_AGE,
            max_size: DEFAULT_MAX_SIZE,
            source: "eth0".into(),
            span_s: SPAN_S,
        };
        Self { _folder: folder, config }
    }

    fn store(&self) -> Store {
        Store::begin(self.config.clone()).unwrap()
    }

    fn history(&self) -> History {
        History::open(&self.config.path).unwrap()
    }

    /// What both sides say when the file can't be used; it must stay as it is.
    fn refusals(&self) -> [String; 2] {
        let before = fs::read(&self.config.path).unwrap();
        let refusals = [
            Store::begin(self.config.clone()).unwrap_err().to_string(),
            History::open(&self.config.path).unwrap_err().to_string(),
        ];
        assert!(fs::read(&self.config.path).unwrap() == before, "it was written to");
        refusals
    }
}

fn incident(id: &str, start_ns: u64, source: [u8; 4], state: State) -> Event {
    let mut sources = Listed::new();
    sources.add(HostKey::v4(source));
    let mut targets = Listed::new();
    targets.add(HostKey::v4([10, 0, 0, 2]));
    targets.add(HostKey::mac([2, 0, 0, 0, 0, 9]));
    let incident = Incident {
        id: id.into(),
        detected_ns: start_ns + 1,
        start_ns,
        end_ns: start_ns + 5_000_000_000,
        sources,
        origins: Vec::new(),
        targets,
        ports: Listed::new(),
        protocols: vec![6],
        shape: Shape::PortScan,
        alerts: 3,
        packets: 1000,
        bytes: 60_000,
        peak_score: 0.9,
        score: 0.8,
        probability: 1e-9,
        threshold: 0.6,
        view: View::ALL[0],
        coverage: Coverage { records: 10, packets: 10, lost_states: 0 },
        state,
        reason: "many ports".into(),
    };
    Event::Incident(IncidentUpdate { change: Change::Updated, incident }.into())
}

fn second(end_ns: u64, hosts: &[u8]) -> Event {
    let volume = |last: &u8| HostVolume {
        host: HostKey::v4([10, 0, 0, *last]),
        packets: 1,
        bytes: u64::from(*last) * 100,
    };
    let second = Second {
        end_ns,
        coverage: Coverage { records: 5, packets: 10, lost_states: 0 },
        bytes: 1000,
        anomalies: 1,
        peak_score: 0.25,
        threshold: 0.5,
        is_learning: false,
        hosts: hosts.iter().map(volume).collect(),
    };
    Event::Second(second.into())
}

#[test]
fn what_was_written_is_read_while_it_is_written() {
    let place = Place::new();
    let mut store = place.store();
    store.add(&[incident("1-1", MINUTE, [10, 0, 0, 1], State::Open), second(MINUTE + 1, &[1])]).unwrap();
    let history = place.history();
    store.add(&[incident("1-1", MINUTE, [10, 0, 0, 1], State::Closed), second(2 * MINUTE, &[1, 2])]).unwrap();
    let states = |history: &History| {
        let incidents = history.incidents(&Filter::default()).unwrap();
        incidents.iter().map(|incident| incident.state).collect::<Vec<_>>()
    };
    assert_eq!(states(&history), [Standing::Open], "as of when it was opened");
    let history = place.history();
    assert_eq!(states(&history), [Standing::Closed], "an incident is there once");
    let spans = history.spans(0, u64::MAX).unwrap();
    assert_eq!(spans.len(), 1, "a second that ends with a minute is of it: {spans:?}");
    assert_eq!((spans[0].start_s, spans[0].packets, spans[0].records, spans[0].bytes), (60, 20, 10, 2000));
    assert_eq!((spans[0].peak_score, spans[0].threshold), (0.25, 0.5));
    let hosts = history.hosts(0, u64::MAX, 9).unwrap();
    let named: Vec<_> = hosts.iter().map(|host| (host.host.as_str(), host.bytes)).collect();
    assert_eq!(named, [("10.0.0.1", 200), ("10.0.0.2", 200)]);
    assert!(history.runs(0, u64::MAX).unwrap()[0].goes_on);
}

#[test]
fn a_ledger_is_noted_with_the_run_that_it_is_of() {
    let place = Place::new();
    let mut store = place.store();
    store.add(&[second(MINUTE, &[])]).unwrap();
    let book = LedgerBook::new(place.config.path.clone());
    book.note(&Ledger { scored: 7, ..Ledger::default() }, false).unwrap();
    let run = || place.history().runs(0, u64::MAX).unwrap().remove(0);
    assert_eq!((run().ledger.unwrap().count("scored"), run().ended_ns), (7, None));
    drop(store);
    book.note(&Ledger { scored: 9, ..Ledger::default() }, true).unwrap();
    let ended = run();
    assert_eq!((ended.ledger.unwrap().count("scored"), ended.goes_on), (9, false));
    assert!(ended.ended_ns.is_some());
}

#[test]
fn only_the_busiest_hosts_of_a_span_are_kept() {
    let place = Place::new();
    let mut store = place.store();
    for first in (1..=200).step_by(5) {
        store.add(&[second(MINUTE, &[first, first + 1, first + 2, first + 3, first + 4])]).unwrap();
    }
    let hosts = place.history().hosts(0, u64::MAX, 1000).unwrap();
    assert_eq!((hosts.len(), hosts[0].host.as_str()), (MOST_HOSTS, "10.0.0.200"));
}

#[test]
fn a_filter_leaves_what_fits_all_of_it() {
    let place = Place::new();
    let mut store = place.store();
    store
        .add(&[
            incident("a", MINUTE, [10, 0, 0, 1], State::Closed),
            incident("b", 3 * MINUTE, [192, 168, 7, 7], State::Closed),
            incident("c", 9 * MINUTE, [10, 0, 0, 1], State::Open),
        ])
        .unwrap();
    let found = |filter: Filter| {
        let incidents = place.history().incidents(&filter).unwrap();
        incidents.iter().map(|incident| incident.id.clone()).collect::<String>()
    };
    let host = |text: &str| Filter { host: Some(text.parse().unwrap()), ..Filter::default() };
    assert_eq!(found(Filter::default()), "abc");
    assert_eq!(found(Filter { since_ns: Some(3 * MINUTE), ..Filter::default() }), "bc");
    assert_eq!(found(Filter { since_ns: Some(MINUTE + 1), ..Filter::default() }), "abc", "it was going on");
    assert_eq!(found(Filter { until_ns: Some(9 * MINUTE), ..Filter::default() }), "ab");
    assert_eq!(found(host("192.168.0.0/16")), "b");
    assert_eq!(found(host("10.0.0.1")), "ac");
    assert_eq!((found(host("02:00:00:00:00:09")), found(host("10.0.0.3"))), ("abc".into(), String::new()));
    assert_eq!(found(Filter { shape: Some(Shape::PortScan), ..Filter::default() }), "abc");
    assert_eq!(found(Filter { shape: Some(Shape::Flood), ..Filter::default() }), "");
    assert_eq!(found(Filter { state: Some(Standing::Open), ..Filter::default() }), "c");
    assert_eq!(found(Filter { limit: Some(2), ..Filter::default() }), "bc", "the last ones");
    assert_eq!(found(Filter { limit: Some(1), ..host("10.0.0.1") }), "c");
}

#[test]
fn what_is_too_old_leaves_and_the_run_with_it() {
    let mut place = Place::new();
    place.config.max_age = Duration::from_millis(1);
    let mut old = place.store();
    old.add(&[incident("a", MINUTE, [10, 0, 0, 1], State::Closed), second(MINUTE, &[1])]).unwrap();
    drop(old);
    std::thread::sleep(Duration::from_millis(20));
    place.store().prune().unwrap();
    let history = place.history();
    assert!(history.incidents(&Filter::default()).unwrap().is_empty());
    assert!(history.spans(0, u64::MAX).unwrap().is_empty());
    assert!(history.hosts(0, u64::MAX, 9).unwrap().is_empty());
    assert_eq!(history.runs(0, u64::MAX).unwrap().len(), 1, "the run that goes on");
}

#[test]
fn a_file_stays_within_its_size_and_keeps_the_newest() {
    let mut place = Place::new();
    place.config.max_size = LEAST_MAX_SIZE;
    let mut store = place.store();
    let mut largest = 0;
    for round in 0..60 {
        let seconds: Vec<Event> =
            (0..100).map(|n| second((round * 100 + n + 1) * MINUTE, &[1, 2, 3, 4, 5])).collect();
        store.add(&seconds).unwrap();
        store.prune().unwrap();
        let connection = Connection::open(&place.config.path).unwrap();
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        largest = largest.max(fs::metadata(&place.config.path).unwrap().len());
    }
    // What 100 minutes take comes before what leaves.
    assert!(largest > LEAST_MAX_SIZE / 2 && largest <= LEAST_MAX_SIZE, "{largest}");
    let spans = place.history().spans(0, u64::MAX).unwrap();
    assert!(spans.len() > 500 && spans.len() < 6000, "{}", spans.len());
    assert_eq!(spans[spans.len() - 1].start_s, 5999 * 60, "the newest is there");
}

#[test]
fn a_file_of_another_program_is_refused_and_stays_as_it_is() {
    let place = Place::new();
    fs::write(
        &place.config.path,
        "a diary, longer than the header of a database file would be, which has 100 bytes at its front",
    )
    .unwrap();
    for refusal in place.refusals() {
        assert!(
            refusal.contains("no history of nad's") && refusal.contains("move this one away"),
            "{refusal}"
        );
    }
    fs::remove_file(&place.config.path).unwrap();
    Connection::open(&place.config.path)
        .unwrap()
        .execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (1)")
        .unwrap();
    for refusal in place.refusals() {
        assert!(refusal.contains("no history of nad's"), "{refusal}");
    }
}

#[test]
fn a_newer_file_is_refused_and_stays_as_it_is() {
    let place = Place::new();
    drop(place.store());
    let connection = Connection::open(&place.config.path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    for refusal in place.refusals() {
        assert!(refusal.contains("a newer nad wrote it (schema 99; this one knows 2)"), "{refusal}");
    }
}

#[test]
fn a_damaged_file_is_refused_and_stays_as_it_is() {
    let place = Place::new();
    let mut store = place.store();
    let seconds: Vec<Event> = (0..200).map(|n| second((n + 1) * MINUTE, &[1, 2, 3])).collect();
    store.add(&seconds).unwrap();
    drop(store);
    let mut bytes = fs::read(&place.config.path).unwrap();
    let length = bytes.len();
    bytes[4096..length / 2].fill(0x5a);
    fs::write(&place.config.path, &bytes).unwrap();
    let refusal = Store::begin(place.config.clone()).unwrap_err().to_string();
    assert!(refusal.contains("damaged") && refusal.contains("move this one away"), "{refusal}");
    assert!(fs::read(&place.config.path).unwrap() == bytes, "it was written to");
    let read = History::open(&place.config.path).and_then(|history| history.spans(0, u64::MAX));
    assert!(read.unwrap_err().to_string().contains("damaged"));
}

#[test]
fn a_file_that_is_not_there_is_none_to_read_and_a_new_one_to_write() {
    let place = Place::new();
    let missing = History::open(&place.config.path).unwrap_err().to_string();
    assert!(missing.contains("there is no such file") && missing.contains("--history"), "{missing}");
    fs::write(&place.config.path, "").unwrap();
    assert!(History::open(&place.config.path).is_err(), "an empty file is no history yet");
    drop(place.store());
    assert!(place.history().incidents(&Filter::default()).unwrap().is_empty());
    let nowhere = HistoryConfig { path: place.config.path.join("no/folder.db"), ..place.config.clone() };
    let refusal = Store::begin(nowhere).unwrap_err().to_string();
    assert!(refusal.contains("no/folder.db") && refusal.contains("name another file"), "{refusal}");
}

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
        clocks.pass(3600_000_000_000);
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
        clocks.pass(3600_000_000_000);
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
    connection.execute_batch(include_str!("v1.sql")).unwrap();
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
                rusqlite::params![update.incident.id, noted_ns, update.incident.shape.name(), update.incident.to_json()],
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
