//! Where functions vanish, and so where others have kinks: every zero is found, or named as not told.

use std::collections::VecDeque;

use super::EDGE;
use super::interval::{Enclosure, Interval};
use super::steep::steep;
use super::sturm::{sturm_roots, univariate};
use crate::expr::Expr;

/// The most cells that are looked at for the kinks of a function of one variable.
const MOST_CELLS: usize = 100_000;

/// The zeros of a function on part of a line.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Zeros {
    /// Their places, ascending. Some may be none: where a function comes within rounding of zero.
    pub places: Vec<f64>,
    /// Cells about which nothing is known.
    pub blurred: Vec<(f64, f64)>,
    /// How many cells were looked at.
    pub cells: usize,
}

impl Zeros {
    /// Adds those of another function.
    pub fn extend(&mut self, other: Self) {
        self.places.extend(other.places);
        self.blurred.extend(other.blurred);
        self.cells += other.cells;
    }
}

/// Where a monotone function vanishes between two places at which it has these values; none unless their signs differ.
/// About ten evaluations for smooth functions, at most a hundred.
pub(crate) fn crossing(
    (mut a, mut b): (f64, f64),
    (mut fa, mut fb): (f64, f64),
    f: impl Fn(f64) -> f64,
) -> Option<f64> {
    if !(fa < 0.0 && 0.0 < fb || fb < 0.0 && 0.0 < fa) {
        return None;
    }
    let rising = fa < 0.0;
    for step in 0..100 {
        // The Illinois rule, and a halving now and then.
        let secant = (a * fb - b * fa) / (fb - fa);
        let x = if step % 3 == 2 || !(a < secant && secant < b) {
            0.5 * (a + b)
        } else {
            secant
        };
        let value = f(x);
        if value == 0.0 || b - a <= 1e-14 * (1.0 + x.abs()) {
            return Some(x);
        }
        if (value < 0.0) == rising {
            (a, fa) = (x, value);
            fb *= 0.5;
        } else {
            (b, fb) = (x, value);
            fa *= 0.5;
        }
    }
    Some(0.5 * (a + b))
}

/// The zeros of an expression on the line `origin + x direction`, `|x| <= edge`, by interval arithmetic.
///
/// Cells on which the function cannot vanish are dropped; where it is monotone Newton's method closes in; others
/// are split, down to rounding or until `budget` cells were looked at. No zero is missed.
pub(crate) fn zeros_on_line(
    expr: &Enclosure,
    origin: &[f64],
    direction: &[f64],
    edge: f64,
    budget: usize,
) -> Zeros {
    let on = |cell: Interval| expr.over(origin, [direction], [cell]);
    let mut zeros = Zeros::default();
    let mut blurred: Vec<(f64, f64)> = Vec::new();
    let mut cells = VecDeque::from([Interval::new(-edge, edge)]);
    let mut seen = 0;
    while let Some(cell) = cells.pop_front() {
        seen += 1;
        if seen > budget {
            blurred.push((cell.low, cell.high));
            continue;
        }
        let jet = on(cell);
        // Where it vanishes altogether it has no zeros but those at the ends, which are its own kinks.
        let flat = jet.value == Interval::point(0.0);
        if !jet.value.has_zero() || flat {
            continue;
        }
        if !jet.slopes[0].has_zero() {
            match newton(&on, cell, jet.slopes[0]) {
                Some(place) if place.width() <= 1e-9 * (1.0 + place.middle().abs()) => {
                    zeros.places.push(place.middle());
                }
                Some(place) => blurred.push((place.low, place.high)),
                None => {}
            }
            continue;
        }
        let middle = cell.middle();
        let size = 1.0 + middle.abs();
        // Splitting tells no more than rounding lets single points tell.
        let rounding = [0.21, 0.5, 0.83].iter().all(|share| {
            let here = on(Interval::point(cell.low + share * cell.width())).value;
            here.has_zero() && jet.value.width() <= 16.0 * here.width()
        });
        if rounding || cell.width() <= 1e-13 * size {
            blurred.push((cell.low, cell.high));
            continue;
        }
        // Off the middle: zeros like to sit on round numbers.
        let split = cell.low + 0.488_281_25 * cell.width();
        cells.push_back(Interval::new(cell.low, split));
        cells.push_back(Interval::new(split, cell.high));
    }
    zeros.cells = seen;
    blurred.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (low, high) in blurred {
        match zeros.blurred.last_mut() {
            Some(last) if low <= last.1 => last.1 = last.1.max(high),
            _ => zeros.blurred.push((low, high)),
        }
    }
    zeros.places.sort_unstable_by(f64::total_cmp);
    zeros
        .places
        .dedup_by(|a, b| (*a - *b).abs() < 1e-13 * (1.0 + b.abs()));
    zeros
}

/// Where the zero of a monotone function on a cell lies, as closely as rounding allows; none if it has none there.
fn newton(
    on: &dyn Fn(Interval) -> super::interval::Jet<1>,
    cell: Interval,
    slope: Interval,
) -> Option<Interval> {
    let (mut place, mut slope) = (cell, slope);
    for _ in 0..100 {
        let middle = Interval::point(place.middle());
        let step = on(middle).value.times(slope.inverse());
        let next = middle.minus(step).meet(place)?;
        if next.width() > 0.9 * place.width() {
            // A steep function gains little from its slope: the half that holds the zero.
            let value = on(middle).value;
            if value.has_zero() {
                return Some(next);
            }
            let rising = slope.low > 0.0;
            let below = (value.low > 0.0) == rising;
            place = if below {
                Interval::new(place.low, middle.low)
            } else {
                Interval::new(middle.low, place.high)
            };
        } else {
            place = next;
        }
        if place.width() <= 1e-15 * (1.0 + place.middle().abs()) {
            break;
        }
        let sharper = on(place).slopes[0];
        slope = sharper.meet(slope).unwrap_or(slope);
    }
    Some(place)
}

/// The zeros of a function of one variable, whichever, on `[-edge, edge]`: in exact numbers where it is a polynomial
/// with rational coefficients.
pub(crate) fn zeros_of_one(expr: &Expr, variable: usize, edge: f64) -> Zeros {
    if let Some(polynomial) = univariate(expr, variable) {
        return Zeros {
            places: sturm_roots(&polynomial, edge),
            ..Zeros::default()
        };
    }
    let count = expr.variables().max(variable + 1);
    let origin = vec![0.0; count];
    let mut direction = origin.clone();
    direction[variable] = 1.0;
    zeros_on_line(&Enclosure::new(expr), &origin, &direction, edge, MOST_CELLS)
}

/// Where a function of one variable may have kinks or jumps, or where its steep features begin and end.
///
/// None is missed; cells that could not be told count by their ends.
pub fn kink_points(expr: &Expr) -> Vec<f64> {
    let mut zeros = Zeros::default();
    for kink in expr.kinks().into_iter().chain(steep(expr)) {
        zeros.extend(zeros_of_one(&kink, 0, EDGE));
    }
    let mut places = zeros.places;
    places.extend(zeros.blurred.iter().flat_map(|(low, high)| [*low, *high]));
    places.retain(|x| x.abs() <= EDGE);
    places.sort_unstable_by(f64::total_cmp);
    places.dedup_by(|a, b| (*a - *b).abs() < 1e-13);
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::{Scope, parse};

    fn of(text: &str) -> Zeros {
        let expr = parse(text, Scope::Activation).unwrap();
        zeros_on_line(&Enclosure::new(&expr), &[0.0], &[1.0], 12.0, 100_000)
    }

    #[test]
    fn no_zero_is_missed_however_close() {
        for text in [
            "(x - 0.537)^2 - 1e-6",
            "0.001 - abs(x - 0.537)",
            "sin(x) - sin(0.537) - cos(0.537)*(x - 0.537) + 4e-7",
        ] {
            let zeros = of(text);
            let near = zeros
                .places
                .iter()
                .filter(|x| (**x - 0.537).abs() < 0.01)
                .count();
            assert_eq!((near, zeros.blurred.len()), (2, 0), "{text}: {zeros:?}");
        }
        let many = of("cos(9.6*x)");
        // (k + 1/2) pi / 9.6 up to 12.
        assert_eq!(many.places.len(), 74);
        for (k, x) in many.places.iter().enumerate() {
            let exact =
                (k as f64 - (many.places.len() as f64 - 1.0) / 2.0) * std::f64::consts::PI / 9.6;
            assert!((x - exact).abs() < 1e-14 * 12.0, "{x} {exact}");
        }
        assert!(of("1 + 0.99*sin(7*x)").places.is_empty());
        assert_eq!(of("x").places.len(), 1);
    }

    #[test]
    fn what_cannot_be_told_is_named() {
        // A zero of even order may be two or none.
        let double = of("x^2 - 0.2*x + 0.01");
        assert!(
            double
                .blurred
                .iter()
                .all(|(a, b)| (a - 0.1).abs() < 1e-6 && b - a < 1e-6)
        );
        assert!(double.blurred.len() + double.places.len() > 0);
        let wild = of("sin(1/x)");
        assert!(wild.places.len() > 100 && !wild.blurred.is_empty());
        let unknown: f64 = wild.blurred.iter().map(|(a, b)| b - a).sum();
        assert!(unknown < 1e-2, "{unknown}");
    }
}
