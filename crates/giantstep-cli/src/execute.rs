//! Runs the points of a plan, seed by seed, and keeps whatever is finished.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use giantstep::batch::{Context, Direct, InLaw};
use giantstep::cost::{Cost, EngineKind, cheaper, cost};
use giantstep::metrics::Measurement;
use giantstep::real::Real;
use giantstep::run::{Outcome, Run, run};
use giantstep::spec::{Checked, EngineChoice, Precision, SaveWeights};
use rayon::prelude::*;

use crate::plan::{Plan, Point};
use crate::table::Record;
use crate::terminal::{self, Progress};

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

/// One run that did not complete.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Failure {
    /// The settings of its point.
    pub point: String,
    /// Its seed.
    pub seed: u64,
    /// What happened, and what to do.
    pub reason: String,
}

/// The last weights of one run.
#[derive(Debug)]
pub struct Weights {
    /// The point.
    pub point: usize,
    /// The seed.
    pub seed: u64,
    /// The network and target, in coordinates.
    pub run: Run,
}

/// What came of a plan.
#[derive(Debug, Default)]
pub struct Results {
    /// Every number measured, by point, seed and step.
    pub records: Vec<Record>,
    /// Runs that did not complete; their finished steps are among the records.
    pub failures: Vec<Failure>,
    /// Weights, where asked for.
    pub weights: Vec<Weights>,
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
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    }
}

/// The engine and cost of one run of a point.
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
    let of = |engine| cost(&checked.experiment, engine, checked.precision, threads);
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

/// Runs every point and seed; `stop` ends the work at the next block of rows.
///
/// Small runs are spread over the cores, large ones use all cores one after another; results are the same.
///
/// # Errors
/// [`ExecuteError`] before anything is run.
pub fn execute(plan: &Plan, stop: &AtomicBool) -> Result<Results, ExecuteError> {
    let predictions = plan
        .points
        .iter()
        .map(predict)
        .collect::<Result<Vec<_>, _>>()?;
    let seeds = |point: &Point| point.checked.seeds.clone();
    let total = plan
        .points
        .iter()
        .zip(&predictions)
        .map(|(point, predicted)| predicted.cost.rows * (seeds(point).end - seeds(point).start));
    let progress = Progress::new(total.sum());
    let report = progress.callback();
    let done = AtomicU64::new(0);
    let count = |rows: u64| report(done.fetch_add(rows, Ordering::Relaxed) + rows);
    let mut results = Results::default();
    for ((index, point), predicted) in plan.points.iter().enumerate().zip(&predictions) {
        let threads = threads(&point.checked);
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .map_err(|source| ExecuteError::Threads { threads, source })?;
        results.planned += seeds(point).count();
        let one = |seed: u64| {
            let context = Context {
                stop,
                progress: &count,
            };
            (seed, simulate(point, predicted.engine, seed, context))
        };
        // Nested parallelism would let a waiting thread start another large run: spread small ones only.
        let spread = predicted.cost.equivalent_flops() < 2e9
            && predicted.cost.memory * threads as f64 <= point.checked.memory_limit as f64;
        let runs: Vec<(u64, Run)> = pool.install(|| match spread {
            true => seeds(point)
                .collect::<Vec<u64>>()
                .into_par_iter()
                .with_max_len(1)
                .map(one)
                .collect(),
            false => seeds(point)
                .take_while(|_| !stop.load(Ordering::Relaxed))
                .map(one)
                .collect(),
        });
        for (seed, run) in runs {
            results.keep(index, point, seed, run);
        }
        if stop.load(Ordering::Relaxed) {
            results.interrupted = true;
            results.planned = plan.points.iter().map(|point| seeds(point).count()).sum();
            break;
        }
    }
    Ok(results)
}

/// One seed of one point.
fn simulate(point: &Point, engine: EngineKind, seed: u64, context: Context<'_>) -> Run {
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
    /// Adds what one seed of a point has measured.
    pub(crate) fn record(&mut self, point: &Point, seed: u64, measurements: &[Measurement]) {
        let experiment = &point.checked.experiment;
        let axes: Vec<(String, f64)> = point
            .settings
            .iter()
            .filter(|setting| {
                !matches!(
                    setting.key.as_str(),
                    "protocol.dimension" | "protocol.batch" | "network.width"
                )
            })
            .map(|setting| (setting.key.clone(), setting.number()))
            .collect();
        let records = measurements.iter().map(|measured| Record {
            seed,
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
            axes: axes.clone(),
        });
        self.records.extend(records);
    }

    fn keep(&mut self, index: usize, point: &Point, seed: u64, run: Run) {
        self.record(point, seed, &run.measurements);
        match failure(&run.outcome) {
            None => self.completed += 1,
            Some(reason) => {
                self.interrupted |= matches!(run.outcome, Outcome::Interrupted { .. });
                self.failures.push(Failure {
                    point: described(point).trim().to_owned(),
                    seed,
                    reason,
                });
            }
        }
        if point.checked.save_weights == SaveWeights::Last {
            self.weights.push(Weights {
                point: index,
                seed,
                run,
            });
        }
    }
}

fn failure(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Completed => None,
        Outcome::Interrupted { step } => Some(format!(
            "interrupted in step {step}; earlier steps are kept"
        )),
        Outcome::Diverged { step, neuron } => Some(format!(
            "step {step}: neuron {neuron} is no longer finite; earlier steps are kept; \
             choose a smaller protocol.step_size or run.precision = \"f64\""
        )),
        Outcome::NoReadout { step, reason } => {
            Some(format!("step {step}: {reason}; earlier steps are kept"))
        }
    }
}
