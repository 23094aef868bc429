//! Files that are damaged, foreign or no files are named, set aside and computed again.

use crate::common::folder::{SWEEP, on_folder, run, runs, status, table};
use crate::common::{TOY, Toy, json, text};

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
