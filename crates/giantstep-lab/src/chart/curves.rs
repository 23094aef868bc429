//! Curves: a metric against a column, one curve for each value of another.

use serde_json::json;

use super::select::Point;
use super::{
    ChartError, Column, Drawing, Results, Selection, Summary, axis, quoted, script, typeset,
};
use crate::plan::{ScaleChoice, Spread, Statistic};
use giantstep_figure::{Colour, Figure, Mark, Panel, Scale, Shape, mathtext};

/// A metric against a column, one curve for each value of another column.
#[derive(Debug, Clone)]
pub struct Curves {
    /// The rows.
    pub selection: Selection,
    /// What varies along x.
    pub x: Column,
    /// What distinguishes the curves.
    pub by: Option<Column>,
    /// What distinguishes the panels.
    pub panels: Option<Column>,
    /// What stands for the draws of a point.
    pub statistic: Statistic,
    /// What is shown of their differences.
    pub spread: Spread,
    /// The scale of x.
    pub x_scale: ScaleChoice,
    /// The scale of y; `Auto` is linear.
    pub y_scale: ScaleChoice,
}

/// A point with its curve, its panel and its summary.
struct Dot {
    panel: Option<f64>,
    by: Option<f64>,
    x: f64,
    summary: Summary,
}

/// How one curve looks.
struct Look {
    by: Option<f64>,
    /// Its name in the data.
    plain: String,
    label: String,
    colour: Colour,
    shape: Shape,
}

impl Curves {
    /// Draws the figure. `title` is the command that does so again.
    ///
    /// # Errors
    /// [`ChartError`] if the rows do not make a figure.
    pub fn draw(&self, results: &Results, title: &str) -> Result<Drawing, ChartError> {
        let columns: Vec<&Column> = [self.panels.as_ref(), self.by.as_ref(), Some(&self.x)]
            .into_iter()
            .flatten()
            .collect();
        let found = self.selection.points(results, &columns)?;
        let dots: Vec<Dot> = found.points.iter().map(|point| self.dot(point)).collect();
        let xs = sorted(dots.iter().map(|dot| dot.x));
        let x_scale = self.x_scale.settle(&xs);
        let y_scale = match self.y_scale {
            ScaleChoice::Auto => Scale::Linear,
            asked => asked.settle(&[]),
        };
        let centres = || dots.iter().map(|dot| dot.summary.centre);
        for (scale, what, values) in [
            (x_scale, &self.x.name, xs),
            (y_scale, &self.selection.metric, centres().collect()),
        ] {
            let refused = values.iter().find(|value| **value <= 0.0);
            if let (Scale::Log10, Some(value)) = (scale, refused) {
                let (what, value) = (what.clone(), *value);
                return Err(ChartError::NotPositive { what, value });
            }
        }
        let looks = self.looks(&dots);
        let label = typeset::name(&self.selection.metric);
        // A band that reaches zero on a logarithmic axis ends at the lowest thing shown.
        let ends = dots.iter().filter_map(|dot| dot.summary.ends);
        let lowest = centres()
            .chain(ends.map(|ends| ends.0))
            .filter(|value| *value > 0.0)
            .fold(f64::INFINITY, f64::min);
        let floor = match y_scale {
            Scale::Log10 => lowest,
            Scale::Linear => f64::NEG_INFINITY,
        };
        let panels = distinct(dots.iter().map(|dot| dot.panel));
        let drawn = panels.iter().map(|panel| {
            let title = self.title(*panel);
            let empty = Panel::new(axis(&self.x.label, x_scale), axis(&label, y_scale));
            let marks = looks.iter().flat_map(|look| {
                let part: Vec<&Dot> = dots
                    .iter()
                    .filter(|dot| dot.panel == *panel && dot.by == look.by)
                    .collect();
                self.marks(&part, look, floor)
            });
            empty.titled(title).with_all(marks)
        });
        let figure = Figure::new(drawn).in_columns(panels.len().clamp(1, 3));
        let settings = json!({
            "x": { "label": mathtext(&self.x.label), "scale": script::scale(x_scale) },
            "y": { "label": mathtext(&label), "scale": script::scale(y_scale) },
            "spread": match self.spread {
                Spread::Stderr => "bars",
                Spread::Sd | Spread::Quartiles => "band",
                Spread::None => "none",
            },
            "panels": panels
                .iter()
                .map(|panel| json!([self.panel_name(*panel), mathtext(&self.title(*panel))]))
                .collect::<Vec<_>>(),
            "curves": looks
                .iter()
                .map(|look| {
                    let (colour, marker) = (look.colour.to_string(), script::marker(look.shape));
                    json!([look.plain, mathtext(&look.label), colour, marker])
                })
                .collect::<Vec<_>>(),
        });
        Ok(Drawing {
            figure,
            data: self.data(&dots),
            script: script::curves(title, &settings),
            points: dots.len(),
            left_out: found.left_out,
        })
    }

    fn dot(&self, point: &Point) -> Dot {
        let mut at = point.at.iter().copied();
        let panel = self.panels.as_ref().and_then(|_| at.next());
        let by = self.by.as_ref().and_then(|_| at.next());
        Dot {
            panel,
            by,
            x: at.next().unwrap_or(f64::NAN),
            summary: Summary::of(&point.draws, self.statistic, self.spread),
        }
    }

    fn looks(&self, dots: &[Dot]) -> Vec<Look> {
        let values = distinct(dots.iter().map(|dot| dot.by));
        let ordered = values.len() > 2 && self.by.as_ref().is_some_and(|by| !by.is_text());
        let look = |(index, by): (usize, &Option<f64>)| {
            let named = self.by.as_ref().zip(*by);
            Look {
                by: *by,
                plain: named.map_or_else(String::new, |(column, value)| column.plain(value)),
                label: named.map_or_else(String::new, |(column, value)| column.entry(value)),
                colour: if ordered {
                    Colour::ramp(index, values.len())
                } else {
                    Colour::cycle(index)
                },
                shape: Shape::cycle(index),
            }
        };
        values.iter().enumerate().map(look).collect()
    }

    fn marks(&self, dots: &[&Dot], look: &Look, floor: f64) -> Vec<Mark> {
        let mut marks = Vec::new();
        let (x, y) = (
            dots.iter().map(|dot| dot.x),
            dots.iter().map(|dot| dot.summary.centre),
        );
        let ends = || dots.iter().map(|dot| dot.summary.ends);
        let banded = matches!(self.spread, Spread::Sd | Spread::Quartiles);
        if banded && dots.len() > 1 {
            // A single draw has no width.
            let end = |low: bool| {
                dots.iter().map(move |dot| {
                    let centre = (dot.summary.centre, dot.summary.centre);
                    let ends = dot.summary.ends.unwrap_or(centre);
                    if low { ends.0.max(floor) } else { ends.1 }
                })
            };
            marks.push(Mark::band(x.clone(), end(true), end(false)));
        }
        if dots.len() > 1 {
            marks.push(Mark::line(x.clone(), y.clone()));
        }
        let mut points = Mark::points(x, y).shaped(look.shape);
        if self.spread == Spread::Stderr || (banded && dots.len() == 1) {
            points = points
                .with_errors(ends().map(|ends| ends.map_or(0.0, |(low, high)| (high - low) / 2.0)));
        }
        if !look.label.is_empty() {
            points = points.labelled(look.label.clone());
        }
        marks.push(points);
        marks
            .into_iter()
            .map(|mark| mark.coloured(look.colour))
            .collect()
    }

    fn panel_name(&self, value: Option<f64>) -> String {
        let named = self.panels.as_ref().zip(value);
        named.map_or_else(String::new, |(column, value)| column.plain(value))
    }

    fn title(&self, value: Option<f64>) -> String {
        let named = self.panels.as_ref().zip(value);
        named.map_or_else(String::new, |(column, value)| column.entry(value))
    }

    fn data(&self, dots: &[Dot]) -> String {
        let mut data = "panel,by,x,y,low,high,draws\n".to_owned();
        for dot in dots {
            let by = self.by.as_ref().zip(dot.by);
            let by = by.map_or_else(String::new, |(column, value)| column.plain(value));
            let ends = dot.summary.ends;
            let end =
                |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
            data += &format!(
                "{},{},{},{},{},{},{}\n",
                quoted(&self.panel_name(dot.panel)),
                quoted(&by),
                dot.x,
                dot.summary.centre,
                end(ends.map(|ends| ends.0)),
                end(ends.map(|ends| ends.1)),
                dot.summary.draws
            );
        }
        data
    }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    values
}

/// The distinct values, increasing; one absent value where there is no column.
pub(super) fn distinct(values: impl Iterator<Item = Option<f64>>) -> Vec<Option<f64>> {
    let mut values: Vec<Option<f64>> = values.collect();
    values.sort_by(|a, b| a.unwrap_or(f64::NAN).total_cmp(&b.unwrap_or(f64::NAN)));
    values.dedup();
    values
}
