//! The runs of a plan: what each will take, what it measures, how it ends.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use giantstep::batch::{Context, Direct, InLaw};
use giantstep::cost::{Cost, EngineKind, cheaper, cost};
use giantstep::metrics::Measurement;
use giantstep::ranks::Alone;
use giantstep::real::Real;
use giantstep::run::{Outcome, Run, run};
use giantstep::spec::{Checked, EngineChoice, Precision};

use crate::memory;
use crate::plan::{Plan, Point};
use crate::ranks;
use crate::schedule::work;
use crate::table::Record;
use crate::terminal;

/// Why a plan was not started.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// A run needs more memory than allowed.
    #[error(
        "run.memory_limit = {}: the point{} needs about {} on the {} engine\n  help: {remedy}",
        terminal::bytes(*limit), point, terminal::bytes(*needed), engine_name(*engine)
    )]
    Memory {
        /// The settings of the point, or empty.
        point: String,
        /// The engine it would run on.
        engine: EngineKind,
        /// Bytes predicted.
        needed: u64,
        /// Bytes allowed.
        limit: u64,
        /// What to do.
        remedy: &'static str,
    },
    /// The pool of threads could not be started.
    #[error("run.threads = {threads}: {source}")]
    Threads {
        /// As asked for.
        threads: usize,
        /// What the library said.
        source: rayon::ThreadPoolBuildError,
    },
}

/// The name of an engine as it is typed in a file.
pub fn engine_name(engine: EngineKind) -> &'static str {
    match engine {
        EngineKind::Direct => "direct",
        EngineKind::InLaw => "in_law",
    }
}

/// What one run will take.
#[derive(Debug, Clone, Copy)]
pub struct Prediction {
    /// The engine it runs on.
    pub engine: EngineKind,
    /// Its cost.
    pub cost: Cost,
    /// The cost on the other engine.
    pub other: Cost,
}

impl Prediction {
    /// The same run on the other engine.
    fn swapped(self) -> Self {
        Self {
            engine: match self.engine {
                EngineKind::Direct => EngineKind::InLaw,
                EngineKind::InLaw => EngineKind::Direct,
            },
            cost: self.other,
            other: self.cost,
        }
    }
}

/// One run of a plan.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// The point.
    pub point: &'a Point,
    /// Its number, from 0.
    pub index: usize,
    /// The seed.
    pub seed: u64,
    /// What it will take.
    pub predicted: Prediction,
}

impl Job<'_> {
    /// The run in numbers that another rank with the same plan understands.
    pub fn as_numbers(&self) -> [u64; 3] {
        [self.index as u64, self.seed, self.predicted.engine as u64]
    }

    /// The run of a plan that these numbers stand for; none if it has no such point.
    pub fn from_numbers(plan: &Plan, [index, seed, engine]: [u64; 3]) -> Option<Job<'_>> {
        let index = usize::try_from(index).ok()?;
        let point = plan.points.get(index)?;
        let predicted = predict(point).ok()?;
        // The choice of the engine depends on the number of threads, which may differ.
        let predicted = if predicted.engine as u64 == engine {
            predicted
        } else {
            predicted.swapped()
        };
        Some(Job {
            point,
            index,
            seed,
            predicted,
        })
    }
}

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
    pub records: Vec<Record>,
    /// Runs that did not complete; their finished steps are among the records.
    pub failures: Vec<Failure>,
    /// Whether the end was asked for before all runs were done.
    pub interrupted: bool,
    /// Runs that completed.
    pub completed: usize,
    /// Runs planned.
    pub planned: usize,
}

/// The number of threads that a point asks for.
pub fn threads(checked: &Checked) -> usize {
    match checked.threads {
        0 => ranks::cores(),
        threads => threads,
    }
}

/// The engine and cost of one run of a point; the memory is that of one rank, the engine what one process would take, so
/// that results do not depend on the number of ranks.
///
/// # Errors
/// [`ExecuteError::Memory`] if it does not fit into the memory limit.
pub fn predict(point: &Point) -> Result<Prediction, ExecuteError> {
    let checked = &point.checked;
    let threads = threads(checked);
    let limit = checked.memory_limit;
    let engine = match checked.engine {
        EngineChoice::Direct => EngineKind::Direct,
        EngineChoice::InLaw => EngineKind::InLaw,
        EngineChoice::Auto => cheaper(
            &checked.experiment,
            checked.precision,
            threads,
            limit as f64,
        ),
    };
    let of = |engine| {
        let cost = cost(&checked.experiment, engine, checked.precision, threads);
        Cost {
            memory: cost.memory_on(ranks::size()),
            ..cost
        }
    };
    let other = match engine {
        EngineKind::Direct => EngineKind::InLaw,
        EngineKind::InLaw => EngineKind::Direct,
    };
    let prediction = Prediction {
        engine,
        cost: of(engine),
        other: of(other),
    };
    if prediction.cost.memory > limit as f64 {
        let remedy = match checked.engine {
            EngineChoice::Auto => "raise run.memory_limit, or choose smaller n, d or p",
            _ if prediction.other.memory <= limit as f64 => {
                "the other engine fits: set run.engine = \"auto\""
            }
            _ => "raise run.memory_limit, or choose smaller n, d or p",
        };
        return Err(ExecuteError::Memory {
            point: described(point),
            engine,
            needed: prediction.cost.memory as u64,
            limit,
            remedy,
        });
    }
    Ok(prediction)
}

/// ` (key = value, ...)`, or nothing for a plan without a sweep.
pub fn described(point: &Point) -> String {
    if point.settings.is_empty() {
        return String::new();
    }
    let settings: Vec<String> = point.settings.iter().map(ToString::to_string).collect();
    format!(" ({})", settings.join(", "))
}

/// All runs of a plan, by point and seed.
///
/// # Errors
/// [`ExecuteError::Memory`] if one does not fit.
pub fn jobs(plan: &Plan) -> Result<Vec<Job<'_>>, ExecuteError> {
    let mut jobs = Vec::new();
    for (index, point) in plan.points.iter().enumerate() {
        let predicted = predict(point)?;
        jobs.extend(point.checked.seeds.clone().map(|seed| Job {
            point,
            index,
            seed,
            predicted,
        }));
    }
    Ok(jobs)
}

/// Runs every point and seed in memory; `stop` ends the work at the next block of rows.
///
/// # Errors
/// [`ExecuteError`] before anything is run.
pub fn execute(plan: &Plan, stop: &AtomicBool) -> Result<Results, ExecuteError> {
    let jobs = jobs(plan)?;
    let ended = Mutex::new(BTreeMap::new());
    let one = |number: usize, job: &Job<'_>, context: Context<'_>| {
        let run = simulate(job, context);
        let mut ended = ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.insert(number, run);
    };
    work(&jobs, &Alone, stop, &|| !stop.load(Ordering::Relaxed), &one)?;
    let ended = ended.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut results = Results {
        planned: jobs.len(),
        interrupted: stop.load(Ordering::Relaxed),
        ..Results::default()
    };
    for (number, run) in ended {
        let job = &jobs[number];
        let records = run
            .as_ref()
            .map(|run| records(job, &run.measurements))
            .unwrap_or_default();
        let reason = run.map_or_else(
            |reason| Some((FailureKind::Failed, reason)),
            |run| failure(&run.outcome),
        );
        results.keep(job, records, reason);
    }
    Ok(results)
}

/// One run. A run that does not fit into what memory is left, or whose code panics, is told from others by its reason.
pub fn simulate(job: &Job<'_>, context: Context<'_>) -> Result<Run, String> {
    let needed = job.predicted.cost.memory as u64;
    let short = memory::available().filter(|available| *available < needed);
    if context.ranks.any(short.is_some()) {
        let available = short.unwrap_or_default();
        return Err(format!(
            "out of memory: the run needs about {}, and {} can still be had; free memory or choose smaller n, d or p, then \
             `giantstep retry --failed`",
            terminal::bytes(needed),
            terminal::bytes(available)
        ));
    }
    let run = || simulate_unchecked(job.point, job.predicted.engine, job.seed, context);
    std::panic::catch_unwind(AssertUnwindSafe(run)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        format!(
            "the program failed: {}; please report it",
            text.unwrap_or_default()
        )
    })
}

/// What a run has measured as rows of a table, without the columns of a sweep.
pub fn records(job: &Job<'_>, measurements: &[Measurement]) -> Vec<Record> {
    let experiment = &job.point.checked.experiment;
    let records = measurements.iter().map(|measured| Record {
        seed: job.seed,
        n: experiment.protocol.batch as f64,
        d: experiment.protocol.dimension as f64,
        p: experiment.network.width as u64,
        step: measured.step,
        metric: measured.metric.to_owned(),
        neuron: measured.neuron,
        direction: measured.direction,
        rank: measured.rank,
        group: measured.group.map(str::to_owned),
        ridge: measured.ridge,
        value: measured.value,
        axes: Vec::new(),
    });
    records.collect()
}

/// One seed of one point.
fn simulate_unchecked(point: &Point, engine: EngineKind, seed: u64, context: Context<'_>) -> Run {
    fn on<T: Real>(checked: &Checked, engine: EngineKind, seed: u64, context: Context<'_>) -> Run {
        let dimension = checked.experiment.protocol.dimension;
        match engine {
            EngineKind::Direct => {
                let mut engine = Direct::<T>::new(dimension as usize, checked.directions, seed);
                run(&checked.experiment, &mut engine, seed, context)
            }
            EngineKind::InLaw => {
                let mut engine = InLaw::<T>::new(dimension, seed);
                run(&checked.experiment, &mut engine, seed, context)
            }
        }
    }
    match point.checked.precision {
        Precision::F32 => on::<f32>(&point.checked, engine, seed, context),
        Precision::F64 => on::<f64>(&point.checked, engine, seed, context),
    }
}

impl Results {
    /// Adds a run that has ended, with the reason if it did not complete; columns of the sweep are those of its point.
    pub fn keep(
        &mut self,
        job: &Job<'_>,
        records: Vec<Record>,
        reason: Option<(FailureKind, String)>,
    ) {
        let axes = job.point.axes();
        self.records
            .extend(records.into_iter().map(|record| Record {
                axes: axes.clone(),
                ..record
            }));
        match reason {
            None => self.completed += 1,
            Some((kind, reason)) => self.failures.push(Failure {
                kind,
                point: described(job.point).trim().to_owned(),
                seed: job.seed,
                reason,
            }),
        }
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
