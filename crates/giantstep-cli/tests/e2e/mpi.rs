//! Runs shared by the ranks of a real Open MPI: the files of one process, and an end for all when one is lost.
//!

use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use crate::common::{PATIENCE, TOY, Toy, text};

/// `mpirun` with `ranks` processes of this program on one thread each.
fn mpirun(ranks: usize, toy: &Toy, overrides: &[&str]) -> Command {
    let mut command = Command::new("mpirun");
    // Containers often forbid the one-copy transfer through another process's memory.
    command.args([
        "--allow-run-as-root",
        "--oversubscribe",
        "--bind-to",
        "none",
    ]);
    command.args(["--mca", "btl_vader_single_copy_mechanism", "none"]);
    command.args(["-n", &ranks.to_string()]);
    command.arg(env!("CARGO_BIN_EXE_giantstep"));
    command.args(toy.arguments(overrides));
    command.args(["--set", "run.threads=1"]);
    command
}

fn succeeded(output: &Output) {
    assert!(output.status.success(), "{}", text(&output.stderr));
}

/// Name and content of every file of results, those of single runs included.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = [folder.to_path_buf(), folder.join("runs")].map(std::fs::read_dir);
    let entries = entries
        .into_iter()
        .flat_map(|entries| entries.expect("results"));
    let mut all: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_file())
        .map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy();
            (name.into_owned(), std::fs::read(&path).expect("a file"))
        })
        .collect();
    all.sort();
    all
}

#[test]
fn any_number_of_ranks_leaves_the_files_of_one_process() {
    let base = [
        "run.seeds=2",
        "run.save_weights=last",
        "protocol.batch=5003",
        "evaluation.test_samples=3001",
        "readout.ridge=[0.0, 0.5]",
    ];
    let cases: [&[&str]; 5] = [
        &["run.engine=direct"],
        &["run.engine=in_law", "run.precision=f64"],
        &[
            "run.engine=in_law",
            "protocol.reuse=2",
            "protocol.remove_below=2",
        ],
        &[
            "run.engine=in_law",
            "readout.batch=same",
            "readout.ridge.leave_one_out=[0.1, 1.0]",
        ],
        &[
            "run.engine=direct",
            "run.precision=f64",
            "protocol.batch=40",
            "network.width=50",
            "evaluation.test_samples=20000",
        ],
    ];
    for case in cases {
        let toy = Toy::new(TOY);
        let mut overrides = base.to_vec();
        overrides.retain(|old| case.iter().all(|new| key(new) != key(old)));
        overrides.extend(case);
        succeeded(&toy.run(&overrides, &["--set", "run.threads=1"]));
        let alone = files(&toy.path("out"));
        assert!(
            alone
                .iter()
                .any(|(name, _)| name == "weights-1-0.safetensors"),
            "{case:?}"
        );
        for ranks in [1, 2, 4] {
            std::fs::remove_dir_all(toy.path("out")).expect("removed");
            let output = mpirun(ranks, &toy, &overrides).output().expect("mpirun");
            succeeded(&output);
            let shared = files(&toy.path("out"));
            let same = alone == shared;
            assert!(
                same,
                "{case:?}, {ranks} ranks: {:?}",
                differing(&alone, &shared)
            );
            // Rank 0 alone prints.
            let printed = text(&output.stdout);
            assert_eq!(printed.matches("2 of 2 runs in").count(), 1, "{printed}");
        }
    }
}

/// The key of an override, whose table is changed as a whole: `readout.ridge` for `readout.ridge.leave_one_out=...`.
fn key(text: &str) -> Vec<&str> {
    text.split(['.', '=']).take(2).collect()
}

fn differing(one: &[(String, Vec<u8>)], other: &[(String, Vec<u8>)]) -> Vec<String> {
    let missing = |(name, content): &&(String, Vec<u8>)| {
        !other.iter().any(|(n, c)| n == name && c == content)
    };
    one.iter()
        .filter(missing)
        .map(|(name, _)| name.clone())
        .collect()
}

#[test]
fn what_cannot_be_run_is_refused_once() {
    let toy = Toy::new(TOY);
    let output = mpirun(3, &toy, &["protocol.dimension=0"])
        .output()
        .expect("mpirun");
    assert!(!output.status.success());
    let errors = text(&output.stderr);
    assert_eq!(errors.matches("error:").count(), 1, "{errors}");
    assert!(errors.contains("protocol.dimension"), "{errors}");
    // A failed run ends all ranks as well, and its finished steps are written by then.
    let diverging = [
        "protocol.step_size=1e30",
        "protocol.steps=9",
        "run.engine=direct",
    ];
    let output = mpirun(3, &toy, &diverging).output().expect("mpirun");
    assert!(!output.status.success());
    let errors = text(&output.stderr);
    assert_eq!(
        errors.matches("runs did not complete").count(),
        1,
        "{errors}"
    );
    assert!(!toy.records().is_empty());
}

/// Processes below `parent` in the order of their numbers.
fn children(parent: u32) -> Vec<u32> {
    let path = format!("/proc/{parent}/task/{parent}/children");
    let children = std::fs::read_to_string(path).unwrap_or_default();
    children
        .split_whitespace()
        .filter_map(|id| id.parse().ok())
        .collect()
}

/// Waits until `done` gives something, for some minutes at most.
fn wait<T>(mut done: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = done() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "nothing happens");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// How the launcher ended. One that stays in its own clean-up when its ranks are gone is killed: Open MPI 4.1.4 can wait there for
/// a lock that nobody gives back.
fn end_of(run: &mut Child, ranks: &[u32]) -> ExitStatus {
    let gone = |id: &u32| {
        let state = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        state.is_empty() || state.contains(") Z ")
    };
    let mut since = None;
    wait(|| {
        if !ranks.is_empty() && ranks.iter().all(gone) {
            let since = since.get_or_insert_with(Instant::now);
            if since.elapsed() > Duration::from_secs(10) {
                // One that has ended meanwhile is as good.
                let _ = run.kill();
            }
        }
        run.try_wait().expect("a process")
    })
}

#[test]
fn a_lost_rank_ends_all() {
    let toy = Toy::new(TOY);
    let endless = [
        "protocol.batch=2000000000",
        "run.engine=direct",
        "protocol.dimension=200",
    ];
    for lost in [1, 0] {
        let mut command = mpirun(3, &toy, &endless);
        let mut run = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("mpirun");
        let ranks = wait(|| Some(children(run.id())).filter(|ranks| ranks.len() == 3));
        // The folder is prepared when all ranks have joined; half a second later they are at work.
        wait(|| toy.path("out").exists().then_some(()));
        std::thread::sleep(Duration::from_millis(500));
        let killed = Command::new("kill")
            .args(["-9", &ranks[lost].to_string()])
            .status();
        assert!(killed.expect("kill").success());
        assert!(!end_of(&mut run, &ranks).success());
        wait(|| {
            let gone = |id: &u32| !Path::new(&format!("/proc/{id}")).exists();
            ranks.iter().all(gone).then_some(())
        });
        std::fs::remove_dir_all(toy.path("out")).expect("removed");
    }
}

/// Some runs are finished when a rank is lost, others not: the next start goes on from there. `KILLS=200` kills 200 times; 20 is
/// the default.
#[test]
fn after_a_lost_rank_the_finished_runs_are_kept() {
    let sweep = [
        "run.seeds=60",
        "protocol.batch=20000",
        "protocol.dimension=60",
    ];
    let whole = Toy::new(TOY);
    succeeded(&whole.run(&sweep, &["--set", "run.threads=1"]));
    let table = |toy: &Toy| std::fs::read(toy.path("out/results.parquet")).expect("a table");
    let finish_and_compare = |toy: &Toy| {
        let output = mpirun(2, toy, &sweep).output().expect("mpirun");
        succeeded(&output);
        let said = text(&output.stderr);
        assert!(!said.contains("set aside"), "{said}");
        assert!(table(toy) == table(&whole));
    };
    let kills = std::env::var("KILLS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(20);
    let mut toy = Toy::new(TOY);
    for k in 1..=kills {
        let mut command = mpirun(2, &toy, &sweep);
        let mut run = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("mpirun");
        let ranks = wait(|| match run.try_wait().expect("a process") {
            Some(_) => Some(Vec::new()),
            None => Some(children(run.id())).filter(|ranks| ranks.len() == 2),
        });
        // Equally spread moments up to a second: multiples of the golden ratio.
        let moment = (f64::from(k) * 0.618_033_988_749_895).fract();
        std::thread::sleep(Duration::from_secs_f64(moment));
        if let Some(rank) = ranks.get(k as usize % 2) {
            // One that has ended already is as good.
            let _ = Command::new("kill")
                .args(["-9", &rank.to_string()])
                .stderr(Stdio::null())
                .status();
        }
        if end_of(&mut run, &ranks).success() {
            finish_and_compare(&toy);
            toy = Toy::new(TOY);
        }
    }
    finish_and_compare(&toy);
}

#[test]
fn a_program_that_can_share_runs_alone_as_well() {
    let toy = Toy::new(TOY);
    let program = || Command::new(env!("CARGO_BIN_EXE_giantstep"));
    let alone = program().args(toy.arguments(&[])).output();
    succeeded(&alone.expect("a process"));
    // More processes than MPI sees: started by the launcher of another library.
    let output = program()
        .args(toy.arguments(&[]))
        .env("PMI_SIZE", "2")
        .output()
        .expect("a process");
    assert!(!output.status.success());
    assert!(
        text(&output.stderr).contains("sees 1"),
        "{}",
        text(&output.stderr)
    );
}
