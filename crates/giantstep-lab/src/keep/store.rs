//! The store of a results folder: every finished run is one file, named by its resolved settings, that appears whole.
//!
//! ```text
//! DIR/experiment.toml          the plan: the file as understood
//! DIR/results.parquet, ...     what `collect` and `run` make of it
//! DIR/runs/NAME.run            a finished run: settings, how it ended, numbers, checksum
//! DIR/runs/NAME.safetensors    its weights, where asked for
//! DIR/runs/store.json          the program and the settings that all runs share
//! DIR/runs/leases/             who computes what at this moment
//! DIR/runs/aside/              damaged, foreign and retried files
//! ```
//!
//! What exists is not computed again, so a plan that was interrupted or extended goes on where it stands.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use giantstep::run::Run;
use serde::{Deserialize, Serialize};

use super::entry::{Ending, Entry, EntryError};
use super::identity::{self, RunId, Settings, differences};
use super::lease::{Leased, Leases, Owner};
use super::{Keep, StoreError, weights};
use crate::files::{prepare_folder, write_atomically};
use crate::plan::Plan;

/// What happens to runs of other settings, or of another program, that stand in the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Earlier {
    /// They are refused, with what differs.
    #[default]
    Refused,
    /// All earlier runs are set aside.
    SetAside,
}

/// What all runs of a store have in common.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Manifest {
    /// The program, by the version of its numbers.
    program: String,
    /// Settings that are not swept.
    settings: Settings,
}

impl Manifest {
    fn of(plan: &Plan) -> Self {
        Self {
            program: format!("giantstep numbers {}", giantstep::NUMBERS),
            settings: identity::shared(plan),
        }
    }
}

/// A file that is not what its place promises.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stray {
    /// Its name.
    pub file: String,
    /// What is wrong with it.
    pub reason: String,
}

/// The runs in a results folder.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    leases: Leases,
}

const PLAN: &str = "experiment.toml";
const MANIFEST: &str = "store.json";
/// Unfinished files of dead processes are older than this.
const LEFT_OVER: Duration = Duration::from_secs(600);

/// The text of the plan in a results folder.
///
/// # Errors
/// [`StoreError::NoPlan`] if there is none.
pub fn read_plan(folder: &Path) -> Result<String, StoreError> {
    fs::read_to_string(folder.join(PLAN)).map_err(|source| StoreError::NoPlan {
        folder: folder.to_path_buf(),
        source,
    })
}

impl Store {
    /// Opens the store of `folder` for the runs of `plan`, whose file is left there.
    ///
    /// # Errors
    /// The folder cannot be used, or holds runs of another program or of other settings.
    pub fn open(folder: &Path, plan: &Plan, earlier: Earlier) -> Result<Self, StoreError> {
        prepare_folder(folder)?;
        let store = Self::look(folder)?;
        match earlier {
            Earlier::Refused => store.check(folder, plan)?,
            Earlier::SetAside => {
                for (file, _) in store.files()? {
                    store.set_aside(&file)?;
                }
            }
        }
        let text = plan.document.resolved().unwrap_or_default();
        write_atomically(&folder.join(PLAN), text.as_bytes())?;
        let text = serde_json::json!(Manifest::of(plan)).to_string();
        write_atomically(&store.folder.join(MANIFEST), text.as_bytes())?;
        store.sweep_out();
        Ok(store)
    }

    /// Opens the store of a folder whose plan is `plan`, to work on it beside others.
    ///
    /// # Errors
    /// The folder cannot be used, or holds runs of another program.
    pub fn join(folder: &Path, plan: &Plan) -> Result<Self, StoreError> {
        let store = Self::look(folder)?;
        store.check(folder, plan)?;
        store.sweep_out();
        Ok(store)
    }

    /// Opens the store of a folder as it stands, to look at it.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn look(folder: &Path) -> Result<Self, StoreError> {
        let runs = folder.join("runs");
        let leases = runs.join("leases");
        Ok(Self {
            leases: Leases::open(&leases).map_err(|source| system(&leases, source))?,
            folder: runs,
        })
    }

    /// Refuses to put runs of `plan` beside runs of another program or of other settings.
    fn check(&self, folder: &Path, plan: &Plan) -> Result<(), StoreError> {
        let now = Manifest::of(plan);
        let Some(before) = self.manifest() else {
            return Ok(());
        };
        let mut found = differences(&before.settings, &now.settings);
        if before.program != now.program {
            found.insert(
                0,
                format!("program: {} there, {} here", before.program, now.program),
            );
        }
        if found.is_empty() || self.files()?.is_empty() {
            return Ok(());
        }
        Err(StoreError::Mixed {
            folder: folder.to_path_buf(),
            differences: found,
        })
    }

    fn manifest(&self) -> Option<Manifest> {
        let text = fs::read(self.folder.join(MANIFEST)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Removes what killed processes have left: unfinished files, and leases on runs that have ended.
    fn sweep_out(&self) {
        let leases = self.folder.join("leases");
        let entries = [&self.folder, &leases]
            .map(fs::read_dir)
            .into_iter()
            .flatten()
            .flatten();
        for entry in entries.flatten() {
            let path = entry.path();
            let changed = entry.metadata().and_then(|data| data.modified()).ok();
            let age = changed.and_then(|changed| SystemTime::now().duration_since(changed).ok());
            let unfinished = entry
                .file_name()
                .to_string_lossy()
                .starts_with(".giantstep-");
            let leased = path
                .file_stem()
                .and_then(|name| name.to_str())
                .and_then(RunId::parse);
            let ended = path.starts_with(&leases) && leased.is_some_and(|id| self.has(&id));
            if ended || unfinished && age.is_some_and(|age| age > LEFT_OVER) {
                // One that stays does no harm.
                let _ = fs::remove_file(path);
            }
        }
    }

    /// Who holds which run at this moment.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn under_way(&self) -> Result<Vec<(RunId, Owner)>, StoreError> {
        self.leases
            .alive()
            .map_err(|source| system(&self.folder, source))
    }

    fn path(&self, id: &RunId) -> PathBuf {
        self.folder.join(format!("{id}.run"))
    }

    /// The weights of a run.
    pub fn weights(&self, id: &RunId) -> PathBuf {
        self.folder.join(format!("{id}.safetensors"))
    }

    /// Moves a file of the store to `aside/`, under a new name if that is taken.
    ///
    /// # Errors
    /// The system refused.
    pub fn set_aside(&self, file: &str) -> Result<(), StoreError> {
        let aside = self.folder.join("aside");
        fs::create_dir_all(&aside).map_err(|source| system(&aside, source))?;
        let free = (1..).map(|k| match k {
            1 => aside.join(file),
            k => aside.join(format!("{file}.{k}")),
        });
        let from = self.folder.join(file);
        for to in free {
            if !to.exists() {
                return fs::rename(&from, &to).map_err(|source| system(&from, source));
            }
        }
        Ok(())
    }

    /// Sets a run aside, so that it will be computed again.
    ///
    /// # Errors
    /// The system refused.
    pub fn forget(&self, id: &RunId) -> Result<(), StoreError> {
        self.set_aside(&format!("{id}.run"))
    }

    /// Files of the store, by name, with the run that the name promises.
    fn files(&self) -> Result<Vec<(String, Option<RunId>)>, StoreError> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(|source| system(&self.folder, source))? {
            let entry = entry.map_err(|source| system(&self.folder, source))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let own = matches!(name.as_str(), "leases" | "aside" | MANIFEST)
                || name.starts_with(".giantstep-");
            if !own {
                let id = name
                    .strip_suffix(".run")
                    .or_else(|| name.strip_suffix(".safetensors"));
                files.push((name.clone(), id.and_then(RunId::parse)));
            }
        }
        files.sort();
        Ok(files)
    }

    /// How every sound run ended, and every damaged or foreign file.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn survey(&self) -> Result<(BTreeMap<RunId, Ending>, Vec<Stray>), StoreError> {
        let (mut sound, mut strays) = (BTreeMap::new(), Vec::new());
        for (file, id) in self.files()? {
            let reason = match (id, file.ends_with(".run")) {
                (None, _) => Some("a file of that name does not belong here".to_owned()),
                (Some(_), false) => None,
                (Some(id), true) => match self.read(&id) {
                    Ok(entry) => {
                        sound.extend(entry.map(|entry| (id, entry.ending)));
                        None
                    }
                    Err(error) => Some(error.to_string()),
                },
            };
            strays.extend(reason.map(|reason| Stray { file, reason }));
        }
        Ok((sound, strays))
    }
}

impl Keep for Store {
    fn has(&self, id: &RunId) -> bool {
        self.path(id).exists()
    }

    fn lease(&self, id: &RunId) -> Result<Leased, StoreError> {
        self.leases
            .lease(id)
            .map_err(|source| system(&self.folder.join("leases"), source))
    }

    fn read(&self, id: &RunId) -> Result<Option<Entry>, EntryError> {
        match Entry::read(&self.path(id), id) {
            Ok(entry) => Ok(Some(entry)),
            Err(EntryError::Read { source, .. }) if source.kind() == ErrorKind::NotFound => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Weights first: who sees the run finds them.
    fn keep(&self, entry: Entry, weights: Option<&Run>) -> Result<(), StoreError> {
        if let Some(run) = weights {
            weights::write(&self.weights(&entry.id), run)?;
        }
        Ok(entry.write(&self.path(&entry.id))?)
    }
}

fn system(path: &Path, source: std::io::Error) -> StoreError {
    StoreError::System {
        path: path.to_path_buf(),
        source,
    }
}
