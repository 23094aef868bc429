//! What is not there or makes no sense is answered with what exists; nothing is written.

use std::path::Path;

use giantstep_lab::table::{Table, write};

use super::{folder, plot};
use crate::common::text;

#[test]
fn every_misuse_is_answered_with_what_exists() {
    let folder = folder();
    let alignment = ["--x", "n", "--y", "weight_alignment"];
    let with = |more: &[&'static str]| [&alignment[..], more].concat();
    let cases: Vec<(Vec<&str>, &[&str])> = vec![
        (
            vec!["--x", "n", "--y", "weight_alingment"],
            &[
                "no metric `weight_alingment`",
                "did you mean `weight_alignment`?",
            ],
        ),
        (
            vec!["--x", "m", "--y", "weight_alignment"],
            &["no column `m`", "known are n, d, p"],
        ),
        (
            with(&["--by", "target.lnk"]),
            &["no column `target.lnk`", "did you mean `target.link`?"],
        ),
        (
            vec!["--x", "n/dd", "--y", "weight_alignment"],
            &["unknown name `dd`", "n/dd", "^^"],
        ),
        (
            vec!["--x", "target.link", "--y", "weight_alignment"],
            &["`target.link` is text (z1, z1*z2)", "`by` or `panels`"],
        ),
        (
            vec!["--x", "protocol.step_size", "--y", "weight_alignment"],
            &["`step_size` is its number"],
        ),
        (
            with(&["--where", "step"]),
            &["the filter `step` has no `=`"],
        ),
        (
            with(&["--where", "target.link=z3"]),
            &["`z3` is not a value of `target.link`", "it takes z1, z1*z2"],
        ),
        (
            with(&["--step", "7"]),
            &[
                "the filter step=7 leaves none of 240 rows",
                "`step` takes 0, 1",
            ],
        ),
        (
            with(&["--step", "1", "--where", "d=20", "--where", "n<=100"]),
            &[
                "the filter n<=100 leaves none of 60 rows",
                "`n` takes 200, 800, 12800",
            ],
        ),
        (
            with(&["--step", "1"]),
            &[
                "differ in target.link (z1, z1*z2) and protocol.step_size (p, 10*p)",
                "`pool`",
            ],
        ),
        (
            with(&["--direction", "1"]),
            &["the filter direction=1 leaves none", "no value"],
        ),
        (
            with(&["--statistic", "median", "--spread", "sd"]),
            &["show quartiles or none"],
        ),
        (
            vec![
                "--x",
                "step",
                "--y",
                "weight_alignment",
                "--by",
                "d",
                "--where",
                "n/d=10",
                "--where",
                "target.link=z1",
                "--where",
                "step_size=4",
                "--x-scale",
                "log",
            ],
            &["step has values that are not positive (0)"],
        ),
        (with(&["--name", "a/b"]), &["`a/b` is no name of a figure"]),
        (with(&["--level", "1"]), &["--value"]),
    ];
    for (arguments, expected) in cases {
        let output = plot(folder.path(), &arguments);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
        for expected in expected {
            assert!(
                message.contains(expected),
                "{arguments:?}: {expected} is missing from\n{message}"
            );
        }
    }
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        2,
        "nothing was written"
    );
}

#[test]
fn a_table_that_is_absent_or_damaged_is_named_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let asked = ["--x", "n", "--y", "test_error"];
    let answer = |path: &Path, expected: &[&str]| {
        let output = plot(path, &asked);
        let message = text(&output.stderr).to_owned();
        assert_eq!(output.status.code(), Some(2), "{message}");
        for expected in expected {
            assert!(
                message.contains(expected),
                "{expected} is missing from {message}"
            );
        }
    };
    let collect = format!("giantstep collect {}", folder.path().display());
    answer(
        &folder.path().join("absent"),
        &["there is no folder", "absent"],
    );
    answer(folder.path(), &["there is no", "results.parquet", &collect]);
    let path = folder.path().join("results.parquet");
    std::fs::write(&path, "PAR1 torn").unwrap();
    answer(folder.path(), &["not a readable Parquet file", &collect]);
    write(&path, &Table::default()).unwrap();
    answer(folder.path(), &["has no rows", &collect]);
}
