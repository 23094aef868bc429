//! Heat maps and phase diagrams: the mean of a metric over two columns.

use serde_json::json;

use super::curves::distinct;
use super::select::Point;
use super::{
    ChartError, Column, Drawing, Results, Selection, Summary, axis, quoted, script, typeset,
};
use crate::plan::{ScaleChoice, Spread, Statistic};
use crate::words;
use giantstep_figure::{Colour, Figure, Mark, Panel, Scale, mathtext};

/// The mean or median of a metric over two columns, as coloured cells.
#[derive(Debug, Clone)]
pub struct Heat {
    /// The rows.
    pub selection: Selection,
    /// The columns along x and y.
    pub axes: [Column; 2],
    /// What distinguishes the panels; they share their colours.
    pub panels: Option<Column>,
    /// What stands for the draws of a cell.
    pub statistic: Statistic,
    /// What of their differences goes into the data.
    pub spread: Spread,
    /// The scales of x and y.
    pub scales: [ScaleChoice; 2],
    /// The scale of the colours; `Auto` is linear.
    pub value_scale: ScaleChoice,
    /// Values whose level lines are drawn.
    pub levels: Vec<f64>,
}

/// A cell with its panel and its summary.
struct Cell {
    panel: Option<f64>,
    at: [f64; 2],
    summary: Summary,
}

impl Heat {
    /// Draws the figure. `title` is the command that does so again.
    ///
    /// # Errors
    /// [`ChartError`] if the rows do not make a figure.
    pub fn draw(&self, results: &Results, title: &str) -> Result<Drawing, ChartError> {
        let columns: Vec<&Column> = self.panels.iter().chain(&self.axes).collect();
        let found = self.selection.points(results, &columns)?;
        let cells = self.cells(results, &found.points);
        let values = [0, 1].map(|axis| {
            let values = distinct(cells.iter().map(|cell| Some(cell.at[axis])));
            values.into_iter().flatten().collect::<Vec<f64>>()
        });
        let scales = [0, 1].map(|axis| self.scales[axis].settle(&values[axis]));
        let value_scale = match self.value_scale {
            ScaleChoice::Auto => Scale::Linear,
            asked => asked.settle(&[]),
        };
        let finite: Vec<f64> = cells
            .iter()
            .map(|cell| cell.summary.centre)
            .filter(|value| value.is_finite())
            .collect();
        let names = [
            &self.axes[0].name,
            &self.axes[1].name,
            &self.selection.metric,
        ];
        let sets = [&values[0], &values[1], &finite];
        for ((what, values), scale) in
            names
                .into_iter()
                .zip(sets)
                .zip([scales[0], scales[1], value_scale])
        {
            let refused = values.iter().find(|value| **value <= 0.0);
            if let (Scale::Log10, Some(value)) = (scale, refused) {
                let (what, value) = (what.clone(), *value);
                return Err(ChartError::NotPositive { what, value });
            }
        }
        let low = finite.iter().copied().fold(f64::INFINITY, f64::min);
        let high = finite.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let label = typeset::name(&self.selection.metric);
        let numbers: Vec<String> = self.levels.iter().map(|l| words::number(*l)).collect();
        let levels = format!("{label} = {}", numbers.join(", "));
        let panels = distinct(cells.iter().map(|cell| cell.panel));
        let drawn = panels.iter().map(|panel| {
            let rows = values[1].iter().map(|y| {
                let cell = |x: &f64| {
                    let here = |cell: &&Cell| cell.panel == *panel && cell.at == [*x, *y];
                    let found = cells.iter().find(here);
                    found.map_or(f64::NAN, |cell| cell.summary.centre)
                };
                values[0].iter().map(cell).collect()
            });
            let [x, y] = values.clone();
            let map = Mark::heat(x, y, rows.collect(), label.as_str(), value_scale)
                .with_levels(self.levels.clone());
            let map = if low < high {
                map.coloured_from_to(low, high)
            } else {
                map
            };
            let frame = Panel::new(
                axis(&self.axes[0].label, scales[0]),
                axis(&self.axes[1].label, scales[1]),
            );
            let panel = frame.titled(self.title(*panel)).with(map);
            match self.levels.as_slice() {
                [] => panel,
                levels => {
                    let numbers: Vec<String> =
                        levels.iter().map(|level| words::number(*level)).collect();
                    let entry = Mark::line([], []).coloured(Colour::BLACK);
                    panel.with(entry.labelled(format!("{label} = {}", numbers.join(", "))))
                }
            }
        });
        let figure = Figure::new(drawn).in_columns(panels.len().clamp(1, 3));
        let side = |axis: usize| json!({ "label": mathtext(&self.axes[axis].label), "scale": script::scale(scales[axis]) });
        let settings = json!({
            "x": side(0),
            "y": side(1),
            "value": {
                "label": mathtext(&label),
                "scale": script::scale(value_scale),
                "range": [low, high],
            },
            "levels": { "at": self.levels, "label": mathtext(&levels) },
            "panels": panels
                .iter()
                .map(|panel| json!([self.panel_name(*panel), mathtext(&self.title(*panel))]))
                .collect::<Vec<_>>(),
        });
        Ok(Drawing {
            figure,
            data: self.data(&cells),
            script: script::heat(title, &settings),
            points: cells.len(),
            left_out: found.left_out,
        })
    }

    /// The cells with their places on a common grid. Counts are whole numbers: places that differ only because n
    /// and p were rounded (log n / log d for n near `d^1.5`) are one place, at the mean of theirs; unless that
    /// would put two points into one cell.
    fn cells(&self, results: &Results, points: &[Point]) -> Vec<Cell> {
        let first = usize::from(self.panels.is_some());
        let grid = [0, 1].map(|axis| {
            let places = points.iter().map(|point| {
                let at = point.at[first + axis];
                let rounded = self.axes[axis].rounding(results, point.rows[0]);
                let (low, high) = rounded.unwrap_or((at, at));
                (low, at, high)
            });
            merged(places.collect())
        });
        let cells = |merge: bool| -> Vec<Cell> {
            let settled = |axis: usize, point: &Point| {
                let value = point.at[first + axis];
                let class = grid[axis].iter().find(|class| class.0.contains(&value));
                class.filter(|_| merge).map_or(value, |class| class.1)
            };
            let cell = |point: &Point| Cell {
                panel: self.panels.as_ref().map(|_| point.at[0]),
                at: [settled(0, point), settled(1, point)],
                summary: Summary::of(&point.draws, self.statistic, self.spread),
            };
            let mut cells: Vec<Cell> = points.iter().map(cell).collect();
            let key = |cell: &Cell| (cell.panel.unwrap_or(0.0), cell.at[1], cell.at[0]);
            cells.sort_by(|a, b| {
                let (a, b) = (key(a), key(b));
                let order = a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1));
                order.then(a.2.total_cmp(&b.2))
            });
            cells
        };
        let together = cells(true);
        let mut places: Vec<_> = together
            .iter()
            .map(|cell| (cell.panel.map(f64::to_bits), cell.at.map(f64::to_bits)))
            .collect();
        places.sort_unstable();
        places.dedup();
        if places.len() == together.len() {
            together
        } else {
            cells(false)
        }
    }

    fn panel_name(&self, value: Option<f64>) -> String {
        let named = self.panels.as_ref().zip(value);
        named.map_or_else(String::new, |(column, value)| column.plain(value))
    }

    fn title(&self, value: Option<f64>) -> String {
        let named = self.panels.as_ref().zip(value);
        named.map_or_else(String::new, |(column, value)| column.entry(value))
    }

    fn data(&self, cells: &[Cell]) -> String {
        let mut data = "panel,x,y,value,low,high,draws\n".to_owned();
        for cell in cells {
            let ends = cell.summary.ends;
            let end =
                |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
            data += &format!(
                "{},{},{},{},{},{},{}\n",
                quoted(&self.panel_name(cell.panel)),
                cell.at[0],
                cell.at[1],
                cell.summary.centre,
                end(ends.map(|ends| ends.0)),
                end(ends.map(|ends| ends.1)),
                cell.summary.draws
            );
        }
        data
    }
}

/// Classes of places (lower end, value, upper end) whose ranges overlap, with the mean value of each class.
fn merged(mut places: Vec<(f64, f64, f64)>) -> Vec<(Vec<f64>, f64)> {
    places.sort_by(|a, b| a.1.total_cmp(&b.1));
    places.dedup_by(|b, a| a.1 == b.1);
    let mut classes: Vec<(Vec<f64>, f64)> = Vec::new();
    for (low, at, high) in places {
        match classes.last_mut() {
            Some((class, reach)) if low < *reach => {
                class.push(at);
                *reach = reach.max(high);
            }
            _ => classes.push((vec![at], high)),
        }
    }
    for (class, mean) in &mut classes {
        *mean = class.iter().sum::<f64>() / class.len() as f64;
    }
    classes
}
