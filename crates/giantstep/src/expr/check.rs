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
    let failing = |e: &Expr| {
        let program = Program::new(e);
        // Large is what exceeds the values at typical points.
        let mut scale = 1.0_f64;
        for at in typical_points(r, uniforms) {
            let value = program.eval(&at);
            scale = scale.max(value.abs());
            if !value.is_finite() {
                return Some((at, value));
            }
        }
        far_points(r, uniforms).find_map(|point| {
            let value = program.eval(&point.at);
            let large = 2.0 * (value.abs() / scale).ln() > point.bound;
            (!value.is_finite() || large).then_some((point.at, value))
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

/// Variables of which each is looked at against several values of the others; of more, against one.
const FEW: usize = 64;

/// A Kronecker sequence spreads over all orthants, three standard deviations far.
fn typical(index: usize, k: usize, uniforms: usize) -> f64 {
    let u = ((index as f64 + 0.5) * (0.5 + (k as f64 + 2.0).sqrt()).fract()).fract();
    if k < uniforms {
        3.0 * (2.0 * u - 1.0)
    } else {
        u
    }
}

fn typical_points(r: usize, uniforms: usize) -> impl Iterator<Item = Vec<f64>> {
    (0..512).map(move |index| (0..r).map(|k| typical(index, k, uniforms)).collect())
}

/// Points far out on an axis or next to it, one after the other: all at once they are r^2 numbers many times.
fn far_points(r: usize, uniforms: usize) -> impl Iterator<Item = Point> {
    let others = if r <= FEW { 4 } else { 1 };
    let axes = (0..r.min(uniforms)).flat_map(|k| [(k, -1.0), (k, 1.0)]);
    let with = move |(k, sign): (usize, f64), index: usize, (value, bound): (f64, f64)| {
        let mut at: Vec<f64> = (0..r).map(|j| typical(index, j, uniforms)).collect();
        at[k] = sign * value;
        Point { at, bound }
    };
    axes.flat_map(move |axis| {
        (0..others).flat_map(move |index| {
            [(FAR, FAR * FAR / 2.0), (NEAR, -NEAR.ln())].map(|distance| with(axis, index, distance))
        })
    })
}
