//! From the syntax tree to polynomials, where the expression is one.

use num_rational::BigRational;
use num_traits::{One, ToPrimitive, Zero};

use super::polynomial::Polynomial;
use super::scalar::Scalar;
use crate::expr::{Expr, Function, Operator};

/// The largest degree of a polynomial link; beyond it the exponents of products would not fit.
pub const LARGEST_DEGREE: u32 = 60;

/// The most terms a polynomial may reach while it is expanded.
const MOST_TERMS: usize = 300_000;

/// A number in which constants such as pi or `sqrt(2)` may or may not be written.
pub trait Constants: Scalar {
    /// The value of a function at a constant, where the field holds it.
    fn apply(function: Function, value: &Self) -> Option<Self>;
    /// pi, where the field holds it.
    fn pi() -> Option<Self>;
    /// A power of constants that is no integer power, where the field holds it.
    fn power(base: &Self, exponent: &Self) -> Option<Self>;
    /// The smaller and the larger of two constants.
    fn sorted(a: Self, b: Self) -> (Self, Self);
}

impl Constants for BigRational {
    fn apply(function: Function, value: &Self) -> Option<Self> {
        use num_traits::Signed;
        match function {
            Function::Relu => Some(if value.is_negative() {
                Self::zero()
            } else {
                value.clone()
            }),
            Function::Abs => Some(value.abs()),
            Function::Sign => Some(value.signum()),
            Function::Step => Some(if value.is_positive() {
                Self::one()
            } else {
                Self::zero()
            }),
            Function::Sqrt => {
                let root = Self::new(value.numer().sqrt(), value.denom().sqrt());
                (!value.is_negative() && &root * &root == *value).then_some(root)
            }
            Function::Exp | Function::Cos if value.is_zero() => Some(Self::one()),
            Function::Tanh | Function::Sin | Function::Erf if value.is_zero() => {
                Some(Self::zero())
            }
            Function::Log if value.is_one() => Some(Self::zero()),
            _ => None,
        }
    }

    fn pi() -> Option<Self> {
        None
    }

    fn power(_: &Self, _: &Self) -> Option<Self> {
        None
    }

    fn sorted(a: Self, b: Self) -> (Self, Self) {
        if a <= b { (a, b) } else { (b, a) }
    }
}

impl Constants for f64 {
    fn apply(function: Function, value: &Self) -> Option<Self> {
        Some(super::evaluate::apply(function, *value))
    }

    fn pi() -> Option<Self> {
        Some(std::f64::consts::PI)
    }

    fn power(base: &Self, exponent: &Self) -> Option<Self> {
        Some(base.powf(*exponent))
    }

    fn sorted(a: Self, b: Self) -> (Self, Self) {
        (a.min(b), a.max(b))
    }
}

/// The polynomial that an expression is over this field, if it is one of moderate size.
pub fn polynomial<C: Constants>(expr: &Expr) -> Option<Polynomial<C>> {
    let result = match expr {
        Expr::Number(value) => Polynomial::constant(C::from_rational(value)),
        Expr::Pi => Polynomial::constant(C::pi()?),
        Expr::Variable(index) => Polynomial::variable(*index),
        Expr::Negate(inner) => polynomial::<C>(inner)?.scaled(&C::integer(1).negated()),
        Expr::Hermite(k, inner) => hermite_of(u32::from(*k), &polynomial(inner)?)?,
        Expr::Apply(function, inner) => {
            let value = polynomial::<C>(inner)?.as_constant()?;
            Polynomial::constant(C::apply(*function, &value)?)
        }
        Expr::Binary(operator, left, right) => {
            binary(*operator, polynomial(left)?, polynomial(right)?)?
        }
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
            if C::integer(u64::from(integer)) == exponent && integer <= LARGEST_DEGREE {
                (0..integer).try_fold(Polynomial::constant(C::integer(1)), |p, _| {
                    product(&p, &left)
                })
            } else {
                Some(Polynomial::constant(C::power(
                    &left.as_constant()?,
                    &exponent,
                )?))
            }
        }
        Operator::Min => Some(Polynomial::constant(
            C::sorted(left.as_constant()?, right.as_constant()?).0,
        )),
        Operator::Max => Some(Polynomial::constant(
            C::sorted(left.as_constant()?, right.as_constant()?).1,
        )),
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
