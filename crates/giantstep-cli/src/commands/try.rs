//! `giantstep try LINK`: a network trained on a link without a file, beside what theory says.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use giantstep::ranks::Alone;
use giantstep_lab::chart::figures;
use giantstep_lab::files::{prepare_folder, save_figure, write_atomically};
use giantstep_lab::report::rows;
use giantstep_lab::starter::{Sizes, Starter, quantity};
use giantstep_lab::{Ask, Manner, Memory, Plan, Report, Scale, Session, Wanted, perform};

use super::init::look;
use super::print;
use crate::failed::Failed;
use crate::launch;
use crate::progress::Progress;
use crate::render::trial::{Trial, text};
use crate::signals::{Kept, listen};

/// `giantstep try LINK [--d D] [--n N] [--steps T] [--activation EXPR]`
#[derive(Debug, Args)]
pub struct Try {
    /// A link such as "z1 + z1*z2".
    link: String,
    /// The input dimension.
    #[arg(long, allow_negative_numbers = true, value_name = "D")]
    d: Option<String>,
    /// The batch, such as 4000 or 4d; by default 4 d^k with the k that the link asks for.
    #[arg(long, allow_negative_numbers = true, value_name = "N")]
    n: Option<String>,
    /// The number of giant steps; by default as many as learn something.
    #[arg(long, value_name = "T")]
    steps: Option<u32>,
    /// The activation of the student.
    #[arg(long, default_value = "relu(x)")]
    activation: String,
    /// The width.
    #[arg(
        long,
        allow_negative_numbers = true,
        value_name = "P",
        default_value = "64"
    )]
    p: String,
    /// The step size, such as 2p.
    #[arg(
        long,
        allow_negative_numbers = true,
        value_name = "ETA",
        default_value = "2p"
    )]
    eta: String,
    /// The number of seeds.
    #[arg(long, default_value_t = 4)]
    seeds: u64,
    /// The folder for the figure and the file to go on from.
    #[arg(long, value_name = "DIR", default_value = "results/try")]
    out: PathBuf,
}

/// The time that predictions may take.
const PATIENCE: Duration = Duration::from_secs(10);

impl Try {
    pub(super) fn execute(self) -> Result<(), Failed> {
        let report = look(&self.link, &self.activation)?;
        let sizes = Sizes::of(&report);
        let starter = Starter {
            name: "try".to_owned(),
            link: self.link,
            activation: self.activation,
            dimension: self
                .d
                .map_or_else(|| sizes.dimension.to_string(), |d| quantity(&d)),
            batch: self.n.map_or_else(|| sizes.batch(), |n| quantity(&n)),
            width: quantity(&self.p),
            step_size: quantity(&self.eta),
            steps: self.steps.unwrap_or(sizes.steps),
            seeds: self.seeds,
        };
        let file = starter.text();
        let plan = Plan::read(&file, "try.toml", &[], Scale::Full).map_err(Failed::input)?;
        let jobs = plan.jobs(launch::machine(&Alone)).map_err(Failed::input)?;
        prepare_folder(&self.out).map_err(Failed::input)?;
        let asked = listen(Kept::Nothing)?;
        let progress = Progress::visible();
        let session = launch::session(&asked, &progress, &Alone);
        let keep = Memory::default();
        let run = perform(&jobs, &keep, &mut |rows| rows, Manner::default(), &session);
        let mut run = run.map_err(Failed::work)?;
        run.predict(Ask::new(Wanted::Quick).within(PATIENCE), &session)
            .map_err(Failed::Work)?;
        let rows = rows(&run.results.table);
        let files = leave(&self.out, &file, &run, &session)?;
        drop(progress);
        let engine = jobs.list.first().map(|job| job.cost.engine.name());
        let trial = Trial {
            answer: report.answer(),
            plan: &plan,
            engine: engine.unwrap_or_default(),
            rows: &rows,
            predicted: &run.predicted,
            files: &files,
        };
        print(&text(&trial))?;
        match run.results.failures.first() {
            Some(failure) => Err(Failed::Work(format!(
                "{} of {} runs did not complete; the first: seed {}: {}",
                run.results.failures.len(),
                run.results.planned,
                failure.seed,
                failure.reason
            ))),
            None if run.results.interrupted => Err(Failed::Work("interrupted".to_owned())),
            None => Ok(()),
        }
    }
}

/// Writes the figure and the file; returns the picture and the file.
fn leave(
    folder: &Path,
    file: &str,
    run: &Report<'_>,
    session: &Session<'_>,
) -> Result<Vec<PathBuf>, Failed> {
    let mut files = Vec::new();
    let mut unsaved = Ok(());
    let (plan, table) = (run.jobs.plan, &run.results.table);
    figures(plan, table, &run.predicted, session, &mut |name, figure| {
        if let Ok(figure) = figure {
            match save_figure(&figure, folder, name) {
                Ok([_, png]) => files.push(png),
                Err(error) => unsaved = Err(Failed::work(error)),
            }
        }
    });
    unsaved?;
    let path = folder.join("try.toml");
    write_atomically(&path, file.as_bytes()).map_err(Failed::work)?;
    files.push(path);
    Ok(files)
}
