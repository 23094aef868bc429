//! Expectations over a few independent standard normal variables.

use crate::batch::{Inputs, Role, Stream};
use crate::expr::{Expr, Function, Link};
use crate::gauss::{
    Rule, composite, gauss_hermite, golden_ratios, kink_points, normal_quantile, steep,
};
use crate::reduce::tree_sum;
use crate::theory::coordinates::of_normals;
use crate::watch::NEVER;

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};

/// Rules reach this far: beyond it the Gaussian mass is 2e-17.
const REACH: f64 = 8.5;
/// Points that are visited at a time; of a product of rules, before the light ones are left out.
const BLOCK: usize = 256;

/// The points at which an expectation is evaluated.
#[derive(Debug, Clone)]
pub(crate) enum Points {
    /// The product of one rule for each variable.
    Tensor(Vec<Rule>),
    /// Points one by one: a column for each variable, and weights.
    Listed(Vec<Vec<f64>>, Vec<f64>),
    /// Draws of this many variables.
    Sampled {
        variables: usize,
        count: usize,
        seed: u64,
        /// The law of the first so many, which are a target's coordinates; the others are normal.
        coordinates: (Inputs, usize),
    },
}

impl Points {
    /// The number of variables.
    pub(super) fn variables(&self) -> usize {
        match self {
            Points::Tensor(rules) => rules.len(),
            Points::Listed(columns, _) => columns.len(),
            Points::Sampled { variables, .. } => *variables,
        }
    }

    /// The number of points.
    pub(crate) fn count(&self) -> usize {
        match self {
            Points::Tensor(rules) => rules.iter().map(|rule| rule.nodes.len()).product(),
            Points::Listed(_, weights) => weights.len(),
            Points::Sampled { count, .. } => *count,
        }
    }

    /// The product of rules without points of less than `light` of the largest weight; none if there are more than `most`
    /// with them.
    pub(super) fn pruned(rules: &[Rule], light: f64, most: f64) -> Option<Self> {
        let all: f64 = rules.iter().map(|rule| rule.nodes.len() as f64).product();
        if all > most {
            return None;
        }
        let largest = |rule: &Rule| rule.weights.iter().fold(0.0f64, |m, w| m.max(w.abs()));
        let of_rest = |first: usize| rules[first..].iter().map(largest).product::<f64>();
        let least = light * of_rest(0);
        let (mut columns, mut weights) = (Vec::<Vec<f64>>::new(), vec![1.0]);
        for (j, rule) in rules.iter().enumerate() {
            let rest = of_rest(j + 1);
            let (mut from, mut last, mut products) = (Vec::new(), Vec::new(), Vec::new());
            for (place, weight) in weights.iter().enumerate() {
                for (x, w) in rule.nodes.iter().zip(&rule.weights) {
                    let product: f64 = weight * w;
                    if product.abs() * rest >= least {
                        from.push(place);
                        last.push(*x);
                        products.push(product);
                    }
                }
            }
            let kept = |column: &Vec<f64>| from.iter().map(|place| column[*place]).collect();
            columns = columns.iter().map(kept).collect();
            columns.push(last);
            weights = products;
        }
        Some(Self::Listed(columns, weights))
    }

    /// Whether expectations carry a sampling error.
    pub(super) fn is_sampled(&self) -> bool {
        matches!(self, Points::Sampled { .. })
    }

    /// `E f` for `length` functions at once: `visit(columns, weights, sums)` adds those of a block of points.
    ///
    /// The order of summation is fixed, whatever the number of threads.
    pub(super) fn expect(
        &self,
        length: usize,
        visit: impl Fn(&[Vec<f64>], &[f64], &mut [f64]) + Sync,
    ) -> Vec<f64> {
        self.expect_until(&NEVER, length, visit)
    }

    /// [`Points::expect`] of which nothing is worth anything once `stop` is set: blocks that are not begun are left out.
    pub(super) fn expect_until(
        &self,
        stop: &AtomicBool,
        length: usize,
        visit: impl Fn(&[Vec<f64>], &[f64], &mut [f64]) + Sync,
    ) -> Vec<f64> {
        let count = self.count();
        let least = self.least();
        tree_sum(count.div_ceil(BLOCK), length, |block, sums| {
            // Making the points of a link of several variables takes longer than visiting them.
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let first = block * BLOCK;
            let (mut columns, mut weights) = self.listed(first, BLOCK.min(count - first));
            keep_heavy(&mut columns, &mut weights, least);
            if !weights.is_empty() {
                visit(&columns, &weights, sums);
            }
        })
    }

    /// Points of less weight are left out: of a product of rules, what lies as far out together as the ends of one rule.
    fn least(&self) -> f64 {
        let Points::Tensor(rules) = self else {
            return 0.0;
        };
        let largest = |rule: &Rule| rule.weights.iter().fold(0.0f64, |m, w| m.max(w.abs()));
        (-REACH * REACH / 2.0).exp() * rules.iter().map(largest).product::<f64>()
    }

    /// The points from `first` on as columns, one for each variable, and their weights.
    pub(crate) fn listed(&self, first: usize, rows: usize) -> (Vec<Vec<f64>>, Vec<f64>) {
        let mut weights = vec![1.0 / self.count() as f64; rows];
        let mut columns = vec![vec![0.0; rows]; self.variables()];
        match self {
            Points::Tensor(rules) => {
                weights.fill(1.0);
                for row in 0..rows {
                    let mut index = first + row;
                    for (rule, column) in rules.iter().zip(&mut columns) {
                        let node = index % rule.nodes.len();
                        index /= rule.nodes.len();
                        column[row] = rule.nodes[node];
                        weights[row] *= rule.weights[node];
                    }
                }
            }
            Points::Listed(all, of_all) => {
                weights.copy_from_slice(&of_all[first..first + rows]);
                for (column, all) in columns.iter_mut().zip(all) {
                    column.copy_from_slice(&all[first..first + rows]);
                }
            }
            Points::Sampled {
                seed,
                coordinates: (law, r),
                ..
            } => {
                spread_normals(*seed, first, &mut columns);
                of_normals(*law, &mut columns[..*r]);
            }
        }
        (columns, weights)
    }
}

/// Leaves out the points of less weight than `least`.
fn keep_heavy(columns: &mut [Vec<f64>], weights: &mut Vec<f64>, least: f64) {
    let kept: Vec<usize> = (0..weights.len())
        .filter(|row| weights[*row].abs() >= least)
        .collect();
    if kept.len() == weights.len() {
        return;
    }
    for column in columns.iter_mut().chain([weights]) {
        for (to, from) in kept.iter().enumerate() {
            column[to] = column[*from];
        }
        column.truncate(kept.len());
    }
}

/// Variables that are spread evenly; further ones are random.
const SPREAD: usize = 8;

/// Normals for the samples from `first` on, one column for each variable.
///
/// Over all samples the first variables follow a randomly shifted Kronecker sequence of the generalised golden
/// ratio, which fills space more evenly than independent draws. Every shift gives unbiased averages: repetitions
/// with different seeds tell the error.
pub(super) fn spread_normals(seed: u64, first: usize, columns: &mut [Vec<f64>]) {
    let mut shifts = Stream::new(seed, Role::Theory, 0, 0);
    let even = columns.len().min(SPREAD);
    for (column, step) in columns[..even].iter_mut().zip(golden_ratios(even)) {
        let shift = shifts.uniform();
        for (row, x) in column.iter_mut().enumerate() {
            let place = (shift + step * (first + row) as f64).fract();
            *x = normal_quantile(place.clamp(f64::EPSILON, 1.0 - f64::EPSILON));
        }
    }
    let mut rest = Stream::new(seed, Role::Theory, 1, first as u64);
    for column in &mut columns[even..] {
        rest.fill_normal(column);
    }
}

/// The values of a link, with its argument list as columns.
pub(super) fn link_values(link: &Link, columns: &[Vec<f64>], out: &mut [f64]) {
    let columns: Vec<&[f64]> = columns[..link.r()].iter().map(Vec::as_slice).collect();
    link.eval_columns(&columns, out);
}

/// Equally spaced nodes: for entire integrands the error decays as `exp(-(2 pi / step)^2 / 2)`.
pub(super) fn trapezoid(step: f64) -> Rule {
    let most = (REACH / step).ceil() as i64;
    let nodes: Vec<f64> = (-most..=most).map(|j| j as f64 * step).collect();
    truncated(Rule {
        weights: nodes.iter().map(|x| (-x * x / 2.0).exp()).collect(),
        nodes,
    })
}

/// Gauss-Legendre panels of at most `width` with edges at the kinks.
pub(super) fn panels(kinks: &[f64], width: f64) -> Rule {
    truncated(composite(kinks, width))
}

/// Gauss-Hermite nodes, exact for polynomials up to this degree.
pub(super) fn exact_up_to(degree: usize) -> Rule {
    gauss_hermite(NonZeroUsize::MIN.saturating_add(degree / 2))
}

fn truncated(rule: Rule) -> Rule {
    let kept: Vec<(f64, f64)> = rule
        .nodes
        .into_iter()
        .zip(rule.weights)
        .filter(|(x, _)| x.abs() <= REACH)
        .collect();
    let total: f64 = kept.iter().map(|(_, w)| w).sum();
    Rule {
        nodes: kept.iter().map(|(x, _)| *x).collect(),
        weights: kept.iter().map(|(_, w)| w / total).collect(),
    }
}

/// The shape of a link, as far as quadrature needs it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shape {
    /// A polynomial of this degree.
    Polynomial(usize),
    /// No kinks.
    Smooth,
    /// Kinks on hyperplanes `z_k = const` alone: their places for each variable.
    AxisKinks(Vec<Vec<f64>>),
    /// Kinks elsewhere.
    Kinked,
}

impl Shape {
    pub(crate) fn of(link: &Link) -> Self {
        let expr = link.expr();
        if let Some(degree) = expr.polynomial_degree() {
            return Shape::Polynomial(degree as usize);
        }
        let mut kinks = expr.kinks();
        kinks.extend(steep(expr));
        if kinks.is_empty() {
            return Shape::Smooth;
        }
        let mut places = vec![Vec::new(); link.r()];
        for factor in kinks.iter().flat_map(Expr::vanishing_factors) {
            let mut variables = Vec::new();
            factor.visit(&mut |e| {
                if let Expr::Variable(k) = e
                    && !variables.contains(k)
                {
                    variables.push(*k);
                }
            });
            match variables[..] {
                [] => {}
                [k] => {
                    let of_one = Expr::Apply(Function::Abs, Box::new(on_first(factor)));
                    places[k].extend(kink_points(&of_one));
                }
                _ => return Shape::Kinked,
            }
        }
        for places in &mut places {
            places.sort_unstable_by(f64::total_cmp);
            places.dedup();
        }
        Shape::AxisKinks(places)
    }

    /// Points for expectations of `g^2 He_k` and `g He_k` with `k <= order`; at most about `budget`, else sampled.
    pub(crate) fn points(&self, r: usize, order: usize, budget: usize, seed: u64) -> Points {
        let per_variable = (budget as f64).powf(1.0 / r.max(1) as f64);
        let fits = |rules: &[Rule]| {
            let sizes = rules.iter().map(|rule| rule.nodes.len() as f64);
            sizes.product::<f64>() <= budget as f64
        };
        let tensor = match self {
            Shape::Polynomial(degree) => Some(vec![exact_up_to(2 * degree + order); r]),
            Shape::Smooth if per_variable >= 35.0 => {
                let step = (2.0 * REACH / (per_variable - 2.0)).max(1.0 / 16.0);
                Some(vec![trapezoid(step); r])
            }
            Shape::AxisKinks(places) => [0.5, 1.0, 2.0, 3.0]
                .iter()
                .map(|width| places.iter().map(|kinks| panels(kinks, *width)).collect())
                .find(|rules: &Vec<Rule>| fits(rules)),
            _ => None,
        };
        match tensor {
            Some(rules) if fits(&rules) => Points::Tensor(rules),
            _ => Points::Sampled {
                variables: r,
                count: budget,
                seed,
                coordinates: (Inputs::Gaussian, r),
            },
        }
    }
}

/// An expression of one variable, whichever it is, as one of the first.
pub(super) fn on_first(expr: &Expr) -> Expr {
    let one = |e: &Expr| Box::new(on_first(e));
    match expr {
        Expr::Variable(_) => Expr::Variable(0),
        Expr::Negate(e) => Expr::Negate(one(e)),
        Expr::Apply(function, e) => Expr::Apply(*function, one(e)),
        Expr::Hermite(k, e) => Expr::Hermite(*k, one(e)),
        Expr::Binary(operator, a, b) => Expr::Binary(*operator, one(a), one(b)),
        Expr::Number(_) | Expr::Pi => expr.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[test]
    fn an_expectation_ends_with_the_block_in_which_a_stop_is_asked_for() {
        let points = Points::Sampled {
            variables: 2,
            count: 100 * BLOCK,
            seed: 1,
            coordinates: (Inputs::Gaussian, 0),
        };
        let (stop, seen) = (AtomicBool::new(false), AtomicUsize::new(0));
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
        pool.unwrap().install(|| {
            points.expect_until(&stop, 1, |_, _, _| {
                stop.store(seen.fetch_add(1, Ordering::Relaxed) == 2, Ordering::Relaxed);
            })
        });
        assert_eq!(seen.into_inner(), 3);
    }

    #[test]
    fn kinks_of_products_lie_on_axes() {
        let shape = |text| Shape::of(&Link::parse(text, None).unwrap());
        assert_eq!(
            shape("sign(z1*z2*z3)"),
            Shape::AxisKinks(vec![vec![0.0]; 3])
        );
        assert_eq!(shape("max(z1, z2)"), Shape::Kinked);
        assert_eq!(
            shape("relu(z2 - 1) + z1"),
            Shape::AxisKinks(vec![vec![], vec![1.0]])
        );
        assert_eq!(shape("z1 + z2^3"), Shape::Polynomial(3));
        assert_eq!(shape("tanh(z1)"), Shape::Smooth);
    }
}
