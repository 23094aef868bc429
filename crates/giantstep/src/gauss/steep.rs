//! Smooth functions that change faster than panels tell: panels end where such a feature begins, as they do at kinks.

use num_rational::BigRational;

use super::EDGE;
use super::interval::{Enclosure, Interval, Jet};
use crate::expr::{Expr, Function, Operator};

/// What changes within less than a hundredth is not found by panels of their own accord.
const STEEP: f64 = 100.0;
/// Boxes that are looked at for one feature, and the width below which they are not split.
const MOST_BOXES: usize = 4000;
const SMALL: f64 = 1.0 / 64.0;
/// Beyond this radius nothing is looked for: a Gaussian has 1e-10 there.
const FAR: f64 = 6.5;
/// Of functions of more directions nothing is told.
const MOST_DIRECTIONS: usize = 4;

/// The expressions on whose zero sets steep features of a smooth function begin and end: of `exp(u)`, where u is steep, the
/// places beyond which it vanishes; of `tanh(u)` and the like those between which it rises; of `1/u`, `log(u)`, `sqrt(u)` those
/// around a least u that is nearly zero.
pub(crate) fn steep(expr: &Expr) -> Vec<Expr> {
    let mut used = Vec::new();
    expr.visit(&mut |e| {
        if let Expr::Variable(k) = e
            && !used.contains(k)
        {
            used.push(*k);
        }
    });
    let axis = |k: &usize| {
        let mut axis = vec![0.0; expr.variables()];
        axis[*k] = 1.0;
        axis
    };
    steep_along(expr, &used.iter().map(axis).collect::<Vec<_>>())
}

/// The same of a function of these orthonormal directions.
pub(crate) fn steep_along(expr: &Expr, frame: &[Vec<f64>]) -> Vec<Expr> {
    let mut levels = Vec::new();
    expr.visit(&mut |e| {
        let (inner, found): (&Expr, Vec<f64>) = match e {
            Expr::Apply(Function::Exp, u) => {
                (u, rises(u, frame, [-4.0, f64::INFINITY], &[-46.0, -4.0]))
            }
            Expr::Apply(Function::Tanh | Function::Erf, u) => {
                (u, rises(u, frame, [-3.0, 3.0], &[-6.0, 0.0, 6.0]))
            }
            Expr::Apply(Function::Sigmoid, u) => {
                (u, rises(u, frame, [-6.0, 6.0], &[-15.0, 0.0, 15.0]))
            }
            Expr::Apply(Function::Log | Function::Sqrt, u) => (u, dips(u, frame)),
            Expr::Binary(Operator::Divide, _, u) => (u, dips(u, frame)),
            Expr::Binary(Operator::Power, u, k) if k.as_integer().is_none_or(|k| k < 0) => {
                (u, dips(u, frame))
            }
            _ => return,
        };
        let below = |level: f64| {
            let number = BigRational::from_float(level).map(Expr::Number)?;
            let inner = Box::new(inner.clone());
            Some(Expr::Binary(Operator::Subtract, inner, Box::new(number)))
        };
        levels.extend(found.into_iter().filter_map(below));
    });
    levels
}

/// These levels, if u is steep where it lies in the range in which the function changes most.
fn rises(u: &Expr, frame: &[Vec<f64>], [low, high]: [f64; 2], levels: &[f64]) -> Vec<f64> {
    let active = Interval { low, high };
    let found = somewhere(u, frame, &|jet: &Jet<MOST_DIRECTIONS>| {
        jet.value.meet(active).map(|_| (largest(jet), 0.0))
    });
    match found {
        Some(_) => levels.to_vec(),
        None => Vec::new(),
    }
}

/// Levels around the least values of u, if they are nearly zero beside its slopes.
fn dips(u: &Expr, frame: &[Vec<f64>]) -> Vec<f64> {
    let found = somewhere(u, frame, &|jet: &Jet<MOST_DIRECTIONS>| {
        let least = jet.value.least();
        // Where it only passes there is a kink, if anything.
        let turns = jet.slopes.iter().all(|slope| slope.has_zero());
        let steepness = if turns { largest(jet) / least } else { 0.0 };
        (least > 0.0).then(|| (steepness, least.copysign(jet.value.low)))
    });
    let least = found.unwrap_or(0.0);
    let levels = [4.0, 100.0, 1e4].map(|factor| factor * least);
    levels.into_iter().filter(|level| *level != 0.0).collect()
}

/// A bound on the slope along any direction.
fn largest(jet: &Jet<MOST_DIRECTIONS>) -> f64 {
    let slopes = jet.slopes.iter();
    slopes
        .map(|slope| slope.low.abs().max(slope.high.abs()))
        .sum()
}

/// What stands beside a steepness of more than [`STEEP`] on some small box; none if there is no such box. `look` gives the
/// steepness on a box, none where it does not matter.
fn somewhere(
    u: &Expr,
    frame: &[Vec<f64>],
    look: &dyn Fn(&Jet<MOST_DIRECTIONS>) -> Option<(f64, f64)>,
) -> Option<f64> {
    if frame.is_empty() || frame.len() > MOST_DIRECTIONS {
        return None;
    }
    let (enclosure, count) = (Enclosure::new(u), u.variables());
    let zero = Interval::point(0.0);
    let on = |cell: &[Interval]| {
        let variable = |k: usize| {
            let mut jet = Jet {
                value: zero,
                slopes: [zero; MOST_DIRECTIONS],
            };
            for (place, (axis, t)) in frame.iter().zip(cell).enumerate() {
                let slope = axis.get(k).copied().unwrap_or(0.0);
                jet.slopes[place] = Interval::point(slope);
                let part = t.times(Interval::point(slope));
                jet.value = match (slope == 0.0, slope == 1.0) {
                    (true, _) => jet.value,
                    (_, true) => *t,
                    _ => jet.value.plus(part),
                };
            }
            jet
        };
        enclosure.on(&(0..count).map(variable).collect::<Vec<_>>())
    };
    let mut boxes = vec![vec![Interval::new(-EDGE, EDGE); frame.len()]];
    let mut seen = 0;
    while let Some(cell) = boxes.pop() {
        seen += 1;
        if seen > MOST_BOXES {
            return None;
        }
        // Further out there is no mass.
        if cell.iter().map(|x| x.least().powi(2)).sum::<f64>() > FAR * FAR {
            continue;
        }
        let jet = on(&cell);
        let Some((steepness, beside)) = look(&jet) else {
            // Of what may vanish on a large box smaller ones tell more.
            if jet.value.has_zero() {
                split(cell, &mut boxes);
            }
            continue;
        };
        if steepness <= STEEP {
            continue;
        }
        if !split(cell, &mut boxes) {
            return Some(beside);
        }
    }
    None
}

/// Puts the halves of a box on a pile; false if it is small.
fn split(cell: Vec<Interval>, boxes: &mut Vec<Vec<Interval>>) -> bool {
    let widest = (0..cell.len()).max_by(|i, j| cell[*i].width().total_cmp(&cell[*j].width()));
    let Some(k) = widest.filter(|k| cell[*k].width() > SMALL) else {
        return false;
    };
    let (low, high, middle) = (cell[k].low, cell[k].high, cell[k].middle());
    for part in [Interval::new(low, middle), Interval::new(middle, high)] {
        let mut half = cell.clone();
        half[k] = part;
        boxes.push(half);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::{Scope, parse};
    use crate::gauss::kink_points;

    fn of(text: &str) -> Expr {
        parse(text, Scope::Activation).unwrap()
    }

    #[test]
    fn ordinary_functions_are_not_steep() {
        for text in [
            "exp(-x^2)",
            "exp(x^2/8)",
            "tanh(5*x)",
            "erf(x)^3",
            "1/(1 + x^2)",
            "log(1 + x^2)",
            "exp(-(20*(x - 1))^2)",
            "1/(0.001 + x^2)",
            "sqrt(abs(x))",
            "log(abs(x))",
            "1/x",
            "sin(50*x)",
        ] {
            assert!(steep(&of(text)).is_empty(), "{text}");
        }
    }

    #[test]
    fn directions_count_and_not_variables() {
        let sum = |scale: f64| {
            let link = format!("exp(-({scale}*(z1 + z2 + z3 + z4 + z5 - 1))^2)");
            parse(&link, Scope::Link).unwrap()
        };
        let diagonal = [vec![5f64.sqrt().recip(); 5]];
        assert_eq!(steep_along(&sum(1e4), &diagonal).len(), 2);
        assert!(steep_along(&sum(1.0), &diagonal).is_empty());
    }

    #[test]
    fn panels_end_around_steep_features() {
        for (text, place, within) in [
            ("exp(-(100000*(x - 0.7123))^2)", 0.7123, 7e-5),
            ("tanh(1000000*(x - 0.25))", 0.25, 6.1e-6),
            ("1/(0.00000001 + (x + 2)^2)", -2.0, 0.011),
        ] {
            let points = kink_points(&of(text));
            assert!(
                points.iter().any(|x| (x - place).abs() <= within),
                "{text}: {points:?}"
            );
            let far = points.iter().filter(|x| (*x - place).abs() > 0.02);
            assert_eq!(far.count(), 0, "{text}: {points:?}");
        }
    }
}
