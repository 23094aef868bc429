//! One finished run in one file: a line with its settings, how it ended and a checksum, then its numbers as Parquet.
//!
//! The checksum covers every byte of the file but itself and is compared before anything is decoded.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::identity::{RunId, Settings};
use crate::output::write_atomically;
use crate::table::{self, Record, TableError};

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
    /// What was run.
    pub settings: Settings,
    /// How it ended.
    pub ending: Ending,
    /// Its numbers, without the columns of a sweep.
    pub records: Vec<Record>,
}

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    settings: Settings,
    ending: Ending,
    checksum: String,
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
    /// The name of the run.
    pub fn id(&self) -> RunId {
        RunId::of(&self.settings)
    }

    /// Writes the entry, whole or not at all.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), TableError> {
        let numbers = table::encode(&self.records)?;
        let head = Head {
            settings: self.settings.clone(),
            ending: self.ending.clone(),
            checksum: checksum(&self.settings, &self.ending, &numbers),
        };
        let mut bytes = serde_json::json!(head).to_string().into_bytes();
        bytes.push(b'\n');
        bytes.extend(numbers);
        Ok(write_atomically(path, &bytes)?)
    }

    /// Reads the entry of the run `id`.
    ///
    /// # Errors
    /// [`EntryError`] says in which way the file is not that entry.
    pub fn read(path: &Path, id: &RunId) -> Result<Self, EntryError> {
        let bytes = std::fs::read(path).map_err(|source| EntryError::Read {
            path: path.to_path_buf(),
            source,
        })?;
        let end = bytes
            .iter()
            .position(|byte| *byte == b'\n')
            .ok_or(EntryError::Foreign)?;
        let (head, numbers) = (&bytes[..end], &bytes[end + 1..]);
        let head: Head = serde_json::from_slice(head).map_err(|_| EntryError::Foreign)?;
        if checksum(&head.settings, &head.ending, numbers) != head.checksum {
            return Err(EntryError::Checksum);
        }
        let found = RunId::of(&head.settings);
        if found != *id {
            return Err(EntryError::Renamed(found));
        }
        Ok(Self {
            settings: head.settings,
            ending: head.ending,
            records: table::decode(numbers.to_vec(), path)?,
        })
    }
}

fn checksum(settings: &Settings, ending: &Ending, numbers: &[u8]) -> String {
    let mut hash = blake3::Hasher::new();
    hash.update(serde_json::json!([settings, ending]).to_string().as_bytes());
    hash.update(numbers);
    hash.finalize().to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        let record = |step, metric: &str, value| Record {
            seed: 3,
            n: 40.0,
            d: 20.0,
            p: 6,
            step,
            metric: metric.to_owned(),
            value,
            ..Record::default()
        };
        Entry {
            settings: [("protocol.dimension".to_owned(), 20.into())].into(),
            ending: Ending::Failed("step 2: neuron 1 is no longer finite".to_owned()),
            records: vec![record(0, "norm", 1.0), record(1, "test_error", 0.1 + 0.2)],
        }
    }

    #[test]
    fn an_entry_comes_back_to_the_bit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("entry");
        entry().write(&path).unwrap();
        assert_eq!(Entry::read(&path, &entry().id()).unwrap(), entry());
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
            assert!(Entry::read(&path, &entry().id()).is_err(), "byte {place}");
            std::fs::write(&path, &bytes[..place]).unwrap();
            assert!(Entry::read(&path, &entry().id()).is_err(), "cut at {place}");
        }
    }

    #[test]
    fn a_renamed_entry_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("entry");
        entry().write(&path).unwrap();
        let other = RunId::of(&Settings::new());
        assert!(
            matches!(Entry::read(&path, &other), Err(EntryError::Renamed(id)) if id == entry().id())
        );
    }
}
