//! Errors of the ridge readout after one step, in closed form where the second layer has few values. THEORY.md (41) to (45).

use super::prediction::CLASSES;
use super::{SCARCE, Task};
use crate::network::{Bias, Output, Pairing, SecondLayer};
use crate::theory::class_equations::{AfterOneStep, Class, ClassError, Lengths, Noise};
use crate::theory::state_equations::Sizes;
use crate::train::{Geometry, Loss, Update};

/// The squared overlap with the target that the even part of a step may give to a single neuron.
const TURNED: f64 = 0.1;

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

    /// The first step, if it is one of those for which the equations are derived.
    fn one_step(&self) -> Option<AfterOneStep<'_>> {
        let (network, protocol) = (&self.experiment.network, &self.experiment.protocol);
        let few = matches!(
            network.second_layer,
            SecondLayer::Rademacher | SecondLayer::Ones
        );
        let alone = network.pairing == Pairing::Independent && network.output == Output::Plain;
        let plain = protocol.geometry == Geometry::Plain && protocol.update == Update::PLAIN;
        let fresh = protocol.lookahead.is_none() && protocol.set.is_none();
        let unbiased = network.bias == Bias::Zero && !protocol.biases.is_trained();
        if !(few && alone && plain && fresh && unbiased && self.start.drawn) {
            return None;
        }
        // Without a linear part of the target, what neurons learn of it at finite d outweighs 1/p (38).
        if self.labels.leading_order() != Some(1) || self.labels.standard_errors.is_some() {
            return None;
        }
        let (n, d) = (protocol.rows(1) as f64, self.dynamics.dimension);
        if n < d.powf(SCARCE) {
            return None;
        }
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
        let removed = self.dynamics.removed_mean;
        // The output before the step is a constant, but for parts that vanish.
        let output = match protocol.loss {
            Loss::Squared => {
                let second = self.population.mean(|_, class| class.second);
                self.activation.coefficients[0] * second
            }
            Loss::Correlation => 0.0,
            _ => return None,
        };
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
            step_mean: removed + output,
            readout_mean: removed,
            classes: classes.collect(),
            lengths: Lengths::Fluctuating,
            noise: Noise::OfBatch,
        })
    }
}
