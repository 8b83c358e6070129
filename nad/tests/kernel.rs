//! The kernel program by `BPF_PROG_TEST_RUN`: no interface, no wire, one frame at a time.
//!
//! The kernel refuses frames shorter than an Ethernet header there (`EINVAL`), so what is shorter than 14 bytes
//! is left to `nad-common`'s own tests.

#[path = "kernel/bench.rs"]
mod bench;
#[path = "kernel/captures.rs"]
mod captures;
#[path = "kernel/clock.rs"]
mod clock;
#[path = "kernel/differential.rs"]
mod differential;
#[path = "../../nad-common/tests/frames/mod.rs"]
mod frames;
#[path = "kernel/heads.rs"]
mod heads;
#[path = "kernel/log.rs"]
mod log;
#[path = "support/netns.rs"]
mod netns;
#[path = "kernel/ring.rs"]
mod ring;
#[path = "kernel/sampling.rs"]
mod sampling;
#[path = "kernel/statistics.rs"]
mod statistics;
#[path = "kernel/table.rs"]
mod table;
#[path = "support/userspace.rs"]
mod userspace;
#[path = "kernel/verifier.rs"]
mod verifier;
#[path = "support/veth.rs"]
mod veth;
