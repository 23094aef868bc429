//! Logistic regression on the features: Newton's method, whose last step bounds what is left.

use faer::linalg::matmul::matmul;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::linalg::solvers::Solve;
use faer::{Accum, Mat, MatMut, MatRef, Par, Side};

use super::{Fitted, Intercept, Readout, RidgeError, Samples, prepare};
use crate::batch::{Engine, Panel, Sweep};
use crate::watch::Interrupted;

/// Newton steps at most; ten are usual.
const STEPS: usize = 100;
/// It has converged when half the squared Newton decrement, which bounds the distance to the least objective to leading
/// order, is below this part of it for each sample.
const DECREMENT: f64 = 1e-12;

/// The objective at one point, with its gradient and Hessian.
struct Local {
    value: f64,
    gradient: Mat<f64>,
    hessian: Mat<f64>,
}

/// `argmin sum_v log(1 + exp(-s_v (phi_v . a + b))) + (lambda/2) |a|^2`, s the signs of the labels, for one ridge.
///
/// Each Newton step takes a pass of `2 n q p + n p^2` flops and `O(p^3)`; steps are halved while they do not lower the
/// objective. The ridge is positive: without one, separable samples have no least objective.
///
/// # Errors
/// [`RidgeError`] if the features are not finite, it does not converge, or the end of the work was asked for.
pub(super) fn fit<E: Engine>(
    (ridge, intercept): (f64, Intercept),
    features: &impl Samples,
    engine: &mut E,
    batch: &mut E::Batch,
) -> Result<Fitted, RidgeError> {
    let p = features.width();
    let m = p + usize::from(intercept == Intercept::With);
    let n = features.rows() as f64;
    let failed = || RidgeError::NotFinite { width: p };
    let mut at = Mat::<f64>::zeros(m, 1);
    let mut local = objective((ridge, &at), features, engine, batch)?;
    for _ in 0..STEPS {
        if !local.value.is_finite() || !local.hessian.is_all_finite() {
            return Err(failed());
        }
        let factor = local.hessian.llt(Side::Lower).map_err(|_| failed())?;
        let step = factor.solve(&local.gradient);
        let decrement = (local.gradient.transpose() * &step)[(0, 0)];
        if decrement / 2.0 <= DECREMENT * n {
            // The step that shows it squares what is left.
            let at = &at - &step;
            return Ok(Fitted {
                ridge,
                readout: Readout {
                    weights: (0..p).map(|i| at[(i, 0)]).collect(),
                    intercept: if m > p { at[(p, 0)] } else { 0.0 },
                },
            });
        }
        let mut size = 1.0;
        loop {
            let there = &at - &step * size;
            let next = objective((ridge, &there), features, engine, batch)?;
            // Armijo's rule; below rounding of the objective any step will do.
            let gain = 0.25 * size * decrement;
            if next.value <= local.value - gain || gain <= 1e-14 * local.value.abs() {
                (at, local) = (there, next);
                break;
            }
            size *= 0.5;
            if size < 1e-10 {
                return Err(RidgeError::Unconverged { ridge });
            }
        }
    }
    Err(RidgeError::Unconverged { ridge })
}

fn objective<E: Engine>(
    (ridge, at): (f64, &Mat<f64>),
    features: &impl Samples,
    engine: &mut E,
    batch: &mut E::Batch,
) -> Result<Local, Interrupted> {
    let (p, m) = (features.width(), at.nrows());
    let visit = |panel: &mut Panel<'_, E::Real>| {
        let (labels, mut phi) = prepare(features, panel);
        let rows = panel.rows;
        // The intercept is a feature of ones.
        phi.resize(rows * m, 1.0);
        let phi = MatRef::from_column_major_slice(&phi, rows, m);
        let output = phi * at;
        let (hessian, rest) = panel.sums.split_at_mut(m * m);
        let (gradient, value) = rest.split_at_mut(m);
        let mut slopes = Mat::zeros(rows, 1);
        let mut weighted = phi.to_owned();
        for (v, label) in labels.iter().enumerate() {
            let sign = if *label > 0.0 { 1.0 } else { -1.0 };
            let margin = sign * output[(v, 0)];
            value[0] += (-margin).max(0.0) + (-margin.abs()).exp().ln_1p();
            let wrong = 1.0 / (1.0 + margin.exp());
            slopes[(v, 0)] = -sign * wrong;
            let root = (wrong * (1.0 - wrong)).sqrt();
            for j in 0..m {
                weighted[(v, j)] *= root;
            }
        }
        triangular::matmul(
            MatMut::from_column_major_slice_mut(hessian, m, m),
            BlockStructure::TriangularLower,
            Accum::Add,
            weighted.transpose(),
            BlockStructure::Rectangular,
            &weighted,
            BlockStructure::Rectangular,
            1.0,
            Par::Seq,
        );
        matmul(
            MatMut::from_column_major_slice_mut(gradient, m, 1),
            Accum::Add,
            phi.transpose(),
            &slopes,
            1.0,
            Par::Seq,
        );
    };
    let directions = features.directions();
    let sweep = Sweep {
        directions: &directions,
        coefficients: 0,
        sums: m * m + m + 1,
        part: features.part(),
    };
    let sums = engine.sweep(batch, sweep, &visit, features.watch())?.sums;
    let penalty = |i: usize| if i < p { ridge } else { 0.0 };
    let power: f64 = (0..p).map(|i| at[(i, 0)].powi(2)).sum();
    Ok(Local {
        value: sums[m * m + m] + 0.5 * ridge * power,
        gradient: Mat::from_fn(m, 1, |i, _| sums[m * m + i] + penalty(i) * at[(i, 0)]),
        hessian: Mat::from_fn(m, m, |i, j| {
            let (low, high) = (i.max(j), i.min(j));
            sums[high * m + low] + if i == j { penalty(i) } else { 0.0 }
        }),
    })
}
