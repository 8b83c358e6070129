//! Runs the sending program without a kernel, so that what it makes can be tested by whoever has no rights.
//!
//! Memory is a list of regions, each from an address of its own; an access outside of all of them is a panic.

use super::sending::{KTIME_GET_NS, XDP_ADJUST_TAIL};

const CONTEXT: u64 = 1 << 40;
const FRAME: u64 = 1 << 30;
/// Of the map with descriptor 1; that of each further one follows this far behind.
const MAP: u64 = 1 << 50;

/// A frame, and the values of maps, the first of which has the descriptor 1.
pub(crate) struct Machine {
    pub(crate) frame: Vec<u8>,
    pub(crate) maps: Vec<Vec<u8>>,
    /// What the clock says.
    pub(crate) now_ns: u64,
    registers: [u64; 11],
    length: usize,
}

impl Machine {
    pub(crate) fn new(frame: Vec<u8>, maps: Vec<Vec<u8>>) -> Self {
        let length = frame.len();
        Self { frame, maps, now_ns: 1, registers: [0; 11], length }
    }

    /// Runs a program on the frame, which is as long as at first; gives its result and the frame's length after it.
    pub(crate) fn run(&mut self, code: &[u64]) -> (u64, usize) {
        self.length = self.frame.len();
        self.registers[1] = CONTEXT;
        let mut at = 0;
        loop {
            let instruction = code[at];
            at += 1;
            let (operation, to) = (instruction as u8, (instruction >> 8 & 15) as usize);
            let from = (instruction >> 12 & 15) as usize;
            let (offset, value) = ((instruction >> 16) as i16, (instruction >> 32) as i32);
            match operation {
                0x18 => {
                    self.registers[to] = MAP * value as u64;
                    at += 1;
                }
                0x85 => self.call(value),
                0x95 => return (self.registers[0], self.length),
                0xdc => self.registers[to] = u64::from((self.registers[to] as u32).swap_bytes()),
                _ => match operation & 7 {
                    1 => self.registers[to] = self.load(operation, self.registers[from], offset),
                    3 => self.store(operation, self.registers[to], offset, self.registers[from]),
                    5 => {
                        let other = if operation & 8 != 0 { self.registers[from] } else { value as u64 };
                        if jumps(operation, self.registers[to], other) {
                            at = at.checked_add_signed(offset.into()).unwrap();
                        }
                    }
                    7 => {
                        let other = if operation & 8 != 0 { self.registers[from] } else { value as u64 };
                        self.registers[to] = computed(operation, self.registers[to], other);
                    }
                    _ => panic!("an unknown instruction: {instruction:#018x}"),
                },
            }
        }
    }

    fn call(&mut self, helper: i32) {
        self.registers[0] = match helper {
            KTIME_GET_NS => self.now_ns,
            XDP_ADJUST_TAIL => {
                assert_eq!(self.registers[1], CONTEXT);
                self.length =
                    self.length.checked_add_signed(self.registers[2] as i64 as isize).expect("a length");
                0
            }
            _ => panic!("an unknown helper: {helper}"),
        };
        // As the verifier has it, nothing may be in these after a call.
        self.registers[1..6].fill(0xdead_beef);
    }

    fn load(&mut self, operation: u8, address: u64, offset: i16) -> u64 {
        if address == CONTEXT {
            return match offset {
                0 => FRAME,
                4 => FRAME + self.length as u64,
                _ => panic!("the context has no field at {offset}"),
            };
        }
        let bytes = self.memory(operation, address, offset);
        bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
    }

    fn store(&mut self, operation: u8, address: u64, offset: i16, value: u64) {
        let bytes = self.memory(operation, address, offset);
        let size = bytes.len();
        bytes.copy_from_slice(&value.to_le_bytes()[..size]);
    }

    fn memory(&mut self, operation: u8, address: u64, offset: i16) -> &mut [u8] {
        let size = match operation & 0x18 {
            0x00 => 4,
            0x08 => 2,
            0x10 => 1,
            _ => 8,
        };
        let place = address.checked_add_signed(offset.into()).unwrap();
        let (region, start) = if place >= MAP {
            (&mut self.maps[(place / MAP) as usize - 1], place % MAP)
        } else {
            (&mut self.frame, place - FRAME)
        };
        &mut region[start as usize..][..size]
    }
}

fn jumps(operation: u8, value: u64, other: u64) -> bool {
    match operation & 0xf0 {
        0x10 => value == other,
        0x20 => value > other,
        0x50 => value != other,
        0xa0 => value < other,
        _ => panic!("an unknown jump: {operation:#04x}"),
    }
}

fn computed(operation: u8, value: u64, other: u64) -> u64 {
    match operation & 0xf0 {
        0x00 => value.wrapping_add(other),
        0x10 => value.wrapping_sub(other),
        0x20 => value.wrapping_mul(other),
        0x50 => value & other,
        0x60 => value << other,
        0x70 => value >> other,
        0xa0 => value ^ other,
        0xb0 => other,
        _ => panic!("an unknown operation: {operation:#04x}"),
    }
}
