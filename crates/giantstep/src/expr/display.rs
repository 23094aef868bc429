//! Expressions as text that parses back to the same function.

use std::fmt;

use num_rational::BigRational;
use num_traits::{One, Signed};

use super::ast::{Expr, Operator};
use super::parse::Scope;

/// An expression with the names of its scope.
#[derive(Debug, Clone, Copy)]
pub struct InScope<'a> {
    expr: &'a Expr,
    scope: Scope<'a>,
}

impl Expr {
    /// This expression with the variable names of `scope`.
    pub fn in_scope<'a>(&'a self, scope: Scope<'a>) -> InScope<'a> {
        InScope { expr: self, scope }
    }
}

/// As a link, in `z1, z2, ...`.
impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.in_scope(Scope::Link).fmt(f)
    }
}

impl fmt::Display for InScope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = |expr| InScope {
            expr,
            scope: self.scope,
        };
        // In parentheses where it binds less tightly than needed.
        let bound = |f: &mut fmt::Formatter<'_>, expr: &Expr, least: u8| {
            if tightness(expr) < least {
                write!(
                    f,
                    "({})",
                    InScope {
                        expr,
                        scope: self.scope
                    }
                )
            } else {
                write!(
                    f,
                    "{}",
                    InScope {
                        expr,
                        scope: self.scope
                    }
                )
            }
        };
        match self.expr {
            Expr::Number(number) => write!(f, "{}", decimal(number)),
            Expr::Pi => write!(f, "pi"),
            Expr::Variable(k) => write!(f, "{}", self.scope.name(*k)),
            Expr::Negate(e) => {
                write!(f, "-")?;
                bound(f, e, 3)
            }
            Expr::Apply(function, e) => write!(f, "{}({})", function.name(), inner(e)),
            Expr::Hermite(k, e) => write!(f, "He{k}({})", inner(e)),
            Expr::Binary(operator, a, b) => {
                let (symbol, left, right) = match operator {
                    Operator::Add => (" + ", 1, 2),
                    Operator::Subtract => (" - ", 1, 2),
                    Operator::Multiply => ("*", 2, 3),
                    Operator::Divide => ("/", 2, 3),
                    Operator::Power => ("^", 5, 4),
                    Operator::Min => return write!(f, "min({}, {})", inner(a), inner(b)),
                    Operator::Max => return write!(f, "max({}, {})", inner(a), inner(b)),
                };
                bound(f, a, left)?;
                write!(f, "{symbol}")?;
                bound(f, b, right)
            }
        }
    }
}

/// How tightly an expression holds together: sum, product, sign, power, atom.
fn tightness(expr: &Expr) -> u8 {
    match expr {
        Expr::Binary(Operator::Add | Operator::Subtract, ..) => 1,
        Expr::Binary(Operator::Multiply | Operator::Divide, ..) => 2,
        Expr::Negate(_) => 3,
        Expr::Binary(Operator::Power, ..) => 4,
        Expr::Number(number) if number.is_negative() => 3,
        Expr::Number(number) if decimal(number).contains('/') => 2,
        _ => 5,
    }
}

/// A decimal where one is short and exact, otherwise a fraction.
fn decimal(number: &BigRational) -> String {
    let float = num_traits::ToPrimitive::to_f64(number).unwrap_or(f64::NAN);
    let short = format!("{float}");
    if number.denom().is_one() {
        return number.numer().to_string();
    }
    if short.len() <= 12
        && super::parse(&short, Scope::Formula(&[]))
            .ok()
            .and_then(|e| e.as_rational())
            .as_ref()
            == Some(number)
    {
        return short;
    }
    format!("{}/{}", number.numer(), number.denom())
}
