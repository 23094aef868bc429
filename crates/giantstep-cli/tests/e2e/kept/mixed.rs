//! Runs of different settings never stand in one folder, and no file there is replaced silently.

use crate::common::folder::{LONGER, SWEEP, on_folder, run, runs, table};
use crate::common::{TOY, Toy, giantstep, json, text};

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
