//! `giantstep status`, `retry`, `collect`: what a results folder holds, what failed, one table of all of it.

use std::path::{Path, PathBuf};

use clap::Args;
use giantstep::ranks::Alone;
use serde_json::json;

use super::print;
use super::run::{FailureArgs, Place, Shape, finish, set_strays_aside, tell};
use crate::failed::Failed;
use crate::progress::Progress;
use crate::signals::{Kept, listen};
use giantstep_lab::load::rate;
use giantstep_lab::plan::{Plan, Scale};
use giantstep_lab::recall;
use giantstep_lab::standing::Standing;
use giantstep_lab::table::{Sift, TableFile};

use crate::launch;
use crate::render::{aligned, bytes, seconds};
use giantstep_lab::keep::{Ending, Names, Store, read_plan};

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

/// The state of a folder for people.
fn text(standing: &Standing, folder: &Path) -> String {
    let mut lines = vec![
        vec![
            "planned".to_owned(),
            standing.planned.to_string(),
            String::new(),
        ],
        vec![
            "completed".to_owned(),
            standing.completed.to_string(),
            String::new(),
        ],
    ];
    let mut row = |what: &str, count: usize, remark: String| {
        if count > 0 {
            lines.push(vec![what.to_owned(), count.to_string(), remark]);
        }
    };
    let remark = format!("giantstep retry --failed {}", folder.display());
    row("failed", standing.failed.len(), remark);
    row("under way", standing.under_way.len(), String::new());
    let left = format!(
        "about {}, up to {} of memory",
        seconds(standing.seconds_left),
        bytes(standing.memory)
    );
    row("missing", standing.missing, left);
    row(
        "beyond the plan",
        standing.beyond,
        "kept, not in the table".to_owned(),
    );
    row(
        "damaged or foreign",
        standing.strays.len(),
        "set aside by the next run".to_owned(),
    );
    row(
        "unreadable",
        standing.unreadable.len(),
        "make them readable, or ask their owner to".to_owned(),
    );
    let mut text = aligned(&["runs", "", ""], lines);
    for failed in &standing.failed {
        let reason = failed.reason.as_deref().unwrap_or_default();
        text.push_str(&format!(
            "\nfailed: seed {} {}: {reason}\n",
            failed.seed, failed.point
        ));
    }
    for run in &standing.under_way {
        let host = run.host.as_deref().unwrap_or_default();
        let process = run.process.unwrap_or_default();
        text.push_str(&format!(
            "\nunder way: seed {} {} on {host}, process {process}\n",
            run.seed, run.point
        ));
    }
    for stray in &standing.strays {
        text.push_str(&format!(
            "\ndamaged or foreign: runs/{}: {}\n",
            stray.file, stray.reason
        ));
    }
    for file in &standing.unreadable {
        text.push_str(&format!(
            "\nunreadable: runs/{}: {}\n",
            file.file, file.reason
        ));
    }
    text
}

impl Status {
    pub(super) fn execute(self) -> Result<(), Failed> {
        let plan = plan_of(&self.folder)?;
        let jobs = plan.jobs(launch::machine(&Alone)).map_err(Failed::input)?;
        let store = Store::look(&self.folder).map_err(Failed::work)?;
        let rate = rate(jobs.plan, jobs.machine);
        let standing = Standing::of(&jobs, &store, rate).map_err(Failed::work)?;
        if self.json {
            print(&format!("{:#}\n", json!(standing)))
        } else {
            print(&text(&standing, &self.folder))
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
            let names = Names::of(&jobs);
            for job in &jobs.list {
                let id = names.id(job);
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
        let plan = plan_of(&self.folder)?;
        let jobs = plan.jobs(launch::machine(&Alone)).map_err(Failed::input)?;
        let store = Store::look(&self.folder).map_err(Failed::work)?;
        set_strays_aside(&store)?;
        let asked = listen(Kept::Runs)?;
        let progress = Progress::visible();
        let session = launch::session(&asked, &progress, &Alone);
        let place = Place {
            jobs,
            folder: self.folder,
            store,
        };
        let mut table = TableFile::new(&place.folder, &plan, Sift::told(&plan));
        let report = recall(&place.jobs, &place.store, &mut |rows| table.take(rows));
        let report = report.map_err(Failed::work)?;
        tell(&place, report, table, &session, self.shape).map(drop)
    }
}
