//! The programs: one that counts and passes, one that writes and wakes, one that sends.

use anyhow::Result;

use super::{
    Map, Program, XDP_DROP, XDP_PASS, XDP_TX,
    assembler::{Alu, Assembler, If, Reg, Size},
};

const R0: Reg = Reg(0);
const R1: Reg = Reg(1);
const R2: Reg = Reg(2);
const R3: Reg = Reg(3);
const R4: Reg = Reg(4);
const R5: Reg = Reg(5);
const R6: Reg = Reg(6);
const R7: Reg = Reg(7);
const R8: Reg = Reg(8);
const R9: Reg = Reg(9);
const STACK: Reg = Reg(10);

/// Helpers by their numbers (include/uapi/linux/bpf.h).
const MAP_LOOKUP: i32 = 1;
const KTIME_GET_NS: i32 = 5;
const RINGBUF_RESERVE: i32 = 131;
const RINGBUF_SUBMIT: i32 = 132;

/// Bytes of what [`waking`] writes: as many as nad's record of an IPv4 packet.
pub(crate) const RECORD: i32 = 64;

/// Adds one to this CPU's counter and passes the packet on: the least that a program can do which sees every packet.
pub(crate) fn counting(counter: &Map) -> Result<Program> {
    let mut code = Assembler::default();
    count(&mut code, counter);
    code.label("end");
    code.exit(XDP_PASS);
    Program::load("bench_count", &code.finish()?)
}

/// Counts, and writes a record into a ring with the kernel's own choice of when to wake the reader. It parses nothing.
pub(crate) fn waking(counter: &Map, ring: &Map) -> Result<Program> {
    let mut code = Assembler::default();
    code.load_map(R1, ring.fd());
    code.alu(Alu::Move, R2, RECORD);
    code.alu(Alu::Move, R3, 0);
    code.call(RINGBUF_RESERVE);
    code.jump_if(R0, If::Equal, 0, "end");
    code.alu(Alu::Move, R1, 1);
    for offset in (0..RECORD as i16).step_by(8) {
        code.store(Size::Double, R0, offset, R1);
    }
    code.alu_register(Alu::Move, R1, R0);
    code.alu(Alu::Move, R2, 0);
    code.call(RINGBUF_SUBMIT);
    count(&mut code, counter);
    code.label("end");
    code.exit(XDP_PASS);
    Program::load("bench_wake", &code.finish()?)
}

fn count(code: &mut Assembler, counter: &Map) {
    code.alu(Alu::Move, R2, 0);
    code.store(Size::Word, STACK, -4, R2);
    code.load_map(R1, counter.fd());
    code.alu_register(Alu::Move, R2, STACK);
    code.alu(Alu::Add, R2, -4);
    code.call(MAP_LOOKUP);
    code.jump_if(R0, If::Equal, 0, "end");
    code.load(Size::Double, R1, R0, 0);
    code.alu(Alu::Add, R1, 1);
    code.store(Size::Double, R0, 0, R1);
}

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
    pub(crate) tcp_flags: u8,
    pub(crate) unused: [u8; 3],
}

/// Sends TCP over IPv4 (from a frame that is one already) back through the interface that it claims to have come in by,
/// each packet as the next entry of a table of `entries`, a power of two, and no faster than is wanted: what is not due
/// yet is dropped.
pub(crate) fn sending(state: &Map, table: &Map, entries: u32) -> Result<Program> {
    const HEADERS: i32 = 54;
    const SOURCE: i16 = 26;
    const DESTINATION: i16 = 30;
    const PORTS: i16 = 34;
    const SEQUENCE: i16 = 38;
    const FLAGS: i16 = 47;
    /// More than a packet's payload, so that nothing seems to be sent twice.
    const SEQUENCE_STEP: i32 = 10;
    let mut code = Assembler::default();
    code.load(Size::Word, R6, R1, 0);
    code.load(Size::Word, R7, R1, 4);
    code.alu_register(Alu::Move, R2, R6);
    code.alu(Alu::Add, R2, HEADERS);
    code.jump_if_register(R2, If::Above, R7, "drop");
    code.load_map_value(R8, state.fd());
    code.load(Size::Double, R9, R8, offset(1));
    code.jump_if(R9, If::Equal, 0, "drop");
    code.load(Size::Double, R2, R8, offset(2));
    code.jump_if(R2, If::Equal, 0, "send");

    code.call(KTIME_GET_NS);
    code.alu_register(Alu::Move, R3, R0);
    code.alu(Alu::Shl, R3, FRACTION as i32);
    code.load(Size::Double, R1, R8, offset(3));
    code.jump_if(R1, If::NotEqual, 0, "started");
    code.alu_register(Alu::Move, R1, R3);
    code.store(Size::Double, R8, offset(5), R0);
    code.label("started");
    code.jump_if_register(R3, If::Below, R1, "drop");
    code.load(Size::Double, R2, R8, offset(2));
    code.alu_register(Alu::Add, R1, R2);
    code.store(Size::Double, R8, offset(3), R1);
    code.store(Size::Double, R8, offset(6), R0);

    code.label("send");
    code.alu(Alu::Add, R9, -1);
    code.store(Size::Double, R8, offset(1), R9);
    code.load(Size::Double, R1, R8, offset(4));
    code.alu(Alu::Add, R1, 1);
    code.store(Size::Double, R8, offset(4), R1);
    code.load(Size::Double, R2, R8, offset(0));
    code.alu_register(Alu::Move, R3, R2);
    code.alu(Alu::Add, R3, 1);
    code.store(Size::Double, R8, offset(0), R3);
    code.alu_register(Alu::Move, R4, R2);
    code.alu(Alu::And, R4, entries as i32 - 1);
    code.alu(Alu::Shl, R4, size_of::<Entry>().ilog2() as i32);
    code.load_map_value(R5, table.fd());
    code.alu_register(Alu::Add, R5, R4);
    for (from, to) in [(0, SOURCE), (4, DESTINATION), (8, PORTS)] {
        code.load(Size::Word, R0, R5, from);
        code.store(Size::Word, R6, to, R0);
    }
    code.load(Size::Byte, R0, R5, 12);
    code.store(Size::Byte, R6, FLAGS, R0);
    code.alu(Alu::Shl, R2, SEQUENCE_STEP);
    code.swap_to_network(R2);
    code.store(Size::Word, R6, SEQUENCE, R2);
    code.exit(XDP_TX);
    code.label("drop");
    code.exit(XDP_DROP);
    Program::load("bench_send", &code.finish()?)
}

/// Of a field of [`SenderState`].
const fn offset(field: i16) -> i16 {
    8 * field
}
