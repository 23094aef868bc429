//! Expressions put together: numbers are computed, zeros and ones left out.

use num_traits::{One, Zero};

use super::ast::{Expr, Function, Operator};

pub(super) fn apply(function: Function, e: Expr) -> Expr {
    Expr::Apply(function, Box::new(e))
}

pub(super) fn binary(operator: Operator, a: Expr, b: Expr) -> Expr {
    Expr::Binary(operator, Box::new(a), Box::new(b))
}

pub(super) fn power(e: Expr, exponent: i64) -> Expr {
    folded(binary(Operator::Power, e, Expr::integer(exponent)))
}

pub(super) fn add(a: Expr, b: Expr) -> Expr {
    match (a.as_rational(), b.as_rational()) {
        (Some(x), _) if x.is_zero() => b,
        (_, Some(y)) if y.is_zero() => a,
        _ => folded(binary(Operator::Add, a, b)),
    }
}

pub(super) fn subtract(a: Expr, b: Expr) -> Expr {
    folded(binary(Operator::Subtract, a, b))
}

pub(super) fn multiply(a: Expr, b: Expr) -> Expr {
    match (a.as_rational(), b.as_rational()) {
        (Some(x), _) | (_, Some(x)) if x.is_zero() => Expr::integer(0),
        (Some(x), _) if x.is_one() => b,
        (_, Some(y)) if y.is_one() => a,
        _ => folded(binary(Operator::Multiply, a, b)),
    }
}

pub(super) fn divide(a: Expr, b: Expr) -> Expr {
    match b.as_rational() {
        Some(y) if y.is_one() => a,
        _ => binary(Operator::Divide, a, b),
    }
}

/// A number where it is made of numbers.
pub(super) fn folded(e: Expr) -> Expr {
    match e.as_rational() {
        Some(value) => Expr::Number(value),
        None => e,
    }
}
