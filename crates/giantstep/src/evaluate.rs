//! Errors on samples that training has not seen.

use faer::{Mat, MatRef};

use crate::batch::{Engine, Panel, Sweep};
use crate::readout::{Readout, Samples, add_moments, features, moment_sums, second_moments};
use crate::real::Real;
use crate::train::Loss;
use crate::watch::Interrupted;

/// Errors on one batch of test samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Errors {
    /// `E (y - f)^2` (no 1/2), one value for each readout that was given.
    pub readouts: Vec<f64>,
    /// The share of samples on which f has not the sign of y; an output of 0 counts half.
    pub rates: Vec<f64>,
    /// `E l(y, f)` of the network's own second layer, if there is one.
    pub loss: Option<f64>,
    /// Mean of the labels, before any removal.
    pub label_mean: f64,
    /// Variance of the labels, noise included: the error of the best constant.
    pub label_variance: f64,
    /// `Phi^T Phi` and `Phi^T y` of the features and the labels before any removal, if they were asked for.
    pub moments: Option<(Mat<f64>, Mat<f64>)>,
}

/// Whether moments of the features are taken on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moments {
    /// They are not.
    Left,
    /// They are: `n p^2` flops more.
    Taken,
}

/// Measures readouts on the features of `samples`; what was removed from the labels is added to predictions.
///
/// With a loss, the first of them is the network's own second layer; of its output that of the start is subtracted.
/// The labels carry their noise, so a perfect readout has its variance as error. One pass, `2 n q p` flops and `n p`
/// activations, whatever the number of readouts.
///
/// # Errors
/// [`Interrupted`] when the end of the work was asked for.
pub fn errors<E: Engine>(
    readouts: &[Readout],
    (own, moments): (Option<&Loss>, Moments),
    samples: impl Samples,
    engine: &mut E,
    batch: &mut E::Batch,
) -> Result<Errors, Interrupted> {
    let p = samples.width();
    let scale = 1.0 / (p as f64).sqrt();
    let errors_end = 2 + 2 * readouts.len() + usize::from(own.is_some());
    let visit = |panel: &mut Panel<'_, E::Real>| {
        let mut labels = samples.labels(panel);
        let truth = labels.clone();
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
        if let (Some(_), Some(start), Some(own)) =
            (own, samples.start(panel), residuals.first_mut())
        {
            for (error, value) in own.iter_mut().zip(&start) {
                *error += value.to_f64();
            }
        }
        samples.activations(panel);
        for i in 0..p {
            for (readout, residual) in readouts.iter().zip(&mut residuals) {
                let weight = readout.weights[i] * scale;
                for (error, value) in residual.iter_mut().zip(panel.field(i)) {
                    *error -= weight * value.to_f64();
                }
            }
        }
        if moments == Moments::Taken {
            let phi = features(&samples, panel);
            let phi = MatRef::from_column_major_slice(&phi, panel.rows, p);
            let labels: Vec<f64> = truth.iter().map(|y| y.to_f64()).collect();
            add_moments(phi, &labels, &mut panel.sums[errors_end..]);
        }
        let (errors, rest) = panel.sums[2..].split_at_mut(residuals.len());
        let (rates, loss) = rest.split_at_mut(residuals.len());
        for ((error, rate), residual) in errors.iter_mut().zip(rates).zip(&residuals) {
            *error += residual.iter().map(|e| e * e).sum::<f64>();
            let both = truth.iter().zip(residual);
            *rate += both.map(|(y, e)| wrong(y.to_f64(), *e)).sum::<f64>();
        }
        if let (Some(sum), Some(own), Some(residual)) = (loss.first_mut(), own, residuals.first()) {
            let both = truth.iter().zip(residual);
            *sum += both
                .map(|(y, e)| own.value(y.to_f64(), y.to_f64() - e))
                .sum::<f64>();
        }
    };
    let directions = samples.directions();
    let sweep = Sweep {
        directions: &directions,
        coefficients: 0,
        sums: match moments {
            Moments::Left => errors_end,
            Moments::Taken => errors_end + moment_sums(p),
        },
        part: samples.part(),
    };
    let sums = engine.sweep(batch, sweep, &visit, samples.watch())?.sums;
    let (sums, of_features) = sums.split_at(errors_end);
    let n = samples.rows() as f64;
    let label_mean = sums[0] / n;
    let mean = |sums: &[f64]| sums.iter().map(|sum| sum / n).collect();
    let (errors, rest) = sums[2..].split_at(readouts.len());
    let (rates, loss) = rest.split_at(readouts.len());
    Ok(Errors {
        readouts: mean(errors),
        rates: mean(rates),
        loss: loss.first().map(|sum| sum / n),
        label_mean,
        label_variance: sums[1] / n - label_mean * label_mean,
        moments: (moments == Moments::Taken).then(|| second_moments(of_features, p)),
    })
}

/// Whether the output `y - error` has another sign than y.
fn wrong(y: f64, error: f64) -> f64 {
    let output = y - error;
    if output == 0.0 || y == 0.0 {
        0.5
    } else {
        f64::from(u8::from((output > 0.0) != (y > 0.0)))
    }
}
