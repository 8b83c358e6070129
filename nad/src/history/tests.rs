mod changes;
mod retention;

use std::{fs, time::Duration};

use nad_engine::{
    context::host_key::HostKey,
    detector::{Event, HostVolume, Second},
    features::View,
    incident::{Change, Incident, IncidentUpdate, Listed, State, coverage::Coverage, shape::Shape},
    ledger::Ledger,
};
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;

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
        case: "99-1".into(),
        related: Vec::new(),
        uid: Default::default(),
        place: Default::default(),
        detected_ns: start_ns + 1,
        start_ns,
        end_ns: start_ns + 5_000_000_000,
        sources,
        origins: Vec::new(),
        forged_sources: 0,
        targets,
        names: Vec::new(),
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
        evidence: Vec::new(),
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
fn an_incident_that_goes_on_from_an_earlier_run_is_one() {
    let place = Place::new();
    let changed = |event: Event, change| match event {
        Event::Incident(update) => Event::Incident(IncidentUpdate { change, ..(*update).clone() }.into()),
        other => other,
    };
    let of =
        |id: &str, start_ns, change, state| changed(incident(id, start_ns, [10, 0, 0, 1], state), change);
    let mut first = place.store();
    let opened = ["1-1", "2-2", "3-3"].map(|id| of(id, MINUTE, Change::Opened, State::Open));
    first.add(&opened).unwrap();
    drop(first);
    let mut later = place.store();
    later.add(&[of("1-1", MINUTE, Change::Resumed, State::Open)]).unwrap();
    later.add(&[of("1-1", MINUTE, Change::Closed, State::Closed)]).unwrap();
    later.add(&[of("2-2", MINUTE, Change::Closed, State::Closed)]).unwrap();
    // Of another moment, it is another one of the same name.
    later.add(&[of("3-3", 2 * MINUTE, Change::Resumed, State::Open)]).unwrap();
    let incidents = place.history().incidents(&Filter::default()).unwrap();
    let mut ids: Vec<&str> = incidents.iter().map(|incident| incident.id.as_str()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["1-1", "2-2", "3-3", "3-3"]);
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
        let newer = format!("a newer nad wrote it (schema 99; this one knows {})", schema::VERSION);
        assert!(refusal.contains(&newer), "{refusal}");
    }
}

#[test]
fn tables_that_are_not_those_of_the_schema_are_damage_said_in_one_line() {
    let place = Place::new();
    drop(place.store());
    let connection = Connection::open(&place.config.path).unwrap();
    connection.execute_batch("ALTER TABLE incidents RENAME TO other").unwrap();
    drop(connection);
    let history = History::open(&place.config.path).unwrap();
    let refusal = history.incidents(&Filter::default()).unwrap_err().to_string();
    assert!(refusal.contains("damaged (no such table: incidents)"), "{refusal}");
}

#[test]
fn an_error_of_the_database_is_one_line_whatever_the_file_calls_its_tables() {
    let place = Place::new();
    drop(place.store());
    let connection = Connection::open(&place.config.path).unwrap();
    let error = connection.prepare("SELECT \"a\nb\".\"c\nd\"\nFROM runs").unwrap_err();
    assert!(error.to_string().contains('\n'), "{error}");
    let said = HistoryError::of(&place.config.path, error).to_string();
    assert!(!said.contains('\n') && said.contains("a\\nb"), "{said}");
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
    assert!(!refusal.contains('\n'), "one line, whatever SQLite says: {refusal}");
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
