//! The predictions that apply to an experiment, and why others do not.

use serde::Serialize;

use crate::labels::Removal;
use crate::metrics::MetricGroup;
use crate::network::{Pairing, SecondLayer};
use crate::readout::{Intercept, Ridge};
use crate::run::{Experiment, ReadoutBatch};
use crate::theory::bounded_width::Kernels;
use crate::theory::one_step::{ActivationMoments, Drift, LinkMoments, OneStep};
use crate::theory::population::Population;
use crate::theory::recursion::{Dynamics, Step, Trajectory};
use crate::theory::state_equations::{Sizes, TrainedFeatures, random_features};
use crate::train::{BatchPlan, Geometry, Loss};

/// How sure a prediction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Proved in the source.
    Theorem,
    /// Derived here or in the source without a proof of the limit, and checked against simulations.
    Derived,
    /// Obtained by a method that is not rigorous, such as replicas.
    Conjectured,
}

/// How far single measurements lie from a prediction.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Spread {
    /// One standard deviation over seeds at this d, of order `1/sqrt d`, to leading order.
    Fluctuation(f64),
    /// Quantiles over neurons: (level, value).
    Quantiles(Vec<(f64, f64)>),
}

/// A predicted number, in the place of a [`crate::metrics::Measurement`] of the same metric.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prediction {
    /// The number of steps taken; 0 is the initial network.
    pub step: u32,
    /// The name of the metric.
    pub metric: &'static str,
    /// The target direction, from 1; none for the span of all.
    pub direction: Option<u32>,
    /// The sign of the second layer, "+" or "-", of the neurons averaged over.
    pub group: Option<&'static str>,
    /// The ridge of a readout.
    pub ridge: Option<f64>,
    /// The value in the limit.
    pub value: f64,
    /// Standard error of the value, where expectations were sampled.
    pub standard_error: Option<f64>,
    /// How far measurements spread about the value.
    pub spread: Option<Spread>,
    /// Where the value holds.
    pub regime: &'static str,
    /// The paper and the section of THEORY.md.
    pub source: &'static str,
    /// How sure it is.
    pub status: Status,
}

/// A metric without prediction, and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Absent {
    /// The metrics.
    pub metrics: Vec<&'static str>,
    /// The steps concerned, first and last.
    pub steps: (u32, u32),
    /// The reason.
    pub reason: String,
}

/// All predictions of an experiment.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Predictions {
    /// Those that apply.
    pub present: Vec<Prediction>,
    /// Those that do not.
    pub absent: Vec<Absent>,
}

/// Regime, source and status.
type Grounds = (&'static str, &'static str, Status);

const FRESH: Grounds = (
    "d to infinity at fixed n/d, steps, eta/p; width p fixed, or p << d after the first step",
    "THEORY.md (20); structure after Saad and Solla 1995 and arXiv 2305.18270",
    Status::Derived,
);
const NOTHING: Grounds = (
    "n = O(d^(l - delta)) for leading order l: no alignment, whatever the step size",
    "THEORY.md, theorem A; arXiv 2305.18270, one step, necessity",
    Status::Theorem,
);
const LAW: Grounds = (
    "one step, n = alpha d^l, eta = eta~ p d^((l-1)/2), centred labels; random over neurons",
    "THEORY.md (19); existence of the limit: arXiv 2305.18270, one step, sufficiency",
    Status::Derived,
);
const REUSED: Grounds = (
    "two steps on one batch, d to infinity at fixed n/d, eta/p, width",
    "THEORY.md (27); mechanism: arXiv 2402.03220",
    Status::Derived,
);
const BOUNDED: Grounds = (
    "width p << n and p << d: a readout of the limit (M, Q), n to infinity",
    "THEORY.md (21)",
    Status::Derived,
);
const RANDOM: Grounds = (
    "random features, n, p, d to infinity together",
    "THEORY.md (26); Gaussian equivalence: arXiv 2009.07669",
    Status::Theorem,
);
const TRAINED: Grounds = (
    "one giant step, single-index target, |a| equal, odd activation; n, p, d to infinity together",
    "THEORY.md (22) to (25); arXiv 2402.04980, extended here to p != d",
    Status::Conjectured,
);

/// Widths above this fraction of d are not bounded for a readout.
const BOUNDED_WIDTH: f64 = 0.05;
/// Batches above this power of d are beyond proportional to d.
const PROPORTIONAL: f64 = 1.5;
/// Neurons drawn for a law over neurons.
const DRAWS: usize = 1 << 18;

const WEIGHTS: [&str; 4] = ["weight_alignment", "weight_cosine", "norm", "overlap"];
const GRADIENT: [&str; 2] = ["gradient_cosine", "gradient_alignment"];
const ERRORS: [&str; 2] = ["train_error", "untrained_readout_error"];

/// Everything that theory says about the metrics of an experiment.
///
/// Takes a fraction of a second where expectations are integrated, up to a minute where they are sampled.
pub fn predict(experiment: &Experiment) -> Predictions {
    let target = &experiment.target;
    let protocol = &experiment.protocol;
    let dimension = protocol.dimension as f64;
    let raw = LinkMoments::of(target);
    let task = Task {
        experiment,
        population: Population::of_law(&experiment.network),
        activation: ActivationMoments::of(&experiment.network.activation),
        link: raw.without(protocol.removal),
        dynamics: Dynamics {
            link: &target.link,
            noise: target.noise,
            removed_mean: match protocol.removal {
                Removal::Nothing => 0.0,
                Removal::Mean | Removal::MeanAndLinear => raw.mean(),
            },
            activation: &experiment.network.activation,
            rate: protocol.step_size / experiment.network.width as f64,
            samples: protocol.batch as f64 / dimension,
            dimension,
            loss: protocol.loss,
            geometry: protocol.geometry,
        },
        out: Predictions::default(),
    };
    task.run()
}

struct Task<'a> {
    experiment: &'a Experiment,
    population: Population,
    activation: ActivationMoments,
    /// After the removal of low degrees.
    link: LinkMoments,
    dynamics: Dynamics<'a>,
    out: Predictions,
}

impl Task<'_> {
    fn run(mut self) -> Predictions {
        let steps = self.experiment.protocol.steps;
        let trajectory = self.trajectory();
        for step in 0..=steps {
            let state = trajectory.as_ref().and_then(|t| t.steps.get(step as usize));
            self.test_error(step, state);
        }
        self.merge_absent();
        self.out
    }

    fn asks(&self, group: MetricGroup) -> bool {
        self.experiment.metrics.contains(&group)
    }

    fn absent(&mut self, metrics: &[&'static str], steps: (u32, u32), reason: impl ToString) {
        let measured: Vec<&'static str> = metrics
            .iter()
            .copied()
            .filter(|metric| self.is_measured(metric))
            .collect();
        if steps.0 <= steps.1 && !measured.is_empty() {
            self.out.absent.push(Absent {
                metrics: measured,
                steps,
                reason: reason.to_string(),
            });
        }
    }

    fn is_measured(&self, metric: &str) -> bool {
        self.asks(match metric {
            "weight_alignment" | "weight_cosine" => MetricGroup::WeightCosine,
            "gradient_alignment" | "gradient_cosine" => MetricGroup::GradientCosine,
            "norm" => MetricGroup::Norm,
            "overlap" => MetricGroup::Neurons,
            "train_error" => MetricGroup::TrainError,
            _ => MetricGroup::TestError,
        })
    }

    /// Reasons that concern successive steps become one.
    fn merge_absent(&mut self) {
        let mut merged: Vec<Absent> = Vec::new();
        for absent in self.out.absent.drain(..) {
            match merged.last_mut() {
                Some(last)
                    if last.metrics == absent.metrics
                        && last.reason == absent.reason
                        && last.steps.1 + 1 == absent.steps.0 =>
                {
                    last.steps.1 = absent.steps.1;
                }
                _ => merged.push(absent),
            }
        }
        self.out.absent = merged;
    }

    fn all_metrics() -> Vec<&'static str> {
        [&WEIGHTS[..], &GRADIENT[..], &ERRORS[..]].concat()
    }

    /// Steps beyond `last` are absent; returns the number of steps that remain of `known`.
    fn limit(&mut self, known: u32, last: u32, reason: &str) -> u32 {
        self.absent(&Self::all_metrics(), (last + 1, known), reason);
        known.min(last)
    }

    /// States of all steps that have a limit; records their metrics.
    fn trajectory(&mut self) -> Option<Trajectory> {
        let protocol = &self.experiment.protocol;
        let steps = protocol.steps;
        let (n, d) = (protocol.batch as f64, protocol.dimension as f64);
        let proportional = n < d.powf(PROPORTIONAL);
        let order = self.link.leading_order();
        let mut known = steps;
        if protocol.lookahead.is_some() {
            known = self.limit(known, 0, "steps with a lookahead have no closed limit here");
        }
        if protocol.removal == Removal::MeanAndLinear && proportional {
            let reason = "the linear part of the labels is estimated on the training batch: at n of order d its \
                          error is as large as itself, and no limit is derived";
            known = self.limit(known, 0, reason);
        }
        let beyond = order.is_some_and(|l| l >= 2) && !proportional;
        if beyond {
            if known > 0 {
                self.law(order.unwrap_or(2));
            }
            let reason =
                "beyond one step at n >> d the leading order l >= 2 has no closed recursion";
            self.limit(known, 1, reason);
            // The law is all that is known of the first step.
            known = 0;
        }
        if self.experiment.network.width as u64 >= protocol.dimension {
            let reason = "more neurons than dimensions: after the first step (M, Q) do not close";
            known = self.limit(known, 1, reason);
        }
        let reused = match protocol.plan {
            BatchPlan::Reused { steps } if known >= 2 => steps.min(known),
            _ => 1,
        };
        if reused > 2 {
            let reason =
                "more than two steps on one batch: the in-law engine at large d is the limit";
            known = self.limit(known, 2, reason);
        } else if reused == 2 {
            known = self.limit(
                known,
                2,
                "steps after a batch was used twice have no closed limit here",
            );
        }
        let found = if reused >= 2 {
            let result = self.dynamics.run_reused(&self.population);
            match result {
                Ok(mut found) => {
                    self.finish_reused(&mut found);
                    Ok(found)
                }
                Err(error) => {
                    known = self.limit(known, 1, &error.to_string());
                    self.dynamics.run(&self.population, known)
                }
            }
        } else {
            self.dynamics.run(&self.population, known)
        };
        match found {
            Ok(found) => {
                let none = order.is_none_or(|l| l >= 2);
                for step in 0..=known {
                    let grounds = match step {
                        2 if reused >= 2 => REUSED,
                        _ if none => NOTHING,
                        _ => FRESH,
                    };
                    self.record(step, &found, grounds);
                }
                Some(found)
            }
            Err(error) => {
                self.absent(&Self::all_metrics(), (0, known), error);
                None
            }
        }
    }

    /// The error of the frozen second layer after the second step on one batch.
    fn finish_reused(&self, found: &mut Trajectory) {
        if let Some(step) = found.steps.get_mut(2) {
            let kernels = Kernels::of(
                &self.dynamics,
                &self.population,
                &step.overlap,
                &step.covariance,
            );
            if let Ok(kernels) = kernels {
                step.untrained_error = kernels.untrained_error();
            }
        }
    }

    fn push(
        &mut self,
        step: u32,
        metric: &'static str,
        value: f64,
        grounds: Grounds,
    ) -> Option<&mut Prediction> {
        if !self.is_measured(metric) || !value.is_finite() {
            return None;
        }
        let (regime, source, status) = grounds;
        self.out.present.push(Prediction {
            step,
            metric,
            direction: None,
            group: None,
            ridge: None,
            value,
            standard_error: None,
            spread: None,
            regime,
            source,
            status,
        });
        self.out.present.last_mut()
    }

    /// The metrics of weights, gradient and frozen readout at one step.
    fn record(&mut self, step: u32, found: &Trajectory, grounds: Grounds) {
        let index = step as usize;
        let state = &found.steps[index];
        let errors = found.standard_errors.as_ref().map(|errors| &errors[index]);
        let dimension = self.dynamics.dimension;
        let population = self.population.clone();
        // Only the overlaps of a neuron with the target are ruled out: norms and errors are not.
        let quantities = if grounds == NOTHING { FRESH } else { grounds };
        for group in ["+", "-"] {
            let inside = |second: f64| (second > 0.0) == (group == "+");
            let size: f64 = population
                .classes
                .iter()
                .filter(|class| inside(class.second))
                .map(|class| class.count)
                .sum();
            if size == 0.0 {
                continue;
            }
            let mean = |h: &dyn Fn(usize) -> f64| {
                let members = population.classes.iter().enumerate();
                members
                    .filter(|(_, class)| inside(class.second))
                    .map(|(c, class)| class.count * h(c))
                    .sum::<f64>()
                    / size
            };
            for k in 0..self.link.r {
                let direction = Some(k as u32 + 1);
                // Initial overlaps are independent over neurons; the noise of a gradient is shared.
                let shared = |c: usize| {
                    let f = state.fluctuation[(c, k)];
                    (f * f - (1.0 - 1.0 / size) / dimension).max(0.0).sqrt()
                };
                let place =
                    |prediction: &mut Prediction, error: Option<f64>, spread: Option<f64>| {
                        prediction.direction = direction;
                        prediction.group = Some(group);
                        prediction.standard_error = error;
                        prediction.spread = spread.map(Spread::Fluctuation);
                    };
                let value = mean(&|c| state.cosine(c, k));
                let error = errors.map(|e| mean(&|c| e.overlap[(c, k)] / state.norm(c)));
                let spread = mean(&|c| shared(c) / state.norm(c));
                if let Some(made) = self.push(step, "weight_cosine", value, grounds) {
                    place(made, error, Some(spread));
                }
                let value = mean(&|c| state.overlap[(c, k)]);
                let error = errors.map(|e| mean(&|c| e.overlap[(c, k)]));
                let spread = mean(&|c| state.fluctuation[(c, k)]);
                if let Some(made) = self.push(step, "overlap", value, grounds) {
                    place(made, error, Some(spread));
                }
                if step > 0 {
                    let value = mean(&|c| state.gradient_cosine(c, k));
                    let error =
                        errors.map(|e| mean(&|c| e.gradient[(c, k)] / state.gradient_norm[c]));
                    if let Some(made) = self.push(step, "gradient_cosine", value, grounds) {
                        place(made, error, None);
                    }
                }
            }
        }
        let all = |h: &dyn Fn(usize) -> f64| population.mean(|c, _| h(c));
        let r = self.link.r;
        let value = all(&|c| state.alignment(c));
        let error = errors.map(|e| {
            all(&|c| {
                let slope = |k: usize| 2.0 * state.cosine(c, k).abs() * e.overlap[(c, k)];
                (0..r).map(slope).sum::<f64>() / state.norm(c)
            })
        });
        if let Some(made) = self.push(step, "weight_alignment", value, grounds) {
            made.standard_error = error;
        }
        if step > 0 {
            let value = all(&|c| {
                (0..r)
                    .map(|k| state.gradient_cosine(c, k).powi(2))
                    .sum::<f64>()
            });
            self.push(step, "gradient_alignment", value, grounds);
            let before = &found.steps[index - 1];
            let reused = grounds == REUSED;
            if !reused {
                self.push(step, "train_error", before.untrained_error, quantities);
            }
        }
        let error = errors.map(|e| {
            all(&|c| {
                (e.covariance.own[(c, c)].powi(2) + e.covariance.cross[(c, c)].powi(2)).sqrt()
                    / (2.0 * state.norm(c))
            })
        });
        let norm = all(&|c| state.norm(c));
        if let Some(made) = self.push(step, "norm", norm, quantities) {
            made.standard_error = error;
        }
        if self.experiment.protocol.removal == Removal::MeanAndLinear {
            let reason = "errors on labels without their estimated linear part have no prediction";
            return self.absent(&ERRORS, (step, step), reason);
        }
        let error = errors.map(|e| e.untrained_error);
        let value = state.untrained_error;
        if let Some(made) = self.push(step, "untrained_readout_error", value, quantities) {
            made.standard_error = error;
        }
    }

    /// The law over neurons after one step at leading order `l >= 2`.
    fn law(&mut self, order: usize) {
        let protocol = &self.experiment.protocol;
        let (n, d) = (protocol.batch as f64, protocol.dimension as f64);
        let others: Vec<&'static str> = [
            &["weight_cosine", "overlap"][..],
            &GRADIENT[..],
            &ERRORS[..],
        ]
        .concat();
        let mean = self.link.mean();
        if (mean * self.activation.slope_along).abs() > 1e-9 {
            let reason = format!(
                "labels of mean {mean:.4} move every neuron along itself at this step size; remove_below = 1 \
                 removes the mean"
            );
            self.absent(&Self::all_metrics(), (1, 1), reason);
            return;
        }
        if protocol.geometry != Geometry::Plain {
            let reason = "the law over neurons is written for plain steps";
            self.absent(&Self::all_metrics(), (1, 1), reason);
            return;
        }
        let power = self.population.mean(|_, class| class.second * class.second);
        let independent = !self.population.is_paired() && protocol.loss == Loss::Squared;
        let width = self.population.width();
        let step = OneStep {
            drift: match independent {
                true => Drift::of(&self.activation, width, d, order, power),
                false => Drift::default(),
            },
            activation: self.activation.clone(),
            link: self.link.clone(),
        };
        let alpha = n / d.powi(order as i32);
        let rate = self.dynamics.rate / d.powf((order as f64 - 1.0) / 2.0);
        let seconds: Vec<f64> = self
            .population
            .classes
            .iter()
            .map(|class| class.second)
            .collect();
        let Some(law) = step.law(alpha, rate, &seconds, DRAWS) else {
            return;
        };
        let levels = [0.05, 0.25, 0.5, 0.75, 0.95];
        let quantiles = levels.map(|level| (level, law.quantile(level))).to_vec();
        if let Some(made) = self.push(1, "weight_alignment", law.mean(), LAW) {
            made.standard_error = Some(law.standard_error());
            made.spread = Some(Spread::Quantiles(quantiles));
        }
        self.push(1, "norm", law.norm, LAW);
        let reason = "at this order each neuron follows its own initial overlap: the law predicts alignments and \
                      norms only";
        self.absent(&others, (1, 1), reason);
    }

    /// Errors of the ridge readout after a step.
    fn test_error(&mut self, step: u32, state: Option<&Step>) {
        let experiment = self.experiment;
        let protocol = &experiment.protocol;
        if !experiment.schedule.wants(step, protocol.steps) || !self.asks(MetricGroup::TestError) {
            return;
        }
        let metric = ["test_error"];
        let here = (step, step);
        let ridges = match &experiment.readout.ridge {
            Ridge::Values(ridges) => ridges.clone(),
            Ridge::LeaveOneOut(_) => {
                let reason = "the ridge is chosen on the data";
                return self.absent(&metric, here, reason);
            }
        };
        if protocol.removal == Removal::MeanAndLinear {
            let reason =
                "readouts of labels without their estimated linear part have no prediction";
            return self.absent(&metric, here, reason);
        }
        let (n, d) = (protocol.batch as f64, protocol.dimension as f64);
        let width = experiment.network.width as f64;
        let intercept = experiment.readout.intercept;
        if width <= BOUNDED_WIDTH * d {
            let Some(state) = state else {
                let reason = "no limit of (M, Q) at this step";
                return self.absent(&metric, here, reason);
            };
            let kernels = Kernels::of(
                &self.dynamics,
                &self.population,
                &state.overlap,
                &state.covariance,
            );
            for ridge in ridges {
                let error = kernels
                    .as_ref()
                    .map_err(Clone::clone)
                    .and_then(|kernels| kernels.ridge_error(ridge / n, intercept));
                self.push_error(step, ridge, error, BOUNDED);
            }
            return;
        }
        if n >= d.powf(PROPORTIONAL) || width >= d.powf(PROPORTIONAL) {
            let reason = format!(
                "p = {width} is neither below {BOUNDED_WIDTH} d nor, with n = {n}, of order d = {d}"
            );
            return self.absent(&metric, here, reason);
        }
        if self.population.is_paired() {
            let reason = "the state equations need independent neurons, not symmetric pairs";
            return self.absent(&metric, here, reason);
        }
        let sizes = |ridge: f64| Sizes {
            samples: n / d,
            width: width / d,
            ridge,
        };
        if step == 0 {
            for ridge in ridges {
                let error = random_features(&self.activation, &self.link, sizes(ridge), intercept);
                self.push_error(step, ridge, error, RANDOM);
            }
            return;
        }
        if let Some(reason) = self.no_spike(step) {
            return self.absent(&metric, here, reason);
        }
        let features = TrainedFeatures {
            link: &experiment.target.link,
            noise: experiment.target.noise,
            removed_mean: self.dynamics.removed_mean,
            activation: &experiment.network.activation,
            step_samples: n / d,
            rate: self.dynamics.rate,
        };
        for ridge in ridges {
            let error = features.error(sizes(ridge));
            self.push_error(step, ridge, error, TRAINED);
        }
    }

    /// Why the state equations of a trained network do not apply.
    fn no_spike(&self, step: u32) -> Option<&'static str> {
        let experiment = self.experiment;
        let protocol = &experiment.protocol;
        let odd = self
            .activation
            .coefficients
            .iter()
            .step_by(2)
            .all(|c| *c == 0.0);
        let equal = matches!(
            experiment.network.second_layer,
            SecondLayer::Ones | SecondLayer::Rademacher
        );
        let checks = [
            (
                step > 1,
                "exact errors at p of order d are known for one giant step only",
            ),
            (
                self.link.r != 1,
                "exact errors of trained features are known for one direction only",
            ),
            (
                !odd,
                "the state equations of trained features are written for odd activations",
            ),
            (
                !equal,
                "the state equations of trained features need second-layer weights of one size",
            ),
            (
                experiment.readout_batch == ReadoutBatch::Same,
                "the readout is fitted on the batch of the step; the equations need a fresh one",
            ),
            (
                protocol.geometry != Geometry::Plain || protocol.lookahead.is_some(),
                "the state equations are written for plain steps",
            ),
            (
                experiment.readout.intercept == Intercept::With && self.link.mean() != 0.0,
                "the state equations of trained features have no intercept",
            ),
            (
                experiment.network.pairing == Pairing::Symmetric,
                "the state equations need independent neurons, not symmetric pairs",
            ),
        ];
        checks
            .into_iter()
            .find_map(|(fails, reason)| fails.then_some(reason))
    }

    fn push_error(
        &mut self,
        step: u32,
        ridge: f64,
        error: Result<impl Into<f64>, impl ToString>,
        grounds: Grounds,
    ) {
        match error {
            Ok(value) => {
                if let Some(made) = self.push(step, "test_error", value.into(), grounds) {
                    made.ridge = Some(ridge);
                }
            }
            Err(error) => self.absent(&["test_error"], (step, step), error.to_string()),
        }
    }
}
