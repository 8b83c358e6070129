//! Small kernel programs of the bench's own, put together here, so that measuring needs no second compiler.
//!
//! They are loaded by bpf(2) as it is. The sensor's programs are loaded by nad itself.

mod assembler;
#[cfg(test)]
pub(crate) mod interpreter;
pub(crate) mod programs;
pub(crate) mod sending;
mod system;

pub(crate) use system::{Link, Map, Program, RunTime, TestRun};

/// `enum xdp_action` (include/uapi/linux/bpf.h).
pub(crate) const XDP_DROP: i32 = 1;
pub(crate) const XDP_PASS: i32 = 2;
pub(crate) const XDP_TX: i32 = 3;
