//! Runs: each an experiment file with all its points and seeds, on a thread of its own, in memory.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::{Path, State as Of};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use giantstep_answers::{self as answers, Begun, Kind, Problem, Product, Progress, asked, begun};
use giantstep_lab::fence::fenced;
use giantstep_lab::keep::Trainers;
use giantstep_lab::work::{Asked, Event, Observer};
use serde::Deserialize;
use serde_json::json;

use crate::lane::Lane;
use crate::log::Log;
use crate::problem::{Refusal, answer};
use crate::{Limits, STACK, State};

/// How long a run waits for the end of the one that it replaces.
const GRACE: Duration = Duration::from_secs(5);

/// How far a run is.
#[derive(Debug, Clone)]
enum Stage {
    /// It works.
    Running,
    /// Everything is measured, and theory is asked.
    Measured(Arc<str>),
    /// It has ended.
    Done(Arc<Product>),
    /// It was told to end.
    Stopped,
    /// It could not be done.
    Failed(String),
}

/// A run.
#[derive(Debug)]
pub struct Run {
    asked: Asked,
    pub log: Log,
    progress: Progress,
    stage: Mutex<Stage>,
    ended: Condvar,
    begun: Begun,
}

impl Observer for Run {
    fn event(&self, event: Event<'_>) {
        self.progress.count(&event);
        if let Some((name, json)) = answers::told(&event) {
            self.log.tell(name, json.to_string());
        }
    }
}

impl Run {
    fn new(begun: Begun) -> Self {
        Self {
            asked: Asked::default(),
            log: Log::default(),
            progress: Progress::default(),
            stage: Mutex::new(Stage::Running),
            ended: Condvar::new(),
            begun,
        }
    }

    /// Units of the task under way that are done, and all of them.
    pub fn progress(&self) -> (u64, u64) {
        self.progress.now()
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_ended(&self) -> bool {
        !matches!(*self.stage(), Stage::Running | Stage::Measured(_))
    }

    fn enter(&self, stage: Stage) {
        *self.stage() = stage;
        self.ended.notify_all();
    }

    /// Waits until it has ended, so long at most.
    fn wait(&self, time: Duration) {
        let until = Instant::now() + time;
        let mut stage = self.stage();
        while matches!(*stage, Stage::Running | Stage::Measured(_)) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.ended.wait_timeout(stage, left);
            stage = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Works, and tells of it; whatever happens, its end is told.
    fn work(&self, trainers: &Arc<Trainers>, instead_of: Option<Arc<Run>>) {
        if let Some(earlier) = instead_of {
            earlier.wait(GRACE);
        }
        let measured = |document, _: &_| {
            self.enter(Stage::Measured(document));
            self.log.tell("measured", "{}".to_owned());
        };
        let run = || answers::run(&self.begun, trainers, &self.asked, self, &measured);
        let stage = match fenced(run) {
            _ if self.asked.to_end() => Stage::Stopped,
            Ok(Ok(product)) => Stage::Done(Arc::new(product)),
            Ok(Err(reason)) | Err(reason) => Stage::Failed(reason),
        };
        let (name, json) = match &stage {
            Stage::Failed(reason) => ("broken", Problem::failed(reason).json()),
            Stage::Done(_) => ("done", json!({})),
            _ => ("stopped", json!({})),
        };
        self.enter(stage);
        self.log.tell(name, json.to_string());
        self.log.close();
    }
}

/// All runs, by number.
#[derive(Debug)]
pub struct Runs {
    all: Mutex<BTreeMap<u64, Arc<Run>>>,
    last: AtomicU64,
    trainers: Arc<Trainers>,
}

impl Runs {
    /// None yet; those that can go on hold together no more memory than one may take.
    pub fn new(limits: &Limits) -> Self {
        Self {
            all: Mutex::default(),
            last: AtomicU64::new(0),
            trainers: Arc::new(Trainers::up_to(limits.memory)),
        }
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Run>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn find(&self, number: u64) -> Result<Arc<Run>, Problem> {
        let found = self.all().get(&number).cloned();
        found.ok_or_else(|| Problem::absent("run"))
    }

    /// Begins a run in the place of an earlier one, which is told to end.
    fn begin(
        &self,
        begun: Begun,
        instead_of: Option<u64>,
        limits: &Limits,
    ) -> Result<u64, Problem> {
        let mut all = self.all();
        let earlier = instead_of.and_then(|number| all.get(&number).cloned());
        if let Some(earlier) = &earlier {
            earlier.asked.ask_to_stop();
        }
        let under_way = all.values().filter(|run| !run.has_ended());
        let (ending, working): (Vec<_>, Vec<_>) = under_way.partition(|run| run.asked.to_end());
        if working.len() >= limits.runs || ending.len() >= 2 * limits.runs {
            let message = format!("{} runs are under way", working.len() + ending.len());
            return Err(Problem::new(Kind::Busy, message));
        }
        let ended: Vec<u64> = all
            .iter()
            .filter(|(_, run)| run.has_ended())
            .map(|(number, _)| *number)
            .collect();
        for number in ended.iter().rev().skip(limits.kept.saturating_sub(1)) {
            all.remove(number);
        }
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let run = Arc::new(Run::new(begun));
        let work = {
            let (run, trainers) = (run.clone(), self.trainers.clone());
            move || run.work(&trainers, earlier)
        };
        std::thread::Builder::new()
            .name("giantstep".to_owned())
            .stack_size(STACK)
            .spawn(work)
            .map_err(|error| Problem::failed(format!("no thread can be started: {error}")))?;
        all.insert(number, run);
        Ok(number)
    }

    /// Tells all runs to end, and waits for them a while.
    pub fn stop_all(&self) {
        let all: Vec<Arc<Run>> = self.all().values().cloned().collect();
        for run in &all {
            run.asked.ask_to_stop();
        }
        for run in &all {
            run.wait(Duration::from_secs(2));
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Begin {
    file: String,
    #[serde(default)]
    instead_of: Option<u64>,
}

/// Begins the runs of an experiment file.
pub async fn begin(Of(state): Of<Arc<State>>, body: Bytes) -> Result<Response, Refusal> {
    let Begin { file, instead_of } = asked(&body)?;
    let of = state.clone();
    let begin = move || {
        let begun = begun(&file, &state.setting)?;
        let (runs, seconds) = (begun.runs, begun.seconds);
        let number = state.runs.begin(begun, instead_of, &state.limits)?;
        Ok(json!({ "run": number, "runs": runs, "seconds": seconds }))
    };
    let begun = Lane::Short.work(&of, begin).await?;
    Ok(answer(StatusCode::CREATED, begun.to_string()))
}

/// How far a run is, and its document where it is measured: that of `giantstep run --json`.
pub async fn told(Of(state): Of<Arc<State>>, Path(run): Path<u64>) -> Result<Response, Refusal> {
    let stage = state.runs.find(run)?.stage().clone();
    let (name, document) = match &stage {
        Stage::Running => ("running", None),
        Stage::Measured(document) => ("measured", Some(&**document)),
        Stage::Done(product) => ("done", Some(&*product.document)),
        Stage::Stopped => ("stopped", None),
        Stage::Failed(reason) => return Err(Problem::failed(reason).into()),
    };
    let document = document.unwrap_or("null");
    let json = format!(r#"{{"stage":"{name}","document":{document}}}"#);
    Ok(answer(StatusCode::OK, json))
}

/// Tells a run to end.
pub async fn stop(Of(state): Of<Arc<State>>, Path(run): Path<u64>) -> Result<StatusCode, Refusal> {
    state.runs.find(run)?.asked.ask_to_stop();
    Ok(StatusCode::NO_CONTENT)
}

/// What came of a run that has ended.
fn product(state: &State, number: u64) -> Result<(Arc<Run>, Arc<Product>), Problem> {
    let run = state.runs.find(number)?;
    let stage = run.stage().clone();
    match stage {
        Stage::Done(product) => Ok((run, product)),
        _ => Err(Problem::new(
            Kind::Early,
            "the run has not ended, or was stopped",
        )),
    }
}

/// The figures of a run as SVG, by name.
pub async fn figures(Of(state): Of<Arc<State>>, Path(run): Path<u64>) -> Result<Response, Refusal> {
    let (run, product) = product(&state, run)?;
    let made = Lane::Long.work(&state, move || product.figures(&run.begun.plan));
    let made = made.await?;
    Ok(answer(StatusCode::OK, made.to_string()))
}

/// The table of a run as a Parquet file.
pub async fn parquet(Of(state): Of<Arc<State>>, Path(run): Path<u64>) -> Result<Response, Refusal> {
    let (_, product) = product(&state, run)?;
    let made = Lane::Long.work(&state, move || product.parquet());
    let bytes = made.await?;
    Ok(file(
        "application/vnd.apache.parquet",
        "results.parquet",
        bytes,
    ))
}

/// The table of a run as CSV.
pub async fn csv(Of(state): Of<Arc<State>>, Path(run): Path<u64>) -> Result<Response, Refusal> {
    let (_, product) = product(&state, run)?;
    let made = Lane::Long.work(&state, move || answers::csv(product.results()));
    let text = made.await?;
    Ok(file(
        "text/csv; charset=utf-8",
        "results.csv",
        text.into_bytes(),
    ))
}

fn file(kind: &'static str, name: &str, bytes: Vec<u8>) -> Response {
    let headers = [
        (CONTENT_TYPE, kind.to_owned()),
        (
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ),
    ];
    (headers, bytes).into_response()
}
