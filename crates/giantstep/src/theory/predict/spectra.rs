//! Spectra of weights and features: what leaves the bulk.

use super::Task;
use super::prediction::{FEATURES, Grounds, Needs, SPIKES, UP, Would};
use crate::metric::Metric;
use crate::network::Pairing;
use crate::theory::bounded_width::features;
use crate::theory::dynamics::Step;
use crate::theory::spiked::outliers;

/// The metrics of spectra.
pub(super) const SPECTRA: [Metric; 7] = [
    Metric::SingularValue,
    Metric::WeightSingularValue,
    Metric::WeightOutliers,
    Metric::WeightRank,
    Metric::FeatureEigenvalue,
    Metric::FeatureRank,
    Metric::KernelAlignment,
];
/// Room above the edge for what counts as outlier, in units of `d^(-2/3)`, as it is measured.
const ROOM: f64 = 4.0;
/// Eigenvalues of features that are so much larger than their bulk are told from it.
const ABOVE: f64 = 8.0;

impl Task<'_> {
    /// Spikes of weights and features after a step.
    pub(super) fn spectra(&mut self, step: u32, state: Option<&Step>) {
        let here = (step, step);
        let asked = SPECTRA.iter().any(|metric| self.is_measured(*metric));
        if !asked || !self.experiment.records(step) {
            return;
        }
        let Some(state) = state else {
            let (why, would) = self.ended.clone();
            let reason = format!("the state of the network has no limit at this step: {why}");
            return self.absent(&SPECTRA, here, reason, would);
        };
        let reason = "effective ranks need the whole bulk, which is not evaluated here";
        let would = Would::by("THEORY.md (48), the law of the bulk");
        self.absent(
            &[Metric::WeightRank, Metric::FeatureRank],
            here,
            reason,
            would,
        );
        let reason = "the alignment of the features' kernel with the labels is not derived here";
        self.absent(&[Metric::KernelAlignment], here, reason, Would::UNKNOWN);
        self.weight_spectrum(step, state);
        if !self.is_measured(Metric::FeatureEigenvalue) {
            return;
        }
        if self.is_gaussian() {
            self.feature_spectrum(step, state);
        } else {
            let reason = "spectra of features are derived for Gaussian coordinates of the target";
            let would = Would::by(
                "THEORY.md (49) with averages over the target's coordinates in their own law",
            );
            self.absent(&[Metric::FeatureEigenvalue], here, reason, would);
        }
    }

    fn weight_spectrum(&mut self, step: u32, state: &Step) {
        let d = self.dynamics.dimension;
        if step > 0 && self.is_measured(Metric::SingularValue) {
            // Gram matrix of W - W0.
            let moved = state
                .covariance
                .plus(-1.0, &state.with_start)
                .plus(-1.0, &state.with_start.transposed())
                .plus(1.0, &self.start.covariance);
            match outliers(&moved, &self.population, d) {
                Some((values, _)) => {
                    let spikes = values.len();
                    self.push_ranks(step, Metric::SingularValue, values, SPIKES);
                    if step == 1 {
                        self.bulk_of_step(spikes);
                    }
                }
                None => {
                    let reason =
                        "products of the weights with those at the start are not followed here";
                    let would = Would::by("THEORY.md (47), from W W0^T");
                    self.absent(&[Metric::SingularValue], (step, step), reason, would);
                }
            }
        }
        if !self.is_measured(Metric::WeightSingularValue) {
            return;
        }
        let found = outliers(&state.covariance, &self.population, d);
        let Some((values, bulk)) = found else {
            let metrics = [Metric::WeightSingularValue, Metric::WeightOutliers];
            let reason = "the covariance of the neurons has no spectrum";
            return self.absent(&metrics, (step, step), reason, Would::UNKNOWN);
        };
        let least = (1.0 + ROOM * d.powf(-2.0 / 3.0)) * bulk.edge().powi(2);
        let count = values.iter().filter(|value| value.powi(2) > least).count();
        self.push_ranks(step, Metric::WeightSingularValue, values, SPIKES);
        match self.experiment.network.pairing {
            Pairing::Independent => {
                self.push(step, Metric::WeightOutliers, count as f64, SPIKES);
            }
            Pairing::Symmetric => {
                let reason = "outliers are counted among one neuron of each pair";
                let would = Would::by("THEORY.md (47) for half of the rows");
                self.absent(&[Metric::WeightOutliers], (step, step), reason, would);
            }
        }
    }

    /// Eigenvalues of the features' second moment that are of order one.
    fn feature_spectrum(&mut self, step: u32, state: &Step) {
        let population = &self.population;
        let p = population.width();
        let found = features(&self.dynamics, population, &state.covariance);
        let bulk = found
            .bulk(population)
            .iter()
            .fold(0.0f64, |m, (v, _)| m.max(*v))
            / p;
        let least = ABOVE * bulk * (1.0 + (p / self.dynamics.dimension).sqrt()).powi(2);
        match found.of_means(population) {
            _ if self.stopped() => {
                let would = Would::with(Needs::Time, "THEORY.md (49)");
                self.absent(&[Metric::FeatureEigenvalue], (step, step), UP, would);
            }
            Some(values) => {
                let above = values.into_iter().map(|value| value / p);
                let above = above.filter(|value| *value > least).collect();
                self.push_ranks(step, Metric::FeatureEigenvalue, above, FEATURES);
            }
            None => {
                let reason = "the features have no spectrum";
                let metric = [Metric::FeatureEigenvalue];
                self.absent(&metric, (step, step), reason, Would::UNKNOWN);
            }
        }
    }

    fn push_ranks(&mut self, step: u32, metric: Metric, values: Vec<f64>, grounds: Grounds) {
        for (rank, value) in (1..).zip(values) {
            if let Some(made) = self.push(step, metric, value, grounds) {
                made.rank = Some(rank);
            }
        }
    }
}
