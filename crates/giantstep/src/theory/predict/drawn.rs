//! Errors of readouts on networks drawn in law: how many are drawn, and what they tell.

use super::prediction::{GIVEN, Needs, Spread, UP, Would};
use super::{Networks, Task};
use crate::metric::Metric;
use crate::theory::given_weights::{Drawn, GivenWeightsError, NetworkErrors, Ridged};
use crate::theory::sample::Sample;

/// Several have a standard error of their own; two or three do not tell by how much networks differ.
const FEW_NETWORKS: f64 = 2.0;
const NETWORKS: f64 = 4.0;
const MANY_NETWORKS: u64 = 8;
/// What makes few of several: about half a second of one core.
const QUICK_FLOPS: f64 = 5e10;

impl Task<'_> {
    /// What is asked of networks drawn in law.
    pub(super) fn asked<'b>(&'b self, readouts: &'b [Ridged]) -> Drawn<'b> {
        Drawn {
            experiment: self.experiment,
            removed_mean: self.dynamics.removed_mean,
            readouts,
            stop: self.stop,
        }
    }

    /// How many networks are drawn.
    pub(super) fn networks(&self, number: Networks) -> u64 {
        match number {
            Networks::Few => {
                let flops = self.asked(&self.readouts()).flops();
                (QUICK_FLOPS / flops).clamp(FEW_NETWORKS, NETWORKS) as u64
            }
            Networks::Many => MANY_NETWORKS,
        }
    }

    /// Errors on the weights of networks drawn in law, or why none were drawn.
    pub(super) fn drawn_errors(&mut self, drawn: &Result<Vec<NetworkErrors>, String>) {
        let (metric, readouts) = ([Metric::TestError], self.readouts());
        let steps = std::mem::take(&mut self.drawn_steps);
        let networks = match drawn {
            Ok(networks) if !self.stopped() => networks,
            ended => {
                let reason = ended.as_ref().err().map_or(UP, String::as_str);
                let time = Would::with(Needs::Time, "THEORY.md (38) to (40)");
                for step in steps {
                    self.absent(&metric, (step, step), reason, time);
                }
                return;
            }
        };
        let found = steps.iter().map(|step| of_step(networks, *step));
        let found: Vec<Result<Vec<Sample>, GivenWeightsError>> = found.collect();
        let pooled = pooled(found.iter().flatten().flatten());
        for (step, of_ridges) in steps.into_iter().zip(found) {
            let of_ridges = match of_ridges {
                Ok(of_ridges) => of_ridges,
                Err(error) => {
                    self.absent(&metric, (step, step), error, Would::UNKNOWN);
                    continue;
                }
            };
            for (readout, errors) in readouts.iter().zip(of_ridges) {
                let known = errors.size >= NETWORKS;
                let errors = match known {
                    true => errors,
                    false => Sample {
                        deviation: pooled.map(|share| share * errors.mean),
                        ..errors
                    },
                };
                if let Some(made) = self.push(step, metric[0], errors.mean, GIVEN) {
                    made.ridge = Some(readout.ridge);
                    made.standard_error = errors.standard_error();
                    // Networks drawn in law differ as seeds do.
                    made.spread = errors.deviation.filter(|_| known).map(Spread::Fluctuation);
                }
            }
        }
    }
}

/// The errors of all networks after a step, for every readout.
fn of_step(networks: &[NetworkErrors], step: u32) -> Result<Vec<Sample>, GivenWeightsError> {
    let errors: Vec<&Vec<f64>> = networks
        .iter()
        .map(|network| match network.get(step as usize) {
            Some(Some(found)) => found.as_ref().map_err(Clone::clone),
            _ => Err(GivenWeightsError::NotFinite),
        })
        .collect::<Result<_, _>>()?;
    let readouts = errors.first().map_or(0, |errors| errors.len());
    let of_readout = |k| Sample::of(&errors.iter().map(|errors| errors[k]).collect::<Vec<f64>>());
    Ok((0..readouts).map(of_readout).collect())
}

/// The deviation as a share of the mean, over steps and readouts together: two networks may happen to be alike after one of
/// the steps.
fn pooled<'a>(errors: impl Iterator<Item = &'a Sample>) -> Option<f64> {
    let shares = errors.filter_map(|errors| Some((errors.deviation? / errors.mean).powi(2)));
    let shares: Vec<f64> = shares.filter(|share| share.is_finite()).collect();
    (!shares.is_empty()).then(|| Sample::of(&shares).mean.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_networks_have_the_deviation_of_all_steps_together() {
        let steps = [[0.9, 1.1], [2.0, 2.0], [0.7, 1.3]].map(|errors| Sample::of(&errors));
        let share = pooled(steps.iter()).expect("three steps");
        // Deviations of two numbers are their difference over sqrt 2.
        let expected = ((0.2f64.powi(2) + 0.6f64.powi(2)) / 2.0 / 3.0).sqrt();
        assert!((share - expected).abs() < 1e-12, "{share}");
        assert_eq!(pooled([Sample::of(&[1.0])].iter()), None);
    }
}
