//! Exponents: how a metric scales along the points of a sweep.

use serde::Serialize;

use crate::chart::Column;
use crate::plan::{Plan, SlopeSpec};
use crate::table::{Record, Table};

/// A fitted exponent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Slope {
    /// What was asked for.
    #[serde(flatten)]
    pub spec: SlopeSpec,
    /// Least squares over the draws.
    pub measured: f64,
    /// Half the width of its 95 % confidence interval.
    pub half_width: f64,
    /// The smallest and largest x.
    pub range: (f64, f64),
    /// The number of draws.
    pub draws: usize,
}

/// Fits the exponents that a plan asks for; those with fewer than three places on x are left out.
pub fn slopes(plan: &Plan, table: &Table) -> Vec<Slope> {
    plan.document
        .slopes()
        .iter()
        .filter_map(|spec| fit(spec, plan, table))
        .collect()
}

fn fit(spec: &SlopeSpec, plan: &Plan, table: &Table) -> Option<Slope> {
    let wanted = plan.points_at(&spec.at);
    let column = Column::on_axis(&spec.x, table).ok()?;
    let fits = |record: &&Record| {
        (record.metric, record.step) == (spec.metric, spec.step)
            && record.neuron.is_none()
            && record.value > 0.0
            && wanted.contains(&record.point)
    };
    let place = |record: &Record| {
        let x = column.value(table, record)?;
        Some((x.ln(), record.value.ln()))
    };
    let points: Vec<(f64, f64)> = table
        .records
        .iter()
        .filter(fits)
        .filter_map(place)
        .collect();
    let line = least_squares(&points)?;
    Some(Slope {
        spec: spec.clone(),
        measured: line.slope,
        // With so many draws Student's factor is the normal one.
        half_width: 1.96 * line.stderr,
        range: (line.range.0.exp(), line.range.1.exp()),
        draws: points.len(),
    })
}

/// A line fitted to points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// Its slope.
    pub slope: f64,
    /// The standard error of the slope.
    pub stderr: f64,
    /// The smallest and largest abscissa.
    pub range: (f64, f64),
}

/// The line of least squares through points (x, y) whose ordinates scatter alike and independently; none with fewer
/// than three distinct abscissas.
pub fn least_squares(points: &[(f64, f64)]) -> Option<Line> {
    let mut places: Vec<f64> = points.iter().map(|p| p.0).collect();
    places.sort_unstable_by(f64::total_cmp);
    places.dedup();
    let n = points.len() as f64;
    let (Some(first), Some(last), true) = (places.first(), places.last(), places.len() >= 3) else {
        return None;
    };
    let mean = |f: fn(&(f64, f64)) -> f64| points.iter().map(f).sum::<f64>() / n;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let sxx: f64 = points.iter().map(|p| (p.0 - x).powi(2)).sum();
    let sxy: f64 = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum();
    let slope = sxy / sxx;
    let rest: f64 = points
        .iter()
        .map(|p| (p.1 - y - slope * (p.0 - x)).powi(2))
        .sum();
    Some(Line {
        slope,
        stderr: (rest / (n - 2.0) / sxx).sqrt(),
        range: (*first, *last),
    })
}
