//! What became of every packet, in a table that explains itself.

use super::{html::Html, scale};
use crate::history::KeptLedger;

/// What each counter counts, in the order in which packets go.
const MEANINGS: [(&str, &str); 48] = [
    ("seen", "packets that reached the sensor"),
    ("egress", "of these, packets that were sent; the others were received"),
    ("recorded", "packets whose headers were taken down"),
    ("thinned", "packets left out on purpose, because there were too many"),
    ("told", "of these, those that are counted with a flow, service or host"),
    ("untold", "the others, which nobody is known of"),
    ("ring_full", "packets lost, because a ring was full"),
    ("unparsed", "packets that name nobody, for one of these reasons:"),
    ("unparsed_link_truncated", "shorter than an Ethernet header"),
    ("unparsed_vlan_truncated", "ended within a VLAN tag"),
    ("unparsed_arp_truncated", "shorter than an ARP packet"),
    ("unparsed_ipv4_truncated", "shorter than an IPv4 header"),
    ("unparsed_ipv6_truncated", "shorter than an IPv6 header"),
    ("unparsed_not_ip", "no IP packet, in a capture without Ethernet headers"),
    ("unparsed_no_link_header", "copies of the machine's own multicast packets"),
    ("unparsed_cut", "cut by the capture before they name anybody"),
    ("unparsed_link_type", "of a link type that can't be read, among others"),
    ("drained", "records that were taken over"),
    ("unreadable", "records that could not be read"),
    ("learned", "records that the baseline was learnt from"),
    ("scored", "records that were judged"),
    ("judged_packets", "packets that a model judged"),
    ("judged_hosts", "decisions on what hosts did in a second, without which there are no incidents"),
    ("own", "records of nad's own connections, which it does not judge"),
    ("discarded", "records beyond what was asked for, or after a failure"),
    ("anomalies", "packets above the threshold"),
    ("incidents", "incidents that were opened"),
    ("suppressed", "deviations that an allow rule kept quiet"),
    ("incidents_refused", "deviations in no incident, because too many were open"),
    ("deviations_passed_over", "deviations of a crowd that were not counted one by one"),
    ("alerts_dropped", "anomalies not told of, because there were too many at once"),
    ("queue_waits", "times that reading waited for judging"),
    ("time_strays", "packets whose time was far from that of their neighbours"),
    ("time_steps", "times that the clock which stamps packets was set"),
    ("time_gaps", "gaps of more than a minute in a capture"),
    ("subjects_passed_over", "hosts and dealings not judged in a second with too many"),
    ("flows_evicted", "flows forgotten early, to make room"),
    ("flows_refused", "flows that there was no room for"),
    ("hosts_evicted", "hosts forgotten early, to make room"),
    ("hosts_refused", "hosts that there was no room for"),
    ("dealings_evicted", "dealings of a client with a service forgotten early"),
    ("dealings_refused", "dealings that there was no room for"),
    ("links_evicted", "MAC addresses forgotten early"),
    ("links_refused", "MAC addresses that there was no room for"),
    ("bindings_evicted", "IP addresses of MAC addresses forgotten early"),
    ("bindings_refused", "IP addresses of MAC addresses that there was no room for"),
    ("memories_evicted", "things that were here before, forgotten early"),
    ("memories_refused", "things that were here before that there was no room for"),
];

/// Whether anything was lost, in a sentence.
pub(super) fn losses(ledger: Option<&KeptLedger>) -> String {
    let Some(ledger) = ledger else {
        return "What was lost is not known: no run has noted its ledger.".into();
    };
    let mut lost: Vec<String> = [
        ("ring_full", "packets, because a ring was full"),
        ("unreadable", "records that could not be read"),
        ("untold", "packets left out that nobody is known of"),
        ("alerts_dropped", "anomalies that were not told of"),
        ("incidents_refused", "deviations, because too many incidents were open"),
    ]
    .into_iter()
    .map(|(name, what)| (ledger.count(name), what))
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{} {what}", scale::grouped(count)))
    .collect();
    let untold: u64 = ledger.outputs.iter().map(|output| output.dropped + output.failed).sum();
    if untold > 0 {
        lost.push(format!("{} events that outputs were not told of", scale::grouped(untold)));
    }
    let lost =
        if lost.is_empty() { "Nothing was lost.".into() } else { format!("Lost: {}.", lost.join("; ")) };
    // Ledgers of earlier versions don't say.
    let has_judged = ledger.counters.get("judged_hosts").is_none_or(|count| *count > 0);
    if has_judged { lost } else { format!("Hosts were not judged, so there can't be incidents. {lost}") }
}

/// Every counter and what it means, and what the outputs were told of.
pub(super) fn section(ledger: Option<&KeptLedger>, page: &mut Html) {
    page.add("<section>\n<h2>Ledger</h2>\n", &[]);
    let Some(ledger) = ledger else {
        page.add("<p>No run of this period has noted its ledger.</p>\n</section>\n", &[]);
        return;
    };
    page.add(
        "<p>What became of every packet of the runs above, from their beginning to their last note: \
         seen = recorded + thinned + ring_full + unparsed; recorded = drained + unreadable; \
         drained = learned + scored + own + discarded.</p>\n\
         <div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Ledger\"><table>\n\
         <thead><tr><th scope=\"col\">Counter</th><th scope=\"col\" class=\"n\">Count</th>\
         <th scope=\"col\">What it counts</th></tr></thead>\n<tbody>\n",
        &[],
    );
    let known = MEANINGS
        .iter()
        .filter_map(|(name, meaning)| ledger.counters.get(*name).map(|count| (*name, *count, *meaning)));
    let is_unknown = |name: &str| MEANINGS.iter().all(|(known, _)| *known != name);
    let unknown = ledger.counters.iter().filter(|(name, _)| is_unknown(name));
    let explained = |name: &str| {
        if name.starts_with("opaque_") {
            "packets that may carry others, which were not looked into"
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
    use nad_engine::ledger::Ledger;

    use super::*;
    #[test]
    fn every_counter_is_explained() {
        let kept = KeptLedger::of(&Ledger::default());
        for name in kept.counters.keys() {
            assert!(MEANINGS.iter().any(|(known, meaning)| known == name && !meaning.is_empty()), "{name}");
        }
        assert_eq!(kept.counters.len(), MEANINGS.len(), "and nothing that there is not");
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
