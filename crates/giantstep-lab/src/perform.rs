//! A plan from its runs to what is told of them: the sequence that every front goes through.

use web_time::Instant;

use crate::drive::{Done, DriveError, Manner, collect, dismiss, drive};
use crate::keep::Keep;
use crate::outlook::Predicted;
use crate::plan::Jobs;
use crate::report::Report;
use crate::table::Record;
use crate::work::Session;

/// Works off what is left of a plan, and collects all that was measured. Every row passes through `sift`; what it returns
/// is held in memory. Other ranks are dismissed, whatever becomes of it.
///
/// What follows, where it is wanted: [`Report::predict`], then [`Report::json`] or [`Report::write`].
///
/// # Errors
/// Threads cannot be started, or a result cannot be kept or read; what is finished is kept.
///
/// # Examples
/// ```
/// use giantstep_lab::{Asked, Machine, Manner, Memory, Plan, Scale, Session, perform};
///
/// let file = r#"
/// name = "first"
/// [target]
/// link = "z1"
/// [network]
/// width = 8
/// activation = "relu(x)"
/// [protocol]
/// dimension = 100
/// batch = 800
/// steps = 1
/// step_size = "2*p"
/// "#;
/// let plan = Plan::read(file, "first.toml", &[], Scale::Full)?;
/// let jobs = plan.jobs(Machine { cores: 1, ranks: 1 })?;
/// let asked = Asked::default();
/// let session = Session::alone(1, &asked);
/// let report = perform(&jobs, &Memory::default(), &mut |rows| rows, Manner::default(), &session)?;
/// assert_eq!(report.results.completed, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn perform<'a>(
    jobs: &'a Jobs<'a>,
    keep: &dyn Keep,
    sift: &mut dyn FnMut(Vec<Record>) -> Vec<Record>,
    manner: Manner,
    session: &Session<'_>,
) -> Result<Report<'a>, DriveError> {
    let start = Instant::now();
    let done = drive(jobs, keep, manner, session);
    dismiss(session.ranks);
    reported(jobs, keep, sift, done?, start)
}

/// Collects what is kept of a plan; nothing is run.
///
/// # Errors
/// What was kept is damaged.
pub fn recall<'a>(
    jobs: &'a Jobs<'a>,
    keep: &dyn Keep,
    sift: &mut dyn FnMut(Vec<Record>) -> Vec<Record>,
) -> Result<Report<'a>, DriveError> {
    let mut report = reported(jobs, keep, sift, Done::default(), Instant::now())?;
    report.found = report.results.completed + report.results.failures.len();
    Ok(report)
}

fn reported<'a>(
    jobs: &'a Jobs<'a>,
    keep: &dyn Keep,
    sift: &mut dyn FnMut(Vec<Record>) -> Vec<Record>,
    done: Done<'_>,
    start: Instant,
) -> Result<Report<'a>, DriveError> {
    Ok(Report {
        jobs,
        results: collect(jobs, keep, done.dropped, sift)?,
        predicted: Predicted::default(),
        found: done.found,
        took: start.elapsed(),
    })
}
