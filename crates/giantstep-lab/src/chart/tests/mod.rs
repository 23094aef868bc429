//! Figures of small tables: what is refused, what is told apart, and what is drawn by default.

mod drawn;
mod refused;
mod usual;

use giantstep::metric::Metric;
use giantstep_figure::{Figure, Geometry, Mark, Panel};

use super::check::expected;
use super::{ChartError, check, figures};
use crate::outlook::{Ask, Predicted};
use crate::plan::{Plan, Wanted};
use crate::remedy::Remedied;
use crate::table::Table;
use crate::work::{Asked, Session};

const FILE: &str = r#"
target.link = "z1 + z1*z2"
network.width = 6
protocol = { dimension = 20, steps = 2, batch = "d", step_size = "p" }
evaluation.metrics = ["test_error", "weight_cosine", "gradient_cosine", "neurons"]
sweep = [
    { key = "target.link", values = ["z1 + z1*z2", "z1*z2"] },
    { key = "protocol.dimension", values = [20, 40, 80] },
]
"#;

fn read(text: &str) -> Plan {
    Plan::read(text, "test", &[], crate::plan::Scale::Full).unwrap()
}

fn plan(more: &str) -> Plan {
    read(&format!("{FILE}\n{more}"))
}

/// A plan of one figure of curves: alignment against d.
fn curves(keys: &str) -> Plan {
    plan(&format!(
        "[[figure]]\nkind = \"curves\"\nname = \"f\"\nx = \"d\"\ny = \"weight_alignment\"\n{keys}"
    ))
}

/// The message and the remedy of what is refused.
fn refused(plan: &Plan) -> String {
    let error = check(plan).expect_err("to be refused");
    let remedy = error.remedy().map(|remedy| format!("{remedy:?}"));
    format!("{error}\n{}", remedy.unwrap_or_default())
}

fn marks(panel: &Panel, of: fn(&Geometry) -> bool) -> Vec<&Mark> {
    panel
        .marks
        .iter()
        .filter(|mark| of(&mark.geometry))
        .collect()
}

fn is_line(geometry: &Geometry) -> bool {
    matches!(geometry, Geometry::Line { .. })
}

fn is_points(geometry: &Geometry) -> bool {
    matches!(geometry, Geometry::Points { .. })
}

fn rows(plan: &Plan, metrics: &[Metric]) -> Table {
    let records = metrics
        .iter()
        .flat_map(|metric| expected(plan, *metric, &[]).records);
    Table::of(plan).with(records.collect())
}

/// What is predicted of a plan without samples.
fn predicted(plan: &Plan) -> Predicted {
    let asked = Asked::default();
    let session = Session::alone(1, &asked);
    Predicted::of(plan, Ask::new(Wanted::Quick), &session)
}

/// The figures of a plan by name.
fn drawn(
    plan: &Plan,
    table: &Table,
    predicted: &Predicted,
) -> Vec<(String, Result<Figure, ChartError>)> {
    let asked = Asked::default();
    let session = Session::alone(1, &asked);
    let mut all = Vec::new();
    figures(plan, table, predicted, &session, &mut |name, figure| {
        all.push((name.to_owned(), figure));
    });
    all
}
