use super::*;
use crate::context::table::TableCounts;

#[test]
fn a_packet_that_is_nowhere_unbalances_the_ledger() {
    let mut ledger = Ledger {
        source: KernelCounters {
            seen: 10,
            recorded: 7,
            ring_full: 1,
            unparsed: [2, 0, 0, 0, 0, 0, 0, 0, 0],
            ..KernelCounters::default()
        },
        drained: 7,
        learned: 3,
        scored: 4,
        ..Ledger::default()
    };
    assert!(ledger.balances());
    assert_eq!(
        ledger.to_string(),
        "seen 10 = recorded 7 + ring_full 1 + unparsed 2 (link_truncated 2); \
         drained 7 = learned 3 + scored 4"
    );
    ledger.source.egress = 6;
    assert!(ledger.to_string().starts_with("seen 10 (egress 6) = recorded 7 "), "{ledger}");
    ledger.scored = 3;
    assert!(!ledger.balances());
    assert_eq!(ledger.in_queue(), 1);
}

#[test]
fn what_was_left_out_is_in_the_ledger_and_in_the_coverage() {
    let before = Ledger::default();
    let counters = KernelCounters {
        seen: 100,
        recorded: 20,
        sampled_out: 70,
        ring_full: 10,
        ..KernelCounters::default()
    };
    let mut ledger =
        Ledger { drained: 20, scored: 20, attributed: 68, ..Ledger::default() }.with_source(counters);
    assert!(ledger.balances());
    assert!(
        ledger
            .to_string()
            .starts_with("seen 100 = recorded 20 + sampled_out 70 (unattributed 2) + ring_full 10 + "),
        "{ledger}"
    );
    assert_eq!((ledger.captured(), ledger.coverage_since(&before)), (20, Some(0.2)));
    assert_eq!(ledger.coverage_since(&ledger), None, "nothing came");
    ledger.attributed = 71;
    assert!(!ledger.balances(), "no record attributes what was not sampled out");
}

#[test]
fn what_the_tables_had_no_room_for_is_named_and_what_they_had_is_not() {
    let tally = Tally::default();
    assert!(!tally.read().to_string().contains("flows"));
    tally.set_context(ContextCounts {
        flows: TableCounts { entered: 9, evicted: 3, displaced: 1, refused: 2 },
        hosts: TableCounts { entered: 9, evicted: 0, displaced: 0, refused: 1 },
        passed_over: 4,
        ..ContextCounts::default()
    });
    let text = tally.read().to_string();
    let rest =
        ", flows_evicted 3, flows_displaced 1, flows_refused 2, hosts_refused 1, subjects_passed_over 4";
    assert!(text.ends_with(&format!("learned 0 + scored 0{rest}")), "{text}");
}
