//! Predictions that were made before, in a folder: one file for each set of settings that they depend on.
//!
//! `DIR/predictions/KEY.json`. The name is the hash of everything that the content depends on: a change of the settings or
//! of the program is another name, and a file that cannot be read is as good as none.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::identity::RunId;
use crate::files::{self, write_atomically};

/// The predictions that a folder keeps.
#[derive(Debug, Clone)]
pub struct Shelf(PathBuf);

/// Predictions as they are kept.
#[derive(Debug, Serialize, Deserialize)]
struct Kept<P> {
    /// The seconds in which not all of them could be made.
    within: Option<f64>,
    outlook: P,
}

impl Shelf {
    /// The shelf of a folder, which appears when something is put on it.
    pub fn of(folder: &Path) -> Self {
        Self(folder.join("predictions"))
    }

    fn path(&self, key: &RunId) -> PathBuf {
        self.0.join(format!("{key}.json"))
    }

    /// The predictions of this name, unless they ended for want of time and more than that is granted now.
    pub(crate) fn take<P: DeserializeOwned>(
        &self,
        key: &RunId,
        granted: Option<Duration>,
    ) -> Option<P> {
        let kept: Kept<P> = serde_json::from_slice(&files::read(&self.path(key)).ok()?).ok()?;
        let more = kept
            .within
            .is_some_and(|within| granted.is_none_or(|granted| granted.as_secs_f64() > within));
        (!more).then_some(kept.outlook)
    }

    /// Puts predictions there, which ended for want of time if that is given. What cannot be kept is made again.
    pub(crate) fn put(&self, key: &RunId, outlook: &impl Serialize, within: Option<Duration>) {
        let kept = Kept {
            within: within.map(|time| time.as_secs_f64()),
            outlook,
        };
        if let Ok(bytes) = serde_json::to_vec(&kept)
            && std::fs::create_dir_all(&self.0).is_ok()
        {
            let _ = write_atomically(&self.path(key), &bytes);
        }
    }
}
