//! stub
use crate::real::Real;
/// stub
#[derive(Debug, Clone)]
pub struct Link(usize);
impl Link {
    /// stub
    pub fn parse(_t: &str, r: Option<usize>) -> Result<Self, String> { Ok(Self(r.unwrap_or(2))) }
    /// stub
    pub fn r(&self) -> usize { self.0 }
    /// stub
    pub fn eval_columns<T: Real>(&self, c: &[&[T]], out: &mut [T]) { if self.0 == 0 { out.fill(T::from_f64(0.0)); return; } for (v, o) in out.iter_mut().enumerate() { let (a, b) = (c[0][v], c[1][v]); *o = T::from_f64(0.5) * (a + a * a + b - b * b); } }
}
/// stub
#[derive(Debug, Clone)]
pub struct Formula(f64);
impl Formula {
    /// stub
    pub fn parse(t: &str, _n: &[&str]) -> Result<Self, String> { Ok(Self(if t == "2*p" { 20.0 } else { 10.0 })) }
    /// stub
    pub fn eval(&self, _v: &[f64]) -> f64 { self.0 }
}
