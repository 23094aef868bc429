//! The papers that an experiment rests on, and for what.

use std::collections::BTreeMap;

use giantstep::batch::EngineKind;
use giantstep::catalogue;
use giantstep::labels::Removal;
use giantstep::references::{REFERENCES, Reference, find, named_in};
use giantstep::train::{BatchPlan, LookaheadKind, Loss};

use crate::outlook::Predicted;
use crate::plan::{FigureSpec, Machine, Plan, Point};

/// A paper, and what it is cited for.
#[derive(Debug, Clone, PartialEq)]
pub struct Citation {
    /// The paper.
    pub reference: &'static Reference,
    /// What of the experiment rests on it, each once.
    pub reasons: Vec<String>,
}

/// The papers behind the targets, protocols, engine, predictions, published values and figures of a plan, in the order
/// of [`REFERENCES`].
pub fn citations(plan: &Plan, machine: Machine, predicted: &Predicted) -> Vec<Citation> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut add = |key: &str, reason: String| {
        let reasons = found.entry(key.to_owned()).or_default();
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    };
    for point in &plan.points {
        for (key, reason) in of_point(point, machine) {
            add(key, reason);
        }
    }
    for foretold in &predicted.foretold {
        for key in &*foretold.prediction.references {
            add(key, format!("prediction: {}", foretold.prediction.source));
        }
    }
    for outlook in &predicted.outlooks {
        for floor in outlook.floors.iter().flatten() {
            for key in &*floor.references {
                add(key, format!("floor: {}", floor.source));
            }
        }
    }
    let published = plan
        .document
        .references()
        .iter()
        .map(|reference| &reference.source);
    let slopes = plan.document.slopes().iter().map(|slope| &slope.source);
    for source in published.chain(slopes) {
        for reference in named_in(source) {
            add(reference.key, format!("published value: {source}"));
        }
    }
    for figure in plan.document.figures() {
        if let FigureSpec::Curves(curves) = figure
            && !curves.kernel_degrees.is_empty()
        {
            for key in ["1904.12191", "2101.10588"] {
                add(key, format!("figure {}: kernel lines", curves.name));
            }
        }
    }
    let known = REFERENCES.iter().filter_map(|reference| {
        let reasons = found.remove(reference.key)?;
        Some(Citation { reference, reasons })
    });
    known.collect()
}

/// Target, protocol and engine of one point.
fn of_point(point: &Point, machine: Machine) -> Vec<(&'static str, String)> {
    let experiment = &point.checked.setup.experiment;
    let protocol = &experiment.protocol;
    let mut cited = vec![(
        "2305.18270",
        "protocol: giant steps, then a ridge readout".to_owned(),
    )];
    let link = experiment.target.link.expr();
    for target in catalogue::all() {
        let same =
            giantstep::expr::Link::parse(target.link, None).is_ok_and(|known| known.expr() == link);
        if same {
            let reason = format!("target {}: {}", target.name, target.shows);
            let papers = named_in(target.source).into_iter();
            let old = find("saad-solla-1995").filter(|_| target.source.contains("Saad and Solla"));
            cited.extend(papers.chain(old).map(|paper| (paper.key, reason.clone())));
        }
    }
    let mut protocol_of = |key, reason: &str| cited.push((key, format!("protocol: {reason}")));
    if matches!(protocol.plan, BatchPlan::Reused { steps } if steps > 1) {
        protocol_of("2402.03220", "a batch used again");
    }
    match protocol.lookahead.map(|lookahead| lookahead.kind) {
        Some(LookaheadKind::Extragradient) => {
            protocol_of("2405.15459", "a sample used twice, extragradient")
        }
        Some(LookaheadKind::SharpnessAware) => {
            protocol_of("2405.15459", "a sample used twice, sharpness-aware")
        }
        None => {}
    }
    if matches!(protocol.loss, Loss::Correlation | Loss::CorrelationUntil(_)) {
        protocol_of("2406.02157", "correlation loss");
    }
    if protocol.removal == Removal::MeanAndLinear {
        protocol_of("2206.15144", "mean and linear part removed from the labels");
    }
    if point
        .cost(machine)
        .is_ok_and(|cost| cost.engine == EngineKind::InLaw)
    {
        cited.push((
            "bartlett-1933",
            "engine: Wishart factors of the in-law engine".to_owned(),
        ));
    }
    cited
}

/// The citations for people.
pub fn text(citations: &[Citation]) -> String {
    let entry = |citation: &Citation| {
        let reasons = citation
            .reasons
            .iter()
            .map(|reason| format!("    {reason}\n"));
        format!("{}\n{}", citation.reference, reasons.collect::<String>())
    };
    citations.iter().map(entry).collect()
}

/// The citations as a BibTeX file.
pub fn bibtex(citations: &[Citation]) -> String {
    let entry = |citation: &Citation| {
        let reference = citation.reference;
        let place = match reference.published {
            None => format!(
                "  eprint = {{{}}},\n  archiveprefix = {{arXiv}},\n",
                reference.key
            ),
            Some(published) => format!("  howpublished = {{{published}}},\n"),
        };
        format!(
            "@misc{{{},\n  author = {{{}}},\n  title = {{{{{}}}}},\n{place}}}\n",
            reference.key, reference.authors, reference.title
        )
    };
    citations.iter().map(entry).collect::<Vec<_>>().join("\n")
}
