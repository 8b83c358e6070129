//! What is known of a counter besides its value.

/// What is known of a counter.
#[derive(Debug, PartialEq, Eq)]
pub struct Counter {
    /// Its name in status lines, reports, histories and JSON.
    pub name: &'static str,
    /// What it counts, in a sentence.
    pub meaning: &'static str,
    /// Its name in metrics, where it is one of its own; without the `_total` of one that only grows.
    pub metric: Option<&'static str>,
    /// Whether it may become less.
    pub is_level: bool,
    /// Whether the ledger's line has it behind what balances, where it is not 0.
    pub is_listed: bool,
}

impl Counter {
    /// One of a context table, whose metrics are families.
    pub(crate) const fn of_table(name: &'static str, meaning: &'static str) -> Self {
        Self { name, meaning, metric: None, is_level: false, is_listed: true }
    }
}
