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
//! Regime: d to infinity at fixed n/d, width, steps and eta~. THEORY.md (11).
//!
//! Neurons with equal second-layer weight are exchangeable, so all of this is kept by classes
//! ([`Population`]). Given the target's fields and what neurons share, fields of different neurons are
//! independent; averages over what a neuron has alone are tables of one variable, and the few shared variables
//! are integrated by tensor rules, for any width at one cost. Where the shared variables are too many, or the
//! link has oblique kinks, they are sampled instead, and results carry a standard error.

use faer::{Mat, Side};

use crate::activation::Activation;
use crate::batch::{Role, Stream};
use crate::expr::Link;
use crate::hermite::Rule;
use crate::network::Pairing;
use crate::reduce::tree_sum;
use crate::theory::expectation::{
    Points, Shape, Sigma, Smoothed, exact_up_to, link_values, panels, trapezoid,
};
use crate::theory::population::{ClassMatrix, Population};
use crate::train::{Geometry, Loss};

/// Why there is no limit.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RecursionError {
    /// The state is no covariance of Gaussian fields.
    #[error(
        "step {step}: Q - M M^T has the eigenvalue {eigenvalue:.3e} times its largest: no Gaussian fields have this covariance"
    )]
    Unphysical {
        /// The number of steps taken.
        step: u32,
        /// The least eigenvalue over the largest.
        eigenvalue: f64,
    },
    /// A number of the state ceased to be finite.
    #[error("step {step}: the state is not finite")]
    NotFinite {
        /// The number of steps taken.
        step: u32,
    },
}

/// What drives the recursion besides the network.
#[derive(Debug, Clone)]
pub struct Dynamics<'a> {
    /// The link g.
    pub link: &'a Link,
    /// The variance of the label noise.
    pub noise: f64,
    /// What is subtracted from the labels during training.
    pub removed_mean: f64,
    /// The activation.
    pub activation: &'a Activation,
    /// The step size `eta~ = eta / p`.
    pub rate: f64,
    /// `alpha = n / d`; infinite for `n >> d`.
    pub samples: f64,
    /// The dimension d, for fluctuations of order `1/sqrt d`; infinite for none.
    pub dimension: f64,
    /// The loss.
    pub loss: Loss,
    /// What happens to rows besides the step.
    pub geometry: Geometry,
}

/// The limit after some number of steps; one row for each class of neurons.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Overlaps M with the target directions, `K x r`.
    pub overlap: Mat<f64>,
    /// The covariance Q.
    pub covariance: ClassMatrix,
    /// Overlaps of the gradient that led here with the target directions, `K x r`; zero at the start.
    pub gradient: Mat<f64>,
    /// Norms of the gradient that led here.
    pub gradient_norm: Vec<f64>,
    /// `E (y - f)^2` with the frozen second layer.
    pub untrained_error: f64,
    /// One standard deviation of an entry of M of one neuron, at this d: the initial overlap and the sampling
    /// noise of every gradient, each to leading order.
    pub fluctuation: Mat<f64>,
}

impl Step {
    /// `|Pi* w|^2 / |w|^2` of class c.
    pub fn alignment(&self, c: usize) -> f64 {
        let r = self.overlap.ncols();
        (0..r).map(|k| self.cosine(c, k).powi(2)).sum()
    }

    /// The cosine of a neuron of class c with direction k.
    pub fn cosine(&self, c: usize, k: usize) -> f64 {
        self.overlap[(c, k)] / self.norm(c)
    }

    /// The norm of a neuron of class c.
    pub fn norm(&self, c: usize) -> f64 {
        self.covariance.diagonal(c).sqrt()
    }

    /// The cosine of the gradient of a neuron of class c with direction k.
    pub fn gradient_cosine(&self, c: usize, k: usize) -> f64 {
        self.gradient[(c, k)] / self.gradient_norm[c]
    }

    fn numbers(&mut self) -> Vec<&mut f64> {
        let mut numbers = vec![&mut self.untrained_error];
        numbers.extend(self.gradient_norm.iter_mut());
        for matrix in [
            &mut self.overlap,
            &mut self.covariance.own,
            &mut self.covariance.cross,
            &mut self.gradient,
            &mut self.fluctuation,
        ] {
            for column in matrix.as_mut().col_iter_mut() {
                numbers.extend(column.iter_mut());
            }
        }
        numbers
    }
}

/// The limit after 0, 1, ..., T steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Trajectory {
    /// The states.
    pub steps: Vec<Step>,
    /// Their standard errors, entry by entry, where expectations were sampled.
    pub standard_errors: Option<Vec<Step>>,
}

/// Independent repetitions that give the standard error of sampled expectations.
const REPETITIONS: u64 = 8;

impl Dynamics<'_> {
    /// The recursion from the initial network; `O(K^2)` for each point of the quadrature and step.
    ///
    /// # Errors
    /// [`RecursionError`] if a state is unphysical or not finite.
    pub fn run(&self, population: &Population, steps: u32) -> Result<Trajectory, RecursionError> {
        let start = (
            Mat::zeros(population.len(), self.link.r()),
            population.initial_covariance(),
        );
        self.run_from(population, start, steps)
    }

    /// The recursion from a given state `(M, Q)`.
    ///
    /// # Errors
    /// [`RecursionError`] if a state is unphysical or not finite.
    pub fn run_from(
        &self,
        population: &Population,
        start: (Mat<f64>, ClassMatrix),
        steps: u32,
    ) -> Result<Trajectory, RecursionError> {
        let (first, sampled) = self.once(population, &start, steps, 0)?;
        if !sampled {
            return Ok(Trajectory {
                steps: first,
                standard_errors: None,
            });
        }
        let mut runs = vec![first];
        for seed in 1..REPETITIONS {
            runs.push(self.once(population, &start, steps, seed)?.0);
        }
        Ok(average(runs))
    }

    fn once(
        &self,
        population: &Population,
        start: &(Mat<f64>, ClassMatrix),
        steps: u32,
        seed: u64,
    ) -> Result<(Vec<Step>, bool), RecursionError> {
        let (k, r) = (population.len(), self.link.r());
        let mut state = Step {
            overlap: start.0.clone(),
            covariance: start.1.clone(),
            gradient: Mat::zeros(k, r),
            gradient_norm: vec![0.0; k],
            untrained_error: f64::NAN,
            fluctuation: Mat::from_fn(k, r, |_, _| 1.0 / self.dimension.sqrt()),
        };
        let sigma = Sigma::new(self.activation);
        let shape = Shape::of(self.link);
        let mut sampled = false;
        let mut switched = false;
        let mut states = Vec::new();
        for step in 0..=steps {
            let fields = Fields::of(population, &state, step)?;
            let residual = self.residual(switched);
            let task = Task {
                dynamics: self,
                population,
                fields: &fields,
                sigma: &sigma,
                shape: &shape,
                residual,
                seed: seed * 1_000_003 + u64::from(step),
            };
            let averages = match task.conditional() {
                Some(averages) => averages,
                None => task.sampled().ok_or(RecursionError::NotFinite { step })?,
            };
            sampled |= averages.sampled;
            if let Loss::CorrelationUntil(fraction) = self.loss {
                switched = averages.error < fraction * averages.label_power;
            }
            state.untrained_error = averages.error;
            states.push(state.clone());
            if step < steps {
                state = self.advance(population, &fields, &state, &averages, step)?;
            }
        }
        Ok((states, sampled))
    }

    fn residual(&self, switched: bool) -> Residual {
        match self.loss {
            Loss::Squared => Residual::Error,
            Loss::Correlation => Residual::Label,
            Loss::CorrelationUntil(_) if switched => Residual::Error,
            Loss::CorrelationUntil(_) => Residual::Label,
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
            seed,
        };
        task.conditional()
            .or_else(|| task.sampled())
            .ok_or(RecursionError::NotFinite { step: 0 })
    }

    /// `E[sigma(lambda) y]` for one neuron with these overlaps and variance, by quadrature or sampling.
    pub(super) fn response(&self, overlap: &[f64], variance: f64) -> Option<f64> {
        let along: f64 = overlap.iter().map(|m| m * m).sum();
        // A neuron within the span of the target has no variance of its own to smooth it.
        let own = (variance - along).max(1e-6 * variance);
        let population = Population::of_weights(&[1.0], Pairing::Independent);
        let fields = Fields {
            overlap: Mat::from_fn(1, overlap.len(), |_, j| overlap[j]),
            orthogonal: ClassMatrix {
                own: Mat::from_fn(1, 1, |_, _| own),
                cross: Mat::zeros(1, 1),
            },
        };
        let sigma = Sigma::new(self.activation);
        let shape = Shape::of(self.link);
        let task = Task {
            dynamics: self,
            population: &population,
            fields: &fields,
            sigma: &sigma,
            shape: &shape,
            residual: Residual::Label,
            seed: 0,
        };
        let shared = Shared::of(&task)?;
        let table = sigma.smoothed(own, 8.5 * shared.scale(0) + 1e-9)?;
        let sums = shared.points.expect(1, |columns, weights, sums| {
            let (targets, fields) = shared.fields(columns);
            let mut labels = vec![0.0; weights.len()];
            link_values(self.link, &targets, &mut labels);
            for ((label, weight), s) in labels.iter().zip(weights).zip(&fields[0]) {
                sums[0] += weight * (label - self.removed_mean) * table.at(*s).value;
            }
        });
        Some(sums[0])
    }

    /// One step of the recursion.
    fn advance(
        &self,
        population: &Population,
        fields: &Fields,
        state: &Step,
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
        let keep: Vec<f64> = (0..k)
            .map(|c| match self.geometry {
                Geometry::Spherical => {
                    1.0 - self.rate * n.diagonal(c) / state.covariance.diagonal(c)
                }
                Geometry::Plain | Geometry::Projected => 1.0,
            })
            .collect();
        let mut overlap = Mat::from_fn(k, r, |c, j| {
            keep[c] * state.overlap[(c, j)] + self.rate * x[(c, j)]
        });
        let linear = n.map(|_, e, value| keep[e] * value);
        let mut covariance = state
            .covariance
            .map(|c, e, value| keep[c] * keep[e] * value)
            .plus(self.rate, &linear)
            .plus(self.rate, &linear.transposed())
            .plus(self.rate * self.rate, &gram);
        let variance = |c: usize, j: usize| {
            let spread = averages.target_squares[(c, j)] - x[(c, j)].powi(2);
            state.fluctuation[(c, j)].powi(2)
                + self.rate * self.rate * spread / (self.samples * self.dimension)
        };
        let mut fluctuation = Mat::from_fn(k, r, |c, j| variance(c, j).sqrt());
        if self.geometry != Geometry::Plain {
            let norms: Vec<f64> = (0..k).map(|c| covariance.diagonal(c).sqrt()).collect();
            overlap = Mat::from_fn(k, r, |c, j| overlap[(c, j)] / norms[c]);
            fluctuation = Mat::from_fn(k, r, |c, j| fluctuation[(c, j)] / norms[c]);
            covariance = covariance.map(|c, e, value| value / (norms[c] * norms[e]));
        }
        let gradient_norm: Vec<f64> = (0..k)
            .map(|c| gram.diagonal(c).max(0.0).sqrt())
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
            gradient: x.clone(),
            gradient_norm,
            untrained_error: f64::NAN,
            fluctuation,
        })
    }
}

/// Mean and standard error over repetitions.
pub(super) fn average(mut runs: Vec<Vec<Step>>) -> Trajectory {
    let count = runs.len() as f64;
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
            let centre = values.iter().sum::<f64>() / count;
            let spread: f64 = values.iter().map(|v| (v - centre).powi(2)).sum();
            *means[index] = centre;
            *errors[index] = (spread / (count * (count - 1.0))).sqrt();
        }
    }
    Trajectory {
        steps: mean,
        standard_errors: Some(error),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Residual {
    Error,
    Label,
}

/// The law of the fields of a state.
#[derive(Debug)]
struct Fields {
    overlap: Mat<f64>,
    /// `Q_perp`.
    orthogonal: ClassMatrix,
}

/// How negative a relative eigenvalue may be by rounding.
const PHYSICAL: f64 = 1e-7;

impl Fields {
    fn of(population: &Population, state: &Step, step: u32) -> Result<Self, RecursionError> {
        let mut orthogonal = state.covariance.clone();
        orthogonal.cross -= &state.overlap * state.overlap.transpose();
        let eigenvalue = orthogonal
            .least_eigenvalue(population)
            .ok_or(RecursionError::NotFinite { step })?;
        if eigenvalue < -PHYSICAL {
            return Err(RecursionError::Unphysical { step, eigenvalue });
        }
        Ok(Self {
            overlap: state.overlap.clone(),
            orthogonal,
        })
    }
}

/// The averages that one step needs.
pub(super) struct Averages {
    /// `X = E[B lambda*^T]`, `K x r`.
    pub(super) target: Mat<f64>,
    /// `E[B^2 lambda*^2]`.
    target_squares: Mat<f64>,
    /// `N = E[B lambda^T]`.
    pub(super) fields: ClassMatrix,
    /// `I4 = E[B B^T]`.
    pub(super) power: ClassMatrix,
    /// `E Delta^2` of the squared loss.
    error: f64,
    /// `E y^2`.
    label_power: f64,
    pub(super) sampled: bool,
}

/// One evaluation of [`Averages`].
struct Task<'a> {
    dynamics: &'a Dynamics<'a>,
    population: &'a Population,
    fields: &'a Fields,
    sigma: &'a Sigma<'a>,
    shape: &'a Shape,
    residual: Residual,
    seed: u64,
}

/// Neuron evaluations that are spent on sampling once.
const SAMPLING: f64 = 4e7;
/// Neurons beyond which a sampled network is replaced by a narrower one.
pub(super) const SAMPLED_WIDTH: f64 = 512.0;

impl Task<'_> {
    /// `R`'s share of the output and the size of one neuron's contribution to its own residual.
    fn feedback(&self) -> f64 {
        match self.residual {
            Residual::Error => 1.0,
            Residual::Label => 0.0,
        }
    }

    /// Averages with the fluctuations of single neurons integrated out beforehand; none where neurons are
    /// paired, or are repelled too strongly for it.
    fn conditional(&self) -> Option<Averages> {
        let population = self.population;
        if population.is_paired() {
            return None;
        }
        let (k, r) = (population.len(), self.dynamics.link.r());
        let own = |c: usize| self.fields.orthogonal.own[(c, c)];
        if (0..k).any(|c| own(c) <= 0.0) {
            return None;
        }
        let shared = Shared::of(self)?;
        let reach = |c: usize| 8.5 * shared.scale(c) + 1e-9;
        let tables: Vec<Smoothed> = (0..k)
            .map(|c| self.sigma.smoothed(own(c), reach(c)))
            .collect::<Option<_>>()?;
        let narrow = 1.0 / population.width();
        let feedback = self.feedback();
        let (link, mean, noise) = (
            self.dynamics.link,
            self.dynamics.removed_mean,
            self.dynamics.noise,
        );
        let classes = &population.classes;
        // X, squares | N from shared fields | N of own fields: same, other | I4: same, other | error, power
        let length = 2 * k * r + k * k + k + k * k + k + k * k + 2;
        let sums = shared.points.expect(length, |columns, weights, sums| {
            let rows = weights.len();
            let (targets, fields) = shared.fields(columns);
            let mut labels = vec![0.0; rows];
            link_values(link, &targets, &mut labels);
            let mut local = vec![Default::default(); k];
            for row in 0..rows {
                for c in 0..k {
                    local[c] = tables[c].at(fields[c][row]);
                }
                let label = labels[row] - mean;
                let (mut output, mut scatter) = (0.0, 0.0);
                for (class, local) in classes.iter().zip(&local) {
                    let share = class.count * narrow * class.second;
                    output += share * local.value;
                    scatter += share * narrow * class.second * local.variance;
                }
                let residual = label - feedback * output;
                let small = feedback * narrow;
                let scattered = feedback * scatter + noise;
                let weight = weights[row];
                let (sums_target, rest) = sums.split_at_mut(k * r);
                let (sums_square, rest) = rest.split_at_mut(k * r);
                let (sums_shared, rest) = rest.split_at_mut(k * k);
                let (sums_own, rest) = rest.split_at_mut(k);
                let (sums_other, rest) = rest.split_at_mut(k * k);
                let (sums_power, rest) = rest.split_at_mut(k);
                let (sums_joint, rest) = rest.split_at_mut(k * k);
                for c in 0..k {
                    let (a, x) = (classes[c].second, &local[c]);
                    let drive = weight * a * (residual * x.slope - small * a * x.slope_value);
                    // The scatter of the other neurons alone.
                    let others = scattered - small * narrow * a * a * x.variance;
                    let power = (residual * residual + others) * x.slopes
                        - 2.0 * small * a * residual * x.slopes_value
                        + small * small * a * a * x.slopes_square;
                    let power = weight * a * a * power;
                    for j in 0..r {
                        let z = targets[j][row];
                        sums_target[c * r + j] += drive * z;
                        sums_square[c * r + j] += power * z * z;
                    }
                    sums_own[c] += weight
                        * a
                        * (residual * x.slope_own - small * a * x.slope_value_own);
                    sums_power[c] += power;
                    for e in 0..k {
                        let (b, y) = (classes[e].second, &local[e]);
                        sums_shared[c * k + e] += drive * fields[e][row];
                        sums_other[c * k + e] -= weight * a * b * small * x.slope * y.value_own;
                        if e <= c {
                            let others = others - small * narrow * b * b * y.variance;
                            let joint = (residual * residual + others) * x.slope * y.slope
                                - 2.0
                                    * small
                                    * residual
                                    * (a * x.slope_value * y.slope + b * y.slope_value * x.slope)
                                + small
                                    * small
                                    * (a * a * x.slope_square * y.slope
                                        + b * b * y.slope_square * x.slope
                                        + 2.0 * a * b * x.slope_value * y.slope_value);
                            sums_joint[c * k + e] += weight * a * b * joint;
                        }
                    }
                }
                let error = label - output;
                rest[0] += weight * (error * error + scatter + noise);
                rest[1] += weight * (label * label + noise);
            }
        });
        let mut parts = Split(&sums);
        let target = parts.matrix(k, r);
        let target_squares = parts.matrix(k, r);
        let from_shared = parts.matrix(k, k);
        let own_same = parts.matrix(k, 1);
        let own_other = parts.matrix(k, k);
        let power_same = parts.matrix(k, 1);
        let joint = parts.matrix(k, k);
        let joint = Mat::from_fn(k, k, |c, e| joint[(c.max(e), c.min(e))]);
        let on_diagonal = |same: &Mat<f64>, other: &Mat<f64>| {
            Mat::from_fn(k, k, |c, e| {
                if c == e {
                    same[(c, 0)] - other[(c, c)]
                } else {
                    0.0
                }
            })
        };
        Some(Averages {
            fields: ClassMatrix {
                own: on_diagonal(&own_same, &own_other),
                cross: from_shared + &own_other,
            },
            power: ClassMatrix {
                own: on_diagonal(&power_same, &joint),
                cross: joint,
            },
            target,
            target_squares,
            error: parts.0[0],
            label_power: parts.0[1],
            sampled: shared.points.is_sampled(),
        })
    }

    /// Averages over samples of all fields.
    fn sampled(&self) -> Option<Averages> {
        let (k, r) = (self.population.len(), self.dynamics.link.r());
        let network = Sampler::new(self.population, self.fields)?;
        let p = network.width();
        let samples = (SAMPLING / p as f64).clamp(8192.0, 2_097_152.0) as usize;
        const ROWS: usize = 256;
        let feedback = self.feedback();
        let noise = self.dynamics.noise;
        // X, squares | moments of (B, lambda) and (B, B) | error, power
        let length = 2 * k * r + 2 * Moments::length(k) + 2;
        let sums = tree_sum(samples.div_ceil(ROWS), length, |block, sums| {
            let mut stream = Stream::new(self.seed, Role::Theory, 1, block as u64);
            let (targets, fields) = network.draw(&mut stream, r, ROWS);
            let mut labels = vec![0.0; ROWS];
            link_values(self.dynamics.link, &targets, &mut labels);
            let mut noises = vec![0.0; ROWS];
            stream.fill_normal(&mut noises);
            for (label, draw) in labels.iter_mut().zip(&noises) {
                *label += noise.sqrt() * draw - self.dynamics.removed_mean;
            }
            let mut errors = labels.clone();
            let mut column = vec![0.0; ROWS];
            for (i, field) in fields.iter().enumerate() {
                let a = self.population.classes[network.class(i)].second;
                self.sigma.activation.value_column(field, &mut column);
                for (error, value) in errors.iter_mut().zip(&column) {
                    *error -= a * value / p as f64;
                }
            }
            let mut drives = Vec::with_capacity(p);
            for (i, field) in fields.iter().enumerate() {
                let a = self.population.classes[network.class(i)].second;
                self.sigma.activation.derivative_column(field, &mut column);
                let drive: Vec<f64> = (0..ROWS)
                    .map(|v| {
                        let residual = feedback * errors[v] + (1.0 - feedback) * labels[v];
                        a * column[v] * residual
                    })
                    .collect();
                drives.push(drive);
            }
            network.target_moments(&drives, &targets, &mut sums[..2 * k * r]);
            let rest = &mut sums[2 * k * r..];
            let (first, rest) = rest.split_at_mut(Moments::length(k));
            let (second, rest) = rest.split_at_mut(Moments::length(k));
            network.moments(&drives, &fields, first);
            network.moments(&drives, &drives, second);
            rest[0] += errors.iter().map(|e| e * e).sum::<f64>();
            rest[1] += labels.iter().map(|y| y * y).sum::<f64>();
        });
        let total = (samples.div_ceil(ROWS) * ROWS) as f64;
        let sums: Vec<f64> = sums.iter().map(|sum| sum / total).collect();
        let mut parts = Split(&sums);
        let target = parts.matrix(k, r);
        let target_squares = parts.matrix(k, r);
        let fields = network.matrix(parts.take(Moments::length(k)));
        let power = network.matrix(parts.take(Moments::length(k)));
        Some(Averages {
            target,
            target_squares,
            fields,
            power,
            error: parts.0[0],
            label_power: parts.0[1],
            sampled: true,
        })
    }
}

/// A list of numbers, read from the front.
pub(super) struct Split<'a>(pub &'a [f64]);

impl<'a> Split<'a> {
    pub(super) fn take(&mut self, count: usize) -> &'a [f64] {
        let (front, rest) = self.0.split_at(count);
        self.0 = rest;
        front
    }

    pub(super) fn matrix(&mut self, rows: usize, columns: usize) -> Mat<f64> {
        let entries = self.take(rows * columns);
        Mat::from_fn(rows, columns, |i, j| entries[i * columns + j])
    }
}

/// The variables that neurons share: the target's fields and the common parts of `lambda_perp`.
struct Shared {
    points: Points,
    r: usize,
    /// The target's fields as combinations of the variables, `r x v`.
    target: Mat<f64>,
    /// The shared part of every class, `K x v`.
    class: Mat<f64>,
    /// Which variables have a formal negative variance.
    negative: usize,
}

/// The cost of a tensor rule, in units of about a nanosecond, beyond which points are sampled.
const WORK: f64 = 6e8;
/// Shared variances below this fraction of a neuron's own are dropped.
const NEGLIGIBLE: f64 = 1e-9;

impl Shared {
    fn of(task: &Task<'_>) -> Option<Self> {
        let (k, r) = (task.population.len(), task.dynamics.link.r());
        let own: Vec<f64> = (0..k)
            .map(|c| task.fields.orthogonal.own[(c, c)])
            .collect();
        let eigen = task
            .fields
            .orthogonal
            .cross
            .self_adjoint_eigen(Side::Lower)
            .ok()?;
        // Directions in class space, split by the sign of the variance, with their sharpness.
        let (mut positive, mut negative) = (Vec::new(), Vec::new());
        for j in 0..k {
            let value = eigen.S()[j];
            let direction: Vec<f64> = (0..k)
                .map(|c| value.abs().sqrt() * eigen.U()[(c, j)])
                .collect();
            let sharpness: f64 = direction.iter().zip(&own).map(|(v, d)| v * v / d).sum();
            if sharpness < NEGLIGIBLE {
                continue;
            }
            match value > 0.0 {
                true => positive.push(direction),
                false => negative.push((direction, sharpness.sqrt())),
            }
        }
        let s = positive.len();
        let mut class = Mat::from_fn(k, r + s, |c, j| match j.checked_sub(r) {
            None => task.fields.overlap[(c, j)],
            Some(j) => positive[j][c],
        });
        let mut target = Mat::from_fn(r, r + s, |i, j| f64::from(i == j));
        let smooth = matches!(task.shape, Shape::Polynomial(_) | Shape::Smooth);
        // Rotate so that few variables are sharp: all of them for a smooth link, the shared noise otherwise.
        let first = if smooth { 0 } else { r };
        let metric = Mat::from_fn(r + s - first, r + s - first, |i, j| {
            (0..k)
                .map(|c| class[(c, first + i)] * class[(c, first + j)] / own[c])
                .sum::<f64>()
        });
        let axes = metric.self_adjoint_eigen(Side::Lower).ok()?;
        let turn = Mat::from_fn(r + s, r + s, |i, j| {
            match (i.checked_sub(first), j.checked_sub(first)) {
                (Some(i), Some(j)) => axes.U()[(i, j)],
                _ => f64::from(i == j),
            }
        });
        class = class * &turn;
        target = target * &turn;
        let sharpness = |j: usize| {
            (0..k)
                .map(|c| class[(c, j)].powi(2) / own[c])
                .sum::<f64>()
                .sqrt()
        };
        let work = (100 + 12 * k + 4 * k * k) as f64;
        let nodes = |rules: &[Rule]| -> f64 {
            rules.iter().map(|rule| rule.nodes.len() as f64).product()
        };
        let formal = 7f64.powi(negative.len() as i32);
        let mut rules = Vec::new();
        // The finest rules that can be paid for: only a link that is no polynomial asks for the finer ones.
        for finest in [0.1, 0.2, 0.5] {
            rules = (0..r + s)
                .map(|j| {
                    let of_link = (0..r).any(|i| target[(i, j)].abs() > 1e-9);
                    rule(task.shape, sharpness(j), of_link, j, finest)
                })
                .collect::<Option<Vec<_>>>()?;
            if nodes(&rules) * formal * work < WORK {
                break;
            }
        }
        for (direction, sharpness) in &negative {
            if *sharpness > 0.4 {
                return None;
            }
            rules.push(negative_variance(0.5 / sharpness)?);
            class = Mat::from_fn(k, class.ncols() + 1, |c, j| {
                if j < class.ncols() {
                    class[(c, j)]
                } else {
                    direction[c]
                }
            });
            target = Mat::from_fn(r, target.ncols() + 1, |i, j| {
                if j < target.ncols() {
                    target[(i, j)]
                } else {
                    0.0
                }
            });
        }
        let fits = nodes(&rules) * work < WORK;
        let tensor = Points::Tensor(rules);
        let points = if fits && *task.shape != Shape::Kinked && resolves(&tensor, &target, task) {
            tensor
        } else if negative.is_empty() {
            Points::Sampled {
                variables: r + s,
                count: (1.5e8 / work) as usize,
                seed: task.seed,
            }
        } else {
            return None;
        };
        Some(Self {
            points,
            r,
            target,
            class,
            negative: negative.len(),
        })
    }

    /// The standard deviation of the shared part of class c.
    fn scale(&self, c: usize) -> f64 {
        let all = self.class.ncols();
        let real = all - self.negative;
        let spread: f64 = (0..real).map(|j| self.class[(c, j)].powi(2)).sum();
        // Formal variables take a few values of the order of a neuron's own scale.
        let formal: f64 = (real..all).map(|j| self.class[(c, j)].abs()).sum();
        spread.sqrt() + 4.0 * formal
    }

    /// The target's fields and the shared part of every class at a block of points.
    fn fields(&self, columns: &[Vec<f64>]) -> (Vec<Vec<f64>>, Vec<Vec<f64>>) {
        (
            combine(&self.target, self.r, columns),
            combine(&self.class, self.class.nrows(), columns),
        )
    }
}

pub(super) fn combine(matrix: &Mat<f64>, rows: usize, columns: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let length = columns.first().map_or(1, Vec::len);
    (0..rows)
        .map(|i| {
            let mut out = vec![0.0; length];
            for (j, column) in columns.iter().enumerate() {
                let scale = matrix[(i, j)];
                if scale != 0.0 {
                    for (out, x) in out.iter_mut().zip(column) {
                        *out += scale * x;
                    }
                }
            }
            out
        })
        .collect()
}

/// A rule for a variable along which neurons have this sharpness and of which the link may depend.
fn rule(shape: &Shape, sharp: f64, of_link: bool, variable: usize, finest: f64) -> Option<Rule> {
    // Extra degree that resolves a smoothed activation of small sharpness.
    let extra = match sharp {
        x if x < 1e-6 => Some(0),
        x if x < 0.05 => Some(6),
        x if x < 0.2 => Some(12),
        x if x < 0.5 => Some(24),
        _ => None,
    };
    let fine = 0.75 / (1.0 + sharp * sharp).sqrt();
    Some(match (shape, of_link, extra) {
        (_, false, Some(extra)) => exact_up_to(4 + extra),
        (Shape::Polynomial(degree), true, Some(extra)) => exact_up_to(2 * degree + 4 + extra),
        (Shape::Polynomial(_), true, None) | (_, false, None) => trapezoid(fine),
        (Shape::Smooth | Shape::Kinked, true, _) => trapezoid(fine.min(finest)),
        (Shape::AxisKinks(places), true, _) => {
            panels(places.get(variable)?, (3.0 * fine).clamp(0.25, 4.0 * finest))
        }
    })
}

/// Whether a rule resolves the link itself: `E g^2` agrees with a rule made for the link alone.
fn resolves(points: &Points, target: &Mat<f64>, task: &Task<'_>) -> bool {
    if matches!(task.shape, Shape::Polynomial(_)) {
        return true;
    }
    let (link, r) = (task.dynamics.link, task.dynamics.link.r());
    let power = |points: &Points, target: &Mat<f64>| {
        points.expect(1, |columns, weights, sums| {
            let mut labels = vec![0.0; weights.len()];
            link_values(link, &combine(target, r, columns), &mut labels);
            for (label, weight) in labels.iter().zip(weights) {
                sums[0] += weight * label * label;
            }
        })[0]
    };
    let fine = task.shape.points(r, 0, 1 << 20, 0);
    if fine.is_sampled() {
        return false;
    }
    let exact = power(&fine, &Mat::identity(r, r));
    (power(points, target) - exact).abs() <= 1e-5 * exact
}

/// A rule for a formal Gaussian of variance -1: real nodes, signed weights, moments up to order seven.
///
/// Neurons that repel each other have such a shared variable: `E f = f - f''/2 + f''''/8 - ...`.
fn negative_variance(spacing: f64) -> Option<Rule> {
    use faer::linalg::solvers::Solve;
    let place = |j: usize| j as f64 * spacing;
    // Even moments of N(0, -1): 1, -1, 3, -15; every node but 0 counts twice.
    let system = Mat::from_fn(4, 4, |m, j| {
        let twice = if j == 0 { 1.0 } else { 2.0 };
        twice * place(j).powi(2 * m as i32)
    });
    let moments = Mat::from_fn(4, 1, |m, _| [1.0, -1.0, 3.0, -15.0][m]);
    let weights = system.partial_piv_lu().solve(moments);
    let all: Vec<i64> = (-3..=3).collect();
    let rule = Rule {
        nodes: all.iter().map(|j| *j as f64 * spacing).collect(),
        weights: all
            .iter()
            .map(|j| weights[(j.unsigned_abs() as usize, 0)])
            .collect(),
    };
    rule.weights.iter().all(|w| w.is_finite()).then_some(rule)
}

/// Draws the fields of all neurons of a network.
pub(super) struct Sampler<'a> {
    population: &'a Population,
    overlap: &'a Mat<f64>,
    /// Number of simulated neurons of every class.
    units: Vec<usize>,
    /// Class of every simulated neuron; twins share their rank within the class.
    members: Vec<(usize, usize)>,
    /// Square roots of the covariance of class means and of what is left to single units.
    means: Mat<f64>,
    own: Mat<f64>,
}

/// Sums from which a [`ClassMatrix`] of second moments follows.
pub(super) struct Moments;

impl Moments {
    /// Same unit, and all pairs.
    pub(super) fn length(k: usize) -> usize {
        2 * k * k
    }
}

impl<'a> Sampler<'a> {
    fn new(population: &'a Population, fields: &'a Fields) -> Option<Self> {
        Self::of(population, &fields.overlap, &fields.orthogonal)
    }

    /// Fields with overlap M and orthogonal covariance.
    pub(super) fn of(
        population: &'a Population,
        overlap: &'a Mat<f64>,
        orthogonal: &ClassMatrix,
    ) -> Option<Self> {
        let k = population.len();
        let units: Vec<usize> = population
            .narrowed(SAMPLED_WIDTH)
            .classes
            .iter()
            .map(|class| class.count as usize)
            .collect();
        let members = (0..k)
            .flat_map(|c| (0..units[c]).map(move |rank| (c, rank)))
            .collect();
        let means = Mat::from_fn(k, k, |c, e| {
            orthogonal.cross[(c, e)]
                + orthogonal.own[(c, e)] / (units[c] as f64 * units[e] as f64).sqrt()
        });
        Some(Self {
            population,
            overlap,
            units,
            members,
            means: root(&means)?,
            own: root(&orthogonal.own)?,
        })
    }

    pub(super) fn width(&self) -> usize {
        self.members.len()
    }

    pub(super) fn class(&self, i: usize) -> usize {
        self.members[i].0
    }

    /// `rows` samples of the target's fields and of the field of every neuron.
    pub(super) fn draw(
        &self,
        stream: &mut Stream,
        r: usize,
        rows: usize,
    ) -> (Vec<Vec<f64>>, Vec<Vec<f64>>) {
        let mut targets = vec![vec![0.0; rows]; r];
        targets.iter_mut().for_each(|column| stream.fill_normal(column));
        let fields = self.draw_given(stream, &targets, rows);
        (targets, fields)
    }

    /// The fields of every neuron, given those of the target.
    pub(super) fn draw_given(
        &self,
        stream: &mut Stream,
        targets: &[Vec<f64>],
        rows: usize,
    ) -> Vec<Vec<f64>> {
        let (k, r) = (self.units.len(), targets.len());
        let mut normals = vec![vec![0.0; rows]; k];
        normals.iter_mut().for_each(|column| stream.fill_normal(column));
        let mut centre = combine(&self.means, k, &normals);
        for (c, centre) in centre.iter_mut().enumerate() {
            for j in 0..r {
                let overlap = self.overlap[(c, j)];
                for (out, z) in centre.iter_mut().zip(&targets[j]) {
                    *out += overlap * z;
                }
            }
        }
        // What units have alone, twins together, less its mean over the class.
        let mut alone: Vec<Vec<Vec<f64>>> = vec![Vec::new(); k];
        for c in 0..k {
            if !alone[c].is_empty() {
                continue;
            }
            let together: Vec<usize> = (0..k)
                .filter(|e| self.population.same_unit(c, *e))
                .collect();
            for _ in 0..self.units[c] {
                let mut normals = vec![vec![0.0; rows]; together.len()];
                normals.iter_mut().for_each(|column| stream.fill_normal(column));
                let block = Mat::from_fn(together.len(), together.len(), |i, j| {
                    self.own[(together[i], together[j])]
                });
                let drawn = combine(&block, together.len(), &normals);
                for (e, column) in together.iter().zip(drawn) {
                    alone[*e].push(column);
                }
            }
        }
        for columns in &mut alone {
            let count = columns.len() as f64;
            let mut mean = vec![0.0; rows];
            for column in columns.iter() {
                for (mean, x) in mean.iter_mut().zip(column) {
                    *mean += x / count;
                }
            }
            for column in columns.iter_mut() {
                for (x, mean) in column.iter_mut().zip(&mean) {
                    *x -= mean;
                }
            }
        }
        self.members
            .iter()
            .map(|(c, rank)| {
                let mut field = std::mem::take(&mut alone[*c][*rank]);
                for (x, centre) in field.iter_mut().zip(&centre[*c]) {
                    *x += centre;
                }
                field
            })
            .collect()
    }

    /// Adds sums over rows of `u_i z_j` and of its square, averaged over classes.
    pub(super) fn target_moments(&self, u: &[Vec<f64>], targets: &[Vec<f64>], sums: &mut [f64]) {
        let (k, r) = (self.units.len(), targets.len());
        let (products, squares) = sums.split_at_mut(k * r);
        for (column, (c, _)) in u.iter().zip(&self.members) {
            let share = 1.0 / self.units[*c] as f64;
            for (j, target) in targets.iter().enumerate() {
                for (u, z) in column.iter().zip(target) {
                    products[c * r + j] += share * u * z;
                    squares[c * r + j] += share * (u * z).powi(2);
                }
            }
        }
    }

    /// `matrix` applied to one column per neuron.
    pub(super) fn apply(&self, matrix: &ClassMatrix, u: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let k = self.units.len();
        let rows = u.first().map_or(0, Vec::len);
        let (first, totals) = (self.first(), self.totals(u));
        self.members
            .iter()
            .map(|(c, rank)| {
                let mut out = vec![0.0; rows];
                let mut add = |scale: f64, column: &[f64]| {
                    for (out, x) in out.iter_mut().zip(column) {
                        *out += scale * x;
                    }
                };
                for e in 0..k {
                    add(matrix.cross[(*c, e)], &totals[e]);
                    if self.population.same_unit(*c, e) {
                        add(matrix.own[(*c, e)], &u[first[e] + rank]);
                    }
                }
                out
            })
            .collect()
    }

    /// The first neuron of every class.
    fn first(&self) -> Vec<usize> {
        let mut first = vec![0; self.units.len()];
        for c in 1..first.len() {
            first[c] = first[c - 1] + self.units[c - 1];
        }
        first
    }

    /// Sums over the neurons of every class.
    fn totals(&self, columns: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let rows = columns.first().map_or(0, Vec::len);
        let mut totals = vec![vec![0.0; rows]; self.units.len()];
        for (column, (c, _)) in columns.iter().zip(&self.members) {
            for (total, x) in totals[*c].iter_mut().zip(column) {
                *total += x;
            }
        }
        totals
    }

    /// Adds sums over rows of products `u_i v_j` of two columns per neuron: averages over same units, and over
    /// all pairs.
    pub(super) fn moments(&self, u: &[Vec<f64>], v: &[Vec<f64>], sums: &mut [f64]) {
        let k = self.units.len();
        let (same, all) = sums.split_at_mut(k * k);
        let (first, sums_u, sums_v) = (self.first(), self.totals(u), self.totals(v));
        let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
        for c in 0..k {
            for e in 0..k {
                let pairs = (self.units[c] * self.units[e]) as f64;
                all[c * k + e] += dot(&sums_u[c], &sums_v[e]) / pairs;
                if self.population.same_unit(c, e) {
                    for rank in 0..self.units[c] {
                        let product = dot(&u[first[c] + rank], &v[first[e] + rank]);
                        same[c * k + e] += product / self.units[c] as f64;
                    }
                }
            }
        }
    }

    /// The matrix whose averages these are.
    pub(super) fn matrix(&self, averages: &[f64]) -> ClassMatrix {
        let k = self.units.len();
        let (same, all) = averages.split_at(k * k);
        let mut matrix = ClassMatrix::zeros(k);
        for c in 0..k {
            for e in 0..k {
                let (same, all) = (same[c * k + e], all[c * k + e]);
                let units = self.units[c] as f64;
                matrix.cross[(c, e)] = match self.population.same_unit(c, e) {
                    false => all,
                    // A class of one unit has no pairs of different units: any split will do.
                    true if units == 1.0 => 0.0,
                    true => (all - same / units) / (1.0 - 1.0 / units),
                };
                if self.population.same_unit(c, e) {
                    matrix.own[(c, e)] = same - matrix.cross[(c, e)];
                }
            }
        }
        matrix
    }
}

/// The symmetric square root of a positive matrix; rounding below zero counts as zero.
pub(super) fn root(matrix: &Mat<f64>) -> Option<Mat<f64>> {
    let k = matrix.nrows();
    let eigen = matrix.self_adjoint_eigen(Side::Lower).ok()?;
    let scaled = Mat::from_fn(k, k, |i, j| eigen.U()[(i, j)] * eigen.S()[j].max(0.0).sqrt());
    Some(scaled * eigen.U().transpose())
}
