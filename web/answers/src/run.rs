//! The runs of an experiment file with all its points and seeds, in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use giantstep::ranks::Alone;
use giantstep_lab::chart::{check, figures};
use giantstep_lab::document;
use giantstep_lab::fence::fenced;
use giantstep_lab::keep::Trainers;
use giantstep_lab::plan::Costs;
use giantstep_lab::table;
use giantstep_lab::{
    Ask, Asked, Event, Manner, Memory, Observer, Plan, Predicted, Report, Results, Session, Wanted,
    perform,
};
use serde_json::{Value as Json, json};

use crate::load::{Load, Setting};
use crate::problem::{Kind, Problem};

/// The time that predictions may take where a file asks for all of them.
const PATIENCE: Duration = Duration::from_secs(10);

/// An experiment, read and checked.
///
/// # Errors
/// It cannot be understood, or its figures cannot be drawn.
pub fn experiment(file: &str) -> Result<Plan, Problem> {
    let plan = Plan::read_foreign(file, "experiment.toml").map_err(Problem::input)?;
    check(&plan).map_err(Problem::input)?;
    Ok(plan)
}

/// Runs that may begin.
#[derive(Debug)]
pub struct Begun {
    /// What is run.
    pub plan: Plan,
    costs: Costs,
    /// How many runs, and about how many seconds of work, as the page is told.
    pub runs: usize,
    /// By the cost model.
    pub seconds: f64,
}

/// Reads and checks an experiment file, and refuses what would take too much.
///
/// # Errors
/// It cannot be understood, or takes more than its bounds.
pub fn begun(file: &str, at: &Setting) -> Result<Begun, Problem> {
    let plan = experiment(file)?;
    let costs = plan.costs(at.machine).map_err(Problem::input)?;
    let jobs = costs.jobs(&plan);
    let load = Load::of(&jobs, at.speed);
    if let Some(reason) = load.refused(&at.bounds) {
        return Err(Problem::new(Kind::Input, reason));
    }
    let (runs, seconds) = (jobs.list.len(), load.seconds);
    drop(jobs);
    Ok(Begun {
        plan,
        costs,
        runs,
        seconds,
    })
}

/// How much of the task under way is done.
#[derive(Debug, Default)]
pub struct Progress {
    done: AtomicU64,
    of: AtomicU64,
}

impl Progress {
    /// Counts what an event says; whether it said anything of it.
    pub fn count(&self, event: &Event<'_>) -> bool {
        match event {
            Event::Begins { units, .. } => {
                self.done.store(0, Ordering::Relaxed);
                self.of.store(*units, Ordering::Relaxed);
            }
            Event::Done { units, .. } => {
                self.done.fetch_add(*units, Ordering::Relaxed);
            }
            _ => return false,
        }
        true
    }

    /// Units of the task that are done, and all of them.
    pub fn now(&self) -> (u64, u64) {
        let of = self.of.load(Ordering::Relaxed);
        (self.done.load(Ordering::Relaxed).min(of), of)
    }
}

/// What the page is told of an event: a name, and JSON. How much is done is told otherwise.
pub fn told(event: &Event<'_>) -> Option<(&'static str, Json)> {
    match event {
        Event::Step {
            job,
            step,
            measurements,
        } => Some(("step", document::step(job, *step, measurements))),
        Event::Ended {
            job,
            failure: Some(reason),
        } => Some((
            "failed",
            json!({ "point": job.index + 1, "seed": job.seed, "reason": reason }),
        )),
        _ => None,
    }
}

/// What came of a run.
#[derive(Debug)]
pub struct Product {
    /// That of `giantstep run --json`.
    pub document: Arc<str>,
    results: Results,
    predicted: Predicted,
}

impl Product {
    /// What was measured.
    pub fn results(&self) -> &Results {
        &self.results
    }

    /// The figures of its plan as SVG, by name.
    ///
    /// # Errors
    /// The program failed.
    pub fn figures(&self, plan: &Plan) -> Result<Json, Problem> {
        svg(plan, &self.results.table, &self.predicted)
    }

    /// The table as a Parquet file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn parquet(&self) -> Result<Vec<u8>, Problem> {
        table::encode(&self.results.table).map_err(Problem::failed)
    }
}

/// The table of results as CSV.
///
/// # Errors
/// It cannot be written.
pub fn csv(results: &Results) -> Result<String, Problem> {
    table::csv(&results.table).map_err(Problem::failed)
}

/// Runs, then asks theory; `measured` is told between the two. The runs of a file without a sweep go on from `trainers`.
///
/// # Errors
/// The reason why it could not be done.
pub fn run(
    begun: &Begun,
    trainers: &Arc<Trainers>,
    asked: &Asked,
    observer: &dyn Observer,
    measured: &dyn Fn(Arc<str>, &Results),
) -> Result<Product, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let jobs = begun.costs.jobs(&begun.plan);
    let session = Session {
        machine: jobs.machine,
        asked,
        observer,
        ranks: &Alone,
    };
    let keep = match begun.plan.points.len() {
        1 => Memory::with(trainers.clone()),
        _ => Memory::default(),
    };
    let all = &mut |rows| rows;
    let report = perform(&jobs, &keep, all, Manner::default(), &session);
    let mut report = report.map_err(|error| text(&error))?;
    if asked.to_end() {
        return Err("stopped".to_owned());
    }
    let document = |report: &Report<'_>| {
        let json = report.json(&[]).map_err(|error| text(&error))?;
        Ok::<Arc<str>, String>(json.to_string().into())
    };
    let ask = match jobs.plan.document.predictions() {
        wanted @ (Wanted::None | Wanted::Quick) => Ask::new(wanted),
        Wanted::Patient | Wanted::All => Ask::new(Wanted::Patient).within(PATIENCE),
    };
    if ask.wanted != Wanted::None {
        measured(document(&report)?, &report.results);
        // A run that theory fails on is shown without it.
        let _ = report.predict(ask, &session);
    }
    Ok(Product {
        document: document(&report)?,
        results: report.results,
        predicted: report.predicted,
    })
}

/// The figures of a plan as SVG, each with its name, or the reason why it is not drawn.
///
/// # Errors
/// The program failed.
pub fn svg(plan: &Plan, table: &table::Table, predicted: &Predicted) -> Result<Json, Problem> {
    let made = fenced(|| {
        let asked = Asked::default();
        let mut all = Vec::new();
        figures(
            plan,
            table,
            predicted,
            &Session::alone(1, &asked),
            &mut |name, figure| {
                let svg = figure
                    .map_err(|error| error.to_string())
                    .and_then(|figure| figure.to_svg().map_err(|error| error.to_string()));
                all.push(match svg {
                    Ok(svg) => json!({ "name": name, "svg": svg }),
                    Err(reason) => json!({ "name": name, "reason": reason }),
                });
            },
        );
        Json::from(all)
    });
    made.map_err(Problem::failed)
}
