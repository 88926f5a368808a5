//! A hint to the processor that some memory will be needed soon.

/// Fetch the cache line in which `place` starts. Changes nothing but when things happen.
#[inline(always)]
#[allow(unsafe_code)]
pub fn line<T>(place: &T) {
    #[cfg(target_arch = "x86_64")]
    // Proof: a prefetch reads nothing that the program could see and never faults, whatever the address; and the
    // instruction (SSE) is part of every x86_64 processor.
    unsafe {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(place).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}
