//! Sweeps over the nodes of a cluster, on a SLURM of one node that the test starts and ends itself.
//!
//! Needs root and the packages slurm-wlm and munge (`scripts/packages.sh`).
//!
//! Seen to catch: arrays whose tasks all count from 0, a path with a space in a directive, a cancelled task that queues
//! again.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::cluster::{Slurm, said};
use crate::common::{PATIENCE, TOY, Toy, giantstep, json, text, wait_until};
use serde_json::Value as Json;

/// The table of the same experiment, undisturbed.
fn undisturbed(experiment: &str) -> Vec<u8> {
    let toy = Toy::new(experiment);
    let output = toy.run(&[], &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    fs::read(toy.path("out/results.parquet")).expect("a table")
}

/// What stands in the folder of runs, hidden files included.
fn runs(out: &Path) -> (usize, Vec<String>) {
    let names = fs::read_dir(out.join("runs"))
        .expect("a folder")
        .map(|entry| {
            let name = entry.expect("an entry").file_name();
            name.to_string_lossy().into_owned()
        });
    let (runs, mut others): (Vec<_>, Vec<_>) = names.partition(|name| name.ends_with(".run"));
    let leases = fs::read_dir(out.join("runs/leases")).expect("a folder");
    others.extend(leases.map(|entry| format!("{:?}", entry.expect("an entry").path())));
    others.sort();
    (runs.len(), others)
}

/// 12 runs of some milliseconds.
fn small() -> String {
    format!("{TOY}[[sweep]]\nkey = \"protocol.batch\"\nvalues = [20, 30, 40, 50]\n")
}

#[test]
fn arrays_below_the_limit_make_the_table_of_an_undisturbed_run() {
    let Some(slurm) = Slurm::start() else { return };
    let toy = Toy::new(&small());
    // Names that a shell and sbatch each read in their own way.
    let out = toy.path("out of 5% 'a' \"b\" $HOME #1");
    let folder = out.display().to_string();
    let file = toy.path("toy.toml").display().to_string();
    let submit = |more: &[&str], code| {
        let mut arguments = vec!["submit", &file, "--out", &folder, "--per-task", "2"];
        arguments.extend(["--time", "5"]);
        arguments.extend(more);
        slurm.giantstep(&arguments, code)
    };
    let submits = |expected: &str| {
        let output = submit(&["--partition", "main"], 0);
        let said = text(&output.stdout);
        assert!(said.starts_with(expected), "{said}");
        slurm.wait_for_all();
    };
    let collected = || {
        slurm.giantstep(&["collect", &folder], 0);
        fs::read(out.join("results.parquet")).expect("a table")
    };

    // What the cluster does not offer is refused in the words of sbatch.
    for (more, expected) in [
        (
            "--partition=nowhere",
            "invalid partition specified: nowhere",
        ),
        (
            "--directive=--mem=900T",
            "Memory specification can not be satisfied",
        ),
    ] {
        let output = submit(&[more], 1);
        let said = text(&output.stderr);
        assert!(
            said.starts_with("error: sbatch") && said.contains(expected),
            "{said}"
        );
    }

    submits("12 runs in 6 tasks of about 2, 6 tasks with work left, in 2 arrays\n");
    assert_eq!(
        runs(&out),
        (12, vec!["leases".to_owned(), "store.json".to_owned()])
    );
    let whole = undisturbed(&small());
    assert!(collected() == whole, "the table differs");
    submits("12 runs in 6 tasks of about 2, 0 tasks with work left, in 0 arrays\n");

    // Only the tasks of what is missing are submitted again.
    let lost = fs::read_dir(out.join("runs"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .find(|path| path.extension().is_some_and(|ending| ending == "run"))
        .expect("a run");
    fs::remove_file(lost).expect("a file");
    submits("12 runs in 6 tasks of about 2, 1 tasks with work left, in 1 arrays\n");
    assert!(collected() == whole, "the table differs");
}

/// 18 runs of about half a second.
fn longer() -> String {
    format!("{TOY}run.engine = \"direct\"\nrun.precision = \"f64\"\n[[sweep]]\nkey = \"protocol.batch\"\nvalues = [1, 2, 3]\n")
        .replace("seeds = 3", "seeds = 6")
        .replace("values = [1, 2, 3]", "values = [60000, 70000, 80000]")
        .replace("width = 6", "width = 64")
        .replace("dimension = 20", "dimension = 300")
}

/// The part that a process works on, such as `1/3`.
fn part(process: &Json) -> Option<String> {
    let command = fs::read_to_string(format!("/proc/{process}/cmdline")).ok()?;
    let mut words = command.split('\0');
    words.find(|word| *word == "--shard")?;
    words.next().map(str::to_owned)
}

/// The parts that are being worked on.
fn parts_under_way(slurm: &Slurm, folder: &str) -> Vec<String> {
    let status = json(&slurm.giantstep(&["status", folder, "--json"], 0));
    let under_way = status["under_way"].as_array().expect("a list");
    let parts = under_way.iter().map(|run| part(&run["process"]));
    parts.flatten().collect()
}

/// The first worker of each part, which stands still once it computes: no machine is too fast to be asked to go.
#[derive(Default)]
struct Halted(Mutex<BTreeMap<String, u64>>);

impl Halted {
    fn get(&self, part: &str) -> Option<u64> {
        self.0.lock().expect("a lock").get(part).copied()
    }

    /// Looks until workers of so many parts stand still.
    fn halt(&self, out: &Path, parts: usize) {
        let start = Instant::now();
        while self.0.lock().expect("a lock").len() < parts && start.elapsed() < PATIENCE {
            let leases = fs::read_dir(out.join("runs/leases")).expect("a folder");
            for lease in leases.flatten() {
                let owner = fs::read(lease.path()).unwrap_or_default();
                let owner: Json = serde_json::from_slice(&owner).unwrap_or_default();
                let (Some(process), Some(part)) =
                    (owner["process"].as_u64(), part(&owner["process"]))
                else {
                    continue;
                };
                let mut halted = self.0.lock().expect("a lock");
                halted.entry(part).or_insert_with(|| {
                    send("-STOP", process);
                    process
                });
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

fn send(signal: &str, process: u64) {
    said(Command::new("kill").args([signal, &process.to_string()]));
}

/// Whether a signal waits for a process to go on.
fn is_sent(process: u64, signal: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let pending = status.lines().find_map(|line| line.strip_prefix("ShdPnd:"));
    let pending = pending.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    pending.is_some_and(|mask| mask & (1 << (signal - 1)) != 0)
}

#[test]
fn tasks_that_are_asked_to_go_queue_again_and_lose_nothing() {
    let Some(slurm) = Slurm::start() else { return };
    let toy = Toy::new(&longer());
    let out = toy.path("out");
    let (file, folder) = (toy.path("toy.toml"), out.display().to_string());
    let file = file.display().to_string();
    let submit = || {
        let mut arguments = vec!["submit", &file, "--out", &folder, "--partition", "main"];
        arguments.extend(["--time", "30", "--per-task", "6"]);
        text(&slurm.giantstep(&arguments, 0).stdout).to_owned()
    };
    let said = submit();
    let array = said
        .lines()
        .find_map(|line| line.strip_prefix("array ")?.split(':').next())
        .expect("the number of the array");
    let task = |number: usize| format!("{array}_{number}");

    // Time limit ahead; preempted; cancelled.
    let halted = Halted::default();
    std::thread::scope(|scope| {
        scope.spawn(|| halted.halt(&out, 3));
        for (number, options, signal) in [
            (0, &["--signal=USR1", "--batch"][..], Some(10)),
            (1, &["--signal=TERM", "--batch"], Some(15)),
            (2, &[], None),
        ] {
            let part = format!("{number}/3");
            slurm.wait_until(&format!("task {number} computes"), || {
                halted.get(&part).is_some() && parts_under_way(&slurm, &folder).contains(&part)
            });
            let worker = halted.get(&part).expect("a worker");
            slurm.said("scancel", &[options, &[&task(number)]].concat());
            if let Some(signal) = signal {
                slurm.wait_until("the worker is told", || is_sent(worker, signal));
            }
            send("-CONT", worker);
        }
    });
    for number in [0, 1] {
        slurm.wait_until(&format!("task {number} queues again"), || {
            let known = slurm.task(&task(number));
            known.contains(" JobState=PENDING ") && !known.contains(" Restarts=0 ")
        });
    }
    slurm.wait_until("task 2 is gone", || {
        let known = slurm.task(&task(2));
        [" JobState=CANCELLED ", " JobState=PENDING "]
            .iter()
            .any(|state| known.contains(state))
    });
    let known = slurm.task(&task(2));
    assert!(
        known.contains(" JobState=CANCELLED "),
        "a cancelled task stays cancelled: {known}"
    );
    let log = |number| fs::read_to_string(out.join(format!("slurm/{array}_{number}.log")));
    let [finishes, drops] = [0, 1].map(|number| log(number).expect("a log"));
    assert!(
        finishes.contains("ending after the runs under way"),
        "{finishes}"
    );
    assert!(
        !finishes.contains(" 0 computed"),
        "the run under way is finished: {finishes}"
    );
    assert!(drops.contains("stopping"), "{drops}");

    // Requeued tasks are held back for two minutes. One that was released within a second of its requeue has been
    // seen to fail after no time.
    slurm.wait_until("the earlier starts have ended", || slurm.steps().is_empty());
    std::thread::sleep(Duration::from_secs(10));
    for number in [0, 1] {
        let job = format!("JobId={}", task(number));
        slurm.said("scontrol", &["update", &job, "StartTime=now"]);
    }
    slurm.wait_for_all();
    for number in [0, 1] {
        let known = slurm.task(&task(number));
        assert!(
            known.contains(" JobState=COMPLETED ") && known.contains(" Restarts=1 "),
            "{known}{}",
            log(number).expect("a log")
        );
    }

    // What the cancelled task has left is submitted again, and nothing else.
    let said = submit();
    assert!(
        said.contains("3 tasks of about 6, 1 tasks with work left, in 1 arrays"),
        "{said}"
    );
    slurm.wait_for_all();
    assert_eq!(
        runs(&out),
        (18, vec!["leases".to_owned(), "store.json".to_owned()])
    );
    slurm.giantstep(&["collect", &folder], 0);
    let table = fs::read(out.join("results.parquet")).expect("a table");
    assert!(table == undisturbed(&longer()), "the table differs");
}

#[test]
fn without_sbatch_the_scripts_are_named() {
    let toy = Toy::new(&small());
    let output = giantstep()
        .arg("submit")
        .arg(toy.path("toy.toml"))
        .arg("--out")
        .arg(toy.path("out"))
        .env("PATH", toy.path("nothing"))
        .output()
        .expect("a process");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for part in [
        "sbatch is not installed here",
        "help: submit",
        "array-1.sh",
        "giantstep worker",
    ] {
        assert!(said.contains(part), "`{part}` is missing from {said}");
    }
    assert!(toy.path("out/slurm/array-1.sh").exists());
}

#[test]
fn a_task_too_short_for_any_run_does_not_queue_for_ever() {
    let experiment = longer().replace("60000, 70000, 80000", "2000000");
    for (signals, code, expected) in [
        (&["-USR1", "-TERM"][..], 1, "give a task more time"),
        (&["-TERM"], 75, "0 computed, 0 under way elsewhere, 6 left"),
    ] {
        let toy = Toy::new(&experiment);
        let mut arguments = toy.arguments(&["run.threads=1"]);
        arguments[0] = "prepare".to_owned();
        let prepared = giantstep().args(arguments).output().expect("a process");
        assert!(prepared.status.success(), "{}", text(&prepared.stderr));
        let worker = Command::new(crate::common::program())
            .arg("worker")
            .arg(toy.path("out"))
            .stderr(Stdio::piped())
            .spawn()
            .expect("a process");
        wait_until("a run is under way", || {
            let leases = fs::read_dir(toy.path("out/runs/leases"));
            leases.expect("a folder").count() > 0
        });
        for signal in signals {
            said(Command::new("kill").args([signal, worker.id().to_string().as_str()]));
        }
        let output = worker.wait_with_output().expect("an end");
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{told}");
        assert!(told.contains(expected), "{told}");
        assert_eq!(runs(&toy.path("out")).0, 0);
    }
}
