//! Integrals over three and more directions, one axis in the other.

use rayon::prelude::*;

use super::estimate::Estimate;
use super::quadrature::Integrand;
use super::rules::{Rule, Tables};
use crate::gauss::{density, normalised_hermite};

/// Orders of Gauss-Legendre rules on panels of this width, in three and in four dimensions: between kinks the
/// integrand is analytic, and the error falls faster with the order than with the width.
const ORDERS: [(f64, &[usize]); 2] = [(4.35, &[7, 9, 11, 13, 15, 18]), (8.0, &[9, 11, 13, 15, 17])];

/// The same where kinks are no planes: to find them on every line is most of the cost, and rules that hardly
/// converge are given up.
const ORDERS_CURVED: [(f64, &[usize]); 2] = [(4.35, &[7, 9, 11, 13]), (8.0, &[9, 11, 13, 15, 17])];

/// The difference, relative, at which two estimates agree well enough.
const AGREED: f64 = 1e-9;

impl Integrand<'_> {
    /// The coefficients of [`Integrand::coefficients`].
    pub(super) fn nested_coefficients(&self, size: f64, degree: u32) -> Estimate {
        self.refined(size, |rule| {
            let tables = Tables::new(self.dimensions(), degree);
            self.all(&tables, rule)
        })
    }

    /// The energies of [`Integrand::energies_across`].
    pub(super) fn nested_energies(&self, size: f64, along: usize, order: u32) -> Estimate {
        self.refined(size, |rule| {
            let tables = Tables::new(self.dimensions() - along, order);
            let mut energies = vec![0.0; order as usize + 1];
            if along == 0 {
                add_energies(&self.all(&tables, rule), 1.0, &tables, &mut energies);
                return energies;
            }
            let parts = self.on_first_axis(rule, |weight, t, z| {
                let mut part = vec![0.0; energies.len()];
                self.outer(1, along, weight, t, z, &tables, rule, &mut part);
                part
            });
            for (_, part) in parts {
                energies.iter_mut().zip(part).for_each(|(e, p)| *e += p);
            }
            energies
        })
    }

    /// What `at` makes of the weight and the coordinates of each node of the first axis, on as many threads as there are, in
    /// the order of the nodes, each with its coordinate and its weight. Nothing if the work is spent: how much of it
    /// was done by then depends on the threads.
    fn on_first_axis<T: Send>(
        &self,
        rule: &Rule,
        at: impl Fn(f64, &mut [f64], &mut [f64]) -> T + Sync,
    ) -> Vec<((f64, f64), T)> {
        self.kinks.begin();
        let mut origin = vec![0.0; self.dimensions()];
        let nodes = self.nodes(&mut origin, 0, rule);
        let node = |(x, weight): (f64, f64)| {
            if self.work.spent() {
                return None;
            }
            let (mut t, mut z) = (origin.clone(), vec![0.0; self.r]);
            t[0] = x;
            Some(((x, weight), at(weight, &mut t, &mut z)))
        };
        let parts: Option<Vec<_>> = nodes.into_par_iter().map(node).collect();
        self.work.settle();
        parts.filter(|_| !self.work.spent()).unwrap_or_default()
    }

    /// The coefficients in all axes.
    pub(super) fn all(&self, tables: &Tables, rule: &Rule) -> Vec<f64> {
        let axes = self.dimensions();
        if axes < 3 {
            return self.inner(
                0,
                &mut vec![0.0; axes],
                &mut vec![0.0; self.r],
                tables,
                rule,
            );
        }
        let parts = self.on_first_axis(rule, |_, t, z| {
            self.work.add(tables.exponents[axes].len() as u64);
            self.inner(1, t, z, tables, rule)
        });
        let mut sums = vec![0.0; tables.exponents[axes].len()];
        for (node, rest) in parts {
            gather(node, &rest, &tables.places[axes], &mut sums);
        }
        sums
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
            add_energies(&coefficients, weight, tables, energies);
            return;
        }
        for (x, w) in self.nodes(t, axis, rule) {
            if self.work.spent() {
                break;
            }
            t[axis] = x;
            self.outer(axis + 1, along, weight * w, t, z, tables, rule, energies);
        }
        t[axis] = 0.0;
    }

    /// The coefficients in the axes from `axis` on, at fixed earlier coordinates.
    pub(super) fn inner(
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
        let mut sums = vec![0.0; tables.exponents[left].len()];
        let nodes = self.nodes(t, axis, rule);
        if left == 1 {
            self.point(t, z);
            let mut hermite = vec![0.0; tables.degree as usize + 1];
            let values = self.column(z, Some(axis), &nodes);
            self.work.add((nodes.len() * hermite.len()) as u64);
            for ((x, weight), value) in nodes.iter().zip(values) {
                normalised_hermite(*x, &mut hermite);
                for (sum, h) in sums.iter_mut().zip(&hermite) {
                    *sum += weight * value * h;
                }
            }
            return sums;
        }
        for (x, weight) in nodes {
            if left > 2 && self.work.spent() {
                break;
            }
            t[axis] = x;
            let rest = self.inner(axis + 1, t, z, tables, rule);
            self.work.add(sums.len() as u64);
            gather((x, weight), &rest, &tables.places[left], &mut sums);
        }
        t[axis] = 0.0;
        sums
    }

    fn nodes(&self, t: &mut [f64], axis: usize, rule: &Rule) -> Vec<(f64, f64)> {
        let (width, panel) = match rule {
            Rule::Panels { width, panel } => (*width, panel),
            Rule::Lattice(nodes) => return nodes.clone(),
        };
        let edges = self.edges(t, axis, width, &[]);
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

    /// The estimate by better and better rules, until two agree on the scale of `size` or the work is spent.
    fn refined(&self, size: f64, at: impl Fn(&Rule) -> Vec<f64>) -> Estimate {
        if self.kinks.is_empty() {
            return self.on_lattices(size, at);
        }
        let curved = !self.kinks.curved.is_empty();
        let table = if curved { ORDERS_CURVED } else { ORDERS };
        let (width, orders) = table[self.dimensions().min(4) - 3];
        let rules = orders.iter().map(|order| Rule::panels(width, *order));
        self.converged(size, rules, at)
    }

    /// The estimate by better and better rules, until two agree on the scale of `size`, or to the last one.
    fn converged(
        &self,
        size: f64,
        rules: impl Iterator<Item = Rule>,
        at: impl Fn(&Rule) -> Vec<f64>,
    ) -> Estimate {
        let mut estimate: Option<Estimate> = None;
        let mut last = f64::INFINITY;
        let mut dear = 0;
        let unknown = |values: Vec<f64>| Estimate {
            values,
            error: f64::INFINITY,
        };
        for rule in rules {
            // Each rule costs at least half as much again as the one before.
            if dear > self.work.left() {
                break;
            }
            let before = self.work.left();
            let finer = at(&rule);
            dear = (before - self.work.left()) / 2 * 3;
            let Some(before) = estimate.take_if(|_| !self.work.spent()) else {
                // The first rule; or one that was not finished.
                let first = unknown(finer);
                if self.work.spent() {
                    return estimate.unwrap_or(first);
                }
                estimate = Some(first);
                continue;
            };
            let scale = finer.iter().fold(size.max(1e-300), |a, b| a.max(b.abs()));
            let pairs = before.values.iter().zip(&finer);
            let difference = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            // Below 1e-9 a difference that no longer falls is rounding.
            let settled = difference <= AGREED * scale;
            // What is left after the next refinement is smaller than this difference at least as much as this one
            // is smaller than the last.
            let ratio = (difference / last).clamp(1e-3, 1.0);
            let ratio = if last.is_finite() { ratio } else { 1.0 };
            let slow = last.is_finite() && difference > 0.3 * last;
            last = difference;
            estimate = Some(Estimate {
                values: finer,
                error: difference * ratio + 1e-14 * scale,
            });
            if settled || slow || !difference.is_finite() {
                break;
            }
        }
        estimate.unwrap_or_else(|| unknown(Vec::new()))
    }
}

/// Adds what one node of an axis, `(x, weight)`, has of the coefficients in it and the axes after it, given those after it.
fn gather((x, weight): (f64, f64), rest: &[f64], places: &[Vec<usize>], sums: &mut [f64]) {
    let mut hermite = vec![0.0; places.len()];
    normalised_hermite(x, &mut hermite);
    for (h, places) in hermite.iter().zip(places) {
        let factor = weight * h;
        for (value, &place) in rest.iter().zip(places) {
            sums[place] += factor * value;
        }
    }
}

/// Adds the squares of coefficients, by degree.
fn add_energies(coefficients: &[f64], weight: f64, tables: &Tables, energies: &mut [f64]) {
    for (value, exponents) in coefficients.iter().zip(&tables.exponents[tables.axes()]) {
        let degree: u32 = exponents.iter().sum();
        energies[degree as usize] += weight * value * value;
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
        let mut kept = Estimate {
            values: vec![0.0; at(&Rule::lattice(2.0 * edge, 0.5, edge)).len()],
            error: f64::INFINITY,
        };
        loop {
            let before = self.work.left();
            let [corners, centres] =
                [0.0, 0.5].map(|offset| at(&Rule::lattice(step, offset, edge)));
            let pairs = || corners.iter().zip(&centres);
            let values: Vec<f64> = pairs().map(|(a, b)| 0.5 * (a + b)).collect();
            let scale = values.iter().fold(size.max(1e-300), |a, b| a.max(b.abs()));
            let difference = pairs()
                .map(|(a, b)| 0.5 * (a - b).abs())
                .fold(0.0, f64::max);
            let used = before - self.work.left();
            if self.work.spent() {
                return kept;
            }
            // The next lattice, not computed, would be better by this factor at least, and so is the mean.
            let ratio = (difference / last).clamp(1e-3, 1.0);
            let ratio = if last.is_finite() { ratio } else { 1.0 };
            last = difference;
            step *= FINER;
            let cost = 2.0 * (2.0 * edge / step).powi(self.dimensions() as i32);
            kept = Estimate {
                values,
                error: difference * ratio + 1e-13 * scale,
            };
            let dear = cost > most || 2 * used > self.work.left();
            if difference <= AGREED * scale || dear || !difference.is_finite() {
                return kept;
            }
        }
    }
}
