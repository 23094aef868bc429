//! Results folders below the one that the laboratory was opened with, of this and of other processes.
//!
//! A request names a folder by a hash of its path below that one: no path that a request holds is ever opened.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use axum::extract::{Path as Named, State as Of};
use axum::http::StatusCode;
use axum::response::Response;
use giantstep_answers::{Problem, svg};
use giantstep_lab::keep::read_plan;
use giantstep_lab::load::rate;
use giantstep_lab::standing::Standing;
use giantstep_lab::table::Sift;
use giantstep_lab::{Jobs, Plan, Report, Scale, Store, recall};
use serde_json::{Value as Json, json};

use crate::State;
use crate::lane::Lane;
use crate::problem::{Refusal, answer};

/// How deeply folders are looked for, and how many are looked into.
const DEPTH: usize = 4;
const MOST: usize = 2000;

/// Where results folders are looked for.
#[derive(Debug)]
pub struct Folders {
    root: PathBuf,
}

/// A results folder.
#[derive(Debug, Clone)]
struct Folder {
    path: PathBuf,
    /// Its path below the root.
    name: String,
}

impl Folder {
    fn hash(&self) -> String {
        blake3::hash(self.name.as_bytes()).to_hex()[..32].to_owned()
    }

    fn json(&self) -> Json {
        let changed = fs::metadata(self.path.join("runs"))
            .and_then(|data| data.modified())
            .ok()
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        json!({
            "folder": self.hash(),
            "name": self.name,
            "changed": changed.map(|time| time.as_secs_f64()),
        })
    }
}

impl Folders {
    pub fn below(root: PathBuf) -> Self {
        Self { root }
    }

    /// All results folders, in the order of their paths; links are not followed.
    fn list(&self) -> Vec<Folder> {
        let mut found = Vec::new();
        let mut left = MOST;
        look(&self.root, &self.root, DEPTH, &mut left, &mut found);
        found.sort_by(|a, b| a.name.cmp(&b.name));
        found
    }

    fn find(&self, hash: &str) -> Result<Folder, Problem> {
        let found = self.list().into_iter().find(|folder| folder.hash() == hash);
        found.ok_or_else(|| Problem::absent("folder"))
    }
}

fn look(root: &Path, here: &Path, depth: usize, left: &mut usize, found: &mut Vec<Folder>) {
    if here.join("experiment.toml").is_file() && here.join("runs").is_dir() {
        let name = here.strip_prefix(root).unwrap_or(here);
        let name = match name.as_os_str().is_empty() {
            true => ".".to_owned(),
            false => name.to_string_lossy().into_owned(),
        };
        found.push(Folder {
            path: here.to_path_buf(),
            name,
        });
        return;
    }
    if depth == 0 {
        return;
    }
    for entry in fs::read_dir(here).into_iter().flatten().flatten() {
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if is_folder && !hidden && *left > 0 {
            *left -= 1;
            look(root, &entry.path(), depth - 1, left, found);
        }
    }
}

async fn worked(
    lane: Lane,
    state: Arc<State>,
    what: impl FnOnce(&State) -> Result<Json, Problem> + Send + 'static,
) -> Result<Response, Refusal> {
    let of = state.clone();
    let json = lane.work(&of, move || what(&state)).await?;
    Ok(answer(StatusCode::OK, json.to_string()))
}

/// What is done with the plan and the store of a folder.
fn opened<T>(
    state: &State,
    hash: &str,
    what: impl FnOnce(&Folder, &Jobs<'_>, &Store) -> Result<T, Problem>,
) -> Result<T, Problem> {
    let folder = state.folders.find(hash)?;
    let text = read_plan(&folder.path).map_err(Problem::input)?;
    let plan = Plan::read(&text, "experiment.toml", &[], Scale::Full).map_err(Problem::input)?;
    let jobs = plan.jobs(state.setting.machine).map_err(Problem::input)?;
    let store = Store::look(&folder.path).map_err(Problem::input)?;
    what(&folder, &jobs, &store)
}

/// Every results folder.
pub async fn list(Of(state): Of<Arc<State>>) -> Result<Response, Refusal> {
    worked(Lane::Short, state, |state| {
        Ok(state.folders.list().iter().map(Folder::json).collect())
    })
    .await
}

/// How far a folder is: the document of `giantstep status --json`, and what it is about.
pub async fn standing(
    Of(state): Of<Arc<State>>,
    Named(hash): Named<String>,
) -> Result<Response, Refusal> {
    worked(Lane::Long, state, move |state| {
        opened(state, &hash, |folder, jobs, store| {
            let rate = rate(jobs.plan, jobs.machine);
            let standing = Standing::of(jobs, store, rate).map_err(Problem::input)?;
            Ok(json!({
                "name": folder.name,
                "title": jobs.plan.document.title(),
                "link": jobs.plan.points.first().map(|point| &point.spec.target.link),
                "points": jobs.plan.points.len(),
                "standing": standing,
            }))
        })
    })
    .await
}

/// What is told of a folder, as far as its runs have ended.
fn gathered<'a>(jobs: &'a Jobs<'a>, store: &Store) -> Result<Report<'a>, Problem> {
    let told = Sift::told(jobs.plan);
    recall(jobs, store, &mut |rows| told.take(rows)).map_err(Problem::input)
}

/// The results of a folder: the document of `giantstep run --json`, without predictions.
pub async fn results(
    Of(state): Of<Arc<State>>,
    Named(hash): Named<String>,
) -> Result<Response, Refusal> {
    worked(Lane::Long, state, move |state| {
        opened(state, &hash, |_, jobs, store| {
            let report = gathered(jobs, store)?;
            report.json(&[]).map_err(Problem::input)
        })
    })
    .await
}

/// The figures of a folder as SVG.
pub async fn figures(
    Of(state): Of<Arc<State>>,
    Named(hash): Named<String>,
) -> Result<Response, Refusal> {
    worked(Lane::Long, state, move |state| {
        opened(state, &hash, |_, jobs, store| {
            let report = gathered(jobs, store)?;
            svg(jobs.plan, &report.results.table, &report.predicted)
        })
    })
    .await
}
