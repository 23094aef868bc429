//! Output folders and files: checked before any work, written whole or not at all.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use crate::remedy::{Remedied, Remedy};
use giantstep_figure::{Figure, FigureError};
use safetensors::tensor::{Dtype, TensorView};
use tempfile::NamedTempFile;

use crate::process::Owner;

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
    #[error("cannot write matrices: {0}")]
    Tensors(#[source] safetensors::SafeTensorError),
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
    temporary(folder)
        .map(drop)
        .map_err(|source| OutputError::NotWritable {
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

/// The content of a regular file. What is none, such as a pipe that nobody writes to, is refused and not waited for.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is no regular file",
        ));
    }
    fs::read(path)
}

/// How the names of unfinished files begin; that of their process follows.
const UNFINISHED: &str = ".giantstep-";

/// Unfinished files of processes on other machines are left over when they are older than this.
const LEFT_OVER: Duration = Duration::from_secs(600);

/// An unfinished file in `folder`, gone when dropped, with the permissions of any other file of the user.
pub(crate) fn temporary(folder: &Path) -> io::Result<NamedTempFile> {
    unfinished(folder, "")
}

/// [`temporary`] with a name that ends so.
pub(crate) fn unfinished(folder: &Path, end: &str) -> io::Result<NamedTempFile> {
    static TAG: LazyLock<String> = LazyLock::new(|| Owner::this().tag());
    let prefix = format!("{UNFINISHED}{}-", *TAG);
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(end);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666)); // narrowed by the user's umask
    builder.tempfile_in(folder)
}

/// Whether a name is that of an unfinished file.
pub(crate) fn is_unfinished(name: &str) -> bool {
    name.starts_with(UNFINISHED)
}

/// Removes what killed processes have left unfinished in `folder`, but no file of a name that is held.
pub(crate) fn sweep_out(folder: &Path, is_held: &dyn Fn(&str) -> bool) {
    let here = Owner::this();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(tag) = name.to_str().and_then(|name| name.strip_prefix(UNFINISHED)) else {
            continue;
        };
        let changed = entry.metadata().and_then(|data| data.modified()).ok();
        let age = changed.and_then(|changed| SystemTime::now().duration_since(changed).ok());
        let old = age.is_some_and(|age| age > LEFT_OVER) && !is_held(tag);
        if old || Owner::tagged_is_gone(tag, &here) {
            // One that stays does no harm.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Copies a file so that a reader of `to` sees the old file or the new one, never a part.
///
/// # Errors
/// Any step failed. The file that stood at `to` is then untouched.
pub fn copy_atomically(from: &Path, to: &Path) -> Result<(), OutputError> {
    let bytes = read(from).map_err(|source| OutputError::Write {
        path: to.to_path_buf(),
        source,
    })?;
    write_atomically(to, &bytes)
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = temporary(folder_of(path))?;
    file.write_all(bytes)?;
    publish(file, path)
}

/// Gives an unfinished file of the same folder its name, after it has reached the disk.
pub(crate) fn publish(file: NamedTempFile, path: &Path) -> io::Result<()> {
    file.as_file().sync_all()?;
    file.persist(path)?;
    #[cfg(unix)]
    fs::File::open(folder_of(path))?.sync_all()?;
    Ok(())
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
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

/// Matrices as the bytes of one safetensors file, each with shape `[rows, columns]`.
///
/// # Errors
/// A matrix has the wrong number of entries, or the library refuses a name.
pub fn encode_matrices(matrices: &[NamedMatrix<'_>]) -> Result<Vec<u8>, OutputError> {
    let data = matrices
        .iter()
        .map(NamedMatrix::little_endian)
        .collect::<Result<Vec<_>, _>>()?;
    let mut views = Vec::with_capacity(matrices.len());
    for (matrix, (dtype, bytes)) in matrices.iter().zip(&data) {
        let view = TensorView::new(*dtype, vec![matrix.rows, matrix.columns], bytes)
            .map_err(OutputError::Tensors)?;
        views.push((matrix.name, view));
    }
    safetensors::serialize(views, None).map_err(OutputError::Tensors)
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

    #[cfg(target_os = "linux")]
    #[test]
    fn what_killed_processes_left_is_swept_out_and_what_living_ones_write_is_not() {
        let root = tempfile::tempdir().unwrap();
        let living = temporary(root.path()).unwrap();
        let tag = Owner::this().tag();
        let dead = tag.rsplit_once('-').unwrap().0.to_owned() + "-1";
        for name in [
            format!(".giantstep-{dead}-Ab3"),
            ".giantstep-x-1-1-Ab3".to_owned(),
        ] {
            fs::write(root.path().join(name), "half").unwrap();
        }
        sweep_out(root.path(), &|_| false);
        assert!(living.path().exists());
        assert_eq!(
            fs::read_dir(root.path()).unwrap().count(),
            2,
            "that of another machine is young"
        );
    }

    #[test]
    fn what_a_run_under_way_on_another_machine_writes_is_not_swept_out_however_old() {
        let root = tempfile::tempdir().unwrap();
        let draft = root.path().join(".giantstep-x-1-1-Ab3run");
        let file = fs::File::create(&draft).unwrap();
        file.set_modified(SystemTime::now() - 2 * LEFT_OVER)
            .unwrap();
        sweep_out(root.path(), &|name| name.ends_with("run"));
        assert!(draft.exists());
        sweep_out(root.path(), &|_| false);
        assert!(!draft.exists());
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
        let bytes = encode_matrices(&named).unwrap();
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
        let error = encode_matrices(&named).unwrap_err();
        assert_eq!(error.to_string(), "matrix `M` has 1 entries, not 2 x 2");
    }
}
