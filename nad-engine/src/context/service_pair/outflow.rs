//! What a client has sent to a server beyond what came back, second by second, for horizons of hours.

use bytemuck::{Pod, Zeroable};

use super::ServicePairState;
use crate::context::{decay::Decay, host_key::HostKey};

/// Bytes of a second that are worth a note.
const LEAST: f32 = 512.0;
/// After such a pause a client comes anew.
const PAUSE_NS: u64 = 600_000_000_000;

/// What is known of a pair's payload as of its last visit.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
pub(super) struct Visited {
    /// When that was, in nanoseconds.
    ns: u64,
    /// Its fading counts of payload, from the client and from the server.
    up_60: f32,
    down_60: f32,
    /// Bytes from the client less those from the server, since it began, and the most that this was.
    net: f32,
    most: f32,
    /// 1 where the client was known to use the service when it came after a pause: what becomes known meanwhile excuses nothing.
    was_known: u32,
    padding: u32,
}

/// Bytes that a client inside has sent to a server outside that it was not known to use, beyond what came back and what was
/// said before.
#[derive(Debug, Clone, Copy)]
pub(in crate::context) struct Outflow {
    pub(in crate::context) client: HostKey,
    pub(in crate::context) server: HostKey,
    pub(in crate::context) port: u16,
    pub(in crate::context) protocol: u8,
    pub(in crate::context) bytes: f32,
}

impl ServicePairState {
    /// What has left since the last visit; `now` is this state as of now, with all that is known of the pair.
    pub(super) fn outflow(&mut self, now: &Self, now_ns: u64) -> Option<Outflow> {
        let visited = &mut self.visited;
        if now_ns.saturating_sub(visited.ns) >= PAUSE_NS {
            visited.was_known = u32::from(now.novelty() == 0.0);
        }
        let left = Decay::after(now_ns.saturating_sub(visited.ns)).minute;
        let (up, down) = (now.up_60 - visited.up_60 * left, now.down_60 - visited.down_60 * left);
        (visited.ns, visited.up_60, visited.down_60) = (now_ns, now.up_60, now.down_60);
        visited.net += up.max(0.0) - down.max(0.0);
        let bytes = visited.net - visited.most;
        if bytes < LEAST {
            return None;
        }
        visited.most = visited.net;
        let leaves = now.server.is_global() && !now.client.is_global() && visited.was_known == 0;
        let (client, server, port, protocol) = (now.client, now.server, now.port, now.protocol);
        leaves.then_some(Outflow { client, server, port, protocol, bytes })
    }
}
