//! The two precisions of the data path.

/// `f32` or `f64`.
pub trait Real: faer::traits::RealField + Copy + Send + Sync + Default + std::fmt::Debug + 'static
    + std::ops::Add<Output = Self> + std::ops::Sub<Output = Self> + std::ops::Mul<Output = Self>
    + std::ops::Div<Output = Self> + std::ops::Neg<Output = Self> + PartialOrd {
    /// Unit roundoff spacing.
    const EPSILON: f64;
    /// From f64.
    fn from_f64(value: f64) -> Self;
    /// To f64.
    fn to_f64(self) -> f64;
}
impl Real for f32 { const EPSILON: f64 = f32::EPSILON as f64; fn from_f64(v: f64) -> f32 { v as f32 } fn to_f64(self) -> f64 { f64::from(self) } }
impl Real for f64 { const EPSILON: f64 = f64::EPSILON; fn from_f64(v: f64) -> f64 { v } fn to_f64(self) -> f64 { self } }
