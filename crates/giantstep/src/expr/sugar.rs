//! Functions that are other words for an expression: they have its derivative, its kinks and its algebra.

use num_bigint::BigInt;
use num_rational::BigRational;

use super::ast::{Expr, Function, Operator};

/// A function that is written out when it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sugar {
    /// `relu(x) + exp(-relu(-x)) - 1`: x above 0, `exp(x) - 1` below.
    Elu,
    /// `x (1 + erf(x/sqrt 2))/2`.
    Gelu,
    /// `x sigmoid(x)`.
    Silu,
    /// `relu(x) + log(1 + exp(-|x|)) = log(1 + exp(x))`.
    Softplus,
    /// `relu(x) - relu(-x)/100`.
    LeakyRelu,
    /// `(exp(x) + exp(-x))/2`.
    Cosh,
    /// `(exp(x) - exp(-x))/2`.
    Sinh,
}

impl Sugar {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Elu,
        Self::Gelu,
        Self::Silu,
        Self::Softplus,
        Self::LeakyRelu,
        Self::Cosh,
        Self::Sinh,
    ];

    /// As it is typed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Elu => "elu",
            Self::Gelu => "gelu",
            Self::Silu => "silu",
            Self::Softplus => "softplus",
            Self::LeakyRelu => "leaky_relu",
            Self::Cosh => "cosh",
            Self::Sinh => "sinh",
        }
    }

    /// The function of `e`, written out.
    pub(super) fn of(self, e: &Expr) -> Expr {
        let x = || e.clone();
        match self {
            Self::Elu => {
                let below = apply(Function::Exp, minus(relu(minus(x()))));
                subtract(add(relu(x()), below), number(1))
            }
            Self::Gelu => {
                let erf = apply(Function::Erf, divide(x(), apply(Function::Sqrt, number(2))));
                divide(multiply(x(), add(number(1), erf)), number(2))
            }
            Self::Silu => multiply(x(), apply(Function::Sigmoid, x())),
            Self::Softplus => {
                let small = apply(Function::Exp, minus(apply(Function::Abs, x())));
                add(relu(x()), apply(Function::Log, add(number(1), small)))
            }
            Self::LeakyRelu => subtract(relu(x()), divide(relu(minus(x())), number(100))),
            Self::Cosh => divide(add(exp(x()), exp(minus(x()))), number(2)),
            Self::Sinh => divide(subtract(exp(x()), exp(minus(x()))), number(2)),
        }
    }
}

fn number(value: i64) -> Expr {
    Expr::Number(BigRational::from(BigInt::from(value)))
}

fn apply(function: Function, e: Expr) -> Expr {
    Expr::Apply(function, Box::new(e))
}

fn relu(e: Expr) -> Expr {
    apply(Function::Relu, e)
}

fn exp(e: Expr) -> Expr {
    apply(Function::Exp, e)
}

fn minus(e: Expr) -> Expr {
    Expr::Negate(Box::new(e))
}

fn binary(operator: Operator, a: Expr, b: Expr) -> Expr {
    Expr::Binary(operator, Box::new(a), Box::new(b))
}

fn add(a: Expr, b: Expr) -> Expr {
    binary(Operator::Add, a, b)
}

fn subtract(a: Expr, b: Expr) -> Expr {
    binary(Operator::Subtract, a, b)
}

fn multiply(a: Expr, b: Expr) -> Expr {
    binary(Operator::Multiply, a, b)
}

fn divide(a: Expr, b: Expr) -> Expr {
    binary(Operator::Divide, a, b)
}
