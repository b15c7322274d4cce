//! Loops for the registers that a processor has.
//!
//! ```text
//!   Kernel::run ──┬── as any processor of the architecture runs it
//!                 └── compiled again for AVX2 and F16C, where the processor says that it has them
//! ```
//!
//! Invariant: both give the same bits. They are one source: whole numbers, or floats in the order in
//! which the source adds them (a compiler neither reorders nor fuses them), and halves widen exactly.

#![allow(unsafe_code)]

use half::f16;
use half::slice::HalfFloatSliceExt;

/// Halves that are widened at once.
pub(crate) const WIDENED: usize = 8;

/// A loop over numbers.
pub(crate) trait Kernel {
    /// What comes out of it.
    type Output;

    /// Runs it. To be `#[inline(always)]`, with all that it calls: a function of its own would be
    /// compiled for any processor.
    fn run<W: Widen>(self) -> Self::Output;
}

/// How halves become floats.
pub(crate) trait Widen {
    /// The same numbers.
    fn widen(halves: &[f16; WIDENED]) -> [f32; WIDENED];
}

/// Runs `kernel` as fast as this processor can.
#[inline]
pub(crate) fn run<K: Kernel>(kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("f16c") {
        // SAFETY: the processor has just been asked for both.
        return unsafe { avx2::run(kernel) };
    }
    kernel.run::<Any>()
}

/// Any processor's way.
pub(crate) struct Any;

impl Widen for Any {
    #[inline(always)]
    fn widen(halves: &[f16; WIDENED]) -> [f32; WIDENED] {
        let mut wide = [0.0; WIDENED];
        halves.convert_to_f32_slice(&mut wide);
        wide
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{_mm_loadu_si128, _mm256_cvtph_ps, _mm256_storeu_ps};

    use super::{Kernel, WIDENED, Widen, f16};

    #[target_feature(enable = "avx2,f16c")]
    pub(super) fn run<K: Kernel>(kernel: K) -> K::Output {
        kernel.run::<F16c>()
    }

    /// Named by nobody but [`run`], so the processor has the instruction.
    struct F16c;

    impl Widen for F16c {
        #[inline(always)]
        fn widen(halves: &[f16; WIDENED]) -> [f32; WIDENED] {
            let mut wide = [0.0; WIDENED];
            // SAFETY: the arrays are the 16 and 32 bytes that are read and written, at any
            // alignment; an `f16` is its two bytes. That the processor has F16C is said above.
            unsafe {
                let halves = _mm_loadu_si128(halves.as_ptr().cast());
                _mm256_storeu_ps(wide.as_mut_ptr(), _mm256_cvtph_ps(halves));
            }
            wide
        }
    }
}
