//! What came of a plan: numbers, and the runs that did not complete.

use giantstep::measurement::Measurement;
use giantstep::run::Outcome;

use crate::plan::Job;
use crate::plan::Plan;
use crate::table::{Record, Table};

/// One run that did not complete.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Failure {
    /// The settings of its point.
    pub point: String,
    /// Its seed.
    pub seed: u64,
    /// In which way.
    pub kind: FailureKind,
    /// What happened, and what to do.
    pub reason: String,
}

/// In which way a run did not complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// It failed, and would fail again.
    Failed,
    /// It was dropped, because the end was asked for.
    Dropped,
}

/// What came of a plan.
#[derive(Debug, Default)]
pub struct Results {
    /// Every number measured, by point, seed and step.
    pub table: Table,
    /// Runs that did not complete; their finished steps are among the records.
    pub failures: Vec<Failure>,
    /// Whether the end was asked for before all runs were done.
    pub interrupted: bool,
    /// Runs that completed.
    pub completed: usize,
    /// Runs planned.
    pub planned: usize,
}

impl Results {
    /// Of a plan of so many runs, before any has ended.
    pub fn of(plan: &Plan, planned: usize) -> Self {
        Self {
            table: Table::of(plan),
            planned,
            ..Self::default()
        }
    }

    /// Adds the run of a job, which has ended, with the reason if it did not complete.
    pub fn keep(&mut self, job: &Job<'_>, reason: Option<(FailureKind, String)>) {
        match reason {
            None => self.completed += 1,
            Some((kind, reason)) => self.failures.push(Failure {
                kind,
                point: job.point.described().trim().to_owned(),
                seed: job.seed,
                reason,
            }),
        }
    }
}

impl Results {
    /// How many runs did not complete in this way.
    pub fn count(&self, kind: FailureKind) -> usize {
        let failures = self.failures.iter();
        failures.filter(|failure| failure.kind == kind).count()
    }
}

/// Why a run did not complete; none if it did.
pub fn failure(outcome: &Outcome) -> Option<(FailureKind, String)> {
    let (kind, reason) = match outcome {
        Outcome::Completed => return None,
        Outcome::Interrupted { step } => (
            FailureKind::Dropped,
            format!("interrupted in step {step}; earlier steps are kept"),
        ),
        Outcome::Diverged { step, neuron } => (
            FailureKind::Failed,
            format!(
                "step {step}: neuron {neuron} is no longer finite; earlier steps are kept; \
                 choose a smaller protocol.step_size or run.precision = \"f64\""
            ),
        ),
        Outcome::NoReadout { step, reason } => (
            FailureKind::Failed,
            format!("step {step}: {reason}; earlier steps are kept"),
        ),
    };
    Some((kind, reason))
}

/// Rows of the run of this place in the list of jobs.
pub fn placed(number: usize, job: &Job<'_>, mut rows: Vec<Record>) -> Vec<Record> {
    for row in &mut rows {
        (row.point, row.run) = (job.index as u32 + 1, number as u32 + 1);
    }
    rows
}

/// What a run has measured as rows of a table, without its place in a plan.
pub fn records<'a>(
    job: &'a Job<'_>,
    measurements: &'a [Measurement],
) -> impl Iterator<Item = Record> + 'a {
    let experiment = &job.point.checked.setup.experiment;
    measurements.iter().map(|measured| Record {
        seed: job.seed,
        step: measured.step,
        neuron: measured.neuron,
        direction: measured.direction,
        rank: measured.rank,
        group: measured.group,
        ridge: measured.ridge,
        ..Record::of(experiment, measured.metric, measured.value)
    })
}
