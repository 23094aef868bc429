//! Tensors of a safetensors file: a matrix and a vector of labels, or weights.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};

use giantstep::batch::{Entries, Order};
use giantstep::faer::Mat;
use giantstep::network::Weights;
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

use super::{Matrix, Problem, among, damaged, numbers};

/// The longest header that the format allows.
const LONGEST: u64 = 100_000_000;

/// A file of which the header was read.
struct Tensors {
    file: File,
    /// Where the first tensor begins.
    start: u64,
    known: Metadata,
}

impl Tensors {
    fn open(mut file: File) -> Result<Self, Problem> {
        let size = file.metadata()?.len();
        let mut length = [0; 8];
        file.read_exact(&mut length)?;
        let length = u64::from_le_bytes(length);
        if length > LONGEST.min(size.saturating_sub(8)) {
            return Err(damaged("is no safetensors file: its header is too long"));
        }
        let mut header = vec![0; length as usize];
        file.read_exact(&mut header)?;
        let known: Metadata = serde_json::from_slice(&header)
            .map_err(|error| damaged(format!("cannot be understood: {error}")))?;
        let start = 8 + length;
        if start.checked_add(known.data_len() as u64) != Some(size) {
            return Err(damaged("is shorter than its header says"));
        }
        Ok(Self { file, start, known })
    }

    fn shape(&self, name: &str) -> Result<&[usize], Problem> {
        let info = self.known.info(name);
        let info = info.ok_or_else(|| damaged(format!("has no tensor `{name}`")))?;
        Ok(&info.shape)
    }

    fn entries(&mut self, name: &str) -> Result<Entries<'static>, Problem> {
        let info = self.known.info(name);
        let info = info.ok_or_else(|| damaged(format!("has no tensor `{name}`")))?;
        entries(&mut self.file, self.start, name, info)
    }

    fn list(&mut self, name: &str) -> Result<Vec<f64>, Problem> {
        Ok(match self.entries(name)? {
            Entries::F32(list) => list.iter().map(|y| f64::from(*y)).collect(),
            Entries::F64(list) => list.into_owned(),
        })
    }
}

/// `W`, with `a` and `b` if they are there.
pub(super) fn weights(file: File) -> Result<Weights, Problem> {
    let mut tensors = Tensors::open(file)?;
    let (p, d) = match tensors.shape("W")? {
        [p, d] => (*p, *d),
        shape => {
            return Err(damaged(format!(
                "has weights `W` of the shape {shape:?}, not (p, d)"
            )));
        }
    };
    let first = tensors.list("W")?;
    let mut optional = |name| match tensors.known.info(name) {
        None => Ok(None),
        Some(_) => tensors.list(name).map(Some),
    };
    Ok(Weights {
        second: optional("a")?,
        bias: optional("b")?,
        first: Mat::from_fn(p, d, |i, j| first[i * d + j]),
    })
}

pub(super) fn read(file: File, labels: Option<&str>) -> Result<Matrix, Problem> {
    let mut tensors = Tensors::open(file)?;
    let mut names = tensors.known.offset_keys();
    names.sort();
    let label = labels.map(|labels| among(labels, &names)).transpose()?;
    let label = label.map(|label| names[label].clone());
    let matrices: Vec<&String> = names
        .iter()
        .filter(|name| Some(*name) != label.as_ref())
        .filter(|name| tensors.shape(name).is_ok_and(|shape| shape.len() == 2))
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
    let (rows, columns) = match tensors.shape(inputs)? {
        [rows, columns] => (*rows, *columns),
        shape => return Err(damaged(format!("has inputs of the shape {shape:?}"))),
    };
    let labels = match &label {
        None => None,
        Some(name) => {
            let shape = tensors.shape(name)?;
            if !matches!(shape, [_] | [_, 1]) {
                return Err(damaged(format!(
                    "has labels `{name}` of the shape {shape:?}, not (n,)"
                )));
            }
            Some(tensors.list(name)?)
        }
    };
    Ok(Matrix {
        entries: tensors.entries(inputs)?,
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
