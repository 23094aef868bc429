//! Exponential and hyperbolic tangent of whole columns, compiled for the widest vectors of the machine.
//!
//! `libm` computes one value at a time with branches, which would cost more than the matrix products around it.
//! Here `e^x - 1 = 2^k q + (2^k - 1)` with `x = k ln 2 + f`, `|f| <= ln(2)/2` and `q = e^f - 1` from its Taylor
//! series: no branches, only correctly rounded operations, relative accuracy also near zero.

use num_traits::MulAdd;
use pulp::{Arch, Simd, WithSimd};

/// A precision with vectorised elementary functions.
pub trait Elementary: Copy {
    /// `x <- e^x`, to a few units in the last place; below the smallest normal number it is 0.
    fn exp_column(column: &mut [Self]);

    /// `x <- tanh x`, to a few units in the last place.
    fn tanh_column(column: &mut [Self]);
}

macro_rules! elementary {
    ($float:ident, $word:ident, $low:expr, $high:expr, $terms:expr) => {
        impl Elementary for $float {
            fn exp_column(column: &mut [$float]) {
                struct Exp<'a>(&'a mut [$float]);

                // A structure, not a closure: always inlined into what is compiled for wide vectors.
                impl WithSimd for Exp<'_> {
                    type Output = ();

                    #[inline(always)]
                    fn with_simd<S: Simd>(self, _: S) {
                        for x in self.0.iter_mut() {
                            let y = if *x < $low { $low } else { *x };
                            let y = if y > $high { $float::INFINITY } else { y };
                            let (scale, q) = parts(if y == $float::INFINITY { 0.0 } else { y });
                            let value = q.mul_add(scale, scale);
                            let value = if *x < $low { 0.0 } else { value };
                            *x = if y == $float::INFINITY { y } else { value };
                        }
                    }
                }

                Arch::new().dispatch(Exp(column));
            }

            fn tanh_column(column: &mut [$float]) {
                struct Tanh<'a>(&'a mut [$float]);

                // A structure, not a closure: always inlined into what is compiled for wide vectors.
                impl WithSimd for Tanh<'_> {
                    type Output = ();

                    #[inline(always)]
                    fn with_simd<S: Simd>(self, _: S) {
                        for x in self.0.iter_mut() {
                            // Beyond here tanh is 1 in either precision; written so that a NaN stays one.
                            let size = if x.abs() > 24.0 { 24.0 } else { x.abs() };
                            let (scale, q) = parts(-2.0 * size);
                            let minus_one = q.mul_add(scale, scale - 1.0);
                            *x = (-minus_one / (2.0 + minus_one)).copysign(*x);
                        }
                    }
                }

                Arch::new().dispatch(Tanh(column));
            }
        }

        impl Parts for $float {
            /// `2^k` and `e^f - 1` with `x = k ln 2 + f`.
            #[inline(always)]
            fn parts(x: $float) -> ($float, $float) {
                /// Adding and subtracting it rounds to a whole number, found in the low bits of the sum.
                const SHIFT: $float = 1.5 * (1u64 << ($float::MANTISSA_DIGITS - 1)) as $float;
                const BIAS: $word = $float::MAX_EXP as $word - 1;
                /// ln 2 in two parts, the first with so few bits that `k` times it is exact.
                const LN_2_HIGH: $float = $float::from_bits(
                    std::$float::consts::LN_2.to_bits()
                        & !((1 << ($float::MANTISSA_DIGITS / 2)) - 1),
                );
                /// The rest of it, with what double precision leaves out.
                const LN_2_LOW: $float = ((std::f64::consts::LN_2 - LN_2_HIGH as f64)
                    + 2.319_046_813_846_3e-17) as $float;
                const TAYLOR: [$float; $terms] = {
                    let mut coefficients = [1.0; $terms];
                    let mut k = 1;
                    while k < $terms {
                        coefficients[k] = coefficients[k - 1] / (k as $float + 1.0);
                        k += 1;
                    }
                    coefficients
                };
                let shifted = x.mul_add(std::$float::consts::LOG2_E, SHIFT);
                let k = shifted - SHIFT;
                let f = k.mul_add(-LN_2_LOW, k.mul_add(-LN_2_HIGH, x));
                let series = horner(f, TAYLOR);
                let exponent = shifted
                    .to_bits()
                    .wrapping_sub(SHIFT.to_bits())
                    .wrapping_add(BIAS);
                let scale = $float::from_bits(exponent << ($float::MANTISSA_DIGITS - 1));
                (scale, f * series)
            }
        }
    };
}

/// `c[0] + c[1] x + c[2] x^2 + ...`, highest power first.
#[inline(always)]
pub(crate) fn horner<T: Copy + MulAdd<Output = T>, const N: usize>(x: T, c: [T; N]) -> T {
    let mut sum = c[N - 1];
    for k in (0..N - 1).rev() {
        sum = sum.mul_add(x, c[k]);
    }
    sum
}

trait Parts: Sized {
    fn parts(x: Self) -> (Self, Self);
}

#[inline(always)]
fn parts<T: Parts>(x: T) -> (T, T) {
    T::parts(x)
}

elementary!(f32, u32, -87.0, 88.0, 8);
elementary!(f64, u64, -708.0, 709.0, 14);

#[cfg(test)]
mod tests {
    use super::*;

    fn worst(
        column: fn(&mut [f64]),
        single: fn(&mut [f32]),
        exact: fn(f64) -> f64,
        edge: f64,
    ) -> (f64, f64) {
        let points: Vec<f64> = (-40_000..=40_000)
            .map(|k| edge * (f64::from(k) / 40_000.0).powi(3))
            .collect();
        let mut double = points.clone();
        column(&mut double);
        let rounded: Vec<f32> = points.iter().map(|x| *x as f32).collect();
        let mut float = rounded.clone();
        single(&mut float);
        let relative = |value: f64, truth: f64| {
            if truth == value {
                0.0
            } else {
                ((value - truth) / truth).abs()
            }
        };
        let of_double = points
            .iter()
            .zip(&double)
            .map(|(x, y)| relative(*y, exact(*x)));
        let of_float = rounded
            .iter()
            .zip(&float)
            .map(|(x, y)| relative(f64::from(*y), exact(f64::from(*x))));
        (of_double.fold(0.0, f64::max), of_float.fold(0.0, f64::max))
    }

    #[test]
    fn columns_agree_with_libm_to_a_few_units_in_the_last_place() {
        let (double, single) = worst(f64::exp_column, f32::exp_column, libm::exp, 80.0);
        assert!(
            double < 4.0 * f64::EPSILON && single < 4.0 * f64::from(f32::EPSILON),
            "{double:e} {single:e}"
        );
        let (double, single) = worst(f64::tanh_column, f32::tanh_column, libm::tanh, 30.0);
        assert!(
            double < 4.0 * f64::EPSILON && single < 4.0 * f64::from(f32::EPSILON),
            "{double:e} {single:e}"
        );
    }

    #[test]
    fn special_values_stay_special() {
        let mut exp = [
            f32::NAN,
            f32::INFINITY,
            f32::NEG_INFINITY,
            0.0,
            1000.0,
            -1000.0,
        ];
        f32::exp_column(&mut exp);
        assert!(exp[0].is_nan());
        assert_eq!(exp[1..], [f32::INFINITY, 0.0, 1.0, f32::INFINITY, 0.0]);
        let mut tanh = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, 1e-300];
        f64::tanh_column(&mut tanh);
        assert!(tanh[0].is_nan());
        assert_eq!(tanh[1..], [1.0, -1.0, 0.0, 1e-300]);
    }
}
