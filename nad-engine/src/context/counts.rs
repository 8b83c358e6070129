//! What became of those who wanted an entry in a table: each table declared once.

use super::table::TableCounts;
use crate::counter::Counter;

/// How full the tables are, by name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ContextCounts {
    /// Flows.
    pub flows: TableCounts,
    /// Hosts.
    pub hosts: TableCounts,
    /// Those who share a state: hosts for which there is no room, and senders in another's name.
    pub groups: TableCounts,
    /// Service pairs.
    pub service_pairs: TableCounts,
    /// MAC addresses.
    pub links: TableCounts,
    /// Which MAC address holds an IP address.
    pub bindings: TableCounts,
    /// Known services.
    pub known_services: TableCounts,
    /// Subjects that were active in a tick and not visited at its end.
    pub passed_over: u64,
}

/// A table, as those who show its counts go through.
#[derive(Debug)]
pub struct CountedTable {
    /// Its name in metrics.
    pub name: &'static str,
    /// The counters of entries that left early, of those of them that were in use, and of newcomers without room.
    pub counters: [Counter; 3],
    /// Its counts.
    pub counts: fn(&ContextCounts) -> TableCounts,
}

/// Declares the tables: their field, their name, and what their entries are.
macro_rules! tables {
    ($($field:ident: $name:literal, $what:literal;)*) => {
        /// Every table, once.
        pub static TABLES: [CountedTable; [$($name),*].len()] = [$(CountedTable {
            name: $name,
            counters: [
                Counter::of_table(concat!($name, "_evicted"), concat!($what, " forgotten early, to make room")),
                Counter::of_table(
                    concat!($name, "_displaced"),
                    concat!($what, " forgotten although they were used in the last ten seconds"),
                ),
                Counter::of_table(concat!($name, "_refused"), concat!($what, " that there was no room for")),
            ],
            counts: |counts| counts.$field,
        }),*];
    };
}

tables! {
    flows: "flows", "Flows";
    hosts: "hosts", "Hosts";
    groups: "groups", "Groups of hosts that share a state";
    service_pairs: "service_pairs", "Client-service pairs";
    links: "links", "MAC addresses";
    bindings: "bindings", "IP addresses of MAC addresses";
    known_services: "known_services", "Known services, hosts and pairs";
}

impl ContextCounts {
    /// States of hosts, flows and service pairs that were lost while they mattered, or not taken up.
    pub fn overruns(&self) -> u64 {
        [self.flows, self.hosts, self.service_pairs].iter().map(TableCounts::overruns).sum()
    }
}
