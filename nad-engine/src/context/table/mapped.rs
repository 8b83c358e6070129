//! Memory for many values of one type, zero until they are changed.

use std::{
    io, mem,
    ops::{Deref, DerefMut},
    slice,
};

use bytemuck::Pod;
use memmap2::{Advice, MmapMut};

/// A slice of values in huge pages, where the kernel gives them. Its memory comes when it is first touched.
///
/// Bytes that are cast to values at each access cost a division by their size each time, and a table is asked dozens of times
/// for a packet.
#[derive(Debug)]
pub(super) struct Mapped<T> {
    map: MmapMut,
    /// Values that the map has room for.
    length: usize,
    kind: std::marker::PhantomData<T>,
}

impl<T: Pod> Mapped<T> {
    /// So many values, all of them zero.
    ///
    /// # Errors
    ///
    /// When there is not enough memory.
    pub(super) fn new(length: usize) -> io::Result<Self> {
        // The least that a page begins at.
        const { assert!(mem::align_of::<T>() <= 4096) };
        let bytes = length.checked_mul(size_of::<T>()).ok_or(io::ErrorKind::OutOfMemory)?;
        let map = MmapMut::map_anon(bytes)?;
        // A kernel without huge pages gives small ones.
        let _ = map.advise(Advice::HugePage);
        Ok(Self { map, length, kind: std::marker::PhantomData })
    }

    /// What it lies in.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.map
    }
}

impl<T: Pod> Deref for Mapped<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        // SAFETY: the map begins at a page, has room for so many values, and any bytes are values.
        unsafe { slice::from_raw_parts(self.map.as_ptr().cast(), self.length) }
    }
}

impl<T: Pod> DerefMut for Mapped<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: the map begins at a page, has room for so many values, any bytes are values, and nobody else has it.
        unsafe { slice::from_raw_parts_mut(self.map.as_mut_ptr().cast(), self.length) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_zero_until_they_are_changed_and_lie_in_the_bytes() {
        let mut mapped = Mapped::<[u64; 3]>::new(1000).unwrap();
        assert_eq!((mapped.len(), mapped.bytes().len()), (1000, 24_000));
        assert!(mapped.iter().all(|value| *value == [0; 3]));
        mapped[999] = [1, 2, u64::MAX];
        assert_eq!(mapped[999], [1, 2, u64::MAX]);
        assert_eq!(mapped.bytes()[24_000 - 8..], [255; 8]);
        assert!(mapped[..999].iter().all(|value| *value == [0; 3]));
    }

    #[test]
    fn more_than_there_is_memory_for_is_an_error() {
        assert!(Mapped::<[u64; 3]>::new(usize::MAX / 8).is_err());
    }
}
