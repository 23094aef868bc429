//! One plain first step at n of order d: errors of the ridge readout in closed form where the second layer has few values, THEORY.md
//! (41) to (45), and the bulk of what it adds to the weights (48).

use super::prediction::{BULK, CLASSES};
use super::{SCARCE, Task};
use crate::labels::Removal;
use crate::metric::Metric;
use crate::network::{Bias, Output, Pairing, SecondLayer};
use crate::theory::class_equations::{AfterOneStep, Class, ClassError, Lengths, Noise};
use crate::theory::label_law::LabelLaw;
use crate::theory::moved_rows::MovedRows;
use crate::theory::population::magnitudes;
use crate::theory::state_equations::Sizes;
use crate::train::{Geometry, Loss, Update};

/// The squared overlap with the target that the even part of a step may give to a single neuron.
const TURNED: f64 = 0.1;
/// Places in the bulk that are predicted, from above, as shares of its values.
const SHARES: [f64; 4] = [0.1, 0.25, 0.5, 0.75];
/// Fewer rows than this have no bulk.
const FEW_ROWS: f64 = 30.0;

impl Task<'_> {
    /// Records the errors after the first step; whether there are any.
    pub(super) fn closed_errors(&mut self, ridges: &[f64]) -> bool {
        let Some(step) = self.one_step() else {
            return false;
        };
        let readout = &self.experiment.readout;
        let d = self.dynamics.dimension;
        let (samples, width) = (
            self.experiment.readout_samples as f64 / d,
            self.experiment.network.width as f64 / d,
        );
        let found = step.features().and_then(|features| {
            let of_ridge = |ridge: &f64| {
                let sizes = Sizes {
                    samples,
                    width,
                    ridge: *ridge,
                };
                features.error(sizes, readout.intercept, d)
            };
            ridges.iter().map(of_ridge).collect::<Result<Vec<_>, _>>()
        });
        let Ok(errors) = found else {
            return false;
        };
        for (ridge, error) in ridges.iter().zip(errors) {
            self.push_errors(1, *ridge, vec![Ok::<_, ClassError>(error)], CLASSES);
        }
        true
    }

    /// Records singular values of `W^1 - W^0` in the bulk below so many spikes, where its law is known. THEORY.md (48).
    pub(super) fn bulk_of_step(&mut self, spikes: usize) {
        let Some(rows) = self.moved_rows() else {
            return;
        };
        let below = self.population.width() - spikes as f64;
        for share in SHARES {
            let place = (share * below).ceil();
            let rank = spikes as f64 + place;
            if rank >= self.dynamics.dimension.min(self.population.width()) || self.stopped() {
                break;
            }
            let Some(value) = rows.quantile(1.0 - (place - 0.5) / below) else {
                break;
            };
            if let Some(made) = self.push(1, Metric::SingularValue, value, BULK) {
                made.rank = Some(rank as u32);
            }
        }
    }

    fn moved_rows(&self) -> Option<MovedRows> {
        let (target, d) = (&self.experiment.target, self.dynamics.dimension);
        if self.population.width() < FEW_ROWS {
            return None;
        }
        let removed = self.plain_step()?;
        let of = &self.activation;
        let law = &self.experiment.network;
        let rows = law.width as f64 / d;
        let squares = magnitudes(law.second_layer)
            .into_iter()
            .map(|(size, share)| {
                let step = self.dynamics.rate * law.gain * size;
                (step * step, rows * share)
            });
        Some(MovedRows {
            labels: LabelLaw::new(&target.link, target.r, removed, target.noise)?,
            turn: of.slopes[1],
            random: of.slope_power - of.slopes[0].powi(2) - of.slopes[1].powi(2),
            samples: self.experiment.protocol.rows(1) as f64 / d,
            rows: squares.collect(),
        })
    }

    /// Whether steps are bare gradients of neurons without biases, which begin in random directions, on Gaussian inputs.
    pub(super) fn takes_bare_gradients(&self) -> bool {
        let (network, protocol) = (&self.experiment.network, &self.experiment.protocol);
        let bare = protocol.update == Update::PLAIN && protocol.lookahead.is_none();
        let unbiased = network.bias == Bias::Zero && !protocol.biases.is_trained();
        let kept = protocol.removal != Removal::MeanAndLinear;
        bare && unbiased && kept && self.start.drawn && self.is_gaussian()
    }

    /// What a plain first step of independent rows takes off the labels, of networks whose output is a constant but for parts that
    /// vanish; none for other steps.
    fn plain_step(&self) -> Option<f64> {
        let (network, protocol) = (&self.experiment.network, &self.experiment.protocol);
        let alone = network.pairing == Pairing::Independent && network.output == Output::Plain;
        let plain = protocol.geometry == Geometry::Plain && protocol.set.is_none();
        if !(alone && plain && self.takes_bare_gradients()) {
            return None;
        }
        if (protocol.rows(1) as f64) < self.dynamics.dimension.powf(SCARCE) {
            return None;
        }
        let output = match protocol.loss {
            Loss::Squared => {
                let second = self.population.mean(|_, class| class.second);
                self.activation.coefficients[0] * second
            }
            Loss::Correlation => 0.0,
            _ => return None,
        };
        Some(self.dynamics.removed_mean + output)
    }

    /// The first step, if it is one of those for which the equations are derived.
    fn one_step(&self) -> Option<AfterOneStep<'_>> {
        let (network, protocol) = (&self.experiment.network, &self.experiment.protocol);
        let step_mean = self.plain_step()?;
        let few = matches!(
            network.second_layer,
            SecondLayer::Rademacher | SecondLayer::Ones
        );
        if !few {
            return None;
        }
        // Without a linear part of the target, what neurons learn of it at finite d outweighs 1/p (38).
        if self.labels.leading_order() != Some(1) || self.labels.standard_errors.is_some() {
            return None;
        }
        let (n, d) = (protocol.rows(1) as f64, self.dynamics.dimension);
        // Steps so large that single neurons gain overlaps by T_2 leave more than one spike.
        let turn = self.dynamics.rate * self.activation.slopes[1];
        let largest = self
            .population
            .classes
            .iter()
            .map(|class| class.second.abs())
            .fold(0.0, f64::max);
        if 2.0 * self.labels.degree_power(2) * (turn * largest).powi(2) > TURNED * d {
            return None;
        }
        let width = self.population.width();
        let classes = self.population.classes.iter().map(|class| Class {
            step: self.dynamics.rate * class.second,
            share: class.count / width,
        });
        Some(AfterOneStep {
            target: &self.experiment.target,
            activation: &network.activation,
            rows: network.first_layer,
            step_samples: n / d,
            step_mean,
            readout_mean: self.dynamics.removed_mean,
            classes: classes.collect(),
            lengths: Lengths::Fluctuating,
            noise: Noise::OfBatch,
        })
    }
}
