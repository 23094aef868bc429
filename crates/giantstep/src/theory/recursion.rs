//! T giant steps on fresh batches of size `n = alpha d`: the closed recursion of (M, Q).
//!
//! The fields `(lambda, lambda*) = (W x, W* x)` of a fresh sample are Gaussian with covariance
//! `[[Q, M], [M^T, I]]`. With `Delta = y - f`, `B_i = sqrt(p) a_i sigma'(lambda_i) Delta`, `eta~ = eta / p` and
//! `X = E[B lambda*^T]`, `N = E[B lambda^T]`, `I4 = E[B B^T]`, `Q_perp = Q - M M^T`, `O = N - X M^T`, one step is
//!
//! ```text
//! G  = X X^T + O Q_perp^+ O^T + I4 / alpha              (Gram matrix of the gradient)
//! M <- M + eta~ X
//! Q <- Q + eta~ (N + N^T) + eta~^2 G
//! ```
//!
//! Regime: d to infinity at fixed n/d, width, steps and eta~. THEORY.md (20).
//!
//! Neurons with equal second-layer weight are exchangeable, so all of this is kept by classes ([`Population`]), at
//! one cost for any width.

use faer::Mat;

use crate::batch::Inputs;
use crate::network::Initial;
use crate::theory::averages::{Averages, Residual, Task};
use crate::theory::bounded_width::Kernels;
use crate::theory::expectation::{Shape, link_values};
use crate::theory::fields::Fields;
use crate::theory::population::{ClassMatrix, Population, Start};
use crate::theory::sample::Sample;
use crate::theory::separated::Separated;
use crate::theory::shared::{Fineness, Shared};
use crate::theory::smoothed::Sigma;
use crate::theory::updates::{Followed, Taking};
use crate::train::{Geometry, Loss, Update};

pub use super::dynamics::{Dynamics, Effort, RecursionError, Step, Trajectory};
pub use super::fluctuation::Deviations;

/// The step size `eta~` and the batch `n/d` of a step, 1 for the first.
type Sizes<'a> = &'a dyn Fn(u32) -> (f64, f64);

/// Independent repetitions that give the standard error of sampled expectations.
const REPETITIONS: u64 = 8;

impl Dynamics<'_> {
    /// The recursion from the initial network; `O(K^2)` for each point of the quadrature and step.
    ///
    /// # Errors
    /// [`RecursionError`] if a state is unphysical or not finite.
    pub fn run(&self, population: &Population, steps: u32) -> Result<Trajectory, RecursionError> {
        self.run_within(population, steps, Effort::Sampled)
    }

    /// [`Dynamics::run`] with this effort.
    ///
    /// # Errors
    /// [`RecursionError`] if a state is unphysical or not finite, or needs a larger effort.
    pub fn run_within(
        &self,
        population: &Population,
        steps: u32,
        effort: Effort,
    ) -> Result<Trajectory, RecursionError> {
        let start = population.start(&Initial::Drawn, self.link.r());
        match self.as_far(population, &start, steps, effort) {
            (found, None) => Ok(found),
            (_, Some(error)) => Err(error),
        }
    }

    /// The states as far as they go, and why no further.
    pub(super) fn as_far(
        &self,
        population: &Population,
        start: &Start,
        steps: u32,
        effort: Effort,
    ) -> (Trajectory, Option<RecursionError>) {
        let same = |_| (self.rate, self.samples);
        self.as_far_by(population, start, steps, (effort, &same))
    }

    /// [`Dynamics::as_far`] with the step size `eta~` and the batch `n/d` of each step, 1 for the first.
    pub(super) fn as_far_by(
        &self,
        population: &Population,
        start: &Start,
        steps: u32,
        (effort, sizes): (Effort, Sizes<'_>),
    ) -> (Trajectory, Option<RecursionError>) {
        repeated(&|seed| self.once(population, start, steps, (seed, effort, sizes)))
    }

    /// The recursion from a given state `(M, Q)`.
    ///
    /// # Errors
    /// [`RecursionError`] if a state is unphysical or not finite.
    pub fn run_from(
        &self,
        population: &Population,
        (overlap, covariance): (Mat<f64>, ClassMatrix),
        steps: u32,
    ) -> Result<Trajectory, RecursionError> {
        let start = Start {
            overlap,
            covariance,
            drawn: true,
        };
        match self.as_far(population, &start, steps, Effort::Sampled) {
            (found, None) => Ok(found),
            (_, Some(error)) => Err(error),
        }
    }

    /// The states, whether averages were sampled, and why there are no further ones.
    fn once(
        &self,
        population: &Population,
        start: &Start,
        steps: u32,
        how: (u64, Effort, Sizes<'_>),
    ) -> States {
        let (mut states, mut sampled) = (Vec::new(), false);
        let ended = self.follow(population, start, steps, how, (&mut states, &mut sampled));
        (states, sampled, ended.err())
    }

    fn follow(
        &self,
        population: &Population,
        start: &Start,
        steps: u32,
        (seed, effort, sizes): (u64, Effort, Sizes<'_>),
        (states, sampled): (&mut Vec<Step>, &mut bool),
    ) -> Result<(), RecursionError> {
        let mut state = self.first(population, start);
        let sigma = Sigma::new(self.activation);
        let shape = Shape::of(self.link);
        let (mut switched, mut velocity) = (false, None);
        for step in 0..=steps {
            self.stable(&state, step)?;
            let fields = Fields::of(population, (&state.overlap, &state.covariance), step)?;
            let task = Task {
                dynamics: self,
                population,
                fields: &fields,
                sigma: &sigma,
                shape: &shape,
                residual: self.residual(switched),
                effort,
                fineness: Fineness::Finest,
                seed: seed * 1_000_003 + u64::from(step),
            };
            // Nothing follows the last state but its error, an integral over one neuron or two at a time.
            let last = step == steps;
            let gaussian = self.coordinates == Inputs::Gaussian;
            let averages = match last && population.is_paired() && gaussian {
                true => None,
                false => task.averages(),
            };
            if self.stopped() {
                return Err(RecursionError::Stopped { step });
            }
            let Some(averages) = averages else {
                // The state stands although averages over it do not.
                if gaussian {
                    let kernels = self.kernels(population, &state, (step, effort, task.seed))?;
                    *sampled |= kernels.sampled;
                    state.untrained_error = kernels.untrained_error();
                }
                states.push(state);
                return match (last, effort) {
                    (true, _) => Ok(()),
                    (false, Effort::Integrated) => Err(RecursionError::Sampled { step }),
                    (false, Effort::Sampled) => Err(RecursionError::NotFinite { step }),
                };
            };
            *sampled |= averages.sampled;
            if let Loss::CorrelationUntil(fraction) = self.loss {
                switched |= averages.error < fraction * averages.label_power;
            }
            state.untrained_error = averages.error;
            states.push(state.clone());
            if !last {
                let from = (&state, &mut velocity, &start.overlap);
                let (rate, samples) = sizes(step + 1);
                let own = Self {
                    rate,
                    samples,
                    ..self.clone()
                };
                state = own.advance(population, &fields, from, &averages, step)?;
            }
        }
        Ok(())
    }

    /// The state before the first step, without its error.
    pub(super) fn first(&self, population: &Population, start: &Start) -> Step {
        let (k, r) = (population.len(), self.link.r());
        let dimension = match start.drawn {
            true => self.dimension,
            false => f64::INFINITY,
        };
        Step {
            overlap: start.overlap.clone(),
            covariance: start.covariance.clone(),
            with_start: start.covariance.clone(),
            gradient: Mat::zeros(k, r),
            gradient_norm: vec![0.0; k],
            untrained_error: f64::NAN,
            fluctuation: Mat::from_fn(k, r, |_, _| 1.0 / dimension.sqrt()),
            deviations: Some(Deviations::start(population, r, dimension)),
        }
    }

    /// Whether fluctuations are small, or at least not amplified.
    pub(super) fn stable(&self, state: &Step, step: u32) -> Result<(), RecursionError> {
        const LARGE: f64 = 0.3;
        const AMPLIFIED: f64 = 3.0;
        let Some(deviations) = &state.deviations else {
            return Ok(());
        };
        let spread = deviations.largest(|c| state.norm(c));
        let fresh = deviations.added.max(1.0 / self.dimension.sqrt());
        match spread > LARGE && spread > AMPLIFIED * fresh {
            true => Err(RecursionError::Unstable { step, spread }),
            false => Ok(()),
        }
    }

    /// What the error of the frozen second layer depends on.
    fn kernels(
        &self,
        population: &Population,
        state: &Step,
        (step, effort, seed): (u32, Effort, u64),
    ) -> Result<Kernels, RecursionError> {
        let kernels =
            Kernels::from_seed(self, population, (&state.overlap, &state.covariance), seed);
        match kernels {
            _ if self.stopped() => Err(RecursionError::Stopped { step }),
            Ok(kernels) if kernels.sampled && effort == Effort::Integrated => {
                Err(RecursionError::Sampled { step })
            }
            Ok(kernels) => Ok(kernels),
            Err(_) => Err(RecursionError::NotFinite { step }),
        }
    }

    pub(super) fn residual(&self, switched: bool) -> Residual {
        match self.loss {
            Loss::Squared => Residual::Error,
            Loss::Correlation => Residual::Label,
            Loss::CorrelationUntil(_) if switched => Residual::Error,
            Loss::CorrelationUntil(_) => Residual::Label,
            Loss::Pointwise(_) => Residual::Loss,
        }
    }

    /// The averages of the first step.
    pub(super) fn first_averages(
        &self,
        population: &Population,
        seed: u64,
    ) -> Result<Averages, RecursionError> {
        let fields = Fields {
            overlap: Mat::zeros(population.len(), self.link.r()),
            orthogonal: population.initial_covariance(),
        };
        let task = Task {
            dynamics: self,
            population,
            fields: &fields,
            sigma: &Sigma::new(self.activation),
            shape: &Shape::of(self.link),
            residual: self.residual(false),
            effort: Effort::Sampled,
            fineness: Fineness::Finest,
            seed,
        };
        task.averages().ok_or(RecursionError::NotFinite { step: 0 })
    }

    /// `E[sigma(lambda) y]` for one neuron with these overlaps, variance and bias, and whether it was sampled.
    pub(super) fn response(
        &self,
        overlap: &[f64],
        (variance, bias): (f64, f64),
        seed: u64,
    ) -> Option<(f64, bool)> {
        let along: f64 = overlap.iter().map(|m| m * m).sum();
        // A neuron within the span of the target has no variance of its own to smooth it.
        let own = (variance - along).max(1e-6 * variance);
        let fields = Fields {
            overlap: Mat::from_fn(1, overlap.len(), |_, j| overlap[j]),
            orthogonal: ClassMatrix {
                own: Mat::from_fn(1, 1, |_, _| own),
                cross: Mat::zeros(1, 1),
            },
        };
        let sigma = Sigma::new(self.activation);
        if let Some(sum) = Separated::of(self.link).filter(|_| overlap.len() > 2) {
            let [mean] = sigma.average(bias, variance, |v, _, _| [v]);
            let value = sum.product(mean, |k, x| {
                let left = (variance - overlap[k] * overlap[k]).max(1e-6 * variance);
                match self.stopped() {
                    true => f64::NAN,
                    false => sigma.average(overlap[k] * x + bias, left, |v, _, _| [v])[0],
                }
            });
            return Some((value - self.removed_mean * mean, false));
        }
        let shape = Shape::of(self.link);
        let how = (Fineness::Finest, seed, self.coordinates);
        let shared = Shared::of(&fields, self.link, &shape, how)?;
        let table = sigma.smoothed(own, shared.reach(0) + bias.abs(), self.stop)?;
        let points = &shared.points;
        let sums = points.expect_until(self.stop, 1, |columns, weights, sums| {
            let (targets, fields) = shared.fields(columns);
            let mut labels = vec![0.0; weights.len()];
            link_values(self.link, &targets, &mut labels);
            for ((label, weight), s) in labels.iter().zip(weights).zip(&fields[0]) {
                sums[0] += weight * (label - self.removed_mean) * table.at(*s + bias).value;
            }
        });
        Some((sums[0], points.is_sampled()))
    }

    /// One step of the recursion.
    fn advance(
        &self,
        population: &Population,
        fields: &Fields,
        (state, velocity, start): (&Step, &mut Option<Followed>, &Mat<f64>),
        averages: &Averages,
        step: u32,
    ) -> Result<Step, RecursionError> {
        let (k, r) = (population.len(), self.link.r());
        let failed = RecursionError::NotFinite { step: step + 1 };
        let x = &averages.target;
        let n = &averages.fields;
        let outer = ClassMatrix {
            own: Mat::zeros(k, k),
            cross: x * x.transpose(),
        };
        let mut orthogonal = n.clone();
        orthogonal.cross -= x * state.overlap.transpose();
        let gram = orthogonal
            .sandwich(&fields.orthogonal, population)
            .ok_or(failed.clone())?
            .plus(1.0, &outer)
            .plus(1.0 / self.samples, &averages.power);
        let mut keep: Vec<f64> = (0..k)
            .map(|c| match self.geometry {
                Geometry::Spherical => {
                    1.0 - self.rate * n.diagonal(c) / state.covariance.diagonal(c)
                }
                Geometry::Plain | Geometry::Projected => 1.0,
            })
            .collect();
        let plain = self.update == Update::PLAIN;
        let inverse = fields.orthogonal.pseudo_inverse(population);
        let across = orthogonal.times(&inverse.ok_or(failed.clone())?, population);
        let mut of_start = state.with_start.clone();
        of_start.cross -= &state.overlap * start.transpose();
        let mut of_start = across.times(&of_start, population);
        of_start.cross += x * start.transpose();
        let followed = match plain {
            true => None,
            false => {
                let taking = Taking {
                    update: &self.update,
                    population,
                    across: &across,
                    overlap: &state.overlap,
                    rate: self.rate,
                };
                let gradient = Followed {
                    target: x.clone(),
                    weights: n.clone(),
                    start: of_start.clone(),
                    gram: gram.clone(),
                };
                keep.fill(taking.keep());
                let (change, left) = taking
                    .change(gradient, velocity.take())
                    .ok_or(failed.clone())?;
                *velocity = left;
                Some(change)
            }
        };
        // What is added to the weights, which is not always the gradient.
        let (added, along, squares) = match &followed {
            Some(change) => (&change.target, &change.weights, &change.gram),
            None => (x, n, &gram),
        };
        let mut overlap = Mat::from_fn(k, r, |c, j| {
            keep[c] * state.overlap[(c, j)] + self.rate * added[(c, j)]
        });
        let linear = along.map(|_, e, value| keep[e] * value);
        let mut covariance = state
            .covariance
            .map(|c, e, value| keep[c] * keep[e] * value)
            .plus(self.rate, &linear)
            .plus(self.rate, &linear.transposed())
            .plus(self.rate * self.rate, squares);
        let toward = followed.as_ref().map_or(&of_start, |change| &change.start);
        let mut with_start = state
            .with_start
            .map(|c, _, value| keep[c] * value)
            .plus(self.rate, toward);
        let variance = |c: usize, j: usize| {
            let spread = averages.target_squares[(c, j)] - x[(c, j)].powi(2);
            state.fluctuation[(c, j)].powi(2)
                + self.rate * self.rate * spread / (self.samples * self.dimension)
        };
        let mut fluctuation = Mat::from_fn(k, r, |c, j| match plain {
            true => variance(c, j).sqrt(),
            false => f64::NAN,
        });
        let mut deviations = match (&averages.growth, &state.deviations) {
            (Some(growth), Some(before)) if plain => {
                let sizes = (self.rate, self.samples, self.dimension);
                let lengths: Vec<f64> = (0..k).map(|c| covariance.diagonal(c).sqrt()).collect();
                Some(growth.advance(before, population, x, (&keep, &lengths), sizes))
            }
            _ => None,
        };
        if self.geometry != Geometry::Plain {
            let norms: Vec<f64> = (0..k).map(|c| covariance.diagonal(c).sqrt()).collect();
            deviations = deviations.map(|made| made.rescaled(population, &overlap, &norms));
            overlap = Mat::from_fn(k, r, |c, j| overlap[(c, j)] / norms[c]);
            fluctuation = Mat::from_fn(k, r, |c, j| fluctuation[(c, j)] / norms[c]);
            covariance = covariance.map(|c, e, value| value / (norms[c] * norms[e]));
            with_start = with_start.map(|c, _, value| value / norms[c]);
            if let Some(velocity) = velocity {
                velocity.weights = velocity.weights.map(|_, e, value| value / norms[e]);
            }
        }
        // A spherical step follows the gradient without its part along the neuron.
        let removed = |c: usize| match self.geometry {
            Geometry::Spherical => n.diagonal(c) / state.covariance.diagonal(c),
            Geometry::Plain | Geometry::Projected => 0.0,
        };
        let gradient = Mat::from_fn(k, r, |c, j| x[(c, j)] - removed(c) * state.overlap[(c, j)]);
        let gradient_norm: Vec<f64> = (0..k)
            .map(|c| {
                (gram.diagonal(c) - removed(c) * n.diagonal(c))
                    .max(0.0)
                    .sqrt()
            })
            .collect();
        let finite = overlap.is_all_finite()
            && covariance.own.is_all_finite()
            && covariance.cross.is_all_finite();
        if !finite {
            return Err(failed);
        }
        Ok(Step {
            overlap,
            covariance,
            with_start,
            gradient,
            gradient_norm,
            untrained_error: f64::NAN,
            fluctuation,
            deviations,
        })
    }
}

/// States, whether averages were sampled, and why there are no further ones.
pub(super) type States = (Vec<Step>, bool, Option<RecursionError>);

/// The states of one seed, or the mean over several where expectations are sampled.
pub(super) fn repeated(once: &dyn Fn(u64) -> States) -> (Trajectory, Option<RecursionError>) {
    let (first, sampled, mut error) = once(0);
    if !sampled {
        let found = Trajectory {
            steps: first,
            standard_errors: None,
        };
        return (found, error);
    }
    let mut runs = vec![first];
    for seed in 1..REPETITIONS {
        let (run, _, failed) = once(seed);
        runs.push(run);
        error = error.or(failed);
    }
    // All as far as the shortest.
    let least = runs.iter().map(Vec::len).min().unwrap_or(0);
    runs.iter_mut().for_each(|run| run.truncate(least));
    (average(runs), error)
}

/// Mean and standard error over repetitions.
pub(super) fn average(mut runs: Vec<Vec<Step>>) -> Trajectory {
    let mut mean = runs[0].clone();
    let mut error = runs[0].clone();
    for step in 0..mean.len() {
        let mut columns: Vec<Vec<f64>> = runs
            .iter_mut()
            .map(|run| run[step].numbers().into_iter().map(|x| *x).collect())
            .collect();
        let (mut means, mut errors) = (mean[step].numbers(), error[step].numbers());
        for index in 0..means.len() {
            let values: Vec<f64> = columns.iter_mut().map(|column| column[index]).collect();
            let sample = Sample::of(&values);
            *means[index] = sample.mean;
            *errors[index] = sample.standard_error().unwrap_or(f64::NAN);
        }
    }
    Trajectory {
        steps: mean,
        standard_errors: Some(error),
    }
}
