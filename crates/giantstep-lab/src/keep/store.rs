//! The store of a results folder: every finished run is one file, named by its resolved settings, that appears whole.
//!
//! ```text
//! DIR/experiment.toml          the plan: the file as understood
//! DIR/results.parquet, ...     what `collect` and `run` make of it
//! DIR/runs/NAME.run            a finished run: numbers, settings, how it ended, checksum
//! DIR/runs/NAME.safetensors    its weights, where asked for; their checksum stands in the run
//! DIR/runs/store.json          the program and the settings that all runs share
//! DIR/runs/leases/             who computes what at this moment
//! DIR/runs/aside/              damaged, foreign and retried files
//! ```
//!
//! What exists is not computed again, so a plan that was interrupted or extended goes on where it stands.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use giantstep::run::Run;
use serde::{Deserialize, Serialize};

use super::entry::{self, Checksum, Ending, Entry, EntryError, Unfinished};
use super::identity::{self, RunId, Settings, differences};
use super::kept_plan::{PLAN, is_as_written, marked, occupied, writable};
use super::lease::{Leased, Leases};
use super::{Draft, Keep, Owner, StoreError, weights};
use crate::files::{self, is_unfinished, prepare_folder, temporary, write_atomically};
use crate::plan::Plan;
use crate::table::{Record, TableError};

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

    fn text(&self) -> String {
        serde_json::json!(self).to_string()
    }
}

/// A file that is not what its place promises, or that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stray {
    /// Its name.
    pub file: String,
    /// What is wrong with it.
    pub reason: String,
    #[serde(skip)]
    name: OsString,
}

impl Stray {
    fn new(name: &OsStr, reason: impl ToString) -> Self {
        Self {
            file: name.to_string_lossy().into_owned(),
            reason: reason.to_string(),
            name: name.to_owned(),
        }
    }
}

/// What the files of a store hold.
#[derive(Debug, Clone, Default)]
pub struct Survey {
    /// How every sound run ended.
    pub sound: BTreeMap<RunId, Ending>,
    /// Damaged and foreign files.
    pub strays: Vec<Stray>,
    /// Files of which the system does not tell what they hold.
    pub unreadable: Vec<Stray>,
}

/// The runs in a results folder.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    leases: Leases,
    /// Whether another plan stood in the folder before.
    pub replaced: bool,
}

const MANIFEST: &str = "store.json";
const RUN: &str = ".run";
const WEIGHTS: &str = ".safetensors";
impl Store {
    /// Opens the store of `folder` for the runs of `plan`, whose file is left there. Of several processes that open a new
    /// folder at once with different settings, one gets it.
    ///
    /// # Errors
    /// The folder cannot be used, holds runs or a plan of another program or of other settings, or a file of the user in
    /// the place of the plan.
    pub fn open(folder: &Path, plan: &Plan, earlier: Earlier) -> Result<Self, StoreError> {
        writable(plan)?;
        prepare_folder(folder)?;
        let path = folder.join(PLAN);
        let before = match files::read(&path) {
            Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(source) => return Err(system(&path, source)),
        };
        let foreign = before.as_deref().is_some_and(|text| !is_as_written(text));
        let not_ours = || StoreError::NotOurs { path: path.clone() };
        if foreign && !folder.join("runs").join(MANIFEST).exists() {
            return Err(not_ours());
        }
        if before.is_none()
            && let Some(path) = occupied(folder)
        {
            return Err(StoreError::Occupied { path });
        }
        let mut store = Self::look(folder)?;
        match earlier {
            Earlier::Refused => store.claim(folder, plan)?,
            Earlier::SetAside => {
                if let Some((_, owner)) = store.under_way()?.into_iter().next() {
                    let folder = folder.to_path_buf();
                    return Err(StoreError::Busy { folder, owner });
                }
                for (file, _) in store.files()? {
                    store.set_aside(&file)?;
                }
                if foreign {
                    store.move_aside(&path)?;
                }
                store.write_manifest(plan)?;
            }
        }
        if foreign && earlier == Earlier::Refused {
            return Err(not_ours());
        }
        let text = marked(&plan.document.resolved().unwrap_or_default());
        store.replaced = !foreign && before.is_some_and(|before| before != text);
        write_atomically(&path, text.as_bytes())?;
        store.sweep_out(folder);
        Ok(store)
    }

    /// Opens the store of a folder whose plan is `plan`, to work on it beside others.
    ///
    /// # Errors
    /// The folder cannot be used, or holds runs of another program.
    pub fn join(folder: &Path, plan: &Plan) -> Result<Self, StoreError> {
        writable(plan)?;
        let store = Self::look(folder)?;
        store.check(folder, plan)?;
        store.sweep_out(folder);
        Ok(store)
    }

    /// Opens the store of a folder as it stands, to look at it.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn look(folder: &Path) -> Result<Self, StoreError> {
        let runs = folder.join("runs");
        let leases = runs.join("leases");
        fs::create_dir_all(&leases).map_err(|source| system(&leases, source))?;
        Ok(Self {
            leases: Leases::open(&leases).map_err(|source| StoreError::Thread { source })?,
            folder: runs,
            replaced: false,
        })
    }

    /// Writes down what all runs of the store have in common. Who is first on a new folder has it.
    fn claim(&self, folder: &Path, plan: &Plan) -> Result<(), StoreError> {
        let path = self.folder.join(MANIFEST);
        let write = || {
            let mut file = temporary(&self.folder)?;
            file.write_all(Manifest::of(plan).text().as_bytes())?;
            file.as_file().sync_all()?;
            file.persist_noclobber(&path).map_err(|error| error.error)
        };
        match write() {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                self.check(folder, plan)?;
                self.write_manifest(plan)
            }
            Err(source) => Err(system(&path, source)),
        }
    }

    fn write_manifest(&self, plan: &Plan) -> Result<(), StoreError> {
        let text = Manifest::of(plan).text();
        Ok(write_atomically(
            &self.folder.join(MANIFEST),
            text.as_bytes(),
        )?)
    }

    /// Refuses to put runs of `plan` beside runs of another program or of other settings.
    fn check(&self, folder: &Path, plan: &Plan) -> Result<(), StoreError> {
        let now = Manifest::of(plan);
        let Some(before) = self.manifest() else {
            return Ok(());
        };
        let mut found = differences(&before.settings, &now.settings);
        // A folder without runs belongs to the settings that it was begun with, not to the program.
        if before.program != now.program && !self.files()?.is_empty() {
            found.insert(
                0,
                format!("program: {} there, {} here", before.program, now.program),
            );
        }
        if found.is_empty() {
            return Ok(());
        }
        Err(StoreError::Mixed {
            folder: folder.to_path_buf(),
            differences: found,
        })
    }

    fn manifest(&self) -> Option<Manifest> {
        let text = files::read(&self.folder.join(MANIFEST)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Removes what killed processes have left: unfinished files, and leases on runs that have ended.
    fn sweep_out(&self, folder: &Path) {
        let leases = self.folder.join("leases");
        let held = self.under_way().unwrap_or_default();
        let held: Vec<String> = held.iter().map(|(id, _)| id.to_string()).collect();
        let is_held = |name: &str| held.iter().any(|id| name.ends_with(id.as_str()));
        for folder in [folder, &self.folder, &leases] {
            files::sweep_out(folder, &is_held);
        }
        for entry in fs::read_dir(&leases).into_iter().flatten().flatten() {
            let path = entry.path();
            let stem = path.file_stem().and_then(|name| name.to_str());
            if stem.and_then(RunId::parse).is_some_and(|id| self.has(&id)) {
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
        self.folder.join(format!("{id}{RUN}"))
    }

    /// The weights of a run.
    pub fn weights(&self, id: &RunId) -> PathBuf {
        self.folder.join(format!("{id}{WEIGHTS}"))
    }

    /// Moves a file of the store to `aside/`, under a new name if that is taken.
    ///
    /// # Errors
    /// The system refused.
    fn set_aside(&self, file: &OsStr) -> Result<(), StoreError> {
        self.move_aside(&self.folder.join(file))
    }

    fn move_aside(&self, from: &Path) -> Result<(), StoreError> {
        let aside = self.folder.join("aside");
        fs::create_dir_all(&aside).map_err(|source| system(&aside, source))?;
        let file = from.file_name().unwrap_or_default();
        let free = (1..).map(|k| {
            let mut name = file.to_owned();
            if k > 1 {
                name.push(format!(".{k}"));
            }
            aside.join(name)
        });
        for to in free {
            if fs::symlink_metadata(&to).is_err() {
                return match fs::rename(from, &to) {
                    // Another process was faster.
                    Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                    moved => moved.map_err(|source| system(from, source)),
                };
            }
        }
        Ok(())
    }

    /// Sets strays aside; runs among them will be computed again.
    ///
    /// # Errors
    /// The system refused.
    pub fn set_strays_aside(&self, strays: &[Stray]) -> Result<(), StoreError> {
        strays
            .iter()
            .try_for_each(|stray| self.set_aside(&stray.name))
    }

    /// Sets a run aside, so that it will be computed again.
    ///
    /// # Errors
    /// The system refused.
    pub fn forget(&self, id: &RunId) -> Result<(), StoreError> {
        self.move_aside(&self.path(id))
    }

    /// Files of the store, by name, with the run that the name promises.
    fn files(&self) -> Result<Vec<(OsString, Option<RunId>)>, StoreError> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(|source| system(&self.folder, source))? {
            let entry = entry.map_err(|source| system(&self.folder, source))?;
            let file = entry.file_name();
            let name = file.to_string_lossy();
            let own = matches!(&*name, "leases" | "aside" | MANIFEST) || is_unfinished(&name);
            if !own {
                let id = name
                    .strip_suffix(RUN)
                    .or_else(|| name.strip_suffix(WEIGHTS))
                    .and_then(RunId::parse);
                files.push((file, id));
            }
        }
        files.sort();
        Ok(files)
    }

    /// What the files of the store hold: every run with its weights is read and compared with its checksum.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn survey(&self) -> Result<Survey, StoreError> {
        let mut survey = Survey::default();
        for (file, id) in self.files()? {
            let Some(id) = id else {
                let reason = "a file of that name does not belong here";
                survey.strays.push(Stray::new(&file, reason));
                continue;
            };
            // Weights are looked at with their run; without one they are left over, and written over.
            if !file.to_string_lossy().ends_with(RUN) {
                continue;
            }
            let stray = |reason: &dyn ToString| Stray::new(&file, reason.to_string());
            match self.read(&id, &mut drop) {
                Ok(None) => {}
                Ok(Some(entry)) => match self.check_weights(&entry) {
                    Ok(()) => drop(survey.sound.insert(id, entry.ending)),
                    Err(WeightsError::Damaged) => {
                        let reason = "its checksum is wrong: the file was damaged";
                        let weights = format!("{id}{WEIGHTS}");
                        survey.strays.push(Stray::new(weights.as_ref(), reason));
                        survey.strays.push(stray(&"its weights were damaged"));
                    }
                    Err(WeightsError::Missing) => {
                        survey.strays.push(stray(&"its weights are gone"))
                    }
                    Err(WeightsError::Unreadable(error)) => {
                        let weights = format!("{id}{WEIGHTS}");
                        survey.unreadable.push(Stray::new(weights.as_ref(), error));
                    }
                },
                Err(EntryError::Read { source, .. }) if !is_no_file(&source) => {
                    survey.unreadable.push(stray(&source));
                }
                Err(EntryError::Read { source, .. }) => survey.strays.push(stray(&source)),
                Err(error) => survey.strays.push(stray(&error)),
            }
        }
        Ok(survey)
    }

    /// Compares the weights of a run with what its entry says of them.
    fn check_weights(&self, entry: &Entry) -> Result<(), WeightsError> {
        let Some(expected) = &entry.weights else {
            return Ok(());
        };
        match files::read(&self.weights(&entry.id)) {
            Ok(bytes) if Checksum::of(&bytes) == *expected => Ok(()),
            Ok(_) => Err(WeightsError::Damaged),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(WeightsError::Missing),
            Err(error) if is_no_file(&error) => Err(WeightsError::Damaged),
            Err(error) => Err(WeightsError::Unreadable(error)),
        }
    }
}

/// What is wrong with the weights of a run.
enum WeightsError {
    Damaged,
    Missing,
    Unreadable(std::io::Error),
}

/// Whether [`files::read`] has refused what is no file.
fn is_no_file(error: &std::io::Error) -> bool {
    error.kind() == ErrorKind::InvalidInput
}

impl Keep for Store {
    fn has(&self, id: &RunId) -> bool {
        fs::symlink_metadata(self.path(id)).is_ok()
    }

    fn lease(&self, id: &RunId) -> Result<Leased, StoreError> {
        self.leases
            .lease(id)
            .map_err(|source| system(&self.folder.join("leases"), source))
    }

    fn read(
        &self,
        id: &RunId,
        rows: &mut dyn FnMut(Vec<Record>),
    ) -> Result<Option<Entry>, EntryError> {
        match entry::read(&self.path(id), id, rows) {
            Ok(entry) => Ok(Some(entry)),
            Err(EntryError::Read { source, .. }) if source.kind() == ErrorKind::NotFound => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn begin(&self, id: &RunId) -> Result<Box<dyn Draft + '_>, StoreError> {
        let file = Unfinished::new(&self.folder, id)?;
        Ok(Box::new(Filed { store: self, file }))
    }
}

/// A run under way in a file of the folder.
#[derive(Debug)]
struct Filed<'a> {
    store: &'a Store,
    file: Unfinished,
}

impl Draft for Filed<'_> {
    fn add(&mut self, rows: &mut dyn Iterator<Item = Record>) -> Result<(), TableError> {
        self.file.add(rows)
    }

    fn read(self: Box<Self>, rows: &mut dyn FnMut(Vec<Record>)) -> Result<(), TableError> {
        self.file.read(rows)
    }

    /// Weights first: who sees the run finds them.
    fn keep(self: Box<Self>, mut entry: Entry, weights: Option<&Run>) -> Result<(), StoreError> {
        if let Some(run) = weights {
            let bytes = weights::encode(run)?;
            write_atomically(&self.store.weights(&entry.id), &bytes)?;
            entry.weights = Some(Checksum::of(&bytes));
        }
        Ok(self.file.publish(&entry, &self.store.path(&entry.id))?)
    }
}

fn system(path: &Path, source: std::io::Error) -> StoreError {
    StoreError::System {
        path: path.to_path_buf(),
        source,
    }
}
