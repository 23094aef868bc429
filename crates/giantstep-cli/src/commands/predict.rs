//! `giantstep predict FILE`: what theory says of an experiment, without running it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use giantstep::theory::{Floor, FloorKind, Spread};

use super::print;
use crate::failed::Failed;
use crate::launch;
use crate::note::note;
use crate::progress::Progress;
use crate::render::compare::{absent, status};
use crate::render::{aligned, number};
use crate::signals::{Kept, ended, listen};
use giantstep::ranks::Alone;
use giantstep_lab::chart::{check, figures};
use giantstep_lab::document::predictions;
use giantstep_lab::fence::fenced;
use giantstep_lab::files::{prepare_folder, save_figure};
use giantstep_lab::keep::Shelf;
use giantstep_lab::outlook::{Ask, Foretold, Predicted};
use giantstep_lab::plan::{Plan, PlanError, Point, Scale, Wanted};
use giantstep_lab::report::settings_in_words;
use giantstep_lab::table::{SIZES, Table};

/// `giantstep predict FILE [--set key=value ...] [--out DIR] [--json]`
#[derive(Debug, Args)]
pub struct Predict {
    /// The experiment file (TOML); `giantstep schema` lists its keys.
    file: PathBuf,
    /// With the changes of the file's [quick] table.
    #[arg(long)]
    quick: bool,
    /// Set a key of the file, such as protocol.dimension=512; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// The folder for figures; by default results/NAME-theory.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print one JSON document instead of tables.
    #[arg(long)]
    json: bool,
    /// All predictions, with averages sampled where they are no integrals, as long as they take.
    #[arg(long)]
    all: bool,
    /// Seconds after which what is not known by then is left out; by default 10, with --all none.
    #[arg(long, value_name = "S")]
    timeout: Option<f64>,
}

impl Predict {
    pub(super) fn execute(self) -> Result<(), Failed> {
        let text = std::fs::read_to_string(&self.file).map_err(|source| {
            Failed::input(PlanError::Read {
                path: self.file.clone(),
                source,
            })
        })?;
        let scale = if self.quick {
            Scale::Quick
        } else {
            Scale::Full
        };
        let origin = self.file.display().to_string();
        let plan = Plan::read(&text, &origin, &self.overrides, scale).map_err(Failed::input)?;
        check(&plan).map_err(Failed::input)?;
        let name = plan
            .points
            .first()
            .map_or("experiment", |point| &point.checked.name);
        let folder = self
            .out
            .clone()
            .unwrap_or_else(|| Path::new("results").join(format!("{name}-theory")));
        prepare_folder(&folder).map_err(Failed::input)?;
        let wanted = match (self.all, plan.document.predictions()) {
            (true, _) | (false, Wanted::All) => Wanted::All,
            (false, Wanted::Patient) => Wanted::Patient,
            (false, Wanted::None | Wanted::Quick) => Wanted::Quick,
        };
        let shelf = Shelf::of(&folder);
        let mut ask = Ask::new(wanted).kept(&shelf);
        if let Some(seconds) = self.timeout {
            let time = Duration::try_from_secs_f64(seconds)
                .map_err(|error| Failed::Input(format!("--timeout: {seconds}: {error}")))?;
            ask = ask.within(time);
        }
        let asked = listen(Kept::Known)?;
        let progress = Progress::visible();
        let session = launch::session(&asked, &progress, &Alone);
        let predicted = fenced(|| Predicted::of(&plan, ask, &session)).map_err(Failed::work)?;
        let mut files = Vec::new();
        let (table, mut unsaved) = (Table::of(&plan), Ok(()));
        let mut taken = |name: &str, figure| match figure {
            Ok(figure) => match save_figure(&figure, &folder, name) {
                Ok(saved) => files.extend(saved),
                Err(error) => unsaved = Err(Failed::work(error)),
            },
            Err(error) => note(format_args!(
                "note: the figure {name} is not drawn: {error}"
            )),
        };
        fenced(|| figures(&plan, &table, &predicted, &session, &mut taken))
            .map_err(Failed::work)?;
        unsaved?;
        match self.json {
            true => {
                let document = predictions(&plan, &predicted, &files).map_err(Failed::work)?;
                print(&format!("{document:#}\n"))?;
            }
            false => print(&tables(&plan, &predicted, &files))?,
        }
        ended(&asked)
    }
}

/// The predictions for people: values, the grounds of each, floors, and what has no prediction.
fn tables(plan: &Plan, predicted: &Predicted, files: &[PathBuf]) -> String {
    let mut text = plan
        .document
        .title()
        .map_or(String::new(), |title| format!("{title}\n\n"));
    text.push_str(&settings_in_words(plan));
    let table = Table::of(plan);
    let mut keys = table.keys();
    keys.retain(|key| !SIZES.contains(key));
    let mut grounds = Vec::new();
    let lines = predicted.foretold.iter().map(|foretold| {
        let prediction = &foretold.prediction;
        let of = (
            status(prediction.status),
            &*prediction.source,
            &*prediction.regime,
        );
        let ground = ground(&mut grounds, of);
        line(&table, &keys, foretold, ground)
    });
    let lines: Vec<Vec<String>> = lines.collect();
    text.push_str(&aligned_without_empty(&header(&keys), lines));
    let bounds = floors(plan, predicted, &mut grounds);
    let mut numbered = String::new();
    for (index, (status, source, regime)) in grounds.iter().enumerate() {
        numbered.push_str(&format!(
            "[{}] {status}: {source}\n    {regime}\n",
            index + 1
        ));
    }
    for part in [bounds, numbered, absent(plan, predicted)] {
        if !part.is_empty() {
            text.push_str(&format!("\n{part}"));
        }
    }
    text.push('\n');
    for file in files {
        text.push_str(&format!("{}\n", file.display()));
    }
    text
}

/// Status, source and regime.
type Ground<'a> = (&'static str, &'a str, &'a str);

/// The number of these grounds in the list, from 1.
fn ground<'a>(known: &mut Vec<Ground<'a>>, new: Ground<'a>) -> usize {
    let place = known.iter().position(|ground| *ground == new);
    place.unwrap_or_else(|| {
        known.push(new);
        known.len() - 1
    }) + 1
}

fn header(keys: &[&str]) -> Vec<String> {
    let after = [
        "step",
        "metric",
        "direction",
        "group",
        "ridge",
        "rank",
        "predicted",
        "error",
        "spread",
        "grounds",
    ];
    let names = ["n", "d", "p"].iter().chain(keys).chain(&after);
    names.map(|name| (*name).to_owned()).collect()
}

fn line(table: &Table, keys: &[&str], foretold: &Foretold, ground: usize) -> Vec<String> {
    let Foretold { record, prediction } = foretold;
    let place = |column: &&str| table.number(record, column).map(number);
    let places = ["n", "d", "p"].iter().chain(keys).map(place);
    let mut cells: Vec<String> = places.map(Option::unwrap_or_default).collect();
    cells.extend([
        record.step.to_string(),
        record.metric.to_string(),
        record.direction.map(|k| k.to_string()).unwrap_or_default(),
        record
            .group
            .map(|group| group.to_string())
            .unwrap_or_default(),
        record.ridge.map(number).unwrap_or_default(),
        record.rank.map(|rank| rank.to_string()).unwrap_or_default(),
        number(record.value),
        prediction.standard_error.map(number).unwrap_or_default(),
        spread(prediction.spread.as_ref()),
        format!("{} [{ground}]", status(prediction.status)),
    ]);
    cells
}

/// `± 0.01` for one standard deviation over seeds, `0.1 .. 0.9` for the 5 and 95 % quantiles over neurons.
fn spread(spread: Option<&Spread>) -> String {
    match spread {
        None => String::new(),
        Some(Spread::Fluctuation(sd)) => format!("± {}", number(*sd)),
        Some(Spread::Quantiles(quantiles)) => match quantiles.as_slice() {
            [(_, low), .., (_, high)] => format!("{} .. {}", number(*low), number(*high)),
            _ => String::new(),
        },
    }
}

/// A table without the columns that are empty in every line.
fn aligned_without_empty(header: &[String], lines: Vec<Vec<String>>) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let filled = |column: usize| lines.iter().any(|line| !line[column].is_empty());
    let kept: Vec<usize> = (0..header.len()).filter(|column| filled(*column)).collect();
    let names: Vec<&str> = kept.iter().map(|column| header[*column].as_str()).collect();
    let lines = lines
        .iter()
        .map(|line| kept.iter().map(|column| line[*column].clone()).collect());
    aligned(&names, lines)
}

/// Kernel lines and floors, each target once.
fn floors<'a>(plan: &Plan, predicted: &'a Predicted, grounds: &mut Vec<Ground<'a>>) -> String {
    let mut lines: Vec<Vec<String>> = Vec::new();
    let mut notes: Vec<String> = Vec::new();
    for (point, outlook) in plan.points.iter().zip(&predicted.outlooks) {
        let floors = match &outlook.floors {
            Ok(floors) => floors,
            Err(reason) => {
                let note = format!("no floors of {}: {reason}\n", learnt(point));
                if !notes.contains(&note) {
                    notes.push(note);
                }
                continue;
            }
        };
        for floor in floors {
            let status = status(floor.status);
            let ground = ground(grounds, (status, &*floor.source, &*floor.regime));
            let line = vec![
                learnt(point).to_owned(),
                kind(floor),
                floor.step.map(|step| step.to_string()).unwrap_or_default(),
                number(floor.value),
                format!("{status} [{ground}]"),
            ];
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    let header = ["target", "floor of", "step", "test error ≥", "grounds"];
    let header = header.map(str::to_owned);
    aligned_without_empty(&header, lines) + &notes.concat()
}

/// The link, as it was typed.
fn learnt(point: &Point) -> &str {
    let link = point.spec.target.link.as_deref();
    link.unwrap_or("labels that are given")
}

fn kind(floor: &Floor) -> String {
    match floor.kind {
        FloorKind::Kernel(degree) => format!("kernels of degree {degree}"),
        FloorKind::Features(degree) => format!("features of degree {degree}"),
        FloorKind::BoundedWidth => "bounded width".to_owned(),
        FloorKind::Wide(kappa) => format!("width ~ d^{kappa}"),
        FloorKind::WideAlike(kappa) => format!("width ~ d^{kappa}, neurons alike"),
    }
}
