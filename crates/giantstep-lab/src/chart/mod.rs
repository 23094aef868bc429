//! Figures of a table: curves and heat maps of any columns, and neurons in the plane of the target.
//!
//! One code draws what `[[figure]]` of an experiment file and what a person at a results folder asks for, in the same keys
//! ([`FigureSpec`]): [`draw`] makes a [`Drawing`] (figure, data, and a script for matplotlib), [`figures`] all of a plan,
//! and [`check`] refuses what a plan cannot give before anything runs.

mod baselines;
mod check;
mod column;
mod curves;
mod data;
mod error;
mod heat;
mod plane;
mod script;
mod select;
mod staircase;
mod summary;
mod theory;
mod typeset;
mod usual;

use std::path::{Path, PathBuf};

pub use check::{check, check_name};
pub use column::Column;
pub use data::{Data, open};
pub use error::ChartError;
pub use staircase::staircase;
pub use summary::Summary;

use giantstep_figure::{Axis, Figure, MOST_PANELS, Scale};

use crate::files::{save_figure, write_atomically};
use crate::outlook::Predicted;
use crate::plan::{FigureSpec, Plan, ScaleChoice};
use crate::table::{Table, quoted};
use crate::work::{Event, Session, Task};

/// Draws a figure. `title` is what does so again, for the head of the script.
///
/// # Errors
/// [`ChartError`] if the rows do not make the figure.
pub fn draw(spec: &FigureSpec, data: &Data<'_>, title: &str) -> Result<Drawing, ChartError> {
    match spec {
        FigureSpec::Curves(curves) => curves.draw(data, title),
        FigureSpec::Heat(heat) => heat.draw(data, title),
        FigureSpec::Plane(plane) => plane.draw(data, title),
    }
}

/// Hands on the figures of a plan by name: those it asks for, or what anyone would look at first, with what was predicted
/// beside it. Without rows, the figures of theory alone. One counts as done when it was taken; none follows once an end is asked
/// for meanwhile.
pub fn figures(
    plan: &Plan,
    table: &Table,
    predicted: &Predicted,
    session: &Session<'_>,
    taken: &mut dyn FnMut(&str, Result<Figure, ChartError>),
) {
    let data = Data::new(table, predicted, Some(plan));
    let asked = plan.document.figures();
    let specs = match asked {
        [] => usual::usual(plan, &data),
        asked => asked.to_vec(),
    };
    let heading = |spec: &FigureSpec| match asked {
        [] => usual::shown_alone(spec, &data),
        _ => String::new(),
    };
    let (task, units) = (Task::Figures, specs.len() as u64);
    session.observer.event(Event::Begins { task, units });
    // What was measured until an end was asked for is drawn.
    let ended = session.asked.to_end();
    for spec in &specs {
        let figure = match session.asked.to_end() && !ended {
            true => Err(ChartError::Stopped),
            false => {
                draw(spec, &data, spec.name()).map(|drawing| drawing.figure.titled(heading(spec)))
            }
        };
        taken(spec.name(), figure);
        session.observer.event(Event::Done { task, units: 1 });
    }
}

impl ScaleChoice {
    /// The scale for these values, which are distinct and increasing.
    fn settle(self, values: &[f64]) -> Scale {
        match self {
            ScaleChoice::Linear => Scale::Linear,
            ScaleChoice::Log => Scale::Log10,
            ScaleChoice::Auto => {
                let positive = values.first().is_some_and(|first| *first > 0.0);
                let logs: Vec<f64> = values.iter().map(|value| value.ln()).collect();
                if values.len() > 2 && positive && unevenness(&logs) < unevenness(values) {
                    Scale::Log10
                } else {
                    Scale::Linear
                }
            }
        }
    }

    /// The scale of what is measured: `Auto` is linear.
    fn of_values(self) -> Scale {
        match self {
            ScaleChoice::Log => Scale::Log10,
            ScaleChoice::Linear | ScaleChoice::Auto => Scale::Linear,
        }
    }
}

/// The relative spread of the gaps between increasing values: 0 where they are equal.
fn unevenness(values: &[f64]) -> f64 {
    let gaps: Vec<f64> = values.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    let squares: f64 = gaps.iter().map(|gap| (gap - mean).powi(2)).sum();
    (squares / gaps.len() as f64).sqrt() / mean
}

/// The axis of a column; ticks of what is counted stand at whole numbers.
fn axis(column: &Column, scale: Scale) -> Axis {
    let axis = plain_axis(&column.label, scale);
    match column.is_counted() {
        true => axis.whole(),
        false => axis,
    }
}

fn plain_axis(label: &str, scale: Scale) -> Axis {
    match scale {
        Scale::Linear => Axis::linear(label),
        Scale::Log10 => Axis::log10(label),
    }
}

/// Refuses values that a logarithmic scale cannot show.
fn refuse_on_log(scale: Scale, what: &str, values: &[f64]) -> Result<(), ChartError> {
    let refused = values.iter().find(|value| **value <= 0.0);
    match (scale, refused) {
        (Scale::Log10, Some(value)) => Err(ChartError::NotPositive {
            what: what.to_owned(),
            value: *value,
        }),
        _ => Ok(()),
    }
}

/// The values of the panels, increasing; one absent value where there is no column.
fn panel_values(
    column: Option<&Column>,
    values: impl Iterator<Item = Option<f64>>,
) -> Result<Vec<Option<f64>>, ChartError> {
    let values = distinct(values);
    match column {
        Some(column) if values.len() > MOST_PANELS => Err(ChartError::Panels {
            column: column.name.clone(),
            count: values.len(),
        }),
        _ => Ok(values),
    }
}

/// The distinct values, increasing; one absent value where there is no column.
fn distinct(values: impl Iterator<Item = Option<f64>>) -> Vec<Option<f64>> {
    let mut values: Vec<Option<f64>> = values.collect();
    values.sort_by(|a, b| a.unwrap_or(f64::NAN).total_cmp(&b.unwrap_or(f64::NAN)));
    values.dedup();
    values
}

/// A value of an optional column in words: as typed, and as set in a figure.
fn named(column: Option<&Column>, value: Option<f64>) -> [String; 2] {
    column
        .zip(value)
        .map_or_else(Default::default, |(column, value)| {
            [column.plain(value), column.entry(value)]
        })
}

/// A figure with everything that stands beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawing {
    /// The figure.
    pub figure: Figure,
    /// The data behind every mark, as CSV with a header.
    pub data: String,
    /// A Python script that reads the data beside it and draws the figure with matplotlib.
    pub script: String,
    /// How many points or cells there are.
    pub points: usize,
    /// Rows of the metric, chosen by the filters, that have no value in a column of the figure.
    pub left_out: usize,
}

impl Drawing {
    /// Writes `<stem>.svg`, `.png`, `.csv` and `.py` into `folder`, each whole or not at all; returns the paths.
    ///
    /// # Errors
    /// [`ChartError`] if the figure cannot be drawn or a file cannot be written.
    pub fn save(&self, folder: &Path, stem: &str) -> Result<Vec<PathBuf>, ChartError> {
        let mut paths = save_figure(&self.figure, folder, stem)?.to_vec();
        for (ending, content) in [("csv", &self.data), ("py", &self.script)] {
            let path = folder.join(format!("{stem}.{ending}"));
            write_atomically(&path, content.as_bytes())?;
            paths.push(path);
        }
        Ok(paths)
    }
}

/// A number of a CSV file; empty for none.
fn optional(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

#[cfg(test)]
mod tests;
