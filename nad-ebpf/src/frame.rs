//! Access to the bytes of a frame.

use core::arch::asm;

use aya_ebpf::{
    helpers::bpf_skb_load_bytes,
    programs::{TcContext, XdpContext},
};
use nad_common::frame::{Frame, Header, MAX_OFFSET};

/// Where what can be read directly starts and ends. Each read asks anew: of a pointer that is kept, the verifier
/// remembers how far it was read, and follows the ways that read differently far one by one.
pub(crate) trait Bounds {
    fn start(&self) -> usize;
    fn end(&self) -> usize;
}

impl Bounds for XdpContext {
    #[inline(always)]
    fn start(&self) -> usize {
        // SAFETY: the kernel calls the program with a context that lives as long as its run.
        opaque(unsafe { (&raw const (*self.ctx).data).read_volatile() } as usize)
    }

    #[inline(always)]
    fn end(&self) -> usize {
        // SAFETY: as above.
        opaque(unsafe { (&raw const (*self.ctx).data_end).read_volatile() } as usize)
    }
}

impl Bounds for TcContext {
    #[inline(always)]
    fn start(&self) -> usize {
        // SAFETY: as above.
        opaque(unsafe { (&raw const (*self.skb.skb).data).read_volatile() } as usize)
    }

    #[inline(always)]
    fn end(&self) -> usize {
        // SAFETY: as above.
        opaque(unsafe { (&raw const (*self.skb.skb).data_end).read_volatile() } as usize)
    }
}

/// A frame in one piece, as XDP gets it, and a word of this CPU's map memory (see [`Frame::meet`]).
pub(crate) struct LinearFrame<'a, C> {
    ctx: &'a C,
    meeting_point: *mut u64,
}

impl<'a, C: Bounds> LinearFrame<'a, C> {
    #[inline(always)]
    pub(crate) fn new(ctx: &'a C, meeting_point: *mut u64) -> Self {
        Self { ctx, meeting_point }
    }

    /// Bytes of the frame, link header included.
    #[inline(always)]
    pub(crate) fn length(&self) -> u32 {
        (self.ctx.end() - self.ctx.start()) as u32
    }
}

impl<C: Bounds> Frame for LinearFrame<'_, C> {
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
        let header = opaque(self.ctx.start() + offset);
        if header + size_of::<T>() > self.ctx.end() {
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
pub(crate) struct SkbFrame<'a> {
    ctx: &'a TcContext,
    linear: LinearFrame<'a, TcContext>,
    length: u32,
    copy: *mut [u64; 8],
}

impl<'a> SkbFrame<'a> {
    #[inline(always)]
    pub(crate) fn new(ctx: &'a TcContext, meeting_point: *mut u64, copy: *mut [u64; 8]) -> Self {
        Self { ctx, linear: LinearFrame::new(ctx, meeting_point), length: ctx.len(), copy }
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
        if offset > MAX_OFFSET {
            return None;
        }
        // SAFETY: the room belongs to this run; the helper writes as many bytes as it has at least, or fails, as it does
        // where they end after the frame.
        let result = unsafe {
            bpf_skb_load_bytes(
                self.ctx.skb.skb.cast(),
                offset as u32,
                self.copy.cast(),
                size_of::<T>() as u32,
            )
        };
        // SAFETY: that many bytes were written, and every bit pattern is a `T`.
        (result == 0).then(|| unsafe { self.copy.cast::<T>().read_unaligned() })
    }
}

impl Frame for SkbFrame<'_> {
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
