//! The value of an expression at a point.

use crate::expr::{Expr, Function, Operator};

/// The value of an expression at `z`.
pub fn value(expr: &Expr, z: &[f64]) -> f64 {
    use num_traits::ToPrimitive;
    match expr {
        Expr::Number(number) => number.to_f64().unwrap_or(f64::NAN),
        Expr::Pi => std::f64::consts::PI,
        Expr::Variable(index) => z[*index],
        Expr::Negate(inner) => -value(inner, z),
        Expr::Apply(function, inner) => apply(*function, value(inner, z)),
        Expr::Hermite(k, inner) => hermite(u32::from(*k), value(inner, z)),
        Expr::Binary(operator, left, right) => {
            let (a, b) = (value(left, z), value(right, z));
            match operator {
                Operator::Add => a + b,
                Operator::Subtract => a - b,
                Operator::Multiply => a * b,
                Operator::Divide => a / b,
                Operator::Power if b.fract() == 0.0 && b.abs() < 64.0 => a.powi(b as i32),
                Operator::Power => a.powf(b),
                Operator::Min => a.min(b),
                Operator::Max => a.max(b),
            }
        }
    }
}

/// The value of a function of the language.
pub fn apply(function: Function, x: f64) -> f64 {
    match function {
        Function::Relu => x.max(0.0),
        Function::Erf => libm::erf(x),
        Function::Tanh => x.tanh(),
        Function::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Function::Sign if x == 0.0 => 0.0,
        Function::Sign => x.signum(),
        Function::Step => f64::from(u8::from(x > 0.0)),
        Function::Abs => x.abs(),
        Function::Exp => x.exp(),
        Function::Log => x.ln(),
        Function::Sqrt => x.sqrt(),
        Function::Sin => x.sin(),
        Function::Cos => x.cos(),
    }
}

/// `He_k(x)`.
pub fn hermite(k: u32, x: f64) -> f64 {
    let (mut previous, mut current) = (0.0, 1.0);
    for j in 0..k {
        (previous, current) = (current, x * current - f64::from(j) * previous);
    }
    current
}
