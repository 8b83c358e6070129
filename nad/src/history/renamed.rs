//! Words that earlier versions had: a history of theirs is shown in the words of now, also where it is only read.
//!
//! Shapes have their first names still, conditions are not kept, and reasons are sentences, which stay as they were written.

use rusqlite::{Connection, params};

use super::KeptLedger;

/// Views: the name of histories before version 3, and the name of now.
const VIEWS: [(&str, &str); 7] = [
    ("claims", "arp"),
    ("form", "malformed"),
    ("pressure", "inbound-flood"),
    ("push", "outbound-flood"),
    ("reach", "scan"),
    ("rhythm", "periodicity"),
    ("slow-reach", "slow-scan"),
];

/// Counters of the ledger, likewise.
const COUNTERS: [(&str, &str); 10] = [
    ("dealings_displaced", "service_pairs_displaced"),
    ("dealings_evicted", "service_pairs_evicted"),
    ("dealings_refused", "service_pairs_refused"),
    ("memories_displaced", "known_services_displaced"),
    ("memories_evicted", "known_services_evicted"),
    ("memories_refused", "known_services_refused"),
    ("own", "self_traffic"),
    ("thinned", "sampled_out"),
    ("told", "attributed"),
    ("untold", "unattributed"),
];

/// A view by its name of now.
pub(super) fn view(name: String) -> String {
    current(&VIEWS, &name).map_or(name, str::to_owned)
}

/// A ledger with its counters by their names of now.
pub(super) fn ledger(mut ledger: KeptLedger) -> KeptLedger {
    for (old, new) in COUNTERS {
        if let Some(count) = ledger.counters.remove(old) {
            *ledger.counters.entry(new.into()).or_default() += count;
        }
    }
    ledger
}

/// Rewrites what a history has, from version 2 to 3. Both stand in JSON as nad writes it, without spaces; what is text in there
/// has its quotes escaped, so it is not touched.
///
/// # Errors
///
/// When the file can't be written.
pub(super) fn rewrite(migration: &Connection) -> rusqlite::Result<()> {
    let mut incidents = migration.prepare(
        "UPDATE incidents SET json = replace(json, '\"view\":\"' || ?1 || '\"', '\"view\":\"' || ?2 || '\"'), view = ?2
         WHERE view = ?1",
    )?;
    for (old, new) in VIEWS {
        incidents.execute(params![old, new])?;
    }
    let mut ledgers = migration
        .prepare("UPDATE runs SET ledger = replace(ledger, '\"' || ?1 || '\":', '\"' || ?2 || '\":')")?;
    for (old, new) in COUNTERS {
        ledgers.execute(params![old, new])?;
    }
    Ok(())
}

fn current(names: &[(&str, &'static str)], name: &str) -> Option<&'static str> {
    names.iter().find(|(old, _)| *old == name).map(|(_, new)| *new)
}

#[cfg(test)]
mod tests {
    use nad_engine::{features::View, ledger::Ledger};

    use super::*;

    #[test]
    fn each_new_name_is_one_of_now_and_no_old_one_is() {
        let views = View::ALL.map(View::name);
        for (old, new) in VIEWS {
            assert!(views.contains(&new) && !views.contains(&old), "{old} {new}");
        }
        let ledger = KeptLedger::of(&Ledger::default());
        for (old, new) in COUNTERS {
            assert!(ledger.counters.contains_key(new) && !ledger.counters.contains_key(old), "{old} {new}");
        }
    }
}
