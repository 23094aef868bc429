//! Exact test errors of the ridge readout where n, p and d grow together.
//!
//! Features are random, or have taken one giant step on `n0 = alpha0 d` samples of a single-index target, which
//! leaves them with one spike. A fixed point of a few scalars gives the error of a readout on `n = alpha d` fresh
//! samples with `p = beta d` neurons (Cui et al., arXiv 2402.04980, extended to `p != d`).
//! THEORY.md (22) to (26).

use crate::activation::Activation;
use crate::expr::Link;
use crate::gauss::{Rule, kink_points};
use crate::readout::Intercept;
use crate::theory::expectation::{panels, trapezoid};
use crate::theory::moments::{ActivationMoments, LinkMoments};
use crate::theory::smoothed::Sigma;

/// The sizes of a readout.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sizes {
    /// `alpha = n / d`, the samples of the readout.
    pub samples: f64,
    /// `beta = p / d`.
    pub width: f64,
    /// The ridge lambda: the objective is `sum_v (y_v - phi_v.a)^2 + lambda |a|^2`, `phi = sigma(W x) / sqrt p`.
    pub ridge: f64,
}

/// The fixed point and the error at it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Risk {
    /// `E (y - f)^2` on a new sample.
    pub error: f64,
    /// The number of iterations.
    pub iterations: usize,
}

impl From<Risk> for f64 {
    fn from(risk: Risk) -> f64 {
        risk.error
    }
}

/// Why there is no error.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StateError {
    /// The iteration did not settle.
    #[error(
        "the state equations did not converge: change {change:.2e} after {iterations} iterations"
    )]
    NotConverged {
        /// The number of iterations.
        iterations: usize,
        /// The last relative change.
        change: f64,
    },
    /// A size is not positive.
    #[error("the state equations need positive sizes; {name} = {value}")]
    Size {
        /// Which.
        name: &'static str,
        /// Its value.
        value: f64,
    },
    /// The step moves neurons along themselves, which these equations leave out.
    #[error(
        "E[x sigma'(x)] E y = {product} moves every neuron along itself; the state equations need 0"
    )]
    Along {
        /// The product.
        product: f64,
    },
    /// The target has several directions.
    #[error("the state equations of a trained network need a single-index target; r = {r}")]
    Directions {
        /// The number of directions.
        r: usize,
    },
}

/// Features and target given the projection k on the spike.
#[derive(Debug, Clone, Copy)]
struct At {
    weight: f64,
    k: f64,
    /// `mu_0`, `mu_1`, `mu_2^2` of the feature.
    mu: [f64; 3],
    /// `E y`, the slope of the label along what the spike leaves out, `E y^2`.
    label: [f64; 3],
}

/// The target and the features, as the equations see them.
#[derive(Debug)]
struct Model {
    points: Vec<At>,
    /// The variance c of the bulk.
    bulk: f64,
}

/// The test error of random features: only the linear part of the target is learnt.
///
/// Depends on the link through `E y`, `|T_1|^2` and `E y^2` alone, for any number of directions. Regime: n, p, d
/// to infinity together. THEORY.md (26).
///
/// # Errors
/// [`StateError`] if a size is not positive or the fixed point is not found.
pub fn random_features(
    activation: &ActivationMoments,
    link: &LinkMoments,
    sizes: Sizes,
    intercept: Intercept,
) -> Result<Risk, StateError> {
    let (c0, c1) = (activation.coefficients[0], activation.coefficients[1]);
    let mean = link.mean();
    let slope = link.degree_power(1).sqrt();
    let rest = (activation.power - c0 * c0 - c1 * c1).max(0.0);
    let (mu0, label) = match intercept {
        Intercept::Without => (c0, [mean, slope, link.power]),
        Intercept::With => (0.0, [0.0, slope, link.power - mean * mean]),
    };
    let model = Model {
        points: vec![At {
            weight: 1.0,
            k: 0.0,
            mu: [mu0, c1, rest],
            label,
        }],
        bulk: 1.0,
    };
    model.solve(sizes)
}

/// One giant step on a single-index target.
#[derive(Debug, Clone)]
pub struct TrainedFeatures<'a> {
    /// The link of one direction.
    pub link: &'a Link,
    /// The variance of the label noise.
    pub noise: f64,
    /// What is subtracted from the labels of the step.
    pub removed_mean: f64,
    /// The activation.
    pub activation: &'a Activation,
    /// `alpha0 = n0 / d`, the samples of the step.
    pub step_samples: f64,
    /// The step size `eta~ = eta / p`.
    pub rate: f64,
}

impl TrainedFeatures<'_> {
    /// The test error after one giant step with equal second-layer weights `sqrt(p) a = 1`.
    ///
    /// For odd activations weights of either sign give the same features up to a sign. The step has strength
    /// `r = eta~ c_1 |s|` along `s = (1/n0) sum y x`, `|s|^2 = |T_1|^2 + E[y^2]/alpha0`, with cosine
    /// `gamma = |T_1|/|s|`, and leaves a bulk of variance `c = 1 + eta~^2 E[y^2] (E[sigma'^2] - c_1^2)/alpha0`.
    /// Regime: n0, n, p, d to infinity together. THEORY.md (22) to (25).
    ///
    /// # Errors
    /// [`StateError`] for several directions, for neurons moved along themselves, or if no fixed point is found.
    pub fn error(&self, sizes: Sizes) -> Result<Risk, StateError> {
        if self.link.r() != 1 {
            return Err(StateError::Directions { r: self.link.r() });
        }
        if self.step_samples.is_nan() || self.step_samples <= 0.0 {
            return Err(StateError::Size {
                name: "alpha0",
                value: self.step_samples,
            });
        }
        let moments = ActivationMoments::of(self.activation);
        let kinks = kink_points(self.link.expr());
        let link = |x: f64| {
            let mut out = [0.0];
            self.link.eval_columns(&[&[x]], &mut out);
            out[0]
        };
        let whole = panels(&kinks, 0.5);
        let mean = whole.expect(&link) - self.removed_mean;
        let slope = whole.expect(|x| link(x) * x);
        let power = whole.expect(|x| (link(x) - self.removed_mean).powi(2)) + self.noise;
        let product = moments.slope_along * mean;
        if product.abs() > 1e-9 {
            return Err(StateError::Along { product });
        }
        let c1 = moments.slopes[0];
        let spike = (slope * slope + power / self.step_samples).sqrt();
        let strength = self.rate * c1 * spike;
        let bulk = 1.0
            + self.rate * self.rate * power * (moments.slope_power - c1 * c1) / self.step_samples;
        let along = slope / spike;
        let across = (1.0 - along * along).max(0.0).sqrt();
        let sigma = Sigma::new(self.activation);
        let sharp = strength * strength / bulk + along * along / (across * across).max(1e-4);
        let rule = trapezoid(0.5 / (1.0 + sharp).sqrt());
        let of_label = |k: f64| {
            let rule = label_rule(&kinks, along * k, across);
            let value = |x: f64| link(along * k + across * x);
            [
                rule.expect(value),
                rule.expect(|x| x * value(x)),
                rule.expect(|x| value(x).powi(2)) + self.noise,
            ]
        };
        let points = rule
            .nodes
            .iter()
            .zip(&rule.weights)
            .map(|(k, weight)| {
                let [value] = sigma.average(strength * k, bulk, |v, _, _| [v]);
                let [own, variance] = sigma.average(strength * k, bulk, |v, _, own| {
                    [v * own, (v - value) * (v - value)]
                });
                At {
                    weight: *weight,
                    k: *k,
                    mu: [value, own / bulk, (variance - own * own / bulk).max(0.0)],
                    label: of_label(*k),
                }
            })
            .collect();
        Model { points, bulk }.solve(sizes)
    }
}

fn label_rule(kinks: &[f64], centre: f64, scale: f64) -> Rule {
    let moved: Vec<f64> = match scale > 0.0 {
        true => kinks.iter().map(|kink| (kink - centre) / scale).collect(),
        false => Vec::new(),
    };
    panels(&moved, 0.5)
}

/// Eigenvalues of `W0 W0^T` (p x p, rows on the sphere) with their weights: the Marchenko-Pastur law of ratio
/// `beta = p/d`, by Chebyshev nodes `x = 1 + beta + 2 sqrt(beta) cos t`, and its atom at zero for `beta > 1`.
fn marchenko_pastur(beta: f64) -> Vec<(f64, f64)> {
    const NODES: usize = 256;
    let mut spectrum: Vec<(f64, f64)> = (0..NODES)
        .map(|j| {
            let t = std::f64::consts::PI * (j as f64 + 0.5) / NODES as f64;
            let x = 1.0 + beta + 2.0 * beta.sqrt() * t.cos();
            (x, 2.0 * t.sin().powi(2) / x / NODES as f64)
        })
        .collect();
    let mass: f64 = spectrum.iter().map(|(_, weight)| weight).sum();
    let continuous = (1.0 / beta).min(1.0);
    for (_, weight) in &mut spectrum {
        *weight *= continuous / mass;
    }
    if beta > 1.0 {
        spectrum.push((0.0, 1.0 - continuous));
    }
    spectrum
}

/// The order parameters.
#[derive(Debug, Clone, Copy)]
struct Order {
    v: [f64; 2],
    q: [f64; 2],
    theta: f64,
    psi: f64,
    m: f64,
}

impl Order {
    fn numbers(&self) -> [f64; 7] {
        [
            self.v[0], self.v[1], self.q[0], self.q[1], self.theta, self.psi, self.m,
        ]
    }

    fn of(n: [f64; 7]) -> Self {
        Self {
            v: [n[0], n[1]],
            q: [n[2], n[3]],
            theta: n[4],
            psi: n[5],
            m: n[6],
        }
    }
}

impl Model {
    /// The prediction's mean given k, `C = mu_0 m + mu_1 k theta`.
    fn centre(at: &At, order: &Order) -> f64 {
        at.mu[0] * order.m + at.mu[1] * at.k * order.theta
    }

    /// The mean square error given k.
    fn residual(at: &At, order: &Order) -> f64 {
        let [_, mu1, mu2] = at.mu;
        let [mean, slope, power] = at.label;
        let c = Self::centre(at, order);
        c * c + power - 2.0 * c * mean - 2.0 * mu1 * order.psi * slope
            + mu1 * mu1 * order.q[0]
            + mu2 * order.q[1]
    }

    fn average(&self, f: impl Fn(&At) -> f64) -> f64 {
        self.points.iter().map(|at| at.weight * f(at)).sum()
    }

    fn error(&self, order: &Order) -> f64 {
        self.average(|at| Self::residual(at, order))
    }

    /// The right-hand side of the fixed-point equations.
    fn update(&self, order: &Order, sizes: Sizes, spectrum: &[(f64, f64)]) -> Order {
        let (ratio, root) = (sizes.samples / sizes.width, sizes.width.sqrt());
        let gain = |at: &At| 1.0 / (1.0 + at.mu[1] * at.mu[1] * order.v[0] + at.mu[2] * order.v[1]);
        let mean = |f: &dyn Fn(&At) -> f64| ratio * self.average(f);
        let noise = |at: &At| Self::residual(at, order) * gain(at).powi(2);
        let q1 = mean(&|at| at.mu[1].powi(2) * noise(at));
        let q2 = mean(&|at| at.mu[2] * noise(at));
        let v1 = mean(&|at| at.mu[1].powi(2) * gain(at));
        let v2 = mean(&|at| at.mu[2] * gain(at));
        let theta =
            root * mean(&|at| at.k * at.mu[1] * (at.label[0] - Self::centre(at, order)) * gain(at));
        let psi = root * mean(&|at| at.label[1] * at.mu[1] * gain(at));
        let bulk = self.bulk;
        let mut sums = [0.0; 6];
        for (eigenvalue, weight) in spectrum {
            let x = bulk * eigenvalue;
            let s = sizes.ridge + v1 * x + v2;
            let power = (q1 * x + q2 + theta * theta * bulk + psi * psi * x) / (s * s);
            for (sum, term) in
                sums.iter_mut()
                    .zip([x * power, power, x / s, 1.0 / s, bulk / s, x / s])
            {
                *sum += weight * term;
            }
        }
        let theta = root * theta * sums[4];
        let mu0 = self.average(|at| at.mu[0].powi(2) * gain(at));
        let m = if mu0 > 1e-14 {
            self.average(|at| at.mu[0] * (at.label[0] - at.mu[1] * at.k * theta) * gain(at)) / mu0
        } else {
            0.0
        };
        Order {
            q: [sums[0], sums[1]],
            v: [sums[2], sums[3]],
            theta,
            psi: root * psi * sums[5],
            m,
        }
    }

    /// The fixed point, by damped iteration.
    fn solve(&self, sizes: Sizes) -> Result<Risk, StateError> {
        for (name, value) in [("n/d", sizes.samples), ("p/d", sizes.width)] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(StateError::Size { name, value });
            }
        }
        if sizes.ridge.is_nan() || sizes.ridge < 0.0 {
            return Err(StateError::Size {
                name: "ridge",
                value: sizes.ridge,
            });
        }
        // A zero ridge is the limit of small ones; where features outnumber samples, V grows as 1/ridge.
        let sizes = Sizes {
            ridge: sizes.ridge.max(1e-9),
            ..sizes
        };
        const MOST: usize = 200_000;
        const TOLERANCE: f64 = 1e-11;
        let spectrum = marchenko_pastur(sizes.width);
        let mut order = Order {
            v: [1.0, 1.0],
            q: [0.1, 0.1],
            theta: 0.1,
            psi: 0.1,
            m: 0.1,
        };
        let mut change = f64::INFINITY;
        for iterations in 1..=MOST {
            let next = self.update(&order, sizes, &spectrum).numbers();
            let old = order.numbers();
            change = next
                .iter()
                .zip(&old)
                .map(|(x, y)| (x - y).abs() / (x.abs() + y.abs() + 1e-6))
                .fold(0.0, f64::max);
            let mut mixed = old;
            for (mixed, next) in mixed.iter_mut().zip(next) {
                *mixed = 0.5 * (*mixed + next);
            }
            order = Order::of(mixed);
            if !mixed.iter().all(|x| x.is_finite()) {
                return Err(StateError::NotConverged { iterations, change });
            }
            if change < TOLERANCE {
                return Ok(Risk {
                    error: self.error(&order),
                    iterations,
                });
            }
        }
        Err(StateError::NotConverged {
            iterations: MOST,
            change,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marchenko_pastur_has_its_moments() {
        for beta in [0.3, 1.0, 2.5] {
            let spectrum = marchenko_pastur(beta);
            let moment = |k: i32| -> f64 { spectrum.iter().map(|(x, w)| w * x.powi(k)).sum() };
            assert!((moment(0) - 1.0).abs() < 1e-12);
            assert!((moment(1) - 1.0).abs() < 1e-12, "{beta}: {}", moment(1));
            assert!((moment(2) - 1.0 - beta).abs() < 1e-11);
        }
    }
}
