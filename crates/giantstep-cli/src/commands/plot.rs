//! `giantstep plot DIR`.

use std::path::PathBuf;

use clap::Args;

use super::folder::plan_of;
use super::print;
use crate::failed::Failed;
use crate::launch;
use crate::note::note;
use crate::progress::Progress;
use crate::render::aligned;
use crate::signals::{Kept, listen};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use giantstep::measurement::Signs;
use giantstep::metric::Metric;
use giantstep::ranks::Alone;
use giantstep_lab::chart::{ChartError, Column, Data, check_name, draw, open};
use giantstep_lab::files::prepare_folder;
use giantstep_lab::keep::Shelf;
use giantstep_lab::outlook::{Ask, Predicted};
use giantstep_lab::plan::{
    Curves, FigureSpec, Heat, Overlay, Plan, Plane, ScaleChoice, Spread, Statistic, Step, Wanted,
};
use giantstep_lab::table::Table;
use serde::de::DeserializeOwned;
use serde::de::IntoDeserializer;
use serde::de::value::{Error, StringDeserializer};

/// `giantstep plot DIR --x COLUMN --y METRIC [--by COLUMN]`, `--x COLUMN --y COLUMN --value METRIC`, or `--steps STEP,STEP`
#[derive(Debug, Args)]
pub struct Plot {
    /// A results folder with a results.parquet.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// List metrics and columns with their values.
    #[arg(long)]
    list: bool,
    /// What varies along x: a column or a formula in columns, such as n/d^2.
    #[arg(long, value_name = "COLUMN", required_unless_present_any = ["list", "steps"])]
    x: Option<String>,
    /// The metric; with --value, what varies along y.
    #[arg(
        long,
        value_name = "METRIC",
        required_unless_present_any = ["list", "steps"],
        allow_hyphen_values = true
    )]
    y: Option<String>,
    /// A heat map of this metric over the columns --x and --y.
    #[arg(long, value_name = "METRIC", conflicts_with = "by")]
    value: Option<String>,
    /// Neurons in the plane of directions 1 and 2 at these steps, such as 1,2.
    #[arg(long, value_delimiter = ',', conflicts_with_all = ["x", "y", "value", "by"])]
    steps: Vec<u32>,
    /// The n near which neurons are shown; the largest if absent.
    #[arg(long, requires = "steps")]
    n: Option<f64>,
    /// One curve for each value of this column.
    #[arg(long, value_name = "COLUMN")]
    by: Option<String>,
    /// One panel for each value of this column.
    #[arg(long, value_name = "COLUMN")]
    panels: Option<String>,
    /// Only rows with COLUMN=VALUE, COLUMN<=VALUE or COLUMN>=VALUE; may be repeated.
    #[arg(long = "where", value_name = "COLUMN=VALUE")]
    filters: Vec<String>,
    /// Only this step, or "last".
    #[arg(long)]
    step: Option<Step>,
    /// Only this target direction.
    #[arg(long)]
    direction: Option<u32>,
    /// Only neurons of this sign of the second layer, + or -.
    #[arg(long, value_name = "SIGN", allow_hyphen_values = true, value_parser = one_of::<Signs>(SIGNS))]
    group: Option<Signs>,
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
    /// The smallest and largest y shown, such as 0,1.
    #[arg(long, value_parser = range, value_name = "LOW,HIGH", allow_hyphen_values = true)]
    y_range: Option<(f64, f64)>,
    /// Draw the error of the best polynomial of this degree; may be repeated.
    #[arg(long, value_name = "DEGREE", conflicts_with = "value")]
    kernel_degree: Vec<usize>,
    /// Whether what theory predicts is computed and drawn.
    #[arg(long, value_parser = one_of::<Overlay>(&["hidden", "shown"]), default_value = "hidden")]
    predictions: Overlay,
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
const SIGNS: &[&str] = &["+", "-", "++", "+-", "--"];

/// Understands one of these names as the choice that experiment files call by it.
fn one_of<T: DeserializeOwned + Clone + Send + Sync + 'static>(
    names: &'static [&'static str],
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(names).try_map(|name| {
        let name: StringDeserializer<Error> = name.into_deserializer();
        T::deserialize(name)
    })
}

/// Two numbers with a comma between them.
fn range(text: &str) -> Result<(f64, f64), String> {
    let numbers = text.split_once(',').and_then(|(low, high)| {
        let (low, high) = (low.trim().parse(), high.trim().parse());
        Some((low.ok()?, high.ok()?))
    });
    numbers.ok_or_else(|| "expected two numbers with a comma between them, such as 0,1".to_owned())
}

impl Plot {
    pub(super) fn execute(self) -> Result<(), Failed> {
        let table = open(&self.folder).map_err(Failed::input)?;
        if self.list {
            return print(&list(&table).map_err(Failed::input)?);
        }
        let spec = self.spec(&table)?;
        check_name(spec.name()).map_err(Failed::input)?;
        let needed = self.predictions == Overlay::Shown || !self.kernel_degree.is_empty();
        let plan = match needed {
            true => Some(plan_of(&self.folder)?),
            false => None,
        };
        let predicted = self.predicted(plan.as_ref())?;
        let data = Data::new(&table, &predicted, plan.as_ref());
        let drawing = draw(&spec, &data, &self.command()).map_err(Failed::input)?;
        if drawing.left_out > 0 {
            let rows = drawing.left_out;
            note(format_args!(
                "note: {rows} rows have no value in a column of the figure and are left out"
            ));
        }
        let folder = self.out.as_deref().unwrap_or(&self.folder);
        prepare_folder(folder).map_err(Failed::input)?;
        let paths = drawing.save(folder, spec.name()).map_err(Failed::work)?;
        let lines: Vec<String> = paths
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        let things = match spec {
            FigureSpec::Heat(_) => "cells",
            FigureSpec::Curves(_) => "points",
            FigureSpec::Plane(_) => "neurons",
        };
        print(&format!(
            "{} {things}\n{}\n",
            drawing.points,
            lines.join("\n")
        ))
    }

    fn predicted(&self, plan: Option<&Plan>) -> Result<Predicted, Failed> {
        let (Overlay::Shown, Some(plan)) = (self.predictions, plan) else {
            return Ok(Predicted::default());
        };
        let wanted = match plan.document.predictions() {
            Wanted::None => Wanted::Quick,
            wanted => wanted,
        };
        let asked = listen(Kept::Nothing)?;
        let progress = Progress::visible();
        let session = launch::session(&asked, &progress, &Alone);
        let shelf = Shelf::of(&self.folder);
        let predicted = Predicted::of(plan, Ask::new(wanted).kept(&shelf), &session);
        // No figure without its curves takes the place of one that has them.
        match asked.to_end() {
            true => Err(Failed::Work("interrupted; no figure is drawn".to_owned())),
            false => Ok(predicted),
        }
    }

    /// The figure in the keys of an experiment file.
    fn spec(&self, table: &Table) -> Result<FigureSpec, Failed> {
        let name = self.name.clone().unwrap_or_else(|| self.usual_name());
        if !self.steps.is_empty() {
            return Ok(FigureSpec::Plane(Plane {
                name,
                steps: self.steps.clone(),
                panels: self.panels.clone(),
                filters: self.filters.clone(),
                n: self.n,
                predictions: self.predictions,
            }));
        }
        let (x, y) = (
            self.x.clone().unwrap_or_default(),
            self.y.clone().unwrap_or_default(),
        );
        let Some(value) = &self.value else {
            return Ok(FigureSpec::Curves(Curves {
                by: self.by.clone(),
                panels: self.panels.clone(),
                filters: self.filters.clone(),
                step: self.step,
                direction: self.direction,
                group: self.group,
                ridge: self.ridge,
                pool: self.pool.clone(),
                statistic: self.statistic,
                spread: self.spread,
                x_scale: self.x_scale,
                y_scale: self.y_scale,
                y_range: self.y_range,
                kernel_degrees: self.kernel_degree.clone(),
                predictions: self.predictions,
                ..Curves::new(&name, &x, metric(&y, table)?)
            }));
        };
        Ok(FigureSpec::Heat(Heat {
            name,
            x,
            y,
            value: metric(value, table)?,
            panels: self.panels.clone(),
            filters: self.filters.clone(),
            step: self.step,
            direction: self.direction,
            group: self.group,
            ridge: self.ridge,
            pool: self.pool.clone(),
            statistic: self.statistic,
            spread: self.spread,
            x_scale: self.x_scale,
            y_scale: self.y_scale,
            value_scale: self.value_scale,
            levels: self.level.clone(),
        }))
    }

    /// A name made of what is drawn.
    fn usual_name(&self) -> String {
        let words = |text: &Option<String>| {
            let text = text.as_deref().unwrap_or_default();
            let parts = text.split(|c: char| !c.is_alphanumeric() && c != '.');
            let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
            parts.join("-")
        };
        let (x, y) = (words(&self.x), words(&self.y));
        match (&self.value, self.steps.is_empty()) {
            (_, false) => "gradients".to_owned(),
            (Some(_), _) => format!("{}-over-{x}-and-{y}", words(&self.value)),
            (None, _) => format!("{y}-against-{x}"),
        }
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

/// A metric by name; an unknown one is answered with those of the table.
fn metric(name: &str, table: &Table) -> Result<Metric, Failed> {
    name.parse().map_err(|_| {
        Failed::input(ChartError::Unknown {
            kind: "metric",
            name: name.to_owned(),
            known: table.metrics(),
        })
    })
}

/// Metrics with what tells their rows apart, then columns with their values.
fn list(table: &Table) -> Result<String, ChartError> {
    let mut columns = table.columns();
    columns.retain(|name| !["point", "run"].contains(name));
    let read = |name: &&str| Column::read(name, table);
    let columns: Vec<Column> = columns.iter().map(read).collect::<Result<_, _>>()?;
    let mut lines = Vec::new();
    for metric in table.metrics() {
        let rows = || {
            table
                .records
                .iter()
                .filter(|record| record.metric.name() == metric)
        };
        let varies = |column: &&Column| column.values(table, rows()).len() > 1;
        let names = columns.iter().filter(varies);
        let names: Vec<&str> = names.map(|column| column.name.as_str()).collect();
        lines.push(vec![
            metric.clone(),
            rows().count().to_string(),
            names.join(", "),
        ]);
    }
    let metrics = aligned(&["metric", "rows", "varies with"], lines);
    let width = columns.iter().map(|column| column.name.len()).max();
    let width = width.unwrap_or(0).max("column".len());
    let mut list = format!("{metrics}\n{:width$}  values\n", "column");
    for column in &columns {
        let values = column.listed(table, table.records.iter());
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
