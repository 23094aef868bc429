//! The analysis as people read it.

use giantstep::analysis::{
    Answer, Direction, GLOSSARY, GenerativeLeap, Ground, Report, Staircase, Status, TensorEntry,
};
use giantstep_lab::verdicts::{COLUMNS, or, power, rows};

use crate::render::{aligned, number};

/// The most degrees or steps shown; `--json` has all.
const SHOWN: usize = 9;

/// The width of the terminal that is reckoned with.
const WIDTH: usize = 96;

/// The width of the names before the values of a line.
const NAME: usize = 22;

fn or_none<T: ToString>(value: Option<T>) -> String {
    value.map_or("none".to_owned(), |value| value.to_string())
}

pub(super) fn trust(status: Status, tolerance: f64) -> String {
    match status {
        Status::Exact => "exact".to_owned(),
        Status::Certified if tolerance > 0.0 => format!("certified to {tolerance:.0e}"),
        Status::Certified => "certified".to_owned(),
        // Of integrals that are not known at all there is no size that counts.
        Status::Undecided if tolerance > 0.0 && tolerance < 1.0 => {
            format!("undecided at this budget (signals below {tolerance:.0e} count as zero)")
        }
        Status::Undecided => "undecided at this budget".to_owned(),
    }
}

/// Every name that is printed, with its meaning.
pub fn glossary() -> String {
    GLOSSARY
        .iter()
        .map(|(name, meaning)| wrapped(&format!("{name:<28}"), meaning.split(' '), " "))
        .collect()
}

/// The whole answer: a sentence, then the tables.
pub fn shown(report: &Report) -> String {
    let mut text = wrapped("", report.answer().split(' '), " ");
    text.push('\n');
    text.push_str(&left_aligned(&COLUMNS, rows(report)));
    text.push('\n');
    text.push_str(&line("link", &report.link));
    for (name, value) in summary(report) {
        text.push_str(&line(name, &value));
    }
    text.push_str("\nwhat each giant step adds\n");
    text.push_str(&staircases(report));
    text.push_str("\nfloors of the test error\n");
    text.push_str(&floors(report));
    text.push('\n');
    text.push_str(&degrees(report));
    text.push('\n');
    text.push_str(&tensors(report));
    for note in report.activation.warnings.iter().chain(&report.notes) {
        text.push_str(&line("note", note));
    }
    text.trim_end().to_owned() + "\n"
}

/// A name and its value, on as many lines as it takes.
pub(super) fn line(name: &str, value: &str) -> String {
    // The names of directions stay whole.
    let value = value.replace("/sqrt ", "/sqrt\u{a0}");
    wrapped(&format!("{name:<NAME$}"), value.split(' '), " ").replace('\u{a0}', " ")
}

/// `start`, then words; what exceeds the width goes on below the first word. Ends with a line break.
pub(super) fn wrapped<'a>(
    start: &str,
    words: impl Iterator<Item = &'a str>,
    between: &str,
) -> String {
    let indent = start.chars().count();
    let mut text = String::new();
    let mut current = start.to_owned();
    let mut empty = true;
    for word in words {
        let width = current.chars().count() + between.len() + word.chars().count();
        if !empty && width > WIDTH {
            text.push_str((current + between).trim_end());
            text.push('\n');
            current = " ".repeat(indent);
            empty = true;
        }
        if !empty {
            current.push_str(between);
        }
        current.push_str(word);
        empty = false;
    }
    text + current.trim_end() + "\n"
}

/// How far the weakest line can be trusted, and the rest where that is a line on reused batches.
fn decided(report: &Report) -> String {
    let own = trust(report.status, report.tolerance);
    let rank = |status: Status| match status {
        Status::Exact => 0,
        Status::Certified => 1,
        Status::Undecided => 2,
    };
    let weakest = |staircases: &[Staircase]| {
        let worst = staircases.iter().max_by_key(|s| rank(s.status));
        worst.map(|s| (rank(s.status), trust(s.status, s.tolerance)))
    };
    let mut text = own;
    for (what, staircases) in [
        ("fresh steps of the activation", &report.staircase.fresh),
        ("reused batches", &report.staircase.reused),
    ] {
        if let Some((worst, trust)) = weakest(staircases)
            && worst > rank(report.status)
        {
            text.push_str(&format!("; {what}: {trust}"));
        }
    }
    text
}

fn summary(report: &Report) -> Vec<(&'static str, String)> {
    let scale = report.variance.sqrt();
    let mean = Some(report.mean).filter(|mean| mean.abs() > 1e-12 * scale);
    let mut lines = vec![
        ("decided", decided(report)),
        (
            "mean, variance",
            match report.variance.is_nan() {
                true => "unknown".to_owned(),
                false => format!(
                    "{}, {}",
                    number(mean.unwrap_or(0.0)),
                    number(report.variance)
                ),
            },
        ),
    ];
    if let Some(series) = &report.series {
        let share = 100.0 * (1.0 - series.beyond / report.variance.max(1e-300));
        lines.push((
            "Hermite series",
            format!(
                "{} % of the variance up to degree {}",
                number(share),
                series.degree
            ),
        ));
    }
    let names: Vec<&str> = report
        .effective
        .directions
        .iter()
        .map(|d| d.name.as_str())
        .collect();
    lines.push((
        "depends on",
        format!(
            "{} of {} directions: {}",
            report.effective.dimension,
            report.r,
            or_none(Some(names.join(", ")).filter(|names| !names.is_empty()))
        ),
    ));
    let idle: Vec<&str> = report
        .effective
        .idle
        .iter()
        .map(|d| d.name.as_str())
        .collect();
    if !idle.is_empty() {
        lines.push(("but not on", idle.join(", ")));
    }
    let leap = &report.leap;
    lines.push((
        "leap",
        format!(
            "one step {}, isotropic {}, in these coordinates {}",
            or(leap.one_step, "none"),
            or(leap.isotropic, "none"),
            or(leap.coordinate, "none")
        ),
    ));
    let reasons = leap.explanation.iter().flat_map(|text| text.split("; "));
    lines.extend(reasons.map(|reason| ("", reason.to_owned())));
    if let Some(leap) = &report.generative_leap {
        lines.push(("generative leap", generative(leap)));
    }
    if let Some(recovery) = &report.weak_recovery {
        let alpha = recovery.alpha_c.map_or("infinite".to_owned(), |a| {
            format!("{} ± {}", number(a), number(recovery.error))
        });
        lines.push(("weak recovery", format!("alpha_c = {alpha}")));
        if let Some(spectral) = recovery.spectral {
            let (alpha, error) = (number(spectral.alpha_s), number(spectral.error));
            lines.push(("spectral", format!("alpha_s = {alpha} ± {error}")));
        }
    }
    lines
}

/// The generative leap, what it means for the number of samples, and its chain.
fn generative(leap: &GenerativeLeap) -> String {
    let names = |directions: &[Direction]| {
        let names: Vec<&str> = directions.iter().map(|d| d.name.as_str()).collect();
        names.join(", ")
    };
    let open = |ground: Ground, text: &'static str| match ground {
        Ground::Unknown => text,
        _ => "",
    };
    let steps = leap.steps.iter().map(|step| {
        let least = open(step.lower_orders, "at most ");
        let more = open(step.other_directions, ", perhaps more");
        format!("({least}{}: {}{more})", step.order, names(&step.directions))
    });
    let mut chain: Vec<String> = steps.collect();
    if !leap.rest.is_empty() {
        chain.push(format!("(unknown: {})", names(&leap.rest)));
    }
    let chain = chain.join(" ");
    let Some((order, exponent)) = leap.at_most.zip(leap.sample_exponent) else {
        return format!("unknown: {chain}");
    };
    let (most, trust) = match leap.value {
        Answer::At(_) => ("", trust(leap.status, leap.tolerance)),
        _ => ("at most ", "lower orders are open".to_owned()),
    };
    let samples = match exponent {
        1.0 => "d".to_owned(),
        exponent => format!("d^{exponent}"),
    };
    format!("{most}{order}, n ~ {samples}: {chain} ({trust})")
}

/// One line a step: the dimension reached, as a bar, and the new directions.
fn staircases(report: &Report) -> String {
    let fresh = |name: &'static str, staircases: &'_ [Staircase]| {
        let named = staircases.iter().map(|staircase| {
            let n = power(staircase.batch_exponent);
            (format!("{name}, n ~ {n}"), n, staircase.clone())
        });
        named.collect::<Vec<_>>()
    };
    let reused = report.staircase.reused.iter().map(|staircase| {
        let samples = if staircase.order == 1 { "d" } else { "d log d" };
        (
            format!("reused, n ~ {samples}"),
            samples.to_owned(),
            staircase.clone(),
        )
    });
    let own = fresh("fresh", &report.staircase.fresh);
    let generic = fresh("generic", &report.staircase.generic.fresh);
    let differs = std::iter::zip(&own, &generic).any(|(a, b)| a.2.bases != b.2.bases);
    let generic = generic.into_iter().filter(|_| differs);
    // Equal climbs one after another share their lines.
    let mut groups: Vec<(String, Staircase)> = Vec::new();
    for (name, more, staircase) in own.into_iter().chain(generic).chain(reused) {
        match groups.last_mut() {
            Some((names, last))
                if last.bases == staircase.bases
                    && last.status == staircase.status
                    && names[..4] == name[..4] =>
            {
                names.push_str(&format!(", {more}"));
            }
            _ => groups.push((name, staircase)),
        }
    }
    let width = groups
        .iter()
        .map(|(name, _)| name.len() + 2)
        .max()
        .unwrap_or(0)
        .max(NAME);
    let mut text = String::new();
    for (name, staircase) in &groups {
        text.push_str(&climb(name, width, staircase, report.effective.dimension));
    }
    for hard in &report.hard_directions {
        let cost = match (hard.batch_exponent, &report.series) {
            (Answer::At(k), _) => format!("alone from n ~ {}", power(k)),
            (Answer::Unknown, Some(series)) => format!("no sign up to degree {}", series.degree),
            (Answer::Unknown, None) => "alone: unknown".to_owned(),
            (Answer::Never, _) => "at no n".to_owned(),
        };
        let words = [hard.direction.name.as_str(), &cost];
        text.push_str(&wrapped(
            &format!("{:<width$}", "hard for n ~ d"),
            words.into_iter(),
            ": ",
        ));
    }
    text
}

/// The steps of one staircase that add something.
fn climb(name: &str, width: usize, staircase: &Staircase, whole: usize) -> String {
    // Label transformations act from the second step on a batch: a pass.
    let what = if name.starts_with("reused") {
        "pass"
    } else {
        "step"
    };
    let mut text = String::new();
    let mut known = 0;
    let last = staircase.dims.last().copied().unwrap_or(0);
    for (step, (&dimension, names)) in (1..).zip(staircase.dims.iter().zip(&staircase.directions)) {
        if known == last {
            break;
        }
        let eighths = (8 * dimension).div_ceil(whole.max(1)).min(8);
        let bar = " ▁▂▃▄▅▆▇█".chars().nth(eighths).unwrap_or('█');
        let name = if step == 1 { name } else { "" };
        let start = format!("{name:<width$}{what} {step}  {bar}  ");
        let new = names[known..].iter().map(String::as_str);
        let nothing = (dimension == known).then_some("nothing");
        text.push_str(&wrapped(&start, new.chain(nothing), ",  "));
        known = dimension;
    }
    match (known, staircase.status) {
        (0, Status::Undecided) => text = format!("{name:<width$}undecided\n"),
        (0, _) => text = format!("{name:<width$}nothing\n"),
        (some, Status::Undecided) if some < whole => {
            text.push_str(&format!("{:width$}further directions: undecided\n", ""));
        }
        _ => {}
    }
    text
}

/// A number, rounding errors of exact zeros as zero, withdrawn ones as unknown.
fn small(value: f64) -> String {
    if value.is_nan() {
        return "unknown".to_owned();
    }
    number(if value.abs() < 1e-12 { 0.0 } else { value })
}

/// A row of numbers, as many as are shown.
fn row(name: &str, values: impl Iterator<Item = String>, columns: usize) -> Vec<String> {
    let cells = values.chain(std::iter::repeat(String::new())).take(columns);
    std::iter::once(name.to_owned()).chain(cells).collect()
}

fn floors(report: &Report) -> String {
    let columns = report.floors.bounded_width.len().min(SHOWN);
    let steps = (0..columns).map(|t| match t {
        0 => "before".to_owned(),
        t => format!("step {t}"),
    });
    let numbers = |name: &str, floor: &[f64]| row(name, floor.iter().map(|x| small(*x)), columns);
    let mut rows = vec![numbers(
        "bounded width, n ~ d",
        &report.floors.bounded_width,
    )];
    for wide in &report.floors.wide {
        let name = format!("width, n ~ {}", power(wide.kappa));
        rows.push(numbers(&name, &wide.floor));
        let mut both = std::iter::zip(&wide.shared_response, &wide.floor);
        if both.any(|(alike, floor)| small(*alike) != small(*floor)) {
            rows.push(numbers(
                "  neurons that respond alike",
                &wide.shared_response,
            ));
        }
    }
    let rises = |floor: &[f64]| {
        floor
            .windows(2)
            .any(|f| f[1] > f[0] + 1e-9 * report.variance)
    };
    let mut wide = report.floors.wide.iter();
    let note = wide.any(|w| rises(&w.shared_response)).then(|| {
        line(
            "note",
            "neurons that respond alike to what they learnt fit the rest with constant coefficients: that floor may \
             rise with a step",
        )
    });
    table(row("", steps, columns), rows) + &note.unwrap_or_default()
}

/// What depends on the degree: the energy of the link, the floors of kernels, the activation.
fn degrees(report: &Report) -> String {
    let activation = &report.activation;
    let lists = [
        &report.energies,
        &report.kernel_floors,
        &activation.coefficients,
    ];
    let longest = lists.into_iter().map(Vec::len).max().unwrap_or(0);
    let columns = longest.min(SHOWN);
    let from = |skipped: usize, values: &[f64]| -> Vec<String> {
        let blank = std::iter::repeat_n(String::new(), skipped);
        blank.chain(values.iter().map(|x| small(*x))).collect()
    };
    let sigma = &activation.activation;
    let rows = [
        ("energy of the link".to_owned(), from(0, &report.energies)),
        (
            "floor of kernels".to_owned(),
            from(1, &report.kernel_floors),
        ),
        (
            format!("  of features {sigma}"),
            from(1, &activation.kernel_floors),
        ),
        (format!("c_k of {sigma}"), from(0, &activation.coefficients)),
    ];
    let header = row("degree", (0..columns).map(|k| k.to_string()), columns);
    let rows = rows
        .into_iter()
        .map(|(name, cells)| row(&name, cells.into_iter(), columns));
    table(header, rows.collect())
}

fn table(header: Vec<String>, rows: Vec<Vec<String>>) -> String {
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    aligned(&header, rows)
}

/// The Hermite tensors, where asked for; entries that a permutation of indices gives are not repeated.
fn tensors(report: &Report) -> String {
    if report.tensors.is_empty() {
        return String::new();
    }
    let mut text =
        "Hermite tensors T_k = E[g He_k(z)], one entry for all permutations of its index\n"
            .to_owned();
    for tensor in &report.tensors {
        let entry = |entry: &TensorEntry| {
            let index: Vec<String> = entry.index.iter().map(usize::to_string).collect();
            format!("[{}] = {}", index.join(","), number(entry.value))
        };
        let mut entries: Vec<String> = tensor.entries.iter().map(entry).collect();
        if entries.is_empty() {
            entries.push("0".to_owned());
        }
        let start = format!("{:<NAME$}", format!("order {}", tensor.order));
        text.push_str(&wrapped(&start, entries.iter().map(String::as_str), "   "));
    }
    text + "\n"
}

/// A header and lines of cells, all to the left: names of directions may begin with a digit.
fn left_aligned<const N: usize>(header: &[&str; N], lines: Vec<[String; N]>) -> String {
    let header = header.map(str::to_owned);
    let lines: Vec<[String; N]> = std::iter::once(header).chain(lines).collect();
    let columns = N;
    let widths: Vec<usize> = (0..columns)
        .map(|c| {
            lines
                .iter()
                .map(|l| l[c].chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    lines
        .iter()
        .map(|line| {
            let cells = line
                .iter()
                .zip(&widths)
                .map(|(cell, &width)| format!("{cell:<width$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
        })
        .collect()
}
