//! What a plan asks for and cannot give, refused before anything runs.
//!
//! Every figure is drawn once of the rows that the plan will have, with ones for numbers: what is refused then would be
//! refused at the end.

use giantstep::experiment::Experiment;
use giantstep::measurement::Signs;
use giantstep::metric::{Metric, MetricGroup, Place};
use giantstep::readout::Ridge;

use super::{ChartError, Column, Data, draw};
use crate::outlook::Predicted;
use crate::plan::{At, FigureSpec, Plan, Step};
use crate::remedy::MOST_AT_ONCE;
use crate::table::{Record, Table};

/// Refuses figures, references and slopes that the rows of a plan cannot answer.
///
/// # Errors
/// [`ChartError::In`] names the entry of the file, what is not there, and what is; [`ChartError::Several`] if it is not the only one.
pub fn check(plan: &Plan) -> Result<(), ChartError> {
    let document = &plan.document;
    let figures = (0..document.figures().len()).map(|index| figure_at(plan, index));
    let references = (0..document.references().len()).map(|index| reference_at(plan, index));
    let slopes = (0..document.slopes().len()).map(|index| slope_at(plan, index));
    let all = figures.chain(references).chain(slopes);
    let mut wrong: Vec<ChartError> = all.filter_map(Result::err).take(MOST_AT_ONCE).collect();
    match wrong.len() {
        0 => Ok(()),
        1 => Err(wrong.remove(0)),
        _ => Err(ChartError::Several(wrong)),
    }
}

fn inside(key: String) -> impl FnOnce(ChartError) -> ChartError {
    move |source| ChartError::In {
        key,
        source: Box::new(source),
    }
}

fn figure_at(plan: &Plan, index: usize) -> Result<(), ChartError> {
    let figures = plan.document.figures();
    let spec = &figures[index];
    // Capitals do not tell files apart everywhere.
    let twice = figures[..index]
        .iter()
        .any(|earlier| earlier.name().to_lowercase() == spec.name().to_lowercase());
    let name = spec.name().to_owned();
    let named = check_name(&name).and(match twice {
        true => Err(ChartError::Twice { name }),
        false => Ok(()),
    });
    named
        .and_then(|()| figure(plan, spec))
        .map_err(inside(format!("figure[{index}]")))
}

fn reference_at(plan: &Plan, index: usize) -> Result<(), ChartError> {
    let reference = &plan.document.references()[index];
    let key = format!("reference[{index}]");
    let found = expected(plan, reference.metric, &[reference.step]);
    let there = |record: &Record| {
        (record.direction, record.group) == (reference.direction, reference.group)
            && record.neuron.is_none()
    };
    check_at(plan, &reference.at).map_err(inside(format!("{key}.at")))?;
    check_rows(plan, &found, reference.metric, reference.step, there).map_err(inside(key))
}

fn slope_at(plan: &Plan, index: usize) -> Result<(), ChartError> {
    let slope = &plan.document.slopes()[index];
    let found = expected(plan, slope.metric, &[slope.step]);
    let key = format!("slope[{index}]");
    check_at(plan, &slope.at).map_err(inside(format!("{key}.at")))?;
    let there = |record: &Record| record.neuron.is_none();
    check_rows(plan, &found, slope.metric, slope.step, there).map_err(inside(key.clone()))?;
    Column::on_axis(&slope.x, &found).map_err(inside(format!("{key}.x")))?;
    Ok(())
}

/// Refuses names that are no plain names of files.
///
/// # Errors
/// [`ChartError::Name`].
pub fn check_name(name: &str) -> Result<(), ChartError> {
    let sound = |letter: char| letter.is_alphanumeric() || "-_.".contains(letter);
    let long = name.chars().count() > 100 || name.len() > 200;
    match !name.is_empty() && !name.starts_with('.') && !long && name.chars().all(sound) {
        true => Ok(()),
        false => Err(ChartError::Name {
            // Of a long one the beginning is enough.
            name: name.chars().take(120).collect(),
        }),
    }
}

fn figure(plan: &Plan, spec: &FigureSpec) -> Result<(), ChartError> {
    let (metric, steps) = match spec {
        FigureSpec::Curves(curves) => {
            curves.check_range()?;
            (curves.y, steps(curves.step, &curves.filters))
        }
        FigureSpec::Heat(heat) => (heat.value, steps(heat.step, &heat.filters)),
        FigureSpec::Plane(plane) => (Metric::GradientCosine, plane.steps.clone()),
    };
    let table = expected(plan, metric, &steps);
    if table.records.is_empty() {
        return Err(unmeasured(plan, metric));
    }
    let nothing = Predicted::default();
    let mut spec = spec.clone();
    if let FigureSpec::Curves(curves) = &mut spec {
        // What will be measured is not known yet.
        curves.y_range = None;
    }
    draw(&spec, &Data::new(&table, &nothing, None), "").map(drop)
}

/// The steps that a selection speaks of.
fn steps(step: Option<Step>, filters: &[String]) -> Vec<u32> {
    let asked = match step {
        Some(Step::At(step)) => Some(step),
        _ => None,
    };
    let filters = filters.iter().filter_map(|text| text.strip_prefix("step="));
    asked
        .into_iter()
        .chain(filters.filter_map(|text| text.trim().parse().ok()))
        .collect()
}

fn unmeasured(plan: &Plan, metric: Metric) -> ChartError {
    let recorded = |metric: &Metric| {
        plan.points
            .iter()
            .any(|point| records(&point.checked.setup.experiment, *metric))
    };
    ChartError::Unknown {
        kind: "rows of the metric",
        name: metric.to_string(),
        known: Metric::ALL
            .iter()
            .filter(|metric| recorded(metric))
            .map(Metric::to_string)
            .collect(),
    }
}

/// Whether a run records anything of a metric.
fn records(experiment: &Experiment, metric: Metric) -> bool {
    !kinds(experiment, metric).is_empty() && !recorded_at(experiment, metric, &[]).is_empty()
}

fn check_at(plan: &Plan, at: &At) -> Result<(), ChartError> {
    let table = Table::of(plan);
    let keys = table.keys();
    for (key, position) in at {
        if !keys.contains(&key.as_str()) {
            return Err(ChartError::Unknown {
                kind: "swept key",
                name: key.clone(),
                known: keys.iter().map(|key| (*key).to_owned()).collect(),
            });
        }
        if *position == 0 {
            return Err(ChartError::Unknown {
                kind: "place on the axis",
                name: format!("{key} = 0"),
                known: vec!["1 for the first value".to_owned()],
            });
        }
    }
    Ok(())
}

fn check_rows(
    plan: &Plan,
    table: &Table,
    metric: Metric,
    step: u32,
    there: impl Fn(&Record) -> bool,
) -> Result<(), ChartError> {
    if table.records.is_empty() {
        return Err(unmeasured(plan, metric));
    }
    let at_step = |record: &&Record| record.step == step;
    if !table.records.iter().any(|record| at_step(&record)) {
        let column = Column::read("step", table)?;
        return Err(ChartError::Unknown {
            kind: "step",
            name: step.to_string(),
            known: vec![column.listed(table, table.records.iter())],
        });
    }
    if !table.records.iter().filter(at_step).any(there) {
        let listed = |name: &str| {
            let column = Column::read(name, table).ok()?;
            Some(format!(
                "{name} {}",
                column.listed(table, table.records.iter())
            ))
        };
        return Err(ChartError::Unknown {
            kind: "row with this direction and group of",
            name: metric.to_string(),
            known: ["direction", "group"]
                .into_iter()
                .filter_map(listed)
                .collect(),
        });
    }
    Ok(())
}

/// The kinds of rows that a run records of a metric, by the places that each carries.
fn kinds(experiment: &Experiment, metric: Metric) -> Vec<&'static [Place]> {
    let records = |group: MetricGroup| experiment.metrics.contains(&group);
    let fits = |places: &&&'static [Place]| {
        let neurons = places.contains(&Place::Neuron) && metric.is_of_neurons();
        let ridges = places.contains(&Place::Ridge);
        let values = matches!(experiment.readout.ridge, Ridge::Values(_));
        let group = match (neurons, metric.group()) {
            (true, _) => records(MetricGroup::Neurons),
            (false, Some(group)) => records(group),
            (false, None) => true,
        };
        let kind = match metric {
            Metric::TestError | Metric::ErrorRate => ridges == values,
            Metric::ChosenRidge => !values,
            metric if metric.is_of_baseline() => ridges_of_baseline(experiment, metric).is_some(),
            _ => true,
        };
        group && kind
    };
    metric.places().iter().filter(fits).copied().collect()
}

/// The steps at which a run records a metric, among a few and the wanted ones.
fn recorded_at(experiment: &Experiment, metric: Metric, wanted: &[u32]) -> Vec<u32> {
    use Metric::{
        ChosenRidge, ErrorRate, GradientAlignment, GradientAngle, GradientCosine, GradientNorm,
        GradientOverlap, TestError, TrainError,
    };
    let last = experiment.protocol.steps;
    let mut steps: Vec<u32> = [0, 1, 2, last]
        .into_iter()
        .chain(wanted.iter().copied())
        .collect();
    steps.sort_unstable();
    steps.dedup();
    steps.retain(|step| {
        let recorded = match metric {
            TrainError | GradientAlignment | GradientAngle | GradientCosine | GradientNorm
            | GradientOverlap => *step > 0,
            TestError | ErrorRate | ChosenRidge => experiment.fits_readout(*step),
            metric if metric.is_of_baseline() => experiment.fits_baselines(*step),
            _ => true,
        };
        *step <= last && experiment.records(*step) && recorded
    });
    steps
}

/// The rows that a plan will have of a metric: at a few steps and the wanted ones, of two neurons, with ones for numbers.
pub(super) fn expected(plan: &Plan, metric: Metric, wanted: &[u32]) -> Table {
    let mut rows = Vec::new();
    for (number, point) in (1..).zip(&plan.points) {
        let experiment = &point.checked.setup.experiment;
        let start = Record {
            point: number,
            run: number,
            seed: point.checked.seeds.start,
            n: experiment.protocol.batch as f64,
            d: experiment.protocol.dimension as f64,
            p: experiment.network.width as u64,
            ..Record::new(metric, 1.0)
        };
        for step in recorded_at(experiment, metric, wanted) {
            for places in kinds(experiment, metric) {
                let mut here = vec![Record { step, ..start }];
                for place in places {
                    here = spread(&here, *place, experiment);
                }
                rows.extend(here);
            }
        }
    }
    Table::of(plan).with(rows)
}

/// The ridges of the baseline of this error, if there is one.
fn ridges_of_baseline(experiment: &Experiment, metric: Metric) -> Option<&[f64]> {
    let mut baselines = experiment.baselines.iter();
    let found = baselines.find(|baseline| baseline.method.metric() == metric)?;
    Some(&found.ridges)
}

/// Each row at every value of a place, as far as needed to see what would be mixed.
fn spread(rows: &[Record], place: Place, experiment: &Experiment) -> Vec<Record> {
    let r = experiment.target.r as u32;
    let of_readout = match &experiment.readout.ridge {
        Ridge::Values(values) => values.as_slice(),
        Ridge::LeaveOneOut(_) => &[],
    };
    rows.iter()
        .flat_map(|row| {
            let row = *row;
            let ridges = ridges_of_baseline(experiment, row.metric).unwrap_or(of_readout);
            let groups = match row.metric {
                Metric::Covariance => &Signs::PAIRS[..],
                _ => &Signs::ONE[..],
            };
            let rows: Vec<Record> = match place {
                Place::Neuron => (1..=2)
                    .map(|i| Record {
                        neuron: Some(i),
                        ..row
                    })
                    .collect(),
                Place::Direction => (1..=r)
                    .map(|k| Record {
                        direction: Some(k),
                        ..row
                    })
                    .collect(),
                Place::Rank => (1..=2)
                    .map(|i| Record {
                        rank: Some(i),
                        ..row
                    })
                    .collect(),
                Place::Group => groups
                    .iter()
                    .map(|signs| Record {
                        group: Some(*signs),
                        ..row
                    })
                    .collect(),
                Place::Ridge => ridges
                    .iter()
                    .map(|ridge| Record {
                        ridge: Some(*ridge),
                        ..row
                    })
                    .collect(),
            };
            rows
        })
        .collect()
}
