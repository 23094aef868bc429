//! Nothing finished is lost and nothing is wrong after kill -9 at any moment, or on a full disk.
//!
//! `KILLS=200 cargo test --release -p giantstep-cli -- survival` kills 200 times; 20 is the default.
//!
//! Seen to catch: results written in place, a result that appears before its weights.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::common::{TOY, Toy, giantstep, json, text};

/// Runs of some ten milliseconds, with weights beside the numbers.
const SWEEP: [&str; 6] = [
    r#"sweep=[{key="protocol.batch",values=[2000,3000,4000]}]"#,
    "run.seeds=12",
    "run.save_weights=last",
    "protocol.dimension=200",
    "network.width=32",
    // How many there is time for is up to the machine.
    "predictions=none",
];

fn kills() -> u32 {
    std::env::var("KILLS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(20)
}

fn start(arguments: &[String]) -> Child {
    Command::new(crate::common::program())
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a process")
}

/// Equally spread moments up to 300 ms: multiples of the golden ratio.
fn moment(k: u32) -> Duration {
    let fraction = (f64::from(k) * 0.618_033_988_749_895).fract();
    Duration::from_secs_f64(0.3 * fraction)
}

fn names(toy: &Toy, folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(toy.path(folder)).expect("a folder");
    let names = entries.map(|entry| {
        entry
            .expect("an entry")
            .file_name()
            .to_string_lossy()
            .into_owned()
    });
    names.filter(|name| !name.starts_with('.')).collect()
}

/// Runs the sweep to its end; every file must then be that of an undisturbed sweep.
#[track_caller]
fn finish_and_compare(toy: &Toy, whole: &Toy) {
    let output = toy.run(&SWEEP, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let sorted = |toy: &Toy, folder| {
        let mut names = names(toy, folder);
        names.sort();
        names
    };
    assert_eq!(sorted(toy, "out"), sorted(whole, "out"));
    assert_eq!(
        sorted(toy, "out/runs"),
        sorted(whole, "out/runs"),
        "runs are missing, duplicated or set aside"
    );
    for folder in ["out", "out/runs", "out/runs/leases"] {
        let entries = std::fs::read_dir(toy.path(folder)).expect("a folder");
        let mut names = entries.map(|entry| entry.expect("an entry").file_name());
        let unfinished = names.find(|name| name.to_string_lossy().starts_with(".giantstep-"));
        assert_eq!(unfinished, None, "left over in {folder}");
    }
    assert_eq!(names(toy, "out/runs/leases"), [""; 0]);
    let folders = ["runs", "predictions"];
    let files = names(whole, "out").into_iter();
    for file in files.filter(|name| !folders.contains(&name.as_str())) {
        let read = |toy: &Toy| std::fs::read(toy.path("out").join(&file)).expect("a file");
        assert!(read(toy) == read(whole), "{file} differs");
    }
}

fn whole() -> Toy {
    let whole = Toy::new(TOY);
    let output = whole.run(&SWEEP, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    whole
}

/// What is in the folder is sound at every moment.
#[track_caller]
fn nothing_is_torn(toy: &Toy) -> u64 {
    if !toy.path("out/experiment.toml").exists() {
        return 0;
    }
    let output = giantstep()
        .arg("status")
        .arg(toy.path("out"))
        .arg("--json")
        .output()
        .expect("a process");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let standing = json(&output);
    assert_eq!(standing["strays"], serde_json::json!([]));
    standing["completed"].as_u64().expect("a number")
}

#[test]
fn a_killed_sweep_goes_on_as_if_nothing_had_happened() {
    let whole = whole();
    let mut toy = Toy::new(TOY);
    for k in 1..=kills() {
        let mut child = start(&toy.arguments(&SWEEP));
        std::thread::sleep(moment(k));
        child.kill().expect("SIGKILL");
        child.wait().expect("an end");
        if nothing_is_torn(&toy) == 36 {
            finish_and_compare(&toy, &whole);
            toy = Toy::new(TOY);
        }
    }
    finish_and_compare(&toy, &whole);
}

#[test]
fn of_two_workers_that_are_killed_in_turn_nothing_is_lost() {
    let whole = whole();
    let fresh = || {
        let toy = Toy::new(TOY);
        let mut arguments = toy.arguments(&SWEEP);
        arguments[0] = "prepare".to_owned();
        let output = giantstep().args(arguments).output().expect("a process");
        assert!(output.status.success());
        toy
    };
    let mut toy = fresh();
    let worker = |toy: &Toy| start(&["worker".to_owned(), toy.path("out").display().to_string()]);
    let mut survivor = worker(&toy);
    for k in 1..=kills() {
        let new = worker(&toy);
        std::thread::sleep(moment(k));
        survivor.kill().expect("SIGKILL");
        survivor.wait().expect("an end");
        survivor = new;
        if nothing_is_torn(&toy) == 36 {
            survivor.wait().expect("an end");
            finish_and_compare(&toy, &whole);
            toy = fresh();
            survivor = worker(&toy);
        }
    }
    assert!(survivor.wait().expect("an end").success());
    finish_and_compare(&toy, &whole);
}

/// A file system of 300 kB. Needs the right to mount.
#[test]
fn on_a_full_disk_nothing_finished_is_lost() {
    let whole = whole();
    let toy = Toy::new(TOY);
    let out = toy.path("out");
    std::fs::create_dir(&out).expect("a folder");
    let mount = |options: &str| {
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(&out)
            .stderr(Stdio::null());
        mount.status().is_ok_and(|status| status.success())
    };
    if !mount("size=300k") {
        assert!(
            std::env::var_os("CI").is_none(),
            "cannot mount a small file system here"
        );
        eprintln!("not tested: a full disk needs the right to mount");
        return;
    }
    let unmounted = Unmounted(&out);
    let full = toy.run(&SWEEP, &[]);
    let said = text(&full.stderr).to_owned();
    assert_eq!(full.status.code(), Some(1), "{said}");
    for part in [
        "No space left",
        "out/runs",
        "finished runs are kept",
        "repeat the command",
    ] {
        assert!(said.contains(part), "`{part}` is missing from {said}");
    }
    let kept = nothing_is_torn(&toy);
    assert!((1..36).contains(&kept), "{kept} runs on a disk for a few");
    assert!(mount("remount,size=60m"), "a larger disk");
    let again = toy.run(&SWEEP, &["--json"]);
    assert_eq!(json(&again)["runs"]["found"], kept);
    finish_and_compare(&toy, &whole);
    drop(unmounted);
}

struct Unmounted<'a>(&'a std::path::Path);

impl Drop for Unmounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}
