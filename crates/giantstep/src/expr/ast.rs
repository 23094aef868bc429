//! The syntax tree.

use num_rational::BigRational;

/// An expression over the variables of its scope.
///
/// Numbers are kept exactly as typed (`0.1` is 1/10), so that polynomial links have exact algebra.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// A number, exactly as typed.
    Number(BigRational),
    /// The constant pi.
    Pi,
    /// The variable of this index in the scope: `z1` is 0, `x` is 0.
    Variable(usize),
    /// `-e`.
    Negate(Box<Expr>),
    /// `left op right`.
    Binary(Operator, Box<Expr>, Box<Expr>),
    /// `f(e)`.
    Apply(Function, Box<Expr>),
    /// `He_k(e)`, the probabilists' Hermite polynomial of degree `k <= 20`.
    Hermite(u8, Box<Expr>),
}

/// An operation on two expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `a + b`
    Add,
    /// `a - b`
    Subtract,
    /// `a * b`
    Multiply,
    /// `a / b`
    Divide,
    /// `a ^ b`
    Power,
    /// `min(a, b)`
    Min,
    /// `max(a, b)`
    Max,
}

/// A function of one expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Function {
    /// `max(e, 0)`
    Relu,
    /// The error function.
    Erf,
    /// The hyperbolic tangent.
    Tanh,
    /// `1 / (1 + exp(-e))`
    Sigmoid,
    /// -1, 0 or 1.
    Sign,
    /// 1 where `e > 0`, otherwise 0.
    Step,
    /// The absolute value.
    Abs,
    /// The exponential.
    Exp,
    /// The natural logarithm.
    Log,
    /// The square root.
    Sqrt,
    /// The sine.
    Sin,
    /// The cosine.
    Cos,
}
