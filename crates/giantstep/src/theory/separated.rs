//! Links that are sums of functions of one direction each: their averages are integrals over one variable, however many
//! directions there are.

use std::collections::BTreeMap;

use crate::expr::{Expr, Link, Operator, Program};
use crate::gauss::{Rule, hermite_all, kink_points};
use crate::theory::expectation::{on_first, panels};

/// `c + sum_k g_k(z_k)`.
#[derive(Debug, Clone)]
pub(super) struct Separated {
    constant: f64,
    /// By direction: points of a rule for N(0, 1), weights, and `g_k` there.
    parts: BTreeMap<usize, Part>,
}

#[derive(Debug, Clone)]
struct Part {
    rule: Rule,
    values: Vec<f64>,
}

impl Separated {
    /// The parts of a link; none if it is no such sum.
    pub(super) fn of(link: &Link) -> Option<Self> {
        let (mut constant, mut terms) = (0.0, BTreeMap::new());
        split(link.expr(), 1.0, &mut constant, &mut terms)?;
        let part = |terms: Vec<(f64, Expr)>| {
            let mut kinks: Vec<f64> = terms.iter().flat_map(|(_, e)| kink_points(e)).collect();
            kinks.sort_unstable_by(f64::total_cmp);
            kinks.dedup();
            let rule = panels(&kinks, 0.5);
            let mut values = vec![0.0; rule.nodes.len()];
            let mut column = values.clone();
            for (scale, term) in &terms {
                Program::new(term).eval_columns(&[&rule.nodes], &mut column);
                for (sum, value) in values.iter_mut().zip(&column) {
                    *sum += scale * value;
                }
            }
            Part { rule, values }
        };
        Some(Self {
            constant,
            parts: terms
                .into_iter()
                .map(|(k, terms)| (k, part(terms)))
                .collect(),
        })
    }

    /// `E g`, and `Var g`.
    pub(super) fn mean_and_variance(&self) -> (f64, f64) {
        let parts = self.parts.values();
        parts.fold((self.constant, 0.0), |(mean, variance), part| {
            let [own, square] = part.average(|_, g| [g, g * g]);
            (mean + own, variance + square - own * own)
        })
    }

    /// For each direction of which it depends `E g_k He_j` for `j <= highest`, with the size of rounding in them.
    pub(super) fn coefficients(&self, highest: usize) -> BTreeMap<usize, Vec<(f64, f64)>> {
        let of = |part: &Part| {
            (0..=highest)
                .map(|j| {
                    let [value, square] = part.average(|x, g| {
                        let he = hermite_all(j + 1, x)[j];
                        [g * he, (g * he).powi(2)]
                    });
                    (value, 1e-9 * square.sqrt())
                })
                .collect()
        };
        self.parts.iter().map(|(k, part)| (*k, of(part))).collect()
    }

    /// `E[g(z) h]` with `E[h | z_k] = h_k(z_k)`: the sum over parts.
    pub(super) fn product(&self, mean: f64, h: impl Fn(usize, f64) -> f64) -> f64 {
        let of = |(k, part): (&usize, &Part)| part.average(|x, g| [g * h(*k, x)])[0];
        self.constant * mean + self.parts.iter().map(of).sum::<f64>()
    }
}

impl Part {
    fn average<const N: usize>(&self, f: impl Fn(f64, f64) -> [f64; N]) -> [f64; N] {
        let mut sums = [0.0; N];
        let points = self.rule.nodes.iter().zip(&self.values);
        for ((x, g), weight) in points.zip(&self.rule.weights) {
            for (sum, term) in sums.iter_mut().zip(f(*x, *g)) {
                *sum += weight * term;
            }
        }
        sums
    }
}

/// The value of an expression without variables.
fn constant(expr: &Expr) -> Option<f64> {
    (expr.variables() == 0).then(|| Program::new(expr).eval(&[]))
}

/// Adds `scale * expr` to a constant and to terms by their one direction; none if a term depends on several.
fn split(
    expr: &Expr,
    scale: f64,
    constants: &mut f64,
    terms: &mut BTreeMap<usize, Vec<(f64, Expr)>>,
) -> Option<()> {
    let mut variables = Vec::new();
    expr.visit(&mut |e| {
        if let Expr::Variable(k) = e
            && !variables.contains(k)
        {
            variables.push(*k);
        }
    });
    match (variables.as_slice(), expr) {
        ([], _) => *constants += scale * constant(expr)?,
        ([k], _) => terms.entry(*k).or_default().push((scale, on_first(expr))),
        (_, Expr::Negate(e)) => split(e, -scale, constants, terms)?,
        (_, Expr::Binary(Operator::Add, a, b)) => {
            split(a, scale, constants, terms)?;
            split(b, scale, constants, terms)?;
        }
        (_, Expr::Binary(Operator::Subtract, a, b)) => {
            split(a, scale, constants, terms)?;
            split(b, -scale, constants, terms)?;
        }
        (_, Expr::Binary(Operator::Multiply, a, b)) => match (constant(a), constant(b)) {
            (Some(a), _) => split(b, scale * a, constants, terms)?,
            (_, Some(b)) => split(a, scale * b, constants, terms)?,
            _ => return None,
        },
        (_, Expr::Binary(Operator::Divide, a, b)) => {
            split(a, scale / constant(b)?, constants, terms)?;
        }
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::Target;
    use crate::theory::moments::LinkMoments;

    #[test]
    fn sums_have_the_moments_of_their_terms() {
        let of = |text: &str| Separated::of(&Link::parse(text, None).unwrap());
        assert!(of("z1 + z1*z2").is_none() && of("tanh(z1 + z2)").is_none());
        let found = of("1 + (He2(z1) - z2^3)/2 - 2*(relu(z1) + 3)").unwrap();
        let (mean, variance) = found.mean_and_variance();
        // E relu = 1/sqrt(2 pi), Var relu = 1/2 - 1/(2 pi), Cov(He2, relu) = 1/sqrt(2 pi), Var z^3 = 15.
        let c = 1.0 / (2.0 * std::f64::consts::PI).sqrt();
        assert!((mean - (1.0 - 6.0 - 2.0 * c)).abs() < 1e-9, "{mean}");
        let expected = 0.5 + 4.0 * (0.5 - c * c) - 2.0 * c + 15.0 / 4.0;
        assert!((variance - expected).abs() < 1e-9, "{variance} {expected}");
        // Sixty-four directions, against one alone.
        let wide: Vec<String> = (1..=64).map(|k| format!("tanh(z{k})")).collect();
        let moments = |text: &str| {
            let link = Link::parse(text, None).unwrap();
            LinkMoments::of(&Target {
                noise: 0.25,
                ..Target::of(link)
            })
        };
        let (wide, one) = (
            moments(&format!("({})/8", wide.join("+"))),
            moments("tanh(z1)"),
        );
        assert!(
            (wide.power - one.power).abs() < 1e-8,
            "{} {}",
            wide.power,
            one.power
        );
        assert!((wide.linear()[63] - one.linear()[0] / 8.0).abs() < 1e-8);
        assert!(wide.standard_errors.is_none());
    }
}
