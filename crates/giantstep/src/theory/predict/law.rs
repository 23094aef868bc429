//! One step at `n = alpha d^l`, `l >= 2`: a law over neurons.

use super::prediction::{LAW, Spread, Would};
use super::{ERRORS, Task};
use crate::labels::Removal;
use crate::measurement::Signs;
use crate::metric::Metric;
use crate::network::Bias;
use crate::theory::one_step::{Drift, Neuron, OneStep};
use crate::train::{Geometry, Loss, Update};

/// Neurons drawn.
const DRAWS: usize = 1 << 18;
/// The levels of the quantiles: the median and two symmetric bands.
const LEVELS: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];

impl Task<'_> {
    /// The law over neurons after one step at leading order `l >= 2`.
    pub(super) fn law(&mut self, order: usize) {
        let protocol = &self.experiment.protocol;
        let (n, d) = (protocol.batch as f64, protocol.dimension as f64);
        let mean = self.link.mean();
        if (mean * self.activation.slope_along).abs() > 1e-9 {
            let reason = format!(
                "labels of mean {mean:.4} move every neuron along itself at this step size; remove_below = 1 \
                 removes the mean"
            );
            return self.absent(&Self::all_metrics(), (1, 1), reason, Would::UNKNOWN);
        }
        if protocol.geometry != Geometry::Plain || protocol.update != Update::PLAIN {
            let reason = "the law over neurons is written for plain steps";
            let would =
                Would::by("THEORY.md (19), of which the step is a function neuron by neuron");
            return self.absent(&Self::all_metrics(), (1, 1), reason, would);
        }
        if self.experiment.network.bias != Bias::Zero {
            let reason = "the law over neurons is written for networks without biases";
            let would =
                Would::by("THEORY.md (19) with the coefficients c_k(b) of (70), neuron by neuron");
            return self.absent(&Self::all_metrics(), (1, 1), reason, would);
        }
        let shared = matches!(protocol.loss, Loss::Squared | Loss::Correlation);
        let first = self.population.is_paired() && protocol.removal != Removal::MeanAndLinear;
        let covered = shared || first && self.dynamics.first_labels().is_some();
        if !covered {
            let reason = "the law over neurons is written for the squared and the correlation loss, and for other losses of \
                          networks without an output and labels without noise";
            return self.absent(&Self::all_metrics(), (1, 1), reason, Would::UNKNOWN);
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
            plug_in: self.removed_linear,
        };
        let alpha = n / d.powi(order as i32);
        let rate = self.dynamics.rate / d.powf((order as f64 - 1.0) / 2.0);
        let Some(neurons) = step.neurons(alpha, rate, &self.population, DRAWS) else {
            return;
        };
        let all = |h: fn(&Neuron) -> f64| neurons.iter().map(|(_, x)| h(x)).collect::<Vec<_>>();
        self.push_law(Metric::WeightAlignment, None, all(Neuron::alignment));
        self.push_law(Metric::Norm, None, all(|x| x.norm_squared.sqrt()));
        self.push_law(
            Metric::GradientAlignment,
            None,
            all(Neuron::gradient_alignment),
        );
        for group in Signs::ONE {
            let members = neurons.iter().filter(|(a, _)| Signs::of(*a) == group);
            let members: Vec<&Neuron> = members.map(|(_, neuron)| neuron).collect();
            for k in 0..self.link.r {
                let place = Some((group, k as u32 + 1));
                let values = |h: &dyn Fn(&Neuron) -> f64| members.iter().map(|x| h(x)).collect();
                let overlap = |x: &Neuron| x.overlap[k];
                self.push_law(Metric::Overlap, place, values(&overlap));
                let cosine = |x: &Neuron| overlap(x) / x.norm_squared.sqrt();
                self.push_law(Metric::WeightCosine, place, values(&cosine));
                // The gradient of a neuron, not the step: they differ by the positive factor eta.
                let cosine = |x: &Neuron| overlap(x) / x.moved_squared.sqrt();
                self.push_law(Metric::GradientCosine, place, values(&cosine));
            }
        }
        match independent {
            true => {
                let reason =
                    "the output of a network that is not symmetrised adds to Q at this step size";
                self.absent(&[Metric::Covariance], (1, 1), reason, Would::UNKNOWN);
            }
            false => self.covariance_law(&step, (alpha, rate), &neurons),
        }
        let reason = "at this order each neuron follows its own initial overlap: outputs of the network are random";
        self.absent(&ERRORS, (1, 1), reason, Would::UNKNOWN);
    }

    /// Mean, its standard error and quantiles over neurons of one metric.
    fn push_law(&mut self, metric: Metric, place: Option<(Signs, u32)>, mut values: Vec<f64>) {
        if values.is_empty() {
            return;
        }
        let size = values.len() as f64;
        let mean = values.iter().sum::<f64>() / size;
        let spread: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
        if let Some(made) = self.push(1, metric, mean, LAW) {
            values.sort_unstable_by(f64::total_cmp);
            let at = |level: f64| values[(level * (size - 1.0)).round() as usize];
            made.standard_error = Some(spread.sqrt() / size);
            made.spread = Some(Spread::Quantiles(
                LEVELS.map(|level| (level, at(level))).to_vec(),
            ));
            made.group = place.map(|(group, _)| group);
            made.direction = place.map(|(_, direction)| direction);
        }
    }

    /// Means of Q over pairs of neurons by their signs: independent neurons share their mean overlap and the noise
    /// of the data; mirrored ones have `|w0|^2 - |moved|^2`. THEORY.md (19).
    fn covariance_law(&mut self, step: &OneStep, size: (f64, f64), neurons: &[(f64, Neuron)]) {
        let (alpha, rate) = size;
        // Mean overlap, mean weight and mean squared move of the neurons of one sign.
        let moments = |sign: Signs| {
            let members: Vec<&(f64, Neuron)> = neurons
                .iter()
                .filter(|(a, _)| Signs::of(*a) == sign)
                .collect();
            let mean = |h: &dyn Fn(&(f64, Neuron)) -> f64| {
                members.iter().map(|x| h(x)).sum::<f64>() / members.len() as f64
            };
            let overlap: Vec<f64> = (0..step.link.r)
                .map(|k| mean(&|(_, x)| x.overlap[k]))
                .collect();
            (overlap, mean(&|(a, _)| *a), mean(&|(_, x)| x.moved_squared))
        };
        let classes = self.population.classes.clone();
        let count = |sign: Signs| -> f64 {
            let classes = classes.iter();
            let members = classes.filter(|c| Signs::of(c.second) == sign);
            members.map(|class| class.count).sum()
        };
        for (group, first, second) in [
            (Signs::BothPositive, Signs::Positive, Signs::Positive),
            (Signs::Opposite, Signs::Positive, Signs::Negative),
            (Signs::BothNegative, Signs::Negative, Signs::Negative),
        ] {
            let others = count(second) - f64::from(first == second);
            if count(first) == 0.0 || others <= 0.0 {
                continue;
            }
            let ((m, a, moved), (other, b, _)) = (moments(first), moments(second));
            let shared: f64 = m.iter().zip(&other).map(|(m, n)| m * n).sum();
            let mut value = shared + rate * rate * a * b * step.shared_noise(alpha);
            if self.population.is_paired() && first != second {
                value += (1.0 - moved - value) / others;
            }
            if let Some(made) = self.push(1, Metric::Covariance, value, LAW) {
                made.group = Some(group);
            }
        }
    }
}
