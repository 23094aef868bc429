//! Work on a thread of its own, which Python waits for a while at a time.

use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use giantstep_lab::document;
use giantstep_lab::fence::fenced;
use giantstep_lab::work::{Asked, Event, Observer, Task};
use pyo3::prelude::*;
use rayon::ThreadPoolBuilder;
use serde_json::Value as Json;

use crate::errors::Problem;

/// What came of work, to be made an object of Python.
pub type Product = Box<dyn FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send>;

/// A product that is text.
pub fn text(text: String) -> Product {
    Box::new(move |py| Ok(text.into_pyobject(py)?.into_any().unbind()))
}

/// Makes a product of what is finished while the rest is under way.
type Finished = dyn Fn() -> Result<Product, Problem> + Send;

/// How far work is.
#[derive(Debug, Default)]
struct Progress {
    task: &'static str,
    done: u64,
    of: u64,
    /// Finished steps that nobody has fetched yet; none where nobody wants them.
    steps: Option<Vec<Json>>,
}

/// What the thread that works and the thread that waits share.
#[derive(Default)]
pub struct Shared {
    /// Whether it is to end.
    pub asked: Asked,
    progress: Mutex<Progress>,
    outcome: Mutex<Option<Result<Product, Problem>>>,
    /// None where nothing is finished before all is.
    finished: Mutex<Option<Box<Finished>>>,
    /// The exception of a function of Python that was called.
    raised: Mutex<Option<PyErr>>,
    ended: Condvar,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// Says how to make a product of what is finished, for one who does not wait for the block of rows under way.
    pub fn tells(&self, finished: impl Fn() -> Result<Product, Problem> + Send + 'static) {
        *locked(&self.finished) = Some(Box::new(finished));
    }

    /// Ends the work with an exception; the first of several counts.
    pub fn raise(&self, exception: PyErr) {
        locked(&self.raised).get_or_insert(exception);
        self.asked.ask_to_stop();
    }

    /// The exception that ended it.
    pub fn raised(&self) -> Option<PyErr> {
        locked(&self.raised).take()
    }
}

impl Observer for Shared {
    fn event(&self, event: Event<'_>) {
        let mut progress = locked(&self.progress);
        match event {
            Event::Begins { task, units } => {
                progress.task = match task {
                    Task::Runs => "runs",
                    Task::Predictions => "predictions",
                    Task::Figures => "figures",
                };
                (progress.done, progress.of) = (0, units);
            }
            Event::Done { units, .. } => progress.done += units,
            Event::Step {
                job,
                step,
                measurements,
            } => {
                if let Some(steps) = &mut progress.steps {
                    steps.push(document::step(job, step, measurements));
                }
            }
            Event::Ended { .. } => {}
        }
    }
}

/// Work that goes on while Python does other things; dropped, it ends.
#[pyclass(frozen, module = "giantstep._native")]
pub struct Work(Arc<Shared>);

impl Work {
    /// Begins work on `threads` threads.
    pub fn begin(
        threads: usize,
        steps: bool,
        what: impl FnOnce(&Arc<Shared>) -> Result<Product, Problem> + Send + 'static,
    ) -> PyResult<Self> {
        let shared = Arc::new(Shared::default());
        locked(&shared.progress).steps = steps.then(Vec::new);
        let own = shared.clone();
        let job = move || {
            let done = fenced(|| {
                let pool = ThreadPoolBuilder::new().num_threads(threads).build();
                let pool =
                    pool.map_err(|error| Problem::Failed(format!("threads = {threads}: {error}")))?;
                pool.install(|| what(&own))
            });
            let outcome = done.unwrap_or_else(|reason| Err(Problem::Failed(reason)));
            *locked(&own.outcome) = Some(outcome);
            own.ended.notify_all();
        };
        thread::Builder::new()
            .name("giantstep".to_owned())
            .spawn(job)?;
        Ok(Self(shared))
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.0.asked.ask_to_stop();
    }
}

#[pymethods]
impl Work {
    /// Waits so many seconds at most; whether the work has ended.
    fn wait(&self, py: Python<'_>, seconds: f64) -> bool {
        let until = Instant::now() + Duration::from_secs_f64(seconds.clamp(0.0, 3600.0));
        py.detach(|| {
            let mut outcome = locked(&self.0.outcome);
            while outcome.is_none() {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return false;
                }
                let waited = self.0.ended.wait_timeout(outcome, left);
                outcome = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
            true
        })
    }

    /// Asks for the end, at the next block of rows.
    fn stop(&self) {
        self.0.asked.ask_to_stop();
    }

    /// The task under way, how much of it is done, and how much there is.
    fn progress(&self) -> (&'static str, u64, u64) {
        let progress = locked(&self.0.progress);
        (progress.task, progress.done.min(progress.of), progress.of)
    }

    /// Finished steps since the last call, as JSON.
    fn steps(&self) -> Vec<String> {
        let mut progress = locked(&self.0.progress);
        let steps = progress.steps.as_mut().map(mem::take).unwrap_or_default();
        steps.iter().map(Json::to_string).collect()
    }

    /// What is finished of it so far; None where nothing is finished before all is.
    fn finished(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let finished = py.detach(|| locked(&self.0.finished).as_ref().map(|make| make()));
        finished.map(|product| product?(py)).transpose()
    }

    /// What came of it, once, after it has ended; before that, also once, the exception that has ended it.
    fn result(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        if let Some(exception) = self.0.raised() {
            return Err(exception);
        }
        let outcome = locked(&self.0.outcome).take();
        match outcome {
            Some(Ok(product)) => product(py),
            Some(Err(problem)) => Err(problem.into()),
            None => Err(Problem::Failed("the work goes on".to_owned()).into()),
        }
    }
}
