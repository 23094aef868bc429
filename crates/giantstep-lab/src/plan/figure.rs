//! Figures that an experiment file or a person at a results folder asks for.

use giantstep::measurement::Signs;
use giantstep::metric::Metric;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A figure to be drawn from a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum FigureSpec {
    /// A metric against a column, one curve for each value of another column.
    Curves(Curves),
    /// Cosines of every neuron's gradient with the first two target directions, one panel for each step.
    Plane(Plane),
    /// The mean of a metric over two columns, as coloured cells: a phase diagram.
    Heat(Heat),
}

impl FigureSpec {
    /// The name of its files.
    pub fn name(&self) -> &str {
        match self {
            Self::Curves(curves) => &curves.name,
            Self::Plane(plane) => &plane.name,
            Self::Heat(heat) => &heat.name,
        }
    }

    /// The metric that it shows.
    pub fn metric(&self) -> Metric {
        match self {
            Self::Curves(curves) => curves.y,
            Self::Plane(_) => Metric::GradientCosine,
            Self::Heat(heat) => heat.value,
        }
    }

    /// Conditions on its rows.
    pub fn filters(&self) -> &[String] {
        match self {
            Self::Curves(curves) => &curves.filters,
            Self::Plane(plane) => &plane.filters,
            Self::Heat(heat) => &heat.filters,
        }
    }
}

/// Which rows of a table a figure shows, by name: all of these hold.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rows<'a> {
    /// `COLUMN=VALUE`, `COLUMN<=VALUE` or `COLUMN>=VALUE`.
    pub filters: &'a [String],
    /// This step.
    pub step: Option<Step>,
    /// This target direction.
    pub direction: Option<u32>,
    /// Neurons of this sign.
    pub group: Option<Signs>,
    /// This ridge.
    pub ridge: Option<f64>,
    /// Columns over whose values each seed is averaged first.
    pub pool: &'a [String],
}

/// A metric against a column, one curve for each value of another column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Curves {
    /// The name of the file: letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// What varies along x: a column or a formula in columns, such as `n/d^2`.
    pub x: String,
    /// The metric.
    pub y: Metric,
    /// What distinguishes the curves: a column or a formula.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What distinguishes the panels: a column or a formula.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub panels: Option<String>,
    /// Only rows with `COLUMN=VALUE`, `COLUMN<=VALUE` or `COLUMN>=VALUE`, for each of these.
    #[serde(default, rename = "where", skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<String>,
    /// Only this step, or `"last"`: of each point the last that was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Step>,
    /// Only this target direction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<u32>,
    /// Only neurons of this sign of the second layer, `+` or `-`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Signs>,
    /// Only this ridge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ridge: Option<f64>,
    /// Columns over whose values each seed is averaged first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pool: Vec<String>,
    /// What stands for the draws of a point.
    #[serde(default)]
    pub statistic: Statistic,
    /// What is shown of their differences; by default the standard error of a mean, the quartiles about a median.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread: Option<Spread>,
    /// The scale of x; by default that on which its values are more nearly equally spaced.
    #[serde(default)]
    pub x_scale: ScaleChoice,
    /// The scale of y; by default linear.
    #[serde(default)]
    pub y_scale: ScaleChoice,
    /// The smallest and largest y shown; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub y_range: Option<(f64, f64)>,
    /// Degrees k whose kernel floor (the best polynomial of degree k, in error) is drawn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kernel_degrees: Vec<usize>,
    /// Whether predictions are shown beside what was measured.
    #[serde(default)]
    pub predictions: Overlay,
}

impl Curves {
    /// A figure of all rows of a metric against a column, with the defaults of everything else.
    pub fn new(name: &str, x: &str, y: Metric) -> Self {
        Self {
            name: name.to_owned(),
            x: x.to_owned(),
            y,
            by: None,
            panels: None,
            filters: Vec::new(),
            step: None,
            direction: None,
            group: None,
            ridge: None,
            pool: Vec::new(),
            statistic: Statistic::Mean,
            spread: None,
            x_scale: ScaleChoice::Auto,
            y_scale: ScaleChoice::Auto,
            y_range: None,
            kernel_degrees: Vec::new(),
            predictions: Overlay::Shown,
        }
    }

    /// Which rows it shows.
    pub fn rows(&self) -> Rows<'_> {
        Rows {
            filters: &self.filters,
            step: self.step,
            direction: self.direction,
            group: self.group,
            ridge: self.ridge,
            pool: &self.pool,
        }
    }
}

/// The mean or median of a metric over two columns, as coloured cells: a phase diagram.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Heat {
    /// The name of the file: letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// What varies along x: a column or a formula in columns, such as `n/d^2`.
    pub x: String,
    /// What varies along y: a column or a formula.
    pub y: String,
    /// The metric.
    pub value: Metric,
    /// What distinguishes the panels: a column or a formula.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub panels: Option<String>,
    /// Only rows with `COLUMN=VALUE`, `COLUMN<=VALUE` or `COLUMN>=VALUE`, for each of these.
    #[serde(default, rename = "where", skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<String>,
    /// Only this step, or `"last"`: of each point the last that was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Step>,
    /// Only this target direction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<u32>,
    /// Only neurons of this sign of the second layer, `+` or `-`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Signs>,
    /// Only this ridge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ridge: Option<f64>,
    /// Columns over whose values each seed is averaged first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pool: Vec<String>,
    /// What stands for the draws of a cell.
    #[serde(default)]
    pub statistic: Statistic,
    /// What of their differences stands in the data beside the figure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread: Option<Spread>,
    /// The scale of x; by default that on which its values are more nearly equally spaced.
    #[serde(default)]
    pub x_scale: ScaleChoice,
    /// The scale of y, as that of x.
    #[serde(default)]
    pub y_scale: ScaleChoice,
    /// The scale of the colours; by default linear.
    #[serde(default)]
    pub value_scale: ScaleChoice,
    /// Values of the metric whose level lines are drawn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub levels: Vec<f64>,
}

impl Heat {
    /// Which rows it shows.
    pub fn rows(&self) -> Rows<'_> {
        Rows {
            filters: &self.filters,
            step: self.step,
            direction: self.direction,
            group: self.group,
            ridge: self.ridge,
            pool: &self.pool,
        }
    }
}

/// Cosines of every neuron's gradient with the first two target directions, of the first seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plane {
    /// The name of the file: letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// The steps, one panel each.
    pub steps: Vec<u32>,
    /// What distinguishes the rows of panels: a column or a formula.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub panels: Option<String>,
    /// Only rows with `COLUMN=VALUE`, `COLUMN<=VALUE` or `COLUMN>=VALUE`, for each of these.
    #[serde(default, rename = "where", skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<String>,
    /// The n near which the neurons are shown: the largest if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<f64>,
    /// Whether the limit of theory is shown beside the neurons.
    #[serde(default)]
    pub predictions: Overlay,
}

/// Which step of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected the number of a step, or \"last\"")]
pub enum Step {
    /// This one.
    At(u32),
    /// The last that was recorded of each point.
    Last(Last),
}

impl Step {
    /// The last that was recorded of each point.
    pub const LAST: Self = Self::Last(Last::Last);
}

/// The word for the last step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Last {
    /// The last step.
    Last,
}

impl std::str::FromStr for Step {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "last" => Ok(Self::LAST),
            number => number
                .parse()
                .map(Self::At)
                .map_err(|_| format!("`{number}` is neither the number of a step nor `last`")),
        }
    }
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

/// Whether predictions are drawn, as far as they are computed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Overlay {
    /// Only what was measured.
    Hidden,
    /// Predicted curves, points and bands.
    #[default]
    Shown,
}

/// The scale of an axis, as asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScaleChoice {
    /// Logarithmic where the values stand at more nearly equal ratios than differences.
    #[default]
    Auto,
    /// Equal differences have equal lengths.
    Linear,
    /// Equal ratios have equal lengths.
    Log,
}

/// What is shown of the differences between draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Spread {
    /// The standard error of the mean, as bars.
    Stderr,
    /// The standard deviation of one draw, as a band.
    Sd,
    /// The quartiles, as a band.
    Quartiles,
    /// Nothing.
    None,
}
