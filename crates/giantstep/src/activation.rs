//! stub
use crate::real::Real;
/// stub
#[derive(Debug, Clone)]
pub struct Activation;
impl Activation {
    /// stub
    pub fn parse(_t: &str) -> Result<Self, String> { Ok(Self) }
    /// stub
    pub fn value_column<T: Real>(&self, x: &[T], out: &mut [T]) { for (o, x) in out.iter_mut().zip(x) { *o = if *x > T::from_f64(0.0) { *x } else { T::from_f64(0.0) } } }
    /// stub
    pub fn derivative_column<T: Real>(&self, x: &[T], out: &mut [T]) { for (o, x) in out.iter_mut().zip(x) { *o = T::from_f64(if *x > T::from_f64(0.0) { 1.0 } else { 0.0 }) } }
}
