//! The different experiments of a plan, each predicted once, kept, and taken from where it was kept.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use giantstep::experiment::Experiment;
use giantstep::readout::Ridge;
use serde_json::json;
use web_time::Instant;

use super::ask::{Ask, Time};
use super::making::{Making, Outlook};
use crate::keep::{RunId, Settings, foreseen};
use crate::plan::Point;
use crate::work::{Pool, Session, pool, until};

/// Raised with every change of what is predicted from the same settings: what is kept rests on it.
const PREDICTIONS: u32 = 12;

/// The ridges of a point, unless one of them is chosen on the data.
pub(super) fn ridges(point: &Point) -> Option<&[f64]> {
    match &point.checked.setup.experiment.readout.ridge {
        Ridge::Values(ridges) => Some(ridges),
        Ridge::LeaveOneOut(_) => None,
    }
}

/// An experiment to be predicted, for all points that differ from it in ridges alone, and the name of its predictions.
struct Kind {
    experiment: Experiment,
    settings: Settings,
    name: RunId,
}

/// The different experiments of a plan.
pub(super) struct Kinds {
    list: Vec<Kind>,
    pub of_point: Vec<usize>,
}

impl Kinds {
    pub fn of(points: &[Point], ask: Ask<'_>) -> Self {
        let mut list: Vec<Kind> = Vec::new();
        let mut of_point = Vec::new();
        for point in points {
            let mut settings = foreseen(point);
            if ridges(point).is_some() {
                settings.remove("readout.ridge");
            }
            let known = list.iter_mut().position(|kind| kind.settings == settings);
            let place = known.unwrap_or_else(|| {
                list.push(Kind {
                    experiment: point.checked.setup.experiment.clone(),
                    name: RunId::of(&settings),
                    settings,
                });
                list.len() - 1
            });
            if let (Some(more), Ridge::Values(all)) =
                (ridges(point), &mut list[place].experiment.readout.ridge)
            {
                let new = more.iter().filter(|ridge| !all.contains(ridge));
                let new: Vec<f64> = new.copied().collect();
                all.extend(new);
            }
            of_point.push(place);
        }
        for kind in &mut list {
            let mut settings = kind.settings.clone();
            if let Ridge::Values(ridges) = &kind.experiment.readout.ridge {
                settings.insert("readout.ridge".to_owned(), json!(ridges));
            }
            settings.insert("effort".to_owned(), json!(ask.effort()));
            settings.insert("networks".to_owned(), json!(ask.networks()));
            let version = [giantstep::NUMBERS, PREDICTIONS];
            settings.insert("version".to_owned(), json!(version));
            kind.name = RunId::of(&settings);
        }
        Self { list, of_point }
    }

    /// What theory says of each: what is kept, and what can be made in the time.
    pub fn outlooks(&self, ask: Ask<'_>, session: &Session<'_>) -> Vec<Outlook> {
        let (time, granted) = match ask.time {
            Time::Usual(time) => (Some(time), Some(Duration::ZERO)),
            Time::Asked(time) => (Some(time), Some(time)),
            Time::Endless => (None, None),
        };
        let take = |kind: &Kind| ask.shelf?.take(&kind.name, granted);
        let mut found: Vec<Option<Outlook>> = self.list.iter().map(take).collect();
        let missing = || {
            self.list
                .iter()
                .zip(&found)
                .filter(|(_, kept)| kept.is_none())
        };
        let experiments: Vec<&Experiment> = missing().map(|(kind, _)| &kind.experiment).collect();
        if !experiments.is_empty() {
            let end = time.map(|time| Instant::now() + time);
            let work = |stop: &AtomicBool| {
                let making = Making {
                    ask,
                    end,
                    stop,
                    session,
                };
                let pool = pool(session.machine.cores).unwrap_or(Pool::Given);
                pool.install(|| making.outlooks(&experiments))
            };
            let mut made = until(time, session.asked, work).into_iter();
            for (kind, place) in self.list.iter().zip(&mut found) {
                if place.is_none() {
                    *place = made.next();
                    // What the user cut short would have been finished.
                    if let (Some(shelf), Some(made), false) =
                        (ask.shelf, &*place, session.asked.to_end())
                    {
                        shelf.put(&kind.name, made, time.filter(|_| made.is_cut()));
                    }
                }
            }
        }
        found.into_iter().flatten().collect()
    }
}
