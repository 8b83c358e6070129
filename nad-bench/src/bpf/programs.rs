//! The programs: one that counts and passes, and one that writes and wakes. `sending` has the one that sends.

use anyhow::Result;

use super::{
    Map, Program, XDP_PASS,
    assembler::{Alu, Assembler, If, Reg, Size},
};

const R0: Reg = Reg(0);
const R1: Reg = Reg(1);
const R2: Reg = Reg(2);
const R3: Reg = Reg(3);
const STACK: Reg = Reg(10);

/// Helpers by their numbers (include/uapi/linux/bpf.h).
const MAP_LOOKUP: i32 = 1;
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
