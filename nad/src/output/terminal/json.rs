//! What was found, as the last JSON object of a run.

use nad_common::refusal::Refusal;
use nad_engine::{
    features::View,
    ledger::{Judged, Ledger},
    unread,
};
use serde_json::{Map, Value, json};

/// `{"summary": {…}}` in one line: packets, what was found, what each rule allowed, and where every packet went.
pub(super) fn summary(ledger: &Ledger, allowed: &[(u64, String)]) -> String {
    let allowed: Vec<Value> =
        allowed.iter().map(|(alerts, comment)| json!({ "alerts": alerts, "comment": comment })).collect();
    json!({
        "summary": {
            "captured": ledger.captured(),
            "incidents": ledger.incidents,
            "anomalous_packets": ledger.anomalies,
            "judged": judged(ledger),
            "allowed": allowed,
            "ledger": counts(ledger),
        }
    })
    .to_string()
}

/// Whether packets and hosts were judged, by which views, and why not more.
fn judged(ledger: &Ledger) -> Value {
    let judged = ledger.judgement();
    let views: Map<String, Value> = View::ALL
        .into_iter()
        .zip(ledger.decisions)
        .map(|(view, count)| (view.name().into(), count.into()))
        .collect();
    json!({
        "packets": !matches!(judged, Judged::Nothing(_)),
        "hosts": judged == Judged::Hosts,
        "missing": judged.missing().map(|missing| missing.to_string()),
        "views": views,
    })
}

/// Every counter, and what outputs delivered.
fn counts(ledger: &Ledger) -> Value {
    let source = &ledger.source;
    let unparsed: Map<String, Value> = Refusal::ALL
        .into_iter()
        .zip(source.unparsed)
        .map(|(refusal, count)| (refusal.name().into(), count.into()))
        .collect();
    let opaque: Map<String, Value> =
        unread::counts(source).map(|(reason, count)| (reason.name().into(), count.into())).collect();
    let outputs: Vec<Value> = ledger
        .outputs
        .iter()
        .map(|output| {
            json!({
                "name": output.name,
                "delivered": output.delivered,
                "dropped": output.dropped,
                "failed": output.failed,
            })
        })
        .collect();
    let mut counts: Map<String, Value> =
        ledger.counters().map(|(counter, count)| (counter.name.into(), count.into())).collect();
    // In place of its sum.
    counts.insert("unparsed".into(), unparsed.into());
    counts.insert("opaque".into(), opaque.into());
    counts.insert("outputs".into(), outputs.into());
    counts.into()
}

#[cfg(test)]
mod tests {
    use nad_common::counters::KernelCounters;

    use super::*;

    #[test]
    fn the_summary_is_one_line_whose_numbers_balance() {
        let source = KernelCounters {
            seen: 9,
            recorded: 7,
            unparsed: [2, 0, 0, 0, 0, 0, 0, 0, 0],
            ..KernelCounters::default()
        };
        let ledger = Ledger { drained: 7, scored: 7, incidents: 1, ..Ledger::default() }.with_source(source);
        let line = summary(&ledger, &[(3, "a \"quoted\"\ncomment".into())]);
        assert!(!line.contains('\n'), "{line}");
        let value: Value = serde_json::from_str(&line).unwrap();
        let summary = &value["summary"];
        assert_eq!((&summary["captured"], &summary["incidents"]), (&json!(9), &json!(1)));
        assert_eq!(summary["judged"]["hosts"], json!(false));
        assert_eq!(summary["allowed"][0]["comment"], "a \"quoted\"\ncomment");
        let unparsed: u64 =
            summary["ledger"]["unparsed"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
        assert_eq!(summary["ledger"]["recorded"].as_u64().unwrap() + unparsed, 9);
    }
}
