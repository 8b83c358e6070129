//! The sensor on real interfaces: the binary between two network namespaces that the tests make.

#[path = "live/anomalies.rs"]
mod anomalies;
#[path = "live/attach.rs"]
mod attach;
#[path = "live/clocks.rs"]
mod clocks;
#[path = "live/closed.rs"]
mod closed;
#[path = "live/egress.rs"]
mod egress;
#[path = "live/ends.rs"]
mod ends;
#[path = "live/filters.rs"]
mod filters;
#[path = "../../nad-common/tests/frames/mod.rs"]
mod frames;
#[path = "live/generator.rs"]
mod generator;
#[path = "live/idle.rs"]
mod idle;
#[path = "live/incidents.rs"]
mod incidents;
#[path = "live/lab.rs"]
mod lab;
#[path = "live/losses.rs"]
mod losses;
#[path = "live/metrics.rs"]
mod metrics;
#[path = "live/nad.rs"]
mod nad_process;
#[path = "support/netns.rs"]
mod netns;
#[path = "live/other.rs"]
mod other;
#[path = "live/overload.rs"]
mod overload;
#[path = "support/packet_socket.rs"]
mod packet_socket;
#[path = "live/paged.rs"]
mod paged;
#[path = "live/privileges.rs"]
mod privileges;
#[path = "live/raw.rs"]
mod raw;
#[path = "live/reload.rs"]
mod reload;
#[path = "live/replay.rs"]
mod replay;
#[path = "live/sandbox.rs"]
mod sandbox;
#[path = "live/self_traffic.rs"]
mod self_traffic;
#[path = "live/service.rs"]
mod service;
#[path = "live/share.rs"]
mod share;
#[path = "live/shedding.rs"]
mod shedding;
#[path = "support/skip.rs"]
mod skip;
#[path = "live/stacked.rs"]
mod stacked;
#[path = "live/state.rs"]
mod state;
#[path = "live/status.rs"]
mod status;
#[path = "live/tools.rs"]
mod tools;
#[path = "live/traffic.rs"]
mod traffic;
#[path = "live/tunnel.rs"]
mod tunnel;
#[path = "support/userspace.rs"]
mod userspace;
#[path = "live/watched.rs"]
mod watched;
