//! Experiments: read, costed, run, predicted, cited.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use giantstep::ranks::Alone;
use giantstep_lab::chart::check;
use giantstep_lab::claims::{CLAIMS, Claim, measure};
use giantstep_lab::experiments::EXPERIMENTS;
use giantstep_lab::keep::{Earlier, Keep, Shelf};
use giantstep_lab::plan::{self, Job, listing};
use giantstep_lab::table::{Sift, TableFile};
use giantstep_lab::{
    Ask, Jobs, Manner, Memory, Predicted, Report, Scale, Session, Store, Wanted, perform, recall,
};
use pyo3::prelude::*;
use serde_json::json;

use crate::callables::{Caller, Own, OwnActivation, OwnLink};
use crate::errors::Problem;
use crate::machine::{cited, machine};
use crate::results::Results;
use crate::work::{Product, Shared, Work, text};

/// What work in Python is accompanied by.
pub fn session(shared: &Shared, threads: usize) -> Session<'_> {
    Session {
        machine: machine(threads),
        asked: &shared.asked,
        observer: shared,
        ranks: &Alone,
    }
}

fn wanted(effort: &str) -> Wanted {
    match effort {
        "none" => Wanted::None,
        "patient" => Wanted::Patient,
        "all" => Wanted::All,
        _ => Wanted::Quick,
    }
}

/// An experiment, read and checked.
#[pyclass(frozen, module = "giantstep._native")]
pub struct Plan {
    plan: Arc<plan::Plan>,
    /// Functions in the places of its expressions.
    own: Own,
}

impl Plan {
    fn jobs(&self, threads: usize) -> Result<Jobs<'_>, Problem> {
        self.plan
            .jobs(machine(threads))
            .map_err(Problem::experiment)
    }
}

/// The run of a point, numbered from 1, with a seed of its own or any other.
pub fn job(plan: &plan::Plan, point: usize, seed: u64, threads: usize) -> Result<Job<'_>, Problem> {
    let index = point.wrapping_sub(1);
    let Some(found) = plan.points.get(index) else {
        let points = plan.points.len();
        return Err(Problem::Experiment(format!(
            "point = {point}: the experiment has points 1 to {points}"
        )));
    };
    let cost = found.cost(machine(threads)).map_err(Problem::experiment)?;
    Ok(Job {
        point: found,
        index,
        seed,
        cost,
    })
}

#[pymethods]
impl Plan {
    /// From the text of a file with changes `key=value`, and functions in the places of expressions.
    #[new]
    #[pyo3(signature = (file, origin, changes, quick, link=None, activation=None))]
    fn new(
        file: &str,
        origin: &str,
        changes: Vec<String>,
        quick: bool,
        link: Option<OwnLink>,
        activation: Option<OwnActivation>,
    ) -> PyResult<Self> {
        let scale = if quick { Scale::Quick } else { Scale::Full };
        let own = Own::new(link, activation);
        let callables = own.callables(&Arc::default());
        let plan = plan::Plan::read_with(file, origin, &changes, scale, callables);
        let plan = plan.map_err(Problem::experiment)?;
        check(&plan).map_err(Problem::experiment)?;
        Ok(Self {
            plan: Arc::new(plan),
            own,
        })
    }

    /// The file as it was understood.
    fn toml(&self) -> PyResult<String> {
        Ok(self.plan.document.resolved().map_err(Problem::experiment)?)
    }

    /// The points of the sweep as JSON: settings, sizes, seeds, engine, cost.
    fn points(&self, threads: usize) -> PyResult<String> {
        let jobs = self.jobs(threads)?;
        let points = self.plan.points.iter().enumerate().map(|(index, point)| {
            let setup = &point.checked.setup;
            let protocol = &setup.experiment.protocol;
            let settings = point
                .settings
                .iter()
                .map(|setting| (setting.key.clone(), json!(setting.value)));
            let job = jobs.of_point(index).first();
            json!({
                "point": index + 1,
                "settings": settings.collect::<serde_json::Map<_, _>>(),
                "n": protocol.batch, "d": protocol.dimension, "p": setup.experiment.network.width,
                "steps": protocol.steps, "step_size": protocol.step_size.at(1),
                "seeds": [point.checked.seeds.start, point.checked.seeds.end],
                "engine": job.map(|job| job.cost.engine),
                "flops": job.map(|job| job.cost.cost.flops),
                "memory": job.map(|job| job.cost.cost.memory),
                "other": job.and_then(|job| {
                    let (engine, cost) = job.cost.engine.other().zip(job.cost.other)?;
                    Some(json!({ "engine": engine, "flops": cost.flops, "memory": cost.memory }))
                }),
            })
        });
        Ok(json!(points.collect::<Vec<_>>()).to_string())
    }

    /// Begins its runs, in memory or in a folder; the product is [`Results`], of what has ended if the end was asked for.
    #[pyo3(signature = (folder, threads, effort, steps))]
    fn run(
        &self,
        folder: Option<PathBuf>,
        threads: usize,
        effort: &str,
        steps: bool,
    ) -> PyResult<Work> {
        let caller = Arc::<Caller>::default();
        let plan = self.bound(&caller);
        let wanted = wanted(effort);
        Work::begin(threads, steps, move |shared| {
            caller.is(shared);
            let jobs = plan.jobs(machine(threads)).map_err(Problem::experiment)?;
            let session = session(shared, threads);
            let manner = Manner::default();
            let report = match folder {
                None => {
                    let (memory, all) = (Arc::new(Memory::default()), &mut |rows| rows);
                    shared.tells(finished(&plan, &memory, threads));
                    let report = perform(&jobs, &*memory, all, manner, &session);
                    let mut report = report.map_err(Problem::results)?;
                    // Runs that theory fails on come without it.
                    let _ = report.predict(Ask::new(wanted), &session);
                    report
                }
                Some(folder) => {
                    let store = Store::open(&folder, &plan, Earlier::Refused);
                    let store = Arc::new(store.map_err(Problem::results)?);
                    shared.tells(finished(&plan, &store, threads));
                    let mut table = TableFile::new(&folder, &plan, Sift::ALL);
                    let sift = &mut |rows| table.take(rows);
                    let report = perform(&jobs, &*store, sift, manner, &session);
                    let mut report = report.map_err(Problem::results)?;
                    table.finish().map_err(Problem::results)?;
                    let shelf = Shelf::of(&folder);
                    let _ = report.predict(Ask::new(wanted).kept(&shelf), &session);
                    let written = report.write(&store, &folder, &session);
                    written.map_err(Problem::results)?;
                    report
                }
            };
            let Report {
                results, predicted, ..
            } = report;
            drop(jobs);
            Ok(Results::product(plan, results, predicted))
        })
    }

    /// Begins its predictions, within so many seconds if a number is given; the product is [`Predictions`].
    #[pyo3(signature = (effort, threads, seconds=None))]
    fn predict(&self, effort: &str, threads: usize, seconds: Option<f64>) -> PyResult<Work> {
        let (plan, mut ask) = (self.plan.clone(), Ask::new(wanted(effort)));
        if let Some(seconds) = seconds {
            let time = Duration::try_from_secs_f64(seconds);
            let time =
                time.map_err(|error| Problem::Failed(format!("timeout = {seconds}: {error}")))?;
            ask = ask.within(time);
        }
        Work::begin(threads, false, move |shared| {
            let predicted = Predicted::of(&plan, ask, &session(shared, threads));
            if predicted.interrupted {
                return Err(Problem::Interrupted);
            }
            Ok(Predictions::product(plan, predicted))
        })
    }

    /// The papers that it rests on, as text and as BibTeX.
    fn cite(&self, threads: usize) -> (String, String) {
        cited(&self.plan, &Predicted::default(), threads)
    }
}

/// Makes results of the runs of a plan that have ended.
fn finished<K: Keep + Send + 'static>(
    plan: &Arc<plan::Plan>,
    keep: &Arc<K>,
    threads: usize,
) -> impl Fn() -> Result<Product, Problem> + Send + 'static {
    let (plan, keep) = (plan.clone(), keep.clone());
    move || {
        let jobs = plan.jobs(machine(threads)).map_err(Problem::experiment)?;
        let report = recall(&jobs, &*keep, &mut |rows| rows).map_err(Problem::results)?;
        let results = report.results;
        Ok(Results::product(
            plan.clone(),
            results,
            Predicted::default(),
        ))
    }
}

/// What theory says of a plan.
#[pyclass(frozen, module = "giantstep._native")]
pub struct Predictions {
    plan: Arc<plan::Plan>,
    predicted: Predicted,
}

impl Predictions {
    fn product(plan: Arc<plan::Plan>, predicted: Predicted) -> Product {
        Box::new(move |py| Ok(Py::new(py, Self { plan, predicted })?.into_any()))
    }
}

#[pymethods]
impl Predictions {
    /// An object for each point, as JSON.
    fn json(&self) -> String {
        self.predicted.json().to_string()
    }

    /// The papers that it rests on, as text and as BibTeX.
    fn cite(&self, threads: usize) -> (String, String) {
        cited(&self.plan, &self.predicted, threads)
    }
}

impl Plan {
    /// The plan, whose functions tell `caller` of their failures.
    pub fn bound(&self, caller: &Arc<Caller>) -> Arc<plan::Plan> {
        self.own.bind(&self.plan, caller)
    }
}

/// The tables and lists of a TOML text as JSON.
#[pyfunction]
pub fn table(file: &str) -> PyResult<String> {
    let table: toml::Table = file
        .parse()
        .map_err(|error| Problem::Experiment(format!("{error}")))?;
    Ok(json!(table).to_string())
}

/// Name and text of the experiments that come along.
#[pyfunction]
pub fn presets() -> Vec<(&'static str, &'static str)> {
    EXPERIMENTS.to_vec()
}

/// Every key of an experiment file as JSON.
#[pyfunction]
pub fn keys() -> String {
    json!(listing()).to_string()
}

/// The JSON Schema of experiment files.
#[pyfunction]
pub fn schema() -> String {
    json!(plan::Plan::schema()).to_string()
}

/// Begins the measurement of claims, all of the ledger without names; the product is JSON.
#[pyfunction]
pub fn claims(names: Option<Vec<String>>, quick: bool, threads: usize) -> PyResult<Work> {
    let scale = if quick { Scale::Quick } else { Scale::Full };
    let names =
        names.unwrap_or_else(|| CLAIMS.iter().map(|(name, _)| (*name).to_owned()).collect());
    let read = |name: &String| {
        let found = CLAIMS.iter().find(|(known, _)| known == name);
        let Some((name, file)) = found else {
            let known: Vec<&str> = CLAIMS.iter().map(|(name, _)| *name).collect();
            return Err(Problem::Experiment(format!(
                "no claim `{name}`; known are {}",
                known.join(", ")
            )));
        };
        Claim::read(name, file, scale).map_err(Problem::experiment)
    };
    let claims = names.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    Work::begin(threads, false, move |shared| {
        let session = session(shared, threads);
        let mut entries = Vec::new();
        for claim in &claims {
            entries.push(measure(claim, &session).map_err(Problem::experiment)?);
        }
        Ok(text(json!(entries).to_string()))
    })
}

/// The command line; `itself` are the words with which a script calls it again.
#[pyfunction]
pub fn command(py: Python<'_>, arguments: Vec<OsString>, itself: Vec<OsString>) -> u8 {
    py.detach(|| giantstep_cli::command(arguments, itself))
}
