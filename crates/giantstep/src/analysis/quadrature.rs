//! Gaussian integrals over a few directions, split at kinks, each with an error estimate.
//!
//! Over one and two directions the panels are split until their halves agree ([`super::adaptive`]), between all
//! zeros of the kinks; over more, rules of growing order are compared ([`super::nested`]).

use super::estimate::Estimate;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use super::adaptive::{AGREED, ORDER, Rules, adaptive};
use super::budget::Work;
use super::kinks::Kinks;
use super::rules::{Rule, Tables};
use super::span::dot;
use crate::gauss::{density, legendre, normalised_hermite};

/// Half the width of the line that is integrated over in one, two, three, four or more dimensions.
const EDGES: [f64; 5] = [24.0, 24.0, 12.0, 8.7, 8.0];

/// The steps of the lattices on which the tail beyond is estimated, in up to five dimensions.
const COARSE: [f64; 6] = [0.5, 0.5, 0.5, 0.8, 1.0, 1.2];

/// The widest panels in one dimension, and along the first and the second axis of two.
const WIDTHS: [f64; 3] = [0.25, 2.0, 2.0];

/// The most panels in one dimension, and along the first and the second axis of two.
const PANELS: [usize; 3] = [20_000, 1_500, 3_000];

/// A function of z, evaluated on columns.
pub type Columns<'a> = &'a (dyn Fn(&[&[f64]], &mut [f64]) + Sync);

/// A function `f(z)` on a subspace, in the coordinates of an orthonormal frame, with its kinks.
pub struct Integrand<'a> {
    pub(super) function: Columns<'a>,
    pub(super) frame: &'a [Vec<f64>],
    pub(super) kinks: Arc<Kinks>,
    pub(super) r: usize,
    pub(super) work: Work<'a>,
    /// The largest part of a line on which kinks could not be told from none, weighted by the density: its bits, which are
    /// ordered as numbers that are not negative are.
    blurred: AtomicU64,
}

impl<'a> Integrand<'a> {
    /// The function on the span of `frame`, smooth except at the zeros of `kinks`.
    pub fn new(
        function: Columns<'a>,
        kinks: Arc<Kinks>,
        frame: &'a [Vec<f64>],
        r: usize,
        work: Work<'a>,
    ) -> Self {
        Self {
            function,
            frame,
            kinks,
            r,
            work,
            blurred: AtomicU64::new(0),
        }
    }

    /// The number of directions.
    pub(super) fn dimensions(&self) -> usize {
        self.frame.len()
    }

    pub(super) fn edge(&self) -> f64 {
        EDGES[self.dimensions().min(4)]
    }

    pub(super) fn point(&self, t: &[f64], z: &mut [f64]) {
        z.fill(0.0);
        for (value, direction) in t.iter().zip(self.frame) {
            for (z, d) in z.iter_mut().zip(direction) {
                *z += value * d;
            }
        }
    }

    /// Where panels along one axis must end, given the coordinates before it and zeros after it.
    pub(super) fn edges(&self, t: &[f64], axis: usize, width: f64, also: &[f64]) -> Vec<f64> {
        let edge = self.edge();
        let mut edges = grid(edge, width);
        edges.extend(also);
        for plane in &self.kinks.planes {
            if plane.gradient[axis].abs() > 1e-12 {
                let before = dot(&plane.gradient[..axis], &t[..axis]);
                edges.push(-(plane.constant + before) / plane.gradient[axis]);
            }
        }
        if !self.kinks.curved.is_empty() {
            let mut z = vec![0.0; self.r];
            self.point(&t[..axis], &mut z);
            for kink in &self.kinks.curved {
                let zeros = kink.zeros(&t[..axis], &z, &self.frame[axis], edge, self.work);
                edges.extend(&zeros.places);
                for &(low, high) in &zeros.blurred {
                    edges.extend([low, high]);
                    let here: f64 = t[..axis].iter().map(|x| density(*x)).product();
                    let mass = here * (high - low) * density(0.0f64.clamp(low, high));
                    self.blurred.fetch_max(mass.to_bits(), Ordering::Relaxed);
                }
            }
        }
        edges.retain(|x| x.abs() <= edge);
        edges.sort_unstable_by(f64::total_cmp);
        edges.dedup_by(|a, b| (*a - *b).abs() < 1e-14 * (1.0 + b.abs()));
        edges
    }

    /// The values at `z + x frame[axis]` for the nodes x.
    pub(super) fn column(&self, z: &[f64], axis: Option<usize>, nodes: &[(f64, f64)]) -> Vec<f64> {
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

    /// `E[f prod_i he_{k_i}(t_i)]`, `he_k = He_k / sqrt(k!)`, for the exponents of [`super::rules::exponents`].
    pub fn coefficients(&self, degree: u32) -> Estimate {
        let (size, tail) = self.magnitude(degree);
        let mut estimate = match self.dimensions() {
            0 => self.at_origin(),
            1 => self.on_line(&[], size, degree, false),
            2 => self.on_plane(
                size,
                |x, line, tables, sums| {
                    let mut hermite = vec![0.0; degree as usize + 1];
                    normalised_hermite(x, &mut hermite);
                    for (h, places) in hermite.iter().zip(&tables.places[2]) {
                        for (value, &place) in line.values.iter().zip(places) {
                            sums[place] += h * value;
                        }
                    }
                    hermite.iter().fold(1.0f64, |a, h| a.max(h.abs())) * line.error
                },
                degree,
                false,
            ),
            _ => self.nested_coefficients(size, degree),
        };
        estimate.error += tail + self.untold(size, &estimate);
        estimate
    }

    /// `E|T_j(f_{U,x})|^2 / j!` for j = 0, ..., `order`, where U is spanned by the first `along` vectors of the
    /// frame and T_j is the conditional Hermite tensor across it.
    pub fn energies_across(&self, along: usize, order: u32) -> Estimate {
        let m = self.dimensions();
        let (size, tail) = self.magnitude(order);
        let square = size * size;
        let mut estimate = match (m, along) {
            (0, _) => {
                let mut estimate = self.at_origin();
                estimate.values[0] *= estimate.values[0];
                estimate.values.resize(order as usize + 1, 0.0);
                return estimate;
            }
            (1 | 2, 0) => {
                let estimate = self.coefficients(order);
                let mut energies = vec![0.0; order as usize + 1];
                let all = super::rules::exponents(m, order);
                for (value, exponents) in estimate.values.iter().zip(all) {
                    energies[exponents.iter().sum::<u32>() as usize] += value * value;
                }
                let largest = energies.iter().sum::<f64>().sqrt();
                return Estimate {
                    values: energies,
                    error: 2.0 * largest * estimate.error * (m as f64 * f64::from(order)).max(1.0),
                };
            }
            (1, _) => self.on_line(&[], square, 0, true),
            (2, 1) => self.on_plane(
                square,
                |_, line, _, sums| {
                    let mut error: f64 = 0.0;
                    for (sum, value) in sums.iter_mut().zip(&line.values) {
                        *sum += value * value;
                        error = error.max(2.0 * value.abs() * line.error);
                    }
                    error
                },
                order,
                false,
            ),
            (2, _) => self.on_plane(
                square,
                |_, line, _, sums| {
                    sums[0] += line.values[0];
                    line.error
                },
                0,
                true,
            ),
            _ => self.nested_energies(square, along, order),
        };
        estimate.values.resize(order as usize + 1, 0.0);
        estimate.error += 2.0 * size * tail + self.untold(square, &estimate);
        estimate
    }

    fn at_origin(&self) -> Estimate {
        Estimate {
            values: self.column(&vec![0.0; self.r], None, &[(0.0, 1.0)]),
            error: 0.0,
        }
    }

    /// What kinks that could not be told may have cost: the mass of the places where they may be, twice the values.
    fn untold(&self, size: f64, estimate: &Estimate) -> f64 {
        let bands = self.kinks.bands.iter();
        let mass: f64 = bands
            .map(|b| (b.high - b.low) * density(0.0f64.clamp(b.low, b.high)))
            .sum();
        let largest = estimate.values.iter().fold(size, |a, v| a.max(v.abs()));
        4.0 * largest * (mass + f64::from_bits(self.blurred.load(Ordering::Relaxed)))
    }

    /// The coefficients along the last axis, of the function or of its square, at these coordinates before it.
    fn on_line(&self, before: &[f64], size: f64, degree: u32, squared: bool) -> Estimate {
        self.on_line_with(before, size, degree, squared, &[])
    }

    fn on_line_with(
        &self,
        before: &[f64],
        size: f64,
        degree: u32,
        squared: bool,
        also: &[f64],
    ) -> Estimate {
        let axis = before.len();
        let mut t = before.to_vec();
        t.push(0.0);
        let mut z = vec![0.0; self.r];
        self.point(before, &mut z);
        let width = WIDTHS[if axis == 0 { 0 } else { 2 }];
        let edges = self.edges(&t, axis, width, also);
        let panel = panel();
        let mut hermite = vec![0.0; degree as usize + 1];
        let rules = Rules {
            size,
            panels: PANELS[if axis == 0 { 0 } else { 2 }],
            carried: 0,
            agreed: AGREED,
            enough: Some((1e-6, 1e-12)),
        };
        adaptive(&edges, &rules, &mut |panels| {
            let mut nodes = Vec::with_capacity(panels.len() * ORDER);
            for (a, b) in panels {
                let half = 0.5 * (b - a);
                nodes.extend(panel.iter().map(|(x, w)| {
                    let x = a + half * (1.0 + x);
                    (x, half * w * density(x))
                }));
            }
            let values = self.column(&z, Some(axis), &nodes);
            self.work.add((nodes.len() * hermite.len()) as u64);
            nodes
                .chunks(ORDER)
                .zip(values.chunks(ORDER))
                .map(|(nodes, values)| {
                    let mut sums = vec![0.0; hermite.len()];
                    for ((x, weight), value) in nodes.iter().zip(values) {
                        let value = weight * if squared { value * value } else { *value };
                        normalised_hermite(*x, &mut hermite);
                        for (sum, h) in sums.iter_mut().zip(&hermite) {
                            *sum += value * h;
                        }
                    }
                    sums
                })
                .collect()
        })
    }

    /// The integral along the first of two axes of what `gather` makes of the coefficients along the second.
    fn on_plane(
        &self,
        size: f64,
        gather: impl Fn(f64, &Estimate, &Tables, &mut [f64]) -> f64 + Sync,
        degree: u32,
        squared: bool,
    ) -> Estimate {
        let tables = Tables::new(2, degree);
        let points = self.kinks.turning(self.edge(), self.r, self.work);
        let told = points.is_some();
        let points = points.unwrap_or_default();
        let [first, second]: [Vec<f64>; 2] = [0, 1].map(|k| points.iter().map(|p| p[k]).collect());
        // On lines through a point where kinks meet, its place; elsewhere it does no harm.
        let second = if second.len() > 64 {
            Vec::new()
        } else {
            second
        };
        let edges = self.edges(&[0.0, 0.0], 0, WIDTHS[1], &first);
        let panel = panel();
        let rules = Rules {
            size,
            panels: PANELS[1],
            carried: 1,
            agreed: AGREED,
            enough: None,
        };
        let outputs = tables.exponents[2].len();
        let mut estimate = adaptive(&edges, &rules, &mut |panels| {
            self.kinks.begin();
            panels
                .par_iter()
                .map(|(a, b)| {
                    let half = 0.5 * (b - a);
                    let mut sums = vec![0.0; outputs + 1];
                    for (x, w) in &panel {
                        let x = a + half * (1.0 + x);
                        let weight = half * w * density(x);
                        let mut here = vec![0.0; outputs];
                        if self.work.spent() {
                            sums[outputs] = f64::INFINITY;
                            break;
                        }
                        // Far out a line counts for less.
                        let scale = size / (density(x) / density(0.0)).max(1e-12);
                        let line = self.on_line_with(&[x], scale, degree, squared, &second);
                        let error = gather(x, &line, &tables, &mut here);
                        for (sum, value) in sums.iter_mut().zip(here.iter().chain([&error])) {
                            *sum += weight * value;
                        }
                    }
                    sums
                })
                .collect()
        });
        estimate.error += estimate.values.pop().unwrap_or(0.0);
        self.work.settle();
        if self.work.spent() {
            // What was done by then depends on the threads.
            estimate.values.fill(0.0);
            estimate.error = f64::INFINITY;
        }
        if !told {
            estimate.error = estimate.error.max(UNTOLD * size);
        }
        estimate
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
                kinks: Arc::default(),
                r: self.r,
                work: self.work,
                blurred: AtomicU64::new(0),
            };
            magnitude.all(&tables, &rule)[0]
        };
        let size = beyond(0.0);
        if m == 0 {
            return (size, 0.0);
        }
        if m > 2 && self.work.spent() {
            return (0.0, f64::INFINITY);
        }
        let outer = beyond(5.0 / 6.0 * edge);
        let inner = beyond(2.0 / 3.0 * edge) - outer;
        let mut hermite = vec![0.0; degree as usize + 1];
        normalised_hermite(edge, &mut hermite);
        let largest = hermite.iter().fold(1.0f64, |a, h| a.max(h.abs()));
        // What begins so far out is a kink there, not what grows: little more lies beyond.
        let begins = inner == 0.0 && outer < 1e-30;
        let tail = if outer == 0.0 {
            0.0
        } else if begins {
            2.0 * outer * largest
        } else if outer < 0.7 * inner {
            outer * outer / (inner - outer) * largest
        } else {
            f64::INFINITY
        };
        (size, tail)
    }
}

/// The relative error of an integral with kinks of which it is not told where they turn.
const UNTOLD: f64 = 1e-3;

/// Edges of panels of a width at most, wider beyond 6, where there is little mass.
fn grid(edge: f64, width: f64) -> Vec<f64> {
    const NEAR: f64 = 6.0;
    const FAR: f64 = 2.0;
    if width >= FAR || edge <= NEAR {
        let count = (2.0 * edge / width).ceil();
        return (0..=count as usize)
            .map(|i| edge * (2.0 * i as f64 / count - 1.0))
            .collect();
    }
    let (near, far) = ((NEAR / width).ceil(), ((edge - NEAR) / FAR).ceil());
    let side: Vec<f64> = (0..=near as usize)
        .map(|i| NEAR * i as f64 / near)
        .chain((1..=far as usize).map(|i| NEAR + (edge - NEAR) * i as f64 / far))
        .collect();
    let negative = side.iter().skip(1).rev().map(|x| -x);
    negative.chain(side.iter().copied()).collect()
}

fn panel() -> Vec<(f64, f64)> {
    legendre(NonZeroUsize::MIN.saturating_add(ORDER - 1))
}
