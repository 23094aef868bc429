//! Heat maps and phase diagrams: the mean of a metric over two columns.

use std::collections::HashMap;

use serde_json::json;

use super::select::{Point, Selection};
use super::{
    ChartError, Column, Data, Drawing, Summary, axis, distinct, named, optional, panel_values,
    quoted, refuse_on_log, script, typeset,
};
use crate::plan::Heat;
use crate::table::{Record, Table};
use crate::words;
use giantstep_figure::{Colour, Figure, Mark, Panel, mathtext};

/// A cell with its panel and its summary.
struct Cell {
    panel: Option<f64>,
    at: [f64; 2],
    summary: Summary,
}

impl Heat {
    /// Draws the figure. `title` is what does so again.
    pub(super) fn draw(&self, data: &Data<'_>, title: &str) -> Result<Drawing, ChartError> {
        let table = &*data.table;
        let panels = self.panels.as_deref();
        let panels = panels.map(|name| Column::read(name, table)).transpose()?;
        let axes = [
            Column::on_axis(&self.x, table)?,
            Column::on_axis(&self.y, table)?,
        ];
        let spread = self.statistic.spread(self.spread)?;
        let columns: Vec<&Column> = panels.iter().chain(&axes).collect();
        let selection = Selection::read(self.value, &self.rows())?;
        let last = selection.last_steps(data);
        let found = selection.points(table, &table.records, &columns, &last)?;
        let summary = |point: &Point| Summary::of(&point.draws, self.statistic, spread);
        let grid = Grid {
            axes: &axes,
            panels: panels.as_ref(),
            summary: &summary,
        };
        let cells = grid.cells(table, &table.records, &found.points);
        let values = [0, 1].map(|axis| {
            let values = distinct(cells.iter().map(|cell| Some(cell.at[axis])));
            values.into_iter().flatten().collect::<Vec<f64>>()
        });
        let scales = [
            self.x_scale.settle(&values[0]),
            self.y_scale.settle(&values[1]),
        ];
        let value_scale = self.value_scale.of_values();
        let centres = cells.iter().map(|cell| cell.summary.centre);
        let finite: Vec<f64> = centres.filter(|value| value.is_finite()).collect();
        refuse_on_log(scales[0], &axes[0].name, &values[0])?;
        refuse_on_log(scales[1], &axes[1].name, &values[1])?;
        refuse_on_log(value_scale, self.value.name(), &finite)?;
        let low = finite.iter().copied().fold(f64::INFINITY, f64::min);
        let high = finite.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let label = typeset::name(self.value.name());
        let levels = self.levels.iter().enumerate().map(|(index, level)| {
            let words = format!("{label} = {}", words::number(*level));
            json!([level, Colour::level(index).to_string(), mathtext(&words)])
        });
        let shown = panel_values(panels.as_ref(), cells.iter().map(|cell| cell.panel))?;
        let place = |panel: Option<f64>, x: f64, y: f64| {
            (panel.map(f64::to_bits), x.to_bits(), y.to_bits())
        };
        let known: HashMap<_, f64> = cells
            .iter()
            .map(|cell| {
                (
                    place(cell.panel, cell.at[0], cell.at[1]),
                    cell.summary.centre,
                )
            })
            .collect();
        let drawn = shown.iter().map(|panel| {
            let rows = values[1].iter().map(|y| {
                let cell = |x: &f64| {
                    known
                        .get(&place(*panel, *x, *y))
                        .copied()
                        .unwrap_or(f64::NAN)
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
            let [_, heading] = named(panels.as_ref(), *panel);
            let frame = Panel::new(axis(&axes[0], scales[0]), axis(&axes[1], scales[1]));
            let entries = self.levels.iter().enumerate().map(|(index, level)| {
                let entry = Mark::line([], []).coloured(Colour::level(index));
                entry.labelled(format!("{label} = {}", words::number(*level)))
            });
            frame.titled(heading).with(map).with_all(entries)
        });
        let figure = Figure::new(drawn).in_columns(shown.len().clamp(1, 3));
        let side = |axis: usize| json!({ "label": mathtext(&axes[axis].label), "scale": script::scale(scales[axis]) });
        let settings = json!({
            "x": side(0),
            "y": side(1),
            "value": {
                "label": mathtext(&label),
                "scale": script::scale(value_scale),
                "range": [low, high],
            },
            "levels": levels.collect::<Vec<_>>(),
            "panels": shown
                .iter()
                .map(|panel| {
                    let [plain, title] = named(panels.as_ref(), *panel);
                    json!([plain, mathtext(&title)])
                })
                .collect::<Vec<_>>(),
        });
        Ok(Drawing {
            figure,
            data: csv(panels.as_ref(), &cells),
            script: script::heat(title, &settings),
            points: cells.len(),
            left_out: found.left_out,
        })
    }
}

/// How points become cells.
struct Grid<'a> {
    axes: &'a [Column; 2],
    panels: Option<&'a Column>,
    summary: &'a dyn Fn(&Point) -> Summary,
}

impl Grid<'_> {
    /// The cells with their places on a common grid. Counts are whole numbers: places that differ only because n
    /// and p were rounded (log n / log d for n near `d^1.5`) are one place, at the mean of theirs; unless that
    /// would put two points into one cell.
    fn cells(&self, table: &Table, records: &[Record], points: &[Point]) -> Vec<Cell> {
        let first = usize::from(self.panels.is_some());
        let grid = [0, 1].map(|axis| {
            let places = points.iter().map(|point| {
                let at = point.at[first + axis];
                let rounded = self.axes[axis].rounding(table, &records[point.rows[0]]);
                let (low, high) = rounded.unwrap_or((at, at));
                (low, at, high)
            });
            merged(places.collect())
        });
        let cells = |merge: bool| -> Vec<Cell> {
            let settled = |axis: usize, point: &Point| {
                let value = point.at[first + axis];
                // Classes and their members increase.
                let below =
                    |class: &(Vec<f64>, f64)| class.0.last().is_some_and(|last| *last < value);
                let class = grid[axis].get(grid[axis].partition_point(below));
                class.filter(|_| merge).map_or(value, |class| class.1)
            };
            let cell = |point: &Point| Cell {
                panel: self.panels.map(|_| point.at[0]),
                at: [settled(0, point), settled(1, point)],
                summary: (self.summary)(point),
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
}

fn csv(panels: Option<&Column>, cells: &[Cell]) -> String {
    let mut data = "panel,x,y,value,low,high,draws\n".to_owned();
    for cell in cells {
        let [panel, _] = named(panels, cell.panel);
        let ends = cell.summary.ends;
        data += &format!(
            "{},{},{},{},{},{},{}\n",
            quoted(&panel),
            cell.at[0],
            cell.at[1],
            cell.summary.centre,
            optional(ends.map(|ends| ends.0)),
            optional(ends.map(|ends| ends.1)),
            cell.summary.draws
        );
    }
    data
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
