//! The declaration of tables: what is counted of each, and by which size it is made.

use super::{ContextCounts, Sizes, table::TableCounts};
use crate::counter::Counter;

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

/// Declares the tables: each with its name in code, its name in settings and metrics, and what its entries are; then either
/// how many entries there are unless the settings say otherwise, or with which table it grows.
macro_rules! tables {
    ($(
        $id:ident $table:ident: $what:literal, $(with $owner:ident)? $(entries $entries:expr)?;
    )*) => {
        /// A table of the context.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        enum TableId {
            $(#[doc = $what] $id,)*
        }

        /// What became of those who wanted an entry, by table.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct ContextCounts {
            $(#[doc = $what] pub $table: TableCounts,)*
            /// Subjects that were active in a tick and not visited at its end.
            pub passed_over: u64,
        }

        /// Every table, once.
        pub static TABLES: [CountedTable; [$(stringify!($table)),*].len()] = [$(CountedTable {
            name: stringify!($table),
            counters: [
                $crate::counter::Counter::of_table(
                    concat!(stringify!($table), "_evicted"),
                    concat!($what, " forgotten early, to make room"),
                ),
                $crate::counter::Counter::of_table(
                    concat!(stringify!($table), "_displaced"),
                    concat!($what, " forgotten although they were used in the last ten seconds"),
                ),
                $crate::counter::Counter::of_table(
                    concat!(stringify!($table), "_refused"),
                    concat!($what, " that there was no room for"),
                ),
            ],
            counts: |counts| counts.$table,
        }),*];

        impl ContextCounts {
            /// Those of each table, to be set one by one.
            #[cfg(any(test, feature = "examples"))]
            pub fn tables_mut(&mut self) -> [&mut TableCounts; TABLES.len()] {
                [$(&mut self.$table),*]
            }

            /// Those of a table.
            fn of_mut(&mut self, table: TableId) -> &mut TableCounts {
                match table {
                    $(TableId::$id => &mut self.$table,)*
                }
            }
        }

        /// How many entries each table has room for, by its name in `[context]`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct Sizes {
            $($(
                #[doc = concat!($what, "; unless told otherwise, `", stringify!($entries), "`.")]
                pub $table: usize,
            )?)*
        }

        impl Default for Sizes {
            fn default() -> Self {
                Self { $($($table: $entries,)?)* }
            }
        }

        impl Sizes {
            /// Each table that has a size, by its name, with its usual size.
            pub const USUAL: &[(&'static str, usize)] = &[$($((stringify!($table), $entries),)?)*];

            /// The size of each table, in the order of [`Self::USUAL`].
            pub fn all_mut(&mut self) -> [&mut usize; Self::USUAL.len()] {
                [$($($crate::context::counts::first!(&mut self.$table, $entries),)?)*]
            }

            /// The size by which a table is made.
            fn of_mut(&mut self, table: TableId) -> &mut usize {
                match table {
                    $(TableId::$id => {
                        $(&mut self.$owner)?
                        $($crate::context::counts::first!(&mut self.$table, $entries))?
                    })*
                }
            }
        }
    };
}

impl Sizes {
    /// The same for every table.
    pub fn all(entries: usize) -> Self {
        let mut sizes = Self::default();
        sizes.all_mut().into_iter().for_each(|size| *size = entries);
        sizes
    }

    /// The size of each table by its name, in the order of [`Self::USUAL`].
    pub fn by_name(mut self) -> [(&'static str, usize); Self::USUAL.len()] {
        let sizes = self.all_mut().map(|size| *size);
        std::array::from_fn(|place| (Self::USUAL[place].0, sizes[place]))
    }
}

impl ContextCounts {
    /// States of hosts, flows and service pairs that were lost while they mattered, or not taken up.
    pub fn overruns(&self) -> u64 {
        [self.flows, self.hosts, self.service_pairs].iter().map(TableCounts::overruns).sum()
    }
}

/// The first of two: it names the second where only that says how often something is repeated.
macro_rules! first {
    ($first:expr, $second:expr) => {
        $first
    };
}

pub(super) use {first, tables};
