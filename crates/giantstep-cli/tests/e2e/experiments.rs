//! Every experiment file is accepted by the schema, planned at both scales, and run at toy size.
//!
//! Seen to catch: a figure of a metric that nothing records, a section missing from the file that is left behind,
//! `stderr` without the root of the number of draws, a note on standard error of a piped run.

use std::collections::HashMap;

use crate::common::{TOY, Toy, experiments, giantstep, json, text};
use giantstep_lab::plan::{Plan, Scale};
use giantstep_lab::table::{Record, read};
use serde_json::Value as Json;
use toml::{Table, Value};

/// A small value for the keys that decide how long a run takes.
fn small(key: &str, position: usize) -> Option<Value> {
    let sizes = match key {
        "protocol.dimension" => [24, 30],
        "protocol.batch" => [40, 60],
        "network.width" => [8, 12],
        _ => return None,
    };
    Some(Value::Integer(sizes[position]))
}

/// The first two positions of an axis, at toy size.
fn shortened(axis: &Table) -> Table {
    let mut axis = axis.clone();
    if let Some(Value::Array(points)) = axis.get_mut("zip") {
        points.truncate(2);
        for (position, point) in points.iter_mut().enumerate() {
            for (key, value) in point.as_table_mut().expect("a table") {
                *value = small(key, position).unwrap_or(value.clone());
            }
        }
        return axis;
    }
    let key = axis["key"].as_str().expect("a key").to_owned();
    match (small(&key, 0), small(&key, 1)) {
        (Some(first), Some(second)) => {
            axis.retain(|name, _| name == "key");
            axis.insert("values".to_owned(), Value::Array(vec![first, second]));
        }
        _ => {
            if let Some(Value::Array(values)) = axis.get_mut("values") {
                values.truncate(2);
            }
            for space in ["linear", "log"] {
                if let Some(Value::Table(space)) = axis.get_mut(space) {
                    space.insert("count".to_owned(), Value::Integer(2));
                }
            }
        }
    }
    axis
}

/// Overrides that bring a file to toy size and leave everything else as it is.
fn toy(file: &str) -> Vec<String> {
    let table: Table = file.parse().expect("TOML");
    // Steps of one sample are many: their step size is for that batch, and few neurons start where the file says.
    let online = table["protocol"].get("batch") == Some(&Value::Integer(1));
    let sizes: &[&str] = match online {
        true => &["protocol.dimension"],
        false => &["protocol.dimension", "protocol.batch", "network.width"],
    };
    let mut overrides: Vec<String> = sizes
        .iter()
        .filter_map(|key| Some(format!("{key}={}", small(key, 0)?)))
        .collect();
    overrides.extend(["run.seeds=2", "evaluation.test_samples=200"].map(str::to_owned));
    if let Some(Value::Array(axes)) = table.get("sweep") {
        let axes = axes
            .iter()
            .map(|axis| Value::Table(shortened(axis.as_table().expect("a table"))));
        overrides.push(format!("sweep={}", Value::Array(axes.collect())));
    }
    overrides
        .into_iter()
        .flat_map(|text| ["--set".to_owned(), text])
        .collect()
}

#[test]
fn every_experiment_file_is_planned_at_both_scales() {
    for (name, file) in experiments() {
        for scale in [Scale::Full, Scale::Quick] {
            let plan = Plan::read(&file, &name, &[], scale)
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(
                plan.points.iter().all(|point| point.checked.name == name),
                "{name}"
            );
        }
    }
}

#[test]
fn every_experiment_file_runs_at_toy_size_and_leaves_its_files() {
    for (name, file) in experiments() {
        let place = Toy::new(&file);
        let arguments = [place.arguments(&[]), toy(&file), vec!["--json".to_owned()]].concat();
        let output = giantstep().args(&arguments).output().expect("a process");
        assert_eq!(
            output.status.code(),
            Some(0),
            "{name}: {}",
            text(&output.stderr)
        );
        assert!(output.stderr.is_empty(), "{name}: {}", text(&output.stderr));
        let document = json(&output);
        assert!(
            document["failures"].as_array().is_some_and(Vec::is_empty),
            "{name}"
        );

        let mut expected = vec!["experiment.toml".to_owned(), "results.parquet".to_owned()];
        let table: Table = file.parse().expect("TOML");
        let figures = table
            .get("figure")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        for figure in figures {
            let name = figure["name"].as_str().expect("a name");
            expected.extend(["svg", "png"].map(|ending| format!("{name}.{ending}")));
        }
        let mut found: Vec<String> = std::fs::read_dir(place.path("out"))
            .expect("the folder")
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        expected.sort();
        found.sort();
        found.retain(|file| file != "runs" && file != "predictions");
        assert_eq!(found, expected, "{name}");
        assert_eq!(
            document["files"].as_array().map(Vec::len),
            Some(found.len())
        );

        // What was understood is itself an experiment file, of the same points.
        let overrides: Vec<String> = toy(&file)
            .into_iter()
            .filter(|text| text != "--set")
            .collect();
        let asked = Plan::read(&file, &name, &overrides, Scale::Full).expect("a plan");
        let resolved = std::fs::read_to_string(place.path("out/experiment.toml")).expect("a file");
        let again = Plan::read(&resolved, &name, &[], Scale::Full).expect("a plan");
        let specs = |plan: &Plan| {
            plan.points
                .iter()
                .map(|point| point.spec.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(specs(&asked), specs(&again), "{name}");
    }
}

#[test]
fn every_experiment_file_can_be_reproduced_by_name() {
    let output = giantstep()
        .args(["reproduce", "--list"])
        .output()
        .expect("a process");
    let list = text(&output.stdout).to_owned();
    for (name, file) in experiments() {
        assert!(
            list.lines()
                .any(|line| line.split_whitespace().next() == Some(&name)),
            "{name}"
        );
        let place = Toy::new(&file);
        let rows = |arguments: Vec<String>| {
            let more = [toy(&file), vec!["--json".to_owned()]].concat();
            let output = giantstep()
                .args(arguments)
                .args(more)
                .output()
                .expect("a process");
            assert_eq!(
                output.status.code(),
                Some(0),
                "{name}: {}",
                text(&output.stderr)
            );
            json(&output)["rows"].clone()
        };
        let run = place.arguments(&[]);
        let reproduce = [
            vec!["reproduce".to_owned(), name.clone()],
            run[2..].to_vec(),
        ]
        .concat();
        assert_eq!(rows(run), rows(reproduce), "{name}");
    }
}

/// What distinguishes a row of the result besides its statistics.
fn place(record: &Record) -> String {
    format!(
        "{} {} {} {:?} {:?} {:?} {:?}",
        record.point,
        record.step,
        record.metric,
        record.direction,
        record.rank,
        record.group,
        record.ridge
    )
}

#[test]
fn json_rows_are_the_means_of_the_table() {
    let toy = Toy::new(TOY);
    let sweep = r#"sweep=[{key="protocol.batch",values=[30,"2*d"]},{key="protocol.step_size",values=[1.0,2.5]}]"#;
    let output = toy.run(&[sweep, "readout.ridge=[0.1,1]"], &["--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let document = json(&output);
    let keys: Vec<&str> = document
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect();
    for key in [
        "config",
        "rows",
        "points",
        "failures",
        "files",
        "seconds",
        "runs",
        "interrupted",
    ] {
        assert!(keys.contains(&key), "{key} is missing");
    }
    assert_eq!(document["config"]["target"]["link"], "z1 + z1*z2");
    assert_eq!(document["points"].as_array().map(Vec::len), Some(4));
    assert_eq!(document["runs"]["completed"], 12);

    let mut draws: HashMap<String, Vec<f64>> = HashMap::new();
    for record in toy.records() {
        draws.entry(place(&record)).or_default().push(record.value);
    }
    let rows = document["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), draws.len());
    for row in rows {
        let number = |key: &str| {
            row[key]
                .as_f64()
                .unwrap_or_else(|| panic!("{key} of {row}"))
        };
        let index = |key: &str| {
            row.get(key)
                .and_then(Json::as_u64)
                .map(|value| value as u32)
        };
        let record = Record {
            point: number("point") as u32,
            step: number("step") as u32,
            direction: index("direction"),
            rank: index("rank"),
            group: row
                .get("group")
                .map(|group| serde_json::from_value(group.clone()).expect("signs")),
            ridge: row.get("ridge").and_then(Json::as_f64),
            ..Record::new(
                row["metric"]
                    .as_str()
                    .expect("a name")
                    .parse()
                    .expect("a metric"),
                0.0,
            )
        };
        // A row says what was typed at its point, and the numbers that it came to.
        let point = &document["points"][record.point as usize - 1];
        for key in ["n", "d", "p", "step_size"] {
            assert_eq!(row[key].as_f64(), point[key].as_f64(), "{key} of {row}");
        }
        let typed = |key: &str| match &row[key] {
            Json::String(text) => text.clone(),
            number => number.to_string(),
        };
        for key in ["protocol.batch", "protocol.step_size"] {
            assert_eq!(typed(key), point["settings"][key], "{key} of {row}");
        }
        let values = &draws[&place(&record)];
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
        assert_eq!(number("draws"), n);
        for (key, expected) in [
            ("mean", mean),
            ("sd", variance.sqrt()),
            ("stderr", (variance / n).sqrt()),
        ] {
            assert!(
                (number(key) - expected).abs() <= 1e-12 * mean.abs().max(1.0),
                "{key} of {row}"
            );
        }
    }
}

#[test]
fn a_pipe_receives_the_result_and_nothing_else() {
    let toy = Toy::new(TOY);
    let output = toy.run(&[], &[]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    let shown = text(&output.stdout);
    assert!(
        !shown.contains(['\x1b', '\r']),
        "control characters on a pipe"
    );
    assert!(shown.contains("test_error") && shown.contains("3 of 3 runs"));
    let paths = shown.lines().filter(|line| line.contains("/out/"));
    assert!(
        paths.clone().count() >= 2 && paths.map(std::path::Path::new).all(std::path::Path::exists)
    );
}

#[test]
fn weights_are_saved_on_request() {
    let toy = Toy::new(TOY);
    let output = toy.run(&["run.save_weights=last"], &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    for seed in 0..3 {
        let bytes =
            std::fs::read(toy.path(&format!("out/weights-1-{seed}.safetensors"))).expect("a file");
        let tensors = safetensors::SafeTensors::deserialize(&bytes).expect("safetensors");
        let shape = |name: &str| tensors.tensor(name).expect("a tensor").shape().to_vec();
        assert_eq!(
            (shape("M"), shape("Q"), shape("a")),
            (vec![6, 2], vec![6, 6], vec![1, 6])
        );
    }
}

#[test]
fn explaining_runs_nothing() {
    let toy = Toy::new(TOY);
    let output = toy.run(&[], &["--explain"]);
    assert_eq!(output.status.code(), Some(0));
    let shown = text(&output.stdout);
    assert!(shown.contains("direct") && shown.contains("in_law") && shown.contains("taken"));
    assert!(!toy.path("out").exists() && read(&toy.path("out/results.parquet")).is_err());
}
