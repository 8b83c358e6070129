//! Which interfaces' received packets are watched, so that a packet that is passed on counts once.

use aya_ebpf::{btf_maps::HashMap, macros::btf_map};
use nad_common::settings::MAX_INTERFACES;

#[btf_map]
static RECEIVERS: HashMap<u32, u8, MAX_INTERFACES> = HashMap::new();

/// Whether a packet that came in through `interface` (0: made on this machine) was counted there.
#[inline(always)]
pub(crate) fn has_counted(interface: u32) -> bool {
    interface != 0 && RECEIVERS.get_ptr(interface).is_some()
}
