//! Cosines of every neuron's gradient in the plane of the first two target directions.

use std::collections::BTreeMap;

use giantstep::measurement::Signs;
use giantstep::metric::Metric;
use serde_json::json;

use super::select::Selection;
use super::{ChartError, Column, Data, Drawing, named, panel_values, quoted, script};
use crate::plan::{Overlay, Plane, Rows};
use crate::table::Record;
use giantstep_figure::{Axis, Colour, Figure, Mark, Panel, Shape, mathtext};

/// The groups of neurons: their colours and labels.
const GROUPS: [(Signs, Colour, &str); 2] = [
    (Signs::Positive, Colour::BLUE, "𝑎ᵢ > 0"),
    (Signs::Negative, Colour::VERMILION, "𝑎ᵢ < 0"),
];

/// One group of neurons at one step, or what theory says of it.
struct Cloud {
    panel: Option<f64>,
    step: u32,
    group: Signs,
    points: Vec<(f64, f64)>,
    theory: Option<(f64, f64)>,
}

impl Plane {
    /// Draws the figure. `title` is what does so again.
    pub(super) fn draw(&self, data: &Data<'_>, title: &str) -> Result<Drawing, ChartError> {
        let table = &*data.table;
        let panels = self.panels.as_deref();
        let panels = panels.map(|name| Column::read(name, table)).transpose()?;
        let places = ["neuron", "direction", "group", "step"].map(str::to_owned);
        let asked = Rows {
            filters: &self.filters,
            pool: if data.alone { &places[1..] } else { &places },
            ..Rows::default()
        };
        let selection = Selection::read(Metric::GradientCosine, &asked)?;
        let first = self.steps.first().copied().unwrap_or(0);
        let at = |record: &Record| {
            panels
                .as_ref()
                .and_then(|column| column.value(table, record))
        };
        let mut rows: Vec<&Record> = selection.chosen(table, &table.records)?;
        rows.retain(|record| record.direction.is_some_and(|direction| direction <= 2));
        if rows.is_empty() || (!data.alone && rows.iter().all(|record| record.neuron.is_none())) {
            return Err(ChartError::NoPlane { step: first });
        }
        let values = panel_values(panels.as_ref(), rows.iter().map(|record| at(record)))?;
        let mut clouds = Vec::new();
        for panel in &values {
            let mut here: Vec<&Record> = rows.iter().copied().filter(|r| at(r) == *panel).collect();
            let n = self.nearest(&here);
            here.retain(|record| record.n == n);
            selection.refuse(table, &here)?;
            let seed = here.iter().map(|record| record.seed).min();
            here.retain(|record| Some(record.seed) == seed);
            let point = here.first().map_or(0, |record| record.point);
            for step in &self.steps {
                clouds.extend(
                    GROUPS.map(|(group, ..)| self.cloud(data, *panel, *step, group, point, &here)),
                );
            }
        }
        for step in &self.steps {
            let mut here = clouds.iter().filter(|cloud| cloud.step == *step);
            if here.all(Cloud::is_empty) {
                return Err(ChartError::NoPlane { step: *step });
            }
        }
        let limit = limit(&clouds);
        let cells = values
            .iter()
            .flat_map(|panel| self.steps.iter().map(move |step| (*panel, *step)));
        let drawn = cells.clone().map(|(panel, step)| {
            let [_, name] = named(panels.as_ref(), panel);
            let heading = match name.as_str() {
                "" => format!("step {step}"),
                name => format!("{name}: step {step}"),
            };
            let axis = |i: char| Axis::linear(format!("cos(𝐺ᵢ, 𝑤*{i})")).from_to(-limit, limit);
            let here = clouds
                .iter()
                .filter(|cloud| cloud.panel == panel && cloud.step == step);
            Panel::new(axis('₁'), axis('₂'))
                .titled(heading)
                .equal_aspect()
                .with_all(here.flat_map(Cloud::marks))
        });
        let figure = Figure::new(drawn).in_columns(self.steps.len().clamp(1, 4));
        let panel_settings = cells.map(|(panel, step)| {
            let [plain, name] = named(panels.as_ref(), panel);
            json!([plain, step, mathtext(&name)])
        });
        let settings = json!({
            "limit": limit,
            "columns": self.steps.len(),
            "panels": panel_settings.collect::<Vec<_>>(),
            "groups": GROUPS
                .map(|(group, colour, label)| json!([group.name(), colour.to_string(), mathtext(label)]))
                .to_vec(),
        });
        let mut csv = "panel,step,group,kind,x,y\n".to_owned();
        for cloud in &clouds {
            let [panel, _] = named(panels.as_ref(), cloud.panel);
            let start = format!("{},{},{}", quoted(&panel), cloud.step, cloud.group);
            let lines = cloud.points.iter().map(|point| ("neuron", point));
            for (kind, (x, y)) in lines.chain(cloud.theory.iter().map(|point| ("theory", point))) {
                csv += &format!("{start},{kind},{x},{y}\n");
            }
        }
        Ok(Drawing {
            figure,
            data: csv,
            script: script::plane(title, &settings),
            points: clouds.iter().map(|cloud| cloud.points.len()).sum(),
            left_out: 0,
        })
    }

    /// The n nearest to the one asked for, in ratio; the largest if none is.
    fn nearest(&self, rows: &[&Record]) -> f64 {
        let wanted = self.n.unwrap_or(f64::MAX).ln();
        let distance = |n: f64| (n.ln() - wanted).abs();
        let nearer = |best: f64, n: f64| {
            if distance(n) >= distance(best) {
                best
            } else {
                n
            }
        };
        rows.iter().map(|record| record.n).fold(f64::NAN, nearer)
    }

    fn cloud(
        &self,
        data: &Data<'_>,
        panel: Option<f64>,
        step: u32,
        group: Signs,
        point: u32,
        rows: &[&Record],
    ) -> Cloud {
        let here = |record: &&Record| (record.step, record.group) == (step, Some(group));
        let mut neurons: BTreeMap<u32, [Option<f64>; 2]> = BTreeMap::new();
        for record in rows.iter().copied().filter(here) {
            if let (Some(neuron), Some(direction @ 1..=2)) = (record.neuron, record.direction) {
                neurons.entry(neuron).or_default()[direction as usize - 1] = Some(record.value);
            }
        }
        let foretold = |direction: u32| {
            let shown = data.alone || self.predictions == Overlay::Shown;
            let mut foretold = data.foretold.iter().filter(|_| shown);
            let found = foretold.find(|record| {
                record.metric == Metric::GradientCosine
                    && (record.point, record.step) == (point, step)
                    && (record.group, record.direction) == (Some(group), Some(direction))
            });
            found.map(|record| record.value)
        };
        Cloud {
            panel,
            step,
            group,
            points: neurons
                .values()
                .filter_map(|[x, y]| Some(((*x)?, (*y)?)))
                .collect(),
            theory: foretold(1).zip(foretold(2)),
        }
    }
}

/// The end of both axes: all cosines of the figure are shown, and the plane is not mostly empty.
fn limit(clouds: &[Cloud]) -> f64 {
    let points = clouds
        .iter()
        .flat_map(|cloud| cloud.points.iter().chain(&cloud.theory));
    let largest = points
        .map(|(x, y)| x.abs().max(y.abs()))
        .fold(0.0, f64::max);
    (1.1 * largest).clamp(0.05, 1.0)
}

impl Cloud {
    fn is_empty(&self) -> bool {
        self.points.is_empty() && self.theory.is_none()
    }

    /// The neurons as dots; theory as a square of the colour of its sign with a black edge, on the line from the origin.
    fn marks(&self) -> Vec<Mark> {
        let mut marks = Vec::new();
        let of = GROUPS.iter().find(|(group, ..)| *group == self.group);
        let (colour, label) = of.map_or((Colour::GREY, ""), |(_, colour, label)| (*colour, *label));
        if !self.points.is_empty() {
            let (x, y) = (
                self.points.iter().map(|p| p.0),
                self.points.iter().map(|p| p.1),
            );
            marks.push(
                Mark::points(x, y)
                    .coloured(colour)
                    .sized(1.3)
                    .labelled(label),
            );
        }
        if let Some((x, y)) = self.theory {
            // At the origin there is no direction.
            if x.hypot(y) > 1e-9 {
                let line = match x == 0.0 {
                    true => Mark::vertical(0.0),
                    false => Mark::slope(y / x, 0.0),
                };
                marks.push(line.dashed().coloured(colour));
            }
            let square = |size: f64| Mark::points([x], [y]).shaped(Shape::Square).sized(size);
            marks.push(square(3.2).coloured(Colour::BLACK));
            marks.push(
                square(2.2)
                    .coloured(colour)
                    .labelled(format!("theory, {label}")),
            );
        }
        marks
    }
}
