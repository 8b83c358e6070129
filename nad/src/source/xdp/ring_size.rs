//! How large rings are where nobody says it.

use std::fs;

use aya::util::nr_cpus;

/// Bytes of each CPU's ring where there is memory enough: 116,000 IPv4 records, so that at the longest nap of the drain
/// (5 ms) a CPU may see 23 million packets a second and lose none.
pub const DEFAULT_RING_BYTES: u32 = 8 << 20;
/// The least that is chosen: 3,600 IPv4 records.
const LEAST_BYTES: u64 = 256 << 10;
/// All rings together may take this share of the memory, and this much of it.
const SHARE: u64 = 16;
const MOST_BYTES: u64 = 2 << 30;

/// Bytes of each CPU's ring on this machine, a power of two: [`DEFAULT_RING_BYTES`], or less where that times the
/// possible CPUs is more than a 16th of the memory that nad may use, or than 2 GiB.
pub fn default_ring_bytes() -> u32 {
    let machine = fs::read_to_string("/proc/meminfo").ok().as_deref().and_then(total_bytes);
    // Of a container, which counts the rings as its own; where there is no limit, there is no file or no number.
    let container =
        fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse().ok());
    match (nr_cpus(), [machine, container].into_iter().flatten().min()) {
        (Ok(cpus), Some(memory)) => size(cpus as u64, memory),
        _ => DEFAULT_RING_BYTES,
    }
}

fn size(cpus: u64, memory: u64) -> u32 {
    let share = (memory / SHARE).min(MOST_BYTES) / cpus.max(1);
    let bytes = share.clamp(LEAST_BYTES, DEFAULT_RING_BYTES.into());
    // At most `DEFAULT_RING_BYTES`.
    1 << bytes.ilog2()
}

/// `MemTotal` in the text of `/proc/meminfo`, in bytes.
fn total_bytes(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn rings_are_smaller_where_memory_is_short_or_cpus_are_many() {
        let cases = [
            (2, 24 * GIB, 8 << 20),
            (1, GIB / 8, 8 << 20),
            (4, GIB / 4, 4 << 20),
            (2, GIB / 16, 2 << 20),
            (128, 256 * GIB, 8 << 20),
            // A small virtual machine whose hypervisor could give it many CPUs.
            (240, 4 * GIB, 1 << 20),
            (1024, 2048 * GIB, 2 << 20),
            (1024, GIB, 256 << 10),
            (1, 0, 256 << 10),
        ];
        for (cpus, memory, bytes) in cases {
            assert_eq!(size(cpus, memory), bytes, "{cpus} CPUs, {memory} bytes");
            assert!(bytes.is_power_of_two());
        }
    }

    #[test]
    fn the_memory_of_a_machine_is_read_in_bytes() {
        assert_eq!(total_bytes("MemTotal:        8039260 kB\nMemFree: 1 kB\n"), Some(8_039_260 * 1024));
        assert_eq!(total_bytes("MemFree: 1 kB\n"), None);
        let bytes = default_ring_bytes();
        assert!(bytes.is_power_of_two() && (LEAST_BYTES..=8 << 20).contains(&bytes.into()), "{bytes}");
    }
}
