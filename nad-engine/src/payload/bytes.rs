//! A reader that never steps past the end.

/// What is left to read. A read that asks for more than there is gives nothing and takes nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    /// So many bytes.
    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// An array of bytes.
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    /// One byte.
    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// 16 bits in network order.
    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// 24 bits in network order.
    pub(super) fn u24(&mut self) -> Option<usize> {
        self.array().map(|[a, b, c]| usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c))
    }

    /// As many bytes as a length in one byte says.
    pub(super) fn counted_by_u8(&mut self) -> Option<&'a [u8]> {
        let mut after = *self;
        let length = after.u8()?;
        let taken = after.take(length.into())?;
        *self = after;
        Some(taken)
    }

    /// As many bytes as a length in two bytes says.
    pub(super) fn counted_by_u16(&mut self) -> Option<&'a [u8]> {
        let mut after = *self;
        let length = after.u16()?;
        let taken = after.take(length.into())?;
        *self = after;
        Some(taken)
    }

    /// Up to so many bytes: what there is of them.
    pub(super) fn up_to(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

/// Numbers of 16 bits in network order; an odd byte at the end is left out.
pub(super) fn u16s(bytes: &[u8]) -> impl Iterator<Item = u16> {
    bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair))
}
