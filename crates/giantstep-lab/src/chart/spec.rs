//! A heat map asked for by an experiment file.

use super::{ChartError, Column, Filter, Heat, Results, Selection};
use crate::plan::{HeatSpec, Spread, Statistic};
use crate::table::Table;
use giantstep_figure::Figure;

impl HeatSpec {
    /// The figure.
    ///
    /// # Errors
    /// [`ChartError`] if the rows do not make one.
    pub fn figure(&self, table: &Table) -> Result<Figure, ChartError> {
        self.draw(&Results::new(table.clone()))
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
