//! The speed that the hardware could reach, against which measured speeds are reported.

use std::hint::black_box;
use std::time::Duration;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use crate::real::Precision;

/// Independent accumulators: two units of latency four are busy with eight, and sixteen registers exist everywhere.
const CHAINS: usize = 12;

/// Fused multiply-adds of one chain in one timed piece.
const LENGTH: usize = 1 << 20;

/// The measured peak of `threads` cores in GFLOP/s: fused multiply-adds on registers, each two operations.
///
/// The best of a few pieces of some milliseconds, all threads at once, as the frequency may depend on the load. `clock` tells
/// the time since any moment.
pub fn peak(precision: Precision, threads: usize, clock: &dyn Fn() -> Duration) -> f64 {
    let arch = Arch::new();
    let piece = |_| match precision {
        Precision::F32 => arch.dispatch(Single),
        Precision::F64 => arch.dispatch(Double),
    };
    let mut best: f64 = 0.0;
    for _ in 0..8 {
        let start = clock();
        let operations: f64 = if threads == 1 {
            piece(0)
        } else {
            (0..threads).into_par_iter().map(piece).sum()
        };
        best = best.max(operations / (clock() - start).as_secs_f64());
    }
    best * 1e-9
}

struct Single;
struct Double;

/// One timed piece on one core, written for each precision; returns the number of operations.
macro_rules! piece {
    ($name:ty, $lanes:ident, $splat:ident, $fma:ident) => {
        impl WithSimd for $name {
            type Output = f64;

            #[inline(always)]
            fn with_simd<S: Simd>(self, simd: S) -> f64 {
                let factor = simd.$splat(black_box(0.5));
                let mut sums = [factor; CHAINS];
                for _ in 0..LENGTH {
                    for sum in &mut sums {
                        *sum = simd.$fma(*sum, factor, factor);
                    }
                }
                black_box(sums);
                (2 * LENGTH * CHAINS * S::$lanes) as f64
            }
        }
    };
}

piece!(Single, F32_LANES, splat_f32s, mul_add_f32s);
piece!(Double, F64_LANES, splat_f64s, mul_add_f64s);
