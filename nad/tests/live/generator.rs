//! More packets than any sensor can judge: frames that an XDP program sends from inside the kernel
//! (`BPF_F_TEST_XDP_LIVE_FRAMES`), which it does as fast as the other end of the cable takes them in native mode.

use std::{
    ffi::CString,
    io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    time::{Duration, Instant},
};

use aya_obj::generated::{bpf_attr, bpf_cmd, bpf_prog_type};

use crate::{lab::SENDER, netns::Namespace};

const LIVE_FRAMES: u32 = 1 << 1;
/// Frames in one call, so that the time can be looked at.
const FRAMES_A_CALL: u32 = 20_000;

/// What differs from frame to frame.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Vary {
    /// Nothing: one flow.
    Nothing,
    /// The last 14 bits of the IPv4 source address, and the source port.
    Source,
}

pub(crate) struct Generator {
    program: OwnedFd,
    interface: u32,
}

impl Generator {
    /// One that sends through the sender's end of the cable.
    pub(crate) fn load(vary: Vary) -> Self {
        // SAFETY: plain numbers, for which zeros are a value.
        let mut attributes: bpf_attr = unsafe { std::mem::zeroed() };
        let code = code(vary);
        // SAFETY: the member that belongs to this command; all that is pointed to lives through the call.
        let program = unsafe { &mut attributes.__bindgen_anon_3 };
        program.prog_type = bpf_prog_type::BPF_PROG_TYPE_XDP as u32;
        program.insns = code.as_ptr() as u64;
        program.insn_cnt = code.len() as u32;
        program.license = c"Dual MIT/GPL".as_ptr() as u64;
        let program = bpf(bpf_cmd::BPF_PROG_LOAD, &mut attributes).expect("the kernel takes the generator");
        // SAFETY: the kernel has just made it, and nobody else has it.
        let program = unsafe { OwnedFd::from_raw_fd(program as i32) };
        Self { program, interface: 0 }
    }

    /// Sends copies of a frame for a time; what the cable has no room for is gone.
    pub(crate) fn send(&mut self, namespace: &Namespace, frame: &[u8], time: Duration) {
        let name = CString::new(SENDER).expect("a name");
        namespace.enter(|| {
            // SAFETY: the name ends in a zero.
            self.interface = unsafe { libc::if_nametoindex(name.as_ptr()) };
            let begun = Instant::now();
            while begun.elapsed() < time {
                self.call(frame).expect("the frames are sent");
            }
        });
    }

    fn call(&self, frame: &[u8]) -> io::Result<()> {
        // `struct xdp_md`: data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex.
        let context = [0, frame.len() as u32, 0, self.interface, 0, 0];
        // SAFETY: plain numbers, for which zeros are a value.
        let mut attributes: bpf_attr = unsafe { std::mem::zeroed() };
        // SAFETY: the member that belongs to this command; all that is pointed to lives through the call.
        let test = unsafe { &mut attributes.test };
        test.prog_fd = self.program.as_raw_fd() as u32;
        test.data_in = frame.as_ptr() as u64;
        test.data_size_in = frame.len() as u32;
        test.ctx_in = context.as_ptr() as u64;
        test.ctx_size_in = size_of_val(&context) as u32;
        test.repeat = FRAMES_A_CALL;
        test.flags = LIVE_FRAMES;
        bpf(bpf_cmd::BPF_PROG_TEST_RUN, &mut attributes).map(drop)
    }
}

/// The program: changes what is to vary, and sends the frame back through the interface.
fn code(vary: Vary) -> Vec<u64> {
    /// An instruction: operation, destination and source register, offset, constant.
    const fn op(code: u8, to: u8, from: u8, offset: i16, value: i32) -> u64 {
        code as u64
            | (to as u64) << 8
            | (from as u64) << 12
            | (offset as u16 as u64) << 16
            | (value as u32 as u64) << 32
    }
    const LOAD_WORD: u8 = 0x61;
    const STORE_BYTE: u8 = 0x73;
    const STORE_HALF: u8 = 0x6b;
    const MOVE: u8 = 0xbf;
    const MOVE_VALUE: u8 = 0xb7;
    const ADD_VALUE: u8 = 0x07;
    const AND_VALUE: u8 = 0x57;
    const SHIFT_RIGHT: u8 = 0x77;
    const JUMP_IF_GREATER: u8 = 0x2d;
    const CALL: u8 = 0x85;
    const EXIT: u8 = 0x95;
    const RANDOM: i32 = 7;
    const XDP_TX: i32 = 3;
    // From the frame's start: the source address's last two bytes, and the source port.
    const ADDRESS: i16 = 14 + 14;
    const PORT: i16 = 14 + 20;
    let end = [op(MOVE_VALUE, 0, 0, 0, XDP_TX), op(EXIT, 0, 0, 0, 0)];
    if vary == Vary::Nothing {
        return end.into();
    }
    let change = [
        op(LOAD_WORD, 6, 1, 0, 0),
        op(LOAD_WORD, 7, 1, 4, 0),
        op(MOVE, 2, 6, 0, 0),
        op(ADD_VALUE, 2, 0, 0, PORT as i32 + 2),
        op(JUMP_IF_GREATER, 2, 7, 9, 0),
        op(CALL, 0, 0, 0, RANDOM),
        op(STORE_BYTE, 6, 0, ADDRESS + 1, 0),
        op(MOVE, 1, 0, 0, 0),
        op(SHIFT_RIGHT, 1, 0, 0, 8),
        op(AND_VALUE, 1, 0, 0, 0x3f),
        op(STORE_BYTE, 6, 1, ADDRESS, 0),
        op(SHIFT_RIGHT, 0, 0, 0, 16),
        op(STORE_HALF, 6, 0, PORT, 0),
        op(MOVE, 0, 0, 0, 0),
    ];
    [&change[..], &end].concat()
}

fn bpf(command: bpf_cmd, attributes: &mut bpf_attr) -> io::Result<i64> {
    // SAFETY: the attributes are valid for the command, as the callers see to, and of the stated size.
    let result =
        unsafe { libc::syscall(libc::SYS_bpf, command as u32, &raw mut *attributes, size_of::<bpf_attr>()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
