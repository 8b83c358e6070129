//! Instructions (RFC 9669), with labels to jump to.

use std::collections::HashMap;

use anyhow::{Context as _, Result};

/// A register.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reg(pub(super) u8);

/// How much is loaded or stored.
#[derive(Debug, Clone, Copy)]
pub(super) enum Size {
    Word = 0x00,
    Half = 0x08,
    Byte = 0x10,
    Double = 0x18,
}

/// What is done to a register.
#[derive(Debug, Clone, Copy)]
pub(super) enum Alu {
    Add = 0x00,
    Subtract = 0x10,
    Multiply = 0x20,
    And = 0x50,
    Shl = 0x60,
    Shr = 0x70,
    Xor = 0xa0,
    Move = 0xb0,
}

/// When a jump is taken; numbers have no sign.
#[derive(Debug, Clone, Copy)]
pub(super) enum If {
    Equal = 0x10,
    Above = 0x20,
    NotEqual = 0x50,
    Below = 0xa0,
}

/// A program in the making.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    code: Vec<u64>,
    labels: HashMap<&'static str, usize>,
    jumps: Vec<(usize, &'static str)>,
}

const CLASS_LDX: u8 = 0x01;
const CLASS_STX: u8 = 0x03;
const CLASS_JMP: u8 = 0x05;
const CLASS_ALU: u8 = 0x04;
const CLASS_ALU64: u8 = 0x07;
const MODE_MEM: u8 = 0x60;
const SOURCE_REGISTER: u8 = 0x08;

impl Assembler {
    pub(super) fn alu(&mut self, what: Alu, to: Reg, value: i32) {
        self.add(CLASS_ALU64 | what as u8, to, Reg(0), 0, value);
    }

    pub(super) fn alu_register(&mut self, what: Alu, to: Reg, from: Reg) {
        self.add(CLASS_ALU64 | SOURCE_REGISTER | what as u8, to, from, 0, 0);
    }

    /// Puts the lower 32 bits into network order.
    pub(super) fn swap_to_network(&mut self, register: Reg) {
        const END: u8 = 0xd0;
        self.add(CLASS_ALU | SOURCE_REGISTER | END, register, Reg(0), 0, 32);
    }

    pub(super) fn load(&mut self, size: Size, to: Reg, from: Reg, offset: i16) {
        self.add(CLASS_LDX | MODE_MEM | size as u8, to, from, offset, 0);
    }

    pub(super) fn store(&mut self, size: Size, to: Reg, offset: i16, from: Reg) {
        self.add(CLASS_STX | MODE_MEM | size as u8, to, from, offset, 0);
    }

    pub(super) fn jump_if(&mut self, register: Reg, condition: If, value: i32, label: &'static str) {
        self.jumps.push((self.code.len(), label));
        self.add(CLASS_JMP | condition as u8, register, Reg(0), 0, value);
    }

    pub(super) fn jump_if_register(&mut self, register: Reg, condition: If, other: Reg, label: &'static str) {
        self.jumps.push((self.code.len(), label));
        self.add(CLASS_JMP | SOURCE_REGISTER | condition as u8, register, other, 0, 0);
    }

    pub(super) fn label(&mut self, label: &'static str) {
        self.labels.insert(label, self.code.len());
    }

    /// Calls a helper of the kernel.
    pub(super) fn call(&mut self, helper: i32) {
        const CALL: u8 = 0x80;
        self.add(CLASS_JMP | CALL, Reg(0), Reg(0), 0, helper);
    }

    /// Ends the program with a value.
    pub(super) fn exit(&mut self, value: i32) {
        const EXIT: u8 = 0x90;
        self.alu(Alu::Move, Reg(0), value);
        self.add(CLASS_JMP | EXIT, Reg(0), Reg(0), 0, 0);
    }

    /// The map with this descriptor.
    pub(super) fn load_map(&mut self, to: Reg, map: i32) {
        const PSEUDO_MAP_FD: u8 = 1;
        self.load_wide(to, PSEUDO_MAP_FD, map);
    }

    /// The address of the only value of a map.
    pub(super) fn load_map_value(&mut self, to: Reg, map: i32) {
        const PSEUDO_MAP_VALUE: u8 = 2;
        self.load_wide(to, PSEUDO_MAP_VALUE, map);
    }

    fn load_wide(&mut self, to: Reg, kind: u8, map: i32) {
        const LD_IMM64: u8 = 0x18;
        self.add(LD_IMM64, to, Reg(kind), 0, map);
        self.add(0, Reg(0), Reg(0), 0, 0);
    }

    fn add(&mut self, code: u8, to: Reg, from: Reg, offset: i16, value: i32) {
        self.code.push(encode(code, to, from, offset, value));
    }

    /// The program as the kernel takes it.
    ///
    /// # Errors
    ///
    /// When a label is missing or too far away.
    pub(super) fn finish(mut self) -> Result<Vec<u64>> {
        for (at, label) in self.jumps {
            let target = self.labels.get(label).with_context(|| format!("there is no label '{label}'"))?;
            let distance = *target as i64 - at as i64 - 1;
            let distance = i16::try_from(distance).with_context(|| format!("'{label}' is too far"))?;
            self.code[at] |= u64::from(distance as u16) << 16;
        }
        Ok(self.code)
    }
}

fn encode(code: u8, to: Reg, from: Reg, offset: i16, value: i32) -> u64 {
    u64::from(code)
        | u64::from(to.0 | from.0 << 4) << 8
        | u64::from(offset as u16) << 16
        | u64::from(value as u32) << 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_encoded_as_the_kernels_documentation_has_them() {
        // Bytes as `llvm-objdump --disassemble` shows them for these instructions.
        let mut code = Assembler::default();
        code.alu(Alu::Move, Reg(0), 2);
        code.alu_register(Alu::Move, Reg(2), Reg(10));
        code.load(Size::Word, Reg(6), Reg(1), 4);
        code.store(Size::Double, Reg(0), -8, Reg(1));
        code.swap_to_network(Reg(2));
        let bytes: Vec<[u8; 8]> = code.finish().unwrap().into_iter().map(u64::to_le_bytes).collect();
        assert_eq!(
            bytes,
            [
                [0xb7, 0x00, 0, 0, 2, 0, 0, 0],
                [0xbf, 0xa2, 0, 0, 0, 0, 0, 0],
                [0x61, 0x16, 4, 0, 0, 0, 0, 0],
                [0x7b, 0x10, 0xf8, 0xff, 0, 0, 0, 0],
                [0xdc, 0x02, 0, 0, 32, 0, 0, 0],
            ]
        );
    }

    #[test]
    fn a_jump_goes_from_the_next_instruction_to_its_label() {
        let mut code = Assembler::default();
        code.label("again");
        code.jump_if(Reg(1), If::Equal, 7, "end");
        code.jump_if(Reg(1), If::Above, 7, "again");
        code.label("end");
        code.exit(0);
        let code = code.finish().unwrap();
        assert_eq!([code[0] >> 16 & 0xffff, code[1] >> 16 & 0xffff], [1, 0xfffe]);
        let mut lost = Assembler::default();
        lost.jump_if(Reg(1), If::Equal, 7, "nowhere");
        assert!(lost.finish().unwrap_err().to_string().contains("nowhere"));
    }
}
