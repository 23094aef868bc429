//! Settings for which no theory is derived here: what is not said of them, and why.

use crate::experiment::Experiment;
use crate::network::{Bias, Initial, Output};
use crate::train::{Loss, Sampling, StepSize, Update};

/// What theory leaves out of an experiment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scope {
    /// The last step of which anything is known, if not even the start is.
    pub last: Option<u32>,
    /// Why nothing is known further on.
    pub reason: &'static str,
}

/// The most steps through which predictions are followed.
const MOST_STEPS: u32 = 100_000;

/// The first reason for which the predictions of the first layer's plain steps on the squared, correlation or switched loss
/// do not apply; none if they do.
pub(super) fn scope(experiment: &Experiment) -> Option<Scope> {
    let (network, protocol) = (&experiment.network, &experiment.protocol);
    let never = |reason| Some(Scope { last: None, reason });
    let until = |last, reason| {
        let last = Some(last);
        Some(Scope { last, reason })
    };
    if !experiment.has_gaussian_inputs() {
        return never("predictions are derived for Gaussian inputs of covariance 1");
    }
    if let Some(reason) = experiment.beyond_theory() {
        return never(reason);
    }
    if protocol.steps > MOST_STEPS {
        return never("predictions go step by step, and not through so many");
    }
    if experiment.target.link.is_random() {
        return never("no prediction is derived here for links that draw random numbers");
    }
    match network.start {
        Initial::Drawn => {}
        Initial::Overlaps(_) => {
            return never("no prediction is derived here for overlaps that are given at the start");
        }
        Initial::Weights(_) => {
            return never("no prediction is derived here for weights that are given at the start");
        }
    }
    if network.bias != Bias::Zero {
        return never("no prediction is derived here for networks with biases");
    }
    if network.gain != 1.0 {
        return never(
            "no prediction is derived here for another factor before the output than 1/sqrt(p)",
        );
    }
    if network.output == Output::Centred {
        return never(
            "no prediction is derived here for an output from which that of the start is subtracted",
        );
    }
    if matches!(protocol.loss, Loss::Pointwise(_)) {
        return until(
            0,
            "steps of this loss have no prediction here: those of the squared loss do not apply",
        );
    }
    if protocol.second_layer.is_trained() {
        return until(
            0,
            "steps that train the second layer too have no prediction here",
        );
    }
    if protocol.update != Update::PLAIN {
        let reason =
            "steps that are more than the gradient times the step size have no prediction here";
        return until(0, reason);
    }
    if let Some(from) = protocol.average_from {
        return until(from - 1, "averaged networks have no prediction here");
    }
    if let Some(set) = protocol.set {
        let reason = "batches that are drawn from a fixed training set have no prediction here";
        return until(
            u32::from(set.sampling == Sampling::WithoutReplacement),
            reason,
        );
    }
    if protocol.sizes.is_some() {
        return until(1, "batches of different sizes have no prediction here");
    }
    if matches!(protocol.step_size, StepSize::Formula(..)) {
        return until(1, "steps of different sizes have no prediction here");
    }
    None
}
