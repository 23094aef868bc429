//! Ended runs in the memory of this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use giantstep::run::Run;

use super::{Draft, Entry, EntryError, Keep, Lease, Leased, RunId, StoreError, Trainers};
use crate::table::{Record, TableError};

/// Ended runs in memory; weights are not kept.
#[derive(Debug, Default)]
pub struct Memory {
    entries: Mutex<HashMap<RunId, (Entry, Vec<Record>)>>,
    trainers: Option<Arc<Trainers>>,
}

impl Memory {
    /// Nothing yet; runs go on from those that these have taken less far, and are left with them.
    pub fn with(trainers: Arc<Trainers>) -> Self {
        Self {
            trainers: Some(trainers),
            ..Self::default()
        }
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<RunId, (Entry, Vec<Record>)>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keep for Memory {
    fn has(&self, id: &RunId) -> bool {
        self.entries().contains_key(id)
    }

    fn lease(&self, _id: &RunId) -> Result<Leased, StoreError> {
        Ok(Leased::Ours(Lease::unshared()))
    }

    fn read(
        &self,
        id: &RunId,
        rows: &mut dyn FnMut(Vec<Record>),
    ) -> Result<Option<Entry>, EntryError> {
        let found = self.entries().get(id).cloned();
        Ok(found.map(|(entry, records)| {
            rows(records);
            entry
        }))
    }

    fn begin(&self, _id: &RunId) -> Result<Box<dyn Draft + '_>, StoreError> {
        let records = Vec::new();
        Ok(Box::new(Listed {
            memory: self,
            records,
        }))
    }

    fn trainers(&self) -> Option<&Trainers> {
        self.trainers.as_deref()
    }
}

/// The numbers of a run under way.
#[derive(Debug)]
struct Listed<'a> {
    memory: &'a Memory,
    records: Vec<Record>,
}

impl Draft for Listed<'_> {
    fn add(&mut self, rows: &mut dyn Iterator<Item = Record>) -> Result<(), TableError> {
        self.records.extend(rows);
        Ok(())
    }

    fn read(self: Box<Self>, rows: &mut dyn FnMut(Vec<Record>)) -> Result<(), TableError> {
        rows(self.records);
        Ok(())
    }

    fn keep(self: Box<Self>, entry: Entry, _weights: Option<&Run>) -> Result<(), StoreError> {
        let mut entries = self.memory.entries();
        entries.insert(entry.id.clone(), (entry, self.records));
        Ok(())
    }
}
