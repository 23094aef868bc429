//! From results and predictions to figures: curves against an axis, and gradients in the plane of the target.

mod curves;
mod overlay;
mod plane;

use crate::chart::ChartError;
use crate::outlook::{Foretold, Predicted};
use crate::plan::{AxisScale, Curves, FigureSpec, Overlay, Plan, Plane, Point, Setting, Statistic};
use crate::table::{Record, Table};
use giantstep_figure::{Colour, Figure, Panel, Shape};

/// The figures of a plan: those it asks for, or test errors and gradients as far as they were measured, with what was
/// predicted beside it. Without records, the figures of theory alone.
pub fn figures(
    plan: &Plan,
    table: &Table,
    predicted: &Predicted,
) -> Vec<(String, Result<Figure, ChartError>)> {
    let asked = plan.document.figures();
    let specs = match (asked.is_empty(), table.records.is_empty()) {
        (false, _) => asked.to_vec(),
        (true, false) => usual(plan, table),
        (true, true) => usual(plan, &table.with(predicted.records())),
    };
    specs
        .iter()
        .filter_map(|spec| draw(spec, plan, table, predicted))
        .collect()
}

/// What anyone would look at first.
fn usual(plan: &Plan, table: &Table) -> Vec<FigureSpec> {
    let records = &table.records;
    let distinct = |column: &str| {
        distinct(
            records
                .iter()
                .filter_map(|record| table.number(record, column)),
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
            .any(|record| record.metric.name() == metric && record.neuron.is_none())
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
    let planar = |record: &&Record| {
        record.metric == giantstep::metric::Metric::GradientCosine && record.neuron.is_some()
    };
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
    table: &'a Table,
}

fn draw(
    spec: &FigureSpec,
    plan: &Plan,
    table: &Table,
    predicted: &Predicted,
) -> Option<(String, Result<Figure, ChartError>)> {
    let (name, key, overlay) = match spec {
        FigureSpec::Heat(heat) => {
            return Some((heat.name.clone(), heat.figure(table)));
        }
        FigureSpec::Curves(curves) => (&curves.name, curves.panels.as_deref(), curves.predictions),
        FigureSpec::Plane(plane) => (&plane.name, plane.panels.as_deref(), plane.predictions),
    };
    let views = split(plan, table, predicted, key)
        .into_iter()
        .map(|mut view| {
            // A figure of theory alone shows it whatever the file says of overlays.
            if overlay == Overlay::Hidden && !table.records.is_empty() {
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
    table: &'a Table,
    predicted: &'a Predicted,
    key: Option<&str>,
) -> Vec<View<'a>> {
    let Some(key) = key else {
        return vec![View {
            title: String::new(),
            point: plan.points.first(),
            records: table.records.iter().collect(),
            foretold: predicted.foretold.iter().collect(),
            predicted,
            plan,
            table,
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
            let here = |record: &Record| {
                let common = table.points.get(&record.point);
                let mut settings = common.iter().flat_map(|common| common.settings.iter());
                settings.any(|s| s.key == *key && s.position == setting.position)
            };
            let foretold = predicted.foretold.iter();
            View {
                title: setting.label(),
                point: Some(point),
                records: table.records.iter().filter(|record| here(record)).collect(),
                foretold: foretold.filter(|f| here(&f.record)).collect(),
                predicted,
                plan,
                table,
            }
        })
        .collect()
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
    table: &Table,
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
            let texts = table.texts(by).unwrap_or_default();
            let named = texts.into_iter().find(|(number, _)| *number == value);
            let label = match named {
                Some((_, text)) => text,
                None => format!("{} = {}", axis_label(by), crate::words::number(value)),
            };
            (Colour::cycle(index), Shape::cycle(index), label)
        }
        None => (Colour::BLUE, Shape::cycle(0), String::new()),
    }
}
