//! What was not looked into of the packets with a record, as ledgers and warnings say it.

use std::fmt::Write as _;

use nad_common::{counters::KernelCounters, opaque::Opaque};

/// The part of all packets from which on a reason is said by itself.
const WORTH_SAYING: f64 = 0.01;

/// What is never looked into; of the others some can be read.
pub const NEVER_READ: [Opaque; 9] = [
    Opaque::Macsec,
    Opaque::Trill,
    Opaque::FabricPath,
    Opaque::Batman,
    Opaque::Esp,
    Opaque::L2tp,
    Opaque::Capwap,
    Opaque::Teredo,
    Opaque::Lisp,
];

/// The reasons that there were, with their numbers of packets.
pub fn counts(source: &KernelCounters) -> impl Iterator<Item = (Opaque, u64)> {
    Opaque::ALL.into_iter().zip(source.opaque).filter(|(_, count)| *count > 0)
}

/// All of them as a ledger lists them, ` (mpls 3, gre 1)` behind their sum; empty where there were none.
pub(crate) fn listed(source: &KernelCounters) -> String {
    let mut text = String::new();
    let mut separator = "";
    for (reason, count) in counts(source) {
        let _ = write!(text, "{separator}{} {count}", reason.name());
        separator = ", ";
    }
    let total: u64 = source.opaque.iter().sum();
    if total == 0 { text } else { format!(", opaque {total} ({text})") }
}

/// A sentence on each reason that holds for more than a percent of the packets.
pub fn warnings(source: &KernelCounters) -> Vec<String> {
    let share = |count: u64| count as f64 / source.seen.max(1) as f64;
    counts(source)
        .filter(|(_, count)| share(*count) > WORTH_SAYING)
        .map(|(reason, count)| {
            let percent = 100.0 * share(count);
            match reason {
                Opaque::HeaderCut => format!(
                    "{count} packets ({percent:.1} %) are cut within their headers: what the capture left out is not \
                     judged; record with a snapshot length of 256 bytes or more"
                ),
                _ => format!(
                    "{count} packets ({percent:.1} %) were not looked into, because they are {}: what they carry is not \
                     judged; watch where it is unpacked",
                    reason.name()
                ),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_more_than_a_percent_is_said_and_the_rest_is_listed() {
        let mut source = KernelCounters { seen: 1000, recorded: 1000, ..KernelCounters::default() };
        assert_eq!((listed(&source), warnings(&source)), (String::new(), Vec::new()));
        source.opaque[Opaque::Mpls as usize] = 10;
        source.opaque[Opaque::Capwap as usize] = 11;
        assert_eq!(listed(&source), ", opaque 21 (mpls 10, capwap 11)");
        let said = warnings(&source);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(
            said[0].starts_with("11 packets (1.1 %) were not looked into, because they are capwap"),
            "{said:?}"
        );
    }
}
