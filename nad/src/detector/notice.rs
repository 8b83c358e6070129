//! What an operator has to know of how the network is seen.

use std::fmt;

use crate::presentation::counted;

/// Something to be said once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// Only one side of connections is seen.
    OneWay,
    /// The tables lose states that matter: so many in the last second.
    TablesOverrun(u64),
    /// They don't any more; so many were lost in all.
    TablesRecovered(u64),
}

impl Notice {
    /// Whether something has to be done, or is worse than before.
    pub fn is_warning(self) -> bool {
        !matches!(self, Self::TablesRecovered(_))
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OneWay => f.write_str(
                "only one side of the connections is seen here: sources can't be verified, and attempts can't be told from \
                 connections; watch both directions, or mirror both",
            ),
            Self::TablesOverrun(lost) => write!(
                f,
                "there is not room for all hosts, flows and service pairs: {} lost in a second; those without one are judged \
                 together, by MAC address or network. If this is ordinary traffic, raise [context] in nad.toml",
                counted(*lost, "state")
            ),
            Self::TablesRecovered(lost) => {
                write!(f, "there is room for all hosts and flows again; {} lost meanwhile", counted(*lost, "state"))
            }
        }
    }
}

/// States lost in a second from which on it is said.
const MANY: u64 = 100;
/// Seconds without so many after which it is over.
const CALM_SECONDS: u32 = 10;

/// Tells when the tables begin and cease to lose states.
#[derive(Debug, Default)]
pub(super) struct Overrun {
    /// Lost since it began, and seconds since many were.
    ongoing: Option<(u64, u32)>,
}

impl Overrun {
    /// A second is over, in which so many states were lost.
    pub(super) fn second(&mut self, lost: u64) -> Option<Notice> {
        match &mut self.ongoing {
            None if lost >= MANY => {
                self.ongoing = Some((lost, 0));
                Some(Notice::TablesOverrun(lost))
            }
            None => None,
            Some((total, calm)) => {
                *total += lost;
                *calm = if lost >= MANY { 0 } else { *calm + 1 };
                let total = *total;
                (*calm >= CALM_SECONDS).then(|| {
                    self.ongoing = None;
                    Notice::TablesRecovered(total)
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overrun_is_told_when_it_begins_and_when_it_is_over() {
        let mut overrun = Overrun::default();
        assert_eq!(overrun.second(MANY - 1), None);
        assert_eq!(overrun.second(MANY), Some(Notice::TablesOverrun(MANY)));
        for _ in 0..5 {
            assert_eq!(overrun.second(1_000), None, "it is said once");
        }
        for _ in 1..CALM_SECONDS {
            assert_eq!(overrun.second(0), None);
        }
        assert_eq!(overrun.second(1), Some(Notice::TablesRecovered(MANY + 5_001)));
        assert_eq!(overrun.second(0), None);
    }
}
