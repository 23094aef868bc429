//! Gaussian integrals over a few directions, split at kinks, each with an error estimate.

use std::num::NonZeroUsize;

use gauss_quad::GaussLegendre;

use super::terms::affine;
use crate::expr::{Expr, Program};

/// Half the width of the line that is integrated over in one, two, three or four dimensions: the density beyond
/// is below 1e-31, 1e-22, 1e-17, 1e-14.
const EDGES: [f64; 5] = [12.0, 12.0, 10.0, 8.7, 8.0];

/// The most evaluations of the integrand at one resolution, in one and in more dimensions.
const MOST_EVALUATIONS: [f64; 2] = [1e5, 3e6];

/// A function of z, evaluated on columns.
pub type Columns<'a> = &'a dyn Fn(&[&[f64]], &mut [f64]);

/// A function `f(z)` on a subspace, in the coordinates of an orthonormal frame, with its kinks.
pub struct Integrand<'a> {
    function: Columns<'a>,
    frame: &'a [Vec<f64>],
    kinks: Vec<Kink>,
    r: usize,
}

enum Kink {
    /// Zero of `constant + <gradient, t>`.
    Plane { constant: f64, gradient: Vec<f64> },
    /// Zero of an expression of z.
    Curved(Program),
}

/// Hermite coefficients, or energies, with the error of the largest.
#[derive(Debug, Clone)]
pub struct Estimate {
    /// The numbers.
    pub values: Vec<f64>,
    /// A bound on the error of each, from two resolutions.
    pub error: f64,
}

impl<'a> Integrand<'a> {
    /// The function on the span of `frame`, smooth except at the zeros of `kinks`.
    pub fn new(function: Columns<'a>, kinks: &[Expr], frame: &'a [Vec<f64>], r: usize) -> Self {
        let mut planes: Vec<Kink> = Vec::new();
        for kink in kinks {
            planes.push(match affine(kink, r) {
                Some((constant, gradient)) => Kink::Plane {
                    constant,
                    gradient: frame
                        .iter()
                        .map(|f| super::span::dot(f, &gradient))
                        .collect(),
                },
                None => Kink::Curved(Program::new(kink)),
            });
        }
        Self {
            function,
            frame,
            kinks: planes,
            r,
        }
    }

    /// The number of directions.
    fn dimensions(&self) -> usize {
        self.frame.len()
    }

    fn edge(&self) -> f64 {
        EDGES[self.dimensions().min(4)]
    }

    fn point(&self, t: &[f64], z: &mut [f64]) {
        z.fill(0.0);
        for (value, direction) in t.iter().zip(self.frame) {
            for (z, d) in z.iter_mut().zip(direction) {
                *z += value * d;
            }
        }
    }

    /// Where panels along one axis must end, given the coordinates before it and zeros after it.
    fn edges(&self, t: &mut [f64], axis: usize, width: f64) -> Vec<f64> {
        let edge = self.edge();
        let count = (2.0 * edge / width).ceil();
        let mut edges: Vec<f64> = (0..=count as usize)
            .map(|i| edge * (2.0 * i as f64 / count - 1.0))
            .collect();
        for kink in &self.kinks {
            match kink {
                Kink::Plane { constant, gradient } => {
                    if gradient[axis].abs() > 1e-12 {
                        let before = super::span::dot(&gradient[..axis], &t[..axis]);
                        edges.push(-(constant + before) / gradient[axis]);
                    }
                }
                Kink::Curved(program) => {
                    let mut z = vec![0.0; self.r];
                    self.point(&t[..axis], &mut z);
                    roots(program, &z, &self.frame[axis], &mut edges);
                }
            }
        }
        edges.retain(|x| x.abs() <= edge);
        edges.sort_by(f64::total_cmp);
        edges.dedup_by(|a, b| (*a - *b).abs() < 1e-12);
        edges
    }

    /// `E[f prod_i he_{k_i}(t_i)]`, `he_k = He_k / sqrt(k!)`, for the exponents of [`exponents`].
    pub fn coefficients(&self, degree: u32) -> Estimate {
        let size = self.size();
        self.refined(size, |rule| {
            let tables = Tables::new(self.dimensions(), degree);
            let mut t = vec![0.0; self.dimensions()];
            let mut z = vec![0.0; self.r];
            self.inner(0, &mut t, &mut z, &tables, rule)
        })
    }

    /// `E|T_j(f_{U,x})|^2 / j!` for j = 0, ..., `order`, where U is spanned by the first `along` vectors of the
    /// frame and T_j is the conditional Hermite tensor across it.
    pub fn energies_across(&self, along: usize, order: u32) -> Estimate {
        let size = self.size().powi(2);
        self.refined(size, |rule| {
            let tables = Tables::new(self.dimensions() - along, order);
            let mut t = vec![0.0; self.dimensions()];
            let mut z = vec![0.0; self.r];
            let mut energies = vec![0.0; order as usize + 1];
            self.outer(0, along, 1.0, &mut t, &mut z, &tables, rule, &mut energies);
            energies
        })
    }

    #[allow(clippy::too_many_arguments)]
    fn outer(
        &self,
        axis: usize,
        along: usize,
        weight: f64,
        t: &mut [f64],
        z: &mut [f64],
        tables: &Tables,
        rule: &Rule,
        energies: &mut [f64],
    ) {
        if axis == along {
            let coefficients = self.inner(axis, t, z, tables, rule);
            for (value, exponents) in coefficients.iter().zip(&tables.exponents[tables.axes()]) {
                let degree: u32 = exponents.iter().sum();
                energies[degree as usize] += weight * value * value;
            }
            return;
        }
        for (x, w) in self.nodes(t, axis, rule) {
            t[axis] = x;
            self.outer(axis + 1, along, weight * w, t, z, tables, rule, energies);
        }
        t[axis] = 0.0;
    }

    /// The coefficients in the axes from `axis` on, at fixed earlier coordinates.
    fn inner(
        &self,
        axis: usize,
        t: &mut [f64],
        z: &mut [f64],
        tables: &Tables,
        rule: &Rule,
    ) -> Vec<f64> {
        if axis == t.len() {
            self.point(t, z);
            return self.column(z, None, &[(0.0, 1.0)]);
        }
        let left = t.len() - axis;
        let places = &tables.places[left];
        let mut sums = vec![0.0; tables.exponents[left].len()];
        let mut hermite = vec![0.0; tables.degree as usize + 1];
        let nodes = self.nodes(t, axis, rule);
        if left == 1 {
            self.point(t, z);
            let values = self.column(z, Some(axis), &nodes);
            for ((x, weight), value) in nodes.iter().zip(values) {
                normalised_hermite(*x, &mut hermite);
                for (sum, h) in sums.iter_mut().zip(&hermite) {
                    *sum += weight * value * h;
                }
            }
            return sums;
        }
        for (x, weight) in nodes {
            t[axis] = x;
            let rest = self.inner(axis + 1, t, z, tables, rule);
            normalised_hermite(x, &mut hermite);
            for (h, places) in hermite.iter().zip(places) {
                let factor = weight * h;
                for (value, &place) in rest.iter().zip(places) {
                    sums[place] += factor * value;
                }
            }
        }
        t[axis] = 0.0;
        sums
    }

    /// The values at `z + x frame[axis]` for the nodes x.
    fn column(&self, z: &[f64], axis: Option<usize>, nodes: &[(f64, f64)]) -> Vec<f64> {
        let columns: Vec<Vec<f64>> = z
            .iter()
            .enumerate()
            .map(|(i, z)| {
                let slope = axis.map_or(0.0, |axis| self.frame[axis][i]);
                nodes.iter().map(|(x, _)| z + slope * x).collect()
            })
            .collect();
        let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        let mut values = vec![0.0; nodes.len()];
        (self.function)(&columns, &mut values);
        values
    }

    fn nodes(&self, t: &mut [f64], axis: usize, rule: &Rule) -> Vec<(f64, f64)> {
        let (width, panel) = match rule {
            Rule::Panels { width, panel } => (*width, panel),
            Rule::Lattice(nodes) => return nodes.clone(),
        };
        let edges = self.edges(t, axis, width);
        let mut nodes = Vec::with_capacity(edges.len() * panel.len());
        for pair in edges.windows(2) {
            let (centre, half) = (0.5 * (pair[0] + pair[1]), 0.5 * (pair[1] - pair[0]));
            for (x, w) in panel {
                let x = centre + half * x;
                nodes.push((x, half * w * density(x)));
            }
        }
        nodes
    }

    /// `E|f|`, roughly: the scale on which an integral counts as zero.
    fn size(&self) -> f64 {
        let magnitude = |columns: &[&[f64]], out: &mut [f64]| {
            (self.function)(columns, out);
            out.iter_mut().for_each(|x| *x = x.abs());
        };
        let magnitude = Integrand {
            function: &magnitude,
            frame: self.frame,
            kinks: Vec::new(),
            r: self.r,
        };
        let mut t = vec![0.0; self.dimensions()];
        let mut z = vec![0.0; self.r];
        let tables = Tables::new(self.dimensions(), 0);
        magnitude.inner(0, &mut t, &mut z, &tables, &Rule::panels(4.0, 6))[0]
    }

    /// The estimate at finer and finer panels, until two agree on the scale of `size` or the budget is spent.
    fn refined(&self, size: f64, at: impl Fn(&Rule) -> Vec<f64>) -> Estimate {
        let m = self.dimensions();
        if m == 0 {
            return Estimate {
                values: at(&Rule::panels(1.0, 1)),
                error: 0.0,
            };
        }
        if m >= 3 && self.kinks.is_empty() {
            return self.on_lattices(size, at);
        }
        let (mut width, order) = match m {
            1 => (1.0, 14),
            2 => (2.0, 12),
            3 => (3.0, 8),
            _ => (4.0, 8),
        };
        let mut values = at(&Rule::panels(width * 1.5, order));
        let mut last = f64::INFINITY;
        loop {
            let finer = at(&Rule::panels(width, order));
            let scale = finer.iter().fold(size.max(1e-300), |a, b| a.max(b.abs()));
            let difference = values
                .iter()
                .zip(&finer)
                .map(|(a, b)| (a - b).abs())
                .fold(0.0, f64::max);
            values = finer;
            width *= 0.5;
            let cost = (1.4 * order as f64 * 2.0 * self.edge() / width).powi(m as i32);
            // Below 1e-9 a difference that no longer falls is rounding.
            let settled = difference <= 1e-12 * scale
                || difference <= 1e-9 * scale && difference > 0.7 * last;
            // What is left after the next halving is smaller than this difference at least as much as this one
            // is smaller than the last.
            let ratio = (difference / last).clamp(1e-3, 1.0);
            let ratio = if last.is_finite() { ratio } else { 1.0 };
            last = difference;
            if settled || cost > MOST_EVALUATIONS[usize::from(m > 1)] || !difference.is_finite() {
                return Estimate {
                    values,
                    error: difference * ratio + 1e-14 * scale,
                };
            }
        }
    }
}

/// The most points of a lattice and its centres in three, four and five dimensions.
const MOST_POINTS: [f64; 3] = [4.5e6, 1.2e7, 2.5e7];

impl Integrand<'_> {
    /// The estimate of a smooth integrand on finer and finer cubic lattices, each with its centres.
    ///
    /// The leading errors of a lattice and of its centres are opposite: half their difference tells the error of
    /// each, and their mean is better than either.
    fn on_lattices(&self, size: f64, at: impl Fn(&Rule) -> Vec<f64>) -> Estimate {
        const FINER: f64 = 0.8;
        let edge = self.edge();
        let most = MOST_POINTS[self.dimensions().clamp(3, 5) - 3];
        let mut step = 1.0;
        let mut last = f64::INFINITY;
        loop {
            let [corners, centres] =
                [0.0, 0.5].map(|offset| at(&Rule::lattice(step, offset, edge)));
            let pairs = || corners.iter().zip(&centres);
            let values: Vec<f64> = pairs().map(|(a, b)| 0.5 * (a + b)).collect();
            let scale = values.iter().fold(size.max(1e-300), |a, b| a.max(b.abs()));
            let difference = pairs()
                .map(|(a, b)| 0.5 * (a - b).abs())
                .fold(0.0, f64::max);
            // The next lattice, not computed, would be better by this factor at least, and so is the mean.
            let ratio = (difference / last).clamp(1e-3, 1.0);
            let ratio = if last.is_finite() { ratio } else { 1.0 };
            last = difference;
            step *= FINER;
            let cost = 2.0 * (2.0 * edge / step).powi(self.dimensions() as i32);
            if difference <= 1e-12 * scale || cost > most || !difference.is_finite() {
                return Estimate {
                    values,
                    error: difference * ratio + 1e-13 * scale,
                };
            }
        }
    }
}

/// Where the points along each axis lie.
enum Rule {
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
    fn panels(width: f64, order: usize) -> Self {
        let order = NonZeroUsize::new(order).unwrap_or(NonZeroUsize::MIN);
        Self::Panels {
            width,
            panel: GaussLegendre::new(order).as_node_weight_pairs().to_vec(),
        }
    }

    /// The points `(j + offset) step` up to `edge`.
    fn lattice(step: f64, offset: f64, edge: f64) -> Self {
        let last = (edge / step).ceil() as i64;
        let point = |j: i64| (j as f64 + offset) * step;
        let nodes = (-last..=last).map(point).filter(|x| x.abs() <= edge);
        Self::Lattice(nodes.map(|x| (x, step * density(x))).collect())
    }
}

/// The standard normal density.
fn density(x: f64) -> f64 {
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
fn roots(program: &Program, origin: &[f64], direction: &[f64], found: &mut Vec<f64>) {
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
struct Tables {
    degree: u32,
    exponents: Vec<Vec<Vec<u32>>>,
    places: Vec<Vec<Vec<usize>>>,
}

impl Tables {
    fn new(axes: usize, degree: u32) -> Self {
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

    fn axes(&self) -> usize {
        self.exponents.len() - 1
    }
}
