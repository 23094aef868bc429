//! What the network is compared with: kernel methods on the batch of its readout.
//!
//! All of them solve `f(x) = sum_v alpha_v K(x, x_v)`, `alpha = (K + lambda)^-1 y`, in double precision by Cholesky. They ask of a
//! batch what training asks: its rows as vectors (`X^T I`), and fields along them, so that every engine runs them.

mod kernel;

use faer::linalg::solvers::Solve;
use faer::{Mat, Scale, Side};

pub use kernel::Learner;
use kernel::{Inner, Kernel, Seen};

use crate::batch::{Engine, Panel, Sweep};
use crate::directions::Directions;
use crate::metric::Metric;
use crate::readout::{Features, RidgeError, Samples};
use crate::real::Real;

/// A method, with its ridges.
#[derive(Debug, Clone, PartialEq)]
pub struct Baseline {
    /// The kernel.
    pub method: Method,
    /// Ridges lambda, positive, not divided by n; an error is measured for each.
    pub ridges: Vec<f64>,
}

/// A kernel K.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `<x, x'>/d`: linear regression on the inputs.
    Inputs,
    /// `E sigma(<w, x>) sigma(<w, x'>)` of the network's activation, as the series `kappa(s) = sum_j c_j^2 s^j/j!` in `s = <x, x'>/d`
    /// to this degree; what higher degrees add to `E sigma^2` stands on the diagonal, where alone they act while n is below
    /// their power of d.
    Kernel {
        /// The degree.
        degree: usize,
    },
    /// `<grad f(x), grad f(x')>` at the start, in the layers that are trained.
    TangentKernel,
    /// The recursive feature machine: `kappa(x^T M x'/d)`, where M is 1 and then, round after round, proportional to the mean of
    /// `grad f grad f^T` over the batch, at a mean of `x^T M x` of d there.
    FeatureMachine {
        /// The degree of the series.
        degree: usize,
        /// How often M is learnt.
        rounds: u32,
    },
}

impl Method {
    /// Its test error.
    pub fn metric(self) -> Metric {
        match self {
            Self::Inputs => Metric::LinearError,
            Self::Kernel { .. } => Metric::KernelError,
            Self::TangentKernel => Metric::TangentKernelError,
            Self::FeatureMachine { .. } => Metric::FeatureMachineError,
        }
    }
}

/// A list of baselines, fitted on the rows of a batch.
#[derive(Debug)]
pub(crate) struct Fits {
    rows: Directions,
    fits: Vec<Fit>,
}

/// One kernel solved.
#[derive(Debug)]
struct Fit {
    metric: Metric,
    ridge: f64,
    kernel: Kernel,
    /// `alpha`, n x 1.
    weights: Mat<f64>,
}

/// The rows of a batch: as vectors, with their labels and with their fields along the network at the start.
struct Rows {
    vectors: Directions,
    labels: Mat<f64>,
    fields: Mat<f64>,
}

/// One pass of `2 n q (p + n)` flops: the coefficients of the backward product are the identity.
fn rows<E: Engine>(
    samples: &Features<'_>,
    engine: &mut E,
    batch: &mut E::Batch,
) -> Result<Rows, RidgeError> {
    let (n, p) = (samples.rows() as usize, samples.width());
    let visit = |panel: &mut Panel<'_, E::Real>| {
        let mut labels = samples.labels(panel);
        samples.remove(panel, &mut labels);
        let (first, rows) = (panel.first_row as usize, panel.rows);
        let fields = panel.fields[..p * rows].chunks_exact(rows);
        for (from, to) in fields
            .chain([&labels[..]])
            .zip(panel.sums.chunks_exact_mut(n))
        {
            for (to, from) in to[first..first + rows].iter_mut().zip(from) {
                *to = from.to_f64();
            }
        }
        let identity = &mut panel.fields[..n * rows];
        identity.fill(E::Real::from_f64(0.0));
        for v in 0..rows {
            identity[(first + v) * rows + v] = E::Real::from_f64(1.0);
        }
    };
    let directions = samples.directions();
    let sweep = Sweep {
        directions: &directions,
        coefficients: n,
        sums: n * (p + 1),
        part: samples.part(),
    };
    let swept = engine.sweep(batch, sweep, &visit, samples.watch())?;
    let sums = swept.sums;
    Ok(Rows {
        vectors: swept.backward,
        labels: Mat::from_fn(n, 1, |v, _| sums[p * n + v]),
        fields: Mat::from_fn(n, p, |v, i| sums[i * n + v]),
    })
}

impl Fits {
    /// Fits all of them on one batch, of whose features only samples, labels and what is removed matter; the first layer is that of
    /// the network at the start.
    ///
    /// Cost: `2 n q (p + n)` flops for the rows, `n^3/3` for each ridge, `2 n^2 p` for the tangent kernel, `10 n^3` for each round of a
    /// feature machine; a few matrices n x n. Passes on a batch that is opened again see the same rows.
    ///
    /// # Errors
    /// [`RidgeError`] if a kernel is not positive definite to rounding, or the end of the work was asked for.
    pub(crate) fn new<E: Engine>(
        baselines: &[Baseline],
        learner: &Learner<'_>,
        samples: &Features<'_>,
        engine: &mut E,
        batch: &mut E::Batch,
    ) -> Result<Self, RidgeError> {
        let rows = rows(samples, engine, batch)?;
        let dimension = engine.dimension() as f64;
        let mut gram = rows.vectors.gram(&rows.vectors);
        gram *= Scale(1.0 / dimension);
        let tangent = learner.seen(&rows.fields);
        let seen = Seen {
            products: gram.as_ref(),
            dimension,
            tangent: tangent.as_ref(),
        };
        let mut fits = Vec::new();
        for baseline in baselines {
            let (method, metric) = (baseline.method, baseline.method.metric());
            for ridge in &baseline.ridges {
                let ridge = *ridge;
                let found = match (Kernel::of(method, learner, seen.tangent), method) {
                    (Kernel::Inner(inner), Method::FeatureMachine { rounds, .. }) => {
                        recursive(inner, (rounds, ridge), &seen, &rows.labels)
                    }
                    (kernel, _) => {
                        let shift = kernel.on_diagonal() + ridge;
                        let weights = solve(kernel.matrix(&seen), shift, &rows.labels);
                        weights.map(|weights| (kernel, weights))
                    }
                };
                let (kernel, weights) = found.ok_or(RidgeError::Indefinite { metric, ridge })?;
                fits.push(Fit {
                    metric,
                    ridge,
                    kernel,
                    weights,
                });
            }
        }
        Ok(Self {
            rows: rows.vectors,
            fits,
        })
    }

    /// Metric, ridge and `E (y - f)^2` of each on a batch of test samples: one pass of `2 n_test n q` flops, and for each kernel that
    /// changes its inputs `2 n_test n^2`, for the tangent kernel `2 n_test n p`.
    ///
    /// # Errors
    /// [`RidgeError`] when the end of the work was asked for.
    pub(crate) fn errors<E: Engine>(
        &self,
        learner: &Learner<'_>,
        samples: Features<'_>,
        engine: &mut E,
        batch: &mut E::Batch,
    ) -> Result<Vec<(Metric, f64, f64)>, RidgeError> {
        let (n, dimension) = (self.rows.rows(), engine.dimension() as f64);
        let along = Directions::stack(&[&self.rows, samples.first]);
        let samples = Features {
            first: &along,
            ..samples
        };
        let visit = |panel: &mut Panel<'_, E::Real>| {
            let mut labels = samples.labels(panel);
            samples.remove(panel, &mut labels);
            let fields = |first: usize, count: usize| {
                Mat::from_fn(panel.rows, count, |v, i| panel.field(first + i)[v].to_f64())
            };
            let mut products = fields(0, n);
            products *= Scale(1.0 / dimension);
            let tangent = learner.seen(&fields(n, samples.width() - n));
            let seen = Seen {
                products: products.as_ref(),
                dimension,
                tangent: tangent.as_ref(),
            };
            for (fit, sum) in self.fits.iter().zip(panel.sums.iter_mut()) {
                let answer = fit.kernel.matrix(&seen) * &fit.weights;
                let errors = labels.iter().enumerate();
                *sum += errors
                    .map(|(v, y)| (y.to_f64() - answer[(v, 0)]).powi(2))
                    .sum::<f64>();
            }
        };
        let directions = samples.directions();
        let sweep = Sweep {
            directions: &directions,
            coefficients: 0,
            sums: self.fits.len(),
            part: samples.part(),
        };
        let sums = engine.sweep(batch, sweep, &visit, samples.watch())?.sums;
        let count = samples.rows() as f64;
        let each = self.fits.iter().zip(sums);
        Ok(each
            .map(|(fit, sum)| (fit.metric, fit.ridge, sum / count))
            .collect())
    }
}

/// `(K + shift)^-1 y` on the batch itself; none if that is not positive definite to rounding.
fn solve(mut matrix: Mat<f64>, shift: f64, labels: &Mat<f64>) -> Option<Mat<f64>> {
    for v in 0..matrix.nrows() {
        matrix[(v, v)] += shift;
    }
    let weights = matrix.llt(Side::Lower).ok()?.solve(labels);
    weights.is_all_finite().then_some(weights)
}

/// A feature machine: rounds of fits, each with the M that the last one taught.
fn recursive(
    mut inner: Inner,
    (rounds, ridge): (u32, f64),
    seen: &Seen<'_>,
    labels: &Mat<f64>,
) -> Option<(Kernel, Mat<f64>)> {
    let solved = |inner: &Inner| solve(inner.matrix(seen), inner.on_diagonal() + ridge, labels);
    let mut weights = solved(&inner)?;
    for _ in 0..rounds {
        inner = inner.next(seen, &weights)?;
        weights = solved(&inner)?;
    }
    Some((Kernel::Inner(inner), weights))
}
