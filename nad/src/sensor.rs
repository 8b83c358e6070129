//! Which sensor this is: the name that outputs give it, the interfaces that it watches, and its sandbox.
//!
//! A process is one sensor, so these are the process's, as the rights of its files are.

use std::{
    fs,
    sync::{OnceLock, PoisonError, RwLock},
};

use serde::{Deserialize, Serialize};

static NAME: OnceLock<String> = OnceLock::new();
static INTERFACES: RwLock<Interfaces> = RwLock::new(Interfaces { watched: Vec::new(), names: Vec::new() });
static SANDBOX: OnceLock<String> = OnceLock::new();

/// What is watched, and how interfaces are or were called.
struct Interfaces {
    watched: Vec<Watched>,
    names: Vec<(u32, String)>,
}

/// An interface that programs are attached to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watched {
    /// Its index.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// How received packets are watched, where they are: `native` or `generic`.
    pub ingress: Option<String>,
    /// Whether sent packets are.
    pub egress: bool,
}

/// The name where the machine has none.
const UNNAMED: &str = "unknown host";

/// Names the sensor, once: before anything is written.
pub fn set_name(name: &str) {
    // A second name is that of settings that were read again, which take a restart.
    let _ = NAME.set(name.into());
}

/// The sensor's name: as it was set, or else the machine's.
pub fn name() -> &'static str {
    NAME.get_or_init(host_name)
}

/// This machine's name, as the kernel has it.
pub fn host_name() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if name.trim().is_empty() { UNNAMED.into() } else { name.trim().into() }
}

/// Notes in which sandbox it works, in words.
pub fn note_sandbox(in_force: String) {
    let _ = SANDBOX.set(in_force);
}

/// The sandbox that was noted; nothing before that.
pub fn sandbox() -> String {
    SANDBOX.get().cloned().unwrap_or_default()
}

/// Notes the interfaces that are watched. One that is gone keeps its name, as packets of it may be on their
/// way, until another one has the index.
pub fn note_interfaces(watched: Vec<Watched>) {
    /// More than are watched at a time; the first ones leave.
    const MOST: usize = 1024;
    let mut known = INTERFACES.write().unwrap_or_else(PoisonError::into_inner);
    known.names.retain(|(index, _)| watched.iter().all(|new| new.index != *index));
    known.names.extend(watched.iter().map(|new| (new.index, new.name.clone())));
    let surplus = known.names.len().saturating_sub(MOST);
    known.names.drain(..surplus);
    known.watched = watched;
}

/// The interfaces that are watched.
pub fn watched() -> Vec<Watched> {
    INTERFACES.read().unwrap_or_else(PoisonError::into_inner).watched.clone()
}

/// The name of the interface with this index, where it is or was watched.
pub fn interface(index: u32) -> Option<String> {
    let known = INTERFACES.read().unwrap_or_else(PoisonError::into_inner);
    known.names.iter().find(|(other, _)| *other == index).map(|(_, name)| name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_keeps_its_name_until_another_one_has_its_index() {
        let watched = |index, name: &str| Watched { index, name: name.into(), ingress: None, egress: true };
        note_interfaces(vec![watched(901, "veth1"), watched(902, "veth2")]);
        note_interfaces(vec![watched(902, "veth3")]);
        assert_eq!(super::watched(), [watched(902, "veth3")]);
        let named = interface;
        assert_eq!(named(901).as_deref(), Some("veth1"));
        assert_eq!(named(902).as_deref(), Some("veth3"));
        assert_eq!(named(903), None);
    }

    #[test]
    fn a_sensor_without_a_name_has_the_machine_s() {
        assert_eq!(name(), host_name());
        assert!(!host_name().is_empty());
    }
}
