//! Errors of readouts of a network of bounded width, given its overlaps (M, Q).
//!
//! A readout sees the network through `A = E[sigma(lambda) sigma(lambda)^T] / p` and
//! `b = E[sigma(lambda) y] / sqrt p`, Gaussian averages over fields with covariance `[[Q, M], [M^T, I]]`. Regime:
//! width much smaller than n and d, n to infinity. THEORY.md (21).

use faer::linalg::solvers::Solve;
use faer::{Mat, Side};

use crate::activation::Activation;
use crate::expr::{Expr, Function};
use crate::readout::Intercept;
use crate::theory::dynamics::Dynamics;
use crate::theory::expectation::{Shape, link_values};
use crate::theory::population::{ClassMatrix, Population};
use crate::theory::relu::is_relu;
use crate::theory::separated::Separated;
use crate::theory::smoothed::Sigma;

/// `E y` and `E y^2` without noise, and whether they are sampled.
fn label_moments(dynamics: &Dynamics<'_>, seed: u64) -> (f64, f64, bool) {
    let link = dynamics.link;
    if let Some(sum) = Separated::of(link).filter(|_| link.r() > 2) {
        let (mean, variance) = sum.mean_and_variance();
        let mean = mean - dynamics.removed_mean;
        return (mean, mean * mean + variance, false);
    }
    let points = Shape::of(link).points(link.r(), 0, 1 << 20, seed);
    let sums = points.expect_until(dynamics.stop, 2, |columns, weights, sums| {
        let mut labels = vec![0.0; weights.len()];
        link_values(link, columns, &mut labels);
        for (label, weight) in labels.iter().zip(weights) {
            let label = label - dynamics.removed_mean;
            sums[0] += weight * label;
            sums[1] += weight * label * label;
        }
    });
    (sums[0], sums[1], points.is_sampled())
}

/// `E[sigma(u) sigma(v)]` for centred Gaussian `(u, v)` with variances `q_u`, `q_v` and covariance `q_uv`.
///
/// In closed form for relu (the arc-cosine kernel, Cho and Saul 2009) and erf (the arc-sine kernel, Williams
/// 1998), otherwise by two nested rules split at the kinks. THEORY.md (33).
pub fn kernel(activation: &Activation, q_u: f64, q_v: f64, q_uv: f64) -> f64 {
    biased_kernel(activation, (q_u, q_v, q_uv), (0.0, 0.0))
}

/// `E[sigma(u + b_u) sigma(v + b_v)]`.
pub(super) fn biased_kernel(
    activation: &Activation,
    (q_u, q_v, q_uv): (f64, f64, f64),
    (b_u, b_v): (f64, f64),
) -> f64 {
    use std::f64::consts::PI;
    let size = (q_u * q_v).sqrt();
    let q_uv = q_uv.clamp(-size, size);
    match activation.expr() {
        _ if (b_u, b_v) != (0.0, 0.0) => nested_kernel(activation, (q_u, q_v, q_uv), (b_u, b_v)),
        _ if is_relu(activation) => {
            if size == 0.0 {
                return 0.0;
            }
            let cosine = q_uv / size;
            let angle = cosine.acos();
            size * (angle.sin() + (PI - angle) * cosine) / (2.0 * PI)
        }
        Some(Expr::Apply(Function::Erf, x)) if **x == Expr::Variable(0) => {
            let argument = 2.0 * q_uv / ((1.0 + 2.0 * q_u) * (1.0 + 2.0 * q_v)).sqrt();
            2.0 / PI * argument.asin()
        }
        _ => nested_kernel(activation, (q_u, q_v, q_uv), (b_u, b_v)),
    }
}

fn nested_kernel(
    activation: &Activation,
    (q_u, q_v, q_uv): (f64, f64, f64),
    (b_u, b_v): (f64, f64),
) -> f64 {
    let sigma = Sigma::new(activation);
    let slope = if q_u > 0.0 { q_uv / q_u } else { 0.0 };
    let rest = (q_v - slope * q_uv).max(0.0);
    let rule = sigma.rule(b_u, q_u);
    rule.expect(|x| {
        let u = q_u.sqrt() * x;
        let [inner] = sigma.average(slope * u + b_v, rest, |value, _, _| [value]);
        activation.value(u + b_u) * inner
    })
}

/// What readouts of a network depend on.
#[derive(Debug, Clone)]
pub struct Kernels {
    pub(super) population: Population,
    /// `E[sigma(lambda_i) sigma(lambda_j)]`.
    pub features: ClassMatrix,
    /// `E[sigma(lambda_i) y]` for each class.
    pub response: Vec<f64>,
    /// `E sigma(lambda_i)` for each class.
    pub feature_mean: Vec<f64>,
    /// `E y`.
    pub label_mean: f64,
    /// `E y^2`, label noise included.
    pub label_power: f64,
    /// Whether an average was sampled: then another seed gives another value.
    pub sampled: bool,
}

/// Why there is no prediction of a readout.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum KernelError {
    /// The responses could not be computed.
    #[error(
        "neuron class {class}: E[sigma(lambda) y] has no value at |m| = {overlap}, variance {variance}"
    )]
    Response {
        /// The class.
        class: usize,
        /// Its overlap with the target.
        overlap: f64,
        /// The variance of its field.
        variance: f64,
    },
    /// The system of the ridge has no solution.
    #[error(
        "ridge {ridge}: the {width} x {width} feature matrix is not finite or its eigensolver failed"
    )]
    Solve {
        /// The ridge divided by n.
        ridge: f64,
        /// The number of classes.
        width: usize,
    },
}

/// `E[sigma(lambda_i) sigma(lambda_j)]` of neurons with the covariance Q.
pub(super) fn features(
    dynamics: &Dynamics<'_>,
    population: &Population,
    covariance: &ClassMatrix,
) -> ClassMatrix {
    let variance = |c: usize| covariance.diagonal(c);
    of_pairs(population, covariance, |c, e, q| match dynamics.stopped() {
        true => f64::NAN,
        false => biased_kernel(
            dynamics.activation,
            (variance(c), variance(e), q),
            (population.classes[c].bias, population.classes[e].bias),
        ),
    })
}

/// What two neurons have in common, from their classes and their covariance.
pub(super) fn of_pairs(
    population: &Population,
    covariance: &ClassMatrix,
    of: impl Fn(usize, usize, f64) -> f64,
) -> ClassMatrix {
    let k = population.len();
    let cross = Mat::from_fn(k, k, |c, e| of(c, e, covariance.cross[(c, e)]));
    let own = Mat::from_fn(k, k, |c, e| match population.same_unit(c, e) {
        true => of(c, e, covariance.own[(c, e)] + covariance.cross[(c, e)]) - cross[(c, e)],
        false => 0.0,
    });
    ClassMatrix { own, cross }
}

impl Kernels {
    /// The kernels of a state `(M, Q)` of a network.
    ///
    /// # Errors
    /// [`KernelError`] if an average has no value.
    pub fn of(
        dynamics: &Dynamics<'_>,
        population: &Population,
        overlap: &Mat<f64>,
        covariance: &ClassMatrix,
    ) -> Result<Self, KernelError> {
        Self::from_seed(dynamics, population, (overlap, covariance), 0)
    }

    /// [`Kernels::of`] with the averages that quadrature does not reach sampled from a seed.
    ///
    /// # Errors
    /// [`KernelError`] if an average has no value.
    pub fn from_seed(
        dynamics: &Dynamics<'_>,
        population: &Population,
        (overlap, covariance): (&Mat<f64>, &ClassMatrix),
        seed: u64,
    ) -> Result<Self, KernelError> {
        let k = population.len();
        let sigma = Sigma::new(dynamics.activation);
        let variance = |c: usize| covariance.diagonal(c);
        let mut response = Vec::with_capacity(k);
        let mut sampled = false;
        for c in 0..k {
            let row: Vec<f64> = (0..overlap.ncols()).map(|j| overlap[(c, j)]).collect();
            let bias = population.classes[c].bias;
            let value = dynamics.response(&row, (variance(c), bias), seed);
            let (value, from_samples) = value.ok_or_else(|| KernelError::Response {
                class: c,
                overlap: row.iter().map(|m| m * m).sum::<f64>().sqrt(),
                variance: variance(c),
            })?;
            response.push(value);
            sampled |= from_samples;
        }
        let labels = label_moments(dynamics, seed);
        sampled |= labels.2;
        Ok(Self {
            features: features(dynamics, population, covariance),
            response,
            feature_mean: (0..k)
                .map(|c| {
                    let bias = population.classes[c].bias;
                    sigma.average(bias, variance(c), |value, _, _| [value])[0]
                })
                .collect(),
            label_mean: labels.0,
            label_power: labels.1 + dynamics.noise,
            population: population.clone(),
            sampled,
        })
    }

    /// The features on normalised class vectors, `A`, and their response `b`.
    fn system(&self, intercept: Intercept) -> (Mat<f64>, Mat<f64>, f64) {
        let population = &self.population;
        let (k, p) = (population.len(), population.width());
        let centred = f64::from(intercept == Intercept::With);
        let root = |c: usize| (population.classes[c].count / p).sqrt();
        let means = self.features.on_means(population);
        let system = Mat::from_fn(k, k, |c, e| {
            let product = root(c) * root(e) * self.feature_mean[c] * self.feature_mean[e];
            means[(c, e)] / p - centred * product
        });
        let response = Mat::from_fn(k, 1, |c, _| {
            root(c) * (self.response[c] - centred * self.feature_mean[c] * self.label_mean)
        });
        let power = self.label_power - centred * self.label_mean * self.label_mean;
        (system, response, power)
    }

    /// `E (y - f)^2` of the ridge readout with penalty `ridge |a|^2` on the mean square over `n >> p` samples
    /// (`lambda / n` in the units of an experiment file); zero gives the least-norm solution.
    ///
    /// With `w = (A + ridge I)^{-1} b` the error is `E y^2 - 2 b.w + w.A w`.
    ///
    /// # Errors
    /// [`KernelError::Solve`] if the system has no solution.
    pub fn ridge_error(&self, ridge: f64, intercept: Intercept) -> Result<f64, KernelError> {
        let (system, response, power) = self.system(intercept);
        let k = response.nrows();
        let failed = KernelError::Solve { ridge, width: k };
        let weights = if ridge > 0.0 {
            let shifted = Mat::from_fn(k, k, |c, e| {
                system[(c, e)] + if c == e { ridge } else { 0.0 }
            });
            match shifted.llt(Side::Lower) {
                Ok(factor) => factor.solve(&response),
                Err(_) => return Err(failed),
            }
        } else {
            crate::theory::population::pseudo_inverse(&system).ok_or(failed.clone())? * &response
        };
        let fitted = (weights.transpose() * &response)[(0, 0)];
        let norm = (weights.transpose() * &system * &weights)[(0, 0)];
        let error = power - 2.0 * fitted + norm;
        if error.is_finite() {
            Ok(error)
        } else {
            Err(failed)
        }
    }

    /// What a fit on n samples adds to the error, as a fraction of it, to first order in p/n and for errors that do not
    /// depend on the features: `(1/n) tr (A (A + ridge I)^-1)^2`, and 1/n for an intercept. THEORY.md (21).
    pub fn excess(&self, samples: f64, ridge: f64, intercept: Intercept) -> f64 {
        let (system, _, _) = self.system(intercept);
        let (population, p) = (&self.population, self.population.width());
        let shares = |x: f64| match x > 0.0 {
            true => (x / (x + ridge)).powi(2),
            false => 0.0,
        };
        // Rounding is no feature.
        let largest = (0..system.nrows()).fold(0.0f64, |m, c| m.max(system[(c, c)].abs()));
        let values = system
            .self_adjoint_eigenvalues(Side::Lower)
            .unwrap_or_default();
        let kept = values.into_iter().filter(|x| *x > 1e-9 * largest);
        let mut taken: f64 = kept.map(shares).sum();
        for (c, class) in population.classes.iter().enumerate() {
            let own = self.features.own[(c, c)] / p;
            let twin = class
                .twin
                .map_or(0.0, |twin| self.features.own[(c, twin)] / p);
            // Of a pair one has the sum, the other the difference.
            let value = match class.twin {
                Some(other) if other < c => own - twin,
                _ => own + twin,
            };
            taken += (class.count - 1.0).max(0.0) * shares(value);
        }
        let constant = f64::from(intercept == Intercept::With);
        (taken + constant) / samples
    }

    /// `E (y - f)^2` with the frozen second layer: `E y^2 - (2/p) sum a~_i b_i + (1/p^2) a~.A a~`.
    pub fn untrained_error(&self) -> f64 {
        let population = &self.population;
        let p = population.width();
        let weights = Mat::from_fn(population.len(), 1, |c, _| {
            let class = &population.classes[c];
            class.second * (class.count / p).sqrt()
        });
        let (system, response, power) = self.system(Intercept::Without);
        power - 2.0 * (weights.transpose() * response)[(0, 0)]
            + (weights.transpose() * system * &weights)[(0, 0)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_means_over_a_plane() {
        let (q_u, q_v, q_uv) = (0.8, 1.3, 0.6);
        let lean: f64 = q_uv / q_u;
        let rest = f64::sqrt(q_v - lean * q_uv);
        for text in [
            "relu(x)",
            "erf(x)",
            "relu(x - 1/2)",
            "erf(2*x + 1)",
            "tanh(x)",
        ] {
            let activation = Activation::parse(text).unwrap();
            // The trapezoidal rule: what is smooth is exact, a kink costs a square of the step.
            let (step, edge) = (0.01, 8.0);
            let places: Vec<f64> = (0..=(2.0 * edge / step) as usize)
                .map(|i| i as f64 * step - edge)
                .collect();
            let weigh = |x: f64| step * crate::gauss::density(x);
            let mut sum = 0.0;
            for s in &places {
                let u = q_u.sqrt() * s;
                let outer = weigh(*s) * activation.value(u);
                let inner = places
                    .iter()
                    .map(|t| weigh(*t) * activation.value(lean * u + rest * t));
                sum += outer * inner.sum::<f64>();
            }
            let found = kernel(&activation, q_u, q_v, q_uv);
            assert!((found - sum).abs() < 1e-4, "{text}: {found}, not {sum}");
        }
    }
}
