//! Loops for the registers that a processor has.
//!
//! ```text
//!   Kernel::run ──┬── as any processor of the architecture runs it
//!                 ├── compiled again for AVX2 and F16C    } where the processor says that it has
//!                 └── compiled again for AVX-512          } them: the widest
//! ```
//!
//! Invariant: all give the same bits. They are one source: whole numbers, or floats in the order in
//! which the source adds them (a compiler neither reorders nor fuses them), and halves widen exactly.
//! What the source says of single registers is [`Registers`]; a product is rounded before it is added.

#![allow(unsafe_code)]

use half::f16;
use half::slice::HalfFloatSliceExt;

/// Floats that are worked on at once.
pub(crate) const LANES: usize = 16;

/// A loop over numbers.
pub(crate) trait Kernel {
    /// What comes out of it.
    type Output;

    /// Runs it. To be `#[inline(always)]`, with all that it calls: a function of its own would be
    /// compiled for any processor.
    fn run<R: Registers>(self) -> Self::Output;
}

/// What a processor keeps [`LANES`] floats in. Left to itself, a compiler splits such sums into pairs.
pub(crate) trait Registers {
    /// A float per lane.
    type Floats: Copy;

    /// Zero in each lane.
    fn zeros() -> Self::Floats;

    /// The sums, with the product of the lane's two factors added to each.
    fn add_products(
        sums: Self::Floats,
        floats: &[f32; LANES],
        halves: &[f16; LANES],
    ) -> Self::Floats;

    /// The floats, by lane.
    fn to_array(floats: Self::Floats) -> [f32; LANES];

    /// Halves as floats.
    fn widen(halves: &[f16; LANES]) -> [f32; LANES];
}

/// Runs `kernel` as fast as this processor can.
#[inline]
pub(crate) fn run<K: Kernel>(kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    if avx512::is_there() {
        // SAFETY: the processor has just been asked.
        return unsafe { avx512::run(kernel) };
    } else if avx2::is_there() {
        // SAFETY: the same.
        return unsafe { avx2::run(kernel) };
    }
    kernel.run::<Any>()
}

/// What comes out of `kernel` in each of the ways that this processor can run it.
#[cfg(test)]
pub(crate) fn run_in_all_ways<K: Kernel>(kernel: impl Fn() -> K) -> Vec<K::Output> {
    let mut outputs = vec![kernel().run::<Any>()];
    #[cfg(target_arch = "x86_64")]
    {
        if avx2::is_there() {
            // SAFETY: the processor has just been asked.
            outputs.push(unsafe { avx2::run(kernel()) });
        }
        if avx512::is_there() {
            // SAFETY: the same.
            outputs.push(unsafe { avx512::run(kernel()) });
        }
    }
    outputs
}

/// Any processor's way.
struct Any;

impl Registers for Any {
    type Floats = [f32; LANES];

    #[inline(always)]
    fn zeros() -> [f32; LANES] {
        [0.0; LANES]
    }

    #[inline(always)]
    fn add_products(
        mut sums: [f32; LANES],
        floats: &[f32; LANES],
        halves: &[f16; LANES],
    ) -> [f32; LANES] {
        let wide = Self::widen(halves);
        for ((sum, x), y) in sums.iter_mut().zip(floats).zip(&wide) {
            *sum += x * y;
        }
        sums
    }

    #[inline(always)]
    fn to_array(floats: [f32; LANES]) -> [f32; LANES] {
        floats
    }

    #[inline(always)]
    fn widen(halves: &[f16; LANES]) -> [f32; LANES] {
        let mut wide = [0.0; LANES];
        halves.convert_to_f32_slice(&mut wide);
        wide
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::is_x86_feature_detected;
    use std::arch::x86_64::{
        __m256, _mm_loadu_si128, _mm256_add_ps, _mm256_cvtph_ps, _mm256_loadu_ps, _mm256_mul_ps,
        _mm256_setzero_ps, _mm256_storeu_ps,
    };

    use super::{Kernel, LANES, Registers, f16};

    #[inline]
    pub(super) fn is_there() -> bool {
        is_x86_feature_detected!("avx2") && is_x86_feature_detected!("f16c")
    }

    #[target_feature(enable = "avx2,f16c")]
    pub(super) fn run<K: Kernel>(kernel: K) -> K::Output {
        kernel.run::<Two>()
    }

    /// Two registers of eight floats. Named by nobody but [`run`], so the processor has the
    /// instructions.
    struct Two;

    #[inline(always)]
    fn widened(halves: &[f16; LANES]) -> [__m256; 2] {
        let halves = halves.as_ptr();
        // SAFETY: an `f16` is its two bytes, so the array is twice the 16 bytes that are read, at any
        // alignment; the processor has the instructions.
        unsafe {
            [halves, halves.add(LANES / 2)]
                .map(|eight| _mm256_cvtph_ps(_mm_loadu_si128(eight.cast())))
        }
    }

    impl Registers for Two {
        type Floats = [__m256; 2];

        #[inline(always)]
        fn zeros() -> [__m256; 2] {
            // SAFETY: the processor has the instruction.
            unsafe { [_mm256_setzero_ps(); 2] }
        }

        #[inline(always)]
        fn add_products(
            [low, high]: [__m256; 2],
            floats: &[f32; LANES],
            halves: &[f16; LANES],
        ) -> [__m256; 2] {
            let [x, y] = widened(halves);
            let floats = floats.as_ptr();
            // SAFETY: the array is twice the 32 bytes that are read, at any alignment; the processor
            // has the instructions.
            unsafe {
                let (p, q) = (
                    _mm256_loadu_ps(floats),
                    _mm256_loadu_ps(floats.add(LANES / 2)),
                );
                [
                    _mm256_add_ps(low, _mm256_mul_ps(p, x)),
                    _mm256_add_ps(high, _mm256_mul_ps(q, y)),
                ]
            }
        }

        #[inline(always)]
        fn to_array([low, high]: [__m256; 2]) -> [f32; LANES] {
            let mut array = [0f32; LANES];
            let to = array.as_mut_ptr();
            // SAFETY: the array is twice the 32 bytes that are written, at any alignment; the
            // processor has the instruction.
            unsafe {
                _mm256_storeu_ps(to, low);
                _mm256_storeu_ps(to.add(LANES / 2), high);
            }
            array
        }

        #[inline(always)]
        fn widen(halves: &[f16; LANES]) -> [f32; LANES] {
            Self::to_array(widened(halves))
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use std::arch::is_x86_feature_detected;
    use std::arch::x86_64::{
        __m512, _mm256_loadu_si256, _mm512_add_ps, _mm512_cvtph_ps, _mm512_loadu_ps, _mm512_mul_ps,
        _mm512_setzero_ps, _mm512_storeu_ps,
    };

    use super::{Kernel, LANES, Registers, f16};

    #[inline]
    pub(super) fn is_there() -> bool {
        is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    pub(super) fn run<K: Kernel>(kernel: K) -> K::Output {
        kernel.run::<One>()
    }

    /// One register of sixteen floats. Named by nobody but [`run`], so the processor has the
    /// instructions.
    struct One;

    #[inline(always)]
    fn widened(halves: &[f16; LANES]) -> __m512 {
        // SAFETY: an `f16` is its two bytes, so the array is the 32 bytes that are read, at any
        // alignment; the processor has the instructions.
        unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(halves.as_ptr().cast())) }
    }

    impl Registers for One {
        type Floats = __m512;

        #[inline(always)]
        fn zeros() -> __m512 {
            // SAFETY: the processor has the instruction.
            unsafe { _mm512_setzero_ps() }
        }

        #[inline(always)]
        fn add_products(sums: __m512, floats: &[f32; LANES], halves: &[f16; LANES]) -> __m512 {
            let halves = widened(halves);
            // SAFETY: the array is the 64 bytes that are read, at any alignment; the processor has the
            // instructions.
            unsafe {
                let floats = _mm512_loadu_ps(floats.as_ptr());
                _mm512_add_ps(sums, _mm512_mul_ps(floats, halves))
            }
        }

        #[inline(always)]
        fn to_array(floats: __m512) -> [f32; LANES] {
            let mut array = [0f32; LANES];
            // SAFETY: the array is the 64 bytes that are written, at any alignment; the processor has
            // the instruction.
            unsafe { _mm512_storeu_ps(array.as_mut_ptr(), floats) };
            array
        }

        #[inline(always)]
        fn widen(halves: &[f16; LANES]) -> [f32; LANES] {
            Self::to_array(widened(halves))
        }
    }
}
