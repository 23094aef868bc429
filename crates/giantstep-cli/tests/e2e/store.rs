//! Runs that are kept: found again, extended, never mixed; failures recorded and retried; damage named.

use crate::common::{TOY, Toy, giantstep, json, text};
use serde_json::Value as Json;

const SWEEP: &str = r#"sweep=[{key="protocol.batch",values=[30,60]}]"#;
const LONGER: &str = r#"sweep=[{key="protocol.batch",values=[20,30,45,60]}]"#;

/// `giantstep VERB out MORE`, which must exit with `code`.
fn on_folder(toy: &Toy, verb: &str, more: &[&str], code: i32) -> std::process::Output {
    let output = giantstep()
        .arg(verb)
        .arg(toy.path("out"))
        .args(more)
        .output()
        .expect("a process");
    assert_eq!(
        output.status.code(),
        Some(code),
        "{verb} {more:?}: {}",
        text(&output.stderr)
    );
    output
}

fn status(toy: &Toy) -> Json {
    json(&on_folder(toy, "status", &["--json"], 0))
}

#[track_caller]
fn run(toy: &Toy, overrides: &[&str], more: &[&str], code: i32) -> std::process::Output {
    let output = toy.run(overrides, more);
    assert_eq!(
        output.status.code(),
        Some(code),
        "{overrides:?}: {}",
        text(&output.stderr)
    );
    output
}

/// The table of a sweep run in one go elsewhere.
fn undisturbed(overrides: &[&str]) -> Vec<u8> {
    let toy = Toy::new(TOY);
    run(&toy, overrides, &[], 0);
    table(&toy)
}

fn table(toy: &Toy) -> Vec<u8> {
    std::fs::read(toy.path("out/results.parquet")).expect("a table")
}

fn runs(toy: &Toy) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(toy.path("out/runs")).expect("a folder");
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "run"));
    paths.sort();
    paths
}

#[test]
fn what_exists_is_not_computed_again() {
    let toy = Toy::new(TOY);
    let first = json(&run(&toy, &[SWEEP], &["--json"], 0));
    assert_eq!(
        first["runs"],
        serde_json::json!({"planned": 6, "completed": 6, "found": 0})
    );
    let before: Vec<_> = runs(&toy)
        .iter()
        .map(|path| path.metadata().unwrap().modified().unwrap())
        .collect();
    let again = json(&run(&toy, &[SWEEP], &["--json"], 0));
    assert_eq!(
        again["runs"],
        serde_json::json!({"planned": 6, "completed": 6, "found": 6})
    );
    let after: Vec<_> = runs(&toy)
        .iter()
        .map(|path| path.metadata().unwrap().modified().unwrap())
        .collect();
    assert!(before == after && first["rows"] == again["rows"]);
}

#[test]
fn a_longer_sweep_reuses_all_earlier_runs_and_equals_one_made_at_once() {
    let toy = Toy::new(TOY);
    run(&toy, &[SWEEP], &[], 0);
    let longer = json(&run(&toy, &[LONGER, "run.seeds=5"], &["--json"], 0));
    assert_eq!(
        longer["runs"],
        serde_json::json!({"planned": 20, "completed": 20, "found": 6})
    );
    assert!(table(&toy) == undisturbed(&[LONGER, "run.seeds=5"]));
    // Back to the shorter one: nothing is lost, and the table holds what is asked for.
    let shorter = json(&run(&toy, &[SWEEP], &["--json"], 0));
    assert_eq!(shorter["runs"]["found"], 6);
    assert!(table(&toy) == undisturbed(&[SWEEP]));
    assert_eq!(status(&toy)["beyond"], 14);
}

#[test]
fn a_changed_setting_or_program_is_refused_with_the_difference() {
    let toy = Toy::new(TOY);
    run(&toy, &[SWEEP], &[], 0);
    let before = table(&toy);
    let said = text(
        &run(
            &toy,
            &[SWEEP, "readout.ridge=2", "protocol.steps=1"],
            &[],
            2,
        )
        .stderr,
    )
    .to_owned();
    for part in [
        "readout.ridge: 1.0 there, 2.0 here",
        "protocol.steps: 2 there, 1 here",
        "--out",
        "--anew",
    ] {
        assert!(said.contains(part), "`{part}` is missing from {said}");
    }
    let manifest = toy.path("out/runs/store.json");
    let text_of = std::fs::read_to_string(&manifest).expect("a manifest");
    let other = text_of.replace("giantstep ", "giantstep 9.");
    assert_ne!(other, text_of);
    std::fs::write(&manifest, other).expect("a manifest");
    let said = text(&run(&toy, &[SWEEP], &[], 2).stderr).to_owned();
    assert!(said.contains("program: giantstep 9."), "{said}");
    on_folder(&toy, "worker", &[], 2);
    assert!(table(&toy) == before, "a refused run changed the table");
    let anew = json(&run(
        &toy,
        &[SWEEP, "readout.ridge=2"],
        &["--json", "--anew"],
        0,
    ));
    assert_eq!(anew["runs"]["found"], 0);
    assert_eq!(
        std::fs::read_dir(toy.path("out/runs/aside"))
            .expect("a folder")
            .count(),
        6,
        "nothing is lost"
    );
}

#[test]
fn a_failed_run_is_a_result_and_is_retried_on_request() {
    let toy = Toy::new(TOY);
    let diverging = [
        r#"sweep=[{key="protocol.step_size",values=[1e-6,1e6]}]"#,
        "network.activation=He3(x)",
        "protocol.steps=20",
        "readout.after=never",
    ];
    run(&toy, &diverging, &[], 1);
    let standing = status(&toy);
    assert_eq!(
        (&standing["completed"], &standing["missing"]),
        (&3.into(), &0.into())
    );
    let failed = standing["failed"].as_array().expect("a list");
    assert_eq!(failed.len(), 3);
    let reason = failed[0]["reason"].as_str().expect("a reason");
    assert!(
        reason.contains("no longer finite")
            && failed[0]["point"].as_str().unwrap().contains("1000000"),
        "{reason}"
    );
    let again = json(&run(&toy, &diverging, &["--json"], 1));
    assert_eq!(
        again["runs"]["found"], 6,
        "a failure is computed again unasked"
    );
    let retried = json(&on_folder(&toy, "retry", &["--failed", "--json"], 1));
    assert_eq!(
        (&retried["runs"]["found"], &retried["runs"]["completed"]),
        (&3.into(), &3.into())
    );

    let fast = Toy::new(TOY);
    run(
        &fast,
        &[&diverging[..], &["run.threads=1", "run.seeds=9"]].concat(),
        &["--fail-fast"],
        1,
    );
    let standing = status(&fast);
    assert_eq!(
        (
            standing["failed"].as_array().map(Vec::len),
            &standing["missing"]
        ),
        (Some(1), &8.into())
    );
}

/// A limit on the address space that the prediction of one point exceeds.
#[cfg(target_os = "linux")]
#[test]
fn a_run_without_memory_is_a_recorded_failure_and_the_others_go_on() {
    let toy = Toy::new(TOY);
    let sweep = r#"sweep=[{key="network.width",values=[6,3000]}]"#;
    let arguments = toy.arguments(&[
        sweep,
        "protocol.dimension=4000",
        "readout.after=never",
        "run.engine=direct",
        "run.threads=1",
    ]);
    let program = crate::common::program().display().to_string();
    let quoted: Vec<String> = arguments.iter().map(|text| format!("'{text}'")).collect();
    let output = std::process::Command::new("sh")
        .args([
            "-c",
            &format!("ulimit -v 700000; exec {program} {}", quoted.join(" ")),
        ])
        .output()
        .expect("a process");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let standing = status(&toy);
    assert_eq!(
        (
            &standing["completed"],
            standing["failed"].as_array().map(Vec::len)
        ),
        (&3.into(), Some(3))
    );
    let reason = standing["failed"][0]["reason"].as_str().expect("a reason");
    assert!(
        reason.contains("out of memory") && reason.contains("can still be had"),
        "{reason}"
    );
}

#[test]
fn damaged_and_foreign_files_are_named_set_aside_and_computed_again() {
    let toy = Toy::new(TOY);
    run(&toy, &[SWEEP], &[], 0);
    let good = table(&toy);
    let paths = runs(&toy);
    let bytes = std::fs::read(&paths[0]).expect("a file");
    std::fs::write(&paths[0], &bytes[..bytes.len() / 2]).expect("a file");
    std::fs::rename(&paths[1], toy.path("out/runs/notes.txt")).expect("a file");
    std::fs::copy(&paths[2], &paths[3]).expect("a file");
    let strays = status(&toy)["strays"].as_array().expect("a list").len();
    assert_eq!(strays, 3);
    let output = on_folder(&toy, "collect", &["--json"], 0);
    for part in ["notes.txt", "was damaged", "was renamed", "does not belong"] {
        assert!(
            text(&output.stderr).contains(part),
            "{part}: {}",
            text(&output.stderr)
        );
    }
    assert_eq!(json(&output)["runs"]["completed"], 3);
    let retried = json(&on_folder(&toy, "retry", &["--json"], 0));
    assert_eq!(
        retried["runs"],
        serde_json::json!({"planned": 6, "completed": 6, "found": 3})
    );
    assert!(table(&toy) == good && toy.path("out/runs/aside/notes.txt").exists());
}

#[test]
fn shards_share_a_folder_and_repeat_nothing() {
    let toy = Toy::new(TOY);
    let prepare = ["prepare".to_owned()]
        .into_iter()
        .chain(toy.arguments(&[LONGER]).into_iter().skip(1));
    let output = giantstep().args(prepare).output().expect("a process");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(
        text(&output.stdout).contains("12 runs, 0 of them in the folder"),
        "{}",
        text(&output.stdout)
    );
    for (shard, said) in [
        ("0/3", "0 runs found, 4 computed"),
        ("2/3", "0 runs found, 4 computed"),
        ("0/3", "4 runs found, 0 computed"),
        ("0/1", "8 runs found, 4 computed"),
    ] {
        let output = on_folder(&toy, "worker", &["--shard", shard], 0);
        assert!(
            text(&output.stderr).starts_with(said),
            "{shard}: {}",
            text(&output.stderr)
        );
    }
    on_folder(&toy, "collect", &[], 0);
    assert!(table(&toy) == undisturbed(&[LONGER]));
    for wrong in ["3/3", "1", "a/b", "-1/2"] {
        on_folder(&toy, "worker", &["--shard", wrong], 2);
    }
    on_folder(&Toy::new(TOY), "worker", &[], 2);
}

/// Both at once, on all runs: what one computes the other leaves.
#[test]
fn two_processes_at_once_do_not_repeat_work() {
    use std::process::{Command, Stdio};

    let toy = Toy::new(TOY);
    let overrides = [
        LONGER,
        "run.seeds=20",
        "protocol.dimension=300",
        "network.width=40",
    ];
    let mut arguments = toy.arguments(&overrides);
    arguments[0] = "prepare".to_owned();
    assert!(
        giantstep()
            .args(arguments)
            .output()
            .expect("a process")
            .status
            .success()
    );
    let workers = [0, 1].map(|_| {
        Command::new(crate::common::program())
            .arg("worker")
            .arg(toy.path("out"))
            .stderr(Stdio::piped())
            .spawn()
            .expect("a process")
    });
    let computed = workers.map(|worker| {
        let output = worker.wait_with_output().expect("an end");
        assert!(output.status.success());
        let said = text(&output.stderr).to_owned();
        let before = said.split(" computed").next().expect("a summary");
        before
            .rsplit(' ')
            .next()
            .and_then(|count| count.parse::<u32>().ok())
            .expect("a count")
    });
    assert_eq!(computed[0] + computed[1], 80, "{computed:?}");
    assert!(
        computed.iter().all(|count| *count > 0),
        "not at once: {computed:?}"
    );
    on_folder(&toy, "collect", &[], 0);
    assert!(table(&toy) == undisturbed(&overrides));
}

#[test]
fn the_number_of_threads_changes_no_byte_of_the_table() {
    let one = undisturbed(&[SWEEP, "run.threads=1"]);
    for threads in ["run.threads=2", "run.threads=5"] {
        assert!(undisturbed(&[SWEEP, threads]) == one, "{threads}");
    }
}

#[test]
fn weights_that_are_cut_flipped_or_gone_are_named_and_computed_again() {
    let toy = Toy::new(TOY);
    let wanted = [SWEEP, "run.save_weights=last"];
    run(&toy, &wanted, &[], 0);
    let entries = std::fs::read_dir(toy.path("out/runs")).expect("a folder");
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| {
        path.extension()
            .is_some_and(|ending| ending == "safetensors")
    });
    paths.sort();
    let good: Vec<_> = paths
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect();
    std::fs::write(&paths[0], &good[0][..good[0].len() / 2]).unwrap();
    let mut flipped = good[1].clone();
    *flipped.last_mut().unwrap() ^= 1;
    std::fs::write(&paths[1], flipped).unwrap();
    std::fs::remove_file(&paths[2]).unwrap();
    // Two damaged files and the three runs that they belong to.
    assert_eq!(status(&toy)["strays"].as_array().map(Vec::len), Some(5));
    let output = run(&toy, &wanted, &["--json"], 0);
    let said = text(&output.stderr);
    for part in [
        "safetensors: its checksum is wrong",
        "its weights were damaged",
        "its weights are gone",
    ] {
        assert!(said.contains(part), "`{part}` is missing from {said}");
    }
    assert_eq!(json(&output)["runs"]["found"], 3);
    let mended: Vec<_> = paths
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect();
    assert!(mended == good, "other weights than before");
}

/// The one who comes second is told what differs.
#[test]
fn of_two_runs_with_different_settings_on_a_new_folder_one_gets_it() {
    use std::process::{Command, Stdio};
    for _ in 0..10 {
        let toy = Toy::new(TOY);
        let begin = |ridge: &str| {
            Command::new(crate::common::program())
                .args(toy.arguments(&[ridge, "run.seeds=2"]))
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .expect("a process")
        };
        let both = [begin("readout.ridge=1"), begin("readout.ridge=2")];
        let outputs = both.map(|child| child.wait_with_output().expect("an end"));
        let mut codes = outputs.each_ref().map(|output| output.status.code());
        codes.sort();
        let said: String = outputs.iter().map(|output| text(&output.stderr)).collect();
        assert_eq!(codes, [Some(0), Some(2)], "{said}");
        assert!(said.contains("readout.ridge"), "{said}");
        assert_eq!(runs(&toy).len(), 2);
    }
}

#[test]
fn a_prepared_plan_is_not_replaced_silently() {
    let toy = Toy::new(TOY);
    let prepare = |overrides: &[&str], code| {
        let mut arguments = toy.arguments(overrides);
        arguments[0] = "prepare".to_owned();
        let output = giantstep().args(arguments).output().expect("a process");
        assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
        text(&output.stderr).to_owned()
    };
    assert_eq!(prepare(&[SWEEP], 0), "");
    let said = prepare(&[SWEEP, "readout.ridge=2"], 2);
    assert!(
        said.contains("readout.ridge: 1.0 there, 2.0 here"),
        "{said}"
    );
    assert_eq!(prepare(&[SWEEP], 0), "");
    assert!(prepare(&[LONGER], 0).contains("another plan stood in"));
}

/// `run experiment.toml --out .`, and an edited plan of a results folder.
#[test]
fn a_file_of_the_user_is_never_written_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("experiment.toml");
    let run = |file: &std::path::Path, out: &std::path::Path, more: &[&str], code| {
        let mut command = giantstep();
        command
            .arg("run")
            .arg(file)
            .arg("--out")
            .arg(out)
            .args(more);
        let output = command.output().expect("a process");
        assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
        text(&output.stderr).to_owned()
    };
    std::fs::write(&file, TOY).unwrap();
    for more in [&[][..], &["--anew"]] {
        let said = run(&file, folder.path(), more, 2);
        assert!(
            said.contains("would be lost") && said.contains("--out"),
            "{said}"
        );
        assert_eq!(std::fs::read_to_string(&file).unwrap(), TOY);
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            1,
            "a folder for nothing"
        );
    }
    let out = folder.path().join("out");
    run(&file, &out, &[], 0);
    let plan = out.join("experiment.toml");
    run(&plan, &out, &[], 0);
    let mine = std::fs::read_to_string(&plan).unwrap() + "# mine\n";
    std::fs::write(&plan, &mine).unwrap();
    assert!(run(&plan, &out, &[], 2).contains("changed by hand"));
    assert_eq!(std::fs::read_to_string(&plan).unwrap(), mine);
    run(&file, &out, &["--anew"], 0);
    let aside = out.join("runs/aside/experiment.toml");
    assert_eq!(std::fs::read_to_string(aside).unwrap(), mine);
}

/// A pipe that nobody writes to would be waited for, for ever.
#[cfg(unix)]
#[test]
fn what_is_no_file_is_set_aside_and_what_cannot_be_read_is_not() {
    let toy = Toy::new(TOY);
    run(&toy, &[], &[], 0);
    let paths = runs(&toy);
    std::fs::remove_file(&paths[0]).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&paths[0]).status();
    assert!(made.expect("mkfifo").success());
    let output = run(&toy, &[], &["--json"], 0);
    assert!(
        text(&output.stderr).contains("no regular file"),
        "{}",
        text(&output.stderr)
    );
    assert_eq!(json(&output)["runs"]["found"], 2);

    // A link to itself cannot be read by anybody, the superuser included.
    std::fs::rename(&paths[1], toy.path("kept")).unwrap();
    std::os::unix::fs::symlink(&paths[1], &paths[1]).unwrap();
    let standing = status(&toy);
    assert_eq!(standing["unreadable"].as_array().map(Vec::len), Some(1));
    assert_eq!(standing["strays"], serde_json::json!([]));
    let output = run(&toy, &[], &[], 1);
    assert!(
        text(&output.stderr).contains("make it readable"),
        "{}",
        text(&output.stderr)
    );
    assert!(paths[1].symlink_metadata().is_ok(), "it was set aside");
    std::fs::rename(toy.path("kept"), &paths[1]).unwrap();
    assert_eq!(json(&run(&toy, &[], &["--json"], 0))["runs"]["found"], 3);
}
