//! The labels of the step: averages over them of functions of y, alone and times the target's coordinates.

use crate::expr::Link;
use crate::theory::expectation::{Shape, link_values, trapezoid};

/// Points for each direction, and at most.
const EACH: usize = 96;
const MOST: usize = 1 << 20;
/// The step of the rule for the noise.
const NOISE: f64 = 1.0;
/// Lighter points are left out.
const LIGHT: f64 = 1e-13;
/// More points than this become nodes, three on each interval of this width in `asinh(y / scale)`.
const FEW: usize = 400;
const WIDTH: f64 = 0.1;

/// Values of y with the weights that average functions of y: `E f = sum_q mean_q f(y_q)`, the same times `z_a`, and times `z_a z_b`.
#[derive(Debug, Clone, Default)]
pub(super) struct LabelLaw {
    pub values: Vec<f64>,
    pub mean: Vec<f64>,
    /// By direction a.
    pub first: Vec<Vec<f64>>,
    /// By a and b, `a r + b`.
    pub second: Vec<Vec<f64>>,
}

impl LabelLaw {
    /// Of the labels `link(z) - removed` with noise of this variance; none where quadrature does not reach.
    pub(super) fn new(link: &Link, r: usize, removed: f64, noise: f64) -> Option<Self> {
        let shape = match Shape::of(link) {
            // Of a polynomial, functions with poles are averaged.
            Shape::Polynomial(_) => Shape::Smooth,
            shape => shape,
        };
        let budget = EACH.saturating_pow(r.max(2) as u32).min(MOST);
        let points = shape.points(r, 2, budget, 0);
        if points.is_sampled() {
            return None;
        }
        let (columns, weights) = points.listed(0, points.count());
        let mut values = vec![0.0; weights.len()];
        link_values(link, &columns, &mut values);
        let rule = trapezoid(NOISE);
        let shifts: Vec<(f64, f64)> = match noise {
            0.0 => vec![(0.0, 1.0)],
            variance => {
                let nodes = rule.nodes.iter().map(|x| x * variance.sqrt());
                nodes.zip(rule.weights).collect()
            }
        };
        let all = (0..weights.len()).flat_map(|row| {
            let (value, weight) = (values[row] - removed, weights[row]);
            let shifted = shifts.iter();
            shifted.map(move |(shift, share)| (row, value + shift, weight * share))
        });
        let kept: Vec<_> = all.filter(|(_, _, weight)| weight.abs() > LIGHT).collect();
        let power: f64 = kept.iter().map(|(_, y, weight)| weight * y * y).sum();
        let direct = kept.len() <= FEW || power <= 0.0;
        let intervals = match direct {
            true => None,
            false => Some(Intervals::new(
                kept.iter().map(|point| point.1),
                power.sqrt(),
            )),
        };
        let size = intervals.as_ref().map_or(kept.len(), |x| 3 * x.count);
        let mut law = Self {
            values: match &intervals {
                None => kept.iter().map(|point| point.1).collect(),
                Some(intervals) => intervals.nodes(),
            },
            mean: vec![0.0; size],
            first: vec![vec![0.0; size]; r],
            second: vec![vec![0.0; size]; r * r],
        };
        for (place, (row, y, weight)) in kept.into_iter().enumerate() {
            let shares = match &intervals {
                None => [(place, 1.0); 1].to_vec(),
                Some(intervals) => intervals.shares(y),
            };
            for (node, share) in shares {
                let weight = weight * share;
                law.mean[node] += weight;
                for (a, column) in columns.iter().enumerate() {
                    let along = weight * column[row];
                    law.first[a][node] += along;
                    for (b, other) in columns.iter().enumerate() {
                        law.second[a * r + b][node] += along * other[row];
                    }
                }
            }
        }
        Some(law)
    }

    /// `E f(y)`, with weights of this law.
    pub(super) fn average(&self, weights: &[f64], f: impl Fn(f64) -> f64) -> f64 {
        let pairs = self.values.iter().zip(weights);
        pairs.map(|(y, weight)| weight * f(*y)).sum()
    }
}

/// Intervals that widen with |y|, on which functions are parabolas through three nodes.
struct Intervals {
    scale: f64,
    low: f64,
    count: usize,
}

impl Intervals {
    fn new(values: impl Iterator<Item = f64>, scale: f64) -> Self {
        let places = values.map(|y| (y / scale).asinh());
        let (low, high) = places.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| {
            (low.min(x), high.max(x))
        });
        Self {
            scale,
            low,
            count: ((high - low) / WIDTH).floor() as usize + 1,
        }
    }

    /// The ends and the middle of an interval, pulled in to where three nodes serve best.
    fn at(&self, interval: usize) -> [f64; 3] {
        let end = |k: usize| self.scale * (self.low + k as f64 * WIDTH).sinh();
        let (from, to) = (end(interval), end(interval + 1));
        let (middle, half) = ((from + to) / 2.0, (to - from) / 2.0);
        let apart = half * 0.75f64.sqrt();
        [middle - apart, middle, middle + apart]
    }

    fn nodes(&self) -> Vec<f64> {
        (0..self.count).flat_map(|k| self.at(k)).collect()
    }

    /// The nodes of y with their shares, those of the parabola.
    fn shares(&self, y: f64) -> Vec<(usize, f64)> {
        let place = (((y / self.scale).asinh() - self.low) / WIDTH) as usize;
        let interval = place.min(self.count - 1);
        let nodes = self.at(interval);
        let share = |k: usize| {
            let others = (0..3).filter(|l| *l != k);
            others
                .map(|l| (y - nodes[l]) / (nodes[k] - nodes[l]))
                .product()
        };
        (0..3).map(|k| (3 * interval + k, share(k))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_are_those_of_the_labels() {
        // y = z1 + z1 z2, with noise: E y^2 = 2.3, E y z1 = 1, E y z1 z2 = 1, E y^2 z2 = 2.
        let link = Link::parse("z1 + z1*z2", None).unwrap();
        let law = LabelLaw::new(&link, 2, 0.0, 0.3).unwrap();
        assert!(law.values.len() < 1000, "{}", law.values.len());
        for (weights, power, expected) in [
            (&law.mean, 0, 1.0),
            (&law.mean, 1, 0.0),
            (&law.mean, 2, 2.3),
            (&law.first[0], 1, 1.0),
            (&law.first[1], 1, 0.0),
            (&law.second[1], 1, 1.0),
            (&law.first[1], 2, 2.0),
            (&law.second[3], 0, 1.0),
        ] {
            let found = law.average(weights, |y| y.powi(power));
            assert!(
                (found - expected).abs() < 1e-6,
                "y^{power}: {found}, not {expected}"
            );
        }
        // Of sin(z1): E 1/(1 + y^2) by a fine sum.
        let link = Link::parse("sin(z1) + 0*z2", None).unwrap();
        let law = LabelLaw::new(&link, 2, 0.0, 0.0).unwrap();
        let found = law.average(&law.mean, |y| 1.0 / (1.0 + y * y));
        let expected = trapezoid(1e-3).expect(|z| 1.0 / (1.0 + z.sin().powi(2)));
        // What parabolas leave.
        assert!((found - expected).abs() < 5e-6, "{found} {expected}");
    }

    #[test]
    fn links_beyond_quadrature_have_no_law() {
        let link = |text| Link::parse(text, None).unwrap();
        assert!(LabelLaw::new(&link("max(z1, z2)"), 2, 0.0, 0.0).is_none());
        assert!(LabelLaw::new(&link("tanh(z1*z2*z3*z4)"), 4, 0.0, 0.0).is_none());
        assert!(LabelLaw::new(&link("sign(z1*z2*z3)"), 3, 0.0, 0.5).is_some());
    }
}
