//! Features and labels after the step, given the projection on the spike. THEORY.md (41), (43), (35).

use faer::Mat;

use super::bulk::Bulk;
use super::{AfterOneStep, Class, ClassError, Features, Lengths};
use crate::network::FirstLayer;
use crate::theory::expectation::{Shape, trapezoid};
use crate::theory::label_law::LabelLaw;
use crate::theory::linear_labels::LinearLabels;
use crate::theory::moments::ActivationMoments;
use crate::theory::smoothed::Sigma;

/// Points for averages over what the spike leaves open of the target.
const POINTS: usize = 1 << 16;
/// The step of a rule by the scale on which features change.
const STEP: f64 = 0.5;
/// The part of a gradient that is random from neuron to neuron, at least: of `E sigma'^2`.
const LEAST: f64 = 1e-4;

/// What of (41) the activation and the labels give.
struct Moments {
    /// `c_1`, `c_2`, `c_3` of the gradient.
    slopes: [f64; 3],
    /// `eps^2 = E sigma'^2 - c_1^2 - c_2^2`.
    random: f64,
    /// `E(lambda sigma'_perp)^2 - c_3^2` with `sigma'_perp = sigma' - c_1 - c_2 lambda`: what of a length is the neuron's own.
    own_length: f64,
    /// By how much `E sigma'^2 - c_1^2` changes with the squared length of a row.
    by_length: f64,
    /// `E y` and `E y^2` of the step, noise included.
    mean: f64,
    power: f64,
    /// `T_1`, and `S = |s|`.
    linear: Vec<f64>,
    spike: f64,
}

impl AfterOneStep<'_> {
    fn moments(&self, labels: &LabelLaw) -> Result<Moments, ClassError> {
        let alpha0 = self.step_samples;
        let of = ActivationMoments::of(self.activation);
        let slopes = [of.slopes[0], of.slopes[1], of.slopes[2]];
        let [c1, c2, c3] = slopes;
        let random = of.slope_power - c1 * c1 - c2 * c2;
        if random < LEAST * of.slope_power || random.is_nan() {
            return Err(ClassError::Alike { variance: random });
        }
        let sigma = Sigma::new(self.activation);
        let [along, bent] = sigma.average(0.0, 1.0, |_, slope, x| {
            let own = x * (slope - c1 - c2 * x);
            [own * own, slope * slope * (x * x - 1.0)]
        });
        let linear: Vec<f64> = labels
            .first
            .iter()
            .map(|first| labels.average(first, |y| y))
            .collect();
        let power = labels.average(&labels.mean, |y| y * y);
        let square = linear.iter().map(|t| t * t).sum::<f64>() + power / alpha0;
        if square.is_nan() || square <= 0.0 {
            return Err(ClassError::Size {
                name: "|s|^2",
                value: square,
            });
        }
        Ok(Moments {
            slopes,
            random,
            own_length: (along - c3 * c3).max(0.0),
            by_length: 0.5 * bent - c1 * c3,
            mean: labels.average(&labels.mean, |y| y),
            power,
            linear,
            spike: square.sqrt(),
        })
    }

    /// The features and labels of readouts after the step.
    ///
    /// # Errors
    /// [`ClassError`] if the averages are out of reach.
    pub fn features(&self) -> Result<Features, ClassError> {
        let alpha0 = self.step_samples;
        if !(alpha0 > 0.0 && alpha0.is_finite()) {
            return Err(ClassError::Size {
                name: "n0/d",
                value: alpha0,
            });
        }
        let (link, r) = (&self.target.link, self.target.r);
        let law = LabelLaw::new(link, r, self.step_mean, self.target.noise);
        let law = law.ok_or(ClassError::Sampled { r })?;
        let moments = self.moments(&law)?;
        let [c1, c2, c3] = moments.slopes;
        let centre = Mat::from_fn(r, 1, |k, _| moments.linear[k] / moments.spike);
        let labels = LinearLabels::within(link, centre, POINTS).ok_or(ClassError::Sampled { r })?;
        let of_classes = |f: &dyn Fn(&Class) -> f64| self.classes.iter().map(f).collect::<Vec<_>>();
        let own = |class: &Class| class.step.powi(2) * moments.random / alpha0;
        let bulk = Bulk {
            shares: of_classes(&|class| class.share),
            turn: of_classes(&|class| class.step * c2),
            own: of_classes(&own),
            samples: alpha0,
            noise: self.noise,
            labels: law,
        };
        // The trace of C_j over d: of H it is E y, of H^2 it is E[y^2]/alpha0 + (E y)^2.
        let variance = |class: &Class| {
            let turn = class.step * c2;
            (1.0 + turn * moments.mean).powi(2)
                + moments.power * (turn * turn / alpha0 + own(class))
        };
        let strength = |class: &Class| class.step * c1 * moments.spike;
        let sharp = |class: &Class| strength(class).powi(2) / variance(class);
        let sharpest = self.classes.iter().map(sharp).fold(0.0, f64::max);
        let along = moments.linear.iter().map(|t| t * t).sum::<f64>() / moments.spike.powi(2);
        let edges = match Shape::of(link) {
            Shape::Polynomial(_) | Shape::Smooth => 0.0,
            Shape::AxisKinks(_) | Shape::Kinked => along / (1.0 - along).max(1e-4),
        };
        let rule = trapezoid(STEP / (1.0 + sharpest + edges).sqrt());
        let sigma = Sigma::new(self.activation);
        let responses = self.classes.iter().map(|class| {
            let at = |kappa: &f64| response(&sigma, strength(class) * kappa, variance(class));
            rule.nodes.iter().map(at).collect()
        });
        let given: Vec<_> = rule
            .nodes
            .iter()
            .map(|kappa| labels.moments(link, &[*kappa]))
            .collect();
        let left = given.iter().map(|label| {
            let linear: f64 = label.slopes.iter().map(|x| x * x).sum();
            linear + label.rest + self.target.noise
        });
        Ok(Features {
            responses: responses.collect(),
            label: given
                .iter()
                .map(|label| label.mean - self.readout_mean)
                .collect(),
            label_rest: left.collect(),
            slopes: given.iter().map(|label| label.slopes.clone()).collect(),
            kappa: rule.nodes,
            weights: rule.weights,
            frame: frame(&labels, moments.spike),
            lengths: match self.lengths {
                Lengths::Alike => vec![0.0; self.classes.len()],
                Lengths::Fluctuating => of_classes(&|class| 2.0 * class.step * c3),
            },
            scatter: match self.lengths {
                Lengths::Alike => vec![[[0.0; 2]; 2]; self.classes.len()],
                Lengths::Fluctuating => {
                    let of = |class: &Class| self.scatter(class, &moments, own(class));
                    self.classes.iter().map(of).collect()
                }
            },
            bulk,
        })
    }

    /// d times the covariance of a neuron's overlap with the spike and its squared length, as far as it goes with nothing else:
    /// what Gaussian rows have by their own length, and what the step adds to lengths, derived for `c_2 = 0` alone. (43)
    fn scatter(&self, class: &Class, moments: &Moments, own: f64) -> [[f64; 2]; 2] {
        let (alpha0, [_, c2, c3]) = (self.step_samples, moments.slopes);
        let b = class.step;
        let [overlap, length] = match self.rows {
            FirstLayer::Sphere => [0.0, 0.0],
            FirstLayer::Gaussian => {
                let turn = b * c2;
                let turned =
                    (1.0 + turn * moments.mean).powi(2) + turn * turn * moments.power / alpha0;
                let noise = b * b * moments.power * moments.by_length / alpha0;
                [b * moments.spike * c3 / 2.0, turned + noise]
            }
        };
        let step = match c2 {
            0.0 => {
                let cross = 4.0 * b * b * moments.power * moments.own_length / alpha0;
                cross + 2.0 * (own * moments.power).powi(2)
            }
            _ => 0.0,
        };
        // The squared length of a Gaussian row has variance 2/d.
        [
            [2.0 * overlap * overlap, 2.0 * overlap * length],
            [2.0 * overlap * length, 2.0 * length * length + step],
        ]
    }
}

/// u = s/S, and v = R^+ (z - A <u, x>), by s and the directions.
fn frame(labels: &LinearLabels, spike: f64) -> Mat<f64> {
    let (m, r) = (labels.variables(), labels.centre.nrows());
    Mat::from_fn(m + 1, r + 1, |i, j| match (i, j) {
        (0, 0) => 1.0 / spike,
        (0, _) => 0.0,
        (i, 0) => {
            let shares = (0..r).map(|k| labels.inverse[(i - 1, k)] * labels.centre[(k, 0)]);
            -shares.sum::<f64>() / spike
        }
        (i, j) => labels.inverse[(i - 1, j - 1)],
    })
}

/// `mu_0`, `mu_1`, `mu_*^2` and `mu_2 = E sigma''`, at `s + sqrt(v) x`.
fn response(sigma: &Sigma<'_>, s: f64, v: f64) -> [f64; 4] {
    let [value] = sigma.average(s, v, |value, _, _| [value]);
    let [own, variance, bent] = sigma.average(s, v, |x, _, own| {
        [x * own, (x - value).powi(2), x * (own * own - v)]
    });
    let rest = (variance - own * own / v).max(0.0);
    [value, own / v, rest, bent / (v * v)]
}
