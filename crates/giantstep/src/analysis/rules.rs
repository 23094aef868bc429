//! Rules in one dimension, zeros along a line, and the exponents of Hermite products.

use std::num::NonZeroUsize;

use gauss_quad::GaussLegendre;

use crate::expr::Program;

/// Where the points along each axis lie.
pub enum Rule {
    /// Panels of one width, split at kinks, with this Gauss-Legendre rule on each.
    Panels {
        /// The width.
        width: f64,
        /// Nodes on [-1, 1] and weights.
        panel: Vec<(f64, f64)>,
    },
    /// Equal steps, weights by the density: the error falls exponentially for smooth functions.
    Lattice(Vec<(f64, f64)>),
}

impl Rule {
    /// Panels of this width with a Gauss-Legendre rule of this order.
    pub fn panels(width: f64, order: usize) -> Self {
        let order = NonZeroUsize::new(order).unwrap_or(NonZeroUsize::MIN);
        Self::Panels {
            width,
            panel: GaussLegendre::new(order).as_node_weight_pairs().to_vec(),
        }
    }

    /// The points `(j + offset) step` up to `edge`.
    pub fn lattice(step: f64, offset: f64, edge: f64) -> Self {
        let last = (edge / step).ceil() as i64;
        let point = |j: i64| (j as f64 + offset) * step;
        let nodes = (-last..=last).map(point).filter(|x| x.abs() <= edge);
        Self::Lattice(nodes.map(|x| (x, step * density(x))).collect())
    }
}

/// The standard normal density.
pub fn density(x: f64) -> f64 {
    (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

/// Writes `he_k(x) = He_k(x) / sqrt(k!)`.
pub fn normalised_hermite(x: f64, out: &mut [f64]) {
    let (mut low, mut high) = (0.0, 1.0);
    for (k, out) in out.iter_mut().enumerate() {
        *out = high;
        let k = k as f64;
        (low, high) = (high, (x * high - k.sqrt() * low) / (k + 1.0).sqrt());
    }
}

/// The zeros of a function along a line: sign changes on a grid, refined by false position.
///
/// A pair of zeros between two points of the grid is missed; the error estimate of the integral tells.
pub fn roots(program: &Program, origin: &[f64], direction: &[f64], found: &mut Vec<f64>) {
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

/// The exponents of `axes` variables of total degree up to `degree`, by degree.
pub fn exponents(axes: usize, degree: u32) -> Vec<Vec<u32>> {
    let mut all = vec![Vec::new()];
    for _ in 0..axes {
        all = all
            .into_iter()
            .flat_map(|tail: Vec<u32>| {
                let used: u32 = tail.iter().sum();
                (0..=degree - used).map(move |k| {
                    let mut exponents = vec![k];
                    exponents.extend(&tail);
                    exponents
                })
            })
            .collect();
    }
    all.sort_by_key(|e| e.iter().sum::<u32>());
    all
}

/// For each number of remaining axes, the exponents, and where `(k, rest)` stands among them.
pub struct Tables {
    /// The largest degree.
    pub degree: u32,
    /// The exponents.
    pub exponents: Vec<Vec<Vec<u32>>>,
    /// The places of `(k, rest)`, for each k.
    pub places: Vec<Vec<Vec<usize>>>,
}

impl Tables {
    /// For up to `axes` axes.
    pub fn new(axes: usize, degree: u32) -> Self {
        let exponents: Vec<_> = (0..=axes).map(|m| exponents(m, degree)).collect();
        let mut places = vec![Vec::new()];
        for m in 1..=axes {
            let index: std::collections::HashMap<&[u32], usize> = exponents[m]
                .iter()
                .enumerate()
                .map(|(i, e)| (e.as_slice(), i))
                .collect();
            let of_degree = (0..=degree).map(|k| {
                exponents[m - 1]
                    .iter()
                    .take_while(|rest| rest.iter().sum::<u32>() + k <= degree)
                    .map(|rest| index[[&[k], rest.as_slice()].concat().as_slice()])
                    .collect()
            });
            places.push(of_degree.collect());
        }
        Self {
            degree,
            exponents,
            places,
        }
    }

    /// The number of axes.
    pub fn axes(&self) -> usize {
        self.exponents.len() - 1
    }
}
