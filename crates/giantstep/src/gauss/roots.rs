//! Where functions vanish, and so where others have kinks.

use super::EDGE;
use crate::expr::{Expr, Program};

/// Where a function of one variable may have kinks or jumps: the roots of its kink expressions.
///
/// Roots are found where the sign changes on a grid of spacing 1/64; a double root between two nodes is missed.
pub fn kink_points(expr: &Expr) -> Vec<f64> {
    let mut roots = Vec::new();
    for kink in expr.kinks() {
        let program = Program::new(&kink);
        let value = |x: f64| program.eval(&[x]);
        let steps = (2.0 * EDGE * 64.0) as usize;
        let mut previous = (-EDGE, value(-EDGE));
        for step in 1..=steps {
            let x = -EDGE + step as f64 / 64.0;
            let here = value(x);
            if here == 0.0 {
                roots.push(x);
            } else if previous.1 * here < 0.0 {
                let (mut low, mut high) = (previous.0, x);
                while high - low > f64::EPSILON * (1.0 + low.abs()) {
                    let middle = 0.5 * (low + high);
                    if middle <= low || middle >= high {
                        break;
                    }
                    if value(middle) * here > 0.0 {
                        high = middle
                    } else {
                        low = middle
                    }
                }
                roots.push(0.5 * (low + high));
            }
            previous = (x, here);
        }
    }
    roots.sort_by(f64::total_cmp);
    roots.dedup_by(|a, b| (*a - *b).abs() < 1e-13);
    roots
}

/// The zeros of a function along a line: sign changes on a grid, refined by false position.
///
/// A pair of zeros between two points of the grid is missed; the error estimate of the integral tells.
pub(crate) fn roots(program: &Program, origin: &[f64], direction: &[f64], found: &mut Vec<f64>) {
    const STEPS: usize = 48;
    let grid: Vec<f64> = (0..=STEPS)
        .map(|i| 8.0 * (2.0 * i as f64 / STEPS as f64 - 1.0))
        .collect();
    let columns: Vec<Vec<f64>> = origin
        .iter()
        .zip(direction)
        .map(|(z, d)| grid.iter().map(|x| z + x * d).collect())
        .collect();
    let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
    let mut values = vec![0.0; grid.len()];
    program.eval_columns(&columns, &mut values);
    let mut z = origin.to_vec();
    let mut at = |x: f64| {
        for ((z, o), d) in z.iter_mut().zip(origin).zip(direction) {
            *z = o + x * d;
        }
        program.eval(&z)
    };
    for i in 0..STEPS {
        if values[i] == 0.0 {
            found.push(grid[i]);
        } else if values[i] * values[i + 1] < 0.0 {
            let (mut low, mut high) = ((grid[i], values[i]), (grid[i + 1], values[i + 1]));
            // The Illinois rule halves the value at an end that stays.
            for _ in 0..60 {
                let x = (low.0 * high.1 - high.0 * low.1) / (high.1 - low.1);
                let value = at(x);
                if value * high.1 < 0.0 {
                    low = high;
                } else {
                    low.1 *= 0.5;
                }
                high = (x, value);
                if value == 0.0 || (high.0 - low.0).abs() < 1e-14 {
                    break;
                }
            }
            found.push(high.0);
        }
    }
}
