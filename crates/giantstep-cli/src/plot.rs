//! From results to figures: curves against an axis, and gradients in the plane of the target.

use giantstep::analysis::{AnalysisOptions, analyze};
use giantstep::theory::{Prediction, predict};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::chart::HeatSpec;
use crate::figure::{Axis, Colour, Figure, Geometry, Legend, Mark, Panel, Shape};
use crate::plan::{Plan, Point, Setting};
use crate::table::{Record, aggregate};

/// A figure to be drawn from results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum FigureSpec {
    /// A metric against a column, one curve for each value of another column.
    Curves(Curves),
    /// Cosines of every neuron's gradient with the first two target directions, one panel for each step.
    Plane(Plane),
    /// The mean of a metric over two columns, as coloured cells: a phase diagram.
    Heat(HeatSpec),
}

/// A metric against a column, one curve for each value of another column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Curves {
    /// The name of the file.
    pub name: String,
    /// What varies along x: `n`, `d`, `p`, `step`, `exponent` (log n / log d), or a swept key.
    pub x: String,
    /// The metric.
    pub y: String,
    /// What distinguishes the curves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What distinguishes the panels: a swept key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub panels: Option<String>,
    /// The scale of x.
    #[serde(default)]
    pub x_scale: AxisScale,
    /// The scale of y.
    #[serde(default)]
    pub y_scale: AxisScale,
    /// What stands for the draws of a point.
    #[serde(default)]
    pub statistic: Statistic,
    /// Only this step; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u32>,
    /// Only neurons of this sign of the second layer, `+` or `-`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Degrees k whose kernel floor (the best polynomial of degree k, in error) is drawn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kernel_degrees: Vec<usize>,
    /// The smallest and largest y shown; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub y_range: Option<(f64, f64)>,
}

/// The scale of an axis.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AxisScale {
    /// Equal differences have equal lengths.
    #[default]
    Linear,
    /// Equal ratios have equal lengths.
    Log,
}

/// What stands for the draws of a point.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Statistic {
    /// The mean, with its standard error as a bar.
    #[default]
    Mean,
    /// The median, with the quartiles as a band.
    Median,
}

/// Whether predictions are drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Overlay {
    /// Only what was measured.
    #[default]
    Hidden,
    /// Predicted points and the lines through them.
    Shown,
}

/// Cosines of every neuron's gradient with the first two target directions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plane {
    /// The name of the file.
    pub name: String,
    /// The steps, one panel each.
    pub steps: Vec<u32>,
    /// What distinguishes the rows of panels: a swept key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub panels: Option<String>,
    /// Whether the limit of theory is shown beside the neurons; it may take a minute to compute.
    #[serde(default)]
    pub predictions: Overlay,
    /// The n near which the neurons are shown: the largest if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<f64>,
}

/// The figures of a plan: those it asks for, or test errors and gradients as far as they were measured.
pub fn figures(plan: &Plan, records: &[Record]) -> Vec<(String, Figure)> {
    let asked = plan.document.figures();
    let specs = if asked.is_empty() {
        usual(plan, records)
    } else {
        asked.to_vec()
    };
    specs
        .iter()
        .filter_map(|spec| draw(spec, plan, records))
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
            predictions: Overlay::Hidden,
            n: None,
        }));
    }
    specs
}

fn draw(spec: &FigureSpec, plan: &Plan, records: &[Record]) -> Option<(String, Figure)> {
    let (name, panels, columns) = match spec {
        FigureSpec::Heat(heat) => {
            let figure = heat.figure(plan, records);
            return figure.map(|figure| (heat.name.clone(), figure));
        }
        FigureSpec::Curves(curves) => {
            let panels: Vec<Panel> = split(plan, records, curves.panels.as_deref())
                .into_iter()
                .filter_map(|(title, part)| curves.panel(&title, &part, plan))
                .collect();
            let columns = panels.len().min(3);
            (&curves.name, panels, columns)
        }
        FigureSpec::Plane(plane) => {
            let panels: Vec<Panel> = split(plan, records, plane.panels.as_deref())
                .into_iter()
                .flat_map(|(title, part)| {
                    let expected = match plane.predictions {
                        Overlay::Hidden => Vec::new(),
                        Overlay::Shown => expected(plan, &title, plane.panels.as_deref(), &part),
                    };
                    plane.row(&title, &part, &expected)
                })
                .collect();
            (&plane.name, panels, plane.steps.len())
        }
    };
    if panels.is_empty() {
        return None;
    }
    Some((name.clone(), Figure::new(panels).in_columns(columns.max(1))))
}

/// The records of each position on a swept key, with the value as a title.
fn split<'a>(
    plan: &Plan,
    records: &'a [Record],
    key: Option<&str>,
) -> Vec<(String, Vec<&'a Record>)> {
    let Some(key) = key else {
        return vec![(String::new(), records.iter().collect())];
    };
    let mut settings: Vec<&Setting> = Vec::new();
    for setting in plan
        .points
        .iter()
        .flat_map(|point| &point.settings)
        .filter(|s| s.key == key)
    {
        if !settings
            .iter()
            .any(|known| known.position == setting.position)
        {
            settings.push(setting);
        }
    }
    settings
        .into_iter()
        .map(|setting| {
            let part = records
                .iter()
                .filter(|r| column_of(r, key) == Some(setting.number()))
                .collect();
            (setting.label(), part)
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

impl Curves {
    fn panel(&self, title: &str, records: &[&Record], plan: &Plan) -> Option<Panel> {
        let chosen: Vec<&Record> = records
            .iter()
            .copied()
            .filter(|record| record.metric == self.y && record.neuron.is_none())
            .filter(|record| self.step.is_none_or(|step| record.step == step))
            .filter(|record| self.group.is_none() || record.group == self.group)
            .collect();
        let by = self.by.as_deref();
        let curves = match by {
            Some(by) => distinct(chosen.iter().filter_map(|record| column_of(record, by))),
            None => vec![f64::NAN],
        };
        let axis = |name: &str, scale| match scale {
            AxisScale::Linear => Axis::linear(axis_label(name)),
            AxisScale::Log => Axis::log10(axis_label(name)),
        };
        let mut panel =
            Panel::new(axis(&self.x, self.x_scale), axis(&self.y, self.y_scale)).titled(title);
        let mut drawn = 0;
        for (index, value) in curves.iter().enumerate() {
            let part: Vec<Record> = chosen
                .iter()
                .filter(|record| by.is_none_or(|by| column_of(record, by) == Some(*value)))
                .map(|record| (*record).clone())
                .collect();
            let (colour, shape, label) = appearance(plan, by, *value, index, curves.len());
            let marks = match self.statistic {
                Statistic::Mean => self.means(&part),
                Statistic::Median => self.medians(&part),
            };
            drawn += marks.len();
            for mark in marks {
                // A band needs no entry of its own in the legend.
                let mark = match mark.geometry {
                    Geometry::Band { .. } => mark,
                    _ => mark.labelled(label.clone()),
                };
                panel = panel.with(mark.coloured(colour).shaped(shape));
            }
        }
        if let Some((low, high)) = self.y_range {
            panel.y = panel.y.from_to(low, high);
        }
        for degree in &self.kernel_degrees {
            if let Some(floor) = kernel_floor(plan, title, self.panels.as_deref(), *degree) {
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

    fn means(&self, records: &[Record]) -> Vec<Mark> {
        let mut points: Vec<(f64, f64, f64)> = aggregate(records)
            .iter()
            .filter_map(|row| {
                let place = Record {
                    n: row.n,
                    d: row.d,
                    p: row.p,
                    step: row.step,
                    axes: row.axes.clone(),
                    ..Record::default()
                };
                Some((
                    column_of(&place, &self.x)?,
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

    fn medians(&self, records: &[Record]) -> Vec<Mark> {
        let places = distinct(
            records
                .iter()
                .filter_map(|record| column_of(record, &self.x)),
        );
        let quartile = |x: f64, q: f64| {
            let mut values: Vec<f64> = records
                .iter()
                .filter(|r| column_of(r, &self.x) == Some(x))
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
fn kernel_floor(plan: &Plan, title: &str, key: Option<&str>, degree: usize) -> Option<f64> {
    let shown = |point: &&Point| {
        key.is_none_or(|key| {
            let mut settings = point.settings.iter();
            settings.any(|setting| setting.key == key && setting.label() == title)
        })
    };
    let experiment = &plan.points.iter().find(shown)?.checked.experiment;
    let (link, activation) = (&experiment.target.link, &experiment.network.activation);
    let options = AnalysisOptions {
        sampled: false,
        ..AnalysisOptions::default()
    };
    let report = analyze(link, activation, options).ok()?;
    let floor = report.kernel_floors.get(degree.checked_sub(1)?)?;
    Some(floor + experiment.target.noise)
}

/// What theory says at the first point of a panel whose batch is that of the neurons shown.
fn expected(plan: &Plan, title: &str, key: Option<&str>, records: &[&Record]) -> Vec<Prediction> {
    let sizes = records.iter().filter(|r| r.neuron.is_some()).map(|r| r.n);
    let largest = sizes.fold(0.0, f64::max);
    let same = |point: &&Point| {
        let titled = key.is_none_or(|key| {
            let mut settings = point.settings.iter();
            settings.any(|setting| setting.key == key && setting.label() == title)
        });
        titled && point.checked.experiment.protocol.batch as f64 == largest
    };
    let point = plan.points.iter().find(same);
    point.map_or(vec![], |point| predict(&point.checked.experiment).present)
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
                None => format!("{} = {}", axis_label(by), crate::terminal::number(value)),
            };
            (Colour::cycle(index), Shape::cycle(index), label)
        }
        None => (Colour::BLUE, Shape::cycle(0), String::new()),
    }
}

impl Plane {
    fn row(&self, title: &str, records: &[&Record], expected: &[Prediction]) -> Vec<Panel> {
        let cosines =
            |record: &&&Record| record.metric == "gradient_cosine" && record.neuron.is_some();
        let wanted = self.n.unwrap_or(f64::MAX).ln();
        let sizes = records.iter().filter(cosines).map(|record| record.n);
        let distance = |n: f64| (n.ln() - wanted).abs();
        let n = sizes.fold(f64::NAN, |best, n| {
            if distance(n) >= distance(best) {
                best
            } else {
                n
            }
        });
        let shown: Vec<&Record> = records
            .iter()
            .filter(cosines)
            .copied()
            .filter(|r| r.n == n)
            .collect();
        let Some(seed) = shown.iter().map(|record| record.seed).min() else {
            return Vec::new();
        };
        self.steps
            .iter()
            .filter_map(|step| {
                let along = |group: &str, direction: u32| -> Vec<f64> {
                    shown
                        .iter()
                        .filter(|r| {
                            r.seed == seed && r.step == *step && r.direction == Some(direction)
                        })
                        .filter(|r| r.group.as_deref() == Some(group))
                        .map(|r| r.value)
                        .collect()
                };
                let axis = |i: char| Axis::linear(format!("cos(𝐺ᵢ, 𝑤*{i})")).from_to(-1.0, 1.0);
                let heading = match title {
                    "" => format!("step {step}"),
                    title => format!("{title}: step {step}"),
                };
                let mut panel = Panel::new(axis('₁'), axis('₂'))
                    .titled(heading)
                    .equal_aspect()
                    .legend(Legend::Below);
                let mut any = false;
                for (group, colour, label) in [
                    ("+", Colour::BLUE, "𝑎ᵢ > 0"),
                    ("-", Colour::VERMILION, "𝑎ᵢ < 0"),
                ] {
                    let (x, y) = (along(group, 1), along(group, 2));
                    if x.is_empty() || x.len() != y.len() {
                        continue;
                    }
                    any = true;
                    panel = panel.with(
                        Mark::points(x, y)
                            .coloured(colour)
                            .sized(1.3)
                            .labelled(label),
                    );
                    let cosine = |direction: u32| {
                        let place = |p: &&Prediction| {
                            p.metric == "gradient_cosine"
                                && p.step == *step
                                && p.group == Some(group)
                                && p.direction == Some(direction)
                        };
                        expected.iter().find(place).map(|p| p.value)
                    };
                    if let (Some(x), Some(y)) = (cosine(1), cosine(2)) {
                        let line = Mark::slope(y / x, 0.0).dashed().coloured(colour);
                        panel = panel.with(line).with(
                            Mark::points([x], [y])
                                .coloured(Colour::BLACK)
                                .shaped(Shape::cycle(1))
                                .sized(2.0)
                                .labelled("predicted"),
                        );
                    }
                }
                any.then_some(panel)
            })
            .collect()
    }
}
