//! Tables as Arrow and as Parquet, there and back.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{Array, Float64Array, StringArray};
use arrow_schema::{DataType, Field, Schema};
use giantstep::measurement::Signs;
use giantstep::metric::Metric;
use parquet::arrow::ArrowWriter;
use toml::Value;

use super::encode::ROW_GROUP;
use super::{Common, Record, Table, TableError, decode, encode};
use crate::plan::{Plan, Scale, Setting};

fn common(step_size: f64, settings: &[(&str, Value, usize)]) -> Common {
    let settings = settings.iter().map(|(key, value, position)| Setting {
        position: *position,
        ..Setting::new(key, value.clone())
    });
    Common {
        step_size,
        numbers: [].into(),
        settings: settings.collect(),
    }
}

/// Two points that differ in a formula, a whole number and a number.
fn table() -> Table {
    let text = |text: &str| Value::String(text.to_owned());
    let first = [
        ("protocol.step_size", text("3*p"), 1),
        ("protocol.reuse", Value::Integer(2), 1),
        ("target.noise", Value::Float(0.5), 1),
    ];
    let second = [
        ("protocol.step_size", text("p"), 2),
        ("protocol.reuse", Value::Integer(1), 2),
        ("target.noise", Value::Float(0.1 + 0.2), 2),
    ];
    let base = Record {
        point: 1,
        run: 1,
        seed: u64::MAX,
        n: 1e15,
        d: 512.0,
        p: 1024,
        step: 1,
        ..Record::new(Metric::TestError, 0.25)
    };
    let records = vec![
        Record {
            ridge: Some(1e-3),
            ..base
        },
        Record {
            metric: Metric::Overlap,
            neuron: Some(u32::MAX),
            direction: Some(0),
            group: Some(Signs::Negative),
            value: f64::NEG_INFINITY,
            ..base
        },
        Record {
            point: 2,
            run: 2,
            metric: Metric::SingularValue,
            rank: Some(7),
            value: -0.0,
            ..base
        },
    ];
    Table {
        points: [(1, common(96.0, &first)), (2, common(32.0, &second))].into(),
        records,
    }
}

/// The rows of one run by itself.
fn alone() -> Table {
    let records = table().records.into_iter();
    Table {
        points: BTreeMap::new(),
        records: records
            .map(|r| Record {
                point: 0,
                run: 0,
                ..r
            })
            .collect(),
    }
}

fn back(table: &Table) -> Table {
    decode(encode(table).unwrap(), Path::new("here")).unwrap()
}

#[test]
fn a_table_comes_back_as_it_was() {
    assert_eq!(back(&table()), table());
    assert_eq!(back(&alone()), alone());
    assert_eq!(back(&Table::default()), Table::default());
}

#[test]
fn every_swept_key_is_a_column_as_typed_beside_its_number() {
    let table = table();
    let batch = table.batches().next().unwrap().unwrap();
    let text = |name: &str| {
        let column = batch.column_by_name(name).unwrap();
        column
            .as_any()
            .downcast_ref::<StringArray>()
            .unwrap()
            .value(0)
            .to_owned()
    };
    let reals = batch.column_by_name("step_size").unwrap();
    let reals = reals.as_any().downcast_ref::<Float64Array>().unwrap();
    assert_eq!(
        (text("protocol.step_size").as_str(), reals.value(0)),
        ("3*p", 96.0)
    );
    let kinds: Vec<DataType> = ["protocol.step_size", "protocol.reuse", "target.noise"]
        .map(|key| {
            batch
                .schema()
                .field_with_name(key)
                .unwrap()
                .data_type()
                .clone()
        })
        .to_vec();
    assert_eq!(kinds, [DataType::Utf8, DataType::Int64, DataType::Float64]);
    // A run by itself says nothing of a plan.
    let alone = alone();
    assert!(alone.schema().column_with_name("point").is_none());
}

#[test]
fn a_table_longer_than_a_row_group_comes_back_in_order() {
    let long = table().with(
        (0..ROW_GROUP + 5)
            .map(|i| Record {
                seed: i as u64,
                rank: i.is_multiple_of(3).then_some(i as u32),
                point: 1 + (i % 2) as u32,
                ..table().records[1]
            })
            .collect(),
    );
    assert!(back(&long) == long);
}

#[test]
fn equal_tables_give_equal_bytes() {
    assert_eq!(encode(&table()).unwrap(), encode(&table()).unwrap());
}

#[test]
fn damaged_absent_and_foreign_files_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("results.parquet");
    assert!(matches!(super::read(&path), Err(TableError::Read { .. })));
    super::write(&path, &table()).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.truncate(bytes.len() / 2);
    assert!(matches!(
        decode(bytes, &path),
        Err(TableError::Damaged { .. })
    ));
    // A run by itself is no table of a plan, and a file of another program is neither.
    super::write(&path, &alone()).unwrap();
    assert!(
        matches!(super::read(&path), Err(TableError::Foreign { column, .. }) if column == "point")
    );
    let schema = Arc::new(Schema::new(vec![Field::new(
        "seed",
        DataType::Float64,
        false,
    )]));
    let writer = ArrowWriter::try_new(Vec::new(), schema, None).unwrap();
    let foreign = decode(writer.into_inner().unwrap(), &path);
    assert!(matches!(foreign, Err(TableError::Foreign { column, .. }) if column == "seed"));
}

#[test]
fn a_number_beside_text_is_not_taken_for_a_position() {
    let file = |values: &str| {
        format!(
            "link = \"z1\"\nd = 9\nn = 20\np = 4\nT = 1\n\
             [[sweep]]\nkey = \"protocol.step_size\"\nvalues = {values}"
        )
    };
    let numbers = |values: &str| -> Vec<f64> {
        let plan = Plan::read(&file(values), "file", &[], Scale::Full).unwrap();
        let table = Table::of(&plan);
        let number = |common: &Common| common.settings[0].number();
        table.points.values().map(number).collect()
    };
    assert_eq!(numbers("[2, \"p\", 0.5]"), [1.0, 2.0, 3.0]);
    assert_eq!(numbers("[2, 0.5]"), [2.0, 0.5]);
}

#[test]
fn every_formula_of_a_swept_key_is_a_number_as_well() {
    let spike = "inputs = { spike = { along = 'target', strength = 1 } }";
    let trained = "second_layer = { step_size = 1 }\nbiases = { step_size = 1 }";
    for (more, key, column, formula, number) in [
        ("", "network.scale", "scale", "2/p", 0.5),
        ("", "readout.samples", "samples", "3*d", 27.0),
        ("", "readout.ridge", "ridge", "n/10", f64::NAN),
        (
            "",
            "protocol.weight_decay",
            "weight_decay",
            "1/d",
            1.0 / 9.0,
        ),
        ("", "protocol.training_set", "training_set", "10*d", 90.0),
        ("", "protocol.clip.rows", "rows", "p/8", 0.5),
        (spike, "inputs.spike.strength", "strength", "d^0.5", 3.0),
        (
            trained,
            "protocol.biases.step_size",
            "protocol_biases_step_size",
            "p",
            4.0,
        ),
        ("", "target.link", "link", "z1*2", f64::NAN),
    ] {
        let (inputs, trained) = match more == spike {
            true => (more, ""),
            false => ("", more),
        };
        let file = format!(
            "{inputs}\n[target]\nlink = \"z1\"\n[network]\nwidth = 4\nactivation = \"relu(x)\"\n\
             bias = {{ gaussian = 0 }}\n[protocol]\ndimension = 9\nbatch = 20\nsteps = 1\nstep_size = 1\n{trained}\n\
             [[sweep]]\nkey = \"{key}\"\nvalues = [\"{formula}\", \"2*({formula})\"]"
        );
        let plan = Plan::read(&file, "file", &[], Scale::Full).unwrap();
        let mut table = Table::of(&plan);
        let found: Vec<(String, f64)> = table.points[&1].numbers.to_vec();
        match number.is_nan() {
            true => assert_eq!(found, [], "{key}"),
            false => assert_eq!(found, [(column.to_owned(), number)], "{key}"),
        }
        let named = (key != "target.link").then(|| column.to_owned());
        assert_eq!(table.number_of(key), named, "{key}");
        table.records = [1, 2]
            .map(|point| Record {
                point,
                run: point,
                ..Record::new(Metric::TestError, 1.0)
            })
            .to_vec();
        assert_eq!(back(&table), table, "{key}");
    }
}

#[test]
fn a_number_has_the_name_under_which_it_is_looked_for() {
    let file = "let.scale = 1\nlink = \"z1\"\nd = 9\nn = 20\np = 4\nT = 1\neta = 1\n\
                [[sweep]]\nkey = \"let.scale\"\nvalues = [1, 2]\n\
                [[sweep]]\nkey = \"network.scale\"\nvalues = [\"scale/p\", \"scale/8\"]";
    let plan = Plan::read(file, "file", &[], Scale::Full).unwrap();
    let table = Table::of(&plan);
    let column = table.number_of("network.scale").unwrap();
    assert_eq!(*table.points[&1].numbers, [(column, 0.25)]);
}
