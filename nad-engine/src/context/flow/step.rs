//! What one packet does to its flow.

use nad_common::record::PacketRecord;

use super::{ACK, PROTOCOL_TCP, RST, SYN};

/// What one packet did to its flow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FlowStep {
    /// Whether the packet's sender is the one who began the flow, or sent first where nobody knows who began.
    pub from_initiator: bool,
    /// Whether it is known who began: the initiator is the client.
    pub has_roles: bool,
    /// The flow began with it (again).
    pub opened: bool,
    /// The first answer.
    pub answered: bool,
    /// The handshake is complete with it.
    pub established: bool,
    /// A flow that was seen from its middle on is real from it on.
    pub joined: bool,
    /// The packet's sender has just shown that it receives what is sent to its address.
    pub proven: bool,
    /// The other side refused: RST to a SYN.
    pub refused: bool,
    /// The initiator gave up before the handshake was complete.
    pub aborted: bool,
    /// An established flow ended.
    pub closed: bool,
    /// The packet says again what was said (TCP sequence numbers).
    pub repeat: bool,
    /// The packet lies outside of any real flow, and its sender is not the one who answers.
    pub is_stray: bool,
    /// It begins outside of any connection, as who looks for what there is does with ACK, FIN or no flags at all.
    pub probes: bool,
    /// Only one side of the flow is seen, as shows with this packet: what it acknowledges has moved on.
    pub one_sided: bool,
    /// Both sides of the flow come from one MAC address, as shows with this packet: their numbers match.
    pub of_one_mac: bool,
    /// Seconds since the flow's last packet, on average where packets were left out; 0 for its first.
    pub gap: f32,
}

impl FlowStep {
    /// Of a packet that belongs to no flow.
    pub const NONE: Self = Self {
        from_initiator: true,
        has_roles: false,
        opened: false,
        answered: false,
        established: false,
        joined: false,
        proven: false,
        refused: false,
        aborted: false,
        closed: false,
        repeat: false,
        is_stray: false,
        probes: false,
        one_sided: false,
        of_one_mac: false,
        gap: 0.0,
    };

    /// Of a packet whose flow there was no room for: only what the packet itself says.
    pub fn untracked(record: &PacketRecord) -> Self {
        let is_syn = record.protocol == PROTOCOL_TCP && record.tcp_flags & (SYN | ACK | RST) == SYN;
        Self { has_roles: is_syn, opened: is_syn, ..Self::NONE }
    }
}
