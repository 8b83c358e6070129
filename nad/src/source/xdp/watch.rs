//! What is watched of each interface, so that no packet is counted twice.

use super::{AttachError, plan::Plan};
use crate::interface::{InterfaceError, Role, Selection, Stack};

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
    /// Whether it was named, or belongs to an interface that was: nad does not start without it.
    pub is_named: bool,
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
    /// They pass this interface, and are watched there, or came in where they were watched.
    Passes(String),
    /// They can't be, for this reason, and [received ones alone will do](super::XdpOptions::ingress_will_do).
    Refused(String),
}

impl Watch {
    /// Plans for the interfaces that are named, of which each is watched once however it is named.
    ///
    /// # Errors
    ///
    /// When one of those named does not exist, or the kernel doesn't say what there is.
    pub fn plan(names: &[String], directions: Directions) -> Result<Vec<Self>, AttachError> {
        let selection = Selection::new(names);
        let stack = Stack::read()?;
        missing(&selection, &stack)?;
        Ok(Plan::new(&selection.find(&stack), directions, &stack).watches)
    }
}

/// Those of `directions` that have something to watch in: of the loopback interface alone, `Both` means what it receives, and
/// no program for sent packets is needed.
pub fn needed(selection: &Selection, directions: Directions, stack: &Stack) -> Directions {
    let is_loopback = |index| stack.role(index) == Role::Loopback;
    let only_loopback =
        !selection.has_patterns() && selection.find(stack).iter().all(|selected| is_loopback(selected.index));
    if directions == Directions::Both && only_loopback { Directions::Ingress } else { directions }
}

/// An error for the first name of which there is no interface.
///
/// # Errors
///
/// That one.
pub fn missing(selection: &Selection, stack: &Stack) -> Result<(), AttachError> {
    match selection.missing(stack).first() {
        None => Ok(()),
        Some(name) => {
            Err(AttachError::NoInterface { interface: (*name).to_owned(), existing: stack.names() })
        }
    }
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

    fn of_loopback(directions: Directions) -> (bool, Sent) {
        let plan = Watch::plan(&["lo".to_owned()], directions).unwrap();
        (plan[0].ingress, plan[0].egress.clone())
    }

    #[test]
    fn of_the_loopback_interface_both_means_what_it_receives() {
        assert_eq!(of_loopback(Directions::Both), (true, Sent::Arrives("lo".into())));
        assert_eq!(of_loopback(Directions::Ingress), (true, Sent::Unwanted));
        assert_eq!(of_loopback(Directions::Egress), (false, Sent::Watched));
    }

    #[test]
    fn what_nothing_is_watched_of_needs_no_program() {
        let stack = Stack::read().unwrap();
        let needed = |item: &str, directions| needed(&Selection::new(&[item.to_owned()]), directions, &stack);
        assert_eq!(needed("lo", Directions::Both), Directions::Ingress);
        assert_eq!(needed("lo", Directions::Egress), Directions::Egress);
        // What comes later may send.
        assert_eq!(needed("nad-no*", Directions::Both), Directions::Both);
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
