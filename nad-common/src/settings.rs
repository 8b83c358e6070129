//! What is set when the kernel program is loaded, and the names by which the loader finds it.

/// Name of the XDP program in the object, for what interfaces receive.
pub const XDP_PROGRAM: &str = "nad_xdp";
/// Name of the program for what interfaces send.
pub const EGRESS_PROGRAM: &str = "nad_egress";
/// Name of the XDP program for interfaces whose packets have no link header.
pub const RAW_XDP_PROGRAM: &str = "nad_xdp_raw";
/// Name of the program for what such interfaces send.
pub const RAW_EGRESS_PROGRAM: &str = "nad_egress_raw";
/// Name of the array of ring buffers, one for each CPU.
pub const RINGS_MAP: &str = "RINGS";
/// Name of the array of ring buffers for [heads](crate::head), one for each CPU.
pub const HEAD_RINGS_MAP: &str = "HEAD_RINGS";
/// Name of the array with a [`CpuSlot`](crate::counters::CpuSlot) for each CPU and direction, which userspace maps: one
/// that is per CPU can't be mapped, and reading it takes a capability.
pub const COUNTERS_MAP: &str = "COUNTERS";
/// Name of the set (a hash map of `u32` to `u8`) of the indices of the interfaces whose received packets are watched:
/// what came in through one of them was counted there, and is not counted again where it goes out.
pub const RECEIVERS_MAP: &str = "RECEIVERS";
/// Name of the one-element array that holds the [`Sampling`](crate::sampling::Sampling) in force.
pub const SAMPLING_MAP: &str = "SAMPLING";
/// Name of the per-CPU array with the table of sampling, [`PLACES_AN_ELEMENT`] places in each of its elements.
pub const PLACES_MAP: &str = "PLACES";
/// Name of the one-element array that holds the test clock, in nanoseconds.
pub const TEST_CLOCK_MAP: &str = "TEST_CLOCK";
/// Name of the load-time constant (`u8`): 0 stamps records with `CLOCK_MONOTONIC`, 1 with the value in
/// [`TEST_CLOCK_MAP`], so that a replay through the kernel program is repeatable.
pub const USE_TEST_CLOCK: &str = "USE_TEST_CLOCK";

/// Name of the load-time constant (`u8`): the number of the last [`HeadKind`](crate::head::HeadKind) that is sent; 0 sends
/// none.
pub const LAST_HEAD: &str = "LAST_HEAD";
/// Name of the load-time constant (`u32`): how many bytes of a head are sent.
pub const HEAD_BYTES: &str = "HEAD_BYTES";
/// Name of the load-time constant (`u32`): how many heads a CPU sends in a second, by direction.
pub const HEADS_A_SECOND: &str = "HEADS_A_SECOND";

/// Interfaces that [`RECEIVERS_MAP`] has room for.
pub const MAX_INTERFACES: usize = 1024;
/// CPUs that the arrays of rings and counters have room for; the loader shrinks them to the machine's own number.
pub const MAX_CPUS: usize = 1024;
/// Places in one element of [`PLACES_MAP`], of which the kernel takes 32 KiB at most.
pub const PLACES_AN_ELEMENT: usize = 512;
