//! Arrays of NumPy, one a file.

use std::fs::File;
use std::io::{BufReader, Seek};
use std::path::Path;

use giantstep::batch::{Entries, Order};
use npyz::{DType, Deserialize, NpyFile, TypeChar};

use super::{Matrix, Problem, damaged, opened};

/// The labels are another file in the same folder, whose content is hashed too.
pub(super) fn read(
    file: File,
    path: &Path,
    labels: Option<&str>,
    hash: &mut blake3::Hasher,
) -> Result<Matrix, Problem> {
    let array = Array::read(file)?;
    let &[rows, columns] = &array.shape[..] else {
        let shape = &array.shape;
        return Err(damaged(format!("has the shape {shape:?}, not (n, d)")));
    };
    let labels = labels.map(|name| -> Result<Vec<f64>, Problem> {
        if !name.ends_with(".npy") {
            let what = "no columns with names: labels are another file, such as \"y.npy\"";
            return Err(Problem::NoLabels(what.to_owned()));
        }
        let beside = path.with_file_name(name);
        let mut file = opened(&beside).map_err(|source| Problem::Io(beside.clone(), source))?;
        hash.update_reader(&mut file)?;
        file.rewind()?;
        let labels = Array::read(file)?;
        match labels.shape[..] {
            [_] | [_, 1] => Ok(match labels.entries {
                Entries::F32(labels) => labels.iter().map(|y| f64::from(*y)).collect(),
                Entries::F64(labels) => labels.into_owned(),
            }),
            _ => {
                let shape = &labels.shape;
                Err(damaged(format!(
                    "has labels `{name}` of the shape {shape:?}, not (n,)"
                )))
            }
        }
    });
    Ok(Matrix {
        labels: labels.transpose()?,
        entries: array.entries,
        rows,
        columns,
        order: array.order,
        names: Vec::new(),
    })
}

struct Array {
    entries: Entries<'static>,
    shape: Vec<usize>,
    order: Order,
}

impl Array {
    fn read(file: File) -> Result<Self, Problem> {
        let size = file.metadata()?.len();
        let array = NpyFile::new(BufReader::with_capacity(1 << 20, file))?;
        let DType::Plain(kind) = array.dtype() else {
            return Err(damaged("is an array of records, not of numbers"));
        };
        // A damaged header may ask for any number of bytes.
        let bytes = array.len().checked_mul(kind.size_field().max(1));
        if bytes.is_none_or(|bytes| bytes > size) {
            return Err(damaged("is shorter than its header says"));
        }
        let shape = array
            .shape()
            .iter()
            .map(|length| *length as usize)
            .collect();
        let order = match array.order() {
            npyz::Order::C => Order::Rows,
            npyz::Order::Fortran => Order::Columns,
        };
        let entries = match (kind.type_char(), kind.size_field()) {
            (TypeChar::Float, 4) => array.into_vec::<f32>()?.into(),
            (TypeChar::Float, 8) => array.into_vec::<f64>()?.into(),
            (TypeChar::Int, 1) => numbers::<i8>(array, f64::from)?,
            (TypeChar::Int, 2) => numbers::<i16>(array, f64::from)?,
            (TypeChar::Int, 4) => numbers::<i32>(array, f64::from)?,
            (TypeChar::Int, 8) => numbers::<i64>(array, |x| x as f64)?,
            (TypeChar::Uint, 1) => numbers::<u8>(array, f64::from)?,
            (TypeChar::Uint, 2) => numbers::<u16>(array, f64::from)?,
            (TypeChar::Uint, 4) => numbers::<u32>(array, f64::from)?,
            (TypeChar::Uint, 8) => numbers::<u64>(array, |x| x as f64)?,
            (TypeChar::Bool, _) => numbers::<bool>(array, f64::from)?,
            _ => {
                return Err(damaged(format!(
                    "has entries of the type {kind}; save them as float32 or float64"
                )));
            }
        };
        Ok(Self {
            entries,
            shape,
            order,
        })
    }
}

fn numbers<T: Deserialize>(
    array: NpyFile<BufReader<File>>,
    of: fn(T) -> f64,
) -> Result<Entries<'static>, Problem> {
    let mut all: Vec<f64> = Vec::with_capacity(array.len() as usize);
    let entries = array
        .data::<T>()
        .map_err(|error| damaged(error.to_string()))?;
    for entry in entries {
        all.push(of(entry?));
    }
    Ok(all.into())
}
