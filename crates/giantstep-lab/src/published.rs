//! Published values beside what was measured.

use std::collections::BTreeMap;

use crate::plan::{Plan, Reference};
use crate::table::{Record, Row, Table, aggregate};

/// A published or predicted value beside the measured one.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Comparison {
    /// What was published or predicted.
    #[serde(flatten)]
    pub reference: Reference,
    /// The mean measured, if the point was run; of steps between two values only if all runs have come to the second.
    pub measured: Option<f64>,
    /// Its standard error.
    pub stderr: Option<f64>,
    /// Whether the measured mean lies within the tolerance.
    pub within: Option<bool>,
}

/// The references of a plan beside what was measured: a table and its means over seeds.
pub fn comparisons(plan: &Plan, table: &Table, rows: &[Row]) -> Vec<Comparison> {
    let compare = |reference: &Reference| {
        let measured = match reference.between {
            None => at_step(reference, plan, rows),
            Some(levels) => between(levels, reference, plan, table),
        };
        let mean = measured.map(|(mean, _)| mean);
        Comparison {
            reference: reference.clone(),
            measured: mean,
            stderr: measured.and_then(|(_, stderr)| stderr),
            within: mean.map(|mean| (mean - reference.value).abs() <= reference.tolerance),
        }
    };
    plan.document.references().iter().map(compare).collect()
}

fn at_step(reference: &Reference, plan: &Plan, rows: &[Row]) -> Option<(f64, Option<f64>)> {
    let points = plan.points_at(&reference.at);
    let fits = |row: &&Row| {
        points.contains(&row.point)
            && row.step == reference.step
            && reference.means(row.metric, row.n, (row.direction, row.group))
    };
    rows.iter().find(fits).map(|row| (row.mean, row.stderr))
}

/// The mean number of steps, up to the reference's, in which the runs of its first point go from one value to another; none if one of
/// them does not come there.
fn between(
    [from, to]: [f64; 2],
    reference: &Reference,
    plan: &Plan,
    table: &Table,
) -> Option<(f64, Option<f64>)> {
    let points = plan.points_at(&reference.at);
    let fits = |record: &&Record| {
        points.contains(&record.point)
            && record.neuron.is_none()
            && record.step <= reference.step
            && reference.means(record.metric, record.n, (record.direction, record.group))
    };
    let first = table.records.iter().find(fits)?;
    let alike = |record: &&Record| {
        (record.point, record.rank, record.ridge) == (first.point, first.rank, first.ridge)
    };
    let mut runs: BTreeMap<u32, Vec<&Record>> = BTreeMap::new();
    for record in table.records.iter().filter(fits).filter(alike) {
        runs.entry(record.run).or_default().push(record);
    }
    let rising = to > from;
    let times = runs.values().map(|curve| {
        let value = passage(curve, to, rising)? - passage(curve, from, rising)?;
        Some(Record { value, ..*first })
    });
    let times: Vec<Record> = times.collect::<Option<_>>()?;
    let row = aggregate(table, &times).into_iter().next()?;
    Some((row.mean, row.stderr))
}

/// The step at which a curve comes to `level`, on straight lines between its points; the first one if it begins beyond.
fn passage(curve: &[&Record], level: f64, rising: bool) -> Option<f64> {
    let there = |record: &&Record| match rising {
        true => record.value >= level,
        false => record.value <= level,
    };
    let place = curve.iter().position(there)?;
    let step = |at: usize| f64::from(curve[at].step);
    let Some(before) = place.checked_sub(1) else {
        return Some(step(place));
    };
    let (low, high) = (curve[before].value, curve[place].value);
    Some(step(before) + (step(place) - step(before)) * (level - low) / (high - low))
}

#[cfg(test)]
mod tests {
    use giantstep::metric::Metric;

    use super::*;
    use crate::plan::Scale;

    const CURVES: [[f64; 4]; 2] = [[0.0, 0.2, 0.1, 0.9], [0.3, 0.4, 0.8, 1.0]];

    /// Records of two runs at steps 0, 10, 20, 30.
    fn records(sign: f64) -> Vec<Record> {
        let run = |(run, curve): (u32, &[f64; 4])| {
            let record = move |(at, value): (u32, f64)| Record {
                point: 1,
                run,
                step: 10 * at,
                ..Record::new(Metric::WeightAlignment, sign * value)
            };
            (0..).zip(*curve).map(record).collect::<Vec<_>>()
        };
        (1..).zip(&CURVES).flat_map(run).collect()
    }

    fn plan(between: &str, step: u32) -> Plan {
        let text = format!(
            "name = \"x\"\ntarget.link = \"z1\"\nnetwork.width = 2\nprotocol.dimension = 10\nprotocol.batch = 10\n\
             protocol.step_size = 1\nprotocol.steps = 30\n[[reference]]\nmetric = \"weight_alignment\"\nstep = {step}\n\
             between = {between}\nvalue = 20\ntolerance = 1\nsource = \"here\""
        );
        Plan::read(&text, "file", &[], Scale::Full).expect("a plan")
    }

    #[test]
    fn times_between_two_values_are_means_over_runs() {
        // 0.1 is passed at 5 and from the start on; 0.8 at 20 + 10 * 7/8 and at 20.
        for (between, sign) in [("[0.1, 0.8]", 1.0), ("[-0.1, -0.8]", -1.0)] {
            let plan = plan(between, 30);
            let table = Table::of(&plan).with(records(sign));
            let comparison = &comparisons(&plan, &table, &[])[0];
            let times = [28.75 - 5.0, 20.0];
            assert_eq!(comparison.measured, Some((times[0] + times[1]) / 2.0));
            let stderr = comparison.stderr.expect("two runs");
            assert!(
                (stderr - (times[0] - times[1]) / 2.0).abs() < 1e-12,
                "{stderr}"
            );
            assert_eq!(comparison.within, Some(false));
        }
    }

    #[test]
    fn as_long_as_a_run_does_not_arrive_there_is_no_mean() {
        let plan = plan("[0.1, 0.8]", 20);
        let table = Table::of(&plan).with(records(1.0));
        assert_eq!(comparisons(&plan, &table, &[])[0].within, None);
    }
}
