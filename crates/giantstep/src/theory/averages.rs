//! Averages over the Gaussian fields of one state: what one step of the recursion needs.
//!
//! Given the variables that neurons share, fields of different neurons are independent; averages over what a
//! neuron has alone are tables of one variable. The shared variables are integrated by tensor rules, or sampled
//! where they are too many or the link has oblique kinks. Paired neurons are sampled altogether.

use faer::Mat;

use crate::batch::{Inputs, Role, Stream};
use crate::reduce::tree_sum;
use crate::theory::coordinates;
use crate::theory::dynamics::{Dynamics, Effort};
use crate::theory::expectation::{Shape, link_values};
use crate::theory::fields::Fields;
use crate::theory::fluctuation::Growth;
use crate::theory::population::{ClassMatrix, Population};
use crate::theory::sampler::{Moments, Sampler};
use crate::theory::separated::Separated;
use crate::theory::shared::Fineness;
use crate::theory::smoothed::Sigma;
use crate::theory::split::Split;
use crate::train::Loss;

/// What a sample drives the network with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Residual {
    /// `y - f`.
    Error,
    /// `y`.
    Label,
    /// `rho(y, f)` of the loss. THEORY.md (65).
    Loss,
}

/// The averages that one step needs.
pub(super) struct Averages {
    /// `X = E[B lambda*^T]`, `K x r`.
    pub(super) target: Mat<f64>,
    /// `E[B^2 lambda*^2]`.
    pub(super) target_squares: Mat<f64>,
    /// `N = E[B lambda^T]`.
    pub(super) fields: ClassMatrix,
    /// `I4 = E[B B^T]`.
    pub(super) power: ClassMatrix,
    /// `E Delta^2` of the squared loss.
    pub(super) error: f64,
    /// `E y^2`.
    pub(super) label_power: f64,
    pub(super) sampled: bool,
    /// What becomes of fluctuations; none where averages are sampled, and for pairs.
    pub(super) growth: Option<Growth>,
}

/// One evaluation of [`Averages`].
pub(super) struct Task<'a> {
    pub(super) dynamics: &'a Dynamics<'a>,
    pub(super) population: &'a Population,
    pub(super) fields: &'a Fields,
    pub(super) sigma: &'a Sigma<'a>,
    pub(super) shape: &'a Shape,
    pub(super) residual: Residual,
    pub(super) effort: Effort,
    pub(super) fineness: Fineness,
    pub(super) seed: u64,
}

/// Neuron evaluations that are spent on sampling once.
const SAMPLING: f64 = 1e7;

impl Task<'_> {
    /// `R`'s share of the output and the size of one neuron's contribution to its own residual.
    pub(super) fn feedback(&self) -> f64 {
        match self.residual {
            Residual::Error | Residual::Loss => 1.0,
            Residual::Label => 0.0,
        }
    }

    /// The averages, by quadrature where possible; none if they are not finite or need a larger effort.
    pub(super) fn averages(&self) -> Option<Averages> {
        let integrated = self.mirrored().or_else(|| self.conditional());
        let mut averages = match self.effort {
            Effort::Integrated => integrated?,
            Effort::Sampled => integrated.or_else(|| self.sampled())?,
        };
        if averages.sampled {
            // What is known of the labels need not be sampled with the rest.
            if let Some(power) = self.label_power() {
                averages.error += power - averages.label_power;
                averages.label_power = power;
            }
        }
        Some(averages)
    }

    /// `E y^2` by quadrature.
    pub(super) fn label_power(&self) -> Option<f64> {
        let (link, law) = (self.dynamics.link, self.dynamics.coordinates);
        let gaussian = law == Inputs::Gaussian;
        if let Some(sum) = Separated::of(link).filter(|_| gaussian && link.r() > 2) {
            let (mean, variance) = sum.mean_and_variance();
            let left = mean - self.dynamics.removed_mean;
            return Some(left * left + variance + self.dynamics.noise);
        }
        let points = coordinates::points(law, (self.shape, link.r(), 0), 1 << 18, 0);
        let power = |columns: &[Vec<f64>], weights: &[f64], sums: &mut [f64]| {
            let mut labels = vec![0.0; weights.len()];
            link_values(link, columns, &mut labels);
            for (label, weight) in labels.iter().zip(weights) {
                sums[0] += weight * (label - self.dynamics.removed_mean).powi(2);
            }
        };
        let known = !points.is_sampled();
        known.then(|| points.expect_until(self.dynamics.stop, 1, power)[0] + self.dynamics.noise)
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
            if self.dynamics.stopped() {
                return;
            }
            let mut stream = Stream::new(self.seed, Role::Theory, 2, block as u64);
            let from = (self.seed, block * ROWS);
            let target = (self.dynamics.coordinates, r);
            let (targets, fields) = network.draw(from, &mut stream, target, ROWS);
            let mut labels = vec![0.0; ROWS];
            link_values(self.dynamics.link, &targets, &mut labels);
            let mut noises = vec![0.0; ROWS];
            stream.fill_normal(&mut noises);
            for (label, draw) in labels.iter_mut().zip(&noises) {
                *label += noise.sqrt() * draw - self.dynamics.removed_mean;
            }
            let mut errors = labels.clone();
            let mut column = vec![0.0; ROWS];
            let shifted = |i: usize, field: &[f64]| -> Vec<f64> {
                let bias = self.population.classes[network.class(i)].bias;
                field.iter().map(|x| x + bias).collect()
            };
            for (i, field) in fields.iter().enumerate() {
                let share = network.share(i);
                self.sigma
                    .activation
                    .value_column(&shifted(i, field), &mut column);
                for (error, value) in errors.iter_mut().zip(&column) {
                    *error -= share * value;
                }
            }
            let mut residuals: Vec<f64> = errors
                .iter()
                .zip(&labels)
                .map(|(error, label)| feedback * error + (1.0 - feedback) * label)
                .collect();
            if let (Residual::Loss, Loss::Pointwise(loss)) = (self.residual, &self.dynamics.loss) {
                let outputs: Vec<f64> = labels.iter().zip(&errors).map(|(y, e)| y - e).collect();
                loss.residual_column(&labels, &outputs, &mut residuals);
            }
            let mut drives = Vec::with_capacity(p);
            for (i, field) in fields.iter().enumerate() {
                let a = self.population.classes[network.class(i)].second;
                self.sigma
                    .activation
                    .derivative_column(&shifted(i, field), &mut column);
                let both = column.iter().zip(&residuals);
                drives.push(both.map(|(slope, residual)| a * slope * residual).collect());
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
            growth: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activation::Activation;
    use crate::expr::Link;
    use crate::network::Pairing;
    use crate::train::{Geometry, Update};

    /// Entries of all averages of a state after two steps, by quadrature and by samples of some seeds.
    fn both(text: &str, student: &str, weights: &[f64], loss: Loss) -> (Vec<f64>, Vec<Vec<f64>>) {
        let (link, activation) = (
            Link::parse(text, None).unwrap(),
            Activation::parse(student).unwrap(),
        );
        let dynamics = Dynamics {
            link: &link,
            coordinates: Inputs::Gaussian,
            noise: 0.3,
            removed_mean: 0.2,
            activation: &activation,
            rate: 0.8,
            samples: 3.0,
            dimension: f64::INFINITY,
            loss: loss.clone(),
            geometry: Geometry::Plain,
            update: Update::PLAIN,
            stop: &crate::watch::NEVER,
        };
        let population = Population::of_weights(weights, Pairing::Independent);
        let found = dynamics.run(&population, 2).unwrap();
        assert!(found.standard_errors.is_none());
        let state = (&found.steps[2].overlap, &found.steps[2].covariance);
        let fields = Fields::of(&population, state, 2).unwrap();
        let (sigma, shape) = (Sigma::new(&activation), Shape::of(&link));
        let task = |seed| Task {
            dynamics: &dynamics,
            population: &population,
            fields: &fields,
            sigma: &sigma,
            shape: &shape,
            residual: if loss == Loss::Squared {
                Residual::Error
            } else {
                Residual::Label
            },
            effort: Effort::Sampled,
            fineness: Fineness::Finest,
            seed,
        };
        let numbers = |averages: Averages| {
            let mut numbers = vec![averages.error, averages.label_power];
            let (k, r) = (population.len(), link.r());
            for c in 0..k {
                for j in 0..r {
                    numbers.push(averages.target[(c, j)]);
                    numbers.push(averages.target_squares[(c, j)]);
                }
                for e in 0..k {
                    for matrix in [&averages.fields, &averages.power] {
                        numbers.push(matrix.cross[(c, e)]);
                        numbers.push(matrix.own[(c, e)]);
                    }
                }
            }
            numbers
        };
        let sampled = (7..15).map(|seed| numbers(task(seed).sampled().unwrap()));
        (numbers(task(7).conditional().unwrap()), sampled.collect())
    }

    #[test]
    fn quadrature_agrees_with_samples() {
        for (text, student, weights, loss) in [
            (
                "z1 + z1*z2",
                "relu(x)",
                &[1.0, 1.0, 1.0, -1.0, -1.0][..],
                Loss::Squared,
            ),
            (
                "z1 + z1*z2",
                "tanh(x + 1/2)",
                &[1.0, 1.0, 1.5, 1.5, 1.5][..],
                Loss::Squared,
            ),
            // Few neurons of unequal weights: what one does to another is no small part.
            (
                "z1 + z1*z2",
                "relu(x)",
                &[2.0, 2.0, 0.5, 0.5][..],
                Loss::Squared,
            ),
            (
                "relu(z1) + z2",
                "relu(x)",
                &[1.0, 1.0, -1.0, -1.0][..],
                Loss::Squared,
            ),
            (
                "z1^2 - z1",
                "x + x^2/4",
                &[1.0, 1.0, 1.0][..],
                Loss::Correlation,
            ),
        ] {
            let (exact, sampled) = both(text, student, weights, loss);
            for (place, exact) in exact.iter().enumerate() {
                let draws: Vec<f64> = sampled.iter().map(|entries| entries[place]).collect();
                let count = draws.len() as f64;
                let mean = draws.iter().sum::<f64>() / count;
                let squares = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
                let error = (squares / (count - 1.0) / count).sqrt();
                // Eight draws tell the error itself to a third.
                assert!(
                    (exact - mean).abs() <= 6.0 * error + 1e-12,
                    "{text}, {weights:?}, entry {place}: {exact}, sampled {mean} +- {error}"
                );
            }
        }
    }
}
