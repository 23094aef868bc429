//! Which states of a network have a limit.

use std::collections::BTreeMap;

use super::prediction::{
    FRESH, Grounds, INITIAL, NOTHING, Needs, ONLINE, OWN_LAW, PLACED, REUSED, Would,
};
use super::record::State;
use super::scope::{Scope, scope};
use super::{GRADIENT, PROPORTIONAL, SCARCE, Task};
use crate::experiment::Origin;
use crate::labels::Removal;
use crate::metric::Metric;
use crate::theory::bounded_width::Kernels;
use crate::theory::recursion::{Effort, RecursionError, Step, Trajectory};
use crate::theory::reuse::ReuseError;
use crate::train::{BatchPlan, Loss};

/// Formulas that are not evaluated here.
const RANDOM_START: &str =
    "THEORY.md (20), (78) from random overlaps of order 1/sqrt d, a law over networks";
const MEAN_FIELD: &str = "dynamical mean-field equations; arXiv 2402.03220";

/// What would take the recursion further.
fn would(error: &RecursionError) -> Would {
    const FORMULA: &str = "THEORY.md (20)";
    match error {
        RecursionError::Sampled { .. } => Would::with(Needs::Samples, FORMULA),
        RecursionError::Stopped { .. } => Would::with(Needs::Time, FORMULA),
        RecursionError::Unstable { .. } => Would::by(RANDOM_START),
        RecursionError::Coarse { .. }
        | RecursionError::Unphysical { .. }
        | RecursionError::NotFinite { .. } => Would::UNKNOWN,
    }
}

impl Task<'_> {
    /// States of all steps that have a limit; records their metrics.
    pub(super) fn states(&mut self) -> BTreeMap<u32, Step> {
        let protocol = &self.experiment.protocol;
        let steps = protocol.steps;
        let (n, d) = (protocol.batch as f64, protocol.dimension as f64);
        let proportional = n < d.powf(PROPORTIONAL);
        let order = self.link.leading_order();
        let mut known = steps;
        if let Some(Scope {
            last: Some(last),
            reason,
            would,
        }) = scope(self.experiment)
        {
            known = self.limit(known, last, reason, would);
        }
        if protocol.lookahead.is_some() {
            let reason = "steps with a lookahead have no closed limit here";
            let would = Would::by(
                "THEORY.md (27) with the displaced weights in the place of the second step's",
            );
            known = self.limit(known, 0, reason, would);
        }
        if protocol.removal == Removal::MeanAndLinear && proportional {
            let reason = "the linear part of the labels is estimated on the training batch: at n of order d its \
                          error is as large as itself, and no limit is derived";
            known = self.limit(known, 0, reason, Would::UNKNOWN);
        }
        if let Origin::Coloured(covariance) = &self.experiment.inputs {
            self.one_step_on(covariance, known);
            return BTreeMap::new();
        }
        if n < d.powf(SCARCE) {
            return self.online(known);
        }
        if order.is_none() && !proportional && !self.is_gaussian() {
            let reason = "one step on n >> d samples is followed for links with a linear part, or Gaussian coordinates of the target";
            let would = Would::by("THEORY.md (52)");
            known = self.limit(known, 0, reason, would);
        }
        let beyond = order.is_some_and(|l| l >= 2) && !proportional && self.start.drawn;
        if beyond {
            if known > 0 {
                self.law(order.unwrap_or(2));
            }
            let reason =
                "beyond one step at n >> d the leading order l >= 2 has no closed recursion";
            self.limit(known, 1, reason, Would::UNKNOWN);
            self.ended = (reason.to_owned(), Would::UNKNOWN);
            // The law is all that is known of the first step.
            known = 0;
        }
        let reused = match protocol.plan {
            BatchPlan::Reused { steps } if known >= 2 => steps.min(known),
            _ => 1,
        };
        if reused >= 2 && !self.start.drawn {
            let reason = "a batch used again from overlaps that are given has no limit here";
            known = self.limit(
                known,
                1,
                reason,
                Would::by("THEORY.md (27) with M in its averages"),
            );
        } else if reused > 2 {
            let reason =
                "more than two steps on one batch: the in-law engine at large d is the limit";
            let would = Would::by(MEAN_FIELD);
            known = match self.power_iteration(reused) {
                true => {
                    let aligned = [Metric::WeightAlignment];
                    self.absent(&aligned, (reused + 1, known), reason, would);
                    self.limit_of(&Self::all_but(&aligned), (known, 2), reason, would)
                }
                false => self.limit(known, 2, reason, would),
            };
        } else if reused == 2 {
            let reason = "steps after a batch was used twice have no closed limit here";
            known = self.limit(known, 2, reason, Would::by(MEAN_FIELD));
        }
        let found = match (reused, known) {
            (2.., 2..) => self.reused_trajectory(&mut known),
            _ => self.fresh_trajectory(known),
        };
        let theorem = matches!(protocol.loss, Loss::Squared | Loss::Correlation);
        let none =
            order.is_none_or(|l| l >= 2) && self.start.drawn && theorem && self.is_gaussian();
        // The theorem speaks of O(1) steps: a factor e in each is sqrt d after so many.
        let few = 0.5 * d.ln();
        for step in 0..found.steps.len() as u32 {
            let grounds = match step {
                0 => self.at_start(),
                2 if reused >= 2 => REUSED,
                _ if none && f64::from(step) < few => NOTHING,
                _ if !self.is_gaussian() => OWN_LAW,
                _ => FRESH,
            };
            self.record(State::of(&found, step as usize, step, grounds));
        }
        (0..).zip(found.steps).collect()
    }

    fn at_start(&self) -> Grounds {
        match self.start.drawn {
            true => INITIAL,
            false => PLACED,
        }
    }

    /// The states that are recorded of many small steps on few samples each.
    fn online(&mut self, known: u32) -> BTreeMap<u32, Step> {
        let protocol = &self.experiment.protocol;
        let refused = match (protocol.removal, protocol.plan) {
            (Removal::Mean | Removal::MeanAndLinear, _) => Some((
                "the mean of so few labels is as large as they are, and no limit is derived",
                Would::UNKNOWN,
            )),
            _ if matches!(protocol.loss, Loss::CorrelationUntil(_)) => Some((
                "the error of so few samples switches the loss at a step of chance",
                Would::UNKNOWN,
            )),
            (_, BatchPlan::Reused { steps: 2.. }) => Some((
                "few samples that are used again have no closed equations here",
                Would::by("the equations of arXiv 2405.15459"),
            )),
            _ => None,
        };
        let known = match refused {
            Some((reason, would)) => self.limit(known, 0, reason, would),
            None => known,
        };
        let reason =
            "gradients of so few samples are noise: their cosines are random, of order 1/sqrt d";
        self.absent(&GRADIENT, (1, known), reason, Would::UNKNOWN);
        let steps: Vec<u32> = (0..=known)
            .filter(|step| *step == 0 || self.experiment.records(*step))
            .collect();
        let (found, error) =
            self.dynamics
                .online(&self.population, &self.start, &steps, self.effort);
        if let Some(error) = error {
            let first = steps.get(found.steps.len()).copied().unwrap_or(known);
            let would = would(&error);
            self.absent(&Self::all_but(&GRADIENT), (first, known), &error, would);
            self.ended = (error.to_string(), would);
        }
        for (index, step) in steps.iter().enumerate().take(found.steps.len()) {
            let grounds = if *step == 0 { self.at_start() } else { ONLINE };
            self.record(State::of(&found, index, *step, grounds));
        }
        steps.into_iter().zip(found.steps).collect()
    }

    /// The recursion as far as it goes; the steps that it does not reach are absent with the reason.
    fn fresh_trajectory(&mut self, known: u32) -> Trajectory {
        let protocol = &self.experiment.protocol;
        let (p, d) = (
            self.experiment.network.width as f64,
            self.dynamics.dimension,
        );
        let sizes = |step| {
            (
                protocol.step_size.at(step) / p,
                protocol.rows(step) as f64 / d,
            )
        };
        let (found, error) =
            self.dynamics
                .as_far_by(&self.population, &self.start, known, (self.effort, &sizes));
        if let Some(error) = error {
            let first = found.steps.len() as u32;
            let would = would(&error);
            self.absent(&Self::all_metrics(), (first, known), &error, would);
            self.ended = (error.to_string(), would);
        }
        found
    }

    /// Two steps on one batch, as far as the effort goes.
    fn reused_trajectory(&mut self, known: &mut u32) -> Trajectory {
        let result = match self.effort {
            Effort::Sampled => self.dynamics.run_reused(&self.population),
            Effort::Integrated => Err(RecursionError::Sampled { step: 1 }.into()),
        };
        match result {
            Ok(mut found) => {
                self.finish_reused(&mut found);
                found
            }
            Err(error) => {
                let sampled = matches!(error, ReuseError::First(RecursionError::Sampled { .. }));
                let integrated = sampled && self.reused_overlaps();
                let metrics = match integrated {
                    true => Self::all_but(&[Metric::Overlap]),
                    false => Self::all_metrics(),
                };
                let would = match &error {
                    ReuseError::First(error) => would(error),
                    ReuseError::Protocol => {
                        Would::by("THEORY.md (27) with the residual of the loss in B")
                    }
                };
                self.ended = (error.to_string(), would);
                self.absent(&metrics, (2, *known), error, would);
                *known = 1;
                self.fresh_trajectory(1)
            }
        }
    }

    /// Records the overlaps after two steps on one batch where they are an integral; whether they are.
    fn reused_overlaps(&mut self) -> bool {
        let Some(overlap) = self.dynamics.reused_overlap(&self.population) else {
            return false;
        };
        self.directions(2, REUSED, &|c, k| overlap[(c, k)], Metric::Overlap);
        true
    }

    /// The error of the frozen second layer after the second step on one batch.
    fn finish_reused(&self, found: &mut Trajectory) {
        if let Some(step) = found.steps.get_mut(2) {
            let kernels = Kernels::of(
                &self.dynamics,
                &self.population,
                &step.overlap,
                &step.covariance,
            );
            if let Ok(kernels) = kernels {
                step.untrained_error = kernels.untrained_error();
            }
        }
    }
}
