//! Commands on a results folder, and what it holds.

use std::path::PathBuf;
use std::process::Output;

use serde_json::Value as Json;

use super::{TOY, Toy, giantstep, json, text};

pub const SWEEP: &str = r#"sweep=[{key="protocol.batch",values=[30,60]}]"#;

pub const LONGER: &str = r#"sweep=[{key="protocol.batch",values=[20,30,45,60]}]"#;

/// `giantstep VERB out MORE`, which must exit with `code`.
pub fn on_folder(toy: &Toy, verb: &str, more: &[&str], code: i32) -> Output {
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

pub fn status(toy: &Toy) -> Json {
    json(&on_folder(toy, "status", &["--json"], 0))
}

#[track_caller]
pub fn run(toy: &Toy, overrides: &[&str], more: &[&str], code: i32) -> Output {
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
pub fn undisturbed(overrides: &[&str]) -> Vec<u8> {
    let toy = Toy::new(TOY);
    run(&toy, overrides, &[], 0);
    table(&toy)
}

pub fn table(toy: &Toy) -> Vec<u8> {
    std::fs::read(toy.path("out/results.parquet")).expect("a table")
}

pub fn runs(toy: &Toy) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(toy.path("out/runs")).expect("a folder");
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "run"));
    paths.sort();
    paths
}
