//! A metric against a column.

use std::collections::BTreeMap;

use giantstep::theory::{Effort, FloorKind, floors};

use super::overlay::{overlay, theory_alone};
use super::{View, appearance, axis_label, distinct};
use crate::outlook::Foretold;
use crate::plan::{AxisScale, Curves, Statistic};
use crate::table::{Record, Table, aggregate};
use giantstep::measurement::Signs;
use giantstep_figure::{Axis, Colour, Geometry, Mark, Panel};

impl Curves {
    pub(super) fn panel(&self, view: &View<'_>) -> Option<Panel> {
        let table = view.table;
        let shown = |record: &Record| {
            record.metric.name() == self.y
                && record.neuron.is_none()
                && self.step.is_none_or(|step| record.step == step)
                && (self.group.is_none() || record.group.map(Signs::name) == self.group.as_deref())
        };
        let measured: Vec<&Record> = view.records.iter().copied().filter(|r| shown(r)).collect();
        let foretold = view.foretold.iter().copied();
        let foretold: Vec<&Foretold> = foretold.filter(|f| shown(&f.record)).collect();
        let by = self.by.as_deref();
        let places = measured
            .iter()
            .copied()
            .chain(foretold.iter().map(|f| &f.record));
        let curves = match by {
            Some(by) => distinct(places.filter_map(|record| table.number(record, by))),
            None => vec![f64::NAN],
        };
        let axis = |name: &str, scale| match scale {
            AxisScale::Linear => Axis::linear(axis_label(name)),
            AxisScale::Log => Axis::log10(axis_label(name)),
        };
        let mut panel = Panel::new(axis(&self.x, self.x_scale), axis(&self.y, self.y_scale))
            .titled(&view.title);
        let mut drawn = 0;
        for (index, value) in curves.iter().enumerate() {
            let here =
                |record: &Record| by.is_none_or(|by| table.number(record, by) == Some(*value));
            let (colour, shape, label) = appearance(table, by, *value, index, curves.len());
            let at = |record: &Record| table.number(record, &self.x);
            let part = measured.iter().copied().filter(|r| here(r));
            let expected = foretold.iter().map(|f| &f.record).filter(|r| here(r));
            // Where theory has a value at every place, it is the curve and what was measured are the dots.
            let covered =
                distinct(part.clone().filter_map(at)) == distinct(expected.filter_map(at));
            for series in self.series(part, |record| record) {
                let series: Vec<Record> = series.into_iter().copied().collect();
                let marks = match self.statistic {
                    Statistic::Mean => self.means(table, &series),
                    Statistic::Median => self.medians(table, &series),
                };
                drawn += marks.len();
                for mark in marks {
                    if covered && matches!(mark.geometry, Geometry::Line { .. }) {
                        continue;
                    }
                    // A band needs no entry of its own in the legend.
                    let mark = match mark.geometry {
                        Geometry::Band { .. } => mark,
                        _ => mark.labelled(label.clone()),
                    };
                    panel = panel.with(mark.coloured(colour).shaped(shape));
                }
            }
            let part = foretold.iter().copied().filter(|f| here(&f.record));
            for series in self.series(part, |foretold| &foretold.record) {
                let marks = match view.records.is_empty() {
                    true => theory_alone(table, &self.x, &series, &label, shape),
                    false => overlay(table, &self.x, &series),
                };
                drawn += marks.len();
                panel = panel.with_all(marks.into_iter().map(|mark| mark.coloured(colour)));
            }
        }
        if let Some((low, high)) = self.y_range {
            panel.y = panel.y.from_to(low, high);
        }
        for degree in &self.kernel_degrees {
            if let Some(floor) = kernel_floor(view, *degree) {
                let label = match degree {
                    1 => "linear kernel".to_owned(),
                    degree => format!("kernel of degree {degree}"),
                };
                let line = Mark::horizontal(floor).dashed().coloured(Colour::GREY);
                panel = panel.with(line.labelled(label));
            }
        }
        (drawn > 0).then_some(panel)
    }

    /// Items that differ in direction, sign or ridge are no points of one line, unless that is what x is.
    fn series<'a, T>(
        &self,
        items: impl Iterator<Item = &'a T>,
        record: impl Fn(&T) -> &Record,
    ) -> Vec<Vec<&'a T>> {
        let mut series: BTreeMap<_, Vec<&T>> = BTreeMap::new();
        for item in items {
            let place = record(item);
            let unless = |name: &str, value: Option<u64>| value.filter(|_| self.x != name);
            let key = (
                unless("direction", place.direction.map(u64::from)),
                unless("rank", place.rank.map(u64::from)),
                place.group,
                unless("ridge", place.ridge.map(f64::to_bits)),
            );
            series.entry(key).or_default().push(item);
        }
        series.into_values().collect()
    }

    fn means(&self, table: &Table, records: &[Record]) -> Vec<Mark> {
        let mut points: Vec<(f64, f64, f64)> = aggregate(table, records)
            .iter()
            .filter_map(|row| {
                let place = Record {
                    point: row.point,
                    n: row.n,
                    d: row.d,
                    p: row.p,
                    step: row.step,
                    direction: row.direction,
                    rank: row.rank,
                    ridge: row.ridge,
                    ..Record::new(row.metric, row.mean)
                };
                Some((
                    table.number(&place, &self.x)?,
                    row.mean,
                    row.stderr.unwrap_or(0.0),
                ))
            })
            .collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (x, y) = (points.iter().map(|p| p.0), points.iter().map(|p| p.1));
        let dots = Mark::points(x.clone(), y.clone()).with_errors(points.iter().map(|p| p.2));
        if points.len() > 1 {
            vec![Mark::line(x, y), dots]
        } else {
            vec![dots]
        }
    }

    fn medians(&self, table: &Table, records: &[Record]) -> Vec<Mark> {
        let places = distinct(
            records
                .iter()
                .filter_map(|record| table.number(record, &self.x)),
        );
        let quartile = |x: f64, q: f64| {
            let mut values: Vec<f64> = records
                .iter()
                .filter(|r| table.number(r, &self.x) == Some(x))
                .map(|r| r.value)
                .collect();
            values.sort_by(f64::total_cmp);
            let place = q * (values.len() - 1) as f64;
            let (low, high) = (
                values[place.floor() as usize],
                values[place.ceil() as usize],
            );
            low + (high - low) * place.fract()
        };
        let at = |q: f64| {
            places
                .iter()
                .map(move |x| quartile(*x, q))
                .collect::<Vec<_>>()
        };
        let band = Mark::band(places.clone(), at(0.25), at(0.75));
        vec![
            band,
            Mark::line(places.clone(), at(0.5)),
            Mark::points(places.clone(), at(0.5)),
        ]
    }
}

/// The error of the best polynomial of a degree for the target of a panel.
fn kernel_floor(view: &View<'_>, degree: usize) -> Option<f64> {
    let point = view.point?;
    let mut points = view.plan.points.iter().zip(&view.predicted.outlooks);
    let known = points.find(|(other, _)| std::ptr::eq(*other, point));
    let floors = match known.map(|(_, outlook)| &outlook.floors) {
        Some(Ok(floors)) => floors.clone(),
        // The line is asked for by name: it is drawn even if predictions are not.
        _ => floors(&point.checked.setup.experiment, Effort::Sampled).ok()?,
    };
    let mut kernels = floors.iter();
    kernels
        .find(|floor| floor.kind == FloorKind::Kernel(degree))
        .map(|floor| floor.value)
}
