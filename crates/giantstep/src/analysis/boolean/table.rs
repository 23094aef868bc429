//! A link on signs as a table of its values, and the Walsh-Hadamard transform of one.

use num_rational::BigRational;
use num_traits::{One, Signed, Zero};

use crate::expr::{Expr, Function, Operator};

/// All points, coordinate k by bit k: 0 is 1.
pub(super) fn points(r: usize) -> impl Iterator<Item = Vec<i32>> {
    (0..1usize << r).map(move |point| (0..r).map(|k| 1 - 2 * (point >> k & 1) as i32).collect())
}

/// The value at a point where it is a rational number.
pub(super) fn exact(expr: &Expr, z: &[i32]) -> Option<BigRational> {
    let whole = |k: i64| BigRational::from_integer(k.into());
    let at = |e: &Expr| exact(e, z);
    let value = match expr {
        Expr::Number(number) => number.clone(),
        Expr::Pi => return None,
        Expr::Variable(k) => whole(i64::from(*z.get(*k)?)),
        Expr::Negate(e) => -at(e)?,
        Expr::Hermite(degree, e) => {
            let x = at(e)?;
            let (mut low, mut high) = (whole(0), whole(1));
            for j in 0..i64::from(*degree) {
                (low, high) = (high.clone(), &x * &high - whole(j) * low);
            }
            high
        }
        Expr::Apply(function, e) => {
            let x = at(e)?;
            match function {
                Function::Relu if x.is_negative() => whole(0),
                Function::Relu => x,
                Function::Step => whole(i64::from(x.is_positive())),
                Function::Sign => x.signum(),
                Function::Abs => x.abs(),
                Function::Erf | Function::Tanh | Function::Sin | Function::Sqrt if x.is_zero() => x,
                Function::Exp | Function::Cos if x.is_zero() => whole(1),
                Function::Log if x.is_one() => whole(0),
                Function::Sqrt if x.is_one() => x,
                _ => return None,
            }
        }
        Expr::Binary(operator, a, b) => {
            let (a, b) = (at(a)?, at(b)?);
            match operator {
                Operator::Add => a + b,
                Operator::Subtract => a - b,
                Operator::Multiply => a * b,
                Operator::Divide if b.is_zero() => return None,
                Operator::Divide => a / b,
                Operator::Min => a.min(b),
                Operator::Max => a.max(b),
                Operator::Power => {
                    let power = Expr::Binary(
                        Operator::Power,
                        Box::new(Expr::Number(a)),
                        Box::new(Expr::Number(b)),
                    );
                    power.as_rational()?
                }
            }
        }
    };
    Some(value)
}

/// `sum_z g(z) prod_(k in S) z_k` in place of `g(z)`, sets by their bits.
pub(super) fn transform<C: Clone>(
    table: &mut [C],
    add: impl Fn(&C, &C) -> C,
    minus: impl Fn(&C, &C) -> C,
) {
    let mut half = 1;
    while half < table.len() {
        for block in table.chunks_mut(2 * half) {
            let (low, high) = block.split_at_mut(half);
            for (x, y) in low.iter_mut().zip(high) {
                (*x, *y) = (add(x, y), minus(x, y));
            }
        }
        half *= 2;
    }
}

/// The coordinates of a set, from 1.
pub(super) fn members(set: usize) -> Vec<usize> {
    (0..usize::BITS as usize)
        .filter(|k| set >> k & 1 == 1)
        .map(|k| k + 1)
        .collect()
}

/// Numbers that tell equal values apart from others.
pub(super) trait Key {
    type Sorted: Ord;
    /// Equal for equal numbers, to `resolution` where they are rounded.
    fn key(&self, resolution: f64) -> Self::Sorted;
}

impl Key for BigRational {
    type Sorted = Self;
    fn key(&self, _: f64) -> Self {
        self.clone()
    }
}

impl Key for f64 {
    type Sorted = i64;
    fn key(&self, resolution: f64) -> i64 {
        (self / resolution.max(1e-300)).round() as i64
    }
}
