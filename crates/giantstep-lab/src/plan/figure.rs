//! Figures that an experiment file asks for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// Whether predictions are shown beside what was measured.
    #[serde(default)]
    pub predictions: Overlay,
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
    /// Whether the limit of theory is shown beside the neurons.
    #[serde(default)]
    pub predictions: Overlay,
    /// The n near which the neurons are shown: the largest if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<f64>,
}

/// The mean of a metric over two columns, as coloured cells: a phase diagram.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeatSpec {
    /// The name of the file.
    pub name: String,
    /// What varies along x: a column or a formula in columns, such as `n/d^2`.
    pub x: String,
    /// What varies along y: a column or a formula.
    pub y: String,
    /// The metric.
    pub value: String,
    /// What distinguishes the panels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub panels: Option<String>,
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
    /// Only rows with `COLUMN=VALUE`, `COLUMN<=VALUE` or `COLUMN>=VALUE`, for each of these.
    #[serde(default, rename = "where", skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<String>,
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
