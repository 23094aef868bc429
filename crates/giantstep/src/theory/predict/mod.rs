//! The predictions that apply to an experiment, and why others do not.

mod closed;
mod covariance;
mod drawn;
mod errors;
mod floors;
mod iterated;
mod law;
mod merge;
mod prediction;
mod record;
mod scope;
mod spectra;
mod trajectory;

pub use floors::{Floor, FloorKind, floors};
pub use prediction::{Absent, Needs, Prediction, Predictions, Spread, Status};

use std::borrow::Cow;
use std::sync::atomic::AtomicBool;

use rayon::prelude::*;
use serde::Serialize;

use crate::batch::Inputs;
use crate::experiment::{Experiment, ReadoutSchedule, TestLabels};
use crate::labels::{Removal, Target};
use crate::metric::{Metric, MetricGroup};
use crate::theory::compositions::{Averaging, Reach, compositions};
use crate::theory::given_weights::NetworkErrors;
use crate::theory::moments::{ActivationMoments, LinkMoments};
use crate::theory::population::{Population, Start};
use crate::theory::recursion::{Dynamics, Effort};
use crate::train::BatchPlan;
use crate::watch::NEVER;
use merge::averaged;
use prediction::{Grounds, Would};
use scope::{Scope, scope};
use spectra::SPECTRA;

/// Widths above this fraction of d are not bounded for a readout.
const BOUNDED_WIDTH: f64 = 0.05;
/// Batches above this power of d are beyond proportional to d.
const PROPORTIONAL: f64 = 1.5;
/// Batches below this power of d are too small for it.
const SCARCE: f64 = 0.5;
/// From this width on the typical second layer stands for all, where time is short: the rest is `O(1/p)` with a small factor, 1 % of
/// the norm after two steps at p = 8.
const WIDE: usize = 64;

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
/// What is no outcome of training, and what single neurons have: of them theory has the means.
const UNSAID: [Metric; 5] = [
    Metric::LabelVariance,
    Metric::ChosenRidge,
    Metric::GradientOverlap,
    Metric::GradientNorm,
    Metric::GradientAngle,
];
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
/// absent, and what was not reached when `stop` was set.
pub fn predict_within(experiment: &Experiment, effort: Effort, stop: &AtomicBool) -> Predictions {
    let forecast = Forecast::new(experiment, effort, stop);
    let number = match effort {
        Effort::Integrated => Networks::Few,
        Effort::Sampled => Networks::Many,
    };
    let networks = (0..forecast.networks(number)).into_par_iter();
    let drawn = networks.map(|number| forecast.draw(number)).collect();
    forecast.finish(Ok(drawn))
}

/// How many networks are drawn in law where errors of readouts are those on their weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Networks {
    /// Two to four, by what one takes: their spread is hardly known.
    Few,
    /// Eight.
    Many,
}

/// Predictions in the making: the integrals are done, and networks may be drawn in law, on any number of threads, for the
/// errors of readouts on their weights.
pub struct Forecast<'a> {
    averaging: Averaging,
    /// With their weights.
    tasks: Vec<(f64, Task<'a>)>,
}

impl<'a> Forecast<'a> {
    /// Does the integrals of [`predict_within`].
    pub fn new(experiment: &'a Experiment, effort: Effort, stop: &'a AtomicBool) -> Self {
        let typical = Task::of(experiment, effort, stop);
        // Two steps on one batch are sampled: for the typical network alone.
        let reused = matches!(experiment.protocol.plan, BatchPlan::Reused { steps: 2.. });
        // Of many neurons the mean over their second layers differs from the typical one by less than is told apart.
        let wide = effort == Effort::Integrated && experiment.network.width >= WIDE;
        let reach = match effort {
            Effort::Integrated => Reach::Short,
            Effort::Sampled => Reach::Long,
        };
        let (averaging, several) = match compositions(&experiment.network, reach) {
            (_, several) if several.len() > 1 && (typical.is_law() || reused || wide) => {
                (Averaging::Typical, vec![(1.0, typical.population.clone())])
            }
            drawn => drawn,
        };
        let made = several.into_par_iter().map(|(weight, population)| {
            let mut task = Task {
                start: population.start(&experiment.network.start, experiment.target.r),
                population,
                ..typical.clone()
            };
            task.begin();
            (weight, task)
        });
        Self {
            averaging,
            tasks: made.collect(),
        }
    }

    /// The composition that networks are drawn for: networks drawn in law have second layers of their own.
    fn first(&self) -> &Task<'a> {
        &self.tasks[0].1
    }

    /// How many networks are to be drawn.
    pub fn networks(&self, number: Networks) -> u64 {
        match self.first().drawn_steps.is_empty() {
            true => 0,
            false => self.first().networks(number),
        }
    }

    /// What drawing one of them takes, in flops of a product.
    pub fn flops(&self) -> f64 {
        self.first().asked(&self.first().readouts()).flops()
    }

    /// The memory that drawing one of them takes, in bytes.
    pub fn memory(&self) -> f64 {
        self.first().asked(&self.first().readouts()).memory()
    }

    /// Draws the network of this number.
    pub fn draw(&self, number: u64) -> NetworkErrors {
        self.first().asked(&self.first().readouts()).network(number)
    }

    /// All predictions, with those of the networks that were drawn, or why none were.
    pub fn finish(self, drawn: Result<Vec<NetworkErrors>, String>) -> Predictions {
        let several = self.tasks.into_iter().map(|(weight, mut task)| {
            task.drawn_errors(&drawn);
            (weight, task.finish())
        });
        averaged(several.collect(), self.averaging)
    }
}

impl<'a> Task<'a> {
    fn of(experiment: &'a Experiment, effort: Effort, stop: &'a AtomicBool) -> Self {
        let target = &experiment.target;
        let protocol = &experiment.protocol;
        let dimension = protocol.dimension as f64;
        // Of a link that draws random numbers, of functions given as code, and of rows that are given, nothing is predicted: `scope`
        // says so.
        let coordinates = experiment.coordinates().unwrap_or(Inputs::Gaussian);
        let raw = match target.link.is_random() {
            false => LinkMoments::along(target, coordinates, (1, &NEVER)),
            true => LinkMoments::of(&Target::nothing(target.r)),
        };
        let population = Population::of_law(&experiment.network);
        let dynamics = Dynamics {
            link: &target.link,
            coordinates,
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
            update: protocol.update,
            stop,
        };
        let labels = raw.without(protocol.removal);
        let seen = dynamics.first_labels().filter(|_| population.is_paired());
        Task {
            experiment,
            effort,
            stop,
            drawn_steps: Vec::new(),
            ended: ("".to_owned(), Would::UNKNOWN),
            start: population.start(&experiment.network.start, target.r),
            population,
            activation: match experiment.network.activation.expr() {
                Some(_) => ActivationMoments::of(&experiment.network.activation),
                None => ActivationMoments::default(),
            },
            link: match seen {
                Some(link) => LinkMoments::along(&Target::of(link), coordinates, (1, &NEVER)),
                None => labels.clone(),
            },
            labels,
            removed_linear: (protocol.removal == Removal::MeanAndLinear)
                .then(|| raw.degree_power(0) + raw.degree_power(1)),
            dynamics,
            out: Predictions::default(),
        }
    }
}

#[derive(Clone)]
struct Task<'a> {
    experiment: &'a Experiment,
    effort: Effort,
    stop: &'a AtomicBool,
    /// Steps after which the errors of readouts are those on networks drawn in law.
    drawn_steps: Vec<u32>,
    /// Why the states of the network end where they do, and what would take them further.
    ended: (String, Would),
    population: Population,
    start: Start,
    activation: ActivationMoments,
    /// Of what the first step sees: labels, or the residuals of a loss at the output 0.
    link: LinkMoments,
    /// Of labels after the removal of low degrees.
    labels: LinkMoments,
    /// `(E y)^2 + |T_1|^2` of a linear part that is estimated and removed.
    removed_linear: Option<f64>,
    dynamics: Dynamics<'a>,
    out: Predictions,
}

impl Task<'_> {
    /// Says what needs no network to be drawn, and lists the steps for which one does.
    fn begin(&mut self) {
        let steps = self.experiment.protocol.steps;
        let reason = "shares of wrong signs and mean losses have no formula here";
        self.absent(&OTHER_ERRORS, (0, steps), reason, Would::UNKNOWN);
        if let Some(Scope {
            last: None,
            reason,
            would,
        }) = scope(self.experiment)
        {
            let metrics = [&Self::all_metrics()[..], &[Metric::TestError], &SPECTRA[..]].concat();
            return self.absent(&metrics, (0, steps), reason, would);
        }
        let states = self.states();
        for step in 0..=steps {
            self.test_error(step, states.get(&step));
            self.spectra(step, states.get(&step));
        }
    }

    fn finish(mut self) -> Predictions {
        self.cover();
        self.merge_absent();
        self.out.present.sort_by_key(|prediction| prediction.step);
        self.out
    }

    /// Whether all that is known is a law over neurons: one step at `n >> d` of leading order two or more.
    fn is_law(&self) -> bool {
        let protocol = &self.experiment.protocol;
        let proportional = (protocol.batch as f64) < self.dynamics.dimension.powf(PROPORTIONAL);
        let late = self.link.leading_order().is_some_and(|l| l >= 2);
        !proportional && late && self.start.drawn
    }

    /// Whether inputs are Gaussian of covariance 1.
    fn is_gaussian(&self) -> bool {
        self.experiment.coordinates() == Some(Inputs::Gaussian)
    }

    /// Whether the experiment measures a group of metrics.
    fn asks(&self, group: MetricGroup) -> bool {
        self.experiment.metrics.contains(&group)
    }

    /// Notes that metrics at these steps, first to last, have no prediction.
    fn absent(
        &mut self,
        metrics: &[Metric],
        steps: (u32, u32),
        reason: impl ToString,
        would: Would,
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
                needs: would.needs,
                formula: would.formula.map(Cow::Borrowed),
            });
        }
    }

    /// Whether the experiment measures this metric, of single neurons or on average.
    fn is_measured(&self, metric: Metric) -> bool {
        let mut baselines = self.experiment.baselines.iter();
        if metric.is_of_baseline() && !baselines.any(|fitted| fitted.method.metric() == metric) {
            return false;
        }
        let of_readouts = matches!(metric, Metric::TestError | Metric::ErrorRate);
        if of_readouts && self.experiment.schedule == ReadoutSchedule::Never {
            return false;
        }
        metric.group().is_some_and(|group| self.asks(group))
            || (metric.is_of_neurons() && self.asks(MetricGroup::Neurons))
    }

    /// No metric that is measured goes without a word.
    fn cover(&mut self) {
        let said = |metric: Metric| {
            let present = self.out.present.iter().any(|made| made.metric == metric);
            present || self.out.absent.iter().any(|a| a.metrics.contains(&metric))
        };
        let silent = Metric::ALL.into_iter().filter(|metric| !said(*metric));
        let silent: Vec<Metric> = silent.filter(|metric| !UNSAID.contains(metric)).collect();
        let steps = (1, self.experiment.protocol.steps);
        self.absent(&silent, steps, "it has no prediction here", Would::UNKNOWN);
    }

    /// Reasons that concern successive steps become one.
    fn merge_absent(&mut self) {
        let mut merged: Vec<Absent> = Vec::new();
        for absent in self.out.absent.drain(..) {
            match merged.last_mut() {
                Some(last)
                    if last.metrics == absent.metrics
                        && last.reason == absent.reason
                        && (last.needs, &last.formula) == (absent.needs, &absent.formula)
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

    fn all_but(others: &[Metric]) -> Vec<Metric> {
        let all = Self::all_metrics().into_iter();
        all.filter(|metric| !others.contains(metric)).collect()
    }

    /// Steps beyond `last` are absent; returns the number of steps that remain of `known`.
    fn limit(&mut self, known: u32, last: u32, reason: &str, would: Would) -> u32 {
        self.limit_of(&Self::all_metrics(), (known, last), reason, would)
    }

    /// [`Task::limit`] where other metrics are known further on.
    fn limit_of(
        &mut self,
        metrics: &[Metric],
        (known, last): (u32, u32),
        reason: &str,
        would: Would,
    ) -> u32 {
        self.absent(metrics, (last + 1, known), reason, would);
        if last < known {
            self.ended = (reason.to_owned(), would);
        }
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
            let reason = "its limit is not a finite number";
            self.absent(&[metric], (step, step), reason, Would::UNKNOWN);
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
            rank: None,
            // What vanishes in the limit is left over as rounding.
            value: if value.abs() < ROUNDING { 0.0 } else { value },
            standard_error: None,
            spread: None,
            regime: grounds.regime.into(),
            source: grounds.source.into(),
            status: grounds.status,
            references: grounds.keys(),
        });
        self.out.present.last_mut()
    }
}
