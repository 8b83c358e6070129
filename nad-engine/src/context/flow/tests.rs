use super::*;
use crate::context::{hash::HashKey, host_key::HostKey};

const CLIENT: HostKey = HostKey::NOBODY;

fn server() -> HostKey {
    HostKey::v4([10, 0, 0, 2])
}

fn key(record: &PacketRecord, source: HostKey, destination: HostKey) -> FlowKey {
    FlowKey::of(&HashKey::from_seed(0), record, source, destination)
}

struct Wire {
    state: FlowState,
    now_ns: u64,
    trust: Trust,
    /// What the client and the server say next.
    next: [u32; 2],
}

impl Wire {
    fn new() -> Self {
        Self { state: FlowState::zeroed(), now_ns: 0, trust: Trust::default(), next: [0; 2] }
    }

    /// A packet that acknowledges what the other side said.
    fn tcp(&mut self, from_client: bool, flags: u8, sequence: u32, payload: u16) -> FlowStep {
        let acknowledgement = if flags & ACK != 0 { self.next[usize::from(from_client)] } else { 0 };
        let carried = u32::from(payload) + u32::from(flags & (SYN | FIN) != 0);
        self.next[usize::from(!from_client)] = sequence.wrapping_add(carried);
        self.forge(from_client, flags, [sequence, acknowledgement], payload)
    }

    fn forge(
        &mut self,
        from_client: bool,
        flags: u8,
        [sequence, acknowledgement]: [u32; 2],
        payload: u16,
    ) -> FlowStep {
        let (source_port, destination_port) = if from_client { (40_000, 22) } else { (22, 40_000) };
        self.send(
            from_client,
            PacketRecord {
                protocol: 6,
                tcp_flags: flags,
                tcp_sequence: sequence,
                tcp_acknowledgement: acknowledgement,
                payload_length: payload,
                length: 54 + u32::from(payload),
                source_port,
                destination_port,
                ..PacketRecord::zeroed()
            },
        )
    }

    fn send(&mut self, from_client: bool, record: PacketRecord) -> FlowStep {
        let (source, destination) = if from_client { (CLIENT, server()) } else { (server(), CLIENT) };
        self.now_ns += 10_000_000;
        let key = key(&record, source, destination);
        self.state.update(&record, key, self.now_ns, self.trust)
    }
}

#[test]
fn both_directions_have_one_key() {
    let record = PacketRecord { source_port: 1, destination_port: 2, ..PacketRecord::zeroed() };
    let back = PacketRecord { source_port: 2, destination_port: 1, ..PacketRecord::zeroed() };
    let (there, back) = (key(&record, CLIENT, server()), key(&back, server(), CLIENT));
    assert_eq!(there.id, back.id);
    assert_ne!(there.sender_is_high, back.sender_is_high);
}

#[test]
fn a_connection_opens_is_answered_established_and_closed_once() {
    let mut wire = Wire::new();
    let open = wire.tcp(true, SYN, 100, 0);
    assert!(open.opened && open.from_initiator && !open.answered);
    assert!(wire.tcp(false, SYN | ACK, 900, 0).answered);
    assert!(wire.tcp(true, ACK, 101, 0).established);
    assert!(!wire.tcp(true, ACK, 101, 50).repeat);
    assert!(wire.tcp(true, ACK, 101, 50).repeat, "the same 50 bytes again");
    assert!(wire.tcp(false, ACK | FIN, 901, 0).closed);
    assert!(!wire.tcp(true, ACK | FIN, 151, 0).closed);
    assert_eq!(wire.state.packets, [5, 2]);
    assert!(wire.state.is_real());
}

#[test]
fn a_connection_whose_syn_ack_was_missed_is_answered_by_whatever_acknowledges_its_syn() {
    let mut wire = Wire::new();
    wire.tcp(true, SYN, 100, 0);
    wire.forge(true, ACK, [101, 901], 50);
    let answer = wire.forge(false, ACK, [901, 151], 300);
    assert!(answer.answered && answer.proven && !answer.established);
    let step = wire.forge(true, ACK, [151, 1201], 0);
    assert!(step.established && !step.answered && !step.is_stray && wire.state.is_real());
    assert!(!wire.forge(true, ACK, [151, 1201], 20).established);
    assert!(wire.forge(false, ACK | FIN, [1201, 171], 0).closed);
    // Who does not know the client's number has answered nothing.
    let mut wire = Wire::new();
    wire.tcp(true, SYN, 100, 0);
    assert!(!wire.forge(false, ACK, [901, 4_000_000], 300).answered);
    assert!(!wire.forge(true, ACK, [101, 1201], 0).established && !wire.state.is_real());
}

#[test]
fn a_closed_port_refuses_and_a_half_open_scan_aborts() {
    let mut wire = Wire::new();
    wire.tcp(true, SYN, 1, 0);
    assert!(wire.tcp(false, RST | ACK, 0, 0).refused);
    let mut wire = Wire::new();
    wire.tcp(true, SYN, 1, 0);
    wire.tcp(false, SYN | ACK, 1, 0);
    let abort = wire.tcp(true, RST, 2, 0);
    assert!(abort.aborted && !abort.closed && !wire.state.is_real());
}

#[test]
fn a_repeated_syn_is_no_new_connection_but_a_new_one_is() {
    let mut wire = Wire::new();
    wire.tcp(true, SYN, 7, 0);
    let again = wire.tcp(true, SYN, 7, 0);
    assert!(again.repeat && !again.opened);
    assert!(wire.tcp(true, SYN, 70_000, 0).opened);
}

#[test]
fn a_connection_found_in_the_middle_has_a_client_once_both_sides_acknowledged_each_other() {
    let mut wire = Wire::new();
    let step = wire.tcp(false, ACK, 5_000_000, 100);
    assert!(!step.opened && !step.has_roles && step.is_stray && !wire.state.is_real());
    let step = wire.tcp(true, ACK, 7_000_000, 0);
    assert!(step.proven && !step.joined, "the server has acknowledged nothing that was seen");
    let step = wire.tcp(false, ACK, 5_000_100, 100);
    assert!(step.proven && step.joined && step.has_roles && !step.from_initiator);
    assert!(wire.state.is_real());
    assert_eq!(wire.state.packets, [1, 2], "the service is at the lower port");
    assert!(wire.tcp(true, ACK | FIN, 7_000_000, 0).closed);
}

#[test]
fn forged_packets_make_no_flow_real_whatever_is_answered() {
    // The server refuses what it knows nothing of, with the numbers of the packet that it answers.
    let mut wire = Wire::new();
    wire.forge(true, ACK, [1_000_000, 3_000_000_000], 0);
    wire.forge(false, RST, [3_000_000_000, 0], 0);
    for _ in 0..20 {
        let step = wire.forge(true, ACK, [1_000_000, 3_000_000_000], 10);
        assert!(!step.joined && !step.has_roles && !wire.state.is_real());
    }
    // It answers a forged SYN with a number that the forger can't know.
    for guess in (0..4000_u32).map(|guess| guess.wrapping_mul(1_048_573)) {
        let mut wire = Wire::new();
        wire.forge(true, SYN, [100, 0], 0);
        assert!(wire.forge(false, SYN | ACK, [0x9e37_79b9, 101], 0).answered);
        let step = wire.forge(true, ACK, [101, guess], 0);
        assert!(!step.established && !wire.state.is_real(), "{guess}");
    }
    // A forged answer does not know the client's number.
    let mut wire = Wire::new();
    wire.forge(true, SYN, [100, 0], 0);
    assert!(!wire.forge(false, SYN | ACK, [1, 4_000_000], 0).answered);
}

#[test]
fn a_packet_outside_of_any_connection_probes_unless_it_may_be_an_answer() {
    for (flags, from_client, probes) in [
        (ACK, true, true),
        (FIN, true, true),
        (0, true, true),
        (0, false, true),
        (ACK, false, false),
        (SYN | ACK, false, false),
        (SYN | ACK, true, false),
        (RST, true, false),
    ] {
        let mut wire = Wire::new();
        assert_eq!(wire.forge(from_client, flags, [7, 9], 0).probes, probes, "{flags:#x} {from_client}");
        assert!(!wire.forge(from_client, flags, [7, 9], 0).probes, "it is one probe");
    }
    let mut wire = Wire::new();
    assert!(!wire.forge(true, SYN, [7, 0], 0).probes, "that is a connection of its own");
}

#[test]
fn one_side_alone_is_enough_only_where_the_other_is_never_seen() {
    for one_side in [false, true] {
        let mut wire = Wire { trust: Trust { one_side, one_mac: false }, ..Wire::new() };
        assert!(wire.forge(true, SYN, [100, 0], 0).opened);
        assert!(!wire.forge(true, ACK, [101, 901], 300).one_sided);
        let step = wire.forge(true, ACK, [401, 2101], 0);
        assert!(step.one_sided, "what it acknowledges has moved on");
        assert_eq!((step.established, wire.state.is_real()), (one_side, one_side));
        assert!(!wire.forge(true, ACK, [401, 4101], 0).one_sided, "it is reported once");
    }
}

#[test]
fn an_answer_makes_a_udp_flow_real_and_silence_begins_a_new_one() {
    let mut wire = Wire::new();
    let ask =
        PacketRecord { protocol: 17, source_port: 5000, destination_port: 53, ..PacketRecord::zeroed() };
    let answer = PacketRecord { source_port: 53, destination_port: 5000, ..ask };
    assert!(wire.send(true, ask).opened);
    assert!(!wire.state.is_real());
    assert!(wire.send(false, answer).answered && wire.state.is_real());
    wire.now_ns += SILENCE_NS;
    assert!(wire.send(true, ask).opened);
}

#[test]
fn an_echo_request_is_real_once_it_is_answered() {
    let mut wire = Wire::new();
    let request = PacketRecord { protocol: 1, message_type: 8, ..PacketRecord::zeroed() };
    for _ in 0..2 {
        wire.send(true, request);
        assert!(!wire.state.is_real());
    }
    let step = wire.send(false, PacketRecord { message_type: 0, ..request });
    assert!(step.answered && step.proven && wire.state.is_real());
}

#[test]
fn an_echo_reply_is_not_what_began_the_flow() {
    let mut wire = Wire::new();
    let reply = PacketRecord { protocol: 1, message_type: 0, ..PacketRecord::zeroed() };
    let request = PacketRecord { message_type: 8, ..reply };
    for _ in 0..2 {
        let step = wire.send(false, reply);
        assert!(!step.opened && !step.has_roles && !wire.state.is_real(), "nobody asked");
    }
    let step = wire.send(true, request);
    assert!(step.joined && step.from_initiator && wire.state.is_real());
    assert!(!wire.send(false, reply).from_initiator);
}
