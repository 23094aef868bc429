//! The two precisions of the data path.

use std::fmt::Debug;
use std::ops::{Add, Div, Mul, Neg, Sub};

use faer::traits::RealField;

use crate::normal::Normal;

/// `f32` or `f64`.
pub trait Real:
    RealField
    + Normal
    + Send
    + Sync
    + Debug
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + 'static
{
    /// The distance from 1 to the next number.
    const EPSILON: f64;

    /// The nearest number of this precision.
    fn from_f64(value: f64) -> Self;

    /// Exact.
    fn to_f64(self) -> f64;
}

impl Real for f32 {
    const EPSILON: f64 = f32::EPSILON as f64;

    #[inline(always)]
    fn from_f64(value: f64) -> f32 {
        value as f32
    }

    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
}

impl Real for f64 {
    const EPSILON: f64 = f64::EPSILON;

    #[inline(always)]
    fn from_f64(value: f64) -> f64 {
        value
    }

    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }
}
