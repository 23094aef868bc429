//! Predictions as marks: beside what was measured, or alone.

use giantstep::theory::Spread;

use crate::outlook::Foretold;
use crate::table::Table;
use giantstep_figure::{Mark, Shape};

/// A prediction at its place on the x axis.
struct Place<'a> {
    x: f64,
    foretold: &'a Foretold,
}

impl Place<'_> {
    fn y(&self) -> f64 {
        self.foretold.record.value
    }

    /// The range between two levels of a law over neurons, or one standard deviation over seeds.
    fn range(&self, levels: (f64, f64)) -> Option<(f64, f64)> {
        match self.foretold.prediction.spread.as_ref()? {
            Spread::Fluctuation(sd) => Some((self.y() - sd, self.y() + sd)),
            Spread::Quantiles(quantiles) => {
                let at = |level: f64| quantiles.iter().find(|(l, _)| *l == level);
                Some((at(levels.0)?.1, at(levels.1)?.1))
            }
        }
    }

    fn is_law(&self) -> bool {
        matches!(self.foretold.prediction.spread, Some(Spread::Quantiles(_)))
    }
}

fn places<'a>(table: &Table, x: &str, series: &[&'a Foretold]) -> Vec<Place<'a>> {
    let mut places: Vec<Place<'a>> = series
        .iter()
        .filter_map(|foretold| {
            let x = table.number(&foretold.record, x)?;
            Some(Place { x, foretold })
        })
        .collect();
    places.sort_by(|a, b| a.x.total_cmp(&b.x));
    places
}

/// A dashed line through the predictions, or a cross where there is one alone; laws over neurons with the band of
/// their quartiles.
pub(super) fn overlay(table: &Table, x: &str, series: &[&Foretold]) -> Vec<Mark> {
    let places = places(table, x, series);
    let mut marks = Vec::new();
    if places.iter().all(Place::is_law) {
        marks.extend(band(&places, (0.25, 0.75)));
    }
    let (xs, ys) = (places.iter().map(|p| p.x), places.iter().map(Place::y));
    let line = match places.len() {
        0 => return Vec::new(),
        1 => Mark::points(xs, ys).shaped(Shape::Cross).sized(4.0),
        _ => Mark::line(xs, ys).dashed(),
    };
    marks.push(line.labelled("theory"));
    marks
}

/// The predictions as a curve of their own, with the bands of their quantiles or of one standard deviation.
pub(super) fn theory_alone(
    table: &Table,
    x: &str,
    series: &[&Foretold],
    label: &str,
    shape: Shape,
) -> Vec<Mark> {
    let places = places(table, x, series);
    if places.is_empty() {
        return Vec::new();
    }
    let mut marks: Vec<Mark> = band(&places, (0.05, 0.95)).into_iter().collect();
    if places.iter().all(Place::is_law) {
        marks.extend(band(&places, (0.25, 0.75)));
    }
    let xs = places.iter().map(|p| p.x);
    let ys = places.iter().map(Place::y);
    if places.len() > 1 {
        marks.push(Mark::line(xs.clone(), ys.clone()).labelled(label));
    }
    marks.push(Mark::points(xs, ys).shaped(shape).labelled(label));
    marks
}

/// The area between two levels; a bar where there is a single place. None unless every place has a spread.
fn band(places: &[Place<'_>], levels: (f64, f64)) -> Option<Mark> {
    let ranges: Vec<(f64, f64)> = places
        .iter()
        .map(|place| place.range(levels))
        .collect::<Option<_>>()?;
    let (low, high) = (ranges.iter().map(|r| r.0), ranges.iter().map(|r| r.1));
    Some(match places {
        [alone] => Mark::line([alone.x, alone.x], low.chain(high)),
        _ => Mark::band(places.iter().map(|p| p.x), low, high),
    })
}
