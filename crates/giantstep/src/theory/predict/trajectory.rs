//! Which states of a network have a limit.

use super::prediction::{FRESH, INITIAL, NOTHING, REUSED};
use super::scope::{Scope, scope};
use super::{PROPORTIONAL, SCARCE, Task};
use crate::labels::Removal;
use crate::measurement::Signs;
use crate::metric::Metric;
use crate::theory::bounded_width::Kernels;
use crate::theory::recursion::{Effort, RecursionError, Trajectory};
use crate::theory::reuse::ReuseError;
use crate::train::BatchPlan;

impl Task<'_> {
    /// States of all steps that have a limit; records their metrics.
    pub(super) fn trajectory(&mut self) -> Option<Trajectory> {
        let protocol = &self.experiment.protocol;
        let steps = protocol.steps;
        let (n, d) = (protocol.batch as f64, protocol.dimension as f64);
        let proportional = n < d.powf(PROPORTIONAL);
        let order = self.link.leading_order();
        let mut known = steps;
        if let Some(Scope {
            last: Some(last),
            reason,
        }) = scope(self.experiment)
        {
            known = self.limit(known, last, reason);
        }
        if n < d.powf(SCARCE) {
            let reason = "n is far below d: nothing is learnt (theorem A), and averages over so few samples have no limit";
            known = self.limit(known, 0, reason);
        }
        if protocol.lookahead.is_some() {
            known = self.limit(known, 0, "steps with a lookahead have no closed limit here");
        }
        if protocol.removal == Removal::MeanAndLinear && proportional {
            let reason = "the linear part of the labels is estimated on the training batch: at n of order d its \
                          error is as large as itself, and no limit is derived";
            known = self.limit(known, 0, reason);
        }
        let beyond = order.is_some_and(|l| l >= 2) && !proportional;
        if beyond {
            if known > 0 {
                self.law(order.unwrap_or(2));
            }
            let reason =
                "beyond one step at n >> d the leading order l >= 2 has no closed recursion";
            self.limit(known, 1, reason);
            // The law is all that is known of the first step.
            known = 0;
        }
        if self.experiment.network.width as u64 >= protocol.dimension {
            let reason = "more neurons than dimensions: after the first step (M, Q) do not close";
            known = self.limit(known, 1, reason);
        }
        let reused = match protocol.plan {
            BatchPlan::Reused { steps } if known >= 2 => steps.min(known),
            _ => 1,
        };
        if reused > 2 {
            let reason =
                "more than two steps on one batch: the in-law engine at large d is the limit";
            known = self.limit(known, 2, reason);
        } else if reused == 2 {
            known = self.limit(
                known,
                2,
                "steps after a batch was used twice have no closed limit here",
            );
        }
        let found = match reused {
            2.. => self.reused_trajectory(&mut known),
            _ => self.fresh_trajectory(known),
        }?;
        let none = order.is_none_or(|l| l >= 2);
        for step in 0..found.steps.len() as u32 {
            let grounds = match step {
                0 => INITIAL,
                2 if reused >= 2 => REUSED,
                _ if none => NOTHING,
                _ => FRESH,
            };
            self.record(step, &found, grounds);
        }
        Some(found)
    }

    /// The recursion as far as it goes; the first step that it does not reach is absent with its reason.
    fn fresh_trajectory(&mut self, known: u32) -> Option<Trajectory> {
        let mut last = known;
        loop {
            let error = match self
                .dynamics
                .run_within(&self.population, last, self.effort)
            {
                Ok(found) => return Some(found),
                Err(error) => error,
            };
            // The state at the failing step may stand although averages over it do not.
            let reached = match error.step() {
                step if step < last => Some(step),
                _ => last.checked_sub(1),
            };
            let first = reached.map_or(0, |step| step + 1);
            let effort = matches!(error, RecursionError::Sampled { .. }).then_some(Effort::Sampled);
            self.absent_within(&Self::all_metrics(), (first, last), error, effort);
            last = reached?;
        }
    }

    /// Two steps on one batch, as far as the effort goes.
    fn reused_trajectory(&mut self, known: &mut u32) -> Option<Trajectory> {
        let result = match self.effort {
            Effort::Sampled => self.dynamics.run_reused(&self.population),
            Effort::Integrated => Err(RecursionError::Sampled { step: 1 }.into()),
        };
        match result {
            Ok(mut found) => {
                self.finish_reused(&mut found);
                Some(found)
            }
            Err(error) => {
                let sampled = matches!(error, ReuseError::First(RecursionError::Sampled { .. }));
                let integrated = sampled && self.reused_overlaps();
                let metrics: Vec<Metric> = Self::all_metrics()
                    .into_iter()
                    .filter(|metric| !(integrated && *metric == Metric::Overlap))
                    .collect();
                let effort = sampled.then_some(Effort::Sampled);
                self.absent_within(&metrics, (2, *known), error, effort);
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
        for group in Signs::ONE {
            for k in 0..overlap.ncols() {
                let Some(value) = self.mean_of(group, |c| overlap[(c, k)]) else {
                    continue;
                };
                if let Some(made) = self.push(2, Metric::Overlap, value, REUSED) {
                    made.direction = Some(k as u32 + 1);
                    made.group = Some(group);
                }
            }
        }
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
