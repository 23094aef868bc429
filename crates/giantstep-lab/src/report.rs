//! What a run leaves behind: a folder of files, a short table, or one JSON document.

use std::path::{Path, PathBuf};
use std::time::Duration;

use giantstep::spec::SaveWeights;
use serde_json::{Value as Json, json};

use crate::chart::figures;
use crate::compare::compare;
use crate::fence::fenced;
use crate::files::{OutputError, SaveError, copy_atomically, save_figure};
use crate::keep::{Names, Store};
use crate::outlook::{Ask, Predicted};
use crate::plan::{Job, Jobs, Plan, PlanError};
use crate::published::comparisons;
use crate::remedy::{Remedied, Remedy};
use crate::results::Results;
use crate::slope::slopes;
use crate::table::{Row, SIZES, TABLE, Table, TableError, aggregate};
use crate::work::Session;

/// Why results could not be written; results in memory are still printed.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A file could not be written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The table could not be written.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A figure could not be saved.
    #[error(transparent)]
    Figure(#[from] SaveError),
    /// The configuration could not be shown.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

impl Remedied for ReportError {
    fn remedy(&self) -> Option<Remedy> {
        match self {
            ReportError::Output(error) => error.remedy(),
            ReportError::Table(error) => error.remedy(),
            ReportError::Figure(error) => error.remedy(),
            ReportError::Plan(error) => error.remedy(),
        }
    }
}

/// Means over seeds, without the rows of single neurons (those are in the Parquet table).
pub fn rows(table: &Table) -> Vec<Row> {
    let records = table.records.iter();
    aggregate(table, records.filter(|record| record.neuron.is_none()))
}

/// What a report has left in a folder.
#[derive(Debug, Clone, Default)]
pub struct Written {
    /// Every file.
    pub files: Vec<PathBuf>,
    /// Figures that could not be drawn, and why.
    pub notes: Vec<String>,
}

/// All that is told of a plan that was worked off; made by [`perform`](crate::perform::perform).
#[derive(Debug)]
pub struct Report<'a> {
    /// What was asked for.
    pub jobs: &'a Jobs<'a>,
    /// What was measured.
    pub results: Results,
    /// What theory says of it; nothing before it is asked.
    pub predicted: Predicted,
    /// How many runs were there before.
    pub found: usize,
    /// How long the work took.
    pub took: Duration,
}

impl Report<'_> {
    /// Asks theory, for which quick predictions take no longer than the work did.
    ///
    /// # Errors
    /// The program failed; all else stands.
    pub fn predict(&mut self, ask: Ask<'_>, session: &Session<'_>) -> Result<(), String> {
        let ask = ask.beside(self.took);
        self.predicted = fenced(|| Predicted::of(self.jobs.plan, ask, session))?;
        Ok(())
    }

    /// Writes weights and figures into `folder`, beside the plan and the table ([`TableFile`](crate::table::TableFile)) that
    /// are there, of the runs that its store holds.
    ///
    /// # Errors
    /// [`ReportError`] names the file; files written before it stay.
    pub fn write(
        &self,
        store: &Store,
        folder: &Path,
        session: &Session<'_>,
    ) -> Result<Written, ReportError> {
        let Self {
            jobs,
            results,
            predicted,
            ..
        } = self;
        let mut paths = vec![folder.join("experiment.toml"), folder.join(TABLE)];
        let names = Names::of(jobs);
        let saved = |job: &&Job<'_>| job.point.checked.save_weights == SaveWeights::Last;
        for job in jobs.list.iter().filter(saved) {
            let from = store.weights(&names.id(job));
            if from.exists() {
                let name = format!("weights-{}-{}.safetensors", job.index + 1, job.seed);
                paths.push(folder.join(name));
                copy_atomically(&from, &paths[paths.len() - 1])?;
            }
        }
        let mut notes = Vec::new();
        let mut unsaved = None;
        let drawn = fenced(|| {
            figures(
                jobs.plan,
                &results.table,
                predicted,
                session,
                &mut |name, figure| {
                    let saved = match figure {
                        Ok(figure) => fenced(|| save_figure(&figure, folder, name)),
                        Err(error) => Err(error.to_string()),
                    };
                    match saved {
                        Ok(Ok(saved)) => paths.extend(saved),
                        Ok(Err(error)) => {
                            unsaved.get_or_insert(error);
                        }
                        Err(reason) => {
                            notes.push(format!("the figure {name} is not drawn: {reason}"))
                        }
                    }
                },
            );
        });
        if let Err(reason) = drawn {
            notes.push(format!("not all figures are drawn: {reason}"));
        }
        if let Some(error) = unsaved {
            return Err(error.into());
        }
        Ok(Written {
            files: paths,
            notes,
        })
    }

    /// The whole result as one JSON document: a stable interface.
    ///
    /// # Errors
    /// [`ReportError`] if the configuration cannot be shown.
    pub fn json(&self, files: &[PathBuf]) -> Result<Json, ReportError> {
        let Self {
            jobs,
            results,
            predicted,
            found,
            took,
            ..
        } = self;
        let rows = rows(&results.table);
        let config: toml::Table = jobs.plan.document.resolved()?.parse().unwrap_or_default();
        let plan = jobs.plan;
        let points: Vec<Json> = plan
            .points
            .iter()
            .enumerate()
            .map(|(index, point)| {
                let engine = jobs.of_point(index).first();
                let engine = engine.map(|job| job.cost.engine.name());
                let protocol = &point.checked.setup.experiment.protocol;
                let settings: serde_json::Map<String, Json> = point
                    .settings
                    .iter()
                    .map(|s| (s.key.clone(), json!(s.label())))
                    .collect();
                json!({
                    "settings": settings,
                    "config": point.spec,
                    "n": protocol.batch,
                    "d": protocol.dimension,
                    "p": point.checked.setup.experiment.network.width,
                    "step_size": protocol.step_size.at(1),
                    "engine": engine,
                })
            })
            .collect();
        Ok(json!({
            "config": config,
            "points": points,
            "rows": rows,
            "references": comparisons(plan, &results.table, &rows),
            "predictions": predicted.json(),
            "compared": compare(predicted, &rows),
            "slopes": slopes(plan, &results.table),
            "failures": results.failures,
            "runs": { "planned": results.planned, "completed": results.completed, "found": found },
            "interrupted": results.interrupted,
            "files": files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>(),
            "seconds": took.as_secs_f64(),
        }))
    }
}

/// What the places of a swept text stand for; empty if there is none.
pub fn settings_in_words(plan: &Plan) -> String {
    let table = Table::of(plan);
    let keys = table.keys().into_iter();
    let lines = keys.filter(|key| !SIZES.contains(key)).flat_map(|key| {
        let texts = table.texts(key).unwrap_or_default().into_iter();
        texts.map(move |(place, text)| format!("{key} {place}: {text}\n"))
    });
    let lines: String = lines.collect();
    if lines.is_empty() {
        lines
    } else {
        lines + "\n"
    }
}
