//! Independent standard normals from random words, by vectorised Box-Muller.
//!
//! A pair of words gives `(r cos t, r sin t)` with `r = sqrt(-2 ln u)`, u uniform in (0, 1] and t uniform on the
//! circle (Box and Muller 1958). Every operation is a correctly rounded one of IEEE 754 and there are no
//! branches, so the bits depend neither on the width of the vectors nor on the machine.
//!
//! The loop is a structure whose method is always inlined, not a closure: the compiler may leave a closure of this size outside of
//! what is compiled for wide vectors, and then every fused multiply-add is a call.

use pulp::{Arch, Simd, WithSimd};

use crate::elementary::horner;

/// A precision in which normals can be drawn.
pub trait Normal: Copy + Default {
    /// The number of random words that one normal takes.
    const WORDS: usize;

    /// Fills `out`, of even length, with normals made of `WORDS * out.len()` random words.
    ///
    /// With 32 random bits |x| reaches 6.66 (beyond it the law has mass 3e-11), with 64 it reaches 8.57 (1e-17).
    fn fill(words: &[u32], out: &mut [Self]);
}

/// Box-Muller for one precision. `$joined` makes a word of those that are drawn, `$uniform` takes it to (0, 1], `$angle` another
/// one to [-1/2, 1/2]: t covers
/// half of the circle in units of pi, and the lowest bit of the first word chooses the half. Coefficients are the
/// Chebyshev fits, to half a unit in the last place, of
/// `ln((1 + s)/(1 - s)) / s` in `s^2 <= (3 - sqrt 8)^2`, and of `sin(pi t)/t` and `cos(pi t)` in `t^2 <= 1/4`.
macro_rules! box_muller {
    (
        $float:ident, $word:ident, $joined:expr, $uniform:expr, $angle:expr,
        log: $log:expr, sin: $sin:expr, cos: $cos:expr
    ) => {
        impl Normal for $float {
            const WORDS: usize = size_of::<$word>() / size_of::<u32>();

            fn fill(words: &[u32], out: &mut [$float]) {
                struct Fill<'a>(&'a [u32], &'a mut [$float]);

                impl WithSimd for Fill<'_> {
                    type Output = ();

                    #[inline(always)]
                    fn with_simd<S: Simd>(self, _: S) {
                        let (words, _) = self.0.as_chunks::<{ <$float as Normal>::WORDS }>();
                        let (first, second) = words.split_at(words.len() / 2);
                        let (x, y) = self.1.split_at_mut(first.len());
                        let pairs = x.iter_mut().zip(y).zip(first).zip(second);
                        for (((x, y), first), second) in pairs {
                            (*x, *y) = pair($joined(*first), $joined(*second));
                        }
                    }
                }

                Arch::new().dispatch(Fill(words, out));

                #[inline(always)]
                fn pair(first: $word, second: $word) -> ($float, $float) {
                    const MANTISSA: u32 = $float::MANTISSA_DIGITS - 1;
                    const ROOT: $word = std::$float::consts::FRAC_1_SQRT_2.to_bits();
                    // u = 2^e m with m in [sqrt(1/2), sqrt 2)
                    let bits = $uniform(first).to_bits();
                    let exponent = bits.wrapping_sub(ROOT).cast_signed() >> MANTISSA;
                    let m = $float::from_bits(
                        bits.wrapping_sub((exponent << MANTISSA).cast_unsigned()),
                    );
                    let s = (m - 1.0) / (m + 1.0);
                    let log = s * horner(s * s, $log);
                    let log = (exponent as i32 as $float).mul_add(std::$float::consts::LN_2, log);
                    let radius = (-2.0 * log).sqrt();
                    let radius = $float::from_bits(radius.to_bits() | (first << ($word::BITS - 1)));
                    let t: $float = $angle(second);
                    let square = t * t;
                    (
                        radius * horner(square, $cos),
                        radius * t * horner(square, $sin),
                    )
                }
            }
        }
    };
}

box_muller!(
    f32, u32, |[word]: [u32; 1]| word,
    |word: u32| ((word >> 1) as i32 as f32).mul_add(TWO_M32 * 2.0, TWO_M32),
    |word: u32| word.cast_signed() as f32 * TWO_M32,
    log: [2.0, 0.6666682, 0.3997485, 0.2992439],
    sin: [std::f32::consts::PI, -5.1677103, 2.5500774, -0.5982904, 0.07765591],
    cos: [1.0, -4.934802, 4.058709, -1.335212, 0.23493707, -0.024395932]
);

box_muller!(
    f64, u64, |[low, high]: [u32; 2]| u64::from(low) | u64::from(high) << 32,
    |word: u64| fraction(word) - (1.0 - TWO_M53),
    |word: u64| fraction(word) - 1.5,
    log: [
        2.0, 0.6666666666666765, 0.3999999999930234, 0.2857142876064168, 0.22222197056726048,
        0.18183631680229329, 0.1531252814836419, 0.14809710360655276,
    ],
    sin: [
        std::f64::consts::PI, -5.167712780049969, 2.5501640398773007, -0.5992645293189447, 0.0821458865731029,
        -0.007370430505916944, 0.0004662998161898394, -2.1903497074626018e-05, 7.697826768224191e-07,
    ],
    cos: [
        1.0, -4.934802200544679, 4.058712126416768, -1.3352627688545549, 0.235330630357995,
        -0.025806891376592964, 0.0019295741872812349, -0.00010463741681752138, 4.300724172734847e-06,
        -1.34352129509532e-07,
    ]
);

const TWO_M32: f32 = 1.0 / (1u64 << 32) as f32;
const TWO_M53: f64 = 1.0 / (1u64 << 53) as f64;

/// The upper 52 bits as a number in [1, 2).
#[inline(always)]
fn fraction(word: u64) -> f64 {
    f64::from_bits((word >> 12) | 1f64.to_bits())
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use super::*;

    /// Two normals of the words `first` and `second`, and what they should be, times the spacing of numbers.
    fn error<T: Normal + Into<f64>>(
        words: [&[u32]; 2],
        u: f64,
        t: f64,
        half: bool,
        spacing: f64,
    ) -> f64 {
        let mut out = [T::default(); 2];
        T::fill(&words.concat(), &mut out);
        let radius = (-2.0 * u.ln()).sqrt();
        let signed = if half { -radius } else { radius };
        let (x, y) = (signed * (PI * t).cos(), signed * (PI * t).sin());
        let worst = (out[0].into() - x).abs().max((out[1].into() - y).abs());
        worst / (radius * spacing).max(f64::MIN_POSITIVE)
    }

    #[test]
    fn normals_are_box_muller_to_a_few_units_in_the_last_place() {
        let mut word = 1u64;
        let extremes = [
            0,
            1,
            2,
            u64::MAX,
            u64::MAX - 1,
            u64::from(u32::MAX),
            1 << 63,
            1 << 31,
            1 << 32,
        ];
        for i in 0..200_000 {
            word = word
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            let first = extremes.get(i % 50).copied().unwrap_or(word >> (i % 30));
            let second = extremes
                .get(i / 50 % 50)
                .copied()
                .unwrap_or(word.rotate_left(17));

            let u = ((first >> 12) as f64 + 0.5) * 2f64.powi(-52);
            let t = (second >> 12) as f64 * 2f64.powi(-52) - 0.5;
            let words = [first, second].map(|word| [word as u32, (word >> 32) as u32]);
            let half = first % 2 == 1;
            let double = error::<f64>([&words[0], &words[1]], u, t, half, f64::EPSILON);
            assert!(double < 4.0, "{first:x} {second:x}: {double}");

            let (first, second) = (first as u32, second as u32);
            let u =
                f64::from((f64::from(first >> 1) as f32).mul_add(2f32.powi(-31), 2f32.powi(-32)));
            let t = f64::from(second.cast_signed() as f32) * 2f64.powi(-32);
            let words = [[first], [second]];
            let single = error::<f32>([&words[0], &words[1]], u, t, half, f64::from(f32::EPSILON));
            assert!(single < 4.0, "{first:x} {second:x}: {single}");
        }
    }
}
