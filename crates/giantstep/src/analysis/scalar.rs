//! The two kinds of numbers of the analysis: exact rationals and floating point.

use std::fmt::Debug;

use num_bigint::BigInt;
use num_integer::Integer;
use num_rational::BigRational;
use num_traits::{One, Signed, ToPrimitive, Zero};

/// A field in which the algebra of the analysis is written once.
///
/// With [`BigRational`] every decision is exact; with `f64` a zero is decided by a tolerance, in [`super::span`].
pub trait Scalar: Clone + PartialEq + Debug {
    /// The rational number in this field.
    fn from_rational(value: &BigRational) -> Self;
    /// The sum.
    fn plus(&self, other: &Self) -> Self;
    /// The product.
    fn times(&self, other: &Self) -> Self;
    /// The quotient by a non-zero number.
    fn over(&self, other: &Self) -> Self;
    /// The opposite number.
    fn negated(&self) -> Self;
    /// Whether this is exactly zero.
    fn vanishes(&self) -> bool;
    /// The nearest floating-point number.
    fn to_float(&self) -> f64;

    /// A positive integer by which all these numbers become integers, where the field knows integers.
    fn denominator<'a>(numbers: impl Iterator<Item = &'a Self>) -> Option<Self>
    where
        Self: 'a;

    /// The integer in this field.
    fn integer(value: u64) -> Self {
        Self::from_rational(&BigRational::from_integer(BigInt::from(value)))
    }
}

impl Scalar for BigRational {
    fn from_rational(value: &BigRational) -> Self {
        value.clone()
    }
    fn plus(&self, other: &Self) -> Self {
        // Integers need no common divisor, which is what most of the time would go into.
        if self.is_integer() && other.is_integer() {
            return Self::from_integer(self.numer() + other.numer());
        }
        self + other
    }
    fn times(&self, other: &Self) -> Self {
        if self.is_integer() && other.is_integer() {
            return Self::from_integer(self.numer() * other.numer());
        }
        self * other
    }
    fn over(&self, other: &Self) -> Self {
        self / other
    }
    fn negated(&self) -> Self {
        -self
    }
    fn vanishes(&self) -> bool {
        self.is_zero()
    }
    fn to_float(&self) -> f64 {
        rational_to_float(self)
    }
    fn denominator<'a>(numbers: impl Iterator<Item = &'a Self>) -> Option<Self> {
        let lcm = numbers.fold(BigInt::one(), |lcm, n| {
            if n.is_integer() {
                lcm
            } else {
                lcm.lcm(n.denom())
            }
        });
        (!lcm.is_one()).then(|| Self::from_integer(lcm))
    }
}

impl Scalar for f64 {
    fn from_rational(value: &BigRational) -> Self {
        rational_to_float(value)
    }
    fn plus(&self, other: &Self) -> Self {
        self + other
    }
    fn times(&self, other: &Self) -> Self {
        self * other
    }
    fn over(&self, other: &Self) -> Self {
        self / other
    }
    fn negated(&self) -> Self {
        -self
    }
    fn vanishes(&self) -> bool {
        *self == 0.0
    }
    fn to_float(&self) -> f64 {
        *self
    }
    fn denominator<'a>(_: impl Iterator<Item = &'a Self>) -> Option<Self> {
        None
    }
    fn integer(value: u64) -> Self {
        value as f64
    }
}

/// The nearest `f64` of a rational number; zero where it underflows.
fn rational_to_float(value: &BigRational) -> f64 {
    value.to_f64().unwrap_or(0.0)
}

/// The vector over the same line with coprime integer entries, its first non-zero entry positive.
pub fn primitive(vector: &[BigRational]) -> Vec<BigRational> {
    let denominator = vector
        .iter()
        .fold(BigInt::one(), |lcm, v| lcm.lcm(v.denom()));
    let integers: Vec<BigInt> = vector
        .iter()
        .map(|v| v.numer() * (&denominator / v.denom()))
        .collect();
    let mut divisor = integers.iter().fold(BigInt::zero(), |gcd, v| gcd.gcd(v));
    if divisor.is_zero() {
        return vector.to_vec();
    }
    if integers
        .iter()
        .find(|v| !v.is_zero())
        .is_some_and(|v| v.is_negative())
    {
        divisor = -divisor;
    }
    integers
        .into_iter()
        .map(|v| BigRational::from_integer(v / &divisor))
        .collect()
}
