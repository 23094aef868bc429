//! The ridge readout against normal equations, brute-force refits and the least-norm solution, by elimination; on badly
//! conditioned features against the singular values of `reference/readout.py`.
//!
//! Seen to catch: products in single precision, a cutoff of its rounding, test errors summed in it; a leverage without its `1/n`, a ridge divided by n, an intercept that forgets the mean features,
//! eigenvalues that are rounding taken for real ones at ridge 0.
#![allow(
    clippy::needless_range_loop,
    reason = "linear algebra reads best by indices"
)]

use crate::common::explicit::{Explicit, ID, matrix};
use crate::common::text::{activation, target};
use giantstep::activation::Activation;
use giantstep::batch::{Purpose, Role, Stream};
use giantstep::directions::Directions;
use giantstep::evaluate::{Moments, errors};
use giantstep::faer::Mat;
use giantstep::labels::{Labels, RemovedPart, Target};
use giantstep::readout::{
    Features, Fitted, Intercept, Readout, ReadoutLoss, Ridge, RidgeInfo, RidgeParams, fit,
};
use giantstep::real::Real;
use giantstep::watch::Watch;
use serde::Deserialize;

const RIDGES: [f64; 4] = [1e-3, 0.1, 1.0, 30.0];

/// n samples in R^5, p neurons, a target of two directions.
struct Problem {
    x: Mat<f64>,
    first: Directions,
    directions: Directions,
    target: Target,
    activation: Activation,
}

impl Problem {
    fn new(n: usize, p: usize) -> Self {
        let normals = |index, rows| {
            let mut stream = Stream::new(3, Role::Batch(Purpose::Training), index, 0);
            let mut rows = vec![vec![0.0; 5]; rows];
            rows.iter_mut().for_each(|row| stream.fill_normal(row));
            matrix(&rows)
        };
        Self {
            x: normals(0, n),
            first: normals(1, p).into(),
            directions: normals(2, 2).into(),
            target: target("1 + z1 + z1*z2/3"),
            activation: activation("relu(x)"),
        }
    }

    fn fit(&mut self, ridge: Ridge, intercept: Intercept) -> (Vec<Fitted>, RidgeInfo) {
        let features = Features {
            first: &self.first,
            bias: &[],
            start: None,
            activation: &self.activation,
            labels: Labels {
                target: &self.target,
                directions: &self.directions,
                seed: 0,
            },
            removed: &RemovedPart::nothing(),
            id: ID,
            rows: self.x.nrows() as u64,
            part: None,
            watch: Watch::default(),
        };
        let params = RidgeParams {
            loss: ReadoutLoss::Squared,
            ridge,
            intercept,
        };
        fit(
            &params,
            features,
            &mut Explicit::<f64>::default(),
            &mut self.x,
        )
        .expect("a readout")
    }

    /// Rows `relu(<w_i, x_v>) / sqrt p`, and labels.
    fn samples(&self) -> Vec<(Vec<f64>, f64)> {
        let dot = |u: &Directions, i: usize, v: usize| -> f64 {
            (0..5)
                .map(|j| u.coordinates()[(i, j)] * self.x[(v, j)])
                .sum()
        };
        let p = self.first.rows();
        let sample = |v| {
            let z: Vec<f64> = (0..2).map(|k| dot(&self.directions, k, v)).collect();
            let phi = (0..p).map(|i| dot(&self.first, i, v).max(0.0) / (p as f64).sqrt());
            (phi.collect(), 1.0 + z[0] + z[0] * z[1] / 3.0)
        };
        (0..self.x.nrows()).map(sample).collect()
    }
}

/// Gaussian elimination with row pivoting.
fn solve(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Vec<f64> {
    let n = b.len();
    for k in 0..n {
        let pivot = (k..n)
            .max_by(|i, j| a[*i][k].abs().total_cmp(&a[*j][k].abs()))
            .expect("a row");
        a.swap(k, pivot);
        b.swap(k, pivot);
        for i in k + 1..n {
            let factor = a[i][k] / a[k][k];
            for j in k..n {
                a[i][j] -= factor * a[k][j];
            }
            b[i] -= factor * b[k];
        }
    }
    for k in (0..n).rev() {
        let known: f64 = (k + 1..n).map(|j| a[k][j] * b[j]).sum();
        b[k] = (b[k] - known) / a[k][k];
    }
    b
}

/// Weights and intercept of the normal equations, the intercept as one more feature without penalty.
fn normal_equations(
    samples: &[(Vec<f64>, f64)],
    ridge: f64,
    intercept: Intercept,
) -> (Vec<f64>, f64) {
    let p = samples[0].0.len();
    let size = p + usize::from(intercept == Intercept::With);
    let feature = |phi: &[f64], i: usize| if i < p { phi[i] } else { 1.0 };
    let mut a = vec![vec![0.0; size]; size];
    let mut b = vec![0.0; size];
    for (phi, y) in samples {
        for (i, (row, b)) in a.iter_mut().zip(&mut b).enumerate() {
            for (j, entry) in row.iter_mut().enumerate() {
                *entry += feature(phi, i) * feature(phi, j);
            }
            *b += feature(phi, i) * y;
        }
    }
    (0..p).for_each(|i| a[i][i] += ridge);
    let mut weights = solve(a, b);
    let intercept = weights.split_off(p);
    (weights, intercept.first().copied().unwrap_or(0.0))
}

fn assert_close(found: &Fitted, (weights, intercept): &(Vec<f64>, f64), tolerance: f64) {
    let ridge = found.ridge;
    for (found, expected) in found.readout.weights.iter().zip(weights) {
        let distance = (found - expected).abs();
        assert!(distance < tolerance, "ridge {ridge}: {found} != {expected}");
    }
    let found = found.readout.intercept;
    assert!(
        (found - intercept).abs() < tolerance,
        "{found} != {intercept}"
    );
}

#[test]
fn a_ridge_fit_solves_the_normal_equations() {
    let mut problem = Problem::new(41, 6);
    let samples = problem.samples();
    for intercept in [Intercept::Without, Intercept::With] {
        let (fits, _) = problem.fit(Ridge::Values([&RIDGES[..], &[0.0]].concat()), intercept);
        assert_eq!(fits.len(), RIDGES.len() + 1);
        for found in &fits {
            let expected = normal_equations(&samples, found.ridge, intercept);
            assert_close(found, &expected, 1e-9);
        }
    }
}

#[test]
fn leave_one_out_is_the_error_of_refits_without_each_sample() {
    for (n, p) in [(23, 6), (9, 12)] {
        let mut problem = Problem::new(n, p);
        let samples = problem.samples();
        for intercept in [Intercept::Without, Intercept::With] {
            let (fits, info) = problem.fit(Ridge::LeaveOneOut(RIDGES.to_vec()), intercept);
            let brute: Vec<f64> = RIDGES
                .iter()
                .map(|ridge| {
                    let left_out = |v: usize| {
                        let mut rest = samples.clone();
                        let (phi, y) = rest.remove(v);
                        let (weights, offset) = normal_equations(&rest, *ridge, intercept);
                        let f: f64 = weights.iter().zip(&phi).map(|(a, x)| a * x).sum();
                        (y - f - offset).powi(2)
                    };
                    (0..n).map(left_out).sum::<f64>() / n as f64
                })
                .collect();
            for ((ridge, found), expected) in info.leave_one_out.iter().zip(&brute) {
                let distance = (found / expected - 1.0).abs();
                assert!(
                    distance < 1e-8,
                    "{intercept:?}, ridge {ridge}: {found} != {expected}"
                );
            }
            let least = brute.iter().copied().fold(f64::INFINITY, f64::min);
            let chosen = RIDGES.iter().position(|ridge| *ridge == fits[0].ridge);
            assert_eq!(chosen.map(|k| brute[k]), Some(least));
            assert_close(
                &fits[0],
                &normal_equations(&samples, fits[0].ridge, intercept),
                1e-9,
            );
        }
    }
}

/// Two equal samples with labels of their own: without either the other is met, so that each is off by the difference. The
/// others are met by all that is left, as if the pair were one sample.
#[test]
fn without_ridge_equal_samples_leave_each_other_out() {
    let (n, p) = (7, 12);
    let mut problem = Problem::new(n, p);
    // Equal rows of features, of labels that are not: neurons that see three of five coordinates.
    let mut first = problem.first.coordinates().to_owned();
    (0..p).for_each(|i| (first[(i, 3)], first[(i, 4)]) = (0.0, 0.0));
    problem.first = first.into();
    for j in 0..3 {
        problem.x[(1, j)] = problem.x[(0, j)];
    }
    let samples = problem.samples();
    let apart = (samples[0].1 - samples[1].1).powi(2);
    assert!(apart > 0.01, "labels that differ");
    let (_, info) = problem.fit(Ridge::LeaveOneOut(vec![0.0]), Intercept::Without);
    let found = info.leave_one_out[0].1;
    // In the limit of no ridge what no feature tells apart outweighs the rest: samples of the pair alone count.
    let refits = {
        let left_out = |v: usize| {
            let mut rest = samples.clone();
            let (phi, y) = rest.remove(v);
            let (weights, _) = normal_equations(&rest, 1e-9, Intercept::Without);
            let f: f64 = weights.iter().zip(&phi).map(|(a, x)| a * x).sum();
            (y - f).powi(2)
        };
        (0..n).map(left_out).sum::<f64>() / n as f64
    };
    assert!(
        (found / refits - 1.0).abs() < 1e-4,
        "{found} {refits} {apart}"
    );
}

/// `min |a|` subject to `y_v = phi_v . a [+ b]`: `a = Phi^T u` with `[Phi Phi^T, 1; 1^T, 0] [u; b] = [y; 0]`.
#[test]
fn without_ridge_fewer_samples_than_neurons_are_met_by_the_least_weights() {
    let (n, p) = (7, 12);
    let mut problem = Problem::new(n, p);
    let samples = problem.samples();
    for intercept in [Intercept::Without, Intercept::With] {
        let (fits, _) = problem.fit(Ridge::Values(vec![0.0]), intercept);
        let size = n + usize::from(intercept == Intercept::With);
        let entry = |i: usize, j: usize| match (i < n, j < n) {
            (true, true) => {
                let (x, y) = (&samples[i].0, &samples[j].0);
                x.iter().zip(y).map(|(x, y)| x * y).sum()
            }
            (false, false) => 0.0,
            _ => 1.0,
        };
        let kernel = (0..size)
            .map(|i| (0..size).map(|j| entry(i, j)).collect())
            .collect();
        let labels = (0..size).map(|v| if v < n { samples[v].1 } else { 0.0 });
        let mut dual = solve(kernel, labels.collect());
        let offset = dual.split_off(n).first().copied().unwrap_or(0.0);
        let weights = (0..p)
            .map(|i| (0..n).map(|v| dual[v] * samples[v].0[i]).sum())
            .collect();
        assert_close(&fits[0], &(weights, offset), 1e-8);
    }
}

/// The numbers of `reference/readout.py`.
struct Numbers(u64);

impl Numbers {
    fn uniform(&mut self) -> f64 {
        let next = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = next.wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 32) as f64 / 4_294_967_296.0
    }

    fn matrix(&mut self, rows: usize, columns: usize, scale: f64) -> Mat<f64> {
        let mut matrix = Mat::zeros(rows, columns);
        for i in 0..rows {
            for j in 0..columns {
                let sum: f64 = (0..4).map(|_| self.uniform()).sum();
                matrix[(i, j)] = f64::from(((sum - 2.0) * 1.732_050_807_568_877_2 * scale) as f32);
            }
        }
        matrix
    }
}

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    activation: String,
    n: usize,
    p: usize,
    d: usize,
    intercept: bool,
    tests: usize,
    readouts: Vec<Expected>,
}

#[derive(Deserialize)]
struct Expected {
    ridge: f64,
    test_error: f64,
    leave_one_out: Option<f64>,
}

/// Test errors of the ridges, and leave-one-out errors, with a data path of precision T.
fn found<T: Real>(case: &Case) -> (Vec<f64>, Vec<(f64, f64)>) {
    let mut numbers = Numbers((case.n * case.p + case.d) as u64);
    let first = numbers.matrix(case.p, case.d, 0.25).into();
    let mut engine = Explicit::<T>::default();
    let mut fitted = numbers.matrix(case.n, case.d, 1.0);
    let mut tested = numbers.matrix(case.tests, case.d, 1.0);
    let target = target("1 + z1 + z1*z2");
    let activation = activation(&case.activation);
    let directions = Mat::identity(2, case.d).into();
    let nothing = RemovedPart::nothing();
    let features = |rows| Features {
        first: &first,
        bias: &[],
        start: None,
        activation: &activation,
        labels: Labels {
            target: &target,
            directions: &directions,
            seed: 0,
        },
        removed: &nothing,
        id: ID,
        rows: rows as u64,
        part: None,
        watch: Watch::default(),
    };
    let ridges: Vec<f64> = case
        .readouts
        .iter()
        .map(|expected| expected.ridge)
        .collect();
    let intercept = match case.intercept {
        true => Intercept::With,
        false => Intercept::Without,
    };
    let mut fit = |ridge| {
        let params = RidgeParams {
            loss: ReadoutLoss::Squared,
            ridge,
            intercept,
        };
        fit(&params, features(case.n), &mut engine, &mut fitted).expect("a readout")
    };
    let readouts: Vec<Readout> = match &ridges[..] {
        [_] => fit(Ridge::Values(ridges.clone())).0,
        // One by one and all at once, so that both ways to solve for a ridge are seen.
        [first, rest @ ..] => [vec![*first], rest.to_vec()]
            .into_iter()
            .flat_map(|ridges| fit(Ridge::Values(ridges)).0)
            .collect(),
        [] => Vec::new(),
    }
    .into_iter()
    .map(|fitted| fitted.readout)
    .collect();
    let chosen = match case.readouts[0].leave_one_out {
        Some(_) => fit(Ridge::LeaveOneOut(ridges)).1.leave_one_out,
        None => Vec::new(),
    };
    let errors = errors(
        &readouts,
        (None, Moments::Left),
        features(case.tests),
        &mut engine,
        &mut tested,
    )
    .expect("errors");
    (errors.readouts, chosen)
}

/// Features in single precision are known to 6e-8: errors agree to 1e-4 where the readout amplifies that a thousandfold.
#[test]
fn readouts_do_not_depend_on_the_precision_of_the_data() {
    let text = include_str!("../../../reference/readout.json");
    let golden: Golden = serde_json::from_str(text).expect("golden values");
    for case in &golden.cases {
        for (name, (errors, chosen), tolerance) in [
            ("f64", found::<f64>(case), 1e-7),
            ("f32", found::<f32>(case), 1e-4),
        ] {
            let place = format!("{} {} {name}", case.activation, case.n);
            for (expected, found) in case.readouts.iter().zip(&errors) {
                let (ridge, expected) = (expected.ridge, expected.test_error);
                let distance = (found / expected - 1.0).abs();
                assert!(
                    distance < tolerance,
                    "{place} {ridge}: {found} != {expected}"
                );
            }
            for (expected, (ridge, found)) in case.readouts.iter().zip(&chosen) {
                let expected = expected.leave_one_out.expect("a value for every ridge");
                let distance = (found / expected - 1.0).abs();
                assert!(
                    distance < tolerance,
                    "{place} {ridge}: {found} != {expected} left out"
                );
            }
        }
    }
}
