//! Files that cannot be read, and folders that cannot be written.

use crate::common::refusal::{assert_says, refused};
use crate::common::{TOY, Toy, giantstep, text};

#[test]
fn files_that_cannot_be_read_are_refused() {
    let output = giantstep()
        .args(["run", "nowhere.toml"])
        .output()
        .expect("a process");
    assert_eq!(output.status.code(), Some(2));
    assert_says(
        text(&output.stderr),
        &["nowhere.toml", "cannot read", "help: give the path"],
    );
    assert_says(
        &refused("name = = 3", &[]),
        &["toy.toml is not TOML", "line 1"],
    );
    let output = giantstep()
        .args(["reproduce", "stairwy"])
        .output()
        .expect("a process");
    assert_eq!(output.status.code(), Some(2));
    assert_says(
        text(&output.stderr),
        &["no experiment `stairwy`", "did you mean `stairway`?"],
    );
    let output = giantstep()
        .args(["run", "--fast"])
        .output()
        .expect("a process");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_folder_that_cannot_be_written_is_refused_before_any_work() {
    let toy = Toy::new(TOY);
    let file = toy.path("toy.toml");
    for (out, reason) in [
        (file.clone(), "is a file"),
        (file.join("below"), "cannot create"),
    ] {
        let mut arguments = toy.arguments(&["protocol.batch=1e12", "run.engine=direct"]);
        arguments[3] = out.display().to_string();
        // A run of years: that the process ends at all says that it was not begun.
        let output = giantstep().args(&arguments).output().expect("a process");
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
        assert_says(
            text(&output.stderr),
            &["output folder", &arguments[3], reason, "--out"],
        );
    }
}

/// Where permissions bind: not for the superuser.
#[cfg(unix)]
#[test]
fn a_folder_without_permission_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let toy = Toy::new(TOY);
    let out = toy.path("out");
    std::fs::create_dir(&out).expect("a folder");
    std::fs::set_permissions(&out, PermissionsExt::from_mode(0o500)).expect("permissions");
    if std::fs::write(out.join("probe"), "").is_ok() {
        return;
    }
    let output = toy.run(&[], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert_says(text(&output.stderr), &["is not writable", "--out"]);
}
