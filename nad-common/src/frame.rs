//! Bounded reads over one frame.

use network_types::{
    arp::ArpHdr,
    eth::EthHdr,
    geneve::GeneveHdr,
    ip::{Ipv4Hdr, Ipv6Hdr},
    tcp::TcpHdr,
    udp::UdpHdr,
    vlan::VlanHdr,
    vxlan::VxlanHdr,
};

/// The largest offset, in bytes from the start of the frame, that the parser reads at.
///
/// Both hosts of the parser keep it, so that a frame reads the same in the kernel and in userspace; the
/// kernel's verifier also needs every offset to have a bound.
pub const MAX_OFFSET: usize = 4095;

/// A header that is nothing but bytes in network order.
///
/// # Safety
///
/// Every bit pattern must be a valid value, and the type must have no padding.
pub unsafe trait Header: Copy {}

// SAFETY: `repr(C)` structs of unsigned integers whose alignments leave no padding.
unsafe impl Header for EthHdr {}
// SAFETY: as above.
unsafe impl Header for VlanHdr {}
// SAFETY: as above; every field is a byte or an array of bytes.
unsafe impl Header for ArpHdr {}
// SAFETY: as above.
unsafe impl Header for Ipv4Hdr {}
// SAFETY: as above.
unsafe impl Header for Ipv6Hdr {}
// SAFETY: as above; its bit field wraps an array of bytes.
unsafe impl Header for TcpHdr {}
// SAFETY: as above.
unsafe impl Header for UdpHdr {}
// SAFETY: as above.
unsafe impl Header for VxlanHdr {}
// SAFETY: as above.
unsafe impl Header for GeneveHdr {}
// SAFETY: an array of bytes.
unsafe impl<const N: usize> Header for [u8; N] {}

/// The captured bytes of one frame, read by offset and never past the end.
pub trait Frame {
    /// Whether the frame may be longer than what can be read of it, as in captures. The kernel has all of it.
    const MAY_BE_CUT: bool;

    /// Bytes that can be read. Fewer than the packet's length where a capture was cut.
    fn captured(&self) -> usize;

    /// Copies the header at `offset`, or `None` where it ends past the captured bytes or starts past
    /// [`MAX_OFFSET`].
    fn read<T: Header>(&self, offset: usize) -> Option<T>;

    /// Returns `offset` as it is.
    ///
    /// Marks the places where many ways through the parser meet. The kernel's host hides the value from the
    /// verifier there, which would otherwise follow each of the ways to the end and give up.
    #[inline(always)]
    fn meet(&self, offset: usize) -> usize {
        offset
    }
}

/// A frame in memory, as replay and tests have it.
#[derive(Debug, Clone, Copy)]
pub struct SliceFrame<'a>(pub &'a [u8]);

impl Frame for SliceFrame<'_> {
    const MAY_BE_CUT: bool = true;

    fn captured(&self) -> usize {
        self.0.len()
    }

    fn read<T: Header>(&self, offset: usize) -> Option<T> {
        if offset > MAX_OFFSET {
            return None;
        }
        let bytes = self.0.get(offset..)?.get(..size_of::<T>())?;
        // SAFETY: `bytes` has exactly the size of `T`, and every bit pattern is a `T` (see `Header`).
        Some(unsafe { bytes.as_ptr().cast::<T>().read_unaligned() })
    }
}
