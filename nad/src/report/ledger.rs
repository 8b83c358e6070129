//! What became of every packet, in a table that explains itself.

use nad_common::refusal::Refusal;
use nad_engine::ledger::Ledger;

use super::{html::Html, scale};
use crate::history::KeptLedger;

/// Why a packet names nobody.
const REFUSALS: [(Refusal, &str); Refusal::ALL.len()] = [
    (Refusal::LinkTruncated, "Shorter than an Ethernet header"),
    (Refusal::VlanTruncated, "Ended within a VLAN tag"),
    (Refusal::ArpTruncated, "Shorter than an ARP packet"),
    (Refusal::Ipv4Truncated, "Shorter than an IPv4 header"),
    (Refusal::Ipv6Truncated, "Shorter than an IPv6 header"),
    (Refusal::NotIp, "No IP packet, in a capture without Ethernet headers"),
    (Refusal::NoLinkHeader, "Copies of the machine's own multicast packets"),
    (Refusal::Cut, "Cut by the capture before they name anybody"),
    (Refusal::LinkType, "Of a link type that can't be read, among others"),
];

/// What each counter counts, in the order in which packets go.
fn meanings() -> Vec<(String, &'static str)> {
    let ledger = Ledger::default();
    let mut meanings = Vec::new();
    for (counter, _) in ledger.counters() {
        meanings.push((counter.name.to_owned(), counter.meaning));
        if counter.name == "unparsed" {
            let reasons = REFUSALS.iter();
            meanings
                .extend(reasons.map(|(refusal, meaning)| (format!("unparsed_{}", refusal.name()), *meaning)));
        }
    }
    meanings
}

/// Whether anything was lost, in a sentence.
pub(super) fn losses(ledger: Option<&KeptLedger>) -> String {
    let Some(ledger) = ledger else {
        return "What was lost is not known: no run has noted its ledger.".into();
    };
    let mut lost: Vec<String> = [
        ("ring_full", "packets, because a ring was full"),
        ("unreadable", "records that could not be read"),
        ("unattributed", "packets sampled out that are attributed to no flow or host"),
        ("alerts_dropped", "anomalies that were not reported"),
        ("incidents_refused", "deviations, because too many incidents were open"),
    ]
    .into_iter()
    .map(|(name, what)| (ledger.count(name), what))
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{} {what}", scale::grouped(count)))
    .collect();
    let undelivered: u64 = ledger.outputs.iter().map(|output| output.dropped + output.failed).sum();
    if undelivered > 0 {
        lost.push(format!("{} events that outputs did not get", scale::grouped(undelivered)));
    }
    let lost =
        if lost.is_empty() { "Nothing was lost.".into() } else { format!("Lost: {}.", lost.join("; ")) };
    // Ledgers of earlier versions don't say.
    let has_judged = ledger.counters.get("judged_hosts").is_none_or(|count| *count > 0);
    if has_judged { lost } else { format!("Hosts were not judged, so there can't be incidents. {lost}") }
}

/// Every counter and what it means, and what the outputs delivered.
pub(super) fn section(ledger: Option<&KeptLedger>, page: &mut Html) {
    page.add("<section>\n<h2>Ledger</h2>\n", &[]);
    let Some(ledger) = ledger else {
        page.add("<p>No run of this period has noted its ledger.</p>\n</section>\n", &[]);
        return;
    };
    page.add(
        "<p>What became of every packet of the runs above, from their beginning to their last note: \
         seen = recorded + sampled_out + ring_full + unparsed; recorded = drained + unreadable; \
         drained = learned + scored + self_traffic + discarded.</p>\n\
         <div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Ledger\"><table>\n\
         <thead><tr><th scope=\"col\">Counter</th><th scope=\"col\" class=\"n\">Count</th>\
         <th scope=\"col\">What it counts</th></tr></thead>\n<tbody>\n",
        &[],
    );
    let meanings = meanings();
    let known = meanings.iter().filter_map(|(name, meaning)| {
        ledger.counters.get(name).map(|count| (name.as_str(), *count, *meaning))
    });
    let is_unknown = |name: &str| meanings.iter().all(|(known, _)| known != name);
    let unknown = ledger.counters.iter().filter(|(name, _)| is_unknown(name));
    let explained = |name: &str| {
        if name.starts_with("opaque_") {
            "Packets that may carry others, which were not looked into"
        } else {
            ""
        }
    };
    let unknown = unknown.map(|(name, count)| (name.as_str(), *count, explained(name)));
    for (name, count, meaning) in known.chain(unknown) {
        page.add(
            "<tr><th scope=\"row\"><code>{}</code></th><td class=\"n\">{}</td><td>{}</td></tr>\n",
            &[&name, &scale::grouped(count), &meaning],
        );
    }
    page.add("</tbody></table></div>\n", &[]);
    outputs(ledger, page);
    page.add("</section>\n", &[]);
}

fn outputs(ledger: &KeptLedger, page: &mut Html) {
    if ledger.outputs.is_empty() {
        return;
    }
    page.add(
        "<h3>Outputs</h3>\n\
         <div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Outputs\"><table>\n\
         <thead><tr><th scope=\"col\">Output</th><th scope=\"col\" class=\"n\">Told of</th>\
         <th scope=\"col\" class=\"n\">No room for</th><th scope=\"col\" class=\"n\">Failed</th></tr></thead>\n<tbody>\n",
        &[],
    );
    for output in &ledger.outputs {
        page.add(
            "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
            &[
                &output.name,
                &scale::grouped(output.delivered),
                &scale::grouped(output.dropped),
                &scale::grouped(output.failed),
            ],
        );
    }
    page.add("</tbody></table></div>\n", &[]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_is_explained_once() {
        let kept = KeptLedger::of(&Ledger::default());
        let meanings = meanings();
        for name in kept.counters.keys() {
            let explained = meanings.iter().filter(|(known, meaning)| known == name && !meaning.is_empty());
            assert_eq!(explained.count(), 1, "{name}");
        }
        assert_eq!(kept.counters.len(), meanings.len(), "and nothing that there is not");
    }

    #[test]
    fn what_was_lost_is_said_and_what_was_not_is_said_too() {
        let mut kept = KeptLedger::of(&Ledger::default());
        let unjudged = "Hosts were not judged, so there can't be incidents. Nothing was lost.";
        assert_eq!(losses(Some(&kept)), unjudged);
        kept.counters.insert("judged_hosts".into(), 1);
        assert_eq!(losses(Some(&kept)), "Nothing was lost.");
        kept.counters.insert("ring_full".into(), 1200);
        assert_eq!(losses(Some(&kept)), "Lost: 1,200 packets, because a ring was full.");
        assert!(losses(None).contains("not known"));
    }
}
