//! Shared by the tests of the command line. Each test file uses a part of it.
#![allow(dead_code)]

pub mod folder;
pub mod refusal;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

use giantstep_lab::table::{Record, read};
use serde_json::Value as Json;
use tempfile::TempDir;

/// A small experiment that takes some milliseconds.
pub const TOY: &str = r#"
name = "toy"
target.link = "z1 + z1*z2"
target.noise = 0.1
network.width = 6
protocol.dimension = 20
protocol.steps = 2
protocol.batch = 30
protocol.step_size = "p"
evaluation.test_samples = 100
run.seeds = 3
"#;

/// The program: the one that `GIANTSTEP` names, such as that of a plain release build, or the one built with the tests.
pub fn program() -> PathBuf {
    let built = || PathBuf::from(env!("CARGO_BIN_EXE_giantstep"));
    std::env::var_os("GIANTSTEP").map_or_else(built, PathBuf::from)
}

pub fn giantstep() -> Command {
    Command::new(program())
}

/// A folder with the file `toy.toml`, and in it the folder `out` where results go.
pub struct Toy {
    folder: TempDir,
}

impl Toy {
    pub fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("toy.toml"), text).expect("a file");
        Self { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Arguments of `giantstep run` with these overrides and results in `out`.
    pub fn arguments(&self, overrides: &[&str]) -> Vec<String> {
        let shown = |name| self.path(name).display().to_string();
        let mut arguments = vec!["run".to_owned(), shown("toy.toml")];
        arguments.extend(["--out".to_owned(), shown("out")]);
        for text in overrides {
            arguments.extend(["--set".to_owned(), (*text).to_owned()]);
        }
        arguments
    }

    pub fn run(&self, overrides: &[&str], more: &[&str]) -> Output {
        let arguments = self.arguments(overrides);
        giantstep()
            .args(arguments)
            .args(more)
            .output()
            .expect("a process")
    }

    pub fn records(&self) -> Vec<Record> {
        read(&self.path("out/results.parquet"))
            .expect("a table")
            .records
    }
}

/// Longer than anything that is waited for takes on a busy machine: it ends a test that hangs.
pub const PATIENCE: Duration = Duration::from_secs(400);

/// Asks until the answer is yes.
#[track_caller]
pub fn wait_until(what: &str, mut happens: impl FnMut() -> bool) {
    let start = Instant::now();
    while !happens() {
        assert!(start.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Waits until a process has handlers for the signals that it is sent: before, they would end it.
#[track_caller]
pub fn listens(child: &Child) {
    // SIGUSR1 is the last one.
    const USR1: u64 = 1 << (10 - 1);
    wait_until("it listens to signals", || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()));
        let status = status.expect("this needs /proc");
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        caught.is_some_and(|mask| mask & USR1 != 0)
    });
}

/// Waits until a process has computed for so many seconds, whatever else the machine does meanwhile.
#[track_caller]
pub fn computes(child: &Child, seconds: f64) {
    wait_until("it has computed for a while", || {
        let told = std::fs::read_to_string(format!("/proc/{}/stat", child.id()));
        let told = told.expect("this needs /proc");
        // Behind the name, in hundredths of a second: with the kernel's own work.
        let (_, fields) = told.rsplit_once(") ").expect("a name");
        let ticks = fields.split(' ').skip(11).take(2);
        ticks
            .filter_map(|ticks| ticks.parse::<f64>().ok())
            .sum::<f64>()
            > 100.0 * seconds
    });
}

pub fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

pub fn json(output: &Output) -> Json {
    serde_json::from_slice(&output.stdout).expect("one JSON document")
}

/// Name and text of every file in `experiments/`.
pub fn experiments() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../giantstep-lab/experiments");
    let mut all: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
        .map(|path| {
            let name = path.file_stem().expect("a name").to_string_lossy();
            (
                name.into_owned(),
                std::fs::read_to_string(&path).expect("a file"),
            )
        })
        .collect();
    all.sort();
    assert!(!all.is_empty());
    all
}
