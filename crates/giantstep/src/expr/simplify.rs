//! Simplification: what cancels, what is multiplied by zero, and the larger of two equals.

use std::collections::BTreeMap;

use num_rational::BigRational;
use num_traits::{One, Zero};

use super::ast::{Expr, Function, Operator};

/// The most monomials of a polynomial that is multiplied out to see whether it is a constant.
const MOST_MONOMIALS: usize = 64;

impl Expr {
    /// The same function almost everywhere, without terms that cancel, factors of zero and one, and choices between
    /// equal arguments; otherwise as typed.
    pub fn simplified(&self) -> Self {
        let simple = match self {
            Expr::Number(_) | Expr::Pi | Expr::Variable(_) => return self.clone(),
            Expr::Negate(e) => negate(e.simplified()),
            Expr::Hermite(k, e) => Expr::Hermite(*k, Box::new(e.simplified())),
            Expr::Apply(function, e) => apply(*function, e.simplified()),
            Expr::Binary(operator, a, b) => binary(*operator, a.simplified(), b.simplified()),
        };
        match polynomial(&simple) {
            Some(terms) if simple.variables() > 0 && terms.keys().all(Vec::is_empty) => {
                Expr::Number(terms.into_values().next().unwrap_or_else(BigRational::zero))
            }
            _ => simple,
        }
    }

    /// Expressions whose zero sets together hold the ends of that of this one: the factors of a product, without
    /// quotients, powers, steps and odd functions around them.
    pub fn vanishing_factors(&self) -> Vec<&Expr> {
        match self {
            Expr::Binary(Operator::Multiply, a, b) => {
                [a.vanishing_factors(), b.vanishing_factors()].concat()
            }
            Expr::Binary(Operator::Divide, a, b) => {
                // Where the divisor vanishes there may be a pole.
                [a.vanishing_factors(), b.vanishing_factors()].concat()
            }
            Expr::Binary(Operator::Power, base, exponent)
                if exponent.as_rational().is_some_and(|e| !e.is_zero()) =>
            {
                base.vanishing_factors()
            }
            Expr::Negate(e)
            | Expr::Apply(
                Function::Sign | Function::Step | Function::Tanh | Function::Erf | Function::Abs,
                e,
            ) => e.vanishing_factors(),
            other if other.variables() == 0 => Vec::new(),
            other => vec![other],
        }
    }

    fn is_number(&self, value: i64) -> bool {
        matches!(self, Expr::Number(n) if *n == BigRational::from_integer(value.into()))
    }
}

fn negate(e: Expr) -> Expr {
    match e {
        Expr::Negate(inner) => *inner,
        zero if zero.is_number(0) => zero,
        other => Expr::Negate(Box::new(other)),
    }
}

fn apply(function: Function, e: Expr) -> Expr {
    if e.is_number(0) {
        match function {
            Function::Relu
            | Function::Erf
            | Function::Tanh
            | Function::Sign
            | Function::Step
            | Function::Abs
            | Function::Sqrt
            | Function::Sin => return e,
            Function::Exp | Function::Cos => return Expr::integer(1),
            Function::Sigmoid | Function::Log => {}
        }
    }
    Expr::Apply(function, Box::new(e))
}

fn binary(operator: Operator, a: Expr, b: Expr) -> Expr {
    let zero = || Expr::integer(0);
    match operator {
        Operator::Max | Operator::Min if a == b || same(&a, &b) => return a,
        Operator::Add | Operator::Subtract => return sum(operator, a, b),
        Operator::Multiply if a.is_number(0) || b.is_number(0) => return zero(),
        Operator::Multiply if a.is_number(1) => return b,
        Operator::Multiply | Operator::Divide | Operator::Power if b.is_number(1) => return a,
        Operator::Divide if a.is_number(0) && !b.is_number(0) => return a,
        Operator::Power if b.is_number(0) => return Expr::integer(1),
        _ => {}
    }
    Expr::Binary(operator, Box::new(a), Box::new(b))
}

/// Whether two expressions are one polynomial.
fn same(a: &Expr, b: &Expr) -> bool {
    matches!((polynomial(a), polynomial(b)), (Some(a), Some(b)) if a == b)
}

/// A sum, like terms gathered where some cancel.
fn sum(operator: Operator, a: Expr, b: Expr) -> Expr {
    let one = BigRational::one();
    let second = if operator == Operator::Add {
        one.clone()
    } else {
        -one.clone()
    };
    let mut terms: Vec<(BigRational, Expr)> = Vec::new();
    gather(&a, &one, &mut terms);
    gather(&b, &second, &mut terms);
    let typed = Expr::Binary(operator, Box::new(a), Box::new(b));
    if terms.iter().all(|(c, _)| !c.is_zero()) {
        return typed;
    }
    terms.retain(|(c, _)| !c.is_zero());
    let scaled = |c: &BigRational, e: Expr| {
        if e.is_number(1) {
            Expr::Number(c.clone())
        } else if c.is_one() {
            e
        } else {
            Expr::Binary(
                Operator::Multiply,
                Box::new(Expr::Number(c.clone())),
                Box::new(e),
            )
        }
    };
    let add = |a, b| Expr::Binary(Operator::Add, Box::new(a), Box::new(b));
    terms
        .into_iter()
        .map(|(c, e)| scaled(&c, e))
        .reduce(add)
        .unwrap_or_else(|| Expr::integer(0))
}

/// Adds a multiple of an expression to a list of terms with coefficients.
fn gather(expr: &Expr, factor: &BigRational, terms: &mut Vec<(BigRational, Expr)>) {
    match expr {
        Expr::Negate(e) => gather(e, &-factor.clone(), terms),
        Expr::Binary(Operator::Add, a, b) => {
            gather(a, factor, terms);
            gather(b, factor, terms);
        }
        Expr::Binary(Operator::Subtract, a, b) => {
            gather(a, factor, terms);
            gather(b, &-factor.clone(), terms);
        }
        Expr::Binary(Operator::Multiply, a, b) => match (&**a, &**b) {
            (Expr::Number(c), e) | (e, Expr::Number(c)) => gather(e, &(factor * c), terms),
            _ => push(expr.clone(), factor, terms),
        },
        Expr::Binary(Operator::Divide, a, b) => match &**b {
            Expr::Number(c) if !c.is_zero() => gather(a, &(factor / c), terms),
            _ => push(expr.clone(), factor, terms),
        },
        Expr::Number(c) => push(Expr::integer(1), &(factor * c), terms),
        other => push(other.clone(), factor, terms),
    }
}

fn push(expr: Expr, factor: &BigRational, terms: &mut Vec<(BigRational, Expr)>) {
    match terms.iter_mut().find(|(_, e)| *e == expr) {
        Some((c, _)) => *c += factor,
        None => terms.push((factor.clone(), expr)),
    }
}

/// The monomials of a small polynomial: sorted variables, each as often as it stands.
type Monomials = BTreeMap<Vec<usize>, BigRational>;

/// The polynomial that an expression is over the rationals, where it is a small one.
fn polynomial(expr: &Expr) -> Option<Monomials> {
    const LARGEST_DEGREE: u64 = 8;
    if expr.polynomial_degree()? > LARGEST_DEGREE {
        return None;
    }
    let mut result = match expr {
        Expr::Number(c) => Monomials::from([(Vec::new(), c.clone())]),
        Expr::Variable(k) => Monomials::from([(vec![*k], BigRational::one())]),
        Expr::Negate(e) => scaled(polynomial(e)?, &-BigRational::one()),
        Expr::Binary(Operator::Add, a, b) => added(polynomial(a)?, polynomial(b)?),
        Expr::Binary(Operator::Subtract, a, b) => {
            added(polynomial(a)?, scaled(polynomial(b)?, &-BigRational::one()))
        }
        Expr::Binary(Operator::Multiply, a, b) => multiplied(&polynomial(a)?, &polynomial(b)?)?,
        Expr::Binary(Operator::Divide, a, b) => {
            let divisor = b.as_rational().filter(|d| !d.is_zero())?;
            scaled(polynomial(a)?, &divisor.recip())
        }
        Expr::Binary(Operator::Power, a, b) => {
            let base = polynomial(a)?;
            let one = Monomials::from([(Vec::new(), BigRational::one())]);
            let exponent = u64::try_from(b.as_integer()?).ok()?;
            (exponent <= LARGEST_DEGREE).then_some(())?;
            (0..exponent).try_fold(one, |p, _| multiplied(&p, &base))?
        }
        _ => return None,
    };
    result.retain(|_, c| !c.is_zero());
    (result.len() <= MOST_MONOMIALS).then_some(result)
}

fn scaled(mut polynomial: Monomials, factor: &BigRational) -> Monomials {
    polynomial.values_mut().for_each(|c| *c *= factor);
    polynomial
}

fn added(mut a: Monomials, b: Monomials) -> Monomials {
    for (monomial, c) in b {
        *a.entry(monomial).or_insert_with(BigRational::zero) += c;
    }
    a
}

fn multiplied(a: &Monomials, b: &Monomials) -> Option<Monomials> {
    (a.len() * b.len() <= MOST_MONOMIALS * MOST_MONOMIALS).then_some(())?;
    let mut product = Monomials::new();
    for (m, x) in a {
        for (n, y) in b {
            let mut monomial = [m.as_slice(), n].concat();
            monomial.sort_unstable();
            *product.entry(monomial).or_insert_with(BigRational::zero) += x * y;
        }
    }
    Some(product)
}

#[cfg(test)]
mod tests {

    use crate::expr::{Scope, parse};

    #[test]
    fn what_cancels_is_left_out() {
        let pairs = [
            ("max(z1, z1)*z1", "z1*z1"),
            ("z1*z2*abs(z2-z2)+z1", "z1"),
            ("tanh(z1) + z2 - tanh(z1)", "z2"),
            ("sign(z1*z2 - z2*z1) + z1", "z1"),
            ("relu((z1+z2)^2 - z1^2 - 2*z1*z2 - z2^2)*exp(z1)", "0"),
            ("2*sin(z1) - sin(z1) + 0*z2", "sin(z1)"),
            ("exp(z1 - z1) + z1", "1 + z1"),
            ("sin(z1)/(1 + z2 - z2)", "sin(z1)"),
            ("min(z1 + 2, 2*z1 + 2 - z1)", "z1 + 2"),
            ("max(tanh(z1), z2)", "max(tanh(z1), z2)"),
        ];
        for (text, simple) in pairs {
            let found = parse(text, Scope::Link).unwrap().simplified();
            assert_eq!(found.to_string(), simple, "{text}");
        }
    }
}
