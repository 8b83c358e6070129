//! What a guest said, by name.

use serde_json::Value;

use super::console::Said;

/// The lines that begin with this, of which the rest is `NAME … VALUE`.
const MARK: &str = "@ ";

/// Those lines, without the mark.
pub(super) struct Facts(Vec<String>);

/// Counts of one run's ledger.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ledger {
    pub(super) seen: u64,
    pub(super) egress: u64,
    pub(super) recorded: u64,
    pub(super) drained: u64,
    /// Whether every packet is accounted for.
    pub(super) balances: bool,
}

impl Facts {
    pub(super) fn new(said: &Said) -> Self {
        Self(said.lines.iter().filter_map(|line| line.strip_prefix(MARK)).map(str::to_owned).collect())
    }

    /// The values of every line of this name, such as `lo error`.
    pub(super) fn all(&self, name: &str) -> Vec<&str> {
        self.0.iter().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).collect()
    }

    /// The value of the first line of this name.
    pub(super) fn one(&self, name: &str) -> Option<&str> {
        self.0.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
    }

    /// The number after a word of a line, as in `killed xdp 0 filters 1`.
    pub(super) fn number(&self, name: &str, word: &str) -> Option<u64> {
        let mut words = self.one(name)?.split_whitespace();
        words.find(|found| *found == word)?;
        words.next()?.parse().ok()
    }

    /// The exit code of a run.
    pub(super) fn code(&self, run: &str) -> Option<i32> {
        self.one(&format!("{run} code"))?.parse().ok()
    }

    /// Everything that a run printed as JSON.
    pub(super) fn json(&self, run: &str) -> Vec<Value> {
        let lines = self.all(&format!("{run} json"));
        lines.into_iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The ledger in a run's summary.
    pub(super) fn ledger(&self, run: &str) -> Option<Ledger> {
        let objects = self.json(run);
        let ledger = objects.iter().find_map(|object| object.get("summary")?.get("ledger"))?;
        let count = |name: &str| ledger.get(name)?.as_u64();
        let unparsed: u64 = ledger.get("unparsed")?.as_object()?.values().filter_map(Value::as_u64).sum();
        let (seen, recorded, drained) = (count("seen")?, count("recorded")?, count("drained")?);
        let accounted = count("learned")? + count("scored")? + count("self_traffic")? + count("discarded")?;
        let balances = seen == recorded + count("sampled_out")? + count("ring_full")? + unparsed
            && recorded == drained + count("unreadable")?
            && drained == accounted;
        Some(Ledger { seen, egress: count("egress")?, recorded, drained, balances })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn lines_are_told_by_name_and_noise_is_left_out() {
        let lines = [
            "[    0.1] boot",
            "@ lo code 0",
            r#"@ lo json {"summary":{"ledger":{"seen":40,"egress":0,"recorded":40,"sampled_out":0,"ring_full":0,"unparsed":{"arp":0},"drained":40,"unreadable":0,"learned":39,"scored":0,"self_traffic":0,"discarded":1}}}"#,
            "@ killed xdp 0 filters 1 programs 3",
        ];
        let lines = lines.map(str::to_owned).to_vec();
        let facts = Facts::new(&Said { lines, ended: true, took: Duration::ZERO });
        assert_eq!(facts.code("lo"), Some(0));
        assert_eq!((facts.number("killed", "filters"), facts.number("killed", "none")), (Some(1), None));
        let expected = Ledger { seen: 40, egress: 0, recorded: 40, drained: 40, balances: true };
        assert_eq!(facts.ledger("lo"), Some(expected));
        assert_eq!(facts.ledger("both"), None);
    }
}
