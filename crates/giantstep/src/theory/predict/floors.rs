//! Kernel lines and floors: errors that no readout of an experiment falls below.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

use super::Status;
use super::prediction::UP;
use super::scope::{MOST_DIRECTIONS, scope};
use crate::analysis::{AnalysisOptions, analyze_until};
use crate::experiment::{Experiment, TestLabels};
use crate::labels::Removal;
use crate::network::Bias;
use crate::theory::expectation::Shape;
use crate::theory::recursion::Effort;
use crate::train::BatchPlan;

/// What a floor is a floor of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FloorKind {
    /// Kernels, and random features with every Hermite coefficient: the error of the best polynomial of this degree.
    Kernel(usize),
    /// Random features of the activation: degrees with `c_k = 0` are never fitted.
    Features(usize),
    /// A network of bounded width on the subspace learnt.
    BoundedWidth,
    /// A wide network on the subspace learnt, up to this degree across it, whatever its second layer.
    Wide(usize),
    /// The same if all neurons respond alike to the subspace.
    WideAlike(usize),
}

/// A lower bound on `E (y - f)^2`, label noise included, for n and p to infinity as its regime says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Floor {
    /// Of what.
    pub kind: FloorKind,
    /// The number of giant steps taken; none if it holds for any.
    pub step: Option<u32>,
    /// The bound.
    pub value: f64,
    /// Where it holds.
    pub regime: Cow<'static, str>,
    /// The formula of THEORY.md and the paper.
    pub source: Cow<'static, str>,
    /// How sure it is.
    pub status: Status,
    /// The papers of the source, by key of [`crate::references`].
    pub references: Cow<'static, [Cow<'static, str>]>,
}

/// The largest number of steps followed.
const STEPS: u32 = 8;
/// The largest degree of a kernel.
const DEGREES: usize = 3;

/// Kernel lines of an experiment's target, and floors after each of its steps at its batch exponent; or why there are
/// none.
///
/// Floors after steps follow fresh batches of unchanged labels. Under a second for polynomials and up to two
/// directions; other links need [`Effort::Sampled`], up to ten seconds, and are left when `stop` is set. THEORY.md (12), (13), (15), (16).
///
/// # Errors
/// The reason for which there is no floor.
pub fn floors(
    experiment: &Experiment,
    effort: Effort,
    stop: &AtomicBool,
) -> Result<Vec<Floor>, String> {
    let (target, network) = (&experiment.target, &experiment.network);
    if !experiment.has_gaussian_inputs() {
        return Err("floors are derived for Gaussian inputs of covariance 1".to_owned());
    }
    if let Some(reason) = experiment.beyond_theory() {
        return Err(reason.to_owned());
    }
    if target.r > MOST_DIRECTIONS {
        return Err(format!(
            "floors are derived for targets of up to {MOST_DIRECTIONS} directions"
        ));
    }
    if target.link.is_random() && experiment.test_labels == TestLabels::Noisy {
        return Err(
            "floors of links that draw random numbers are those of clean labels".to_owned(),
        );
    }
    let quick = target.r <= 2 || matches!(Shape::of(&target.link), Shape::Polynomial(_));
    if effort == Effort::Integrated && !quick {
        return Err(
            "floors of links of several directions that are no polynomials take seconds".to_owned(),
        );
    }
    let steps = experiment.protocol.steps.min(STEPS);
    let options = AnalysisOptions {
        steps: Some(steps as usize),
        sampled: false,
        ..AnalysisOptions::default()
    };
    let until = || stop.load(Ordering::Relaxed);
    let report = analyze_until(&target.link, &network.activation, options, &until)
        .map_err(|error| error.to_string())?;
    if until() {
        return Err(UP.to_owned());
    }
    let noise = match experiment.test_labels {
        TestLabels::Noisy => target.noise,
        TestLabels::Clean => 0.0,
    };
    let mut floors = Vec::new();
    let mut push = |kind, step, value: f64, (regime, source, status, references): Grounds| {
        // What the analysis leaves open is no prediction.
        if value.is_nan() {
            return;
        }
        floors.push(Floor {
            kind,
            step,
            value: value + noise,
            regime: regime.into(),
            source: source.into(),
            status,
            references: references.iter().map(|key| Cow::Borrowed(*key)).collect(),
        });
    };
    for (index, value) in report.kernel_floors.iter().take(DEGREES).enumerate() {
        push(FloorKind::Kernel(index + 1), None, *value, KERNEL);
    }
    // A bias gives a neuron the coefficients that the activation lacks.
    let degrees = if network.bias == Bias::Zero {
        DEGREES
    } else {
        0
    };
    for (index, value) in report
        .activation
        .kernel_floors
        .iter()
        .take(degrees)
        .enumerate()
    {
        push(FloorKind::Features(index + 1), None, *value, KERNEL);
    }
    let protocol = &experiment.protocol;
    let fresh = matches!(
        protocol.plan,
        BatchPlan::Reused { steps: 0 | 1 } | BatchPlan::Fresh
    );
    if !fresh
        || protocol.removal != Removal::Nothing
        || protocol.lookahead.is_some()
        || scope(experiment).is_some()
    {
        return Ok(floors);
    }
    // The least exponent of n and p, with room for constants.
    let log = (protocol.dimension as f64).ln();
    let exponent = |size: f64| (size.ln() / log + 0.25).floor();
    let (n, p) = (
        exponent(protocol.batch as f64),
        exponent(network.width as f64),
    );
    if p < 1.0 && n == 1.0 {
        for (step, value) in (0..=steps).zip(&report.floors.bounded_width) {
            push(FloorKind::BoundedWidth, Some(step), *value, BOUNDED);
        }
    }
    for wide in &report.floors.wide {
        let kappa = wide.kappa as usize;
        if n.min(p) != wide.kappa as f64 {
            continue;
        }
        for (step, value) in (0..=steps).zip(&wide.floor) {
            push(FloorKind::Wide(kappa), Some(step), *value, WIDE);
        }
        for (step, value) in (0..=steps).zip(&wide.shared_response) {
            push(FloorKind::WideAlike(kappa), Some(step), *value, ALIKE);
        }
    }
    Ok(floors)
}

/// Regime, source, status and papers.
type Grounds = (&'static str, &'static str, Status, &'static [&'static str]);

const KERNEL: Grounds = (
    "kernels and random features with n or p = Theta(d^k), k the degree",
    "THEORY.md (12); arXiv 1904.12191 and 2101.10588",
    Status::Theorem,
    &["1904.12191", "2101.10588"],
);
const BOUNDED: Grounds = (
    "n = Theta(d), p fixed, the subspace of fresh batches learnt in full",
    "THEORY.md (13), theorem D; arXiv 2305.18270",
    Status::Theorem,
    &["2305.18270"],
);
const WIDE: Grounds = (
    "n, p = Theta(d^kappa), the subspace of fresh batches learnt in full, conditional Gaussian equivalence",
    "THEORY.md (15), theorem E; arXiv 2305.18270",
    Status::Conjectured,
    &["2305.18270"],
);
const ALIKE: Grounds = (
    "n, p = Theta(d^kappa), the subspace of fresh batches learnt in full, one value of |a|",
    "THEORY.md (16); cf. arXiv 2410.18938",
    Status::Derived,
    &["2410.18938"],
);
