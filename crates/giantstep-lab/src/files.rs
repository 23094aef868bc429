//! Output folders and files: checked before any work, written whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::remedy::{Remedied, Remedy};
use giantstep_figure::{Figure, FigureError};
use safetensors::tensor::{Dtype, TensorView};

/// Why a folder or a file could not be written; the message names the path and what to do.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The output folder is there, but it is a file.
    #[error("output folder `{path}` is a file")]
    NotAFolder {
        /// The path asked for.
        path: PathBuf,
    },
    /// The folder could not be made.
    #[error("cannot create output folder `{path}`: {source}")]
    Create {
        /// The path asked for.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder is there, but nothing can be written into it.
    #[error("output folder `{path}` is not writable: {source}")]
    NotWritable {
        /// The path asked for.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// One file could not be written. Whatever stood at the path before is untouched.
    #[error("cannot write `{path}`: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A matrix whose number of entries is not rows times columns.
    #[error("matrix `{name}` has {found} entries, not {rows} x {columns}")]
    Shape {
        /// Name of the matrix.
        name: String,
        /// Number of entries given.
        found: usize,
        /// Rows stated.
        rows: usize,
        /// Columns stated.
        columns: usize,
    },
    /// The safetensors library refused the matrices.
    #[error("cannot write `{path}`: {source}")]
    Tensors {
        /// The file.
        path: PathBuf,
        /// What the library said.
        source: safetensors::SafeTensorError,
    },
}

impl Remedied for OutputError {
    fn remedy(&self) -> Option<Remedy> {
        match self {
            OutputError::NotAFolder { .. }
            | OutputError::Create { .. }
            | OutputError::NotWritable { .. } => Some(Remedy::OtherFolder),
            OutputError::Write { .. } => Some(Remedy::Repeat),
            OutputError::Shape { .. } | OutputError::Tensors { .. } => None,
        }
    }
}

/// Makes `folder` (with its parents) and proves that a file can be written there, before any work is done.
///
/// # Errors
/// The path is a file, the folder cannot be created, or nothing can be written into it.
pub fn prepare_folder(folder: &Path) -> Result<(), OutputError> {
    let path = || folder.to_path_buf();
    if folder.exists() && !folder.is_dir() {
        return Err(OutputError::NotAFolder { path: path() });
    }
    fs::create_dir_all(folder).map_err(|source| OutputError::Create {
        path: path(),
        source,
    })?;
    let probe = tempfile::Builder::new()
        .prefix(".giantstep-")
        .tempfile_in(folder);
    probe.map(drop).map_err(|source| OutputError::NotWritable {
        path: path(),
        source,
    })
}

/// Writes `bytes` to `path` so that a reader sees the old file or the new one, never a part: a temporary
/// file in the same folder, synchronised to disk, then renamed, then the folder synchronised.
///
/// # Errors
/// Any step failed (disk full, no permission). The file that stood at `path` is then untouched.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), OutputError> {
    replace(path, bytes).map_err(|source| OutputError::Write {
        path: path.to_path_buf(),
        source,
    })
}

/// Copies a file so that a reader of `to` sees the old file or the new one, never a part.
///
/// # Errors
/// Any step failed. The file that stood at `to` is then untouched.
pub fn copy_atomically(from: &Path, to: &Path) -> Result<(), OutputError> {
    let bytes = fs::read(from).map_err(|source| OutputError::Write {
        path: to.to_path_buf(),
        source,
    })?;
    write_atomically(to, &bytes)
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".giantstep-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666)); // narrowed by the user's umask
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    Ok(())
}

/// Writes `<stem>.svg` and `<stem>.png` into `folder`, each whole or not at all; returns the two paths.
///
/// # Errors
/// [`SaveError`] if the figure cannot be drawn or a file cannot be written.
pub fn save_figure(figure: &Figure, folder: &Path, stem: &str) -> Result<[PathBuf; 2], SaveError> {
    let svg = figure.to_svg()?;
    let png = giantstep_figure::png(&svg)?;
    let paths = ["svg", "png"].map(|ending| folder.join(format!("{stem}.{ending}")));
    write_atomically(&paths[0], svg.as_bytes())?;
    write_atomically(&paths[1], &png)?;
    Ok(paths)
}

/// Why a figure could not be saved.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// It could not be drawn.
    #[error(transparent)]
    Figure(#[from] FigureError),
    /// A file could not be written.
    #[error(transparent)]
    Output(#[from] OutputError),
}

impl Remedied for SaveError {
    fn remedy(&self) -> Option<Remedy> {
        match self {
            SaveError::Figure(_) => None,
            SaveError::Output(error) => error.remedy(),
        }
    }
}

/// The entries of a matrix, row after row.
#[derive(Debug, Clone, Copy)]
pub enum Entries<'a> {
    /// Single precision.
    F32(&'a [f32]),
    /// Double precision.
    F64(&'a [f64]),
}

/// A named matrix to be saved; `entries` in row-major order, of length `rows * columns`.
#[derive(Debug, Clone, Copy)]
pub struct NamedMatrix<'a> {
    /// Name in the file, for instance `step3/weights`.
    pub name: &'a str,
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub columns: usize,
    /// The entries, row after row.
    pub entries: Entries<'a>,
}

/// Writes matrices to one safetensors file, each with shape `[rows, columns]`, atomically.
///
/// # Errors
/// A matrix has the wrong number of entries, or the file cannot be written.
pub fn write_matrices(path: &Path, matrices: &[NamedMatrix<'_>]) -> Result<(), OutputError> {
    let refuse = |source| OutputError::Tensors {
        path: path.to_path_buf(),
        source,
    };
    let data = matrices
        .iter()
        .map(NamedMatrix::little_endian)
        .collect::<Result<Vec<_>, _>>()?;
    let mut views = Vec::with_capacity(matrices.len());
    for (matrix, (dtype, bytes)) in matrices.iter().zip(&data) {
        let view =
            TensorView::new(*dtype, vec![matrix.rows, matrix.columns], bytes).map_err(refuse)?;
        views.push((matrix.name, view));
    }
    write_atomically(path, &safetensors::serialize(views, None).map_err(refuse)?)
}

impl NamedMatrix<'_> {
    fn little_endian(&self) -> Result<(Dtype, Vec<u8>), OutputError> {
        let found = match self.entries {
            Entries::F32(values) => values.len(),
            Entries::F64(values) => values.len(),
        };
        if self.rows.checked_mul(self.columns) != Some(found) {
            let (name, rows, columns) = (self.name.to_owned(), self.rows, self.columns);
            return Err(OutputError::Shape {
                name,
                found,
                rows,
                columns,
            });
        }
        Ok(match self.entries {
            Entries::F32(values) => (
                Dtype::F32,
                values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            ),
            Entries::F64(values) => (
                Dtype::F64,
                values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_in_the_place_of_the_folder_is_refused_by_name() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("results");
        fs::write(&path, "mine").unwrap();
        let error = prepare_folder(&path).unwrap_err();
        assert!(matches!(error, OutputError::NotAFolder { .. }));
        assert!(
            error.to_string().contains("results") && error.remedy() == Some(Remedy::OtherFolder)
        );
        assert_eq!(fs::read(&path).unwrap(), b"mine");
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_refused_with_a_remedy() {
        // /proc refuses new folders to everybody, the superuser included.
        let folder = if cfg!(target_os = "linux") {
            "/proc/giantstep/results"
        } else {
            "/dev/null/results"
        };
        let error = prepare_folder(Path::new(folder)).unwrap_err();
        assert!(matches!(error, OutputError::Create { .. }), "{error}");
        assert!(error.to_string().contains(folder) && error.remedy() == Some(Remedy::OtherFolder));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_folder_that_takes_no_files_is_refused_before_any_work() {
        let error = prepare_folder(Path::new("/proc/self")).unwrap_err();
        assert!(matches!(error, OutputError::NotWritable { .. }), "{error}");
    }

    #[test]
    fn preparing_a_folder_leaves_nothing_in_it() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a/b");
        prepare_folder(&folder).unwrap();
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    }

    #[test]
    fn a_failed_write_keeps_the_old_file() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("table");
        write_atomically(&path, b"old").unwrap();
        write_atomically(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert!(write_atomically(&root.path().join("absent/table"), b"x").is_err());
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }

    #[test]
    fn matrices_come_back_with_shape_and_bits() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("overlaps.safetensors");
        let single = [1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0];
        let double = [0.1_f64, f64::NAN];
        let named = [
            NamedMatrix {
                name: "W",
                rows: 2,
                columns: 3,
                entries: Entries::F32(&single),
            },
            NamedMatrix {
                name: "M",
                rows: 2,
                columns: 1,
                entries: Entries::F64(&double),
            },
        ];
        write_matrices(&path, &named).unwrap();
        let bytes = fs::read(&path).unwrap();
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let weights = file.tensor("W").unwrap();
        assert_eq!(
            (weights.shape(), weights.dtype()),
            (&[2, 3][..], Dtype::F32)
        );
        assert_eq!(weights.data()[4..8], 2.0_f32.to_le_bytes());
        assert_eq!(file.tensor("M").unwrap().data()[..8], 0.1_f64.to_le_bytes());
    }

    #[test]
    fn a_matrix_of_the_wrong_size_is_refused() {
        let named = [NamedMatrix {
            name: "M",
            rows: 2,
            columns: 2,
            entries: Entries::F64(&[1.0]),
        }];
        let error = write_matrices(Path::new("unused"), &named).unwrap_err();
        assert_eq!(error.to_string(), "matrix `M` has 1 entries, not 2 x 2");
    }
}
