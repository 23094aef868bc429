//! The figures of a plan that asks for none: what anyone would look at first.

use giantstep::metric::Metric;

use super::{ChartError, Column, Data, draw};
use crate::plan::{Curves, FigureSpec, Heat, Overlay, Plan, Plane, ScaleChoice, Statistic, Step};
use crate::table::Table;

/// The most steps that are told apart as curves; of more the last is shown.
const STEPS: usize = 8;
/// The most values of a column of numbers that are told apart as curves; more make a heat map.
const CURVES: usize = 8;
/// The most panels.
const PANELS: usize = 9;

/// Test errors and alignments against what is swept, or the step; gradients in the plane of the target.
pub(super) fn usual(plan: &Plan, data: &Data<'_>) -> Vec<FigureSpec> {
    let table = &*data.table;
    let x = abscissa(table);
    let measured = |metric: Metric| {
        let mut records = table.records.iter();
        records.any(|record| record.metric == metric && record.neuron.is_none())
    };
    let metrics = [Metric::TestError, Metric::WeightAlignment].into_iter();
    let curves = metrics
        .filter(|metric| measured(*metric))
        .filter_map(|metric| {
            let name = metric.name().replace('_', "-");
            settled(FigureSpec::Curves(Curves::new(&name, &x, metric)), data)
        });
    curves.chain(plane(plan, data)).collect()
}

/// What was left out of a figure that nobody asked for in these words: the columns of which one value is shown.
pub(super) fn shown_alone(spec: &FigureSpec, data: &Data<'_>) -> String {
    let table = &*data.table;
    let of_filter = |filter: &String| {
        let (name, value) = filter.split_once('=')?;
        let column = Column::read(name, table).ok()?;
        let value = column.entry(column.number(value)?);
        let count = column.values(table, table.records.iter()).len();
        Some(format!("{value} (of {count} values)"))
    };
    let shown: Vec<String> = spec.filters().iter().filter_map(of_filter).collect();
    shown.join(", ")
}

/// The column of numbers with the most values among those that are swept, or the step.
fn abscissa(table: &Table) -> String {
    let number = |key: &str| {
        let number = table.number_of(key);
        number.or_else(|| table.texts(key).is_none().then(|| key.to_owned()))
    };
    let values = |column: &str| {
        Column::read(column, table).map_or(0, |c| c.values(table, table.records.iter()).len())
    };
    let typed = |key: &str| {
        Column::read(key, table).map_or(0, |c| c.values(table, table.records.iter()).len())
    };
    let mut best = (1, "step".to_owned());
    for key in table.keys() {
        let Some(column) = number(key) else { continue };
        // Of keys that are set together the one that was given the most values.
        let count = typed(key).min(values(&column));
        if count > best.0 {
            best = (count, column);
        }
    }
    best.1
}

/// The figure with everything told apart that would be mixed; none if it cannot be drawn.
fn settled(mut spec: FigureSpec, data: &Data<'_>) -> Option<FigureSpec> {
    for _ in 0..16 {
        match draw(&spec, data, "") {
            Ok(_) => return Some(spec),
            Err(ChartError::Mixed { names, value, .. }) => {
                spec = match spec {
                    FigureSpec::Curves(curves) => separated(curves, &names, &value, data),
                    FigureSpec::Plane(mut plane) => {
                        match (&plane.panels, names.first()) {
                            (None, Some(_)) => plane.panels = Some(best(&names)),
                            (_, Some(first)) => plane.filters.push(format!("{first}={value}")),
                            (_, None) => return None,
                        }
                        FigureSpec::Plane(plane)
                    }
                    FigureSpec::Heat(mut heat) => {
                        let first = names.first()?;
                        match (heat.step, heat.panels.is_none()) {
                            (None, _) if names.iter().any(|name| name == "step") => {
                                heat.step = Some(Step::LAST)
                            }
                            (_, true) => heat.panels = Some(best(&names)),
                            _ => heat.filters.push(format!("{first}={value}")),
                        }
                        FigureSpec::Heat(heat)
                    }
                };
            }
            Err(_) => return None,
        }
    }
    None
}

/// A title says more than what is set with it.
fn best(names: &[String]) -> String {
    let title = names.iter().find(|name| *name == "title");
    title.or(names.first()).cloned().unwrap_or_default()
}

/// One more of the mixed columns told apart: steps by curves if there is nothing else, otherwise the last one is taken;
/// then by curves, by panels, and by leaving out all but the first value.
fn separated(mut curves: Curves, names: &[String], value: &str, data: &Data<'_>) -> FigureSpec {
    let table = &*data.table;
    let count = |name: &str| {
        let column = Column::read(name, table);
        column.map_or((0, true), |c| {
            (c.values(table, table.records.iter()).len(), c.is_text())
        })
    };
    let steps = names.iter().any(|name| name == "step");
    if steps && names.len() == 1 && curves.by.is_none() && count("step").0 <= STEPS {
        curves.by = Some("step".to_owned());
    } else if steps {
        curves.step = Some(Step::LAST);
    } else if curves.by.is_none() {
        let by = best(names);
        let (values, is_text) = count(&by);
        let many = if curves.x == "step" {
            10 * CURVES
        } else {
            CURVES
        };
        if values > many && !is_text {
            return FigureSpec::Heat(Heat {
                name: curves.name,
                x: curves.x,
                y: by,
                value: curves.y,
                panels: None,
                filters: Vec::new(),
                step: curves.step,
                direction: None,
                group: None,
                ridge: None,
                pool: Vec::new(),
                statistic: Statistic::Mean,
                spread: None,
                x_scale: ScaleChoice::Auto,
                y_scale: ScaleChoice::Auto,
                value_scale: ScaleChoice::Auto,
                levels: Vec::new(),
            });
        }
        curves.by = Some(by);
    } else if curves.panels.is_none() && count(&best(names)).0 <= PANELS {
        curves.panels = Some(best(names));
    } else {
        curves.filters.push(format!("{}={value}", names[0]));
    }
    FigureSpec::Curves(curves)
}

/// Gradients in the plane of the target, as far as neurons were recorded.
fn plane(plan: &Plan, data: &Data<'_>) -> Option<FigureSpec> {
    let planar = data.table.records.iter().filter(|record| {
        record.metric == Metric::GradientCosine
            && record.direction == Some(2)
            && (data.alone || record.neuron.is_some())
    });
    let mut steps: Vec<u32> = planar.map(|record| record.step).collect();
    steps.sort_unstable();
    steps.dedup();
    steps.truncate(4);
    if steps.is_empty() || plan.points.is_empty() {
        return None;
    }
    let plane = Plane {
        name: "gradients".to_owned(),
        steps,
        panels: None,
        filters: Vec::new(),
        n: None,
        predictions: Overlay::Shown,
    };
    settled(FigureSpec::Plane(plane), data)
}
