//! The program that sends: packets of both sides of many flows, with the numbers that each side would use.
//!
//! An entry of the table says whose packet it is, and which step of the conversation. The rest is in a table of steps, which are
//! the same for all flows: sequence numbers follow from the flow's addresses and from how often the table was gone through,
//! so none is stored.

use anyhow::Result;

use super::{
    Map, Program, XDP_DROP, XDP_TX,
    assembler::{Alu, Assembler, If, Reg, Size},
};

const R0: Reg = Reg(0);
const R1: Reg = Reg(1);
const R2: Reg = Reg(2);
const R3: Reg = Reg(3);
const R4: Reg = Reg(4);
const R5: Reg = Reg(5);
/// The frame.
const R6: Reg = Reg(6);
/// The program's argument.
const R7: Reg = Reg(7);
/// What is shared with the program's user.
const R8: Reg = Reg(8);
/// Packets still to be sent.
const R9: Reg = Reg(9);

/// Helpers by their numbers (include/uapi/linux/bpf.h).
pub(super) const KTIME_GET_NS: i32 = 5;
pub(super) const XDP_ADJUST_TAIL: i32 = 65;

/// Room for steps; a power of two.
pub(crate) const STEPS: usize = 16;

/// What the sending program and its user share.
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
pub(crate) struct SenderState {
    /// Place in the table, counted on and on.
    pub(crate) place: u64,
    /// Packets still to be sent.
    pub(crate) remaining: u64,
    /// Time between two, in 1/64 ns; 0 for no time at all.
    pub(crate) interval: u64,
    /// When the next one is due; 0 before the first.
    pub(crate) due: u64,
    /// Packets sent.
    pub(crate) sent: u64,
    /// When the first and the last one were sent, in nanoseconds, where there is an interval.
    pub(crate) first_ns: u64,
    pub(crate) last_ns: u64,
}

/// The value of the program's first map.
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
pub(crate) struct Shared {
    pub(crate) state: SenderState,
    pub(crate) steps: [Step; STEPS],
}

/// Bits of a nanosecond's fraction in [`SenderState::interval`].
pub(crate) const FRACTION: u32 = 6;

/// What makes a packet one of its flow, as it is on the wire.
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
pub(crate) struct Entry {
    pub(crate) source: [u8; 4],
    pub(crate) destination: [u8; 4],
    pub(crate) source_port: [u8; 2],
    pub(crate) destination_port: [u8; 2],
    /// Its place among the steps.
    pub(crate) step: u8,
    pub(crate) unused: [u8; 3],
}

/// A packet of a conversation. In round `r`, which counts how often the table was gone through, a number on the wire is
/// `(flow & of_flow) + base + r * advance`, where `flow` is the exclusive or of the flow's two addresses.
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
pub(crate) struct Step {
    /// The sequence number of TCP, or length and checksum of UDP.
    pub(crate) sequence: Number,
    /// What TCP acknowledges.
    pub(crate) acknowledgement: Number,
    /// Bytes of the IP packet, in network order.
    pub(crate) total_length: [u8; 2],
    /// By which the frame is shorter than the longest.
    pub(crate) cut: u16,
    pub(crate) protocol: u8,
    pub(crate) tcp_flags: u8,
    /// The last bytes of the MAC addresses: of the receiver, and of the sender.
    pub(crate) macs: [u8; 2],
}

/// See [`Step`].
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
pub(crate) struct Number {
    pub(crate) base: u32,
    pub(crate) advance: u32,
    pub(crate) of_flow: u32,
}

const _: () = assert!(size_of::<Step>() == 32 && size_of::<Entry>() == 16);

/// Sends packets over IPv4 (from a frame of TCP that is as long as the longest) back through the interface that it
/// claims to have come in by, each packet as the next entry of a table of `entries`, a power of two, and no faster than is
/// wanted: what is not due yet is dropped.
pub(crate) fn program(shared: &Map, table: &Map, entries: u32) -> Result<Program> {
    Program::load("bench_send", &code(shared.fd(), table.fd(), entries)?)
}

/// Its instructions, for the descriptors of its two maps.
pub(crate) fn code(shared: i32, table: i32, entries: u32) -> Result<Vec<u64>> {
    const HEADERS: i32 = 54;
    const RECEIVER_MAC: i16 = 5;
    const SENDER_MAC: i16 = 11;
    const TOTAL_LENGTH: i16 = 16;
    const PROTOCOL: i16 = 23;
    const SOURCE: i16 = 26;
    const DESTINATION: i16 = 30;
    const PORTS: i16 = 34;
    const SEQUENCE: i16 = 38;
    const ACKNOWLEDGEMENT: i16 = 42;
    const FLAGS: i16 = 47;
    let mut code = Assembler::default();
    code.alu_register(Alu::Move, R7, R1);
    code.load(Size::Word, R6, R7, 0);
    code.load(Size::Word, R3, R7, 4);
    code.alu_register(Alu::Move, R2, R6);
    code.alu(Alu::Add, R2, HEADERS);
    code.jump_if_register(R2, If::Above, R3, "drop");
    code.load_map_value(R8, shared);
    code.load(Size::Double, R9, R8, state(1));
    code.jump_if(R9, If::Equal, 0, "drop");
    code.load(Size::Double, R2, R8, state(2));
    code.jump_if(R2, If::Equal, 0, "send");

    code.call(KTIME_GET_NS);
    code.alu_register(Alu::Move, R3, R0);
    code.alu(Alu::Shl, R3, FRACTION as i32);
    code.load(Size::Double, R1, R8, state(3));
    code.jump_if(R1, If::NotEqual, 0, "started");
    code.alu_register(Alu::Move, R1, R3);
    code.store(Size::Double, R8, state(5), R0);
    code.label("started");
    code.jump_if_register(R3, If::Below, R1, "drop");
    code.load(Size::Double, R2, R8, state(2));
    code.alu_register(Alu::Add, R1, R2);
    code.store(Size::Double, R8, state(3), R1);
    code.store(Size::Double, R8, state(6), R0);

    code.label("send");
    code.alu(Alu::Add, R9, -1);
    code.store(Size::Double, R8, state(1), R9);
    code.load(Size::Double, R1, R8, state(4));
    code.alu(Alu::Add, R1, 1);
    code.store(Size::Double, R8, state(4), R1);
    code.load(Size::Double, R2, R8, state(0));
    code.alu_register(Alu::Move, R3, R2);
    code.alu(Alu::Add, R3, 1);
    code.store(Size::Double, R8, state(0), R3);
    code.alu_register(Alu::Move, R4, R2);
    code.alu(Alu::And, R4, entries as i32 - 1);
    code.alu(Alu::Shl, R4, size_of::<Entry>().ilog2() as i32);
    code.load_map_value(R5, table);
    code.alu_register(Alu::Add, R5, R4);
    // The round, which the numbers follow from.
    code.alu(Alu::Shr, R2, entries.ilog2() as i32);
    code.load(Size::Byte, R4, R5, 12);
    code.alu(Alu::And, R4, STEPS as i32 - 1);
    code.alu(Alu::Shl, R4, size_of::<Step>().ilog2() as i32);
    code.alu_register(Alu::Add, R4, R8);
    code.load(Size::Word, R0, R5, 0);
    code.store(Size::Word, R6, SOURCE, R0);
    code.load(Size::Word, R3, R5, 4);
    code.store(Size::Word, R6, DESTINATION, R3);
    code.alu_register(Alu::Xor, R3, R0);
    code.load(Size::Word, R0, R5, 8);
    code.store(Size::Word, R6, PORTS, R0);
    number(&mut code, 0, SEQUENCE);
    number(&mut code, size_of::<Number>() as i16, ACKNOWLEDGEMENT);
    for (size, from, to) in [
        (Size::Half, 24, TOTAL_LENGTH),
        (Size::Byte, 28, PROTOCOL),
        (Size::Byte, 29, FLAGS),
        (Size::Byte, 30, RECEIVER_MAC),
        (Size::Byte, 31, SENDER_MAC),
    ] {
        code.load(size, R0, R4, step(from));
        code.store(size, R6, to, R0);
    }
    code.load(Size::Half, R3, R4, step(26));
    code.jump_if(R3, If::Equal, 0, "whole");
    code.alu_register(Alu::Move, R1, R7);
    code.alu(Alu::Move, R2, 0);
    code.alu_register(Alu::Subtract, R2, R3);
    code.call(XDP_ADJUST_TAIL);
    code.label("whole");
    code.exit(XDP_TX);
    code.label("drop");
    code.exit(XDP_DROP);
    code.finish()
}

/// Writes a number of the step at R4 into the frame, for the flow in R3 and the round in R2.
fn number(code: &mut Assembler, from: i16, to: i16) {
    code.load(Size::Word, R0, R4, step(from + 8));
    code.alu_register(Alu::And, R0, R3);
    code.load(Size::Word, R1, R4, step(from + 4));
    code.alu_register(Alu::Multiply, R1, R2);
    code.alu_register(Alu::Add, R0, R1);
    code.load(Size::Word, R1, R4, step(from));
    code.alu_register(Alu::Add, R0, R1);
    code.swap_to_network(R0);
    code.store(Size::Word, R6, to, R0);
}

/// Of a field of [`SenderState`].
const fn state(field: i16) -> i16 {
    8 * field
}

/// Of a byte of the first step.
const fn step(byte: i16) -> i16 {
    size_of::<SenderState>() as i16 + byte
}
