//! The metrics of a state.

use faer::Mat;

use super::prediction::{
    FLOOR, FRESH, Grounds, NOTHING, Needs, ONLINE, Prediction, REUSED, Spread, Would,
};
use super::{ERRORS, Task};
use crate::labels::Removal;
use crate::measurement::Signs;
use crate::metric::Metric;
use crate::network::Bias;
use crate::theory::fluctuation::Deviations;
use crate::theory::population::ClassMatrix;
use crate::theory::recursion::{Step, Trajectory};

/// The place of a sign among deviations.
fn place_of(group: Signs) -> usize {
    usize::from(group != Signs::Positive)
}

/// One state, with the standard errors of its numbers where expectations were sampled.
#[derive(Clone, Copy)]
pub(super) struct State<'a> {
    step: u32,
    state: &'a Step,
    errors: Option<&'a Step>,
    /// The mean error on the batch of the step that led here.
    before: f64,
    grounds: Grounds,
}

impl<'a> State<'a> {
    /// The state of this index, after this number of steps.
    pub(super) fn of(found: &'a Trajectory, index: usize, step: u32, grounds: Grounds) -> Self {
        let states = &found.steps;
        // A small step leaves the error as it is.
        let before = if grounds == ONLINE {
            index
        } else {
            index.saturating_sub(1)
        };
        Self {
            step,
            state: &states[index],
            errors: found.standard_errors.as_ref().map(|errors| &errors[index]),
            before: states[before].untrained_error,
            grounds,
        }
    }
}

impl Task<'_> {
    /// The metrics of weights, gradient and frozen readout at one step.
    pub(super) fn record(&mut self, at: State<'_>) {
        let (step, grounds) = (at.step, at.grounds);
        self.record_directions(at);
        self.record_alignments(at);
        // Only the overlaps of a neuron with the target are ruled out: norms and errors are not.
        let grounds = if grounds == NOTHING { FRESH } else { grounds };
        let at = State { grounds, ..at };
        self.record_covariance(at);
        // Of fields that are not Gaussian it is an average that samples may reach, and quadrature may not.
        if !self.is_gaussian() && (at.state.untrained_error.is_nan() || at.before.is_nan()) {
            let reason = "quadrature does not reach the error: it has to be sampled";
            let would = Would::with(Needs::Samples, "THEORY.md (53)");
            return self.absent(&ERRORS, (step, step), reason, would);
        }
        if step > 0 && grounds != REUSED {
            self.push(step, Metric::TrainError, at.before, grounds);
        }
        if self.experiment.protocol.removal == Removal::MeanAndLinear {
            let reason = "errors on labels without their estimated linear part have no prediction";
            return self.absent(&ERRORS, (step, step), reason, Would::UNKNOWN);
        }
        let value = at.state.untrained_error;
        if let Some(made) = self.push(step, Metric::UntrainedReadoutError, value, grounds) {
            made.standard_error = at.errors.map(|e| e.untrained_error);
        }
    }

    /// Averages over the neurons of one sign of the second layer; none if there are none.
    pub(super) fn mean_of(&self, group: Signs, h: impl Fn(usize) -> f64) -> Option<f64> {
        let classes = self.population.classes.iter().enumerate();
        let members = classes.filter(|(_, class)| Signs::of(class.second) == group);
        let (sum, size) = members.fold((0.0, 0.0), |(sum, size), (c, class)| {
            (sum + class.count * h(c), size + class.count)
        });
        (size > 0.0).then(|| sum / size)
    }

    /// A metric of directions, as means over the neurons of either sign.
    pub(super) fn directions(
        &mut self,
        step: u32,
        grounds: Grounds,
        value: &dyn Fn(usize, usize) -> f64,
        metric: Metric,
    ) {
        for group in Signs::ONE {
            for k in 0..self.experiment.target.r {
                let Some(value) = self.mean_of(group, |c| value(c, k)) else {
                    continue;
                };
                if let Some(made) = self.push(step, metric, value, grounds) {
                    made.direction = Some(k as u32 + 1);
                    made.group = Some(group);
                }
            }
        }
    }

    /// Cosines and overlaps by sign and direction.
    fn record_directions(&mut self, at: State<'_>) {
        let State {
            step,
            state,
            errors,
            grounds,
            ..
        } = at;
        for group in Signs::ONE {
            for k in 0..self.link.r {
                let mean = |task: &Self, h: &dyn Fn(usize) -> f64| task.mean_of(group, h);
                let size = |c: usize| state.norm(c);
                let own: Vec<f64> = (0..self.link.r)
                    .map(|j| mean(self, &|c| state.overlap[(c, j)]).unwrap_or(f64::NAN))
                    .collect();
                let norm = mean(self, &size).unwrap_or(f64::NAN);
                // Means over a sign: what single neurons have alone averages out.
                let spread = |turn: Option<(&[f64], f64)>| {
                    // Neurons that start alike stay alike.
                    let network = &self.experiment.network;
                    let alike = !network.starts_one_by_one() && network.bias == Bias::Zero;
                    let deviations = state.deviations.as_ref().filter(|_| alike);
                    deviations.map(|found| found.of_group(place_of(group), k, turn))
                };
                let place =
                    |prediction: &mut Prediction, error: Option<f64>, spread: Option<f64>| {
                        prediction.direction = Some(k as u32 + 1);
                        prediction.group = Some(group);
                        prediction.standard_error = error;
                        prediction.spread = spread.map(Spread::Fluctuation);
                    };
                let Some(value) = mean(self, &|c| state.cosine(c, k)) else {
                    continue;
                };
                let error = errors.and_then(|e| mean(self, &|c| e.overlap[(c, k)] / state.norm(c)));
                if let Some(made) = self.push(step, Metric::WeightCosine, value, grounds) {
                    place(made, error, spread(Some((&own, norm))));
                }
                let value = mean(self, &|c| state.overlap[(c, k)]).unwrap_or(f64::NAN);
                let error = errors.and_then(|e| mean(self, &|c| e.overlap[(c, k)]));
                if let Some(made) = self.push(step, Metric::Overlap, value, grounds) {
                    place(made, error, spread(None));
                }
                if step > 0 && grounds != ONLINE {
                    let value = mean(self, &|c| state.gradient_cosine(c, k)).unwrap_or(f64::NAN);
                    let error = errors
                        .and_then(|e| mean(self, &|c| e.gradient[(c, k)] / state.gradient_norm[c]));
                    if let Some(made) = self.push(step, Metric::GradientCosine, value, grounds) {
                        place(made, error, None);
                    }
                }
            }
        }
    }

    /// Alignments with the span of the target, over all neurons.
    fn record_alignments(&mut self, at: State<'_>) {
        let State {
            step,
            state,
            errors,
            grounds,
            ..
        } = at;
        let r = self.link.r;
        // What is zero in the limit is what fluctuations leave at this d; where they are not followed it is the limit.
        let grounds = match grounds == NOTHING && state.deviations.is_some() {
            true => FLOOR,
            false => grounds,
        };
        let row = |m: &Mat<f64>, c: usize| (0..r).map(|j| m[(c, j)]).collect::<Vec<f64>>();
        let dimension = self.dynamics.dimension;
        // The share of the squared length along the target, of which fluctuations are a part where they are followed.
        let share = |v: fn(&Deviations) -> &Vec<Mat<f64>>, c: usize, m: &Mat<f64>, length: f64| {
            let (row, q) = (row(m, c), length * length);
            match &state.deviations {
                Some(found) => Deviations::share(&v(found)[c], &row, q, dimension),
                None => row.iter().map(|x| x * x).sum::<f64>() / q,
            }
        };
        let all = |task: &Self, h: &dyn Fn(usize) -> f64| task.population.mean(|c, _| h(c));
        // The error of a sum of squared cosines.
        let error = |task: &Self,
                     cosine: &dyn Fn(usize, usize) -> f64,
                     error: &dyn Fn(usize, usize) -> f64| {
            all(task, &|c| {
                (0..r).map(|k| 2.0 * cosine(c, k).abs() * error(c, k)).sum()
            })
        };
        // Random rows are aligned by r/d, exactly.
        let value = match step {
            0 if self.start.drawn => r as f64 / self.dynamics.dimension,
            _ => all(self, &|c| {
                share(|d| &d.single, c, &state.overlap, state.norm(c))
            }),
        };
        let doubt = errors.map(|e| {
            error(self, &|c, k| state.cosine(c, k), &|c, k| {
                e.overlap[(c, k)] / state.norm(c)
            })
        });
        if let Some(made) = self.push(step, Metric::WeightAlignment, value, grounds) {
            made.standard_error = doubt;
        }
        if step > 0 && grounds != ONLINE {
            let squares =
                |c: usize| share(|d| &d.gradient, c, &state.gradient, state.gradient_norm[c]);
            let value = all(self, &squares);
            let doubt = errors.map(|e| {
                error(self, &|c, k| state.gradient_cosine(c, k), &|c, k| {
                    e.gradient[(c, k)] / state.gradient_norm[c]
                })
            });
            if let Some(made) = self.push(step, Metric::GradientAlignment, value, grounds) {
                made.standard_error = doubt;
            }
        }
    }

    /// Norms, and entries of Q over pairs of different neurons by their signs.
    fn record_covariance(&mut self, at: State<'_>) {
        let State {
            step,
            state,
            errors,
            grounds,
            ..
        } = at;
        let population = &self.population;
        let norm = population.mean(|c, _| state.norm(c));
        let error = errors.map(|e| {
            let own = |c: usize| e.covariance.own[(c, c)].hypot(e.covariance.cross[(c, c)]);
            population.mean(|c, _| own(c) / (2.0 * state.norm(c)))
        });
        if let Some(made) = self.push(step, Metric::Norm, norm, grounds) {
            made.standard_error = error;
        }
        for group in Signs::PAIRS {
            let Some(value) = self.mean_of_pairs(group, &state.covariance) else {
                continue;
            };
            let error = errors.and_then(|e| self.mean_of_pairs(group, &e.covariance));
            if let Some(made) = self.push(step, Metric::Covariance, value, grounds) {
                made.group = Some(group);
                made.standard_error = error;
            }
        }
    }

    /// The mean of a matrix over pairs of different neurons with these signs; none if there are none.
    fn mean_of_pairs(&self, group: Signs, matrix: &ClassMatrix) -> Option<f64> {
        let classes = &self.population.classes;
        let (mut sum, mut pairs) = (0.0, 0.0);
        for c in 0..classes.len() {
            for e in 0..classes.len() {
                let (first, second) = (classes[c].second, classes[e].second);
                // Unlike pairs in one of their two orders.
                let twice = group == Signs::Opposite && Signs::of(first) == Signs::Negative;
                if Signs::of_pair(first, second) != group || twice {
                    continue;
                }
                let others = classes[e].count - f64::from(c == e);
                let twins = f64::from(classes[c].twin == Some(e));
                sum +=
                    classes[c].count * (others * matrix.between(c, e) + twins * matrix.own[(c, e)]);
                pairs += classes[c].count * others;
            }
        }
        (pairs > 0.0).then(|| sum / pairs)
    }
}
