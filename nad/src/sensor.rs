//! Which sensor this is: the name that outputs give it, and the names of the interfaces that it watches.
//!
//! A process is one sensor, so both are the process's, as the rights of its files are.

use std::{
    fs,
    sync::{OnceLock, PoisonError, RwLock},
};

static NAME: OnceLock<String> = OnceLock::new();
static INTERFACES: RwLock<Vec<(u32, String)>> = RwLock::new(Vec::new());

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

/// Notes the interfaces that are watched, by their indices. One that is gone keeps its name, as packets of it may be on their
/// way, until another one has the index.
pub fn note_interfaces(watched: Vec<(u32, String)>) {
    /// More than are watched at a time; the first ones leave.
    const MOST: usize = 1024;
    let mut known = INTERFACES.write().unwrap_or_else(PoisonError::into_inner);
    known.retain(|(index, _)| watched.iter().all(|(other, _)| other != index));
    known.extend(watched);
    let surplus = known.len().saturating_sub(MOST);
    known.drain(..surplus);
}

/// The name of the interface with this index, where it is or was watched.
pub fn interface(index: u32) -> Option<String> {
    let known = INTERFACES.read().unwrap_or_else(PoisonError::into_inner);
    known.iter().find(|(other, _)| *other == index).map(|(_, name)| name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_keeps_its_name_until_another_one_has_its_index() {
        note_interfaces(vec![(901, "veth1".into()), (902, "veth2".into())]);
        note_interfaces(vec![(902, "veth3".into())]);
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
