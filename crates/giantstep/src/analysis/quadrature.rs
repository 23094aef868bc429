//! Gaussian integrals over a few directions, split at kinks, each with an error estimate.

use super::rules::{Rule, Tables};
use super::span::dot;
use super::terms::affine;
use crate::expr::{Expr, Program};
use crate::gauss::{density, normalised_hermite, roots};

/// Half the width of the line that is integrated over in one, two, three, four or more dimensions.
const EDGES: [f64; 5] = [24.0, 24.0, 12.0, 8.7, 8.0];

/// The steps of the lattices on which the tail beyond is estimated, in up to five dimensions.
const COARSE: [f64; 6] = [0.5, 0.5, 0.5, 0.8, 1.0, 1.2];

/// The most evaluations of the integrand at one resolution, in one and in two dimensions.
const MOST_EVALUATIONS: [f64; 2] = [1e5, 3e6];

/// Orders of Gauss-Legendre rules on panels of this width, in three and in four dimensions: between kinks the
/// integrand is analytic, and the error falls faster with the order than with the width.
const ORDERS: [(f64, &[usize]); 2] = [(4.35, &[7, 9, 11, 13, 15, 18]), (8.0, &[9, 11, 13, 15, 17])];

/// The same where kinks are no planes: to find them on every line is most of the cost, and rules that hardly
/// converge are given up.
const ORDERS_CURVED: [(f64, &[usize]); 2] = [(4.35, &[7, 9, 11, 13]), (8.0, &[9, 11, 13, 15, 17])];

/// The differences, relative, at which two estimates in up to two and in more directions agree well enough.
const AGREED: [f64; 2] = [1e-12, 1e-9];

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
                    gradient: frame.iter().map(|f| dot(f, &gradient)).collect(),
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
                        let before = dot(&gradient[..axis], &t[..axis]);
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
        let (size, tail) = self.magnitude(degree);
        self.refined(size, tail, |rule| {
            let tables = Tables::new(self.dimensions(), degree);
            let mut t = vec![0.0; self.dimensions()];
            let mut z = vec![0.0; self.r];
            self.inner(0, &mut t, &mut z, &tables, rule)
        })
    }

    /// `E|T_j(f_{U,x})|^2 / j!` for j = 0, ..., `order`, where U is spanned by the first `along` vectors of the
    /// frame and T_j is the conditional Hermite tensor across it.
    pub fn energies_across(&self, along: usize, order: u32) -> Estimate {
        let (size, tail) = self.magnitude(order);
        self.refined(size * size, 2.0 * size * tail, |rule| {
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

    /// `E|f|`, roughly, the scale on which an integral counts as zero; and a bound on what lies beyond the edges in
    /// coefficients up to a degree, infinite where the integrand hardly falls off.
    ///
    /// The ratio of the masses of two shells inside the edges bounds that of the outer one and what lies beyond.
    fn magnitude(&self, degree: u32) -> (f64, f64) {
        let m = self.dimensions();
        let edge = self.edge();
        let rule = Rule::lattice(COARSE[m.min(5)], 0.37, edge);
        let tables = Tables::new(m, 0);
        let beyond = |radius: f64| {
            let function = |columns: &[&[f64]], out: &mut [f64]| {
                (self.function)(columns, out);
                for (i, x) in out.iter_mut().enumerate() {
                    let far = |f: &Vec<f64>| {
                        let t: f64 = f.iter().zip(columns).map(|(f, c)| f * c[i]).sum();
                        t.abs() >= radius
                    };
                    *x = if radius == 0.0 || self.frame.iter().any(far) {
                        x.abs()
                    } else {
                        0.0
                    };
                }
            };
            let magnitude = Integrand {
                function: &function,
                frame: self.frame,
                kinks: Vec::new(),
                r: self.r,
            };
            magnitude.inner(0, &mut vec![0.0; m], &mut vec![0.0; self.r], &tables, &rule)[0]
        };
        let size = beyond(0.0);
        if m == 0 {
            return (size, 0.0);
        }
        let outer = beyond(5.0 / 6.0 * edge);
        let inner = beyond(2.0 / 3.0 * edge) - outer;
        let mut hermite = vec![0.0; degree as usize + 1];
        normalised_hermite(edge, &mut hermite);
        let largest = hermite.iter().fold(1.0f64, |a, h| a.max(h.abs()));
        let tail = if outer == 0.0 {
            0.0
        } else if outer < 0.7 * inner {
            outer * outer / (inner - outer) * largest
        } else {
            f64::INFINITY
        };
        (size, tail)
    }

    /// The estimate at finer and finer panels, until two agree on the scale of `size` or the budget is spent; what
    /// lies beyond the edges is at most `tail`.
    fn refined(&self, size: f64, tail: f64, at: impl Fn(&Rule) -> Vec<f64>) -> Estimate {
        let m = self.dimensions();
        if m == 0 {
            return Estimate {
                values: at(&Rule::panels(1.0, 1)),
                error: 0.0,
            };
        }
        let mut estimate = if m >= 3 && self.kinks.is_empty() {
            self.on_lattices(size, at)
        } else if m >= 3 {
            let curved = self.kinks.iter().any(|k| matches!(k, Kink::Curved(_)));
            let table = if curved { ORDERS_CURVED } else { ORDERS };
            let (width, orders) = table[m.min(4) - 3];
            let rules = orders.iter().map(|order| Rule::panels(width, *order));
            converged(size, AGREED[1], rules, at)
        } else {
            let (start, order) = if m == 1 { (1.0, 14) } else { (2.0, 12) };
            let widths = std::iter::successors(Some(1.5 * start), |w| {
                Some(if *w > start { start } else { 0.5 * w })
            });
            let affordable = widths.take_while(|width| {
                let points: f64 = 1.4 * order as f64 * 2.0 * self.edge() / width;
                *width >= start || points.powi(m as i32) <= MOST_EVALUATIONS[m - 1]
            });
            converged(
                size,
                AGREED[0],
                affordable.map(|w| Rule::panels(w, order)),
                at,
            )
        };
        estimate.error += tail;
        estimate
    }
}

/// The estimate by better and better rules, until two agree on the scale of `size`, or to the last one.
fn converged(
    size: f64,
    agreed: f64,
    mut rules: impl Iterator<Item = Rule>,
    at: impl Fn(&Rule) -> Vec<f64>,
) -> Estimate {
    let mut estimate = Estimate {
        values: rules.next().map(|rule| at(&rule)).unwrap_or_default(),
        error: f64::INFINITY,
    };
    let mut last = f64::INFINITY;
    for rule in rules {
        let finer = at(&rule);
        let scale = finer.iter().fold(size.max(1e-300), |a, b| a.max(b.abs()));
        let pairs = estimate.values.iter().zip(&finer);
        let difference = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        // Below 1e-9 a difference that no longer falls is rounding.
        let settled =
            difference <= agreed * scale || difference <= 1e-9 * scale && difference > 0.7 * last;
        // What is left after the next refinement is smaller than this difference at least as much as this one
        // is smaller than the last.
        let ratio = (difference / last).clamp(1e-3, 1.0);
        let ratio = if last.is_finite() { ratio } else { 1.0 };
        let slow = last.is_finite() && difference > 0.3 * last;
        last = difference;
        estimate = Estimate {
            values: finer,
            error: difference * ratio + 1e-14 * scale,
        };
        let hopeless = agreed > AGREED[0] && slow;
        if settled || hopeless || !difference.is_finite() {
            break;
        }
    }
    estimate
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
            if difference <= AGREED[1] * scale || cost > most || !difference.is_finite() {
                return Estimate {
                    values,
                    error: difference * ratio + 1e-13 * scale,
                };
            }
        }
    }
}
