use super::*;

const CLIENT: HostKey = HostKey::NOBODY;

fn server() -> HostKey {
    HostKey::v4([10, 0, 0, 2])
}

struct Wire {
    state: FlowState,
    now_ns: u64,
}

impl Wire {
    fn new() -> Self {
        Self { state: FlowState::zeroed(), now_ns: 0 }
    }

    fn tcp(&mut self, from_client: bool, flags: u8, sequence: u32, payload: u16) -> FlowStep {
        let (source_port, destination_port) = if from_client { (40_000, 22) } else { (22, 40_000) };
        self.send(
            from_client,
            PacketRecord {
                protocol: 6,
                tcp_flags: flags,
                tcp_sequence: sequence,
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
        self.state.update(&record, FlowKey::of(&record, source, destination), self.now_ns)
    }
}

#[test]
fn both_directions_have_one_key() {
    let record = PacketRecord { source_port: 1, destination_port: 2, ..PacketRecord::zeroed() };
    let back = PacketRecord { source_port: 2, destination_port: 1, ..PacketRecord::zeroed() };
    let (there, back) = (FlowKey::of(&record, CLIENT, server()), FlowKey::of(&back, server(), CLIENT));
    assert_eq!(there.hash, back.hash);
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
fn the_service_of_a_connection_found_in_the_middle_is_at_the_lower_port() {
    let mut wire = Wire::new();
    let step = wire.tcp(false, ACK, 5, 100);
    assert!(step.opened && !step.from_initiator);
    assert!(wire.state.is_real());
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
fn an_echo_reply_is_not_what_began_the_flow() {
    let mut wire = Wire::new();
    let reply = PacketRecord { protocol: 1, message_type: 0, ..PacketRecord::zeroed() };
    assert!(!wire.send(false, reply).from_initiator);
}
