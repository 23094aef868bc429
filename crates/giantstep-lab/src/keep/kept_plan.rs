//! The plan of a results folder: its file, and whether it is as this program has written it.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::StoreError;
use super::entry::Checksum;
use crate::files;
use crate::plan::Plan;

/// The name of its file.
pub(super) const PLAN: &str = "experiment.toml";
/// How a plan begins that this program has written; its checksum and a line feed follow, then what the checksum is of.
const MARK: &str = "# The plan as understood by giantstep; checksum ";

/// Refuses a plan that no file holds.
pub(super) fn writable(plan: &Plan) -> Result<(), StoreError> {
    let checked = plan.document.check_writable();
    checked.map_err(|error| StoreError::Unwritable(Box::new(error)))
}

/// A plan with its mark.
pub(super) fn marked(text: &str) -> String {
    format!("{MARK}{}\n{text}", Checksum::of(text.as_bytes()))
}

/// Whether a plan is as this program has written it.
pub(super) fn is_as_written(text: &str) -> bool {
    let content = text.split_once('\n').map_or("", |(_, content)| content);
    text == marked(content)
}

/// The text of the plan in a results folder.
///
/// # Errors
/// [`StoreError::NoPlan`] if there is none.
pub fn read_plan(folder: &Path) -> Result<String, StoreError> {
    let text = files::read(&folder.join(PLAN)).and_then(|bytes| {
        String::from_utf8(bytes).map_err(|error| std::io::Error::new(ErrorKind::InvalidData, error))
    });
    text.map_err(|source| StoreError::NoPlan {
        folder: folder.to_path_buf(),
        source,
    })
}

/// A file in a folder that the table or a figure of results could replace.
pub(super) fn occupied(folder: &Path) -> Option<PathBuf> {
    let mut files = fs::read_dir(folder)
        .ok()?
        .flatten()
        .map(|entry| entry.path());
    files.find(|path| {
        let ending = path.extension().and_then(|ending| ending.to_str());
        matches!(ending, Some("parquet" | "png" | "svg")) && path.is_file()
    })
}
