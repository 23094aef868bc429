//! The ridge readout: the second stage of training, on the features of a given first layer.

use faer::linalg::matmul::matmul;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::linalg::solvers::Solve;
use faer::{Accum, Mat, MatMut, MatRef, Par, Side};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::activation::Activation;
use crate::batch::{BatchId, Engine, Panel, Sweep};
use crate::directions::Directions;
use crate::labels::{Labels, RemovedPart};
use crate::real::Real;
use crate::watch::{Interrupted, Watch};

/// How the ridge is chosen.
#[derive(Debug, Clone, PartialEq)]
pub enum Ridge {
    /// One readout for each of these values.
    Values(Vec<f64>),
    /// The value among these with the least exact leave-one-out error.
    LeaveOneOut(Vec<f64>),
}

/// Whether the readout has an intercept (never penalised).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Intercept {
    /// `f = phi . a`.
    Without,
    /// `f = phi . a + b`.
    With,
}

/// The parameters of the ridge readout.
#[derive(Debug, Clone, PartialEq)]
pub struct RidgeParams {
    /// How the ridge is chosen.
    pub ridge: Ridge,
    /// With or without intercept.
    pub intercept: Intercept,
}

/// A readout `f(x) = phi(x) . a + b` with `phi(x) = sigma(W x) / sqrt p`.
#[derive(Debug, Clone)]
pub struct Readout {
    /// The weights a (p).
    pub weights: Vec<f64>,
    /// The intercept b; 0 without one.
    pub intercept: f64,
}

/// A readout and the ridge that it was fitted with.
#[derive(Debug, Clone)]
pub struct Fitted {
    /// The ridge lambda.
    pub ridge: f64,
    /// The readout.
    pub readout: Readout,
}

/// What the fit found besides the weights.
#[derive(Debug, Clone, Default)]
pub struct RidgeInfo {
    /// `(lambda, mean squared leave-one-out error)` for every candidate; empty for given values.
    pub leave_one_out: Vec<(f64, f64)>,
}

/// Why no readout was found.
#[derive(Debug, thiserror::Error)]
pub enum RidgeError {
    /// The features are not finite, or the eigensolver failed on them.
    #[error(
        "the readout has no solution: the {width} x {width} feature matrix is not finite or its eigensolver failed"
    )]
    NotFinite {
        /// The width p.
        width: usize,
    },
    /// The end of the work was asked for.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

/// The samples and features of a fit.
#[derive(Debug, Clone, Copy)]
pub struct Features<'a> {
    /// The first layer W.
    pub first: &'a Directions,
    /// The activation sigma.
    pub activation: &'a Activation,
    /// Where labels come from.
    pub labels: Labels<'a>,
    /// What is removed from them before the fit.
    pub removed: &'a RemovedPart,
    /// Name of the batch.
    pub id: BatchId,
    /// Its size n.
    pub rows: u64,
    /// Whether to stop, and whom to tell.
    pub watch: Watch<'a>,
}

/// Rows of features and labels: what a readout is fitted and tested on.
pub trait Samples: Sync {
    /// The number p of features.
    fn width(&self) -> usize;

    /// The number n of rows.
    fn rows(&self) -> u64;

    /// Whether to stop, and whom to tell.
    fn watch(&self) -> Watch<'_>;

    /// The vectors along which fields are needed, at least p.
    fn directions(&self) -> Directions;

    /// The labels of a panel, to be asked for before [`Samples::activations`].
    fn labels<T: Real>(&self, panel: &Panel<'_, T>) -> Vec<T>;

    /// Subtracts from labels what is removed before a fit and added back at prediction.
    fn remove<T: Real>(&self, panel: &Panel<'_, T>, labels: &mut [T]);

    /// Replaces the first p fields of a panel by `sqrt(p) phi`.
    fn activations<T: Real>(&self, panel: &mut Panel<'_, T>);
}

impl Samples for Features<'_> {
    fn width(&self) -> usize {
        self.first.rows()
    }

    fn rows(&self) -> u64 {
        self.rows
    }

    fn watch(&self) -> Watch<'_> {
        self.watch
    }

    fn directions(&self) -> Directions {
        Directions::stack(&[self.first, self.labels.directions, &self.removed.linear])
    }

    fn labels<T: Real>(&self, panel: &Panel<'_, T>) -> Vec<T> {
        let mut labels = vec![T::from_f64(0.0); panel.rows];
        self.labels.write(self.id, panel, self.width(), &mut labels);
        labels
    }

    fn remove<T: Real>(&self, panel: &Panel<'_, T>, labels: &mut [T]) {
        let first = self.width() + self.labels.target.r;
        self.removed.subtract(panel, first, labels);
    }

    fn activations<T: Real>(&self, panel: &mut Panel<'_, T>) {
        let mut column = vec![T::from_f64(0.0); panel.rows];
        for i in 0..self.width() {
            self.activation.value_column(panel.field(i), &mut column);
            panel.field_mut(i).copy_from_slice(&column);
        }
    }
}

/// Replaces the first p fields of a panel by `phi` and returns its labels, less what is removed from them.
fn prepare<T: Real>(samples: &impl Samples, panel: &mut Panel<'_, T>) -> Vec<T> {
    let mut labels = samples.labels(panel);
    samples.remove(panel, &mut labels);
    samples.activations(panel);
    let p = samples.width();
    let scale = T::from_f64(1.0 / (p as f64).sqrt());
    for value in &mut panel.fields[..p * panel.rows] {
        *value = scale * *value;
    }
    labels
}

/// The moments that a ridge fit needs, centred if there is an intercept.
struct Moments {
    gram: Mat<f64>,
    cross: Vec<f64>,
    feature_mean: Vec<f64>,
    label_mean: f64,
}

/// Ridge readouts on one batch: `argmin sum_v (y_v - phi_v . a - b)^2 + lambda |a|^2`.
///
/// One pass over the batch costs `2 n q p + n p^2` flops, then `O(p^3)`; leave-one-out adds a pass of
/// `2 n q p + 2 n p^2`. The ridge is not divided by n. A zero ridge gives the least-norm solution.
/// The paper's Algorithm 1, second stage; THEORY.md (3).
///
/// # Errors
/// [`RidgeError`] if the features are not finite, or if the end of the work was asked for.
pub fn fit<E: Engine>(
    params: &RidgeParams,
    features: impl Samples,
    engine: &mut E,
    batch: &mut E::Batch,
) -> Result<(Vec<Fitted>, RidgeInfo), RidgeError> {
    let p = features.width();
    let moments = moments(params.intercept, &features, engine, batch)?;
    let failed = || RidgeError::NotFinite { width: p };
    if !moments.cross.iter().all(|value| value.is_finite()) {
        return Err(failed());
    }
    let mut info = RidgeInfo::default();
    let readouts = match &params.ridge {
        Ridge::Values(ridges) => {
            let mut spectrum = None;
            let mut readouts = Vec::with_capacity(ridges.len());
            for ridge in ridges {
                let weights = match moments.cholesky(*ridge) {
                    Some(weights) => weights,
                    None => {
                        if spectrum.is_none() {
                            spectrum = Spectrum::of(&moments, E::Real::EPSILON);
                        }
                        spectrum.as_ref().ok_or_else(failed)?.solve(*ridge)
                    }
                };
                readouts.push(moments.fitted(*ridge, weights));
            }
            readouts
        }
        Ridge::LeaveOneOut(ridges) => {
            let spectrum = Spectrum::of(&moments, E::Real::EPSILON).ok_or_else(failed)?;
            let errors = leave_one_out(
                params.intercept,
                &features,
                &moments,
                &spectrum,
                ridges,
                engine,
                batch,
            )?;
            info.leave_one_out = ridges.iter().copied().zip(errors).collect();
            let best = info.leave_one_out.iter().min_by(|x, y| x.1.total_cmp(&y.1));
            best.map(|(ridge, _)| vec![moments.fitted(*ridge, spectrum.solve(*ridge))])
                .unwrap_or_default()
        }
    };
    Ok((readouts, info))
}

impl Moments {
    /// `(G + lambda I)^{-1} b` by Cholesky; none where rounding or a zero ridge leave no positive matrix.
    fn cholesky(&self, ridge: f64) -> Option<Vec<f64>> {
        if ridge == 0.0 {
            return None;
        }
        let p = self.cross.len();
        let mut shifted = self.gram.clone();
        for i in 0..p {
            shifted[(i, i)] += ridge;
        }
        let factor = shifted.llt(Side::Lower).ok()?;
        let mut weights = Mat::from_fn(p, 1, |i, _| self.cross[i]);
        factor.solve_in_place(weights.as_mut());
        Some((0..p).map(|i| weights[(i, 0)]).collect())
    }

    fn fitted(&self, ridge: f64, weights: Vec<f64>) -> Fitted {
        let offset: f64 = weights
            .iter()
            .zip(&self.feature_mean)
            .map(|(a, m)| a * m)
            .sum();
        let intercept = self.label_mean - offset;
        Fitted {
            ridge,
            readout: Readout { weights, intercept },
        }
    }
}

/// The eigenvectors of `Phi^T Phi`: all ridges at once, the least-norm solution at zero, leave-one-out.
struct Spectrum {
    values: Vec<f64>,
    vectors: Mat<f64>,
    /// `U^T Phi^T y`.
    rotated: Vec<f64>,
    /// Eigenvalues up to here are rounding.
    cutoff: f64,
}

impl Spectrum {
    fn of(moments: &Moments, epsilon: f64) -> Option<Self> {
        let p = moments.cross.len();
        let eigen = moments.gram.self_adjoint_eigen(Side::Lower).ok()?;
        let values: Vec<f64> = (0..p).map(|i| eigen.S()[i].max(0.0)).collect();
        let vectors = eigen.U().to_owned();
        let rotated = (0..p)
            .map(|j| (0..p).map(|i| vectors[(i, j)] * moments.cross[i]).sum())
            .collect();
        let cutoff = values.last().copied().unwrap_or(0.0) * p as f64 * epsilon;
        Some(Self {
            values,
            vectors,
            rotated,
            cutoff,
        })
    }

    /// `1 / (s_j + lambda)`, zero where that is rounding alone.
    fn inverse(&self, ridge: f64) -> Vec<f64> {
        let one = |value: &f64| match ridge == 0.0 && *value <= self.cutoff {
            true => 0.0,
            false => 1.0 / (value + ridge),
        };
        self.values.iter().map(one).collect()
    }

    fn solve(&self, ridge: f64) -> Vec<f64> {
        let p = self.values.len();
        let inverse = self.inverse(ridge);
        let weight = |i: usize| {
            (0..p)
                .map(|j| self.vectors[(i, j)] * self.rotated[j] * inverse[j])
                .sum()
        };
        (0..p).map(weight).collect()
    }
}

fn moments<E: Engine>(
    intercept: Intercept,
    features: &impl Samples,
    engine: &mut E,
    batch: &mut E::Batch,
) -> Result<Moments, Interrupted> {
    let p = features.width();
    let visit = |panel: &mut Panel<'_, E::Real>| {
        let labels = prepare(features, panel);
        let rows = panel.rows;
        let phi = MatRef::from_column_major_slice(&panel.fields[..rows * p], rows, p);
        let (gram, rest) = panel.sums.split_at_mut(p * p);
        let (cross, rest) = rest.split_at_mut(p);
        let (means, label_sum) = rest.split_at_mut(p);
        panel.scratch.resize(p * p, E::Real::from_f64(0.0));
        let mut block = MatMut::from_column_major_slice_mut(&mut panel.scratch[..p * p], p, p);
        triangular::matmul(
            block.as_mut(),
            BlockStructure::TriangularLower,
            Accum::Replace,
            phi.transpose(),
            BlockStructure::Rectangular,
            phi,
            BlockStructure::Rectangular,
            E::Real::from_f64(1.0),
            Par::Seq,
        );
        for (sum, value) in gram.iter_mut().zip(&panel.scratch[..p * p]) {
            *sum += value.to_f64();
        }
        for i in 0..p {
            let column = &panel.fields[i * rows..(i + 1) * rows];
            cross[i] += column
                .iter()
                .zip(&labels)
                .map(|(x, y)| x.to_f64() * y.to_f64())
                .sum::<f64>();
            means[i] += column.iter().map(|x| x.to_f64()).sum::<f64>();
        }
        label_sum[0] += labels.iter().map(|y| y.to_f64()).sum::<f64>();
    };
    let directions = features.directions();
    let sweep = Sweep {
        directions: &directions,
        coefficients: 0,
        sums: p * p + 2 * p + 1,
    };
    let sums = engine.sweep(batch, sweep, &visit, features.watch())?.sums;
    let n = features.rows() as f64;
    let (feature_mean, label_mean) = match intercept {
        Intercept::Without => (vec![0.0; p], 0.0),
        Intercept::With => {
            let start = p * p + p;
            (
                sums[start..start + p].iter().map(|sum| sum / n).collect(),
                sums[start + p] / n,
            )
        }
    };
    let gram = Mat::from_fn(p, p, |i, j| {
        let (low, high) = (i.max(j), i.min(j));
        sums[high * p + low] - n * feature_mean[i] * feature_mean[j]
    });
    let cross = (0..p)
        .map(|i| sums[p * p + i] - n * feature_mean[i] * label_mean)
        .collect();
    Ok(Moments {
        gram,
        cross,
        feature_mean,
        label_mean,
    })
}

/// Mean squared leave-one-out error for each ridge.
///
/// With `s` the eigenvalues and `u` a row of centred features in the eigenbasis, the leverage is
/// `h = [1/n] + sum u_j^2 / (s_j + lambda)` and the left-out residual is the residual over `1 - h`.
fn leave_one_out<E: Engine>(
    intercept: Intercept,
    features: &impl Samples,
    moments: &Moments,
    spectrum: &Spectrum,
    ridges: &[f64],
    engine: &mut E,
    batch: &mut E::Batch,
) -> Result<Vec<f64>, Interrupted> {
    let p = features.width();
    let n = features.rows() as f64;
    let Spectrum {
        vectors, rotated, ..
    } = spectrum;
    let shrink: Vec<Vec<f64>> = ridges
        .iter()
        .map(|ridge| spectrum.inverse(*ridge))
        .collect();
    let base = match intercept {
        Intercept::Without => 0.0,
        Intercept::With => 1.0 / n,
    };
    let basis = Mat::<E::Real>::from_fn(p, p, |i, j| E::Real::from_f64(vectors[(i, j)]));
    let mean_rotated: Vec<f64> = (0..p)
        .map(|j| {
            (0..p)
                .map(|i| vectors[(i, j)] * moments.feature_mean[i])
                .sum()
        })
        .collect();
    let visit = |panel: &mut Panel<'_, E::Real>| {
        let labels = prepare(features, panel);
        let rows = panel.rows;
        panel.scratch.resize(rows * p, E::Real::from_f64(0.0));
        matmul(
            MatMut::from_column_major_slice_mut(&mut panel.scratch[..rows * p], rows, p),
            Accum::Replace,
            MatRef::from_column_major_slice(&panel.fields[..rows * p], rows, p),
            basis.as_ref(),
            E::Real::from_f64(1.0),
            Par::Seq,
        );
        for (shrink, sum) in shrink.iter().zip(panel.sums.iter_mut()) {
            let mut leverage = vec![base; rows];
            let mut residual: Vec<f64> = labels
                .iter()
                .map(|y| y.to_f64() - moments.label_mean)
                .collect();
            for j in 0..p {
                for v in 0..rows {
                    let u = panel.scratch[j * rows + v].to_f64() - mean_rotated[j];
                    leverage[v] += u * u * shrink[j];
                    residual[v] -= u * rotated[j] * shrink[j];
                }
            }
            *sum += leverage
                .iter()
                .zip(&residual)
                .map(|(h, e)| (e / (1.0 - h)).powi(2))
                .sum::<f64>();
        }
    };
    let directions = features.directions();
    let sweep = Sweep {
        directions: &directions,
        coefficients: 0,
        sums: shrink.len(),
    };
    let sums = engine.sweep(batch, sweep, &visit, features.watch())?.sums;
    Ok(sums.into_iter().map(|sum| sum / n).collect())
}
