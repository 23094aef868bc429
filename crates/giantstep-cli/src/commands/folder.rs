//! `giantstep status`, `retry`, `collect`: what a results folder holds, what failed, one table of all of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use giantstep::ranks::Alone;
use serde::Serialize;
use serde_json::json;

use super::print;
use super::run::{FailureArgs, Place, Shape, finish, rate, remaining, set_strays_aside, tell};
use crate::failed::Failed;
use crate::progress::Progress;
use crate::signals::{Kept, listen};
use giantstep_lab::drive::id;
use giantstep_lab::plan::{Job, Jobs, Plan, Scale};
use giantstep_lab::report::gather;

use crate::launch;
use crate::render::{aligned, bytes, seconds};
use giantstep_lab::keep::{Ending, Owner, RunId, Store, Stray, Survey, read_plan};

/// `giantstep status DIR [--json]`
#[derive(Debug, Args)]
pub struct Status {
    /// A results folder.
    folder: PathBuf,
    /// Print one JSON document instead of text.
    #[arg(long)]
    json: bool,
}

/// `giantstep retry DIR [--failed]`
#[derive(Debug, Args)]
pub struct Retry {
    /// A results folder.
    folder: PathBuf,
    /// Failed runs are computed again too; their earlier results are set aside.
    #[arg(long)]
    failed: bool,
    #[command(flatten)]
    shape: Shape,
    #[command(flatten)]
    failure: FailureArgs,
}

/// `giantstep collect DIR [--json]`
#[derive(Debug, Args)]
pub struct Collect {
    /// A results folder.
    folder: PathBuf,
    #[command(flatten)]
    shape: Shape,
}

/// The plan that a results folder was made for.
pub(super) fn plan_of(folder: &Path) -> Result<Plan, Failed> {
    let text = read_plan(folder).map_err(Failed::input)?;
    let origin = folder.join("experiment.toml").display().to_string();
    Plan::read(&text, &origin, &[], Scale::Full).map_err(Failed::input)
}

/// One run as it is named to people.
#[derive(Debug, Serialize)]
struct Named {
    point: String,
    seed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<u32>,
}

impl Named {
    fn of(job: &Job<'_>) -> Self {
        Self {
            point: job.point.described().trim().to_owned(),
            seed: job.seed,
            reason: None,
            host: None,
            process: None,
        }
    }
}

/// What a folder holds of its plan.
#[derive(Debug, Default, Serialize)]
struct Standing {
    planned: usize,
    completed: usize,
    failed: Vec<Named>,
    under_way: Vec<Named>,
    missing: usize,
    /// Sound runs that the plan does not ask for.
    beyond: usize,
    strays: Vec<Stray>,
    /// Files of which the system does not tell what they hold.
    unreadable: Vec<Stray>,
    /// Predicted seconds of work left on this machine, those under way included.
    seconds_left: f64,
    /// Predicted largest memory of a run that is left, in bytes.
    memory: u64,
}

impl Standing {
    fn of(jobs: &Jobs<'_>, store: &Store) -> Result<Self, Failed> {
        let under_way: BTreeMap<RunId, Owner> = store
            .under_way()
            .map_err(Failed::work)?
            .into_iter()
            .collect();
        let Survey {
            sound,
            strays,
            unreadable,
        } = store.survey().map_err(Failed::work)?;
        let left = remaining(jobs, &|id| sound.contains_key(id));
        let mut standing = Self {
            planned: left.planned,
            strays,
            unreadable,
            memory: left.memory as u64,
            seconds_left: if left.runs == 0 {
                0.0
            } else {
                left.flops / rate(jobs.plan, jobs.machine)
            },
            ..Self::default()
        };
        let mut asked = BTreeSet::new();
        for job in &jobs.list {
            let id = id(job);
            let named = Named::of(job);
            match (sound.get(&id), under_way.get(&id)) {
                (Some(Ending::Completed), _) => standing.completed += 1,
                (Some(Ending::Failed(reason)), _) => standing.failed.push(Named {
                    reason: Some(reason.clone()),
                    ..named
                }),
                (None, Some(owner)) => standing.under_way.push(Named {
                    host: Some(owner.host.clone()),
                    process: Some(owner.process),
                    ..named
                }),
                (None, None) => standing.missing += 1,
            }
            asked.insert(id);
        }
        standing.beyond = sound.keys().filter(|id| !asked.contains(*id)).count();
        Ok(standing)
    }

    fn text(&self, folder: &Path) -> String {
        let mut lines = vec![
            vec![
                "planned".to_owned(),
                self.planned.to_string(),
                String::new(),
            ],
            vec![
                "completed".to_owned(),
                self.completed.to_string(),
                String::new(),
            ],
        ];
        let mut row = |what: &str, count: usize, remark: String| {
            if count > 0 {
                lines.push(vec![what.to_owned(), count.to_string(), remark]);
            }
        };
        let remark = format!("giantstep retry --failed {}", folder.display());
        row("failed", self.failed.len(), remark);
        row("under way", self.under_way.len(), String::new());
        let left = format!(
            "about {}, up to {} of memory",
            seconds(self.seconds_left),
            bytes(self.memory)
        );
        row("missing", self.missing, left);
        row(
            "beyond the plan",
            self.beyond,
            "kept, not in the table".to_owned(),
        );
        row(
            "damaged or foreign",
            self.strays.len(),
            "set aside by the next run".to_owned(),
        );
        row(
            "unreadable",
            self.unreadable.len(),
            "make them readable, or ask their owner to".to_owned(),
        );
        let mut text = aligned(&["runs", "", ""], lines);
        for failed in &self.failed {
            let reason = failed.reason.as_deref().unwrap_or_default();
            text.push_str(&format!(
                "\nfailed: seed {} {}: {reason}\n",
                failed.seed, failed.point
            ));
        }
        for run in &self.under_way {
            let host = run.host.as_deref().unwrap_or_default();
            let process = run.process.unwrap_or_default();
            text.push_str(&format!(
                "\nunder way: seed {} {} on {host}, process {process}\n",
                run.seed, run.point
            ));
        }
        for stray in &self.strays {
            text.push_str(&format!(
                "\ndamaged or foreign: runs/{}: {}\n",
                stray.file, stray.reason
            ));
        }
        for file in &self.unreadable {
            text.push_str(&format!(
                "\nunreadable: runs/{}: {}\n",
                file.file, file.reason
            ));
        }
        text
    }
}

impl Status {
    pub(super) fn execute(self) -> Result<(), Failed> {
        let plan = plan_of(&self.folder)?;
        let jobs = plan.jobs(launch::machine(&Alone)).map_err(Failed::input)?;
        let store = Store::look(&self.folder).map_err(Failed::work)?;
        let standing = Standing::of(&jobs, &store)?;
        if self.json {
            print(&format!("{:#}\n", json!(standing)))
        } else {
            print(&standing.text(&self.folder))
        }
    }
}

impl Retry {
    pub(super) fn execute(self) -> Result<(), Failed> {
        let plan = plan_of(&self.folder)?;
        let jobs = plan.jobs(launch::machine(&Alone)).map_err(Failed::input)?;
        let store = Store::join(&self.folder, &plan).map_err(Failed::input)?;
        if self.failed {
            let sound = store.survey().map_err(Failed::work)?.sound;
            for job in &jobs.list {
                let id = id(job);
                if matches!(sound.get(&id), Some(Ending::Failed(_))) {
                    store.forget(&id).map_err(Failed::work)?;
                }
            }
        }
        let place = Place {
            jobs,
            folder: self.folder,
            store,
        };
        finish(&place, self.failure.on_failure(), self.shape, &Alone)
    }
}

impl Collect {
    pub(super) fn execute(self) -> Result<(), Failed> {
        let start = Instant::now();
        let plan = plan_of(&self.folder)?;
        let jobs = plan.jobs(launch::machine(&Alone)).map_err(Failed::input)?;
        let store = Store::look(&self.folder).map_err(Failed::work)?;
        set_strays_aside(&store)?;
        let asked = listen(Kept::Runs)?;
        let progress = Progress::visible();
        let session = launch::session(&asked, &progress, &Alone);
        let (results, table) =
            gather(&jobs, &store, Vec::new(), &self.folder).map_err(Failed::work)?;
        let found = results.completed + results.failures.len();
        let place = Place {
            jobs,
            folder: self.folder,
            store,
        };
        let wanted = plan.document.predictions();
        tell(
            &place,
            (&results, table),
            (wanted, &session),
            found,
            start,
            self.shape,
        )
    }
}
