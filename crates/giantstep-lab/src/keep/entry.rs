//! One finished run in one file: a line with a checksum, a line with its name, settings and how it ended, then its numbers
//! as Parquet.
//!
//! The checksum is that of the bytes that stand after it, and is compared before any of them is decoded.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::identity::{RunId, Settings};
use crate::files::{self, write_atomically};
use crate::table::{self, Record, Table, TableError};

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// All steps were taken.
    Completed,
    /// It failed for this reason; the steps before are kept.
    Failed(String),
}

/// A run that has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The name of the run.
    pub id: RunId,
    /// What was run.
    pub settings: Settings,
    /// How it ended.
    pub ending: Ending,
    /// The checksum of the file of its weights, if there is one.
    pub weights: Option<Checksum>,
    /// Its numbers, without the columns of a sweep.
    pub records: Vec<Record>,
}

/// A checksum: 64 hexadecimal digits of the hash of the bytes of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checksum(String);

impl std::fmt::Display for Checksum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Checksum {
    /// The checksum of `bytes`.
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self(blake3::hash(bytes).to_hex().to_string())
    }
}

/// The second line.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    id: RunId,
    settings: Settings,
    ending: Ending,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    weights: Option<Checksum>,
}

/// Why a file is not the entry that its name promises.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// It cannot be opened.
    #[error("cannot read `{path}`: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It does not begin like an entry.
    #[error("it is no run of this program")]
    Foreign,
    /// Its content is not what was written.
    #[error("its checksum is wrong: the file was damaged")]
    Checksum,
    /// It holds another run than its name says.
    #[error("it holds the run {0}: the file was renamed")]
    Renamed(RunId),
    /// The numbers cannot be decoded.
    #[error(transparent)]
    Table(#[from] TableError),
}

impl Entry {
    /// Writes the entry, whole or not at all.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), TableError> {
        let head = Head {
            id: self.id.clone(),
            settings: self.settings.clone(),
            ending: self.ending.clone(),
            weights: self.weights.clone(),
        };
        let mut body = serde_json::json!(head).to_string().into_bytes();
        body.push(b'\n');
        let table = Table {
            records: self.records.clone(),
            ..Table::default()
        };
        body.extend(table::encode(&table)?);
        let mut bytes = Checksum::of(&body).0.into_bytes();
        bytes.push(b'\n');
        bytes.extend(body);
        Ok(write_atomically(path, &bytes)?)
    }

    /// Reads the entry of the run `id`.
    ///
    /// # Errors
    /// [`EntryError`] says in which way the file is not that entry.
    pub fn read(path: &Path, id: &RunId) -> Result<Self, EntryError> {
        let bytes = files::read(path).map_err(|source| EntryError::Read {
            path: path.to_path_buf(),
            source,
        })?;
        let (sum, body) = line(&bytes).ok_or(EntryError::Foreign)?;
        if sum.len() != DIGITS || !sum.iter().all(u8::is_ascii_hexdigit) {
            return Err(EntryError::Foreign);
        }
        if Checksum::of(body).0.as_bytes() != sum {
            return Err(EntryError::Checksum);
        }
        let (head, numbers) = line(body).ok_or(EntryError::Foreign)?;
        let head: Head = serde_json::from_slice(head).map_err(|_| EntryError::Foreign)?;
        if head.id != *id {
            return Err(EntryError::Renamed(head.id));
        }
        Ok(Self {
            id: head.id,
            settings: head.settings,
            ending: head.ending,
            weights: head.weights,
            records: table::decode(numbers.to_vec(), path)?.records,
        })
    }
}

/// Hexadecimal digits of a checksum.
const DIGITS: usize = 64;

/// The first line and what follows it.
fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use giantstep::metric::Metric;

    fn entry() -> Entry {
        let record = |step, metric, value| Record {
            seed: 3,
            n: 40.0,
            d: 20.0,
            p: 6,
            step,
            ..Record::new(metric, value)
        };
        // A fraction whose shortest decimal form is long: settings are read back, never hashed again.
        let settings: Settings = [("protocol.step_size".to_owned(), (0.1 + 0.2).into())].into();
        Entry {
            id: RunId::of(&settings),
            settings,
            ending: Ending::Failed("step 2: neuron 1 is no longer finite".to_owned()),
            weights: Some(Checksum::of(b"weights")),
            records: vec![
                record(0, Metric::Norm, 1.0),
                record(1, Metric::TestError, 0.1 + 0.2),
            ],
        }
    }

    #[test]
    fn an_entry_comes_back_to_the_bit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("entry");
        entry().write(&path).unwrap();
        assert_eq!(Entry::read(&path, &entry().id).unwrap(), entry());
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("entry");
        entry().write(&path).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        for place in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[place] ^= 1 << (place % 8);
            std::fs::write(&path, &damaged).unwrap();
            assert!(Entry::read(&path, &entry().id).is_err(), "byte {place}");
            std::fs::write(&path, &bytes[..place]).unwrap();
            assert!(Entry::read(&path, &entry().id).is_err(), "cut at {place}");
        }
    }

    #[test]
    fn a_renamed_entry_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("entry");
        entry().write(&path).unwrap();
        let other = RunId::of(&Settings::new());
        assert!(
            matches!(Entry::read(&path, &other), Err(EntryError::Renamed(id)) if id == entry().id)
        );
    }
}
