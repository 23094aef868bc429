//! `giantstep plot` on a table whose means, standard errors and quartiles are known in closed form.
//!
//! Seen to catch: x and y of a heat map exchanged, a standard error without the root, n in the denominator of the
//! standard deviation, rows of one seed counted as draws, cells of equal width on a logarithmic axis.

mod common;

use std::path::Path;
use std::process::{Command, Output};

use common::{giantstep, missing_glyphs, text};
use giantstep_cli::table::{Record, write};
use resvg::tiny_skia::Pixmap;
use resvg::usvg::{Group, Node, Options, Paint, Tree};
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
        for (link, size, d, ratio, step) in points() {
            let n = ratio * d;
            let mut record = Record {
                seed: seed as u64,
                n,
                d,
                p: 4,
                step,
                metric: "weight_alignment".to_owned(),
                value: base(link, size, n, d, step) + draw,
                axes: vec![
                    ("target.link".to_owned(), link),
                    ("protocol.step_size".to_owned(), size),
                ],
                ..Record::default()
            };
            records.push(record.clone());
            record.metric = "weight_cosine".to_owned();
            for (direction, group, sign) in [(1, "+", 1.0), (1, "-", -1.0), (2, "+", 1.0)] {
                // The two signs differ by 6 in every seed: their mean over a seed is the draw itself.
                record.value = draw + 3.0 * sign;
                record.direction = Some(direction);
                record.group = Some(group.to_owned());
                records.push(record.clone());
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("results.parquet"), &records).unwrap();
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

/// Filled areas of a picture: the middle, the size, and how light the colour is.
fn areas(group: &Group, found: &mut Vec<([f32; 2], [f32; 2], u32)>) {
    for node in group.children() {
        match node {
            Node::Group(inner) => areas(inner, found),
            Node::Path(path) => {
                if let Some(Paint::Color(colour)) = path.fill().map(|fill| fill.paint()) {
                    let area = path.abs_bounding_box();
                    let middle = [
                        (area.left() + area.right()) / 2.0,
                        (area.top() + area.bottom()) / 2.0,
                    ];
                    let light = 2 * u32::from(colour.red)
                        + 5 * u32::from(colour.green)
                        + u32::from(colour.blue);
                    found.push((middle, [area.width(), area.height()], light));
                }
            }
            _ => {}
        }
    }
}

#[test]
fn cells_of_a_heat_map_lie_where_their_values_belong() {
    let folder = folder();
    let asked = [
        "--x",
        "n/d",
        "--y",
        "step_size",
        "--value",
        "weight_alignment",
        "--step",
        "1",
    ];
    let more = [
        "--where",
        "target.link=z1",
        "--where",
        "d=10",
        "--x-scale",
        "log",
        "--y-scale",
        "log",
    ];
    let rows = drawn(folder.path(), &[&asked[..], &more].concat());
    let places: Vec<(&str, &str)> = rows.iter().map(|r| (&*r[1], &*r[2])).collect();
    let columns = ["10", "40", "640"];
    let expected = ["4", "40"].iter().flat_map(|y| columns.map(|x| (x, *y)));
    assert_eq!(places, expected.collect::<Vec<_>>());
    for row in &rows {
        let size = if row[2] == "4" { 1.0 } else { 2.0 };
        let mean = base(1.0, size, 10.0 * number(&row[1]), 10.0, 1) + 1.0;
        assert!((number(&row[3]) - mean).abs() < 1e-7, "{row:?}");
    }

    // In the picture: the six largest areas with a colour. Viridis grows lighter with the value.
    let svg = std::fs::read_to_string(folder.path().join("f.svg")).unwrap();
    let tree = Tree::from_str(&svg, &Options::default()).unwrap();
    let mut found = Vec::new();
    areas(tree.root(), &mut found);
    found.retain(|(_, _, light)| *light < 8 * 250);
    found.sort_by(|a, b| (b.1[0] * b.1[1]).total_cmp(&(a.1[0] * a.1[1])));
    found.truncate(6);
    found.sort_by_key(|area| area.2);
    let mut by_value: Vec<(f64, f64, f64)> = rows
        .iter()
        .map(|row| (number(&row[3]), number(&row[1]), number(&row[2])))
        .collect();
    by_value.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (first, second) in [(0, 1), (1, 2), (3, 4), (4, 5)] {
        assert!(by_value[first].1 < by_value[second].1 && by_value[first].2 == by_value[second].2);
        let (here, there) = (found[first].0, found[second].0);
        assert!(
            here[0] + 5.0 < there[0] && (here[1] - there[1]).abs() < 1.0,
            "{found:?}"
        );
    }
    // The larger step size is above, where y is smaller.
    assert!(found[0].0[1] > found[3].0[1] + 5.0, "{found:?}");
    // In log10 the columns 10, 40, 640 are 0.602 and 1.204 apart: widths 0.602, 0.903, 1.204.
    let widths = [0, 1, 2].map(|cell| f64::from(found[cell].1[0]));
    for (width, share) in widths.iter().zip([2.0, 3.0, 4.0]) {
        // A cell reaches half a percent of the axis under the next one.
        let expected = share / 9.0 * widths.iter().sum::<f64>();
        assert!((width / expected - 1.0).abs() < 0.03, "{widths:?}");
    }
}

#[test]
fn places_that_differ_by_the_rounding_of_n_alone_share_a_column() {
    let folder = tempfile::tempdir().unwrap();
    let mut records = Vec::new();
    for d in [10.0_f64, 33.0, 100.0] {
        for exponent in [1.0, 1.25, 1.5] {
            records.push(Record {
                n: d.powf(exponent).round(),
                d,
                p: 2,
                metric: "test_error".to_owned(),
                value: exponent + d,
                ..Record::default()
            });
        }
    }
    write(&folder.path().join("results.parquet"), &records).unwrap();
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
    assert!(output.status.success());
    let note = text(&output.stderr);
    assert!(
        note.starts_with("note: ") && note.contains("experiment.toml"),
        "{note}"
    );
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
fn a_figure_is_a_column_wide_says_its_mathematics_and_has_all_its_letters() {
    let folder = folder();
    let curves = [
        "--x",
        "n/d^2",
        "--y",
        "weight_alignment",
        "--by",
        "d",
        "--panels",
        "target.link",
    ];
    drawn(
        folder.path(),
        &[&curves[..], &["--step", "1", "--where", "step_size=4"]].concat(),
    );
    let svg = std::fs::read_to_string(folder.path().join("f.svg")).unwrap();
    let raised = "<tspan baseline-shift=\"super\" font-size=\"75%\">2</tspan>";
    assert!(svg.contains(raised), "the exponent of n/d^2");
    let words: String = svg
        .split('<')
        .filter_map(|part| part.split_once('>'))
        .map(|p| p.1)
        .collect();
    for expected in ["n/d2", "weight alignment", "d = 10", "d = 20", "z₁z₂"] {
        assert!(
            words.contains(expected),
            "{expected} is missing from {words}"
        );
    }
    assert_eq!(missing_glyphs(&svg), Vec::<String>::new());

    let heat = [
        "--x",
        "n",
        "--y",
        "d",
        "--value",
        "weight_alignment",
        "--level",
        "1300000",
    ];
    drawn(
        folder.path(),
        &[&heat[..], &["--step", "1"], &ONE_LINK].concat(),
    );
    let image = Pixmap::load_png(folder.path().join("f.png")).unwrap();
    let width = f64::from(image.width()) / 300.0 * 25.4;
    assert!((width - 85.0).abs() < 1.5, "{width} mm");
}

#[test]
fn texts_of_a_sweep_are_read_from_the_experiment_file() {
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
            &["`target.link` is text (z1, z1*z2)", "--by or --panels"],
        ),
        (
            vec!["--x", "protocol.step_size", "--y", "weight_alignment"],
            &["`step_size` is its number"],
        ),
        (with(&["--where", "step"]), &["--where step: no `=`"]),
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
                "--pool",
            ],
        ),
        (
            with(&["--direction", "1"]),
            &["the filter direction=1 leaves none", "no value"],
        ),
        (
            with(&["--statistic", "median", "--spread", "sd"]),
            &["--spread quartiles or none"],
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
        (with(&["--name", "a/b"]), &["--name a/b", "--out"]),
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
    write(&path, &[]).unwrap();
    answer(folder.path(), &["has no rows", &collect]);
}

#[test]
fn the_script_beside_a_figure_draws_the_data_beside_it() {
    let python = |arguments: &[&str]| Command::new("python3").args(arguments).output();
    if python(&["--version"]).is_err() {
        eprintln!("python3 is not installed: the scripts are not tried");
        return;
    }
    let draws = python(&["-c", "import matplotlib"]).is_ok_and(|output| output.status.success());
    let folder = folder();
    let curves = [
        "--x",
        "n",
        "--y",
        "weight_alignment",
        "--by",
        "d",
        "--panels",
        "target.link",
        "--step",
        "1",
    ];
    let heat = [
        "--x",
        "n",
        "--y",
        "d",
        "--value",
        "weight_alignment",
        "--level",
        "1300000",
        "--step",
        "1",
    ];
    for (name, asked) in [
        ("bars", [&curves[..], &["--where", "step_size=4"]].concat()),
        (
            "band",
            [
                &curves[..],
                &[
                    "--where",
                    "step_size=4",
                    "--statistic",
                    "median",
                    "--x-scale",
                    "log",
                ],
            ]
            .concat(),
        ),
        ("heat", [&heat[..], &ONE_LINK].concat()),
    ] {
        drawn(folder.path(), &asked);
        let script = folder.path().join("f.py").display().to_string();
        let compiled = python(&["-m", "py_compile", &script]).unwrap();
        assert!(
            compiled.status.success(),
            "{name}: {}",
            text(&compiled.stderr)
        );
        if draws {
            let picture = folder.path().join(format!("{name}-matplotlib.png"));
            let output = python(&[&script, &picture.display().to_string()]).unwrap();
            assert!(output.status.success(), "{name}: {}", text(&output.stderr));
            assert!(Pixmap::load_png(&picture).is_ok(), "{name}");
        }
    }
}
