//! Tensors of a safetensors file: a matrix, and a vector of labels.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};

use giantstep::batch::{Entries, Order};
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

use super::{Matrix, Problem, among, damaged, numbers};

/// The longest header that the format allows.
const LONGEST: u64 = 100_000_000;

pub(super) fn read(mut file: File, labels: Option<&str>) -> Result<Matrix, Problem> {
    let size = file.metadata()?.len();
    let mut length = [0; 8];
    file.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    if length > LONGEST.min(size.saturating_sub(8)) {
        return Err(damaged("is no safetensors file: its header is too long"));
    }
    let mut header = vec![0; length as usize];
    file.read_exact(&mut header)?;
    let tensors: Metadata = serde_json::from_slice(&header)
        .map_err(|error| damaged(format!("cannot be understood: {error}")))?;
    let start = 8 + length;
    if start.checked_add(tensors.data_len() as u64) != Some(size) {
        return Err(damaged("is shorter than its header says"));
    }
    let mut names = tensors.offset_keys();
    names.sort();
    let label = labels.map(|labels| among(labels, &names)).transpose()?;
    let label = label.map(|label| names[label].clone());
    let matrices: Vec<&String> = names
        .iter()
        .filter(|name| Some(*name) != label.as_ref())
        .filter(|name| tensors.info(name).is_some_and(|info| info.shape.len() == 2))
        .collect();
    let inputs = match matrices[..] {
        [only] => only,
        _ => matrices
            .into_iter()
            .find(|name| *name == "X")
            .ok_or_else(|| {
                damaged("has no matrix of inputs: the one called `X`, or the only one")
            })?,
    };
    let found = |name: &str| {
        let info = tensors.info(name);
        info.ok_or_else(|| damaged(format!("has no tensor `{name}`")))
    };
    let info = found(inputs)?;
    let (rows, columns) = (info.shape[0], info.shape[1]);
    let labels = match &label {
        None => None,
        Some(name) => {
            let info = found(name)?;
            if !matches!(info.shape[..], [_] | [_, 1]) {
                let shape = &info.shape;
                return Err(damaged(format!(
                    "has labels `{name}` of the shape {shape:?}, not (n,)"
                )));
            }
            Some(match entries(&mut file, start, name, info)? {
                Entries::F32(labels) => labels.iter().map(|y| f64::from(*y)).collect(),
                Entries::F64(labels) => labels.into_owned(),
            })
        }
    };
    Ok(Matrix {
        entries: entries(&mut file, start, inputs, info)?,
        rows,
        columns,
        order: Order::Rows,
        names: Vec::new(),
        labels,
    })
}

fn entries(
    file: &mut File,
    start: u64,
    name: &str,
    info: &TensorInfo,
) -> Result<Entries<'static>, Problem> {
    file.seek(SeekFrom::Start(start + info.data_offsets.0 as u64))?;
    let from = BufReader::with_capacity(1 << 20, file);
    let count = info.shape.iter().product();
    macro_rules! each {
        ($kind:ty, $of:expr) => {{
            const SIZE: usize = size_of::<$kind>();
            let of = |bytes: &[u8]| {
                let mut own = [0; SIZE];
                own.copy_from_slice(bytes);
                $of(<$kind>::from_le_bytes(own))
            };
            numbers(from, SIZE, count, of)?.into()
        }};
    }
    Ok(match info.dtype {
        Dtype::F32 => each!(f32, |x: f32| x),
        Dtype::F64 => each!(f64, |x: f64| x),
        Dtype::U8 => each!(u8, f64::from),
        Dtype::I8 => each!(i8, f64::from),
        Dtype::I16 => each!(i16, f64::from),
        Dtype::I32 => each!(i32, f64::from),
        Dtype::I64 => each!(i64, |x| x as f64),
        kind => {
            return Err(damaged(format!(
                "has a tensor `{name}` of the type {kind:?}; save it as F32 or F64"
            )));
        }
    })
}
