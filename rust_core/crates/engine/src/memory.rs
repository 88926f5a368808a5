//! Memory for millions of orders: vectors in huge pages, and reading ahead without waiting.
//!
//! A book of a million orders is read at places that are as good as random. In pages of 4 KiB nearly each read misses the
//! processor's table of pages as well as its caches; in pages of 2 MiB the table reaches over all of it. The kernel gives
//! those on request (`madvise`); where there is none, or it refuses, the vectors work as any other.

use std::ops::{Deref, DerefMut};

/// A vector whose memory asks for huge pages.
#[derive(Debug)]
pub struct Large<T>(Vec<T>);

/// A vector with less room than that, in bytes, grows fast.
const LITTLE: usize = 1 << 20;
/// Room for that many at least, once there is one.
const LEAST: usize = 16;

impl<T> Default for Large<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Copy> Clone for Large<T> {
    fn clone(&self) -> Self {
        let mut copy = Self::with_capacity(self.0.capacity());
        copy.0.extend_from_slice(&self.0);
        copy
    }
}

impl<T: Copy> Large<T> {
    /// An empty one with room.
    pub fn with_capacity(capacity: usize) -> Self {
        let mut empty = Vec::with_capacity(capacity);
        ask_for_huge_pages(&mut empty);
        Self(empty)
    }

    /// Put one at the end.
    #[inline(always)]
    pub fn push(&mut self, value: T) {
        if self.0.len() == self.0.capacity() {
            self.grow(1);
        }
        self.0.push(value);
    }

    /// Make it longer, with copies of a value.
    pub fn lengthen(&mut self, len: usize, value: T) {
        let more = len.saturating_sub(self.0.len());
        if len > self.0.capacity() {
            self.grow(more);
        }
        self.0.resize(self.0.len() + more, value);
    }

    /// Room for that many in all.
    pub fn reserve_in_all(&mut self, len: usize) {
        if len > self.0.capacity() {
            self.grow(len - self.0.len());
        }
    }

    /// Move to twice the room at least, and to four times as long as that is little: room that nobody has touched costs
    /// no memory yet, while a move has the kernel find all pages anew. Not by `realloc`, which moves small pages as they
    /// are.
    #[cold]
    #[inline(never)]
    fn grow(&mut self, more: usize) {
        let times = if self.0.capacity() * size_of::<T>() < LITTLE { 4 } else { 2 };
        let mut larger = Self::with_capacity((self.0.len() + more).max(self.0.capacity() * times).max(LEAST));
        larger.0.extend_from_slice(&self.0);
        *self = larger;
    }
}

impl<T> Deref for Large<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> DerefMut for Large<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

/// Less than that has no room for a huge page, wherever it begins.
#[cfg(all(target_os = "linux", not(miri)))]
const TWO_HUGE_PAGES: usize = 4 << 20;

/// Ask for huge pages behind the memory that an empty vector has reserved.
#[cfg(all(target_os = "linux", not(miri)))]
fn ask_for_huge_pages<T>(empty: &mut Vec<T>) {
    let room = empty.spare_capacity_mut();
    let bytes = size_of_val(room);
    if bytes < TWO_HUGE_PAGES {
        return;
    }
    // Whole pages only, wherever pages are no larger than 64 KiB: `madvise` wants to begin at one.
    const PAGE: usize = 1 << 16;
    let start = room.as_mut_ptr().cast::<u8>();
    let skip = start.align_offset(PAGE);
    // SAFETY: `madvise` with `MADV_HUGEPAGE` changes no byte and no right of access, only with which pages the kernel
    // backs the range: whatever it is given, what the program can observe stays as it is, and an error means that
    // nothing happened. The range lies within the vector's own allocation, which `room` borrows exclusively: it starts
    // `skip` bytes into it (`align_offset` of a byte pointer is below `PAGE`, and `bytes` is larger than that), and
    // ends at its end at the latest.
    #[allow(unsafe_code)]
    unsafe {
        libc::madvise(start.add(skip).cast(), (bytes - skip) / PAGE * PAGE, libc::MADV_HUGEPAGE);
    }
}

#[cfg(not(all(target_os = "linux", not(miri))))]
fn ask_for_huge_pages<T>(_: &mut Vec<T>) {}

/// Have the cache line of an element fetched, without waiting for it; one that is not there is no error.
#[inline(always)]
pub fn fetch<T>(all: &[T], at: usize) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    if let Some(element) = all.get(at) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every x86-64 processor has the instruction, which reads nothing into the program and faults at no
        // address; this one is that of an element which `all` borrows.
        #[allow(unsafe_code)]
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(element).cast());
        }
    }
    // Elsewhere a read does the same, as far as the processor reads on without it.
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    std::hint::black_box(all.get(at).map(std::ptr::from_ref));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_a_vector_also_where_it_is_large() {
        let (mut large, mut model) = (Large::<u64>::default(), Vec::new());
        for value in 0..600_000 {
            large.push(value);
            model.push(value);
        }
        large.lengthen(700_000, 5);
        model.resize(700_000, 5);
        large.lengthen(3_000_000, 6);
        model.resize(3_000_000, 6);
        assert_eq!(*large, *model);
        let mut copy = large.clone();
        copy[9] = 0;
        assert_eq!((copy.len(), copy[9], large[9]), (3_000_000, 0, 9));
        fetch(&large, 0);
        fetch(&large, 3_000_000);
    }
}
