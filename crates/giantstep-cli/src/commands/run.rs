//! `giantstep run FILE`.

use std::io::{IsTerminal, stderr};
use std::path::{Path, PathBuf};

use clap::Args;
use giantstep::ranks::Ranks;

use super::{explain, print};
use crate::failed::Failed;
use giantstep_lab::chart::check;
use giantstep_lab::document::costs;
use giantstep_lab::drive::{OnFailure, attend, dismiss};
use giantstep_lab::fence::fenced;
use giantstep_lab::keep::{Earlier, Shelf};
use giantstep_lab::load::{rate, remaining};
use giantstep_lab::plan::PlanError;
use giantstep_lab::report::ReportError;
use giantstep_lab::results::FailureKind;
use giantstep_lab::table::{Sift, TableFile};
use giantstep_lab::{Ask, Jobs, Keep, Manner, Plan, Report, Scale, Session, Store, perform};

use crate::launch::{self, together};
use crate::note::note;
use crate::progress::Progress;
use crate::render;
use crate::signals::{Kept, listen};

/// `giantstep run FILE [--set key=value ...] [--out DIR] [--json]`
#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    options: Options,
}

/// An experiment file and the size at which it is run.
#[derive(Debug, Args)]
pub(super) struct FileArgs {
    /// The experiment file (TOML); `giantstep schema` lists its keys.
    file: PathBuf,
    /// With the changes of the file's [quick] table.
    #[arg(long)]
    quick: bool,
}

impl FileArgs {
    /// The text of the file, its name for messages, and the size.
    pub(super) fn read(&self) -> Result<(String, String, Scale), Failed> {
        let text = std::fs::read_to_string(&self.file).map_err(|source| {
            Failed::input(PlanError::Read {
                path: self.file.clone(),
                source,
            })
        })?;
        Ok((text, self.file.display().to_string(), scale(self.quick)))
    }
}

/// The size that `--quick` asks for.
pub(super) fn scale(quick: bool) -> Scale {
    if quick { Scale::Quick } else { Scale::Full }
}

/// What every command that runs experiments takes.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    pub(super) place: PlaceArgs,
    #[command(flatten)]
    pub(super) shape: Shape,
    /// Print the cost on each engine and which one is taken, and run nothing.
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    failure: FailureArgs,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Shape {
    /// Print one JSON document.
    #[arg(long, conflicts_with = "rows")]
    pub(super) json: bool,
    /// Print all means as a table, and every comparison.
    #[arg(long)]
    rows: bool,
}

/// Changes of an experiment, and where its results go.
#[derive(Debug, Args)]
pub(super) struct PlaceArgs {
    /// Set a key of the file, such as protocol.dimension=512; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(super) overrides: Vec<String>,
    /// The folder for results; by default results/NAME, with --quick results/NAME-quick.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Set runs aside that stand in the folder, and begin anew.
    #[arg(long)]
    anew: bool,
}

/// What the first failed run means for the others.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct FailureArgs {
    /// Record a failed run and go on with the others (the default).
    #[arg(long, conflicts_with = "fail_fast")]
    keep_going: bool,
    /// Begin no further run after one has failed.
    #[arg(long)]
    fail_fast: bool,
}

impl FailureArgs {
    pub(super) fn on_failure(self) -> OnFailure {
        if self.fail_fast {
            OnFailure::FailFast
        } else {
            OnFailure::KeepGoing
        }
    }
}

impl RunArgs {
    pub(super) fn execute(self) -> Result<(), Failed> {
        let (text, origin, scale) = self.file.read()?;
        run(&text, &origin, scale, &self.options)
    }
}

/// Plans, runs and reports an experiment.
pub(super) fn run(text: &str, origin: &str, scale: Scale, options: &Options) -> Result<(), Failed> {
    let ranks = launch::join()?;
    let plan = options.place.plan(text, origin, scale);
    let plan = together(ranks, plan)?;
    let machine = launch::machine(ranks);
    let jobs = together(ranks, plan.jobs(machine).map_err(Failed::input))?;
    if options.explain {
        return match ranks.rank() {
            0 if options.shape.json => {
                let rate = rate(jobs.plan, jobs.machine);
                print(&format!("{:#}\n", costs(&jobs, rate)))
            }
            0 => print(&explain::text(&jobs)),
            _ => Ok(()),
        };
    }
    let on_failure = options.failure.on_failure();
    if ranks.rank() > 0 {
        return take_part(&jobs, ranks);
    }
    let place = together(ranks, options.place.open(jobs, scale))?;
    together(ranks, finish(&place, on_failure, options.shape, ranks))
}

/// What a rank other than the first does: its part of every run.
fn take_part(jobs: &Jobs<'_>, ranks: &dyn Ranks) -> Result<(), Failed> {
    let asked = together(ranks, listen(Kept::RunsAndTable))?;
    let progress = Progress::hidden();
    let session = launch::session(&asked, &progress, ranks);
    if let Err(error) = attend(jobs, &session) {
        // The others wait for this process in the middle of a run; its end is theirs.
        note(format_args!("error: rank {}: {error}", ranks.rank()));
        std::process::exit(1);
    }
    together(ranks, Ok(()))
}

/// The runs of a plan in their results folder.
#[derive(Debug)]
pub(super) struct Place<'a> {
    pub(super) jobs: Jobs<'a>,
    pub(super) folder: PathBuf,
    pub(super) store: Store,
}

impl PlaceArgs {
    /// Reads an experiment.
    pub(super) fn plan(&self, text: &str, origin: &str, scale: Scale) -> Result<Plan, Failed> {
        let plan = Plan::read(text, origin, &self.overrides, scale).map_err(Failed::input)?;
        check(&plan).map_err(Failed::input)?;
        Ok(plan)
    }

    /// Puts a plan into the results folder; what cannot fit is refused before anything is touched.
    pub(super) fn open<'a>(&self, jobs: Jobs<'a>, scale: Scale) -> Result<Place<'a>, Failed> {
        let name = jobs
            .plan
            .points
            .first()
            .map_or("experiment", |point| &point.checked.name);
        let name = match scale {
            Scale::Full => name.to_owned(),
            Scale::Quick => format!("{name}-quick"),
        };
        let folder = self
            .out
            .clone()
            .unwrap_or_else(|| Path::new("results").join(name));
        let earlier = if self.anew {
            Earlier::SetAside
        } else {
            Earlier::Refused
        };
        let store = Store::open(&folder, jobs.plan, earlier).map_err(Failed::input)?;
        if store.replaced {
            note(format_args!(
                "note: another plan stood in {}; it is replaced, and runs that only it asks for are kept",
                folder.display()
            ));
        }
        Ok(Place {
            jobs,
            folder,
            store,
        })
    }
}

/// Works off what is left of a plan and reports all of it.
pub(super) fn finish(
    place: &Place<'_>,
    on_failure: OnFailure,
    shape: Shape,
    ranks: &dyn Ranks,
) -> Result<(), Failed> {
    let Place {
        jobs,
        folder,
        store,
    } = place;
    let asked = listen(Kept::RunsAndTable).inspect_err(|_| dismiss(ranks))?;
    let progress = Progress::visible();
    let session = launch::session(&asked, &progress, ranks);
    set_strays_aside(store)
        .and_then(|()| announce(jobs, store, ranks))
        .inspect_err(|_| dismiss(ranks))?;
    let manner = Manner {
        on_failure,
        ..Manner::default()
    };
    let mut table = TableFile::new(folder, jobs.plan, Sift::told(jobs.plan));
    let sift = &mut |rows| table.take(rows);
    let report = perform(jobs, store, sift, manner, &session).map_err(Failed::work)?;
    let report = tell(place, report, table, &session, shape)?;
    let results = &report.results;
    let dropped = match results.count(FailureKind::Dropped) {
        0 => String::new(),
        dropped => format!("; of {dropped} dropped ones the table holds the finished steps"),
    };
    let unfinished = format!(
        "{} of {} runs ended and are kept in {}{dropped}\n  help: the same command goes on from there, and begins a dropped \
         run anew",
        results.completed + results.count(FailureKind::Failed),
        results.planned,
        folder.display()
    );
    match results
        .failures
        .iter()
        .find(|failure| failure.kind == FailureKind::Failed)
    {
        Some(first) => Err(Failed::work({
            let point = match first.point.as_str() {
                "" => String::new(),
                point => format!(" {point}"),
            };
            format!(
                "{} of {} runs did not complete; the first: seed {}{point}: {}\n  help: `giantstep retry --failed {}` computes them \
             again",
                results.failures.len(),
                results.planned,
                first.seed,
                first.reason,
                folder.display()
            )
        })),
        None if results.interrupted => Err(Failed::work(format!("interrupted; {unfinished}"))),
        None => Ok(()),
    }
}

/// Writes the table, then predicts, draws and prints; what was measured is printed even where it cannot be written.
pub(super) fn tell<'a>(
    place: &'a Place<'_>,
    mut report: Report<'a>,
    table: TableFile,
    session: &Session<'_>,
    shape: Shape,
) -> Result<Report<'a>, Failed> {
    let Place {
        jobs,
        folder,
        store,
    } = place;
    // Before anything that may fail.
    let table = table.finish();
    let shelf = Shelf::of(folder);
    let ask = Ask::new(jobs.plan.document.predictions()).kept(&shelf);
    if let Err(reason) = report.predict(ask, session) {
        note(format_args!("note: there are no predictions: {reason}"));
    }
    let written = table
        .map_err(ReportError::from)
        .and_then(|()| report.write(store, folder, session));
    let (files, notes) = written.as_ref().map_or((&[][..], &[][..]), |written| {
        (&written.files, &written.notes)
    });
    for said in notes {
        note(format_args!("note: {said}"));
    }
    let text = fenced(|| match shape {
        Shape { json: true, .. } => report.json(files).map(|json| format!("{json:#}\n")),
        Shape { rows: true, .. } => Ok(render::report::text(&report, files)),
        _ => Ok(render::summary::text(&report, files)),
    });
    print(&text.map_err(Failed::work)?.map_err(Failed::work)?)?;
    written.map(|_| report).map_err(Failed::work)
}

/// Moves files that are not what their names promise out of the way, and names them.
///
/// # Errors
/// A file cannot be read or moved: whether it is damaged is not known.
pub(super) fn set_strays_aside(store: &Store) -> Result<(), Failed> {
    let survey = store.survey().map_err(Failed::work)?;
    if let Some(file) = survey.unreadable.first() {
        return Err(Failed::work(format!(
            "runs/{}: {}\n  help: nothing is known to be wrong with it; make it readable, or ask its owner to",
            file.file, file.reason
        )));
    }
    store
        .set_strays_aside(&survey.strays)
        .map_err(Failed::work)?;
    for stray in survey.strays {
        note(format_args!(
            "set aside: runs/{}: {}",
            stray.file, stray.reason
        ));
    }
    Ok(())
}

/// Seconds below which nobody needs a prediction.
const LONG: f64 = 5.0;

/// Says on standard error what the runs that are left will cost, if that is long.
pub(super) fn announce(jobs: &Jobs<'_>, store: &Store, ranks: &dyn Ranks) -> Result<(), Failed> {
    let left = remaining(jobs, &|id| store.has(id));
    // At 100 GFLOP/s and core nothing of less work is long, and the peak need not be measured.
    if left.flops < LONG * 1e11 && !stderr().is_terminal() {
        return Ok(());
    }
    let seconds = left.flops / rate(jobs.plan, jobs.machine) / ranks.size() as f64;
    if seconds > LONG {
        let predictions = match Ask::new(jobs.plan.document.predictions()).seconds(seconds) {
            Some(0.0) => String::new(),
            Some(most) => format!(", predictions after them up to {}", render::seconds(most)),
            None => ", predictions after them as long as they take".to_owned(),
        };
        note(format_args!(
            "{} of {} runs are left: about {}, up to {} of memory{predictions}",
            left.runs,
            left.planned,
            render::seconds(seconds),
            render::bytes(left.memory as u64)
        ));
    }
    Ok(())
}
