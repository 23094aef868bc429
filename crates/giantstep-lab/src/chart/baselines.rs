//! Baselines beside the test errors of the network: the same columns, no curve of the network's among them.

use giantstep::metric::Metric;
use giantstep_figure::{Colour, Mark, Shape};

use super::select::{LastSteps, Selection};
use super::{Column, Summary, distinct, script, typeset};
use crate::plan::{Curves, Rows};
use crate::table::{Record, Table};
use serde_json::{Value as Json, json};

/// A baseline with its errors.
pub(super) struct Beside {
    pub(super) label: String,
    /// Panel, x and summary of each point.
    pub(super) points: Vec<(Option<f64>, f64, Summary)>,
    shape: Shape,
}

/// The baselines of a table that can stand in a figure of test errors: one for each method and ridge, where panels and x
/// tell their points apart.
pub(super) fn beside(
    spec: &Curves,
    table: &Table,
    (panels, x): (Option<&Column>, &Column),
) -> Vec<Beside> {
    if spec.y != Metric::TestError {
        return Vec::new();
    }
    let columns: Vec<&Column> = panels.into_iter().chain([x]).collect();
    let Ok(spread) = spec.statistic.spread(spec.spread) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for metric in Metric::ALL
        .into_iter()
        .filter(|metric| metric.is_of_baseline())
    {
        let own = |record: &&Record| record.metric == metric;
        let ridges = distinct(table.records.iter().filter(own).map(|record| record.ridge));
        for ridge in &ridges {
            let rows = Rows {
                filters: &spec.filters,
                ridge: *ridge,
                pool: &spec.pool,
                ..Rows::default()
            };
            let points = Selection::read(metric, &rows).and_then(|selection| {
                let last = LastSteps::default();
                selection.points(table, &table.records, &columns, &last)
            });
            let Ok(points) = points else {
                continue;
            };
            let name = typeset::name(metric.name());
            let label = match (ridges.len(), ridge) {
                (2.., Some(ridge)) => format!("{name}, ridge {ridge}"),
                _ => name,
            };
            let place = |at: &[f64]| (panels.and(at.first().copied()), at[columns.len() - 1]);
            let points = points.points.iter().map(|point| {
                let (panel, x) = place(&point.at);
                (panel, x, Summary::of(&point.draws, spec.statistic, spread))
            });
            found.push(Beside {
                label,
                points: points.collect(),
                shape: Shape::cycle(found.len() + 1),
            });
        }
    }
    found
}

impl Beside {
    /// Points of a panel, joined where there are several.
    pub(super) fn marks(&self, panel: Option<f64>) -> Vec<Mark> {
        let here = self.points.iter().filter(|point| point.0 == panel);
        let (x, y): (Vec<f64>, Vec<f64>) = here.map(|point| (point.1, point.2.centre)).unzip();
        if x.is_empty() {
            return Vec::new();
        }
        let marks = [
            (x.len() > 1).then(|| Mark::line(x.clone(), y.clone())),
            Some(Mark::points(x, y).shaped(self.shape)),
        ];
        let marks = marks.into_iter().flatten();
        marks
            .map(|mark| mark.labelled(self.label.clone()).coloured(Colour::GREY))
            .collect()
    }

    /// What the script beside the figure needs of it as a curve.
    pub(super) fn settings(&self) -> Json {
        let (colour, marker) = (Colour::GREY.to_string(), script::marker(self.shape));
        json!([
            self.label,
            giantstep_figure::mathtext(&self.label),
            colour,
            marker
        ])
    }
}
