use std::fs;

use arrow_array::{Float32Array, Float64Array, Int32Array, RecordBatch};
use giantstep::spec::FileSpec;
use tempfile::TempDir;

use super::*;
use crate::files::{Entries as Saved, NamedMatrix, encode_matrices};

fn spec(folder: &TempDir, name: &str, labels: Option<&str>) -> FileSpec {
    let file = folder.path().join(name).to_string_lossy().into_owned();
    let text = serde_json::json!({ "file": file, "labels": labels });
    serde_json::from_value(text).unwrap()
}

fn saved(name: &str, bytes: impl AsRef<[u8]>) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(name), bytes).unwrap();
    folder
}

/// The header of NumPy's format 1.0.
fn npy(kind: &str, order: bool, shape: &str, entries: &[u8]) -> Vec<u8> {
    let fortran = if order { "True" } else { "False" };
    let mut header =
        format!("{{'descr': '{kind}', 'fortran_order': {fortran}, 'shape': {shape}, }}");
    while (header.len() + 11) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(entries);
    bytes
}

fn singles(entries: &[f32]) -> Vec<u8> {
    entries.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn parquet_file(batch: &RecordBatch) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer =
        ::parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    bytes
}

/// The rows 1 2 / 3 4 / 5 7 and the labels 0.5, -1, 2 in every format.
fn all() -> Vec<(TempDir, &'static str, &'static str)> {
    let x = [1f32, 2.0, 3.0, 4.0, 5.0, 7.0];
    let columns = [1f32, 3.0, 5.0, 2.0, 4.0, 7.0];
    let y = [0.5f64, -1.0, 2.0];
    let arrays = |name: &str, bytes: Vec<u8>| {
        let folder = saved(name, bytes);
        let labels: Vec<u8> = y.iter().flat_map(|y| y.to_le_bytes()).collect();
        fs::write(
            folder.path().join("y.npy"),
            npy("<f8", false, "(3,)", &labels),
        )
        .unwrap();
        folder
    };
    let batch = |first: arrow_array::ArrayRef| {
        RecordBatch::try_from_iter([
            ("a", first),
            ("y", Arc::new(Float64Array::from(y.to_vec())) as _),
            ("b", Arc::new(Float32Array::from(vec![2.0, 4.0, 7.0])) as _),
        ])
        .unwrap()
    };
    let tensors = encode_matrices(&[
        NamedMatrix {
            name: "X",
            rows: 3,
            columns: 2,
            entries: Saved::F32(&x),
        },
        NamedMatrix {
            name: "y",
            rows: 3,
            columns: 1,
            entries: Saved::F64(&y),
        },
    ]);
    vec![
        (
            saved("x.csv", "a,y,b\n1,0.5,2\n3, -1.0,4e0\n5,2,7\n"),
            "x.csv",
            "y",
        ),
        (
            arrays("x.npy", npy("<f4", false, "(3, 2)", &singles(&x))),
            "x.npy",
            "y.npy",
        ),
        (
            arrays("f.npy", npy("<f4", true, "(3, 2)", &singles(&columns))),
            "f.npy",
            "y.npy",
        ),
        (
            arrays("i.npy", npy("|u1", false, "(3, 2)", &[1, 2, 3, 4, 5, 7])),
            "i.npy",
            "y.npy",
        ),
        (
            saved(
                "x.parquet",
                parquet_file(&batch(Arc::new(Float32Array::from(vec![1.0, 3.0, 5.0])))),
            ),
            "x.parquet",
            "y",
        ),
        (
            saved(
                "i.parquet",
                parquet_file(&batch(Arc::new(Int32Array::from(vec![1, 3, 5])))),
            ),
            "i.parquet",
            "y",
        ),
        (
            saved("x.safetensors", tensors.unwrap()),
            "x.safetensors",
            "y",
        ),
    ]
}

#[test]
fn every_format_gives_the_same_rows_and_labels() {
    for (folder, name, labels) in all() {
        let found = Files::default().read(&spec(&folder, name, Some(labels)));
        let found = found.unwrap_or_else(|error| panic!("{name}: {error}"));
        let data = &found.data;
        assert_eq!((data.rows(), data.columns()), (3, 2), "{name}");
        let entries: Vec<f64> = (0..6).map(|i| data.entry(i / 2, i % 2)).collect();
        assert_eq!(entries, [1.0, 2.0, 3.0, 4.0, 5.0, 7.0], "{name}");
        assert_eq!(&data.labels().unwrap()[..], [0.5, -1.0, 2.0], "{name}");
        assert_eq!(found.content.len(), 32);
    }
}

#[test]
fn a_file_is_read_once_and_a_changed_one_is_noticed() {
    let folder = saved("x.csv", "a,b\n1,2\n3,4\n");
    let files = Files::default();
    let asked = spec(&folder, "x.csv", None);
    let found = files.read(&asked).unwrap();
    assert!(Arc::ptr_eq(&found.data, &files.read(&asked).unwrap().data));
    let pinned = FileSpec {
        content: Some(found.content.clone()),
        ..asked
    };
    assert!(Files::default().read(&pinned).is_ok());
    fs::write(folder.path().join("x.csv"), "a,b\n1,2\n3,5\n").unwrap();
    let error = Files::default().read(&pinned).unwrap_err().to_string();
    assert!(
        error.contains("has changed") && error.contains(&found.content),
        "{error}"
    );
}

#[test]
fn labels_that_are_a_file_are_a_part_of_the_content() {
    let (folder, name, labels) = all().swap_remove(1);
    let asked = spec(&folder, name, Some(labels));
    let before = Files::default().read(&asked).unwrap().content;
    let other: Vec<u8> = [0.5f64, -1.0, 3.0]
        .iter()
        .flat_map(|y| y.to_le_bytes())
        .collect();
    fs::write(
        folder.path().join("y.npy"),
        npy("<f8", false, "(3,)", &other),
    )
    .unwrap();
    assert_ne!(Files::default().read(&asked).unwrap().content, before);
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_place() {
    for (name, bytes, labels, said) in [
        (
            "x.csv",
            b"a,b\n1,2\n3,NaN\n".to_vec(),
            None,
            "row 2, column 2 is NaN",
        ),
        (
            "x.csv",
            b"a,b\n1,2\n3,\n".to_vec(),
            None,
            "nothing in row 2, column 2 (`b`)",
        ),
        (
            "x.csv",
            b"a,b\n1,2\n3,x\n".to_vec(),
            None,
            "`x` in row 2, column 2 (`b`)",
        ),
        (
            "x.csv",
            b"a,b\n1,2\n3\n".to_vec(),
            None,
            "cannot be understood",
        ),
        ("x.csv", b"1,2\n3,4\n".to_vec(), None, "begins with numbers"),
        ("x.csv", b"".to_vec(), None, "empty"),
        ("x.csv", b"a,b\n".to_vec(), None, "0 x 2"),
        ("x.csv", b"a,b\n1,2\n".to_vec(), Some("c"), "has `a`, `b`"),
        (
            "x.npy",
            npy("<f4", false, "(6,)", &singles(&[0.0; 6])),
            None,
            "shape [6], not (n, d)",
        ),
        (
            "x.npy",
            npy("<f4", false, "(3, 3)", &singles(&[0.0; 6])),
            None,
            "ends too early",
        ),
        (
            "x.npy",
            npy("<f4", false, "(9999999999, 9)", &[]),
            None,
            "shorter than its header",
        ),
        (
            "x.npy",
            npy("<c8", false, "(1, 1)", &[0; 8]),
            None,
            "of the type",
        ),
        (
            "x.npy",
            npy("<f4", false, "(1, 1)", &singles(&[0.0])),
            Some("y"),
            "another file",
        ),
        (
            "x.npy",
            npy("<f4", false, "(1, 1)", &singles(&[0.0])),
            Some("y.npy"),
            "cannot read",
        ),
        (
            "x.npy",
            b"a sentence that is no array at all".to_vec(),
            None,
            "cannot be understood",
        ),
        (
            "x.parquet",
            b"no table".to_vec(),
            None,
            "cannot be understood",
        ),
        (
            "x.safetensors",
            b"no tensors at all".to_vec(),
            None,
            "header",
        ),
        ("x.safetensors", b"short".to_vec(), None, "ends too early"),
        ("x.xlsx", b"".to_vec(), None, "not .parquet"),
    ] {
        let folder = saved(name, &bytes);
        let error = Files::default().read(&spec(&folder, name, labels));
        let error = error.expect_err(said).to_string();
        assert!(error.contains(said), "{name}: {error}");
    }
    let missing = spec(&saved("x.csv", ""), "y.csv", None);
    let error = Files::default().read(&missing).unwrap_err();
    assert!(error.to_string().contains("y.csv") && error.remedy().is_some());
}

#[test]
fn a_constant_column_is_named_where_it_is_standardised() {
    let folder = saved("x.csv", "a,b,y\n1,2,1\n3,2,2\n");
    let plain = spec(&folder, "x.csv", Some("y"));
    assert!(Files::default().read(&plain).is_ok());
    let standardised = FileSpec {
        standardise: Standardise::Columns,
        ..plain
    };
    let error = Files::default()
        .read(&standardised)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("column 2 is 2 in every row") && error.contains("`b`"),
        "{error}"
    );
}

#[test]
fn weights_are_read_as_they_were_saved() {
    let first = [1.0, 2.0, 3.0, 4.0, 5.0, 7.0];
    let matrix = |name, rows, columns, entries| NamedMatrix {
        name,
        rows,
        columns,
        entries: Saved::F64(entries),
    };
    let bytes = |matrices: &[NamedMatrix<'_>]| encode_matrices(matrices).unwrap();
    let of = |name: &str, bytes: Vec<u8>| {
        let folder = saved(name, bytes);
        let file = folder.path().join(name).to_string_lossy().into_owned();
        let content = None;
        Files::default().weights(&WeightsFile { file, content })
    };
    let both = bytes(&[matrix("W", 2, 3, &first), matrix("a", 1, 2, &[0.5, -1.0])]);
    let found = of("w.safetensors", both.clone()).unwrap();
    assert_eq!(found.weights.first[(1, 0)], 4.0);
    assert_eq!(found.weights.first.shape(), (2, 3));
    assert_eq!(found.weights.second, Some(vec![0.5, -1.0]));
    assert_eq!(found.weights.bias, None);
    for (name, bytes, said) in [
        ("w.npy", both.clone(), "not .safetensors"),
        (
            "w.safetensors",
            bytes(&[matrix("V", 2, 3, &first)]),
            "has no tensor `W`",
        ),
        (
            "w.safetensors",
            both[..both.len() - 1].to_vec(),
            "shorter than its header",
        ),
    ] {
        let error = of(name, bytes).unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
        assert!(
            error.to_string().starts_with("network.start.file"),
            "{error}"
        );
        assert!(error.remedy().is_some());
    }
    let folder = saved("w.safetensors", both);
    let file = folder
        .path()
        .join("w.safetensors")
        .to_string_lossy()
        .into_owned();
    let content = Some("another".to_owned());
    let error = Files::default()
        .weights(&WeightsFile { file, content })
        .unwrap_err();
    assert!(error.to_string().contains("has changed"), "{error}");
}
