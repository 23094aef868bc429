//! From the syntax tree to polynomials, where the expression is one.

use num_rational::BigRational;
use num_traits::ToPrimitive;

use super::polynomial::{MOST_VARIABLES, Polynomial};
use super::scalar::Scalar;
use crate::expr::{Expr, Operator, Program};

/// The largest degree of a polynomial link; beyond it the exponents of products would not fit.
pub const LARGEST_DEGREE: u32 = 64;

/// The most terms a polynomial may reach while it is expanded.
const MOST_TERMS: usize = 300_000;

/// A field that holds the constants of some expressions.
pub trait Constants: Scalar {
    /// The value of an expression without variables, where the field holds it.
    fn constant(expr: &Expr) -> Option<Self>;
}

impl Constants for BigRational {
    fn constant(expr: &Expr) -> Option<Self> {
        expr.as_rational()
    }
}

impl Constants for f64 {
    fn constant(expr: &Expr) -> Option<Self> {
        Some(Program::new(expr).eval(&[]))
    }
}

/// Whether an expression has a decimal number of so many digits that it must be a rounded one.
pub fn has_rounded_numbers(expr: &Expr) -> bool {
    const MOST: f64 = 1e11;
    let mut found = false;
    expr.visit(&mut |e| {
        if let Expr::Number(number) = e {
            found |= !number.is_integer() && number.numer().to_f64().is_none_or(|n| n.abs() > MOST);
        }
    });
    found
}

/// The polynomial that an expression is over this field, if it is one of moderate size.
pub fn polynomial<C: Constants>(expr: &Expr) -> Option<Polynomial<C>> {
    if expr.variables() == 0 {
        return C::constant(expr).map(Polynomial::constant);
    }
    let result = match expr {
        Expr::Variable(index) if *index < MOST_VARIABLES => Polynomial::variable(*index),
        Expr::Negate(inner) => polynomial::<C>(inner)?.scaled(&C::integer(1).negated()),
        Expr::Hermite(k, inner) => hermite_of(u32::from(*k), &polynomial(inner)?)?,
        Expr::Binary(operator, left, right) => {
            binary(*operator, polynomial(left)?, polynomial(right)?)?
        }
        _ => return None,
    };
    (result.len() <= MOST_TERMS && result.degree() <= LARGEST_DEGREE).then_some(result)
}

/// One operation on two polynomials.
fn binary<C: Constants>(
    operator: Operator,
    left: Polynomial<C>,
    right: Polynomial<C>,
) -> Option<Polynomial<C>> {
    match operator {
        Operator::Add => Some(left.plus(&right)),
        Operator::Subtract => Some(left.plus(&right.scaled(&C::integer(1).negated()))),
        Operator::Multiply => product(&left, &right),
        Operator::Divide => {
            let divisor = right.as_constant()?;
            let quotient = C::integer(1).over(&(!divisor.vanishes()).then_some(divisor)?);
            Some(left.scaled(&quotient))
        }
        Operator::Power => {
            let exponent = right.as_constant()?;
            let integer = exponent.to_float().to_u32().unwrap_or(u32::MAX);
            (C::integer(u64::from(integer)) == exponent && integer <= LARGEST_DEGREE)
                .then_some(())?;
            (0..integer).try_fold(Polynomial::constant(C::integer(1)), |p, _| {
                product(&p, &left)
            })
        }
        Operator::Min | Operator::Max => None,
    }
}

/// The product, if it stays of moderate size.
fn product<C: Scalar>(left: &Polynomial<C>, right: &Polynomial<C>) -> Option<Polynomial<C>> {
    if left.degree() + right.degree() > LARGEST_DEGREE {
        return None;
    }
    let product = left.times(right);
    (product.len() <= MOST_TERMS).then_some(product)
}

/// `He_k(p)` by the recursion `He_{k+1} = p He_k - k He_{k-1}`.
fn hermite_of<C: Scalar>(k: u32, argument: &Polynomial<C>) -> Option<Polynomial<C>> {
    let mut previous = Polynomial::zero();
    let mut current = Polynomial::constant(C::integer(1));
    for j in 0..k {
        let factor = C::integer(u64::from(j)).negated();
        let next = product(argument, &current)?.plus(&previous.scaled(&factor));
        previous = std::mem::replace(&mut current, next);
    }
    Some(current)
}
