//! `giantstep submit FILE`: a sweep as job arrays of SLURM.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use super::print;
use super::run::{FileArgs, Place, PlaceArgs};
use crate::failed::Failed;
use giantstep::ranks::Alone;
use giantstep_lab::files::write_atomically;
use giantstep_lab::keep::{Keep, Names};
use giantstep_lab::load::rate;
use giantstep_lab::plan::Machine;
use giantstep_lab::work::peak_memory;

use crate::is_one_line;
use crate::launch::{self, machine};

/// `giantstep submit FILE --partition P --time T [--per-task N]`
#[derive(Debug, Args)]
pub struct Submit {
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    place: PlaceArgs,
    /// The partition.
    #[arg(long, value_name = "NAME")]
    partition: Option<String>,
    /// The time limit of a task, as sbatch takes it: minutes, or hours:minutes:seconds.
    #[arg(long, value_name = "TIME", default_value = "60")]
    time: String,
    /// Runs of one task; by default so many that a task takes about ten minutes.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    per_task: Option<u32>,
    /// Cores of one task.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    cpus: u32,
    /// Seconds before the time limit at which a task begins no further run.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    warning: u32,
    /// A further option of sbatch, such as --directive=--account=physics; may be repeated.
    #[arg(long, value_name = "OPTION", allow_hyphen_values = true)]
    directive: Vec<String>,
    /// Write the scripts and submit nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Where SLURM does not tell its limit, this one is never too large.
const USUAL_LIMIT: usize = 1001;
/// Seconds of work in a task, if nothing else is asked for.
const USUAL_TASK: f64 = 600.0;

impl Submit {
    pub(super) fn execute(self) -> Result<(), Failed> {
        let (text, origin, scale) = self.file.read()?;
        let plan = self.place.plan(&text, &origin, scale)?;
        let jobs = plan.jobs(machine(&Alone)).map_err(Failed::input)?;
        let place = self.place.open(jobs, scale)?;
        let jobs = &place.jobs.list;
        let per_task = match self.per_task {
            Some(runs) => runs as usize,
            None => {
                let flops: f64 = jobs
                    .iter()
                    .map(|job| job.cost.cost.equivalent_flops())
                    .sum();
                // The rate is that of all cores of this machine.
                let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
                let each = flops / jobs.len() as f64 / rate(&plan, place.jobs.machine) * cores
                    / f64::from(self.cpus);
                ((USUAL_TASK / each) as usize).clamp(1, jobs.len())
            }
        };
        let tasks = jobs.len().div_ceil(per_task);
        let names = Names::of(&place.jobs);
        // Only the parts in which something is left.
        let left: BTreeSet<usize> = jobs
            .iter()
            .enumerate()
            .filter(|(_, job)| !place.store.has(&names.id(job)))
            .map(|(number, _)| number % tasks)
            .collect();
        let task = Machine {
            cores: self.cpus as usize,
            ranks: 1,
        };
        let memory = peak_memory(jobs, task);
        let scripts = self.scripts(&place, tasks, &left, memory)?;
        print(&format!(
            "{} runs in {tasks} tasks of about {per_task}, {} tasks with work left, in {} arrays\n",
            jobs.len(),
            left.len(),
            scripts.len()
        ))?;
        // Each at once: if a later one is refused, the earlier ones have been told.
        for script in &scripts {
            let shown = script.display();
            print(&if self.dry_run {
                format!("sbatch {}\n", quoted(script))
            } else {
                format!("array {}: {shown}\n", sbatch(script)?)
            })?;
        }
        print(&format!(
            "\ngiantstep status {0}    tells how far they are\ngiantstep collect {0}   makes the table and figures\n",
            place.folder.display()
        ))
    }

    /// One script for each chunk of tasks below the limit of an array.
    fn scripts(
        &self,
        place: &Place<'_>,
        tasks: usize,
        left: &BTreeSet<usize>,
        memory: f64,
    ) -> Result<Vec<PathBuf>, Failed> {
        let folder = std::path::absolute(&place.folder).map_err(Failed::work)?;
        let program = launch::itself();
        // Arguments are lines of text, but where this process stands may not be.
        let words = program.iter().map(OsString::as_os_str);
        if let Some(path) = words
            .chain([folder.as_os_str()])
            .find(|word| !is_one_line(word))
        {
            return Err(Failed::Input(format!(
                "{path:?} cannot stand in a script: it is not one line of text\n  help: rename the folder, or choose another \
                 with --out"
            )));
        }
        let slurm = place.folder.join("slurm");
        std::fs::create_dir_all(&slurm).map_err(Failed::work)?;
        let limit = array_limit();
        let mut scripts = Vec::new();
        for chunk in 0..tasks.div_ceil(limit) {
            let first = chunk * limit;
            let members: Vec<usize> = left
                .range(first..first + limit)
                .map(|task| task - first)
                .collect();
            if members.is_empty() {
                continue;
            }
            let mut options = vec![
                format!(
                    "--job-name={}",
                    place
                        .jobs
                        .plan
                        .points
                        .first()
                        .map_or("giantstep", |point| &point.checked.name)
                ),
                format!("--array={}", ranges(&members)),
                format!("--time={}", self.time),
                format!("--cpus-per-task={}", self.cpus),
                format!("--mem={}M", (memory * 1.25 / 1e6).ceil() as u64 + 64),
                format!("--signal=B:USR1@{}", self.warning),
                "--requeue".to_owned(),
                "--open-mode=append".to_owned(),
                format!("--output={}", directive(&folder.join("slurm"), "%A_%a.log")),
            ];
            options.extend(
                self.partition
                    .iter()
                    .map(|name| format!("--partition={name}")),
            );
            options.extend(self.directive.iter().cloned());
            let path = slurm.join(format!("array-{}.sh", chunk + 1));
            let text = script(&options, program, &folder, first, tasks);
            write_atomically(&path, text.as_bytes()).map_err(Failed::work)?;
            scripts.push(path);
        }
        Ok(scripts)
    }
}

/// A path or a word as the shell reads it.
fn quoted(word: &(impl AsRef<OsStr> + ?Sized)) -> String {
    format!(
        "'{}'",
        Path::new(word).display().to_string().replace('\'', "'\\''")
    )
}

/// The path of a log as sbatch reads it in a script: quoted, and `%` stands for itself in the folder alone.
fn directive(folder: &Path, name: &str) -> String {
    let folder = folder.display().to_string().replace('%', "%%");
    format!("\"{}/{name}\"", folder.replace('"', "\\\""))
}

/// The script of one array. A task that runs out of time, or is asked to go, leaves what is finished and queues again;
/// one that was cancelled does not.
fn script(
    options: &[String],
    program: &[OsString],
    folder: &Path,
    first: usize,
    tasks: usize,
) -> String {
    let program: Vec<String> = program.iter().map(quoted).collect();
    let directives: String = options
        .iter()
        .map(|option| format!("#SBATCH {option}\n"))
        .collect();
    format!(
        r#"#!/bin/sh
{directives}
{program} worker --shard "$(({first} + SLURM_ARRAY_TASK_ID))/{tasks}" {folder} &
worker=$!
# Ahead of the time limit: finish the runs under way. At the limit, or when another job goes first: drop them.
trap 'kill -USR1 "$worker" 2>/dev/null' USR1
trap 'kill -TERM "$worker" 2>/dev/null' TERM
# A signal ends wait, not the worker.
while :; do
    wait "$worker"
    code=$?
    kill -0 "$worker" 2>/dev/null || break
done
# 75: work is left; 143: asked to go before the worker could answer.
case $code in
75 | 143)
    # The number of this task alone: that of the job may stand for the whole array.
    task="${{SLURM_ARRAY_JOB_ID}}_$SLURM_ARRAY_TASK_ID"
    # A task that was cancelled is COMPLETING for no reason, and stays cancelled.
    if scontrol --oneliner show job "$task" | grep -qE ' JobState=RUNNING | Reason=TimeLimit '; then
        exec scontrol requeue "$task"
    fi
    ;;
esac
exit "$code"
"#,
        program = program.join(" "),
        folder = quoted(folder)
    )
}

/// `0-3,7` for 0, 1, 2, 3, 7.
fn ranges(members: &[usize]) -> String {
    let runs = members.chunk_by(|a, b| a + 1 == *b).map(|run| match run {
        [one] => one.to_string(),
        run => format!("{}-{}", run[0], run[run.len() - 1]),
    });
    runs.collect::<Vec<_>>().join(",")
}

/// The number of tasks that an array may have here.
fn array_limit() -> usize {
    let output = Command::new("scontrol")
        .args(["show", "config"])
        .output()
        .ok();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let limit = text.as_deref().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("MaxArraySize"))?;
        line.split('=').nth(1)?.trim().parse().ok()
    });
    limit.filter(|limit| *limit > 0).unwrap_or(USUAL_LIMIT)
}

/// Submits a script; returns the number of the job.
fn sbatch(script: &Path) -> Result<String, Failed> {
    let output = Command::new("sbatch")
        .arg("--parsable")
        .arg(script)
        .output();
    let output = output.map_err(|error| match error.kind() {
        ErrorKind::NotFound => Failed::Work(format!(
            "sbatch is not installed here\n  help: submit {} where it is, or share the folder out with `giantstep worker`",
            script.display()
        )),
        _ => Failed::work(error),
    })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(Failed::Work(format!("sbatch {}: {said}", script.display())));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_an_array_are_written_as_ranges() {
        assert_eq!(ranges(&[0, 1, 2, 3, 7, 9, 10]), "0-3,7,9-10");
        assert_eq!(ranges(&[5]), "5");
    }
}
