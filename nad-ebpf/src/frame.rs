//! Direct access to the bytes of a frame.

use core::arch::asm;

use aya_ebpf::programs::XdpContext;
use nad_common::frame::{Frame, Header, MAX_OFFSET};

/// The frame that the program was called for, and a word of this CPU's map memory (see [`Frame::meet`]).
pub(crate) struct XdpFrame {
    start: usize,
    end: usize,
    meeting_point: *mut u64,
}

impl XdpFrame {
    #[inline(always)]
    pub(crate) fn new(ctx: &XdpContext, meeting_point: *mut u64) -> Self {
        Self { start: opaque(ctx.data()), end: opaque(ctx.data_end()), meeting_point }
    }

    /// Bytes of the frame, link header included.
    #[inline(always)]
    pub(crate) fn length(&self) -> u32 {
        (self.end - self.start) as u32
    }
}

impl Frame for XdpFrame {
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
        // SAFETY: the pointer is to this CPU's own element of a map; the instruction moves a register to itself.
        unsafe {
            self.meeting_point.write_volatile(offset as u64);
            asm!("{0} = {0}", inout(reg) offset => _, options(nostack, preserves_flags));
            self.meeting_point.read_volatile() as usize
        }
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
