//! `giantstep analyze LINK`: what giant steps can and cannot learn of a target.

use std::path::{Path, PathBuf};

use clap::Args;
use giantstep::activation::Activation;
use giantstep::analysis::{AnalysisOptions, Report, Staircase, Status, analyze};
use giantstep::catalogue;
use giantstep::expr::Link;

use super::{Failed, print};
use crate::figure::{Axis, Colour, Figure, Legend, Mark, Panel};
use crate::output::prepare_folder;
use crate::terminal::{aligned, number};

/// `giantstep analyze LINK [--activation EXPR] [--json]`
#[derive(Debug, Args)]
pub struct Analyze {
    /// A link such as "z1 + z1*z2", or the name of a target of the catalogue (--list).
    #[arg(required_unless_present = "list")]
    link: Option<String>,
    /// The activation of the student.
    #[arg(long, default_value = "relu(x)")]
    activation: String,
    /// The number of directions, if larger than the largest index in the link.
    #[arg(long)]
    r: Option<usize>,
    /// The number of steps listed.
    #[arg(long)]
    steps: Option<usize>,
    /// Write the staircase as SVG and PNG into this folder.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print one JSON document: a stable interface.
    #[arg(long)]
    json: bool,
    /// List the targets of the catalogue.
    #[arg(long)]
    list: bool,
}

impl Analyze {
    pub(super) fn execute(self) -> Result<(), Failed> {
        if self.list {
            return print(&list());
        }
        let typed = self.link.unwrap_or_default();
        let text = catalogue::find(&typed).map_or(typed.as_str(), |target| target.link);
        let link = Link::parse(text, self.r)
            .map_err(|error| Failed::Input(format!("the link `{text}`: {error}")))?;
        let activation = Activation::parse(&self.activation)
            .map_err(|error| Failed::Input(format!("--activation: {error}")))?;
        let options = AnalysisOptions {
            steps: self.steps,
            ..AnalysisOptions::default()
        };
        let report = analyze(&link, &activation, options).map_err(Failed::input)?;
        let mut files = Vec::new();
        if let Some(folder) = &self.out {
            prepare_folder(folder).map_err(Failed::input)?;
            files = draw(&report, folder)?;
        }
        if self.json {
            let json = serde_json::to_string_pretty(&report).map_err(Failed::work)?;
            return print(&format!("{json}\n"));
        }
        let mut text = shown(&report);
        for file in files {
            text.push_str(&format!("{}\n", file.display()));
        }
        print(&text)
    }
}

fn list() -> String {
    let lines = catalogue::all().iter().map(|target| {
        vec![
            target.name.to_owned(),
            target.link.to_owned(),
            target.source.to_owned(),
        ]
    });
    aligned(&["name", "link", "source"], lines)
}

/// The most numbers of a list that are shown; `--json` has all.
const SHOWN: usize = 9;

/// Numbers in a row, rounding errors of exact zeros as zeros.
fn list_of(values: &[f64]) -> String {
    let one = |value: &f64| match value.abs() < 1e-12 {
        true => "0".to_owned(),
        false => number(*value),
    };
    let shown: Vec<String> = values.iter().take(SHOWN).map(one).collect();
    let more = if values.len() > SHOWN { "  ..." } else { "" };
    shown.join("  ") + more
}

fn or_none<T: ToString>(value: Option<T>) -> String {
    value.map_or("none".to_owned(), |value| value.to_string())
}

fn trust(status: Status, tolerance: f64) -> String {
    match status {
        Status::Exact => "exact".to_owned(),
        Status::Certified => format!("certified to {tolerance:.0e}"),
        Status::Undecided => format!("undecided at this budget (signals below {tolerance:.0e})"),
    }
}

fn shown(report: &Report) -> String {
    let mut text = format!("{}\n\n", report.link);
    let mut line = |name: &str, value: String| text.push_str(&format!("{name:<22}{value}\n"));
    line("decided", trust(report.status, report.tolerance));
    line(
        "mean, variance",
        format!("{}, {}", number(report.mean), number(report.variance)),
    );
    line("energy by degree", list_of(&report.energies));
    let names = report
        .effective
        .directions
        .iter()
        .map(|d| d.name.clone())
        .collect::<Vec<_>>();
    line(
        "depends on",
        format!(
            "{} of {} directions: {}",
            report.effective.dimension,
            report.r,
            names.join(", ")
        ),
    );
    let leap = &report.leap;
    line(
        "leap",
        format!(
            "one step {}, isotropic {}, in these coordinates {}",
            or_none(leap.one_step),
            or_none(leap.isotropic),
            or_none(leap.coordinate)
        ),
    );
    if let Some(explanation) = &leap.explanation {
        line("", explanation.clone());
    }
    if let Some(exponent) = &report.generative_exponent {
        line(
            "generative exponent",
            format!(
                "{} ({})",
                exponent.value,
                trust(exponent.status, report.tolerance)
            ),
        );
    }
    if let Some(recovery) = &report.weak_recovery {
        let alpha = recovery.alpha_c.map_or("infinite".to_owned(), |a| {
            format!("{} ± {}", number(a), number(recovery.error))
        });
        line("weak recovery", format!("alpha_c = {alpha}"));
    }
    text.push('\n');
    text.push_str(&staircases(report));
    text.push_str("\nfloors of the test error before the first and after each step\n");
    let mut floors = vec![vec![
        "bounded width, n ~ d".to_owned(),
        list_of(&report.floors.bounded_width),
    ]];
    for wide in &report.floors.wide {
        floors.push(vec![
            format!("width, n ~ d^{}", wide.kappa),
            list_of(&wide.floor),
        ]);
        floors.push(vec![
            "  one response".to_owned(),
            list_of(&wide.shared_response),
        ]);
    }
    floors.push(vec![
        "kernels, degree 1, 2, ...".to_owned(),
        list_of(&report.kernel_floors),
    ]);
    floors.push(vec![
        format!("  features {}", report.activation.activation),
        list_of(&report.activation.kernel_floors),
    ]);
    text.push_str(&plain(floors));
    text.push_str(&format!(
        "\nactivation {}: c_k = {}\n",
        report.activation.activation,
        list_of(&report.activation.coefficients)
    ));
    for warning in report.activation.warnings.iter().chain(&report.notes) {
        text.push_str(&format!("note: {warning}\n"));
    }
    text.push('\n');
    text.push_str(&verdicts(report));
    text
}

/// Lines of left-aligned cells.
fn plain(lines: Vec<Vec<String>>) -> String {
    let width = lines
        .iter()
        .map(|line| line[0].chars().count())
        .max()
        .unwrap_or(0);
    lines
        .iter()
        .map(|line| format!("{:<width$}  {}\n", line[0], line[1..].join("  ")))
        .collect()
}

fn staircases(report: &Report) -> String {
    let named = |what: &str, staircase: &Staircase| {
        let mut steps = Vec::new();
        let mut known = 0;
        for (step, (dimension, names)) in
            staircase.dims.iter().zip(&staircase.directions).enumerate()
        {
            // A step that adds nothing ends the climb.
            if *dimension == known {
                break;
            }
            steps.push(format!(
                "{} {} [{}]",
                "▁▂▃▄▅▆▇█".chars().nth(dimension.min(&8) - 1).unwrap_or('█'),
                step + 1,
                names.join(", ")
            ));
            known = *dimension;
        }
        let climb = if steps.is_empty() {
            "nothing".to_owned()
        } else {
            steps.join("  ")
        };
        vec![what.to_owned(), climb]
    };
    let mut lines = Vec::new();
    for staircase in &report.staircase.fresh {
        lines.push(named(
            &format!("fresh, n ~ d^{}", staircase.batch_exponent),
            staircase,
        ));
    }
    for staircase in &report.staircase.reused {
        lines.push(named(
            &format!("reused, order {}", staircase.order),
            staircase,
        ));
    }
    for hard in &report.hard_directions {
        let exponent = hard
            .batch_exponent
            .map_or("no power of d up to 20".to_owned(), |k| {
                format!("n ~ d^{k}")
            });
        lines.push(vec![
            format!("hard: {}", hard.direction.name),
            format!("one step with {exponent}"),
        ]);
    }
    format!(
        "the staircase: subspaces after each giant step\n{}",
        plain(lines)
    )
}

fn verdicts(report: &Report) -> String {
    let header = [
        "direction",
        "n ~ d, fresh",
        "one step, n ~ d^2",
        "n ~ d^2, fresh",
        "one step needs",
        "batches reused",
        "kernels",
    ];
    let step = |step: Option<usize>| step.map_or("never".to_owned(), |step| format!("step {step}"));
    let lines = report.verdicts.iter().map(|verdict| {
        vec![
            verdict.direction.name.clone(),
            step(verdict.giant_steps),
            if verdict.one_step_quadratic {
                "learnt"
            } else {
                "not learnt"
            }
            .to_owned(),
            step(verdict.quadratic_steps),
            verdict
                .one_step_exponent
                .map_or("-".to_owned(), |k| format!("d^{k}")),
            match (verdict.reused_step, verdict.reused_order) {
                (Some(pass), Some(1)) => format!("pass {pass}"),
                (Some(_), Some(_)) => "d log d samples".to_owned(),
                _ => "never".to_owned(),
            },
            match (verdict.kernel_first, verdict.kernel_last) {
                (Some(first), Some(last)) if first == last => format!("d^{first}"),
                (Some(first), Some(last)) => format!("d^{first} to d^{last}"),
                (Some(first), None) => format!("from d^{first}"),
                _ => "-".to_owned(),
            },
        ]
    });
    aligned(&header, lines)
}

/// The dimension learnt and the floor of the error, step by step.
fn draw(report: &Report, folder: &Path) -> Result<Vec<PathBuf>, Failed> {
    let climbs = report.staircase.fresh.iter().map(|staircase| {
        let dims: Vec<f64> = std::iter::once(0.0)
            .chain(staircase.dims.iter().map(|d| *d as f64))
            .collect();
        let steps: Vec<f64> = (0..dims.len()).map(|t| t as f64).collect();
        (staircase.batch_exponent, steps, dims)
    });
    let mut dimension = Panel::new(
        Axis::linear("giant step"),
        Axis::linear("directions learnt").from_to(0.0, report.r.max(1) as f64 + 0.3),
    );
    for (index, (exponent, steps, dims)) in climbs.enumerate() {
        let label = if exponent == 1 {
            "𝑛 ~ 𝑑".to_owned()
        } else {
            format!("𝑛 ~ 𝑑^{exponent}")
        };
        // Apart by a little, so that equal climbs are both seen.
        let dims: Vec<f64> = dims.iter().map(|d| d + 0.06 * index as f64).collect();
        dimension = dimension.with(
            Mark::staircase(steps, dims)
                .coloured(Colour::cycle(index))
                .labelled(label),
        );
    }
    let floor = &report.floors.bounded_width;
    let steps = (0..floor.len()).map(|t| t as f64);
    let mut error = Panel::new(
        Axis::linear("giant step"),
        Axis::linear("floor of the test error").from_to(0.0, 1.05 * report.variance.max(1e-12)),
    )
    .with(
        Mark::staircase(steps, floor.clone())
            .coloured(Colour::BLUE)
            .labelled("bounded width, 𝑛 ~ 𝑑"),
    );
    if let Some(linear) = report.kernel_floors.first() {
        error = error.with(
            Mark::horizontal(*linear)
                .dashed()
                .coloured(Colour::GREY)
                .labelled("linear kernel"),
        );
    }
    let figure = Figure::new([dimension.legend(Legend::Below), error]);
    Ok(figure
        .save(folder, "staircase")
        .map_err(Failed::work)?
        .to_vec())
}
