//! One run, opened: a giant step, a look, another.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use giantstep::faer::Mat;
use giantstep::measurement::Measurement;
use giantstep::run::Trainer as Run;
use giantstep::watch::Watch;
use numpy::{IntoPyArray, PyArray2, PyArrayMethods};
use pyo3::prelude::*;
use serde_json::json;

use crate::callables::Caller;
use crate::errors::Problem;
use crate::experiment::{Plan, job};
use crate::work::{Shared, Work, text};

/// A run under way; it takes one question at a time.
#[pyclass(frozen, module = "giantstep._native")]
pub struct Trainer {
    run: Arc<Mutex<Option<Run<'static>>>>,
    threads: usize,
    /// Whom the functions of its experiment tell of their failures: the work under way.
    caller: Arc<Caller>,
}

fn locked<'a>(run: &'a Mutex<Option<Run<'static>>>) -> MutexGuard<'a, Option<Run<'static>>> {
    run.lock().unwrap_or_else(PoisonError::into_inner)
}

fn none() -> Problem {
    Problem::Failed("the initial network was not drawn: the trainer was stopped before".to_owned())
}

/// A matrix as an array, row by row.
pub fn array<'py>(py: Python<'py>, matrix: &Mat<f64>) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let (rows, columns) = (matrix.nrows(), matrix.ncols());
    let all: Vec<f64> = (0..rows * columns)
        .map(|at| matrix[(at / columns, at % columns)])
        .collect();
    all.into_pyarray(py).reshape([rows, columns])
}

fn as_json(measured: &[Measurement]) -> String {
    json!(measured).to_string()
}

/// How the library learns that the work is to end.
fn watched(shared: &Shared) -> Watch<'_> {
    Watch {
        stop: &shared.asked.stop,
        ..Watch::default()
    }
}

impl Trainer {
    /// Begins work of the run whose product is text.
    fn ask(
        &self,
        what: impl FnOnce(&mut Run<'static>, &Watch<'_>) -> Result<String, Problem> + Send + 'static,
    ) -> PyResult<Work> {
        let (run, caller) = (self.run.clone(), self.caller.clone());
        Work::begin(self.threads, false, move |shared| {
            let mut run = locked(&run);
            caller.is(shared);
            let run = run.as_mut().ok_or_else(none)?;
            Ok(text(what(run, &watched(shared))?))
        })
    }

    /// What is known of the run without work.
    fn look<T>(&self, py: Python<'_>, of: impl FnOnce(&Run<'static>) -> T + Send) -> PyResult<T>
    where
        T: Send,
    {
        let seen = py.detach(|| locked(&self.run).as_ref().map(of));
        Ok(seen.ok_or_else(none)?)
    }
}

#[pymethods]
impl Trainer {
    /// A trainer of a point, numbered from 1, and the work that draws its initial network.
    #[staticmethod]
    fn begin(plan: &Plan, point: usize, seed: u64, threads: usize) -> PyResult<(Self, Work)> {
        let caller = Arc::<Caller>::default();
        let plan = plan.bound(&caller);
        job(&plan, point, seed, threads)?;
        let run = Arc::new(Mutex::new(None));
        let (place, told) = (run.clone(), caller.clone());
        let work = Work::begin(threads, false, move |shared| {
            told.is(shared);
            let job = job(&plan, point, seed, threads)?;
            let mut setup = job.point.checked.setup.clone();
            setup.engine = job.cost.engine.into();
            let trainer = Run::new(&setup, seed, &watched(shared));
            let measured = as_json(trainer.measurements());
            *locked(&place) = Some(trainer);
            Ok(text(measured))
        })?;
        let trainer = Self {
            run,
            threads,
            caller,
        };
        Ok((trainer, work))
    }

    /// Begins the next giant step; the product is what was measured after it as JSON, `null` if there is no further step.
    fn step(&self) -> PyResult<Work> {
        self.ask(|run, watch| {
            let before = run.measurements().len();
            Ok(match run.step(watch) {
                Some(_) => as_json(&run.measurements()[before..]),
                None => "null".to_owned(),
            })
        })
    }

    /// Begins to measure the errors of the network as it is; the product is JSON.
    fn test_errors(&self) -> PyResult<Work> {
        self.ask(|run, watch| {
            let errors = run.test_errors(watch);
            let errors = errors.map_err(|error| Problem::Failed(error.to_string()))?;
            Ok(as_json(&errors))
        })
    }

    /// The number of steps taken.
    fn taken(&self, py: Python<'_>) -> PyResult<u32> {
        self.look(py, Run::taken)
    }

    /// `M = W W*^T`, p x r.
    fn overlaps<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        array(py, &self.look(py, Run::overlaps)?)
    }

    /// `Q = W W^T`, p x p.
    fn covariance<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        array(py, &self.look(py, Run::covariance)?)
    }

    /// The first layer and the target's directions in coordinates of one frame: p x q and r x q.
    fn weights<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyArray2<f64>>, Bound<'py, PyArray2<f64>>)> {
        let both = |run: &Run<'static>| {
            let (first, target) = (&run.network().first, run.target());
            let columns = first.columns().max(target.columns());
            (first.widened(columns), target.widened(columns))
        };
        let (first, target) = self.look(py, both)?;
        Ok((array(py, &first)?, array(py, &target)?))
    }

    /// The second layer.
    fn second(&self, py: Python<'_>) -> PyResult<Vec<f64>> {
        self.look(py, |run| run.network().second.clone())
    }
}
