//! One finished run in one file: its numbers as Parquet, a line with its name, settings and how it ended, and the
//! checksum of all that.
//!
//! The numbers come first, because they are written while they are measured. The checksum is compared before anything is
//! decoded.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::identity::{RunId, Settings};
use crate::files::{self, OutputError};
use crate::table::{self, Record, Table, TableError, Writer};

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// All steps were taken.
    Completed,
    /// It failed for this reason; the steps before are kept.
    Failed(String),
}

/// A run that has ended, without its numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The name of the run.
    pub id: RunId,
    /// What was run.
    pub settings: Settings,
    /// How it ended.
    pub ending: Ending,
    /// The checksum of the file of its weights, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<Checksum>,
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
    pub fn of(bytes: &[u8]) -> Self {
        Self(blake3::hash(bytes).to_hex().to_string())
    }
}

/// The numbers of a run under way in an unfinished file; gone if it is dropped.
#[derive(Debug)]
pub(super) struct Unfinished(Writer<Summed>);

impl Unfinished {
    /// Of the run `id`, in `folder`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn new(folder: &Path, id: &RunId) -> Result<Self, TableError> {
        let file = files::unfinished(folder, &id.to_string());
        let file = file.map_err(|source| OutputError::Write {
            path: folder.to_path_buf(),
            source,
        })?;
        let hash = blake3::Hasher::new();
        let sink = Summed { file, hash };
        Ok(Self(Writer::new(&Table::default(), sink)?))
    }

    /// Adds numbers.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn add(&mut self, rows: &mut dyn Iterator<Item = Record>) -> Result<(), TableError> {
        self.0.add(rows)
    }

    /// Hands on the numbers piece by piece.
    ///
    /// # Errors
    /// The file cannot be written or read.
    pub(super) fn read(self, rows: &mut dyn FnMut(Vec<Record>)) -> Result<(), TableError> {
        let file = self.0.finish()?.file;
        let path = file.path();
        let bytes = files::read(path).map_err(|source| TableError::Read {
            path: path.to_path_buf(),
            source,
        })?;
        table::visit(bytes, path, rows)?;
        Ok(())
    }

    /// Writes the entry of the run at `path`, whole or not at all.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn publish(self, entry: &Entry, path: &Path) -> Result<(), TableError> {
        let mut sink = self.0.finish()?;
        let text = serde_json::json!(entry).to_string();
        let written = writeln!(sink, "\n{text}").and_then(|()| {
            let Summed { mut file, hash } = sink;
            write!(file, "{}", hash.finalize().to_hex())?;
            files::publish(file, path)
        });
        written.map_err(|source| {
            let path = path.to_path_buf();
            OutputError::Write { path, source }.into()
        })
    }
}

/// A file with the checksum of what was written into it.
#[derive(Debug)]
struct Summed {
    file: NamedTempFile,
    hash: blake3::Hasher,
}

impl Write for Summed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
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

/// Reads the entry of the run `id` and hands on its numbers piece by piece.
///
/// # Errors
/// [`EntryError`] says in which way the file is not that entry.
pub(super) fn read(
    path: &Path,
    id: &RunId,
    rows: &mut dyn FnMut(Vec<Record>),
) -> Result<Entry, EntryError> {
    let bytes = files::read(path).map_err(|source| EntryError::Read {
        path: path.to_path_buf(),
        source,
    })?;
    parse(bytes, path, id, rows)
}

/// What `read` does, from the bytes of the file at `path`.
///
/// # Errors
/// [`EntryError`] says in which way they are not that entry.
pub fn parse(
    mut bytes: Vec<u8>,
    path: &Path,
    id: &RunId,
    rows: &mut dyn FnMut(Vec<Record>),
) -> Result<Entry, EntryError> {
    if !bytes.starts_with(PARQUET) {
        return Err(EntryError::Foreign);
    }
    let body = bytes.len().saturating_sub(DIGITS);
    let sum = bytes.split_off(body);
    if Checksum::of(&bytes).0.as_bytes() != sum {
        return Err(EntryError::Checksum);
    }
    let line = bytes.strip_suffix(b"\n").ok_or(EntryError::Foreign)?;
    let end = line.iter().rposition(|byte| *byte == b'\n');
    let end = end.ok_or(EntryError::Foreign)?;
    let entry: Entry = serde_json::from_slice(&line[end + 1..]).map_err(|_| EntryError::Foreign)?;
    if entry.id != *id {
        return Err(EntryError::Renamed(entry.id));
    }
    bytes.truncate(end);
    table::visit(bytes, path, rows)?;
    Ok(entry)
}

/// How numbers begin.
const PARQUET: &[u8] = b"PAR1";
/// Hexadecimal digits of a checksum.
const DIGITS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use giantstep::metric::Metric;

    fn entry() -> Entry {
        // A fraction whose shortest decimal form is long: settings are read back, never hashed again.
        let settings: Settings = [("protocol.step_size".to_owned(), (0.1 + 0.2).into())].into();
        Entry {
            id: RunId::of(&settings),
            settings,
            ending: Ending::Failed("step 2: neuron 1 is no longer finite".to_owned()),
            weights: Some(Checksum::of(b"weights")),
        }
    }

    fn written(path: &Path) -> Vec<Record> {
        let record = |step, metric, value| Record {
            seed: 3,
            n: 40.0,
            d: 20.0,
            p: 6,
            step,
            ..Record::new(metric, value)
        };
        let rows = vec![
            record(0, Metric::Norm, 1.0),
            record(1, Metric::TestError, 0.1 + 0.2),
        ];
        let mut draft = Unfinished::new(path.parent().unwrap(), &entry().id).unwrap();
        // Step by step, as they are measured.
        for row in &rows {
            draft.add(&mut [*row].into_iter()).unwrap();
        }
        draft.publish(&entry(), path).unwrap();
        rows
    }

    fn found(path: &Path, id: &RunId) -> Result<(Entry, Vec<Record>), EntryError> {
        let mut records = Vec::new();
        let entry = read(path, id, &mut |rows| records.extend(rows))?;
        Ok((entry, records))
    }

    #[test]
    fn an_entry_comes_back_to_the_bit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("entry");
        let rows = written(&path);
        assert_eq!(found(&path, &entry().id).unwrap(), (entry(), rows));
        let files = std::fs::read_dir(folder.path()).unwrap();
        assert_eq!(files.count(), 1);
    }

    #[test]
    fn the_numbers_of_a_run_that_does_not_end_are_read_back_and_its_file_goes() {
        let folder = tempfile::tempdir().unwrap();
        let mut draft = Unfinished::new(folder.path(), &entry().id).unwrap();
        let row = Record::new(Metric::Norm, 0.3);
        draft.add(&mut [row; 3].into_iter()).unwrap();
        let mut found = Vec::new();
        draft.read(&mut |rows| found.extend(rows)).unwrap();
        assert_eq!(found, [row; 3]);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("entry");
        written(&path);
        let bytes = std::fs::read(&path).unwrap();
        for place in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[place] ^= 1 << (place % 8);
            std::fs::write(&path, &damaged).unwrap();
            assert!(found(&path, &entry().id).is_err(), "byte {place}");
            std::fs::write(&path, &bytes[..place]).unwrap();
            assert!(found(&path, &entry().id).is_err(), "cut at {place}");
        }
    }

    #[test]
    fn a_renamed_entry_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("entry");
        written(&path);
        let other = RunId::of(&Settings::new());
        assert!(matches!(found(&path, &other), Err(EntryError::Renamed(id)) if id == entry().id));
    }
}
