//! `giantstep plot` on a table whose means, standard errors and quartiles are known in closed form.
//!
//! Seen to catch: x and y of a heat map exchanged, a standard error without the root, n in the denominator of the
//! standard deviation, rows of one seed counted as draws, cells of equal width on a logarithmic axis.

mod misuse;
mod pictures;

use std::path::Path;
use std::process::Output;

use crate::common::{giantstep, text};
use giantstep::measurement::Signs;
use giantstep::metric::Metric;
use giantstep_lab::plan::{Plan, Scale};
use giantstep_lab::table::{Common, Record, Table, write};
use tempfile::TempDir;

/// Draws about a base: mean 1, median 0, quartiles -1 and 1, variance 70/4.
const DRAWS: [f64; 5] = [-3.0, -1.0, 0.0, 1.0, 8.0];
const VARIANCE: f64 = 70.0 / 4.0;

const EXPERIMENT: &str = r#"
name = "synthetic"
[target]
link = "z1"
[network]
width = 4
[protocol]
dimension = 10
steps = 1
batch = 100
step_size = "p"
[[sweep]]
key = "target.link"
values = ["z1", "z1*z2"]
[[sweep]]
key = "protocol.step_size"
values = ["p", "10*p"]
[[sweep]]
key = "protocol.dimension"
values = [10, 20]
[[sweep]]
key = "protocol.batch"
values = ["10*d", "40*d", "640*d"]
"#;

/// The base of a point: no two are equal, and x and y cannot be exchanged.
fn base(link: f64, size: f64, n: f64, d: f64, step: u32) -> f64 {
    10.0 * n + 0.01 * d + 1e6 * link + 2e5 * size + 50.0 * f64::from(step)
}

/// A results folder with that table; of every point the alignment and, by direction and sign, the cosine.
fn folder() -> TempDir {
    let mut records = Vec::new();
    for (seed, draw) in DRAWS.into_iter().enumerate() {
        for (place, (link, size, d, ratio, step)) in points().enumerate() {
            let n = ratio * d;
            let mut record = Record {
                // Each point has two steps.
                point: 1 + place as u32 / 2,
                seed: seed as u64,
                n,
                d,
                p: 4,
                step,
                ..Record::new(Metric::WeightAlignment, base(link, size, n, d, step) + draw)
            };
            records.push(record);
            record.metric = Metric::WeightCosine;
            let (plus, minus) = (Signs::Positive, Signs::Negative);
            for (direction, group, sign) in [(1, plus, 1.0), (1, minus, -1.0), (2, plus, 1.0)] {
                // The two signs differ by 6 in every seed: their mean over a seed is the draw itself.
                record.value = draw + 3.0 * sign;
                record.direction = Some(direction);
                record.group = Some(group);
                records.push(record);
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan::read(EXPERIMENT, "synthetic", &[], Scale::Full).unwrap();
    let table = Table::of(&plan).with(records);
    write(&folder.path().join("results.parquet"), &table).unwrap();
    std::fs::write(folder.path().join("experiment.toml"), EXPERIMENT).unwrap();
    folder
}

fn points() -> impl Iterator<Item = (f64, f64, f64, f64, u32)> {
    let pairs = [(1.0, 1.0), (1.0, 2.0), (2.0, 1.0), (2.0, 2.0)];
    pairs.into_iter().flat_map(|(link, size)| {
        [10.0, 20.0].into_iter().flat_map(move |d| {
            [10.0, 40.0, 640.0]
                .into_iter()
                .flat_map(move |ratio| [0, 1].map(|step| (link, size, d, ratio, step)))
        })
    })
}

fn plot(folder: &Path, arguments: &[&str]) -> Output {
    giantstep()
        .arg("plot")
        .arg(folder)
        .args(arguments)
        .output()
        .expect("a process")
}

/// Draws a figure called `f` and reads its data, without the header.
fn drawn(folder: &Path, arguments: &[&str]) -> Vec<Vec<String>> {
    let output = plot(folder, &[arguments, &["--name", "f"]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
    let data = std::fs::read_to_string(folder.join("f.csv")).unwrap();
    let fields = |line: &str| line.split(',').map(str::to_owned).collect();
    data.lines().skip(1).map(fields).collect()
}

fn number(field: &str) -> f64 {
    field.parse().unwrap_or_else(|_| panic!("{field:?}"))
}

const ONE_LINK: [&str; 4] = ["--where", "target.link=z1", "--where", "step_size=4"];

#[test]
fn means_medians_and_their_spreads_are_those_of_the_draws() {
    let folder = folder();
    let root = VARIANCE.sqrt();
    let error = (VARIANCE / 5.0).sqrt();
    for (options, centre, low, high) in [
        (&[][..], 1.0, 1.0 - error, 1.0 + error),
        (&["--spread", "sd"], 1.0, 1.0 - root, 1.0 + root),
        (&["--spread", "quartiles"], 1.0, -1.0, 1.0),
        (&["--statistic", "median"], 0.0, -1.0, 1.0),
    ] {
        let asked = [
            "--x",
            "n",
            "--y",
            "weight_alignment",
            "--by",
            "d",
            "--step",
            "1",
        ];
        let rows = drawn(folder.path(), &[&asked, &ONE_LINK[..], options].concat());
        assert_eq!(rows.len(), 6);
        let places: Vec<(&str, &str)> = rows.iter().map(|r| (&*r[1], &*r[2])).collect();
        let expected = [("10", "100"), ("10", "400"), ("10", "6400")];
        assert_eq!(places[..3], expected);
        assert_eq!(places[3..], [("20", "200"), ("20", "800"), ("20", "12800")]);
        for row in rows {
            let base = base(1.0, 1.0, number(&row[2]), number(&row[1]), 1);
            for (field, expected) in [(3, centre), (4, low), (5, high)] {
                let found = number(&row[field]) - base;
                assert!(
                    (found - expected).abs() < 1e-7,
                    "{options:?}: {found} {expected}"
                );
            }
            assert_eq!(row[6], "5");
        }
    }
    let bare = [
        &["--x", "d", "--y", "weight_alignment", "--spread", "none"][..],
        &ONE_LINK,
    ];
    let rows = drawn(
        folder.path(),
        &[&bare.concat()[..], &["--where", "n/d=10", "--step", "0"]].concat(),
    );
    assert_eq!(
        rows[0],
        [
            "",
            "",
            "10",
            &(base(1.0, 1.0, 100.0, 10.0, 0) + 1.0).to_string(),
            "",
            "",
            "5"
        ]
    );
}

#[test]
fn rows_of_one_seed_are_averaged_before_they_count_as_a_draw() {
    let folder = folder();
    let asked = [
        "--x",
        "n",
        "--y",
        "weight_cosine",
        "--step",
        "1",
        "--direction",
        "1",
    ];
    let more = ["--where", "d=10", "--pool", "group"];
    for row in drawn(folder.path(), &[&asked, &more[..], &ONE_LINK].concat()) {
        let error = (VARIANCE / 5.0).sqrt();
        assert!((number(&row[3]) - 1.0).abs() < 1e-12, "{row:?}");
        assert!((number(&row[5]) - 1.0 - error).abs() < 1e-12, "{row:?}");
        assert_eq!(row[6], "5", "ten rows of five seeds");
    }
}

#[test]
fn places_that_differ_by_the_rounding_of_n_alone_share_a_column() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = Table::default();
    for d in [10.0_f64, 33.0, 100.0] {
        for exponent in [1.0, 1.25, 1.5] {
            let point = table.points.len() as u32 + 1;
            let common = Common {
                step_size: 1.0,
                numbers: [].into(),
                settings: [].into(),
            };
            table.points.insert(point, common);
            table.records.push(Record {
                point,
                n: d.powf(exponent).round(),
                d,
                p: 2,
                ..Record::new(Metric::TestError, exponent + d)
            });
        }
    }
    write(&folder.path().join("results.parquet"), &table).unwrap();
    let asked = [
        "--x",
        "exponent",
        "--y",
        "d",
        "--value",
        "test_error",
        "--name",
        "f",
    ];
    let output = plot(folder.path(), &asked);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    let data = std::fs::read_to_string(folder.path().join("f.csv")).unwrap();
    let mut columns: Vec<f64> = data
        .lines()
        .skip(1)
        .map(|line| number(line.split(',').nth(1).unwrap()))
        .collect();
    assert_eq!(columns.len(), 9);
    columns.sort_by(f64::total_cmp);
    columns.dedup();
    assert_eq!(columns.len(), 3, "{columns:?}");
    for (found, exponent) in columns.iter().zip([1.0, 1.25, 1.5]) {
        assert!((found - exponent).abs() < 0.005, "{columns:?}");
    }
}

#[test]
fn texts_of_a_sweep_are_those_of_the_table() {
    let folder = folder();
    let asked = [
        "--x",
        "n",
        "--y",
        "weight_alignment",
        "--by",
        "target.link",
        "--where",
        "d=10",
    ];
    let rows = drawn(
        folder.path(),
        &[&asked[..], &["--step", "1", "--where", "step_size=40"]].concat(),
    );
    assert_eq!(
        rows.iter().map(|row| &*row[1]).collect::<Vec<_>>(),
        ["z1", "z1", "z1", "z1*z2", "z1*z2", "z1*z2"]
    );
    assert!(number(&rows[3][3]) > 2e6 && number(&rows[2][3]) < 2e6);

    let listed = plot(folder.path(), &["--list"]);
    let listed = text(&listed.stdout);
    for line in [
        "target.link         z1, z1*z2",
        "step_size           4, 40",
        "group               +, -",
    ] {
        assert!(
            listed.lines().any(|found| found == line),
            "{line}\n{listed}"
        );
    }
    let cosine = listed
        .lines()
        .find(|line| line.starts_with("weight_cosine"));
    assert!(
        cosine.is_some_and(|line| line.contains(" 720 ") && line.contains("direction, group")),
        "{listed}"
    );
}
