//! Rows and weights of files: read once, checked, and known by their content.

mod csv;
mod npy;
mod parquet;
mod safetensors;

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use giantstep::batch::{Data, DataError, Entries, Order};
use giantstep::network::Weights;
use giantstep::spec::{FileSpec, Standardise, WeightsFile};

use crate::fence::fenced;
use crate::remedy::{Remedied, Remedy};

/// Why the rows of a file cannot be used. Rows and columns are counted from 1, a header not among them.
#[derive(Debug, thiserror::Error)]
pub enum RowsError {
    /// The experiment comes from elsewhere, and may not have files of this machine read.
    #[error("{key}.file = \"{path}\": an experiment that comes from elsewhere reads no file")]
    OutOfReach {
        /// Who names it.
        key: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// The file, or that of its labels, cannot be read.
    #[error("{key}.file: cannot read `{path}`: {source}")]
    Read {
        /// Who names it.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// An ending that stands for no format.
    #[error("{key}.file = \"{path}\": not {known}")]
    Ending {
        /// Who names it.
        key: &'static str,
        /// The endings that stand for one.
        known: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// The file is not what its ending says, or not a matrix of numbers.
    #[error("{key}.file: `{path}` {problem}")]
    Damaged {
        /// Who names it.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong, as the end of a sentence.
        problem: String,
    },
    /// Labels that are not there.
    #[error("inputs.labels = \"{labels}\": `{path}` has {known}")]
    NoLabels {
        /// As asked for.
        labels: String,
        /// The file.
        path: PathBuf,
        /// What it has.
        known: String,
    },
    /// Numbers that no network can learn from.
    #[error("inputs.file: `{path}`: {source}{called}")]
    Data {
        /// The file.
        path: PathBuf,
        /// What is wrong with them.
        source: DataError,
        /// The name of the column, if it has one.
        called: String,
    },
    /// Not the content on which the runs rest.
    #[error("{key}.content: `{path}` has changed: {expected} there, {found} now")]
    Changed {
        /// Who names it.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// The hash in the experiment file.
        expected: String,
        /// Its hash now.
        found: String,
    },
}

impl Remedied for RowsError {
    fn remedy(&self) -> Option<Remedy> {
        let words = match self {
            RowsError::OutOfReach { .. } => return Some(Remedy::RunByHand),
            RowsError::Read { .. } => {
                "give the path of a file, relative to the folder in which the program runs"
            }
            RowsError::Ending { .. } => "save them in such a format",
            RowsError::Damaged { key: WEIGHTS, .. } => {
                "save W (p x d), with a and b (p) if they are to be taken, as run.save_weights does"
            }
            RowsError::Damaged { .. } => "save n rows of d numbers",
            RowsError::NoLabels { .. } => "name one of these, or leave it out and give target.link",
            RowsError::Data { source, .. } => match source {
                DataError::Constant { .. } => {
                    "leave the column out, or set inputs.standardise = \"none\""
                }
                DataError::NotFinite { .. } | DataError::Label { .. } => {
                    "fill the gap, or leave the row out"
                }
                _ => "save n rows of d numbers",
            },
            RowsError::Changed { .. } => {
                "restore the file, or leave its content out and choose another results folder"
            }
        };
        Some(Remedy::Other(words.to_owned()))
    }
}

/// What a file holds, before it is checked.
struct Matrix {
    entries: Entries<'static>,
    rows: usize,
    columns: usize,
    order: Order,
    /// Names of the columns, if they have any.
    names: Vec<String>,
    labels: Option<Vec<f64>>,
}

/// What is wrong with a file.
enum Problem {
    Io(PathBuf, io::Error),
    Damaged(String),
    /// What there is in place of the labels asked for.
    NoLabels(String),
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::Damaged(match error.kind() {
            io::ErrorKind::UnexpectedEof => "ends too early".to_owned(),
            _ => format!("cannot be understood: {error}"),
        })
    }
}

fn damaged(problem: impl Into<String>) -> Problem {
    Problem::Damaged(problem.into())
}

/// The labels named, among these names.
fn among(labels: &str, names: &[String]) -> Result<usize, Problem> {
    let found = names.iter().position(|name| name == labels);
    found.ok_or_else(|| {
        let some: Vec<String> = names
            .iter()
            .take(20)
            .map(|name| format!("`{name}`"))
            .collect();
        let more = if names.len() > 20 { ", ..." } else { "" };
        Problem::NoLabels(format!("{}{more}", some.join(", ")))
    })
}

/// A file that was read.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// Its path, absolute.
    pub path: String,
    /// The hash of its content and of that of its labels.
    pub content: String,
    /// Its rows.
    pub data: Arc<Data<'static>>,
}

/// Weights that were read.
#[derive(Debug, Clone)]
pub(crate) struct FoundWeights {
    /// The path of their file, absolute.
    pub path: String,
    /// The hash of its content.
    pub content: String,
    /// The weights.
    pub weights: Arc<Weights>,
}

/// The keys that name files.
const INPUTS: &str = "inputs";
const WEIGHTS: &str = "network.start";

/// The files of an experiment, each read once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Files {
    known: Arc<Mutex<Vec<(FileSpec, Found)>>>,
    weights: Arc<Mutex<Vec<(String, FoundWeights)>>>,
    reach: Reach,
}

/// Whether the files that an experiment names are read.
#[derive(Debug, Clone, Copy, Default)]
enum Reach {
    #[default]
    Files,
    Nothing,
}

impl PartialEq for Files {
    // What was read changes nothing of what was asked.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Files {
    /// Of an experiment that comes from elsewhere: none is read.
    pub(crate) fn out_of_reach() -> Self {
        Self {
            reach: Reach::Nothing,
            ..Self::default()
        }
    }

    /// The rows of a file as asked for.
    pub(crate) fn read(&self, asked: &FileSpec) -> Result<Found, RowsError> {
        if let Reach::Nothing = self.reach {
            let (key, path) = (INPUTS, PathBuf::from(&asked.file));
            return Err(RowsError::OutOfReach { key, path });
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |spec: &FileSpec| {
            let key = |spec: &FileSpec| (spec.file.clone(), spec.labels.clone(), spec.standardise);
            key(spec) == key(asked)
        };
        let found = match known.iter().find(|(spec, _)| same(spec)) {
            Some((_, found)) => found.clone(),
            None => {
                let found = read(asked)?;
                known.push((asked.clone(), found.clone()));
                found
            }
        };
        match &asked.content {
            Some(expected) if *expected != found.content => Err(RowsError::Changed {
                key: INPUTS,
                path: found.path.into(),
                expected: expected.clone(),
                found: found.content,
            }),
            _ => Ok(found),
        }
    }

    /// The weights of a file as asked for.
    pub(crate) fn weights(&self, asked: &WeightsFile) -> Result<FoundWeights, RowsError> {
        let key = WEIGHTS;
        if let Reach::Nothing = self.reach {
            let path = PathBuf::from(&asked.file);
            return Err(RowsError::OutOfReach { key, path });
        }
        let mut known = self.weights.lock().unwrap_or_else(PoisonError::into_inner);
        let found = match known.iter().find(|(file, _)| *file == asked.file) {
            Some((_, found)) => found.clone(),
            None => {
                let found = read_weights(&asked.file)?;
                known.push((asked.file.clone(), found.clone()));
                found
            }
        };
        match &asked.content {
            Some(expected) if *expected != found.content => Err(RowsError::Changed {
                key,
                path: found.path.into(),
                expected: expected.clone(),
                found: found.content,
            }),
            _ => Ok(found),
        }
    }

    /// The weights that were read of the file of this name.
    pub(crate) fn named_weights(&self, file: &str) -> Option<FoundWeights> {
        let known = self.weights.lock().unwrap_or_else(PoisonError::into_inner);
        let named = known.iter().find(|(name, _)| name == file);
        named.map(|(_, found)| found.clone())
    }

    /// What was read of the file of this name.
    pub(crate) fn named(&self, file: &str) -> Option<Found> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let named = known.iter().find(|(spec, _)| spec.file == file);
        named.map(|(_, found)| found.clone())
    }
}

/// A regular file, with its path and the hash of its content.
fn hashed(key: &'static str, file: &str) -> Result<(PathBuf, File, blake3::Hasher), RowsError> {
    let path = Path::new(file);
    let unreadable = |path: &Path, source| RowsError::Read {
        key,
        path: path.to_path_buf(),
        source,
    };
    let path = std::fs::canonicalize(path).map_err(|source| unreadable(path, source))?;
    let mut file = opened(&path).map_err(|source| unreadable(&path, source))?;
    let mut hash = blake3::Hasher::new();
    hash.update_reader(&mut file)
        .and_then(|_| file.rewind())
        .map_err(|source| unreadable(&path, source))?;
    Ok((path, file, hash))
}

fn named(hash: &blake3::Hasher) -> String {
    hash.finalize().to_hex()[..32].to_owned()
}

fn read_weights(file: &str) -> Result<FoundWeights, RowsError> {
    let key = WEIGHTS;
    let (path, file, hash) = hashed(key, file)?;
    if path.extension().and_then(|ending| ending.to_str()) != Some("safetensors") {
        let known = ".safetensors";
        return Err(RowsError::Ending { key, known, path });
    }
    let read = fenced(|| safetensors::weights(file))
        .unwrap_or_else(|reason| Err(damaged(format!("cannot be understood: {reason}"))));
    let weights = read.map_err(|problem| {
        let problem = match problem {
            Problem::Io(_, source) => format!("cannot be read: {source}"),
            Problem::Damaged(problem) | Problem::NoLabels(problem) => problem,
        };
        let path = path.clone();
        RowsError::Damaged { key, path, problem }
    })?;
    Ok(FoundWeights {
        weights: Arc::new(weights),
        content: named(&hash),
        path: path.to_string_lossy().into_owned(),
    })
}

fn read(asked: &FileSpec) -> Result<Found, RowsError> {
    let key = INPUTS;
    let (path, file, mut hash) = hashed(key, &asked.file)?;
    let labels = asked.labels.as_deref();
    let ending = path.extension().and_then(|ending| ending.to_str());
    // Libraries of formats panic on some damaged files.
    let read = fenced(|| match ending {
        // A browser opens no file, and needs nothing that reads one.
        _ if cfg!(target_family = "wasm") => None,
        Some("csv") => Some(csv::read(file, labels)),
        Some("npy") => Some(npy::read(file, &path, labels, &mut hash)),
        Some("parquet") => Some(parquet::read(file, labels)),
        Some("safetensors") => Some(safetensors::read(file, labels)),
        _ => None,
    });
    let matrix = match read {
        Ok(None) => {
            let known = ".parquet, .csv, .npy or .safetensors";
            return Err(RowsError::Ending { key, known, path });
        }
        Ok(Some(read)) => read,
        Err(reason) => Err(damaged(format!("cannot be understood: {reason}"))),
    };
    let matrix = matrix.map_err(|problem| match problem {
        Problem::Io(path, source) => RowsError::Read { key, path, source },
        Problem::Damaged(problem) => RowsError::Damaged {
            key,
            path: path.clone(),
            problem,
        },
        Problem::NoLabels(known) => RowsError::NoLabels {
            labels: asked.labels.clone().unwrap_or_default(),
            path: path.clone(),
            known,
        },
    })?;
    let names = matrix.names;
    let wrong = |source: DataError| {
        let column = match source {
            DataError::NotFinite { column, .. } | DataError::Constant { column, .. } => {
                Some(column)
            }
            _ => None,
        };
        let name = column.and_then(|column| names.get(column - 1));
        RowsError::Data {
            path: path.clone(),
            source,
            called: name.map_or_else(String::new, |name| format!("; the column is `{name}`")),
        }
    };
    let data = Data::new(matrix.entries, matrix.rows, matrix.columns, matrix.order);
    let data = match matrix.labels {
        None => data,
        Some(labels) => data.and_then(|data| data.with_labels(labels)),
    };
    let data = match asked.standardise {
        Standardise::None => data,
        Standardise::Columns => data.and_then(Data::standardised),
    };
    Ok(Found {
        data: Arc::new(data.map_err(wrong)?),
        path: path.to_string_lossy().into_owned(),
        content: named(&hash),
    })
}

/// A regular file; what is none, such as a pipe, is refused and not waited for.
fn opened(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is no regular file",
        )),
    }
}

/// Fills `to` by numbers of `size` bytes each, piece by piece.
fn numbers<T>(
    mut from: impl Read,
    size: usize,
    count: usize,
    of: impl Fn(&[u8]) -> T,
) -> io::Result<Vec<T>> {
    let mut all = Vec::with_capacity(count);
    let mut bytes = vec![0; PIECE * size];
    while all.len() < count {
        let some = &mut bytes[..size * PIECE.min(count - all.len())];
        from.read_exact(some)?;
        all.extend(some.chunks_exact(size).map(&of));
    }
    Ok(all)
}

/// Numbers that are read at a time.
const PIECE: usize = 8192;

#[cfg(test)]
mod tests;
