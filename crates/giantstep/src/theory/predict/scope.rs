//! Settings for which no theory is derived here: what is not said of them, and why.

use super::prediction::Would;
use super::{PROPORTIONAL, SCARCE};
use crate::batch::Inputs;
use crate::experiment::{Experiment, Origin};
use crate::network::{Bias, Initial, Output, Pairing, SecondLayer};
use crate::train::{BatchPlan, Geometry, Sampling, StepSize, Update};

/// What theory leaves out of an experiment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scope {
    /// The last step of which anything is known, if not even the start is.
    pub last: Option<u32>,
    /// Why nothing is known further on.
    pub reason: &'static str,
    /// What would give it.
    pub would: Would,
}

/// The most steps through which predictions are followed.
const MOST_STEPS: u32 = 100_000;

/// The most directions of a target of which anything is predicted.
pub(super) const MOST_DIRECTIONS: usize = 64;

/// The first reason for which the predictions of the first layer's plain steps
/// do not apply; none if they do.
pub(super) fn scope(experiment: &Experiment) -> Option<Scope> {
    let (network, protocol) = (&experiment.network, &experiment.protocol);
    let never = |reason, would| {
        Some(Scope {
            last: None,
            reason,
            would,
        })
    };
    let until = |last, reason, would| {
        Some(Scope {
            last: Some(last),
            reason,
            would,
        })
    };
    if let Origin::Given(_) = experiment.inputs {
        let reason = "predictions are derived for inputs that are drawn";
        return never(reason, Would::UNKNOWN);
    }
    if let Some(reason) = experiment.beyond_theory() {
        return never(reason, Would::UNKNOWN);
    }
    if experiment.target.r > MOST_DIRECTIONS {
        let reason = "predictions are made for targets of up to 64 directions";
        return never(reason, Would::by("THEORY.md (20), direction by direction"));
    }
    let few = (protocol.batch as f64) < (protocol.dimension as f64).powf(SCARCE);
    if protocol.steps > MOST_STEPS && !few {
        let would = Would::by("THEORY.md (20), step by step");
        return never(
            "predictions go step by step, and not through so many",
            would,
        );
    }
    if experiment.target.link.is_random() {
        let would = Would::by("THEORY.md (20) with averages over what the link draws");
        return never(
            "no prediction is derived here for links that draw random numbers",
            would,
        );
    }
    if let Initial::Weights(_) = network.start {
        let reason = "no prediction is derived here for weights that are given at the start";
        return never(reason, Would::by("THEORY.md (20) from their M and Q"));
    }
    let signs = network.second_layer == SecondLayer::Rademacher;
    let alike = signs && network.pairing == Pairing::Symmetric;
    if network.starts_one_by_one() && network.second_layer != SecondLayer::Ones && !alike {
        let reason =
            "overlaps given neuron by neuron are followed beside a second layer that is given too";
        return never(reason, Would::by("THEORY.md (20) for each second layer"));
    }
    let biased = network.bias != Bias::Zero;
    if biased && network.starts_one_by_one() {
        let reason = "overlaps given neuron by neuron are followed beside biases of zero";
        return never(reason, Would::by("THEORY.md (20) for each list of biases"));
    }
    // The output of pairs is zero at the start.
    if network.output == Output::Centred && network.pairing == Pairing::Independent {
        let reason = "no prediction is derived here for an output from which that of the start is subtracted";
        let would = Would::by(
            "THEORY.md (20) with the fields of the first network among those of the network",
        );
        return never(reason, would);
    }
    if protocol.second_layer.is_trained() || protocol.biases.is_trained() {
        let reason = "steps that train the second layer or the biases too have no prediction here";
        let would = Would::by(
            "THEORY.md (20) with the mean gradient E[sigma Delta] of the second layer, E[B] of biases",
        );
        return until(0, reason, would);
    }
    let update = protocol.update;
    if update.rule.is_of_coordinates() {
        let reason = "steps that act on single coordinates of R^d have no prediction here";
        return until(0, reason, Would::UNKNOWN);
    }
    let several = matches!(protocol.plan, BatchPlan::Reused { steps: 2.. });
    let simple = !few && !several && protocol.geometry != Geometry::Spherical;
    if update != Update::PLAIN && !simple {
        let reason = "steps that are more than the gradient times the step size are followed on fresh batches of order d, \
                      along plain or projected rows";
        return until(0, reason, Would::by("THEORY.md (68)"));
    }
    if several && experiment.coordinates() != Some(Inputs::Gaussian) {
        let reason = "steps on one batch are followed for Gaussian coordinates of the target";
        let would = Would::by(
            "THEORY.md (27) with averages over the target's coordinates in their own law",
        );
        return until(1, reason, would);
    }
    if let Origin::Coloured(_) = experiment.inputs
        && (biased || protocol.geometry != Geometry::Plain || !experiment.starts_without_output())
    {
        let reason = "one step on inputs of another covariance is followed for plain steps of networks without biases and without an output: \
                      symmetric pairs, or the correlation loss";
        return until(0, reason, Would::by("THEORY.md (56)"));
    }
    if biased && several {
        let reason = "steps on one batch are followed for networks without biases";
        return until(
            1,
            reason,
            Would::by("THEORY.md (27) class by class of (70)"),
        );
    }
    if let Some(from) = protocol.average_from {
        let reason = "averaged networks have no prediction here";
        let would = Would::by("THEORY.md (20) with products of the weights of different steps");
        return until(from - 1, reason, would);
    }
    if let Some(set) = protocol.set {
        let reason = "batches that are drawn from a fixed training set have no prediction here";
        let first = u32::from(set.sampling == Sampling::WithoutReplacement);
        let would = Would::by("dynamical mean-field equations; arXiv 2402.03220");
        return until(first, reason, would);
    }
    // The recursion takes the sizes of each step, on fresh batches of order d.
    let d = protocol.dimension as f64;
    let of_order_d = |step| {
        let rows = protocol.rows(step) as f64;
        d.powf(SCARCE) <= rows && rows < d.powf(PROPORTIONAL)
    };
    let each = !several && (1..=protocol.steps.min(MOST_STEPS)).all(of_order_d);
    if protocol.sizes.is_some() && !each {
        let reason = "batches of different sizes are followed where all are fresh and of order d";
        return until(
            1,
            reason,
            Would::by("THEORY.md (20) with the size of each batch"),
        );
    }
    if matches!(protocol.step_size, StepSize::Formula(..)) && !each {
        let reason = "steps of different sizes are followed on fresh batches of order d";
        return until(
            1,
            reason,
            Would::by("THEORY.md (20) with the size of each step"),
        );
    }
    None
}
