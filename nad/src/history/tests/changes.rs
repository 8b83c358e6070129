//! What is kept of how incidents change.

use super::*;

fn changed(change: Change, end_ns: u64) -> Event {
    let Event::Incident(update) = incident("1-1", MINUTE, [10, 0, 0, 1], State::Open) else { panic!() };
    let mut incident = update.incident.clone();
    incident.end_ns = end_ns;
    incident.names = vec![(HostKey::v4([10, 0, 0, 1]), "printer.local".into())];
    Event::Incident(IncidentUpdate { change, incident }.into())
}

fn changes(place: &Place) -> Vec<KeptChange> {
    let history = place.history();
    let incidents = history.incidents(&Filter::default()).unwrap();
    incidents.iter().flat_map(|incident| history.changes(incident).unwrap()).collect()
}

#[test]
fn what_happens_to_an_incident_is_kept_in_order_and_leaves_with_it() {
    let mut place = Place::new();
    let mut store = place.store();
    store
        .add(&[
            changed(Change::Opened, 2 * MINUTE),
            changed(Change::Updated, 3 * MINUTE),
            changed(Change::Changed, 4 * MINUTE),
            changed(Change::Closed, 5 * MINUTE),
        ])
        .unwrap();
    let kept = changes(&place);
    let told: Vec<_> = kept.iter().map(|kept| (kept.change.as_str(), kept.time_ns)).collect();
    assert_eq!(told, [("opened", MINUTE + 1), ("changed", 4 * MINUTE), ("closed", 5 * MINUTE)]);
    assert_eq!((kept[0].shape.as_str(), kept[0].severity), ("port scan", "medium"));
    drop(store);
    place.config.max_age = Duration::from_millis(1);
    std::thread::sleep(Duration::from_millis(20));
    place.store().prune().unwrap();
    let left: i64 = Connection::open(&place.config.path)
        .unwrap()
        .query_row("SELECT count(*) FROM changes", [], |row| row.get(0))
        .unwrap();
    assert_eq!(left, 0);
}

#[test]
fn of_too_many_changes_the_first_and_the_last_stay() {
    let place = Place::new();
    let mut store = place.store();
    store.add(&[changed(Change::Opened, MINUTE)]).unwrap();
    for round in 1..200 {
        let change = if round % 2 == 0 { Change::Closed } else { Change::Resumed };
        store.add(&[changed(change, round * MINUTE)]).unwrap();
    }
    let kept = changes(&place);
    assert_eq!(kept.len(), 64);
    assert_eq!((kept[0].change.as_str(), kept[63].time_ns), ("opened", 199 * MINUTE));
    assert_eq!(kept[1].time_ns, 137 * MINUTE, "those in between leave");
}

#[test]
fn names_are_columns_of_their_own_also_of_incidents_that_were_written_before() {
    let place = Place::new();
    let column = |name: &str| -> Option<String> {
        let connection = Connection::open(&place.config.path).unwrap();
        connection.query_row(&format!("SELECT {name} FROM incidents"), [], |row| row.get(0)).unwrap()
    };
    place.store().add(&[changed(Change::Opened, MINUTE)]).unwrap();
    assert_eq!(column("names").as_deref(), Some(r#"{"10.0.0.1":"printer.local"}"#));
    assert_eq!(column("uid").as_deref(), Some("00000000-0000-0000-0000-000000000000"));
    assert_eq!(column("sensor").as_deref(), Some(crate::sensor::name()));
    let kept = place.history().incidents(&Filter::default()).unwrap().remove(0);
    assert_eq!(kept.names["10.0.0.1"], "printer.local");
    // As version 3 had it.
    let connection = Connection::open(&place.config.path).unwrap();
    connection
        .execute_batch(
            "DROP TABLE marks; DROP TABLE changes; DROP INDEX incidents_by_uid; ALTER TABLE incidents DROP COLUMN uid;
             ALTER TABLE incidents DROP COLUMN sensor; ALTER TABLE incidents DROP COLUMN names; PRAGMA user_version = 3",
        )
        .unwrap();
    drop(connection);
    assert!(changes(&place).is_empty(), "it is read as it is");
    drop(place.store());
    assert_eq!(column("names").as_deref(), Some(r#"{"10.0.0.1":"printer.local"}"#));
    assert_eq!(column("uid"), None);
}
