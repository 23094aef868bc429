//! The rows of all classes given the batch of the step, as readouts see them.
//!
//! Rows of class j (a fraction `pi_j` of p) are independent, `N(0, C_j/d)`, with `H = (1/n0) sum y x x^T`, `H_2 = (1/n0) sum y^2 x x^T`:
//!
//! ```text
//! C_j = (1 + b_j c_2 H)^2 + (b_j^2 eps^2 / alpha0) H_2,   Lambda_j = beta t_j C_j,   beta = p/d
//! ```
//!
//! For `S = lambda + sum_jk A_jk W_j W_k^T + D_j` readouts see `K = (Lambda^-1 + A)^-1`, a block of the inverse of a matrix that
//! is linear in the samples, on three copies of R^d for each class (A; a multiplier; the rows before the step):
//!
//! ```text
//!     ( A    1                                  0            )
//! L = ( 1   -beta t b^2 eps^2 / alpha0 H_2      1 + b c_2 H  )  =  L_0 + (1/n0) sum Y(y) x x^T
//!     ( 0    1 + b c_2 H                        1/(beta t)   )
//! ```
//!
//! so that `G = (1/d) tr L^-1` by blocks, and the inverse along the target and `s = (1/n0) sum y x`, have closed equations.
//! THEORY.md (42), (44).

use std::convert::Infallible;

use faer::linalg::solvers::DenseSolveCore;
use faer::{Mat, Scale};

use crate::theory::fixed_point::{Goal, fixed_point};
use crate::theory::label_law::LabelLaw;

/// Tight enough for differences of relative size 1e-4.
const TOLERANCE: f64 = 1e-11;

/// What the noise of a neuron's gradient looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noise {
    /// `H_2`, as it is.
    OfBatch,
    /// `H_2` replaced by its mean `E y^2`, which it is for n0 far above d.
    Isotropic,
}

/// The rows of all classes.
#[derive(Debug)]
pub(super) struct Bulk {
    /// `pi_j`.
    pub shares: Vec<f64>,
    /// `b_j c_2`, and `b_j^2 eps^2 / alpha0`.
    pub turn: Vec<f64>,
    pub own: Vec<f64>,
    /// `alpha0`.
    pub samples: f64,
    pub noise: Noise,
    pub labels: LabelLaw,
}

/// Where the rows and a readout stand: t of (42), and G.
#[derive(Debug, Clone)]
pub(super) struct Traces {
    pub own: Vec<f64>,
    pub blocks: Mat<f64>,
}

impl Traces {
    /// N.
    pub(super) fn between(&self, width: f64) -> Mat<f64> {
        let k = self.own.len();
        Mat::from_fn(k, k, |i, j| self.blocks[(i, j)] / width)
    }

    /// t, then G, as one list.
    pub(super) fn listed(&self) -> impl Iterator<Item = f64> {
        let size = self.blocks.nrows();
        let entry = move |i: usize| self.blocks[(i % size, i / size)];
        self.own.iter().copied().chain((0..size * size).map(entry))
    }

    pub(super) fn from_list(list: &[f64], classes: usize) -> Self {
        let (own, blocks) = list.split_at(classes);
        let size = 3 * classes;
        Self {
            own: own.to_vec(),
            blocks: Mat::from_fn(size, size, |i, j| blocks[i + size * j]),
        }
    }
}

impl Bulk {
    fn classes(&self) -> usize {
        self.shares.len()
    }

    fn power(&self) -> f64 {
        self.labels.average(&self.labels.mean, |y| y * y)
    }

    /// `L_0`.
    fn constant(&self, a: &Mat<f64>, scales: &[f64]) -> Mat<f64> {
        let k = self.classes();
        Mat::from_fn(3 * k, 3 * k, |row, col| {
            let (i, j) = (row % k, col % k);
            match (row / k, col / k) {
                (0, 0) => a[(i, j)],
                _ if i != j => 0.0,
                (0, 1) | (1, 0) | (1, 2) | (2, 1) => 1.0,
                (1, 1) if self.noise == Noise::Isotropic => -scales[i] * self.own[i] * self.power(),
                (2, 2) => 1.0 / scales[i],
                _ => 0.0,
            }
        })
    }

    /// `E[Y (1 + G Y / alpha0)^-1]` with each of these weights.
    fn averaged(&self, traces: &Traces, scales: &[f64], weights: &[Vec<f64>]) -> Vec<Mat<f64>> {
        let k = self.classes();
        let inner = traces.blocks.get(k.., k..);
        let mut sums = vec![Mat::<f64>::zeros(3 * k, 3 * k); weights.len()];
        for (q, y) in self.labels.values.iter().enumerate() {
            let of_sample = Mat::from_fn(2 * k, 2 * k, |row, col| {
                let (i, j) = (row % k, col % k);
                match (row / k, col / k) {
                    _ if i != j => 0.0,
                    (0, 0) if self.noise == Noise::OfBatch => -scales[i] * self.own[i] * y * y,
                    (0, 1) | (1, 0) => self.turn[i] * y,
                    _ => 0.0,
                }
            });
            let mut met = inner * &of_sample * Scale(1.0 / self.samples);
            for i in 0..2 * k {
                met[(i, i)] += 1.0;
            }
            let term = of_sample * met.partial_piv_lu().inverse();
            for (sum, weights) in sums.iter_mut().zip(weights) {
                for col in 0..2 * k {
                    for row in 0..2 * k {
                        sum[(k + row, k + col)] += weights[q] * term[(row, col)];
                    }
                }
            }
        }
        sums
    }

    fn scales(&self, width: f64, t: &[f64]) -> Vec<f64> {
        t.iter().map(|t| width * t).collect()
    }

    /// Traces to begin with, at these t: as if no sample met itself.
    pub(super) fn guess(&self, width: f64, a: &Mat<f64>, t: Vec<f64>) -> Traces {
        let k = self.classes();
        let none = Traces {
            own: t,
            blocks: Mat::zeros(3 * k, 3 * k),
        };
        Traces {
            blocks: self.inverse(width, a, &none),
            ..none
        }
    }

    /// `(L_0 + E[Y (1 + G Y / alpha0)^-1])^-1`.
    fn inverse(&self, width: f64, a: &Mat<f64>, traces: &Traces) -> Mat<f64> {
        let scales = self.scales(width, &traces.own);
        let weights = std::slice::from_ref(&self.labels.mean);
        let mean = self.averaged(traces, &scales, weights).remove(0);
        let found = (self.constant(a, &scales) + mean)
            .partial_piv_lu()
            .inverse();
        Scale(0.5) * (&found + found.transpose())
    }

    /// One round: what follows from these traces, halfway for G.
    pub(super) fn round(&self, width: f64, a: &Mat<f64>, d: &[f64], traces: &Traces) -> Traces {
        let k = self.classes();
        let found = self.inverse(width, a, traces);
        let own = (0..k).map(|j| {
            let left = 1.0 - found[(j, k + j)];
            self.shares[j] / (d[j] + left / (width * traces.own[j]))
        });
        Traces {
            own: own.collect(),
            blocks: Scale(0.5) * (&traces.blocks + found),
        }
    }

    /// The traces that follow from themselves.
    pub(super) fn solve(
        &self,
        width: f64,
        a: &Mat<f64>,
        d: &[f64],
        guess: &Traces,
    ) -> Option<Traces> {
        let k = self.classes();
        let goal = Goal {
            tolerance: TOLERANCE,
            positive: k,
            base: 0.0,
        };
        let next = |list: &[f64]| {
            let found = self.round(width, a, d, &Traces::from_list(list, k));
            Ok::<_, Infallible>(found.listed().collect())
        };
        let Ok(found) = fixed_point(guess.listed().collect(), goal, next);
        Some(Traces::from_list(&found?, k))
    }

    /// `v.L^-1 w` for the vectors `s, e_1, ..., e_r` in each of the blocks, vector after vector within a block.
    pub(super) fn forms(&self, width: f64, a: &Mat<f64>, traces: &Traces) -> Mat<f64> {
        let (k, r) = (self.classes(), self.labels.first.len());
        let (size, labels) = (3 * k, &self.labels);
        let scales = self.scales(width, &traces.own);
        let times = |weights: &[f64], power: i32| -> Vec<f64> {
            let pairs = labels.values.iter().zip(weights);
            pairs.map(|(y, weight)| weight * y.powi(power)).collect()
        };
        let mut weights = labels.second.clone();
        weights.extend(labels.first.iter().map(|first| times(first, 1)));
        weights.push(times(&labels.mean, 2));
        let averaged = self.averaged(traces, &scales, &weights);
        let (second, rest) = averaged.split_at(r * r);
        let constant = self.constant(a, &scales);
        let open = Mat::from_fn(size * r, size * r, |row, col| {
            let (i, x, j, y) = (row / r, row % r, col / r, col % r);
            let own = if x == y { constant[(i, j)] } else { 0.0 };
            own + second[x * r + y][(i, j)]
        });
        let open = open.partial_piv_lu().inverse();
        // E[y z (1 + Y G / alpha0)^-1] = E[y z] - E[y z Y (1 + G Y / alpha0)^-1] G / alpha0, and the same of y^2.
        let less = Scale(-1.0 / self.samples) * &traces.blocks;
        let met = |mean: f64, of: &Mat<f64>| {
            let mut met = of * &less;
            (0..size).for_each(|i| met[(i, i)] += mean);
            met
        };
        let of_spike: Vec<Mat<f64>> = (0..r)
            .map(|x| met(labels.average(&labels.first[x], |y| y), &rest[x]))
            .collect();
        let of_spike = Mat::from_fn(size * r, size, |row, j| of_spike[row % r][(row / r, j)]);
        let cross = &open * &of_spike;
        let itself = Scale(1.0 / self.samples) * &traces.blocks * met(self.power(), &rest[r])
            + of_spike.transpose() * &cross;
        let each = r + 1;
        Mat::from_fn(size * each, size * each, |row, col| {
            let (i, x, j, y) = (row / each, row % each, col / each, col % each);
            match (x, y) {
                (0, 0) => itself[(i, j)],
                (0, y) => cross[(j * r + y - 1, i)],
                (x, 0) => cross[(i * r + x - 1, j)],
                (x, y) => open[(i * r + x - 1, j * r + y - 1)],
            }
        })
    }
}
