//! Errors on samples that training has not seen.

use crate::batch::{Engine, Panel, Sweep};
use crate::readout::{Readout, Samples};
use crate::real::Real;
use crate::watch::Interrupted;

/// Mean squared errors `E (y - f)^2` (no 1/2) on one batch of test samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Errors {
    /// One value for each readout that was given.
    pub readouts: Vec<f64>,
    /// Mean of the labels, before any removal.
    pub label_mean: f64,
    /// Variance of the labels, noise included: the error of the best constant.
    pub label_variance: f64,
}

/// Measures readouts on the features of `samples`; what was removed from the labels is added to predictions.
///
/// The labels carry their noise, so a perfect readout has its variance as error. One pass, `2 n q p` flops and `n p`
/// activations, whatever the number of readouts.
///
/// # Errors
/// [`Interrupted`] when the end of the work was asked for.
pub fn errors<E: Engine>(
    readouts: &[Readout],
    samples: impl Samples,
    engine: &mut E,
    batch: &mut E::Batch,
) -> Result<Errors, Interrupted> {
    let p = samples.width();
    let scale = 1.0 / (p as f64).sqrt();
    let visit = |panel: &mut Panel<'_, E::Real>| {
        let mut labels = samples.labels(panel);
        for y in &labels {
            panel.sums[0] += y.to_f64();
            panel.sums[1] += y.to_f64() * y.to_f64();
        }
        samples.remove(panel, &mut labels);
        // In double precision: large weights cancel.
        let mut residuals: Vec<Vec<f64>> = readouts
            .iter()
            .map(|readout| {
                let labels = labels.iter();
                labels.map(|y| y.to_f64() - readout.intercept).collect()
            })
            .collect();
        samples.activations(panel);
        for i in 0..p {
            for (readout, residual) in readouts.iter().zip(&mut residuals) {
                let weight = readout.weights[i] * scale;
                for (error, value) in residual.iter_mut().zip(panel.field(i)) {
                    *error -= weight * value.to_f64();
                }
            }
        }
        for (sum, residual) in panel.sums[2..].iter_mut().zip(&residuals) {
            *sum += residual.iter().map(|e| e * e).sum::<f64>();
        }
    };
    let directions = samples.directions();
    let sweep = Sweep {
        directions: &directions,
        coefficients: 0,
        sums: 2 + readouts.len(),
    };
    let sums = engine.sweep(batch, sweep, &visit, samples.watch())?.sums;
    let n = samples.rows() as f64;
    let label_mean = sums[0] / n;
    Ok(Errors {
        readouts: sums[2..].iter().map(|sum| sum / n).collect(),
        label_mean,
        label_variance: sums[1] / n - label_mean * label_mean,
    })
}
