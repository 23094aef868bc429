//! From results and predictions to figures: curves against an axis, and gradients in the plane of the target.

mod curves;
mod overlay;
mod plane;

use crate::chart::ChartError;
use crate::outlook::{Foretold, Predicted};
use crate::plan::{AxisScale, Curves, FigureSpec, Overlay, Plan, Plane, Point, Setting, Statistic};
use crate::table::Record;
use giantstep_figure::{Colour, Figure, Panel, Shape};

/// The figures of a plan: those it asks for, or test errors and gradients as far as they were measured, with what was
/// predicted beside it. Without records, the figures of theory alone.
pub fn figures(
    plan: &Plan,
    records: &[Record],
    predicted: &Predicted,
) -> Vec<(String, Result<Figure, ChartError>)> {
    let asked = plan.document.figures();
    let specs = match (asked.is_empty(), records.is_empty()) {
        (false, _) => asked.to_vec(),
        (true, false) => usual(plan, records),
        (true, true) => usual(plan, &predicted.records()),
    };
    specs
        .iter()
        .filter_map(|spec| draw(spec, plan, records, predicted))
        .collect()
}

/// What anyone would look at first.
fn usual(plan: &Plan, records: &[Record]) -> Vec<FigureSpec> {
    let distinct = |column: &str| {
        distinct(
            records
                .iter()
                .filter_map(|record| column_of(record, column)),
        )
    };
    let swept: Vec<&str> = plan.points.first().map_or(vec![], |point| {
        point
            .settings
            .iter()
            .map(|setting| setting.key.as_str())
            .collect()
    });
    let key = swept.iter().find(|key| {
        plan.points
            .iter()
            .filter_map(|p| p.settings.iter().find(|s| s.key == **key))
            .any(|s| s.position > 1)
    });
    let (x, x_scale) = match key {
        Some(&"protocol.batch") if distinct("n").len() > 1 => ("n", AxisScale::Log),
        Some(&"protocol.dimension") if distinct("d").len() > 1 => ("d", AxisScale::Log),
        Some(&"network.width") if distinct("p").len() > 1 => ("p", AxisScale::Log),
        Some(key) => (*key, AxisScale::Linear),
        None => ("step", AxisScale::Linear),
    };
    let mut specs = Vec::new();
    for metric in ["test_error", "weight_alignment"] {
        if records
            .iter()
            .any(|record| record.metric == metric && record.neuron.is_none())
        {
            specs.push(FigureSpec::Curves(Curves {
                name: metric.replace('_', "-"),
                x: x.to_owned(),
                y: metric.to_owned(),
                by: (x != "step").then(|| "step".to_owned()),
                panels: None,
                x_scale,
                y_scale: AxisScale::Linear,
                statistic: Statistic::Mean,
                step: None,
                group: None,
                kernel_degrees: Vec::new(),
                y_range: None,
                predictions: Overlay::Shown,
            }));
        }
    }
    let planar = |record: &&Record| record.metric == "gradient_cosine" && record.neuron.is_some();
    let steps = records
        .iter()
        .filter(planar)
        .filter(|r| r.direction == Some(2))
        .map(|r| r.step)
        .max();
    if let Some(last) = steps {
        let name = "gradients".to_owned();
        let steps = (1..=last.min(4)).collect();
        specs.push(FigureSpec::Plane(Plane {
            name,
            steps,
            panels: None,
            predictions: Overlay::Shown,
            n: None,
        }));
    }
    specs
}

/// What one panel, or one row of panels, shows.
struct View<'a> {
    title: String,
    /// The first of the points shown.
    point: Option<&'a Point>,
    records: Vec<&'a Record>,
    foretold: Vec<&'a Foretold>,
    predicted: &'a Predicted,
    plan: &'a Plan,
}

fn draw(
    spec: &FigureSpec,
    plan: &Plan,
    records: &[Record],
    predicted: &Predicted,
) -> Option<(String, Result<Figure, ChartError>)> {
    let (name, key, overlay) = match spec {
        FigureSpec::Heat(heat) => {
            return Some((heat.name.clone(), heat.figure(plan, records)));
        }
        FigureSpec::Curves(curves) => (&curves.name, curves.panels.as_deref(), curves.predictions),
        FigureSpec::Plane(plane) => (&plane.name, plane.panels.as_deref(), plane.predictions),
    };
    let views = split(plan, records, predicted, key)
        .into_iter()
        .map(|mut view| {
            // A figure of theory alone shows it whatever the file says of overlays.
            if overlay == Overlay::Hidden && !records.is_empty() {
                view.foretold.clear();
            }
            view
        });
    let panels: Vec<Panel> = match spec {
        FigureSpec::Curves(curves) => views.filter_map(|view| curves.panel(&view)).collect(),
        FigureSpec::Plane(plane) => views.flat_map(|view| plane.row(&view)).collect(),
        FigureSpec::Heat(_) => Vec::new(),
    };
    let columns = match spec {
        FigureSpec::Curves(_) => panels.len().min(3),
        FigureSpec::Plane(plane) => plane.steps.len(),
        FigureSpec::Heat(_) => 1,
    };
    if panels.is_empty() {
        return None;
    }
    let figure = Figure::new(panels).in_columns(columns.max(1));
    Some((name.clone(), Ok(figure)))
}

/// The records and predictions of each position on a swept key, with the value as a title.
fn split<'a>(
    plan: &'a Plan,
    records: &'a [Record],
    predicted: &'a Predicted,
    key: Option<&str>,
) -> Vec<View<'a>> {
    let Some(key) = key else {
        return vec![View {
            title: String::new(),
            point: plan.points.first(),
            records: records.iter().collect(),
            foretold: predicted.foretold.iter().collect(),
            predicted,
            plan,
        }];
    };
    let mut settings: Vec<(&Point, &Setting)> = Vec::new();
    for point in &plan.points {
        let setting = point.settings.iter().find(|setting| setting.key == key);
        let new = setting.filter(|new| {
            let mut known = settings.iter();
            known.all(|(_, known)| known.position != new.position)
        });
        settings.extend(new.map(|setting| (point, setting)));
    }
    settings
        .into_iter()
        .map(|(point, setting)| {
            let here = |record: &Record| column_of(record, key) == Some(setting.number());
            let foretold = predicted.foretold.iter();
            View {
                title: setting.label(),
                point: Some(point),
                records: records.iter().filter(|record| here(record)).collect(),
                foretold: foretold.filter(|f| here(&f.record)).collect(),
                predicted,
                plan,
            }
        })
        .collect()
}

/// A numeric column of a record by name.
pub(crate) fn column_of(record: &Record, name: &str) -> Option<f64> {
    match name {
        "n" | "protocol.batch" => Some(record.n),
        "d" | "protocol.dimension" => Some(record.d),
        "p" | "network.width" => Some(record.p as f64),
        "step" => Some(f64::from(record.step)),
        "exponent" => Some(record.n.ln() / record.d.ln()),
        "direction" => record.direction.map(f64::from),
        "rank" => record.rank.map(f64::from),
        "ridge" => record.ridge,
        key => record
            .axes
            .iter()
            .find(|(axis, _)| axis == key)
            .map(|(_, value)| *value),
    }
}

fn distinct(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    values
}

fn axis_label(name: &str) -> String {
    match name {
        "n" => "𝑛".to_owned(),
        "d" => "𝑑".to_owned(),
        "p" => "𝑝".to_owned(),
        "exponent" => "log 𝑛 / log 𝑑".to_owned(),
        other => other.replace('_', " "),
    }
}

/// Colour, shape and label of one curve.
fn appearance(
    plan: &Plan,
    by: Option<&str>,
    value: f64,
    index: usize,
    count: usize,
) -> (Colour, Shape, String) {
    match by {
        Some("step") if value == 0.0 => (
            Colour::VERMILION,
            Shape::cycle(0),
            "random features".to_owned(),
        ),
        Some("step") => {
            let label = if value == 1.0 {
                "1 step".to_owned()
            } else {
                format!("{value} steps")
            };
            let steps = count.saturating_sub(1).max(1);
            (
                Colour::ramp(index.saturating_sub(1).min(steps - 1), steps),
                Shape::cycle(1),
                label,
            )
        }
        Some(by) => {
            let named = plan
                .points
                .iter()
                .flat_map(|point| &point.settings)
                .find(|setting| setting.key == by && setting.number() == value)
                .filter(|setting| setting.value.is_str());
            let label = match named {
                Some(setting) => setting.label(),
                None => format!("{} = {}", axis_label(by), crate::words::number(value)),
            };
            (Colour::cycle(index), Shape::cycle(index), label)
        }
        None => (Colour::BLUE, Shape::cycle(0), String::new()),
    }
}
