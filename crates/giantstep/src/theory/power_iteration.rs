//! Many steps of a quadratic activation on one batch: a power iteration. THEORY.md (60).
//!
//! With `sigma' = c_2 x` and the correlation loss a step on the same samples is `w <- (1 + b H) w` with
//! `H = (1/n) sum y x x^T` and `b = eta~ a~ c_2`. Over rows that begin in random directions
//!
//! ```text
//! E |Pi* w|^2 / E |w|^2 = sum_k int f dmu_k / tr f(H),      f(t) = (1 + b t)^(2T)
//! ```
//!
//! where mu_k is the spectral measure of H along direction k of the target. Integrals are those around a circle that encloses
//! the spectrum: `G(z) = (-z + E[y z z^T / (1 + y delta)])^-1` along the target, `delta = m/alpha`, `m = 1/(-z + E[y/(1 + y delta)])` across, and
//! the determinant of G for what the target adds to the trace. Single rows differ by their parts along outliers, as chi squares do.

use std::f64::consts::PI;
use std::num::NonZeroUsize;

use faer::linalg::solvers::DenseSolveCore;
use faer::{Mat, Side, c64};

use super::label_law::LabelLaw;
use crate::gauss::mean_over;

/// Points on the circle, for polynomials of lower degree, and its radius over that of the spectrum.
const CIRCLE: usize = 512;
const ROOM: f64 = 1.15;
/// Integrals on the circle cancel down to this part of their terms.
const CANCELLED: f64 = 1e-10;
/// A step of this fraction of the way to the image contracts on the circle.
const CLOSER: f64 = 0.8;
const TOLERANCE: f64 = 1e-12;
const ITERATIONS: usize = 1000;
/// Places at which outliers are looked for, and halvings.
const PLACES: i32 = 80;
const HALVINGS: usize = 60;
const RULE: NonZeroUsize = NonZeroUsize::new(96).unwrap();

/// The matrix H of one batch, as d grows.
#[derive(Debug)]
pub(super) struct BatchSpectrum {
    dimension: f64,
    directions: usize,
    /// Half of the circle: z, the trace of the resolvent by d across the target, along the target, and the derivative of the
    /// logarithm of its determinant.
    circle: Vec<Place>,
    radius: f64,
    outliers: Vec<Outlier>,
}

#[derive(Debug)]
struct Place {
    z: c64,
    across: c64,
    along: c64,
    added: c64,
}

/// An eigenvalue of H outside of the bulk, and the squared length of its eigenvector's part along the target.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Outlier {
    value: f64,
    overlap: f64,
}

/// Averages over the labels at a real delta: `delta = -1/tau` of THEORY.md (59).
struct Labels<'a> {
    law: &'a LabelLaw,
    directions: usize,
    samples: f64,
}

impl Labels<'_> {
    fn average(&self, weights: &[f64], delta: f64, order: i32) -> f64 {
        self.law
            .average(weights, |y| (y / (1.0 + y * delta)).powi(order))
    }

    /// z at this delta, and how it grows.
    fn place(&self, delta: f64) -> (f64, f64) {
        let of = &self.law.mean;
        let z = self.average(of, delta, 1) - 1.0 / (self.samples * delta);
        let growth = 1.0 / (self.samples * delta * delta) - self.average(of, delta, 2);
        (z, growth)
    }

    /// `E[(y/(1 + y delta))^order z z^T]`.
    fn along(&self, delta: f64, order: i32) -> Mat<f64> {
        let r = self.directions;
        Mat::from_fn(r, r, |i, j| {
            self.average(&self.law.second[i * r + j], delta, order)
        })
    }

    /// Eigenvalues of `-z + E[y z z^T/(1 + y delta)]`, ascending.
    fn levels(&self, delta: f64) -> Option<Vec<f64>> {
        let (z, _) = self.place(delta);
        let values = self
            .along(delta, 1)
            .self_adjoint_eigenvalues(Side::Lower)
            .ok()?;
        Some(values.into_iter().map(|value| value - z).collect())
    }

    /// The outliers beyond the bulk on the side of this extreme label, and the place of its edge.
    fn beyond(&self, extreme: f64) -> Option<(Vec<Outlier>, f64)> {
        let delta = |step: f64| -1.0 / (extreme * (1.0 + 1e-6 * 1.25f64.powf(step)));
        let mut found = Vec::new();
        let mut edge = f64::INFINITY;
        let mut before: Option<(f64, Vec<f64>)> = None;
        for step in 0..PLACES {
            let here = delta(f64::from(step));
            let (z, growth) = self.place(here);
            edge = edge.min(z * extreme.signum());
            // Such a delta belongs to no z outside of the bulk.
            if growth <= 0.0 {
                before = None;
                continue;
            }
            let levels = self.levels(here)?;
            if let Some((from, old)) = &before {
                for j in 0..levels.len() {
                    if (old[j] > 0.0) != (levels[j] > 0.0) {
                        found.push(self.outlier(j, *from, here)?);
                    }
                }
            }
            before = Some((here, levels));
        }
        Some((found, edge))
    }

    fn outlier(&self, j: usize, mut from: f64, mut to: f64) -> Option<Outlier> {
        let positive = self.levels(from)?[j] > 0.0;
        for _ in 0..HALVINGS {
            let middle = 0.5 * (from + to);
            match (self.levels(middle)?[j] > 0.0) == positive {
                true => from = middle,
                false => to = middle,
            }
        }
        let (value, growth) = self.place(from);
        let eigen = self.along(from, 1).self_adjoint_eigen(Side::Lower).ok()?;
        let v = eigen.U().col(j);
        let turn = -(v.transpose() * (self.along(from, 2) * v));
        // The derivative of the level by z.
        let slope = turn / growth - 1.0;
        Some(Outlier {
            value,
            overlap: -1.0 / slope,
        })
    }
}

impl BatchSpectrum {
    /// Of n = samples d rows in R^d; none if the equations are not solved.
    pub(super) fn new(law: &LabelLaw, samples: f64, dimension: f64) -> Option<Self> {
        let directions = law.first.len();
        let labels = Labels {
            law,
            directions,
            samples,
        };
        let heavy = law
            .values
            .iter()
            .zip(&law.mean)
            .filter(|(_, weight)| weight.abs() > 1e-12);
        let (low, high) = heavy.fold((0.0f64, 0.0f64), |(low, high), (y, _)| {
            (low.min(*y), high.max(*y))
        });
        let mut outliers = Vec::new();
        let mut radius = 0.0f64;
        for extreme in [low, high] {
            if extreme != 0.0 {
                let (found, edge) = labels.beyond(extreme)?;
                radius = found
                    .iter()
                    .fold(radius.max(edge), |m, outlier| m.max(outlier.value.abs()));
                outliers.extend(found);
            }
        }
        let radius = ROOM * radius;
        let mut across = c64::new(-1.0 / radius, 0.0);
        let mut circle = Vec::new();
        for point in 0..=CIRCLE / 2 {
            let z = c64::from_polar(radius, 2.0 * PI * point as f64 / CIRCLE as f64);
            across = resolvent(law, samples, z, across)?;
            circle.push(Place::new(&labels, z, across));
        }
        (radius.is_finite() && radius > 0.0).then_some(Self {
            dimension,
            directions,
            circle,
            radius,
            outliers,
        })
    }

    /// The mean over rows of `|Pi* w|^2 / |w|^2` after so many steps `w <- (1 + b H) w`; none beyond what the circle tells.
    ///
    /// `E[X/Y] = int_0^inf E[X exp(-s Y)] ds`, Y a constant of the bulk and chi squares of the outliers.
    pub(super) fn alignment(&self, b: f64, steps: u32) -> Option<f64> {
        let power = 2 * i32::try_from(steps).ok()?;
        if power as usize >= CIRCLE / 2 {
            return None;
        }
        let most = 1.0 + b.abs() * self.radius;
        let (mut along, mut trace) = (0.0, 0.0);
        for (point, place) in self.circle.iter().enumerate() {
            let f = ((place.z * b + 1.0) / most).powi(power) * place.z;
            // Both halves of the circle, whose ends are one point each.
            let share = match point == 0 || point + 1 == self.circle.len() {
                true => 1.0 / CIRCLE as f64,
                false => 2.0 / CIRCLE as f64,
            };
            along -= share * (f * place.along).re;
            let others = self.dimension - self.directions as f64;
            trace += share * (f * (place.added - place.across * others)).re;
        }
        let values: Vec<(f64, f64)> = self
            .outliers
            .iter()
            .map(|outlier| {
                let f = ((1.0 + b * outlier.value) / most).powi(power);
                (f, f * outlier.overlap)
            })
            .collect();
        let bulk = trace - values.iter().map(|(f, _)| f).sum::<f64>();
        let within = along - values.iter().map(|(_, part)| part).sum::<f64>();
        if trace < CANCELLED * self.dimension {
            return None;
        }
        let bulk = bulk.max(0.0);
        let terms = mean_over([0.0, 1.0], RULE).into_iter().map(|(u, weight)| {
            let odds = u / (1.0 - u);
            let s = odds * odds / trace;
            let step = 2.0 * u / (1.0 - u).powi(3) / trace;
            let shrunk: f64 = values
                .iter()
                .map(|(f, _)| (1.0 + 2.0 * s * f).sqrt())
                .product();
            let parts: f64 = values
                .iter()
                .map(|(f, part)| part / (1.0 + 2.0 * s * f))
                .sum();
            weight * step * (-s * bulk).exp() / shrunk * (within + parts)
        });
        Some(terms.sum())
    }
}

impl Place {
    fn new(labels: &Labels<'_>, z: c64, across: c64) -> Self {
        let r = labels.directions;
        let delta = across / labels.samples;
        let sum = |weights: &[f64], order: i32| -> c64 {
            let pairs = labels.law.values.iter().zip(weights);
            pairs
                .map(|(y, weight)| (c64::new(*y, 0.0) / (delta * *y + 1.0)).powi(order) * *weight)
                .sum()
        };
        let one = |i: usize, j: usize| if i == j { 1.0 } else { 0.0 };
        let second = |i: usize, j: usize| &labels.law.second[i * r + j];
        let inner = Mat::from_fn(r, r, |i, j| sum(second(i, j), 1) - z * one(i, j));
        let along = inner.partial_piv_lu().inverse();
        // m' = m^2 + m^2 E[y^2/(1 + y delta)^2] m'/alpha.
        let square = across * across;
        let growth = square / (-(square * sum(&labels.law.mean, 2)) / labels.samples + 1.0);
        let slope = Mat::from_fn(r, r, |i, j| {
            -sum(second(i, j), 2) * growth / labels.samples - one(i, j)
        });
        let added = &along * slope;
        let trace = |of: &Mat<c64>| (0..r).map(|i| of[(i, i)]).sum::<c64>();
        Self {
            z,
            across,
            along: trace(&along),
            added: trace(&added),
        }
    }
}

/// `m = 1/(-z + E[y/(1 + y m/alpha)])`.
fn resolvent(law: &LabelLaw, samples: f64, z: c64, mut m: c64) -> Option<c64> {
    for _ in 0..ITERATIONS {
        let pairs = law.values.iter().zip(&law.mean);
        let mean: c64 = pairs
            .map(|(y, weight)| (m * (*y / samples) + 1.0).inv() * (y * weight))
            .sum();
        let step = (mean - z).inv() - m;
        m += step * CLOSER;
        if step.norm() < TOLERANCE * m.norm() {
            return Some(m);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::Link;

    fn spectrum(text: &str, r: usize, removed: f64, samples: f64, d: f64) -> BatchSpectrum {
        let link = Link::parse(text, None).unwrap();
        let law = LabelLaw::new(&link, r, removed, 0.0).unwrap();
        BatchSpectrum::new(&law, samples, d).unwrap()
    }

    #[test]
    fn outliers_are_those_of_the_spectral_threshold() {
        for (text, r, removed, samples, value, overlap) in [
            ("sign(z1*z2)", 2, 0.0, 3.0 * 2.9331, 0.8348, 0.6698),
            ("step(abs(z1) - 1)", 1, 0.0, 3.0 * 1.3549, 1.2086, 0.4419),
        ] {
            let found = spectrum(text, r, removed, samples, 1000.0);
            let top = found
                .outliers
                .iter()
                .max_by(|a, b| a.value.total_cmp(&b.value))
                .unwrap();
            assert!(
                (top.value - value).abs() < 2e-4 && (top.overlap - overlap).abs() < 2e-4,
                "{text}: {top:?}"
            );
        }
    }

    #[test]
    fn alignments_are_those_of_iterated_matrices() {
        // d = 1200, 100 rows, five draws: 0.0041(4), 0.0096(10), 0.0299(35), 0.0648(81) as ratios of sums over rows.
        let found = spectrum("sign(z1*z2)", 2, 0.0, 6.0, 1200.0);
        let at = |steps| found.alignment(1.0, steps).unwrap();
        assert!((at(0) * 600.0 - 1.0).abs() < 2e-3);
        for (steps, mean, error) in [
            (2, 0.0041, 0.0004),
            (4, 0.0096, 0.0010),
            (8, 0.0299, 0.0035),
            (12, 0.0648, 0.0081),
        ] {
            assert!(
                (at(steps) - mean).abs() < 3.0 * error,
                "{steps}: {}",
                at(steps)
            );
            let mirrored = found.alignment(-1.0, steps).unwrap();
            assert!(
                (mirrored / at(steps) - 1.0).abs() < 1e-3,
                "{steps}: {mirrored}"
            );
        }
        // In the end rows lie along the outliers.
        let overlap = found.outliers[0].overlap;
        assert!(
            at(60) < at(80) && at(80) < overlap && at(80) > 0.7 * overlap,
            "{} {overlap}",
            at(80)
        );
        assert_eq!(found.alignment(1.0, 200), None);
    }
}
