//! Two giant steps on the same batch of size `n = alpha d`.
//!
//! After the first step a sample of the batch has met itself: with `B0 = a~ sigma'(lambda0) Delta0`,
//!
//! ```text
//! lambda1 = lambda0 + eta~ (X0 lambda* + O0 Q_perp^+ lambda0 + B0 / alpha + xi),   xi ~ N(0, E[B0 B0^T] / alpha)
//! M <- M + eta~ E[B1 lambda*^T],   B1 = a~ sigma'(lambda1) Delta1
//! ```
//!
//! so that the second gradient sees a non-linear function of the labels. Regime: d to infinity at fixed n/d.
//! Derived by conditioning on what the first gradient has revealed of the batch; THEORY.md (27). Later steps on
//! the same batch have the limit of the in-law engine at large d.

use faer::Mat;

use crate::batch::{Role, Stream};
use crate::gauss::Rule;
use crate::reduce::tree_sum;
use crate::theory::averages::Averages;
use crate::theory::expectation::{Points, Shape, link_values, panels, trapezoid};
use crate::theory::population::{ClassMatrix, Population};
use crate::theory::recursion::{Dynamics, RecursionError, Step, Trajectory, average};
use crate::theory::sampler::{Moments, SAMPLED_WIDTH, Sampler};
use crate::theory::smoothed::Sigma;
use crate::theory::split::Split;
use crate::train::{Geometry, Loss};

/// Why there is no limit of two steps on one batch.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ReuseError {
    /// The first step has none.
    #[error(transparent)]
    First(#[from] RecursionError),
    /// Rows are rescaled or the loss changes between the steps.
    #[error(
        "two steps on one batch are predicted for plain steps on the squared and the correlation loss only"
    )]
    Protocol,
}

const REPETITIONS: u64 = 8;
const SAMPLING: f64 = 1e7;
const ROWS: usize = 256;

impl Dynamics<'_> {
    /// The limits after 0, 1 and 2 steps on one batch; the second step is sampled from fixed seeds.
    ///
    /// # Errors
    /// [`ReuseError`] if the first step has no limit, or for rescaled rows or a changing loss.
    pub fn run_reused(&self, population: &Population) -> Result<Trajectory, ReuseError> {
        let one = matches!(self.loss, Loss::Squared | Loss::Correlation);
        if self.geometry != Geometry::Plain || !one {
            return Err(ReuseError::Protocol);
        }
        let population = &population.narrowed(SAMPLED_WIDTH);
        let first = self.run(population, 1)?;
        let runs = (0..REPETITIONS)
            .map(|seed| {
                let second = self.second(population, &first.steps[1], seed)?;
                Ok(vec![first.steps[0].clone(), first.steps[1].clone(), second])
            })
            .collect::<Result<Vec<_>, RecursionError>>()?;
        let mut result = average(runs);
        if let (Some(errors), Some(known)) = (&mut result.standard_errors, first.standard_errors) {
            errors[..2].clone_from_slice(&known);
        }
        Ok(result)
    }

    fn second(
        &self,
        population: &Population,
        first: &Step,
        seed: u64,
    ) -> Result<Step, RecursionError> {
        let failed = RecursionError::NotFinite { step: 2 };
        let (k, r) = (population.len(), self.link.r());
        let seen = self.first_averages(population, seed)?;
        let initial = population.initial_covariance();
        let drift = population_drift(&seen, &initial, population).ok_or(failed.clone())?;
        let noise = seen.power.map(|_, _, value| value / self.samples);
        let sums = Second {
            dynamics: self,
            population,
            seen: &seen,
            drift: &drift,
            initial: &initial,
            noise: &noise,
            seed,
        }
        .run()
        .ok_or(failed.clone())?;
        if self.stopped() {
            return Err(RecursionError::Stopped { step: 1 });
        }
        let x = &sums.target;
        let outer = ClassMatrix {
            own: Mat::zeros(k, k),
            cross: x * x.transpose(),
        };
        let known = |product: &ClassMatrix, gram: &ClassMatrix| {
            product.sandwich(gram, population).ok_or(failed.clone())
        };
        let fresh = sums
            .power
            .plus(-1.0, &known(&sums.with_first, &sums.first_power)?);
        let gram = known(&sums.with_initial, &initial)?
            .plus(1.0, &outer)
            .plus(1.0, &known(&sums.with_noise, &noise)?)
            .plus(1.0 / self.samples, &fresh);
        let covariance = first
            .covariance
            .plus(self.rate, &sums.fields)
            .plus(self.rate, &sums.fields.transposed())
            .plus(self.rate * self.rate, &gram);
        let overlap = Mat::from_fn(k, r, |c, j| first.overlap[(c, j)] + self.rate * x[(c, j)]);
        let spread = |c: usize, j: usize| {
            let gradient = sums.target_squares[(c, j)] - x[(c, j)].powi(2);
            let gradient = self.rate * self.rate * gradient / (self.samples * self.dimension);
            (first.fluctuation[(c, j)].powi(2) + gradient).sqrt()
        };
        Ok(Step {
            overlap,
            with_start: covariance.map(|_, _, _| f64::NAN),
            gradient: x.clone(),
            gradient_norm: (0..k).map(|c| gram.diagonal(c).max(0.0).sqrt()).collect(),
            untrained_error: f64::NAN,
            fluctuation: Mat::from_fn(k, r, spread),
            deviations: None,
            covariance,
        })
    }

    /// Mean overlaps after two steps on one batch with the correlation loss, one row for each class, by quadrature.
    ///
    /// Neurons do not interact under this loss, so that `M2 = M1 + eta~ a~ E[sigma'(lambda1) y lambda*]` is an
    /// integral over `(lambda0, lambda*)`. None for label noise, more than two directions, oblique kinks, or
    /// another loss.
    pub fn reused_overlap(&self, population: &Population) -> Option<Mat<f64>> {
        if self.loss != Loss::Correlation || self.geometry != Geometry::Plain || self.noise > 0.0 {
            return None;
        }
        let r = self.link.r();
        let seen = self.first_averages(population, 0).ok()?;
        let sigma = Sigma::new(self.activation);
        let of_target: Vec<Rule> = match (Shape::of(self.link), r) {
            (Shape::AxisKinks(places), 1..=2) => places
                .iter()
                .map(|kinks| panels(kinks, if r == 1 { 0.1 } else { 0.5 }))
                .collect(),
            (Shape::Polynomial(_) | Shape::Smooth, 1..=2) => {
                vec![trapezoid(if r == 1 { 1.0 / 64.0 } else { 1.0 / 12.0 }); r]
            }
            _ => return None,
        };
        let mut overlap = Mat::zeros(population.len(), r);
        for (c, class) in population.classes.iter().enumerate() {
            let a = class.second;
            let variance = self.rate * self.rate * seen.power.diagonal(c) / self.samples;
            let table = sigma.smoothed(variance, 40.0 * variance.sqrt() + 8.5, self.stop)?;
            let within = table.reach();
            let mut rules = of_target.clone();
            rules.push(sigma.rule(0.0, 1.0));
            // Twins start alike, so the pull of both is along one vector.
            let along: f64 = (0..population.len())
                .filter(|e| population.same_unit(c, *e))
                .map(|e| seen.fields.own[(c, e)])
                .sum::<f64>()
                / if class.twin.is_some() { 2.0 } else { 1.0 };
            let points = Points::Tensor(rules);
            let sums = points.expect_until(self.stop, r, |columns, weights, sums| {
                let mut labels = vec![0.0; weights.len()];
                link_values(self.link, columns, &mut labels);
                let fields = &columns[r];
                let mut slopes = vec![0.0; weights.len()];
                self.activation.derivative_column(fields, &mut slopes);
                for (row, weight) in weights.iter().enumerate() {
                    let label = labels[row] - self.removed_mean;
                    let mut s = fields[row] * (1.0 + self.rate * along);
                    for (j, column) in columns[..r].iter().enumerate() {
                        s += self.rate * seen.target[(c, j)] * column[row];
                    }
                    s += self.rate / self.samples * a * slopes[row] * label;
                    let slope = match s.abs() <= within {
                        true => table.at(s).slope,
                        false => sigma.average(s, variance, |_, slope, _| [slope])[0],
                    };
                    for (sum, column) in sums.iter_mut().zip(columns) {
                        *sum += weight * a * slope * label * column[row];
                    }
                }
            });
            for (j, sum) in sums.iter().enumerate() {
                overlap[(c, j)] = self.rate * (seen.target[(c, j)] + sum);
            }
        }
        (!self.stopped()).then_some(overlap)
    }
}

/// `O0 Q_perp^+`: the gradient's pull along the initial weights.
fn population_drift(
    seen: &Averages,
    initial: &ClassMatrix,
    population: &Population,
) -> Option<ClassMatrix> {
    Some(
        seen.fields
            .times(&initial.pseudo_inverse(population)?, population),
    )
}

/// Averages over samples of the batch at the second step.
struct SecondAverages {
    target: Mat<f64>,
    target_squares: Mat<f64>,
    /// `E[B1 lambda1^T]`.
    fields: ClassMatrix,
    /// `E[B1 lambda0^T]`.
    with_initial: ClassMatrix,
    /// `E[B1 b^T]` with `b = B0 / alpha + xi`.
    with_noise: ClassMatrix,
    power: ClassMatrix,
    with_first: ClassMatrix,
    first_power: ClassMatrix,
}

struct Second<'a> {
    dynamics: &'a Dynamics<'a>,
    population: &'a Population,
    seen: &'a Averages,
    drift: &'a ClassMatrix,
    initial: &'a ClassMatrix,
    noise: &'a ClassMatrix,
    seed: u64,
}

impl Second<'_> {
    fn run(&self) -> Option<SecondAverages> {
        let (dynamics, population) = (self.dynamics, self.population);
        let (k, r) = (population.len(), dynamics.link.r());
        let nothing = Mat::zeros(k, r);
        let start = Sampler::of(population, &nothing, self.initial)?;
        let nowhere = Mat::zeros(k, 0);
        let noise = Sampler::of(population, &nowhere, self.noise)?;
        let p = start.width();
        let samples = (SAMPLING / p as f64).clamp(16384.0, 4_194_304.0) as usize;
        let blocks = samples.div_ceil(ROWS);
        let length = 2 * k * r + 6 * Moments::length(k);
        let activation = dynamics.activation;
        let second = |i: usize| population.classes[start.class(i)].second;
        let sums = tree_sum(blocks, length, |block, sums| {
            if dynamics.stopped() {
                return;
            }
            let mut stream = Stream::new(self.seed, Role::Theory, 3, block as u64);
            let from = (self.seed, block * ROWS);
            let target = (dynamics.coordinates, r);
            let (targets, first) = start.draw(from, &mut stream, target, ROWS);
            let mut labels = vec![0.0; ROWS];
            link_values(dynamics.link, &targets, &mut labels);
            let mut noises = vec![0.0; ROWS];
            stream.fill_normal(&mut noises);
            for (label, draw) in labels.iter_mut().zip(&noises) {
                *label += dynamics.noise.sqrt() * draw - dynamics.removed_mean;
            }
            let drives = |fields: &[Vec<f64>]| {
                let mut column = vec![0.0; ROWS];
                let mut residual = labels.clone();
                if dynamics.loss == Loss::Squared {
                    for (i, field) in fields.iter().enumerate() {
                        activation.value_column(field, &mut column);
                        let scale = start.share(i);
                        for (residual, value) in residual.iter_mut().zip(&column) {
                            *residual -= scale * value;
                        }
                    }
                }
                let drive = |(i, field): (usize, &Vec<f64>)| {
                    activation.derivative_column(field, &mut column);
                    let pairs = column.iter().zip(&residual);
                    pairs.map(|(s, e)| second(i) * s * e).collect()
                };
                fields
                    .iter()
                    .enumerate()
                    .map(drive)
                    .collect::<Vec<Vec<f64>>>()
            };
            let before = drives(&first);
            let mut met = noise.draw_given(&mut stream, &[], ROWS);
            for (met, drive) in met.iter_mut().zip(&before) {
                for (met, drive) in met.iter_mut().zip(drive) {
                    *met += drive / dynamics.samples;
                }
            }
            let pulls = start.apply(self.drift, &first);
            let fields: Vec<Vec<f64>> = (0..p)
                .map(|i| {
                    let c = start.class(i);
                    (0..ROWS)
                        .map(|v| {
                            let mut change = pulls[i][v] + met[i][v];
                            for (j, column) in targets.iter().enumerate() {
                                change += self.seen.target[(c, j)] * column[v];
                            }
                            first[i][v] + dynamics.rate * change
                        })
                        .collect()
                })
                .collect();
            let after = drives(&fields);
            let (targets_sums, rest) = sums.split_at_mut(2 * k * r);
            start.target_moments(&after, &targets, targets_sums);
            let pairs = [
                (&after, &fields),
                (&after, &first),
                (&after, &met),
                (&after, &after),
                (&after, &before),
                (&before, &before),
            ];
            for ((u, v), sums) in pairs
                .into_iter()
                .zip(rest.chunks_exact_mut(Moments::length(k)))
            {
                start.moments(u, v, sums);
            }
        });
        let total = (blocks * ROWS) as f64;
        let sums: Vec<f64> = sums.iter().map(|sum| sum / total).collect();
        let mut parts = Split(&sums);
        let target = parts.matrix(k, r);
        let target_squares = parts.matrix(k, r);
        let mut matrix = || start.matrix(parts.take(Moments::length(k)));
        Some(SecondAverages {
            target,
            target_squares,
            fields: matrix(),
            with_initial: matrix(),
            with_noise: matrix(),
            power: matrix(),
            with_first: matrix(),
            first_power: matrix(),
        })
    }
}
