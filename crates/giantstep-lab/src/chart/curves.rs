//! Curves: a metric against a column, one curve for each value of another.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::baselines::{self, Beside};
use super::select::{Point, Selection};
use super::theory::{Place, bands, beside};
use super::{
    ChartError, Column, Data, Drawing, Summary, axis, distinct, named, optional, panel_values,
    plain_axis, quoted, refuse_on_log, script, typeset,
};
use crate::plan::{Curves, Overlay, Spread};
use giantstep_figure::{Colour, Figure, Mark, Panel, Scale, Shape, Style, mathtext};

/// The most markers along one curve; error bars of more become a band.
const MOST_MARKERS: usize = 60;

/// A point with its curve, its panel and its summary.
struct Dot {
    panel: Option<f64>,
    by: Option<f64>,
    x: f64,
    summary: Summary,
    /// Its first row.
    row: usize,
}

/// How one curve looks: the same in every panel.
struct Look {
    by: Option<f64>,
    /// Its name in the data.
    plain: String,
    label: String,
    colour: Colour,
    shape: Shape,
}

/// What a figure is made of.
struct Parts<'a> {
    spec: &'a Curves,
    data: &'a Data<'a>,
    x: Column,
    by: Option<Column>,
    panels: Option<Column>,
    spread: Spread,
    dots: Vec<Dot>,
    /// Predictions with their panel and their curve.
    theory: BTreeMap<(Key, Key), Vec<Place<'a>>>,
    looks: Vec<Look>,
    /// Baselines beside test errors.
    baselines: Vec<Beside>,
    x_scale: Scale,
    y_scale: Scale,
}

/// A value or none, to be looked up.
type Key = Option<u64>;

fn key(value: Option<f64>) -> Key {
    value.map(f64::to_bits)
}

impl Curves {
    /// Draws the figure. `title` is what does so again.
    pub(super) fn draw(&self, data: &Data<'_>, title: &str) -> Result<Drawing, ChartError> {
        let table = &*data.table;
        let read = |name: &Option<String>| {
            let name = name.as_deref();
            name.map(|name| Column::read(name, table)).transpose()
        };
        let (x, by, panels) = (
            Column::on_axis(&self.x, table)?,
            read(&self.by)?,
            read(&self.panels)?,
        );
        let columns: Vec<&Column> = [panels.as_ref(), by.as_ref(), Some(&x)]
            .into_iter()
            .flatten()
            .collect();
        let spread = self.statistic.spread(self.spread)?;
        let selection = Selection::read(self.y, &self.rows())?;
        let last = selection.last_steps(data);
        let found = selection.points(table, &table.records, &columns, &last)?;
        let place = |point: &Point| {
            let mut at = point.at.iter().copied();
            let panel = panels.as_ref().and_then(|_| at.next());
            let by = by.as_ref().and_then(|_| at.next());
            (panel, by, at.next().unwrap_or(f64::NAN))
        };
        let dot = |point: &Point| {
            let (panel, by, x) = place(point);
            Dot {
                panel,
                by,
                x,
                summary: Summary::of(&point.draws, self.statistic, spread),
                row: point.rows[0],
            }
        };
        let dots: Vec<Dot> = found.points.iter().map(dot).collect();
        let mut theory: BTreeMap<(Key, Key), Vec<Place<'_>>> = BTreeMap::new();
        let shown = self.predictions == Overlay::Shown && self.pool.is_empty();
        let foretold = match shown || data.alone {
            true => selection
                .points(table, &data.foretold, &columns, &last)
                .ok(),
            false => None,
        };
        for point in foretold.iter().flat_map(|found| &found.points) {
            let (panel, by, x) = place(point);
            let foretold = &data.predicted.foretold[point.rows[0]];
            let places = theory.entry((key(panel), key(by))).or_default();
            places.push(Place { x, foretold });
        }
        let mut xs: Vec<f64> = dots.iter().map(|dot| dot.x).collect();
        xs.sort_unstable_by(f64::total_cmp);
        xs.dedup();
        let (x_scale, y_scale) = (self.x_scale.settle(&xs), self.y_scale.of_values());
        let centres: Vec<f64> = dots.iter().map(|dot| dot.summary.centre).collect();
        refuse_on_log(x_scale, &x.name, &xs)?;
        refuse_on_log(y_scale, self.y.name(), &centres)?;
        self.refuse_empty(&centres)?;
        let looks = looks(by.as_ref(), &dots);
        let baselines = baselines::beside(self, table, (panels.as_ref(), &x));
        let parts = Parts {
            spec: self,
            data,
            x,
            by,
            panels,
            spread,
            dots,
            theory,
            looks,
            baselines,
            x_scale,
            y_scale,
        };
        parts.drawing(found.left_out, title)
    }

    /// Refuses a range of y beside all that there is to be shown.
    fn refuse_empty(&self, centres: &[f64]) -> Result<(), ChartError> {
        let Some((low, high)) = self.y_range else {
            return Ok(());
        };
        match centres.iter().any(|y| (low..=high).contains(y)) {
            true => Ok(()),
            false => Err(ChartError::Beside {
                low,
                high,
                least: centres.iter().copied().fold(f64::INFINITY, f64::min),
                most: centres.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            }),
        }
    }

    /// Refuses a range of y without an inside.
    pub(super) fn check_range(&self) -> Result<(), ChartError> {
        let Some((low, high)) = self.y_range else {
            return Ok(());
        };
        let positive = self.y_scale.of_values() == Scale::Linear || low > 0.0;
        match low < high && (high - low).is_finite() && positive {
            true => Ok(()),
            false => Err(ChartError::Range {
                key: "y_range",
                low,
                high,
            }),
        }
    }
}

/// One look for each value of the column of curves: a ramp where they have an order.
fn looks(by: Option<&Column>, dots: &[Dot]) -> Vec<Look> {
    let values = distinct(dots.iter().map(|dot| dot.by));
    let steps = by.is_some_and(|by| by.name == "step");
    let ordered = steps || values.len() > 2 && by.is_some_and(|by| !by.is_text());
    let initial = steps && values.first() == Some(&Some(0.0));
    let look = |(index, value): (usize, &Option<f64>)| {
        let [plain, label] = named(by, *value);
        let colour = match (initial, ordered) {
            // The network before its first step is no step among others.
            (true, _) if index == 0 => Colour::VERMILION,
            (true, _) => Colour::ramp(index - 1, values.len() - 1),
            (false, true) => Colour::ramp(index, values.len()),
            (false, false) => Colour::cycle(index),
        };
        Look {
            by: *value,
            plain,
            label,
            colour,
            shape: Shape::cycle(index),
        }
    };
    values.iter().enumerate().map(look).collect()
}

impl Parts<'_> {
    fn drawing(self, left_out: usize, title: &str) -> Result<Drawing, ChartError> {
        self.spec.check_range()?;
        let values = self.dots.iter().map(|dot| dot.panel);
        let panels = panel_values(self.panels.as_ref(), values)?;
        let label = typeset::name(self.spec.y.name());
        let mut y = plain_axis(&label, self.y_scale);
        if let Some((low, high)) = self.spec.y_range {
            y = y.from_to(low, high);
        }
        let drawn = panels.iter().map(|panel| {
            let [_, title] = named(self.panels.as_ref(), *panel);
            let marks = self.looks.iter().flat_map(|look| self.marks(*panel, look));
            let baselines = self
                .baselines
                .iter()
                .flat_map(|beside| beside.marks(*panel));
            let floors = self.floors(*panel).into_iter();
            let floors = floors.map(|(value, label, style)| {
                Mark::horizontal(value)
                    .styled(style)
                    .coloured(Colour::GREY)
                    .labelled(label)
            });
            let empty = Panel::new(axis(&self.x, self.x_scale), y.clone()).titled(title);
            empty.with_all(marks).with_all(baselines).with_all(floors)
        });
        let figure = Figure::new(drawn).in_columns(panels.len().clamp(1, 3));
        Ok(Drawing {
            figure,
            data: self.csv(),
            script: script::curves(title, &self.settings(&panels, &label)),
            points: self.dots.len(),
            left_out,
        })
    }

    fn of(&self, panel: Option<f64>, look: &Look) -> Vec<&Dot> {
        let here = |dot: &&Dot| key(dot.panel) == key(panel) && key(dot.by) == key(look.by);
        self.dots.iter().filter(here).collect()
    }

    fn foretold(&self, panel: Option<f64>, look: &Look) -> &[Place<'_>] {
        let places = self.theory.get(&(key(panel), key(look.by)));
        places.map_or(&[], Vec::as_slice)
    }

    /// The lowest value that a band may reach on a logarithmic axis: the lowest thing shown.
    fn floor(&self) -> f64 {
        let summaries = || self.dots.iter().map(|dot| dot.summary);
        let ends = summaries().filter_map(|summary| summary.ends);
        let values = summaries()
            .map(|summary| summary.centre)
            .chain(ends.map(|ends| ends.0));
        match self.y_scale {
            Scale::Log10 => values
                .filter(|value| *value > 0.0)
                .fold(f64::INFINITY, f64::min),
            Scale::Linear => f64::NEG_INFINITY,
        }
    }

    /// One curve: its band, line and markers, then theory, which is the line where it has a value at every place.
    fn marks(&self, panel: Option<f64>, look: &Look) -> Vec<Mark> {
        let dots = self.of(panel, look);
        let theory = self.foretold(panel, look);
        let (x, y) = (
            dots.iter().map(|dot| dot.x),
            dots.iter().map(|dot| dot.summary.centre),
        );
        let has_theory = |dot: &&Dot| theory.iter().any(|place| place.x == dot.x);
        let covered = !self.data.alone && dots.len() > 1 && dots.iter().all(has_theory);
        let crowded = dots.len() > MOST_MARKERS;
        let banded = match self.spread {
            Spread::Sd | Spread::Quartiles => true,
            Spread::Stderr => crowded,
            Spread::None => false,
        };
        let mut marks = Vec::new();
        if self.data.alone {
            marks.extend(bands(theory));
        } else if banded && dots.len() > 1 {
            let floor = self.floor();
            // A single draw has no width.
            let ends = || {
                dots.iter().map(|dot| {
                    let centre = dot.summary.centre;
                    dot.summary.ends.unwrap_or((centre, centre))
                })
            };
            let low = ends().map(|ends| ends.0.max(floor));
            marks.push(Mark::band(x.clone(), low, ends().map(|ends| ends.1)));
        }
        let labelled = |mark: Mark| match look.label.is_empty() {
            true => mark,
            false => mark.labelled(look.label.clone()),
        };
        if dots.len() > 1 && !covered {
            marks.push(labelled(Mark::line(x.clone(), y.clone())));
        }
        let mut points = Mark::points(x, y).shaped(look.shape);
        if crowded {
            points = points.sized(1.0);
        } else if self.spread == Spread::Stderr || (banded && dots.len() == 1) {
            let half = |dot: &&Dot| {
                dot.summary
                    .ends
                    .map_or(0.0, |(low, high)| (high - low) / 2.0)
            };
            points = points.with_errors(dots.iter().map(half));
        }
        // Many markers along a line smear into one thick line.
        if !dots.is_empty() && (covered || !crowded) {
            marks.push(labelled(points));
        }
        let mut marks: Vec<Mark> = marks
            .into_iter()
            .map(|mark| mark.coloured(look.colour))
            .collect();
        if !self.data.alone {
            marks.extend(beside(theory, look.colour));
        }
        marks
    }

    /// Kernel floors of a panel, each with its own dashes.
    fn floors(&self, panel: Option<f64>) -> Vec<(f64, String, Style)> {
        let first = self.dots.iter().find(|dot| key(dot.panel) == key(panel));
        let point = first.map_or(0, |dot| self.data.table.records[dot.row].point);
        let styles = [Style::Dashed, Style::Dotted, Style::DashDotted]
            .into_iter()
            .cycle();
        let degrees = self.spec.kernel_degrees.iter().zip(styles);
        let floor = |(degree, style): (&usize, Style)| {
            let label = match degree {
                1 => "linear kernel".to_owned(),
                degree => format!("kernel of degree {degree}"),
            };
            Some((self.data.kernel_floor(point, *degree)?, label, style))
        };
        degrees.filter_map(floor).collect()
    }

    /// What the script beside the figure needs.
    fn settings(&self, panels: &[Option<f64>], label: &str) -> Json {
        let range = self.spec.y_range.map_or(json!([]), |range| json!(range));
        let panel = |value: &Option<f64>| {
            let [plain, title] = named(self.panels.as_ref(), *value);
            json!([plain, mathtext(&title)])
        };
        let curve = |look: &Look| {
            let (colour, marker) = (look.colour.to_string(), script::marker(look.shape));
            json!([look.plain, mathtext(&look.label), colour, marker])
        };
        let floors = panels.iter().flat_map(|panel| {
            let [plain, _] = named(self.panels.as_ref(), *panel);
            let floors = self.floors(*panel).into_iter();
            floors.map(move |(value, label, style)| {
                json!([plain, label, value, script::dashes(style)])
            })
        });
        json!({
            "x": { "label": mathtext(&self.x.label), "scale": script::scale(self.x_scale) },
            "y": { "label": mathtext(label), "scale": script::scale(self.y_scale), "range": range },
            "spread": match self.spread {
                Spread::Stderr => "bars",
                Spread::Sd | Spread::Quartiles => "band",
                Spread::None => "none",
            },
            "panels": panels.iter().map(panel).collect::<Vec<_>>(),
            "curves": self.looks.iter().map(curve).chain(self.baselines.iter().map(Beside::settings)).collect::<Vec<_>>(),
            "floors": floors.collect::<Vec<_>>(),
        })
    }

    /// Points, those of baselines, then predictions, which have no draws.
    fn csv(&self) -> String {
        let mut data = "panel,by,x,y,low,high,draws\n".to_owned();
        let named_by = |by: Option<f64>| {
            let [by, _] = named(self.by.as_ref(), by);
            by
        };
        let mut line = |panel: Option<f64>,
                        by: String,
                        x: f64,
                        y: f64,
                        ends: Option<(f64, f64)>,
                        draws: usize| {
            let [panel, _] = named(self.panels.as_ref(), panel);
            let (low, high) = (optional(ends.map(|e| e.0)), optional(ends.map(|e| e.1)));
            data += &format!(
                "{},{},{x},{y},{low},{high},{draws}\n",
                quoted(&panel),
                quoted(&by)
            );
        };
        for dot in self.dots.iter().filter(|_| !self.data.alone) {
            let summary = dot.summary;
            line(
                dot.panel,
                named_by(dot.by),
                dot.x,
                summary.centre,
                summary.ends,
                summary.draws,
            );
        }
        for beside in self.baselines.iter().filter(|_| !self.data.alone) {
            for (panel, x, summary) in &beside.points {
                let (y, ends) = (summary.centre, summary.ends);
                line(*panel, beside.label.clone(), *x, y, ends, summary.draws);
            }
        }
        for ((panel, by), places) in &self.theory {
            for place in places {
                let ends = place.range((0.25, 0.75));
                let value = |key: &Key| key.map(f64::from_bits);
                line(
                    value(panel),
                    named_by(value(by)),
                    place.x,
                    place.y(),
                    ends,
                    0,
                );
            }
        }
        data
    }
}
