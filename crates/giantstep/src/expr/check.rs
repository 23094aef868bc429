//! Whether an expression is finite, with finite variance, for standard normal variables.

use std::ops::Range;

use super::ast::Expr;
use super::error::{ExprError, Problem};
use super::parse::{Scope, parse_with_spans};
use super::program::Program;

/// As far out as a variance can matter: the density at 30 is `e^-450`.
const FAR: f64 = 30.0;
/// As near to a pole on an axis as it is looked for.
const NEAR: f64 = 1e-12;

/// Reads an expression of Gaussian variables.
///
/// # Errors
/// As [`super::parse()`], and where the expression is not finite with finite variance.
pub(crate) fn parse_checked(text: &str, scope: Scope<'_>) -> Result<Expr, ExprError> {
    let (expr, spans) = parse_with_spans(text, scope)?;
    finite_under_the_gaussian(text, &expr, &spans, usize::MAX)?;
    Ok(expr)
}

/// Refuses an expression that is not finite at points typical of the Gaussian, whose square grows faster than
/// the density falls, or whose square is not integrable at an axis; names the innermost part at fault. Variables from
/// `uniforms` on are uniform on [0, 1].
pub(super) fn finite_under_the_gaussian(
    text: &str,
    expr: &Expr,
    spans: &[Range<usize>],
    uniforms: usize,
) -> Result<(), ExprError> {
    let r = expr.variables();
    let points = points(r, uniforms);
    let failing = |e: &Expr| {
        let program = Program::new(e);
        let values: Vec<f64> = points.iter().map(|point| program.eval(&point.at)).collect();
        // Large is what exceeds the values at typical points.
        let typical = points
            .iter()
            .zip(&values)
            .filter(|(point, _)| point.bound.is_infinite());
        let scale = typical.fold(1.0_f64, |scale, (_, value)| scale.max(value.abs()));
        points.iter().zip(values).find_map(|(point, value)| {
            let large = 2.0 * (value.abs() / scale).ln() > point.bound;
            (!value.is_finite() || large).then(|| (point.at.clone(), value))
        })
    };
    if failing(expr).is_none() {
        return Ok(());
    }
    let mut nodes = Vec::new();
    expr.visit(&mut |node| nodes.push(node));
    for (node, span) in nodes.into_iter().zip(spans) {
        if let Some((at, value)) = failing(node) {
            let problem = Problem::NotFinite { at, value };
            return Err(ExprError {
                text: text.to_owned(),
                span: span.clone(),
                problem,
            });
        }
    }
    Ok(())
}

struct Point {
    at: Vec<f64>,
    /// The logarithm of the square may not exceed this.
    bound: f64,
}

fn points(r: usize, uniforms: usize) -> Vec<Point> {
    let typical = |index: usize, k: usize| {
        // A Kronecker sequence spreads over all orthants, three standard deviations far.
        let u = ((index as f64 + 0.5) * (0.5 + (k as f64 + 2.0).sqrt()).fract()).fract();
        if k < uniforms {
            3.0 * (2.0 * u - 1.0)
        } else {
            u
        }
    };
    let mut points: Vec<Point> = (0..512)
        .map(|index| Point {
            at: (0..r).map(|k| typical(index, k)).collect(),
            bound: f64::INFINITY,
        })
        .collect();
    for k in 0..r.min(uniforms) {
        for sign in [-1.0, 1.0] {
            let with = |value: f64, index: usize| {
                let mut at: Vec<f64> = (0..r).map(|j| typical(index, j)).collect();
                at[k] = sign * value;
                at
            };
            for index in 0..4 {
                points.push(Point {
                    at: with(FAR, index),
                    bound: FAR * FAR / 2.0,
                });
                points.push(Point {
                    at: with(NEAR, index),
                    bound: -NEAR.ln(),
                });
            }
        }
    }
    points
}
