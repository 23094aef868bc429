//! The predictions that apply to an experiment, and why others do not.

mod errors;
mod floors;
mod law;
mod prediction;
mod record;
mod scope;
mod trajectory;

pub use floors::{Floor, FloorKind, floors};
pub use prediction::{Absent, Prediction, Predictions, Spread, Status};

use std::sync::atomic::AtomicBool;

use crate::experiment::{Experiment, TestLabels};
use crate::labels::Removal;
use crate::metric::{Metric, MetricGroup};
use crate::run::Outcome;
use crate::theory::given_weights::NetworkErrors;
use crate::theory::one_step::{ActivationMoments, LinkMoments};
use crate::theory::population::Population;
use crate::theory::recursion::{Dynamics, Effort};
use prediction::Grounds;
use scope::{Scope, scope};

/// Widths above this fraction of d are not bounded for a readout.
const BOUNDED_WIDTH: f64 = 0.05;
/// Batches above this power of d are beyond proportional to d.
const PROPORTIONAL: f64 = 1.5;
/// Batches below this power of d are too small for it.
const SCARCE: f64 = 0.5;

/// Values below this are rounding.
const ROUNDING: f64 = 1e-12;

const WEIGHTS: [Metric; 5] = [
    Metric::WeightAlignment,
    Metric::WeightCosine,
    Metric::Norm,
    Metric::Overlap,
    Metric::Covariance,
];
const GRADIENT: [Metric; 2] = [Metric::GradientCosine, Metric::GradientAlignment];
const ERRORS: [Metric; 2] = [Metric::TrainError, Metric::UntrainedReadoutError];
const OTHER_ERRORS: [Metric; 3] = [
    Metric::ErrorRate,
    Metric::NetworkErrorRate,
    Metric::NetworkLoss,
];

/// Everything that theory says about the metrics of an experiment, with samples where quadrature does not reach.
///
/// Takes a fraction of a second where expectations are integrated, up to a minute where they are sampled.
pub fn predict(experiment: &Experiment) -> Predictions {
    predict_within(experiment, Effort::Sampled, &AtomicBool::new(false))
}

/// What theory says about the metrics of an experiment with this effort; what a larger one would add is among the
/// absent. When `stop` is set, the networks that are being drawn are left.
pub fn predict_within(experiment: &Experiment, effort: Effort, stop: &AtomicBool) -> Predictions {
    let target = &experiment.target;
    let protocol = &experiment.protocol;
    let dimension = protocol.dimension as f64;
    let raw = LinkMoments::of(target);
    let task = Task {
        experiment,
        effort,
        stop,
        drawn: None,
        population: Population::of_law(&experiment.network),
        activation: ActivationMoments::of(&experiment.network.activation),
        link: raw.without(protocol.removal),
        removed_linear: (protocol.removal == Removal::MeanAndLinear)
            .then(|| raw.degree_power(0) + raw.degree_power(1)),
        dynamics: Dynamics {
            link: &target.link,
            noise: target.noise,
            removed_mean: match protocol.removal {
                Removal::Nothing => 0.0,
                Removal::Mean | Removal::MeanAndLinear => raw.mean(),
            },
            activation: &experiment.network.activation,
            rate: protocol.step_size.at(1) / experiment.network.width as f64,
            samples: protocol.batch as f64 / dimension,
            dimension,
            loss: protocol.loss.clone(),
            geometry: protocol.geometry,
        },
        out: Predictions::default(),
    };
    task.run()
}

struct Task<'a> {
    experiment: &'a Experiment,
    effort: Effort,
    stop: &'a AtomicBool,
    /// Networks drawn in law for the errors of readouts; the seconds that one would take if that is too long.
    drawn: Option<Result<Vec<(NetworkErrors, Outcome)>, f64>>,
    population: Population,
    activation: ActivationMoments,
    /// After the removal of low degrees.
    link: LinkMoments,
    /// `(E y)^2 + |T_1|^2` of a linear part that is estimated and removed.
    removed_linear: Option<f64>,
    dynamics: Dynamics<'a>,
    out: Predictions,
}

impl Task<'_> {
    fn run(mut self) -> Predictions {
        let steps = self.experiment.protocol.steps;
        let reason = "shares of wrong signs and mean losses have no formula here";
        self.absent(&OTHER_ERRORS, (0, steps), reason);
        if let Some(Scope { last: None, reason }) = scope(self.experiment) {
            let metrics = [&Self::all_metrics()[..], &[Metric::TestError]].concat();
            self.absent(&metrics, (0, steps), reason);
            return self.out;
        }
        let trajectory = self.trajectory();
        for step in 0..=steps {
            let state = trajectory.as_ref().and_then(|t| t.steps.get(step as usize));
            self.test_error(step, state);
        }
        self.merge_absent();
        self.out.present.sort_by_key(|prediction| prediction.step);
        self.out
    }

    /// Whether the experiment measures a group of metrics.
    fn asks(&self, group: MetricGroup) -> bool {
        self.experiment.metrics.contains(&group)
    }

    /// Notes that metrics at these steps, first to last, have no prediction.
    fn absent(&mut self, metrics: &[Metric], steps: (u32, u32), reason: impl ToString) {
        self.absent_within(metrics, steps, reason, None);
    }

    fn absent_within(
        &mut self,
        metrics: &[Metric],
        steps: (u32, u32),
        reason: impl ToString,
        effort: Option<Effort>,
    ) {
        let measured: Vec<Metric> = metrics
            .iter()
            .copied()
            .filter(|metric| self.is_measured(*metric))
            .collect();
        if steps.0 <= steps.1 && !measured.is_empty() {
            self.out.absent.push(Absent {
                metrics: measured,
                steps,
                reason: reason.to_string(),
                effort,
            });
        }
    }

    /// Whether the experiment measures this metric, of single neurons or on average.
    fn is_measured(&self, metric: Metric) -> bool {
        metric.group().is_some_and(|group| self.asks(group))
            || (metric.is_of_neurons() && self.asks(MetricGroup::Neurons))
    }

    /// Reasons that concern successive steps become one.
    fn merge_absent(&mut self) {
        let mut merged: Vec<Absent> = Vec::new();
        for absent in self.out.absent.drain(..) {
            match merged.last_mut() {
                Some(last)
                    if last.metrics == absent.metrics
                        && last.reason == absent.reason
                        && last.effort == absent.effort
                        && last.steps.1 + 1 == absent.steps.0 =>
                {
                    last.steps.1 = absent.steps.1;
                }
                _ => merged.push(absent),
            }
        }
        self.out.absent = merged;
    }

    fn all_metrics() -> Vec<Metric> {
        [&WEIGHTS[..], &GRADIENT[..], &ERRORS[..]].concat()
    }

    /// Steps beyond `last` are absent; returns the number of steps that remain of `known`.
    fn limit(&mut self, known: u32, last: u32, reason: &str) -> u32 {
        self.absent(&Self::all_metrics(), (last + 1, known), reason);
        known.min(last)
    }

    /// Records a value of a measured metric; a number that is not finite is said to be absent.
    fn push(
        &mut self,
        step: u32,
        metric: Metric,
        value: f64,
        grounds: Grounds,
    ) -> Option<&mut Prediction> {
        if !self.is_measured(metric) || !self.experiment.records(step) {
            return None;
        }
        if !value.is_finite() {
            self.absent(&[metric], (step, step), "its limit is not a finite number");
            return None;
        }
        // Errors are derived with the noise of the labels.
        let of_tests = metric.group().is_some_and(MetricGroup::is_of_tests);
        let clean = of_tests && self.experiment.test_labels == TestLabels::Clean;
        let value = value
            - if clean {
                self.experiment.target.noise
            } else {
                0.0
            };
        self.out.present.push(Prediction {
            step,
            metric,
            direction: None,
            group: None,
            ridge: None,
            // What vanishes in the limit is left over as rounding.
            value: if value.abs() < ROUNDING { 0.0 } else { value },
            standard_error: None,
            spread: None,
            regime: grounds.regime,
            source: grounds.source,
            status: grounds.status,
            references: grounds.references,
        });
        self.out.present.last_mut()
    }
}
