//! `giantstep run FILE`.

use std::io::{IsTerminal, stderr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use clap::Args;
use giantstep::peak::peak;

use super::{Failed, print};
use crate::execute::{described, engine_name, execute, predict};
use crate::output::prepare_folder;
use crate::plan::{Plan, PlanError, Scale};
use crate::ranks::{self, together};
use crate::{report, terminal};

/// `giantstep run FILE [--set key=value ...] [--out DIR] [--json]`
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The experiment file (TOML); `giantstep schema` lists its keys.
    file: PathBuf,
    /// With the changes of the file's [quick] table.
    #[arg(long)]
    quick: bool,
    #[command(flatten)]
    options: Options,
}

/// What every command that runs experiments takes.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Set a key of the file, such as protocol.dimension=512; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(super) overrides: Vec<String>,
    /// The folder for results; by default results/NAME.
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Print one JSON document instead of a table.
    #[arg(long)]
    pub(super) json: bool,
    /// Print the cost on each engine and which one is taken, and run nothing.
    #[arg(long)]
    pub(super) explain: bool,
}

impl RunArgs {
    pub(super) fn execute(self) -> Result<(), Failed> {
        let text = std::fs::read_to_string(&self.file).map_err(|source| {
            Failed::input(PlanError::Read {
                path: self.file.clone(),
                source,
            })
        })?;
        let scale = if self.quick {
            Scale::Quick
        } else {
            Scale::Full
        };
        perform(
            &text,
            &self.file.display().to_string(),
            scale,
            &self.options,
        )
    }
}

/// Plans, runs and reports an experiment.
pub(super) fn perform(
    text: &str,
    origin: &str,
    scale: Scale,
    options: &Options,
) -> Result<(), Failed> {
    let ranks = ranks::join()?;
    let plan = Plan::read(text, origin, &options.overrides, scale).map_err(Failed::input);
    let plan = together(ranks, plan)?;
    if options.explain && ranks.rank() > 0 {
        return Ok(());
    }
    if options.explain {
        return print(&explanation(&plan)?);
    }
    let name = plan
        .points
        .first()
        .map_or("experiment", |point| &point.checked.name);
    let folder = options
        .out
        .clone()
        .unwrap_or_else(|| Path::new("results").join(name));
    let fits = plan
        .points
        .iter()
        .try_for_each(|point| predict(point).map(drop));
    let ready = fits
        .map_err(Failed::input)
        .and_then(|()| match ranks.rank() {
            0 => prepare_folder(&folder).map_err(Failed::input),
            _ => Ok(()),
        });
    together(ranks, ready)?;
    if ranks.rank() == 0 {
        announce(&plan, ranks.size())?;
    }
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    let first = ranks.rank() == 0;
    // A second Ctrl-C ends the process at once.
    let handler = move || {
        if asked.swap(true, Ordering::Relaxed) {
            std::process::exit(1);
        }
        if first {
            eprintln!("\nstopping; finished steps are kept (again: stop at once)");
        }
    };
    ctrlc::set_handler(handler).map_err(Failed::work)?;
    let start = Instant::now();
    let results = execute(&plan, &stop, ranks).map_err(Failed::input)?;
    let took = start.elapsed();
    if !first {
        return match results.interrupted || !results.failures.is_empty() {
            true => Err(Failed::Elsewhere(1)),
            false => Ok(()),
        };
    }
    let written = report::write(&plan, &results, &folder);
    let files: &[PathBuf] = written.as_deref().unwrap_or_default();
    if options.json {
        let json = report::json(&plan, &results, files, took).map_err(Failed::work)?;
        print(&format!("{json:#}\n"))?;
    } else {
        print(&report::text(&plan, &results, files, took))?;
    }
    written.map_err(Failed::work)?;
    if results.interrupted {
        let kept = format!(
            "{} of {} runs completed",
            results.completed, results.planned
        );
        return Err(Failed::work(format!(
            "interrupted; {kept}, finished steps are in {}",
            folder.display()
        )));
    }
    match results.failures.as_slice() {
        [] => Ok(()),
        [first, ..] => Err(Failed::work(format!(
            "{} of {} runs did not complete; the first: seed {}{}: {}",
            results.failures.len(),
            results.planned,
            first.seed,
            first.point,
            first.reason
        ))),
    }
}

/// Seconds below which nobody needs a prediction.
const LONG: f64 = 5.0;

/// Says on standard error what a long plan will cost.
fn announce(plan: &Plan, ranks: usize) -> Result<(), Failed> {
    let (flops, memory) = total(plan)?;
    // At 100 GFLOP/s and core nothing of less work is long, and the peak need not be measured.
    if flops < LONG * 1e11 && !stderr().is_terminal() {
        return Ok(());
    }
    let rate = rate(plan) * ranks as f64;
    let seconds = flops / rate;
    if seconds > LONG {
        let runs: u64 = plan
            .points
            .iter()
            .map(|point| point.checked.seeds.end - point.checked.seeds.start)
            .sum();
        eprintln!(
            "{runs} runs at {} points{}: about {}, up to {} of memory",
            plan.points.len(),
            match ranks {
                1 => String::new(),
                _ => format!(", {ranks} ranks of {} threads", ranks::cores()),
            },
            terminal::seconds(seconds),
            terminal::bytes(memory as u64)
        );
    }
    Ok(())
}

/// Flops of all runs, in units of a product, and the largest memory.
fn total(plan: &Plan) -> Result<(f64, f64), Failed> {
    let mut sums = (0.0, 0.0_f64);
    for point in &plan.points {
        let cost = predict(point).map_err(Failed::input)?.cost;
        let seeds = (point.checked.seeds.end - point.checked.seeds.start) as f64;
        sums = (
            sums.0 + seeds * cost.equivalent_flops(),
            sums.1.max(cost.memory),
        );
    }
    Ok(sums)
}

/// Flops a second that products reach here: about two thirds of the measured peak.
fn rate(plan: &Plan) -> f64 {
    let precision = plan
        .points
        .first()
        .map_or(giantstep::spec::Precision::F32, |point| {
            point.checked.precision
        });
    0.66e9 * peak(precision, ranks::cores())
}

/// The cost model, shown for every point.
fn explanation(plan: &Plan) -> Result<String, Failed> {
    let rate = rate(plan);
    let mut lines = Vec::new();
    for point in &plan.points {
        let predicted = predict(point).map_err(Failed::input)?;
        for (engine, cost, taken) in [
            (engine_name(predicted.engine), predicted.cost, "taken"),
            (
                if engine_name(predicted.engine) == "direct" {
                    "in_law"
                } else {
                    "direct"
                },
                predicted.other,
                "",
            ),
        ] {
            lines.push(vec![
                described(point).trim().to_owned(),
                engine.to_owned(),
                terminal::number(cost.flops),
                terminal::number(cost.normals),
                terminal::number(cost.activations),
                terminal::bytes(cost.memory as u64),
                terminal::seconds(cost.equivalent_flops() / rate),
                taken.to_owned(),
            ]);
        }
    }
    let header = [
        "point",
        "engine",
        "flops",
        "normals",
        "activations",
        "memory",
        "a run",
        "",
    ];
    Ok(terminal::aligned(&header, lines))
}
