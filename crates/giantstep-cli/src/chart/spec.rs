//! A heat map asked for by an experiment file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ChartError, Column, Filter, Heat, Results, ScaleChoice, Selection, Spread, Statistic};
use crate::figure::Figure;
use crate::plan::Plan;
use crate::table::Record;

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

impl HeatSpec {
    /// The figure, if the rows make one; otherwise standard error says why not.
    pub fn figure(&self, plan: &Plan, records: &[Record]) -> Option<Figure> {
        match self.draw(&Results::new(records.to_vec(), Some(plan))) {
            Ok(figure) => Some(figure),
            Err(error) => {
                eprintln!("note: the figure {} is not drawn: {error}", self.name);
                None
            }
        }
    }

    fn draw(&self, results: &Results) -> Result<Figure, ChartError> {
        let filters = self.filters.iter().map(|text| Filter::read(text));
        let panels = self.panels.as_deref();
        let heat = Heat {
            selection: Selection {
                metric: self.value.clone(),
                filters: filters.collect::<Result<_, _>>()?,
                pool: Vec::new(),
            },
            axes: [
                Column::on_axis(&self.x, results)?,
                Column::on_axis(&self.y, results)?,
            ],
            panels: panels.map(|name| Column::read(name, results)).transpose()?,
            statistic: Statistic::Mean,
            spread: Spread::Stderr,
            scales: [self.x_scale, self.y_scale],
            value_scale: self.value_scale,
            levels: self.levels.clone(),
        };
        Ok(heat.draw(results, &self.name)?.figure)
    }
}
