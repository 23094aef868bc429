//! Averages of a function of one expression that is linear in random numbers.

use num_rational::BigRational;
use num_traits::{One, Signed, Zero};

use super::algebra::{add, apply, binary, divide, folded, multiply, power, subtract};
use super::ast::{Expr, Function, Operator};

/// The average of `f(a + c u)` over u uniform on [0, 1].
pub(super) fn over_uniform(function: Function, a: Expr, slope: &Expr) -> Option<Expr> {
    let slope = slope.as_rational().filter(|c| !c.is_zero())?;
    // P(a + c u > 0)
    let chance = || {
        let ratio = folded(divide(a.clone(), Expr::Number(slope.abs())));
        match slope.is_negative() {
            true => clamped(ratio),
            false => clamped(folded(add(Expr::integer(1), ratio))),
        }
    };
    match function {
        Function::Step => Some(chance()),
        Function::Sign => Some(folded(subtract(
            multiply(Expr::integer(2), chance()),
            Expr::integer(1),
        ))),
        Function::Exp => {
            let c = Expr::Number(slope.clone());
            let grown = subtract(apply(Function::Exp, c.clone()), Expr::integer(1));
            Some(multiply(apply(Function::Exp, a), divide(grown, c)))
        }
        _ => None,
    }
}

/// The average of `f(a + sum_k c_k e_k)` over standard normal e.
pub(super) fn over_normals(function: Function, a: Expr, slopes: &[Expr]) -> Option<Expr> {
    let square = |e: &Expr| power(e.clone(), 2);
    let mut squares = slopes.iter().map(square);
    let first = squares.next()?;
    let variance = folded(squares.fold(first, add));
    let scale = match slopes {
        [slope] => match slope.as_rational() {
            Some(c) => Expr::Number(c.abs()),
            None => apply(Function::Sqrt, variance.clone()),
        },
        _ => apply(Function::Sqrt, variance.clone()),
    };
    let two = || Expr::integer(2);
    // erf(a/(s sqrt 2)), and s times the normal density at a/s.
    let rise = || {
        let width = multiply(scale.clone(), apply(Function::Sqrt, two()));
        apply(Function::Erf, divide(a.clone(), width))
    };
    let peak = || {
        let exponent = divide(square(&a), multiply(two(), variance.clone()));
        let bell = apply(Function::Exp, Expr::Negate(Box::new(exponent)));
        let unit = apply(Function::Sqrt, multiply(two(), Expr::Pi));
        divide(multiply(scale.clone(), bell), unit)
    };
    let half = |e| divide(e, two());
    let damped = |e| {
        let exponent = Expr::Negate(Box::new(half(variance.clone())));
        multiply(e, apply(Function::Exp, exponent))
    };
    Some(match function {
        Function::Sign => rise(),
        Function::Step => half(add(Expr::integer(1), rise())),
        Function::Relu => {
            let along = half(multiply(a.clone(), add(Expr::integer(1), rise())));
            add(along, peak())
        }
        Function::Abs => add(multiply(a.clone(), rise()), multiply(two(), peak())),
        Function::Erf => {
            let width = add(Expr::integer(1), multiply(two(), variance.clone()));
            apply(Function::Erf, divide(a, apply(Function::Sqrt, width)))
        }
        Function::Exp => apply(Function::Exp, add(a, half(variance.clone()))),
        Function::Sin => damped(apply(Function::Sin, a)),
        Function::Cos => damped(apply(Function::Cos, a)),
        Function::Tanh | Function::Sigmoid | Function::Log | Function::Sqrt => return None,
    })
}

/// `min(max(e, 0), 1)`, or e where it is known to lie between.
fn clamped(e: Expr) -> Expr {
    if let Some((low, high)) = bounds(&e)
        && !low.is_negative()
        && high <= BigRational::one()
    {
        return e;
    }
    let above = binary(Operator::Max, e, Expr::integer(0));
    folded(binary(Operator::Min, above, Expr::integer(1)))
}

/// Numbers between which an expression lies, where its form tells them.
fn bounds(e: &Expr) -> Option<(BigRational, BigRational)> {
    if let Some(value) = e.as_rational() {
        return Some((value.clone(), value));
    }
    let whole = |low: i64, high: i64| {
        let number = |k: i64| BigRational::from_integer(k.into());
        Some((number(low), number(high)))
    };
    match e {
        Expr::Apply(Function::Sigmoid | Function::Step, _) => whole(0, 1),
        Expr::Apply(
            Function::Sign | Function::Tanh | Function::Erf | Function::Sin | Function::Cos,
            _,
        ) => whole(-1, 1),
        Expr::Negate(e) => bounds(e).map(|(low, high)| (-high, -low)),
        Expr::Binary(operator, a, b) => {
            let ((a, b), (c, d)) = (bounds(a)?, bounds(b)?);
            match operator {
                Operator::Add => Some((a + c, b + d)),
                Operator::Subtract => Some((a - d, b - c)),
                Operator::Multiply | Operator::Divide => {
                    if *operator == Operator::Divide && (c != d || c.is_zero()) {
                        return None;
                    }
                    let of = |x: &BigRational, y: &BigRational| match operator {
                        Operator::Divide => x / y,
                        _ => x * y,
                    };
                    let ends = [of(&a, &c), of(&a, &d), of(&b, &c), of(&b, &d)];
                    let low = ends.iter().min()?.clone();
                    Some((low, ends.iter().max()?.clone()))
                }
                _ => None,
            }
        }
        _ => None,
    }
}
