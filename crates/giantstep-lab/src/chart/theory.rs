//! Predictions as marks: beside what was measured, or alone.

use giantstep::theory::Spread;

use crate::outlook::Foretold;
use giantstep_figure::{Colour, Mark, Shape};

/// A prediction at its place on the x axis.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) x: f64,
    pub(super) foretold: &'a Foretold,
}

impl Place<'_> {
    pub(super) fn y(&self) -> f64 {
        self.foretold.record.value
    }

    /// The range between two levels of a law over neurons, or one standard deviation over seeds.
    pub(super) fn range(&self, levels: (f64, f64)) -> Option<(f64, f64)> {
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

/// A dashed line through the predictions, in the order of x, or a cross where there is one alone; laws over neurons with
/// the band of their quartiles.
pub(super) fn beside(places: &[Place<'_>], colour: Colour) -> Vec<Mark> {
    let mut marks = Vec::new();
    if places.iter().all(Place::is_law) {
        marks.extend(band(places, (0.25, 0.75)));
    }
    let (xs, ys) = (places.iter().map(|p| p.x), places.iter().map(Place::y));
    let line = match places.len() {
        0 => return Vec::new(),
        1 => Mark::points(xs, ys).shaped(Shape::Cross).sized(4.0),
        _ => Mark::line(xs, ys).dashed(),
    };
    marks.push(line.labelled("theory"));
    marks
        .into_iter()
        .map(|mark| mark.coloured(colour))
        .collect()
}

/// The bands of predictions that stand alone: between their 5 and 95 % quantiles or one standard deviation wide, and
/// between the quartiles of laws.
pub(super) fn bands(places: &[Place<'_>]) -> Vec<Mark> {
    let mut marks: Vec<Mark> = band(places, (0.05, 0.95)).into_iter().collect();
    if places.iter().all(Place::is_law) {
        marks.extend(band(places, (0.25, 0.75)));
    }
    marks
}

/// The area between two levels; a bar where there is a single place. None unless every place has a spread.
fn band(places: &[Place<'_>], levels: (f64, f64)) -> Option<Mark> {
    let ranges: Vec<(f64, f64)> = places
        .iter()
        .map(|place| place.range(levels))
        .collect::<Option<_>>()?;
    let (low, high) = (ranges.iter().map(|r| r.0), ranges.iter().map(|r| r.1));
    match places {
        [] => None,
        [alone] => Some(Mark::line([alone.x, alone.x], low.chain(high))),
        _ => Some(Mark::band(places.iter().map(|p| p.x), low, high)),
    }
}
