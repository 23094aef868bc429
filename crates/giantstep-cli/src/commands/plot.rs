//! `giantstep plot DIR`.

use std::path::PathBuf;

use clap::Args;

use super::print;
use crate::failed::Failed;
use crate::render::aligned;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use giantstep_lab::chart::{ChartError, Column, Curves, Drawing, Filter, Heat, Results, Selection};
use giantstep_lab::files::prepare_folder;
use giantstep_lab::plan::{ScaleChoice, Spread, Statistic};
use serde::de::DeserializeOwned;
use serde::de::IntoDeserializer;
use serde::de::value::{Error, StringDeserializer};

/// `giantstep plot DIR --x COLUMN --y METRIC [--by COLUMN]`, or `--x COLUMN --y COLUMN --value METRIC`
#[derive(Debug, Args)]
pub struct Plot {
    /// A results folder with a results.parquet.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// List metrics and columns with their values.
    #[arg(long)]
    list: bool,
    /// What varies along x: a column or a formula in columns, such as n/d^2.
    #[arg(long, value_name = "COLUMN", required_unless_present = "list")]
    x: Option<String>,
    /// The metric; with --value, what varies along y.
    #[arg(
        long,
        value_name = "METRIC",
        required_unless_present = "list",
        allow_hyphen_values = true
    )]
    y: Option<String>,
    /// A heat map of this metric over the columns --x and --y.
    #[arg(long, value_name = "METRIC", conflicts_with = "by")]
    value: Option<String>,
    /// One curve for each value of this column.
    #[arg(long, value_name = "COLUMN")]
    by: Option<String>,
    /// One panel for each value of this column.
    #[arg(long, value_name = "COLUMN")]
    panels: Option<String>,
    /// Only rows with COLUMN=VALUE, COLUMN<=VALUE or COLUMN>=VALUE; may be repeated.
    #[arg(long = "where", value_name = "COLUMN=VALUE")]
    filters: Vec<String>,
    /// Only this step.
    #[arg(long)]
    step: Option<u32>,
    /// Only this target direction.
    #[arg(long)]
    direction: Option<u32>,
    /// Only neurons of this sign of the second layer, + or -.
    #[arg(long, value_name = "SIGN", allow_hyphen_values = true)]
    group: Option<String>,
    /// Only this ridge.
    #[arg(long)]
    ridge: Option<f64>,
    /// Average each seed over the values of this column; may be repeated.
    #[arg(long, value_name = "COLUMN")]
    pool: Vec<String>,
    /// What stands for the draws of a point.
    #[arg(long, value_parser = one_of::<Statistic>(&["mean", "median"]), default_value = "mean")]
    statistic: Statistic,
    /// What is shown of their differences: by default stderr of a mean, quartiles about a median.
    #[arg(long, value_parser = one_of::<Spread>(&["stderr", "sd", "quartiles", "none"]))]
    spread: Option<Spread>,
    /// The scale of x.
    #[arg(long, value_parser = one_of::<ScaleChoice>(SCALES), default_value = "auto")]
    x_scale: ScaleChoice,
    /// The scale of y; for curves auto is linear.
    #[arg(long, value_parser = one_of::<ScaleChoice>(SCALES), default_value = "auto")]
    y_scale: ScaleChoice,
    /// The scale of the colours; auto is linear.
    #[arg(long, value_parser = one_of::<ScaleChoice>(SCALES), default_value = "auto", requires = "value")]
    value_scale: ScaleChoice,
    /// Draw the line along which the metric has this value; may be repeated.
    #[arg(long, requires = "value", allow_negative_numbers = true)]
    level: Vec<f64>,
    /// The name of the files; by default made of what is drawn.
    #[arg(long)]
    name: Option<String>,
    /// The folder for the files; by default DIR.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

const SCALES: &[&str] = &["auto", "linear", "log"];

/// Understands one of these names as the choice that experiment files call by it.
fn one_of<T: DeserializeOwned + Clone + Send + Sync + 'static>(
    names: &'static [&'static str],
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(names).try_map(|name| {
        let name: StringDeserializer<Error> = name.into_deserializer();
        T::deserialize(name)
    })
}

impl Plot {
    pub(super) fn execute(self) -> Result<(), Failed> {
        let results = Results::open(&self.folder).map_err(Failed::input)?;
        if self.list {
            return print(&list(&results).map_err(Failed::input)?);
        }
        let stem = self.stem()?;
        let drawing = self.draw(&results).map_err(Failed::input)?;
        if drawing.left_out > 0 {
            let rows = drawing.left_out;
            eprintln!("note: {rows} rows have no value in a column of the figure and are left out");
        }
        let folder = self.out.as_deref().unwrap_or(&self.folder);
        prepare_folder(folder).map_err(Failed::input)?;
        let paths = drawing.save(folder, &stem).map_err(Failed::work)?;
        let lines: Vec<String> = paths
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        print(&format!(
            "{} {}\n{}\n",
            drawing.points,
            if self.value.is_some() {
                "cells"
            } else {
                "points"
            },
            lines.join("\n")
        ))
    }

    fn draw(&self, results: &Results) -> Result<Drawing, ChartError> {
        let (x, y) = (self.x.as_deref(), self.y.as_deref());
        let (x, y) = (x.unwrap_or_default(), y.unwrap_or_default());
        let selection = Selection {
            metric: self.value.as_deref().unwrap_or(y).to_owned(),
            filters: self.all_filters()?,
            pool: self.pool.clone(),
        };
        let spread = self.statistic.spread(self.spread)?;
        let optional = |name: &Option<String>| {
            let name = name.as_deref();
            name.map(|name| Column::read(name, results)).transpose()
        };
        let panels = optional(&self.panels)?;
        let title = self.command();
        if self.value.is_none() {
            let curves = Curves {
                selection,
                x: Column::on_axis(x, results)?,
                by: optional(&self.by)?,
                panels,
                statistic: self.statistic,
                spread,
                x_scale: self.x_scale,
                y_scale: self.y_scale,
            };
            return curves.draw(results, &title);
        }
        let heat = Heat {
            selection,
            axes: [Column::on_axis(x, results)?, Column::on_axis(y, results)?],
            panels,
            statistic: self.statistic,
            spread,
            scales: [self.x_scale, self.y_scale],
            value_scale: self.value_scale,
            levels: self.level.clone(),
        };
        heat.draw(results, &title)
    }

    fn all_filters(&self) -> Result<Vec<Filter>, ChartError> {
        let mut filters: Vec<Filter> = Vec::new();
        filters.extend(self.step.map(|step| Filter::equal("step", step)));
        filters.extend(self.direction.map(|k| Filter::equal("direction", k)));
        filters.extend(self.group.as_ref().map(|sign| Filter::equal("group", sign)));
        filters.extend(self.ridge.map(|ridge| Filter::equal("ridge", ridge)));
        for text in &self.filters {
            filters.push(Filter::read(text)?);
        }
        Ok(filters)
    }

    /// The name of the files: letters, digits and what joins them.
    fn stem(&self) -> Result<String, Failed> {
        if let Some(name) = &self.name {
            let sound = |c: char| c.is_alphanumeric() || "-_.".contains(c);
            return if !name.is_empty() && !name.starts_with('.') && name.chars().all(sound) {
                Ok(name.clone())
            } else {
                Err(Failed::Input(format!(
                    "--name {name}: a name has letters, digits, -, _ and .\n  help: give the folder with --out"
                )))
            };
        }
        let words = |text: &Option<String>| {
            let text = text.as_deref().unwrap_or_default();
            let parts = text.split(|c: char| !c.is_alphanumeric() && c != '.');
            let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
            parts.join("-")
        };
        let (x, y) = (words(&self.x), words(&self.y));
        Ok(match &self.value {
            Some(_) => format!("{}-over-{x}-and-{y}", words(&self.value)),
            None => format!("{y}-against-{x}"),
        })
    }

    /// The command as it would be typed, for the script beside the figure.
    fn command(&self) -> String {
        let typed: Vec<String> = std::env::args().skip(1).map(|word| shell(&word)).collect();
        format!("giantstep {}", typed.join(" "))
    }
}

/// A word as the shell takes it.
fn shell(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=+:,%@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// Metrics with what tells their rows apart, then columns with their values.
fn list(results: &Results) -> Result<String, ChartError> {
    let records = results.records();
    let mut columns = results.columns();
    columns.retain(|name| !["point", "run"].contains(name));
    let read = |name: &&str| Column::read(name, results);
    let columns: Vec<Column> = columns.iter().map(read).collect::<Result<_, _>>()?;
    let mut lines = Vec::new();
    for metric in results.metrics() {
        let rows: Vec<usize> = (0..records.len())
            .filter(|row| records[*row].metric.name() == metric)
            .collect();
        let varies = |column: &&Column| column.values(results, &rows).len() > 1;
        let names: Vec<&str> = columns
            .iter()
            .filter(varies)
            .map(|column| column.name.as_str())
            .collect();
        lines.push(vec![metric, rows.len().to_string(), names.join(", ")]);
    }
    let metrics = aligned(&["metric", "rows", "varies with"], lines);
    let all: Vec<usize> = (0..records.len()).collect();
    let width = columns.iter().map(|column| column.name.len()).max();
    let width = width.unwrap_or(0).max("column".len());
    let mut list = format!("{metrics}\n{:width$}  values\n", "column");
    for column in &columns {
        let values = column.listed(results, &all);
        list += &format!("{:width$}  {values}\n", column.name);
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_the_shell() {
        assert_eq!(shell("weight_alignment"), "weight_alignment");
        assert_eq!(shell("n/d^2"), "'n/d^2'");
        assert_eq!(shell("it's"), r"'it'\''s'");
    }
}
