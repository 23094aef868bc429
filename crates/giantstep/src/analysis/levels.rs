//! The level sets of a link of one direction, and of one that is made of jumps.

use super::estimate::Approximate;

use num_rational::BigRational;

use super::adaptive::{ORDER, Rules, adaptive};
use super::convert;
use crate::expr::{Expr, Function, Operator, Program};
use crate::gauss::{Zeros, crossing, density, legendre, normalised_hermite, steep, zeros_of_one};
use std::num::NonZeroUsize;

/// Half the part of the line that is looked at; the mass beyond is 2e-19.
const EDGE: f64 = 9.0;

/// The most arguments of signs and steps whose combinations are listed.
const MOST_ARGUMENTS: usize = 12;

/// The values that an expression made of signs and steps can take but on a null set, and perhaps some more; none if
/// it is not made of signs and steps alone, or of too many.
///
/// Values that differ by rounding, on the scale of the largest, are one.
pub fn finite_values(expr: &Expr) -> Option<Vec<f64>> {
    let mut arguments: Vec<&Expr> = Vec::new();
    collect(expr, &mut arguments)?;
    if arguments.len() > MOST_ARGUMENTS {
        return None;
    }
    let mut signs = vec![0.0; arguments.len()];
    let mut values = Vec::new();
    // An analytic argument that is not constant vanishes on a null set.
    let choices: Vec<&[f64]> = arguments
        .iter()
        .map(|e| {
            if e.is_smooth() {
                &[-1.0, 1.0][..]
            } else {
                &[-1.0, 0.0, 1.0][..]
            }
        })
        .collect();
    list(expr, &arguments, &choices, 0, &mut signs, &mut values);
    Some(distinct(values))
}

/// Whether an expression that takes finitely many values depends on the signs of the coordinates alone: the argument of
/// each sign and step is one monomial.
pub fn depends_on_signs(expr: &Expr) -> bool {
    let mut arguments: Vec<&Expr> = Vec::new();
    let single = |e: &&Expr| convert::polynomial::<BigRational>(e).is_some_and(|p| p.len() == 1);
    collect(expr, &mut arguments).is_some() && arguments.iter().all(single)
}

fn distinct(mut values: Vec<f64>) -> Vec<f64> {
    let largest = values.iter().fold(0.0f64, |a, v| a.max(v.abs()));
    values.sort_unstable_by(f64::total_cmp);
    values.dedup_by(|a, b| *a - *b <= 1e-12 * largest);
    values
}

fn collect<'a>(expr: &'a Expr, arguments: &mut Vec<&'a Expr>) -> Option<()> {
    match expr {
        Expr::Apply(Function::Sign | Function::Step, inner) => {
            if inner.variables() > 0 && !arguments.contains(&&**inner) {
                arguments.push(inner);
            }
        }
        Expr::Variable(_) => return None,
        other => {
            for operand in other.operands() {
                collect(operand, arguments)?;
            }
        }
    }
    Some(())
}

fn list(
    expr: &Expr,
    arguments: &[&Expr],
    choices: &[&[f64]],
    place: usize,
    signs: &mut Vec<f64>,
    values: &mut Vec<f64>,
) {
    if place == arguments.len() {
        values.push(Program::new(&with_signs(expr, arguments, signs)).eval(&[]));
        return;
    }
    for &sign in choices[place] {
        signs[place] = sign;
        list(expr, arguments, choices, place + 1, signs, values);
    }
}

/// The expression with whole numbers in place of its signs and steps.
fn with_signs(expr: &Expr, arguments: &[&Expr], signs: &[f64]) -> Expr {
    let on = |e: &Expr| Box::new(with_signs(e, arguments, signs));
    match expr {
        Expr::Apply(function @ (Function::Sign | Function::Step), inner) => {
            match arguments.iter().position(|a| *a == &**inner) {
                Some(place) if *function == Function::Step => {
                    Expr::integer(i64::from(signs[place] > 0.0))
                }
                Some(place) => Expr::integer(signs[place] as i64),
                None => expr.clone(),
            }
        }
        Expr::Negate(e) => Expr::Negate(on(e)),
        Expr::Apply(function, e) => Expr::Apply(*function, on(e)),
        Expr::Hermite(k, e) => Expr::Hermite(*k, on(e)),
        Expr::Binary(operator, a, b) => Expr::Binary(*operator, on(a), on(b)),
        Expr::Number(_) | Expr::Pi | Expr::Variable(_) => expr.clone(),
    }
}

/// The expression on the line `t direction`, in the variable t.
fn on_line(expr: &Expr, direction: &[f64]) -> Option<Expr> {
    let on = |e: &Expr| on_line(e, direction).map(Box::new);
    Some(match expr {
        Expr::Variable(k) => {
            let factor = direction.get(*k).copied().unwrap_or(0.0);
            let number = Expr::Number(BigRational::from_float(factor)?);
            if factor == 1.0 {
                Expr::Variable(0)
            } else if factor == 0.0 {
                number
            } else {
                Expr::Binary(
                    Operator::Multiply,
                    Box::new(number),
                    Box::new(Expr::Variable(0)),
                )
            }
        }
        Expr::Negate(e) => Expr::Negate(on(e)?),
        Expr::Apply(function, e) => Expr::Apply(*function, on(e)?),
        Expr::Hermite(k, e) => Expr::Hermite(*k, on(e)?),
        Expr::Binary(operator, a, b) => Expr::Binary(*operator, on(a)?, on(b)?),
        Expr::Number(_) | Expr::Pi => expr.clone(),
    })
}

/// A part of the line on which the link is monotone, or constant.
struct Piece {
    ends: (f64, f64),
    values: (f64, f64),
}

impl Piece {
    fn is_constant(&self) -> bool {
        self.values.0 == self.values.1
    }
}

/// `E[E[z^2 - 1 | y]^2]` of a link of one direction: `1 / alpha_c` of THEORY.md (14) where `E[z | y] = 0`.
pub fn second_order_energy(expr: &Expr, direction: &[f64]) -> Option<Approximate> {
    let energy = level_energy(expr, direction, 2)?;
    Some(Approximate {
        value: 2.0 * energy.value,
        error: 2.0 * energy.error,
    })
}

/// `E[E[He_k(z) | y]^2] / k!` of a link of one direction, k = `order` from 1.
///
/// At a value y that is taken on an interval the conditional mean is over the intervals; elsewhere over the points
/// `z_i` with `g(z_i) = y`, weighted by `density(z_i) / |g'(z_i)|`. None where the pieces on which the link is monotone
/// cannot be told apart.
pub fn level_energy(expr: &Expr, direction: &[f64], order: u32) -> Option<Approximate> {
    // He_k / sqrt(k!); the integral of He_k against the density is minus He_(k-1) times it.
    let hermite = |k: u32, x: f64| {
        let mut values = vec![0.0; k as usize + 1];
        normalised_hermite(x, &mut values);
        values[k as usize]
    };
    let antiderivative = |x: f64| -hermite(order - 1, x) * density(x) / f64::from(order).sqrt();
    let on_line = on_line(expr, direction)?.simplified();
    let slope = on_line.derivative(0).simplified();
    let mut zeros = Zeros::default();
    for kink in on_line.kinks().into_iter().chain(steep(&on_line)) {
        zeros.extend(zeros_of_one(&kink, 0, EDGE));
    }
    if slope.variables() > 0 {
        for factor in slope.vanishing_factors() {
            zeros.extend(zeros_of_one(factor, 0, EDGE));
        }
    }
    let blurred: f64 = zeros.blurred.iter().map(|(low, high)| high - low).sum();
    let mut ends = zeros.places;
    ends.extend(zeros.blurred.iter().flat_map(|(low, high)| [*low, *high]));
    ends.extend([-EDGE, EDGE]);
    ends.retain(|x| x.abs() <= EDGE);
    ends.sort_unstable_by(f64::total_cmp);
    ends.dedup_by(|a, b| *a - *b < 1e-13);
    if blurred > 1e-6 || ends.len() > 200 {
        return None;
    }
    let program = Program::new(&on_line);
    let (value, slope) = (|x: f64| program.eval(&[x]), Program::new(&slope));
    let pieces: Vec<Piece> = ends
        .windows(2)
        .map(|e| {
            // A little inside: at the ends there may be jumps.
            let inset = 1e-9 * (e[1] - e[0]);
            let (a, b) = (e[0] + inset, e[1] - inset);
            let flat = [0.1, 0.37, 0.71]
                .iter()
                .all(|s| slope.eval(&[a + s * (b - a)]) == 0.0);
            let values = if flat {
                let middle = value(0.5 * (a + b));
                (middle, middle)
            } else {
                (value(a), value(b))
            };
            Piece {
                ends: (e[0], e[1]),
                values,
            }
        })
        .collect();
    let (atoms, curves): (Vec<Piece>, Vec<Piece>) =
        pieces.into_iter().partition(Piece::is_constant);
    let mut energy = Approximate::default();
    let levels = distinct(atoms.iter().map(|p| p.values.0).collect());
    let largest = levels.iter().fold(0.0f64, |a, v| a.max(v.abs()));
    for level in levels {
        let (mut mass, mut moment) = (0.0, 0.0);
        let same = |p: &&Piece| (p.values.0 - level).abs() <= 1e-12 * largest;
        for piece in atoms.iter().filter(same) {
            let (a, b) = piece.ends;
            mass += 0.5
                * (libm::erf(b / std::f64::consts::SQRT_2)
                    - libm::erf(a / std::f64::consts::SQRT_2));
            moment += antiderivative(b) - antiderivative(a);
        }
        if mass > 0.0 {
            energy.value += moment * moment / mass;
            energy.error += 1e-15;
        }
    }
    let weighted = |x: f64| {
        let weight = density(x) / slope.eval(&[x]).abs();
        (weight, weight * hermite(order, x))
    };
    let square = |piece: usize, x: f64| {
        let y = value(x);
        let (mut weight, mut moment) = weighted(x);
        for (k, other) in curves.iter().enumerate() {
            if k != piece
                && let Some(z) = inverse(other, y, &value)
            {
                let (w, s) = weighted(z);
                if w.is_finite() {
                    weight += w;
                    moment += s;
                }
            }
        }
        (moment / weight).powi(2)
    };
    let panel = legendre(NonZeroUsize::MIN.saturating_add(ORDER - 1));
    for (k, piece) in curves.iter().enumerate() {
        let mut edges = vec![piece.ends.0, piece.ends.1];
        let ends = curves.iter().flat_map(|p| [p.values.0, p.values.1]);
        edges.extend(ends.filter_map(|y| inverse(piece, y, &value)));
        let parts = ((piece.ends.1 - piece.ends.0) / 1.5).ceil();
        edges.extend(
            (1..parts as usize)
                .map(|i| piece.ends.0 + i as f64 / parts * (piece.ends.1 - piece.ends.0)),
        );
        edges.sort_unstable_by(f64::total_cmp);
        edges.dedup_by(|a, b| *a - *b < 1e-8);
        let rules = Rules {
            size: 1.0,
            agreed: 1e-8,
            panels: 400,
            carried: 0,
            enough: None,
        };
        let part = adaptive(&edges, &rules, &mut |panels| {
            let on = |&(a, b): &(f64, f64)| {
                let half = 0.5 * (b - a);
                let sum = panel.iter().map(|(x, w)| {
                    let x = a + half * (1.0 + x);
                    w * density(x) * square(k, x)
                });
                vec![half * sum.sum::<f64>()]
            };
            panels.iter().map(on).collect()
        });
        energy.value += part.values.first().copied().unwrap_or(0.0);
        energy.error += part.error;
    }
    energy.error += 10.0 * blurred;
    (energy.value + energy.error).is_finite().then_some(energy)
}

/// Where the link takes a value on a piece, if inside.
fn inverse(piece: &Piece, y: f64, value: &impl Fn(f64) -> f64) -> Option<f64> {
    let (low, high) = piece.values;
    crossing(piece.ends, (low - y, high - y), |x| value(x) - y)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::{Scope, parse};

    fn inverse_threshold(text: &str) -> f64 {
        let expr = parse(text, Scope::Link).unwrap();
        let found = second_order_energy(&expr, &[1.0]).unwrap();
        assert!(found.error < 1e-6, "{text}: {found:?}");
        found.value
    }

    #[test]
    fn functions_of_the_modulus_tell_the_modulus() {
        for text in [
            "z1^2",
            "z1^24",
            "z1^64",
            "abs(z1)",
            "exp(-z1^2)",
            "1e-9*cos(0.3*z1)",
            "sqrt(abs(z1))",
        ] {
            assert!(
                (inverse_threshold(text) - 2.0).abs() < 1e-6,
                "{text}: {}",
                inverse_threshold(text)
            );
        }
    }

    #[test]
    fn atoms_have_their_closed_form() {
        // Two values: the outside of |z| < c has mass m and E[z^2 - 1; outside] = 2 c density(c).
        let c = 1.3;
        let mass = libm::erfc(c / std::f64::consts::SQRT_2);
        let second = 2.0 * c * density(c);
        let exact = second * second * (1.0 / mass + 1.0 / (1.0 - mass));
        assert!((inverse_threshold("step(abs(z1) - 1.3)") - exact).abs() < 1e-14);
        assert!((inverse_threshold("0.1*sign(z1^2 - 1.69) + 0.2") - exact).abs() < 1e-14);
        // relu(|z| - c): the modulus outside, one atom inside.
        let outside: f64 = {
            let step = 1e-4;
            let at = |i: usize| c + (i as f64 + 0.5) * step;
            2.0 * step
                * (0..80_000)
                    .map(|i| density(at(i)) * (at(i).powi(2) - 1.0).powi(2))
                    .sum::<f64>()
        };
        let exact = outside + second * second / (1.0 - mass);
        assert!((inverse_threshold("relu(abs(z1) - 1.3)") - exact).abs() < 1e-7);
    }

    #[test]
    fn values_are_listed_however_rare() {
        let values =
            |text: &str| finite_values(&parse(text, Scope::Link).unwrap()).map(|v| v.len());
        assert_eq!(
            values("sign(z1*(z1^2 - 1.4))*(1 + 2*step(abs(z1) - 3.3))"),
            Some(4)
        );
        assert_eq!(values("sign(z1)*sign(z2)*sign(z3)"), Some(2));
        assert_eq!(
            values("0.1*sign(z1) + 0.2*sign(z2) - 0.3*sign(z3)"),
            Some(7)
        );
        assert_eq!(values("relu(z1 - 4) + sign(z2)"), None);
        assert_eq!(values("sign(relu(z1))"), Some(3));
    }
}
