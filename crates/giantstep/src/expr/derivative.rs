//! Differentiation, almost everywhere.

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One, Zero};

use super::ast::{Expr, Function, Operator};

impl Expr {
    /// A whole number.
    pub fn integer(value: i64) -> Self {
        Expr::Number(BigRational::from(BigInt::from(value)))
    }

    /// The derivative with respect to a variable, almost everywhere: `relu' = step`, `abs' = sign`, `sign' = 0`.
    ///
    /// ```
    /// use giantstep::expr::{Scope, parse};
    /// let link = parse("z1^3 * z2", Scope::Link)?;
    /// assert_eq!(link.derivative(0).to_string(), "3*z1^2*z2");
    /// # Ok::<(), giantstep::expr::ExprError>(())
    /// ```
    pub fn derivative(&self, variable: usize) -> Self {
        let d = |e: &Expr| e.derivative(variable);
        match self {
            Expr::Number(_) | Expr::Pi => Expr::integer(0),
            Expr::Variable(k) => Expr::integer(i64::from(*k == variable)),
            Expr::Negate(e) => negate(d(e)),
            Expr::Hermite(0, _) => Expr::integer(0),
            Expr::Hermite(k, e) => {
                let lower = if *k == 1 {
                    Expr::integer(1)
                } else {
                    Expr::Hermite(k - 1, e.clone())
                };
                times(times(Expr::integer(i64::from(*k)), lower), d(e))
            }
            Expr::Apply(function, e) => {
                let inner = d(e);
                if is_zero(&inner) {
                    inner
                } else {
                    times(slope(*function, e), inner)
                }
            }
            Expr::Binary(operator, a, b) => match operator {
                Operator::Add => plus(d(a), d(b)),
                Operator::Subtract => minus(d(a), d(b)),
                Operator::Multiply => plus(times(d(a), (**b).clone()), times((**a).clone(), d(b))),
                Operator::Divide => {
                    let first = over(d(a), (**b).clone());
                    let second = over(
                        times((**a).clone(), d(b)),
                        power((**b).clone(), Expr::integer(2)),
                    );
                    minus(first, second)
                }
                Operator::Power => power_rule(a, b, d(a), d(b)),
                Operator::Max => choice(minus((**a).clone(), (**b).clone()), d(a), d(b)),
                Operator::Min => choice(minus((**b).clone(), (**a).clone()), d(a), d(b)),
            },
        }
    }
}

/// The derivative of a function at `e`.
fn slope(function: Function, e: &Expr) -> Expr {
    let at = |function| Expr::Apply(function, Box::new(e.clone()));
    match function {
        Function::Relu => at(Function::Step),
        Function::Abs => at(Function::Sign),
        Function::Sign | Function::Step => Expr::integer(0),
        Function::Exp => at(Function::Exp),
        Function::Log => over(Expr::integer(1), e.clone()),
        Function::Sqrt => over(
            Expr::Number(BigRational::new(1.into(), 2.into())),
            at(Function::Sqrt),
        ),
        Function::Sin => at(Function::Cos),
        Function::Cos => negate(at(Function::Sin)),
        Function::Tanh => minus(
            Expr::integer(1),
            power(at(Function::Tanh), Expr::integer(2)),
        ),
        Function::Sigmoid => times(
            at(Function::Sigmoid),
            minus(Expr::integer(1), at(Function::Sigmoid)),
        ),
        Function::Erf => {
            let scale = over(
                Expr::integer(2),
                Expr::Apply(Function::Sqrt, Box::new(Expr::Pi)),
            );
            let square = negate(power(e.clone(), Expr::integer(2)));
            times(scale, Expr::Apply(Function::Exp, Box::new(square)))
        }
    }
}

/// `a` where the switch is positive, `b` elsewhere.
fn choice(switch: Expr, a: Expr, b: Expr) -> Expr {
    if a == b {
        return a;
    }
    let on = Expr::Apply(Function::Step, Box::new(switch));
    plus(times(on.clone(), a), times(minus(Expr::integer(1), on), b))
}

fn power_rule(a: &Expr, b: &Expr, da: Expr, db: Expr) -> Expr {
    let whole = || Expr::Binary(Operator::Power, Box::new(a.clone()), Box::new(b.clone()));
    let of_base = if is_zero(&da) {
        da
    } else {
        let lowered = match b.as_rational() {
            Some(exponent) => Expr::Number(exponent - BigRational::one()),
            None => minus(b.clone(), Expr::integer(1)),
        };
        times(times(b.clone(), power(a.clone(), lowered)), da)
    };
    let of_exponent = if is_zero(&db) {
        db
    } else {
        times(
            times(whole(), Expr::Apply(Function::Log, Box::new(a.clone()))),
            db,
        )
    };
    plus(of_base, of_exponent)
}

fn is_zero(e: &Expr) -> bool {
    matches!(e, Expr::Number(number) if number.is_zero())
}

fn is_one(e: &Expr) -> bool {
    matches!(e, Expr::Number(number) if number.is_one())
}

fn binary(operator: Operator, a: Expr, b: Expr) -> Expr {
    let expr = Expr::Binary(operator, Box::new(a), Box::new(b));
    match &expr {
        Expr::Binary(_, a, b) if matches!((&**a, &**b), (Expr::Number(_), Expr::Number(_))) => expr
            .as_rational()
            .map_or_else(|| expr.clone(), Expr::Number),
        _ => expr,
    }
}

fn negate(e: Expr) -> Expr {
    match e {
        Expr::Number(number) => Expr::Number(-number),
        Expr::Negate(inner) => *inner,
        other => Expr::Negate(Box::new(other)),
    }
}

fn plus(a: Expr, b: Expr) -> Expr {
    if is_zero(&a) {
        b
    } else if is_zero(&b) {
        a
    } else {
        binary(Operator::Add, a, b)
    }
}

fn minus(a: Expr, b: Expr) -> Expr {
    if is_zero(&b) {
        a
    } else if is_zero(&a) {
        negate(b)
    } else {
        binary(Operator::Subtract, a, b)
    }
}

fn times(a: Expr, b: Expr) -> Expr {
    if is_zero(&a) || is_one(&b) {
        a
    } else if is_zero(&b) || is_one(&a) {
        b
    } else {
        binary(Operator::Multiply, a, b)
    }
}

fn over(a: Expr, b: Expr) -> Expr {
    if is_zero(&a) || is_one(&b) {
        a
    } else {
        binary(Operator::Divide, a, b)
    }
}

fn power(a: Expr, b: Expr) -> Expr {
    if is_zero(&b) {
        Expr::integer(1)
    } else if is_one(&b) {
        a
    } else {
        binary(Operator::Power, a, b)
    }
}
