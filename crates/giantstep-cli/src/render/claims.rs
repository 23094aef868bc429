//! The ledger for people: text for the terminal, and one HTML page with every figure and number.

use giantstep_lab::claims::{
    Checked, Countered, Entry, Estimate, Judgement, Rule, STANDARD_ERRORS, Verdict,
};

use crate::render::{self, number};

/// Half the width of a 95 % interval in standard errors.
const NINETY_FIVE: f64 = 1.96;

const HEADER: [&str; 7] = [
    "check",
    "predicted",
    "measured",
    "95 %",
    "counter-claim",
    "it is",
    "verdict",
];

/// One claim as text: the statement, its checks, what was found.
pub fn text(entry: &Entry) -> String {
    let checks = entry.checks.iter().map(cells);
    let mut text = format!("{}: {}\n", entry.name, entry.statement);
    text.push_str(&render::aligned(&HEADER, checks));
    text.push_str(&format!(
        "{}, {} runs in {}\n",
        entry.verdict.name(),
        entry.runs,
        render::seconds(entry.seconds)
    ));
    text
}

/// The last lines: how many claims passed.
pub fn summary(entries: &[Entry]) -> String {
    let count = |verdict| entries.iter().filter(|e| e.verdict == verdict).count();
    let seconds = entries.iter().map(|entry| entry.seconds).sum();
    format!(
        "{} claims: {} pass, {} undecided, {} fail, in {}",
        entries.len(),
        count(Verdict::Pass),
        count(Verdict::Undecided),
        count(Verdict::Fails),
        render::seconds(seconds)
    )
}

fn cells(check: &Checked) -> Vec<String> {
    vec![
        check.says.clone(),
        predicted(check.rule, check.predicted, check.margin, &check.origin),
        measured(&check.measured),
        format!("± {}", rounded(NINETY_FIVE * check.measured.stderr)),
        countered(check.rule, &check.counter),
        match check.counter.judgement {
            Judgement::Rejected => "rejected".to_owned(),
            Judgement::Accepted => "ACCEPTED".to_owned(),
            Judgement::Open => "OPEN".to_owned(),
        },
        check.verdict.name().to_owned(),
    ]
}

fn predicted(rule: Rule, value: f64, margin: f64, origin: &str) -> String {
    let mut text = format!("{}{}", rule.sign(), number(value));
    if margin > 0.0 {
        text.push_str(&format!(" ± {}", rounded(margin)));
    }
    if !origin.is_empty() {
        text.push_str(&format!(" ({origin})"));
    }
    text
}

fn measured(estimate: &Estimate) -> String {
    let value = number(estimate.value);
    match estimate.range {
        None => value,
        Some((from, to)) => format!("{value} over {} to {}", number(from), number(to)),
    }
}

fn countered(rule: Rule, counter: &Countered) -> String {
    let value = format!("{}{}", rule.sign(), number(counter.predicted));
    match counter.says.strip_prefix("of ") {
        Some(control) => format!("{control}: {}", number(counter.measured.value)),
        None if counter.says.is_empty() => value,
        None => format!("{value} ({})", counter.says),
    }
}

/// Two significant digits: enough for an error.
fn rounded(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return number(value);
    }
    let digits = 10_f64.powi(1 - value.abs().log10().floor() as i32);
    number((value * digits).round() / digits)
}

/// The page: a self-contained HTML document with all checks, figures and means.
pub fn html(entries: &[Entry], scale: &str) -> String {
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Claims</title>\
         <style>{STYLE}</style></head><body>\n<h1>Claims, measured</h1>\n<p>{} ({scale}).</p>\n\
         <p>A measured number stands for the interval of {STANDARD_ERRORS} standard errors to both sides. \
         <i>Equal</i>: the interval, widened by the margin after ±, contains the prediction; ≤ and ≥: all of it \
         lies on that side. A check passes if the rule accepts the claim and rejects the counter-claim; a claim \
         passes if all its checks do.</p>\n",
        escaped(&summary(entries))
    );
    let lines = entries.iter().map(|entry| {
        vec![
            format!("<a href=\"#{0}\">{0}</a>", entry.name),
            escaped(&entry.statement),
            mark(entry.verdict),
        ]
    });
    page.push_str(&table(&["claim", "statement", "verdict"], lines));
    for entry in entries {
        page.push_str(&section(entry));
    }
    page.push_str("</body></html>\n");
    page
}

const STYLE: &str = "body{font:16px/1.5 sans-serif;max-width:72em;margin:2em auto;padding:0 1em}\
    table{border-collapse:collapse;margin:1em 0}td,th{padding:.2em .8em .2em 0;text-align:left;vertical-align:top}\
    th{border-bottom:1px solid}svg{max-width:100%;height:auto}\
    .pass{color:#00734f}.other{color:#b3261e;font-weight:bold}pre{overflow-x:auto;font-size:13px}";

fn section(entry: &Entry) -> String {
    let mut text = format!(
        "<h2 id=\"{0}\">{0}: {1}</h2>\n<p>{2}</p>\n<p>Source: {3}</p>\n",
        entry.name,
        mark(entry.verdict),
        escaped(&entry.statement),
        escaped(&entry.source)
    );
    if !entry.found.is_empty() {
        text.push_str(&format!("<p>Found: {}</p>\n", escaped(&entry.found)));
    }
    let lines = entry.checks.iter().map(|check| {
        let mut cells: Vec<String> = cells(check).iter().map(|cell| escaped(cell)).collect();
        let says = format!(
            "{}<br><small>{}</small>",
            cells[0],
            escaped(&check.statistic)
        );
        let last = cells.len() - 1;
        (cells[0], cells[last]) = (says, mark(check.verdict));
        cells
    });
    text.push_str(&table(&HEADER, lines));
    for figure in &entry.figures {
        text.push_str(&format!("<p>{figure}</p>\n"));
    }
    text.push_str(&format!(
        "<details><summary>Means over seeds of {} runs, {}</summary><pre>{}{}</pre></details>\n",
        entry.runs,
        render::seconds(entry.seconds),
        escaped(&entry.labels),
        escaped(&render::results(&entry.rows))
    ));
    text
}

fn mark(verdict: Verdict) -> String {
    let class = match verdict {
        Verdict::Pass => "pass",
        Verdict::Undecided | Verdict::Fails => "other",
    };
    format!("<span class=\"{class}\">{}</span>", verdict.name())
}

/// Cells are HTML.
fn table(header: &[&str], lines: impl Iterator<Item = Vec<String>>) -> String {
    let row = |tag: &str, cells: &mut dyn Iterator<Item = String>| {
        let cells: String = cells.map(|c| format!("<{tag}>{c}</{tag}>")).collect();
        format!("<tr>{cells}</tr>\n")
    };
    let head = row("th", &mut header.iter().map(|cell| (*cell).to_owned()));
    let body: String = lines
        .map(|cells| row("td", &mut cells.into_iter()))
        .collect();
    format!("<table>\n{head}{body}</table>\n")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
