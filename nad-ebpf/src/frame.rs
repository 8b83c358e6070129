//! Access to the bytes of a frame.

use core::arch::asm;

use aya_ebpf::{bindings::__sk_buff, helpers::bpf_skb_load_bytes, programs::TcContext};
use nad_common::frame::{Frame, Header, MAX_OFFSET};

/// A frame in one piece, as XDP gets it, and a word of this CPU's map memory (see [`Frame::meet`]).
pub(crate) struct LinearFrame {
    start: usize,
    end: usize,
    meeting_point: *mut u64,
}

impl LinearFrame {
    #[inline(always)]
    pub(crate) fn new(start: usize, end: usize, meeting_point: *mut u64) -> Self {
        Self { start: opaque(start), end: opaque(end), meeting_point }
    }

    /// Bytes of the frame, link header included.
    #[inline(always)]
    pub(crate) fn length(&self) -> u32 {
        (self.end - self.start) as u32
    }
}

impl Frame for LinearFrame {
    const MAY_BE_CUT: bool = false;

    #[inline(always)]
    fn captured(&self) -> usize {
        self.length() as usize
    }

    #[inline(always)]
    fn read<T: Header>(&self, offset: usize) -> Option<T> {
        let offset = opaque(offset);
        if offset > MAX_OFFSET {
            return None;
        }
        let header = opaque(self.start + offset);
        if header + size_of::<T>() > self.end {
            return None;
        }
        // SAFETY: the bytes up to `header + size_of::<T>()` lie before the end of the frame, as the verifier
        // checks again, and every bit pattern is a `T`.
        Some(unsafe { (header as *const T).read_unaligned() })
    }

    /// By way of a map's memory, whose content the verifier does not follow. The compiler is made to forget
    /// what it holds of that memory, the record included, in registers.
    #[inline(always)]
    fn meet(&self, offset: usize) -> usize {
        meet(self.meeting_point, offset as u64) as usize
    }
}

/// The same value, by way of a word of this CPU's element of a map.
#[inline(always)]
pub(crate) fn meet(meeting_point: *mut u64, value: u64) -> u64 {
    // SAFETY: the pointer is to a word that only this run uses; the instruction moves a register to itself.
    unsafe {
        meeting_point.write_volatile(value);
        asm!("{0} = {0}", inout(reg) value => _, options(nostack, preserves_flags));
        meeting_point.read_volatile()
    }
}

/// A frame in a socket buffer: one piece that can be read directly, which holds the headers as a rule, and the rest
/// in other places, from which it is copied. Pulling it into the first piece instead could make the kernel move the
/// packet, which is not for a passive program to do.
pub(crate) struct SkbFrame {
    skb: *mut __sk_buff,
    linear: LinearFrame,
    length: u32,
    copy: *mut [u64; 8],
}

impl SkbFrame {
    #[inline(always)]
    pub(crate) fn new(ctx: &TcContext, meeting_point: *mut u64, copy: *mut [u64; 8]) -> Self {
        let linear = LinearFrame::new(ctx.data(), ctx.data_end(), meeting_point);
        Self { skb: ctx.skb.skb, linear, length: ctx.len(), copy }
    }

    /// Bytes of the frame, link header included.
    #[inline(always)]
    pub(crate) fn length(&self) -> u32 {
        self.length
    }

    /// By way of a map's memory: on the stack, the verifier wants every access aligned.
    #[inline(always)]
    fn load<T: Header>(&self, offset: usize) -> Option<T> {
        const { assert!(size_of::<T>() <= size_of::<[u64; 8]>()) };
        if offset > MAX_OFFSET || offset + size_of::<T>() > self.length as usize {
            return None;
        }
        // SAFETY: the room belongs to this run; the helper writes as many bytes as it has at least, or fails.
        let result = unsafe {
            bpf_skb_load_bytes(self.skb.cast(), offset as u32, self.copy.cast(), size_of::<T>() as u32)
        };
        // SAFETY: that many bytes were written, and every bit pattern is a `T`.
        (result == 0).then(|| unsafe { self.copy.cast::<T>().read_unaligned() })
    }
}

impl Frame for SkbFrame {
    const MAY_BE_CUT: bool = false;

    #[inline(always)]
    fn captured(&self) -> usize {
        self.length as usize
    }

    #[inline(always)]
    fn read<T: Header>(&self, offset: usize) -> Option<T> {
        match self.linear.read(offset) {
            Some(header) => Some(header),
            None => self.load(offset),
        }
    }

    #[inline(always)]
    fn meet(&self, offset: usize) -> usize {
        self.linear.meet(offset)
    }
}

/// The same value, of which the compiler knows nothing: the verifier follows a bound only through the very
/// register that was compared, and the compiler likes to compute the same address twice. It also takes the
/// context's 32-bit fields for numbers, which the verifier has already made pointers.
#[inline(always)]
fn opaque(mut value: usize) -> usize {
    // SAFETY: moves a register to itself (an empty text would give two instructions the same line information,
    // which the kernel refuses).
    unsafe { asm!("{0} = {0}", inout(reg) value, options(nomem, nostack, preserves_flags)) };
    value
}
