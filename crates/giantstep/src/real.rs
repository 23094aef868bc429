//! The two precisions of the data path.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Precision of the data path; sums over blocks, M and Q are always in f64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// Single precision.
    F32,
    /// Double precision.
    F64,
}

/// `f32` or `f64`, with the functions of the language.
///
/// Functions come from `libm`: the same bits on every platform.
pub trait Real:
    faer::traits::RealField
    + crate::normal::Normal
    + crate::elementary::Elementary
    + Copy
    + Send
    + Sync
    + Default
    + std::fmt::Debug
    + 'static
    + std::ops::Add<Output = Self>
    + std::ops::Sub<Output = Self>
    + std::ops::Mul<Output = Self>
    + std::ops::Div<Output = Self>
    + std::ops::Neg<Output = Self>
    + PartialOrd
    + sealed::Sealed
{
    /// The distance from 1 to the next larger number.
    const EPSILON: f64;
    /// The nearest number of this precision.
    fn from_f64(value: f64) -> Self;
    /// The same number in double precision.
    fn to_f64(self) -> f64;
    /// A whole power.
    fn powi(self, exponent: i32) -> Self;
    /// Any power.
    fn powf(self, exponent: Self) -> Self;
    /// The exponential.
    fn exp(self) -> Self;
    /// The natural logarithm.
    fn ln(self) -> Self;
    /// The square root.
    fn sqrt(self) -> Self;
    /// The sine.
    fn sin(self) -> Self;
    /// The cosine.
    fn cos(self) -> Self;
    /// The hyperbolic tangent.
    fn tanh(self) -> Self;
    /// The error function.
    fn erf(self) -> Self;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

macro_rules! real {
    ($type:ident, $powf:ident, $exp:ident, $ln:ident, $sin:ident, $cos:ident, $tanh:ident, $erf:ident) => {
        impl Real for $type {
            const EPSILON: f64 = $type::EPSILON as f64;
            #[inline(always)]
            fn from_f64(value: f64) -> Self {
                value as $type
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
            #[inline(always)]
            fn powi(self, exponent: i32) -> Self {
                $type::powi(self, exponent)
            }
            fn powf(self, exponent: Self) -> Self {
                libm::$powf(self, exponent)
            }
            fn exp(self) -> Self {
                libm::$exp(self)
            }
            fn ln(self) -> Self {
                libm::$ln(self)
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                $type::sqrt(self)
            }
            fn sin(self) -> Self {
                libm::$sin(self)
            }
            fn cos(self) -> Self {
                libm::$cos(self)
            }
            fn tanh(self) -> Self {
                libm::$tanh(self)
            }
            fn erf(self) -> Self {
                libm::$erf(self)
            }
        }
    };
}
real!(f32, powf, expf, logf, sinf, cosf, tanhf, erff);
real!(f64, pow, exp, log, sin, cos, tanh, erf);
