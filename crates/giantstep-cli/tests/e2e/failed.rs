//! Runs that fail or are interrupted: what is done is kept, the reason is recorded, and they are retried on request.
//!
//! Seen to catch: results of failed runs thrown away, an interruption that exits with 0.

use crate::common::folder::{on_folder, run, status};
use crate::common::refusal::assert_says;
use crate::common::{TOY, Toy, json, text};

#[test]
fn a_run_that_diverges_exits_with_1_and_keeps_its_first_steps() {
    let toy = Toy::new(TOY);
    let overrides = [
        "network.activation=He3(x)",
        "protocol.step_size=1e6",
        "protocol.steps=20",
        "readout.after=never",
    ];
    let output = toy.run(&overrides, &["--json"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let parts = [
        "3 of 3 runs did not complete",
        "step",
        "neuron",
        "protocol.step_size",
    ];
    assert_says(text(&output.stderr), &parts);
    let document = json(&output);
    let failures = document["failures"].as_array().expect("failures");
    assert_eq!(
        (failures.len(), &document["runs"]["completed"]),
        (3, &0.into())
    );
    for failure in failures {
        let reason = failure["reason"].as_str().expect("a reason");
        let step = reason
            .strip_prefix("step ")
            .and_then(|rest| rest.split(':').next());
        let step: u32 = step.and_then(|step| step.parse().ok()).expect("a step");
        let seed = failure["seed"].as_u64();
        let records = toy.records();
        let kept = records.iter().filter(|record| Some(record.seed) == seed);
        assert_eq!(kept.map(|record| record.step).max(), Some(step - 1));
    }
}

/// Ctrl-C: the process ends soon, with 1, and the table holds what an undisturbed run measures up to there.
#[cfg(target_os = "linux")]
#[test]
fn an_interrupted_run_keeps_what_is_finished() {
    use std::process::{Command, Stdio};

    use crate::common::{computes, listens};

    let toy = Toy::new(TOY);
    let endless = [
        "protocol.steps=100000",
        "protocol.batch=3000",
        "run.seeds=2",
        "run.threads=2",
    ];
    let mut child = Command::new(crate::common::program())
        .args(toy.arguments(&endless))
        .arg("--json")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a process");
    listens(&child);
    // A step takes a few milliseconds.
    computes(&child, 2.0);
    assert_eq!(
        child.try_wait().expect("a child"),
        None,
        "ended before the signal"
    );
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(sent.expect("kill").success());
    let output = child.wait_with_output().expect("a child");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let out = toy.path("out").display().to_string();
    assert_says(
        text(&output.stderr),
        &["stopping", "interrupted; 0 of 2 runs", &out],
    );
    let document = json(&output);
    assert_eq!(
        (&document["interrupted"], &document["runs"]["planned"]),
        (&true.into(), &2.into())
    );

    // Both seeds were under way, with a thread each.
    let mut kept = toy.records();
    assert!(
        kept.last().is_some_and(|record| record.step > 2),
        "little was kept"
    );
    kept.retain(|record| record.step <= 2);
    let whole = Toy::new(TOY);
    let output = whole.run(&["protocol.batch=3000", "run.seeds=2"], &[]);
    assert_eq!(output.status.code(), Some(0));
    assert!(
        kept == whole.records(),
        "other numbers than an undisturbed run"
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
