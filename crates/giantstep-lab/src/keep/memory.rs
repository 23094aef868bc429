//! Ended runs in the memory of this process.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use giantstep::run::Run;

use super::{Entry, EntryError, Keep, Lease, Leased, RunId, StoreError};

/// Ended runs in memory; weights are not kept.
#[derive(Debug, Default)]
pub struct Memory {
    entries: Mutex<HashMap<RunId, Entry>>,
}

impl Memory {
    fn entry(&self, id: &RunId) -> Option<Entry> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.get(id).cloned()
    }
}

impl Keep for Memory {
    fn has(&self, id: &RunId) -> bool {
        self.entry(id).is_some()
    }

    fn lease(&self, _id: &RunId) -> Result<Leased, StoreError> {
        Ok(Leased::Ours(Lease::unshared()))
    }

    fn read(&self, id: &RunId) -> Result<Option<Entry>, EntryError> {
        Ok(self.entry(id))
    }

    fn keep(&self, entry: Entry, _weights: Option<&Run>) -> Result<(), StoreError> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.insert(entry.id.clone(), entry);
        Ok(())
    }
}
