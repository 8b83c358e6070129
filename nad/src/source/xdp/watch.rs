//! What is watched of each interface, so that no packet is counted twice.

use super::AttachError;
use crate::interface::{Interface, InterfaceError, Shared, Stack};

/// Which packets of an interface are watched.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Directions {
    /// Those that it receives.
    Ingress,
    /// Those that it sends.
    Egress,
    /// All of them.
    #[default]
    Both,
}

impl Directions {
    /// Whether received packets are watched.
    pub fn ingress(self) -> bool {
        self != Self::Egress
    }

    /// Whether sent packets are watched.
    pub fn egress(self) -> bool {
        self != Self::Ingress
    }
}

/// What is watched of one interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    /// The interface's name.
    pub interface: String,
    /// Its index.
    pub index: u32,
    /// Whether received packets are watched.
    pub ingress: bool,
    /// Whether sent packets are.
    pub egress: Sent,
}

/// Whether packets that an interface sends are watched there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// They are.
    Watched,
    /// Nobody asked for them.
    Unwanted,
    /// They are received by this interface, itself or another one, and are watched there.
    Arrives(String),
    /// They can't be, for this reason, and [received ones alone will do](super::XdpOptions::ingress_will_do).
    Refused(String),
}

impl Watch {
    /// Those of `directions` that the plan has something to watch in: of the loopback interface alone, `Both` means what
    /// it receives, and no program for sent packets is needed.
    pub fn needed(plan: &[Self], directions: Directions) -> Directions {
        let is_sent = plan.iter().any(|watch| watch.egress == Sent::Watched);
        if directions == Directions::Both && !is_sent { Directions::Ingress } else { directions }
    }

    /// Plans for all interfaces together, of which each is watched once however it is named.
    ///
    /// # Errors
    ///
    /// When an interface does not exist, can't be asked about, or passes its packets on to another one of them.
    pub fn plan(names: &[String], directions: Directions) -> Result<Vec<Self>, AttachError> {
        let mut interfaces: Vec<(String, u32)> = Vec::new();
        for name in names {
            let interface = Interface::inspect(name)?;
            if interfaces.iter().all(|(_, index)| *index != interface.index) {
                interfaces.push((interface.name, interface.index));
            }
        }
        plan(&interfaces, directions, &Stack::read()?)
    }
}

fn plan(
    interfaces: &[(String, u32)],
    directions: Directions,
    stack: &Stack,
) -> Result<Vec<Watch>, AttachError> {
    let watch = |(name, index): &(String, u32)| {
        let mut sent = if directions.egress() { Sent::Watched } else { Sent::Unwanted };
        if directions == Directions::Both && stack.is_loopback(*index) {
            sent = Sent::Arrives(name.clone());
        }
        for (other_name, other) in interfaces {
            match stack.shared(*index, *other) {
                Some(Shared::Ends) if directions == Directions::Both => {
                    sent = Sent::Arrives(other_name.clone());
                }
                Some(Shared::StandsOn) => {
                    return Err(AttachError::Stacked { upper: name.clone(), lower: other_name.clone() });
                }
                _ => {}
            }
        }
        Ok(Watch { interface: name.clone(), index: *index, ingress: directions.ingress(), egress: sent })
    };
    interfaces.iter().map(watch).collect()
}

impl From<InterfaceError> for AttachError {
    fn from(error: InterfaceError) -> Self {
        match error {
            InterfaceError::NotFound { name, existing } => Self::NoInterface { interface: name, existing },
            error => Self::Facts(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loopback() -> Vec<(String, u32)> {
        let interface = Interface::inspect("lo").unwrap();
        vec![(interface.name, interface.index)]
    }

    #[test]
    fn of_the_loopback_interface_both_means_what_it_receives() {
        let watched = |directions| {
            let plan = plan(&loopback(), directions, &Stack::read().unwrap()).unwrap();
            (plan[0].ingress, plan[0].egress.clone())
        };
        assert_eq!(watched(Directions::Both), (true, Sent::Arrives("lo".into())));
        assert_eq!(watched(Directions::Ingress), (true, Sent::Unwanted));
        assert_eq!(watched(Directions::Egress), (false, Sent::Watched));
    }

    #[test]
    fn what_nothing_is_watched_of_needs_no_program() {
        let needed = |directions| {
            let plan = plan(&loopback(), directions, &Stack::read().unwrap()).unwrap();
            Watch::needed(&plan, directions)
        };
        assert_eq!(needed(Directions::Both), Directions::Ingress);
        assert_eq!(needed(Directions::Egress), Directions::Egress);
        let mut plan = plan(&loopback(), Directions::Both, &Stack::read().unwrap()).unwrap();
        plan[0].egress = Sent::Watched;
        assert_eq!(Watch::needed(&plan, Directions::Both), Directions::Both);
    }

    #[test]
    fn an_interface_named_twice_is_watched_once() {
        let names = ["lo", "lo"].map(str::to_owned);
        assert_eq!(Watch::plan(&names, Directions::Both).unwrap().len(), 1);
    }

    #[test]
    fn an_interface_that_is_not_there_is_named() {
        let error = Watch::plan(&["nad-no0".to_owned()], Directions::Both).unwrap_err();
        assert!(
            error.to_string().starts_with("interface nad-no0 does not exist: this machine has "),
            "{error}"
        );
    }
}
