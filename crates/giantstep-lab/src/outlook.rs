//! What theory says about every point of a plan, in the places of what is measured.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use giantstep::experiment::Experiment;
use giantstep::labels::Target;
use giantstep::readout::Ridge;
use giantstep::theory::given_weights::NetworkErrors;
use giantstep::theory::{Effort, Floor, Forecast, Needs, Prediction, Predictions, floors};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use web_time::Instant;

use crate::keep::{RunId, Settings, Shelf, foreseen};
use crate::plan::{Plan, Point, Wanted};
use crate::table::{Record, Row};
use crate::words;
use crate::work::{Event, Pool, Session, Task, pool, until};

/// Raised with every change of what is predicted from the same settings: what is kept rests on it.
const PREDICTIONS: u32 = 5;
/// The time that nobody minds, and the most that is taken without being asked for.
const LEAST_TIME: Duration = Duration::from_secs(2);
const MOST_TIME: Duration = Duration::from_secs(10);
/// The memory that is taken at most, in bytes, and where all predictions are asked for.
const MEMORY: f64 = 1e9;
const MORE_MEMORY: f64 = 8e9;
/// What a core does; a guess, for what is not to be begun.
const FLOPS_A_SECOND: f64 = 1e11;

/// How long predictions may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// So long, by default; what was left out before is left out again.
    Usual(Duration),
    /// So long, as was asked for.
    Asked(Duration),
    /// As long as they take.
    Endless,
}

/// What is asked of theory.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// Which predictions.
    pub wanted: Wanted,
    /// How long they may take.
    pub time: Time,
    /// Where they are kept.
    pub shelf: Option<&'a Shelf>,
}

impl<'a> Ask<'a> {
    /// These predictions: quick ones within 10 s, all as long as they take; kept nowhere.
    pub fn new(wanted: Wanted) -> Self {
        Self {
            wanted,
            time: match wanted {
                Wanted::Patient | Wanted::All => Time::Endless,
                Wanted::None | Wanted::Quick => Time::Usual(MOST_TIME),
            },
            shelf: None,
        }
    }

    /// Beside runs that take this long: quick predictions take no longer, but for 2 s that nobody minds and 10 s at most.
    pub fn beside(self, runs: Duration) -> Self {
        match self.time {
            Time::Usual(_) => Self {
                time: Time::Usual(runs.clamp(LEAST_TIME, MOST_TIME)),
                ..self
            },
            Time::Asked(_) | Time::Endless => self,
        }
    }

    /// Within a time that was asked for.
    pub fn within(self, time: Duration) -> Self {
        Self {
            time: Time::Asked(time),
            ..self
        }
    }

    /// Kept on this shelf.
    pub fn kept(self, shelf: &'a Shelf) -> Self {
        Self {
            shelf: Some(shelf),
            ..self
        }
    }

    /// The seconds that predictions take at most beside runs of this length; none if nobody knows.
    pub fn seconds(self, runs: f64) -> Option<f64> {
        let runs = Duration::try_from_secs_f64(runs).unwrap_or(MOST_TIME);
        match (self.wanted, self.beside(runs).time) {
            (Wanted::None, _) => Some(0.0),
            (_, Time::Usual(time) | Time::Asked(time)) => Some(time.as_secs_f64()),
            (_, Time::Endless) => None,
        }
    }

    fn effort(self) -> Effort {
        match self.wanted {
            Wanted::None | Wanted::Quick | Wanted::Patient => Effort::Integrated,
            Wanted::All => Effort::Sampled,
        }
    }

    fn memory(self) -> f64 {
        match self.wanted {
            Wanted::None | Wanted::Quick | Wanted::Patient => MEMORY,
            Wanted::All => MORE_MEMORY,
        }
    }
}

/// What theory says about one point.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outlook {
    /// Predictions, and what has none.
    pub predictions: Predictions,
    /// Kernel lines and floors, or why there are none.
    pub floors: Result<Vec<Floor>, String>,
}

impl Outlook {
    /// Whether anything is missing for want of time.
    fn is_cut(&self) -> bool {
        let absent = self.predictions.absent.iter();
        absent
            .into_iter()
            .any(|absent| absent.needs == Some(Needs::Time))
    }

    /// The same with the predictions of these ridges alone.
    fn of_ridges(&self, ridges: Option<&[f64]>) -> Self {
        let mut outlook = self.clone();
        if let Some(ridges) = ridges {
            let present = &mut outlook.predictions.present;
            present.retain(|made| made.ridge.is_none_or(|ridge| ridges.contains(&ridge)));
        }
        outlook
    }
}

/// What theory says about the points of a plan.
#[derive(Debug, Clone, Default)]
pub struct Predicted {
    /// By point; none where no predictions are wanted.
    pub outlooks: Vec<Outlook>,
    /// The predictions as rows of a result table, with what surrounds the value.
    pub foretold: Vec<Foretold>,
    /// Whether the end was asked for before all that were wanted were made.
    pub interrupted: bool,
}

/// A prediction in the place of a record.
#[derive(Debug, Clone)]
pub struct Foretold {
    /// The place, and the value; the seed means nothing.
    pub record: Record,
    /// The prediction.
    pub prediction: Prediction,
}

impl Foretold {
    fn new(index: usize, point: &Point, prediction: &Prediction) -> Self {
        let experiment = &point.checked.setup.experiment;
        let record = Record {
            point: index as u32 + 1,
            n: experiment.protocol.batch as f64,
            d: experiment.protocol.dimension as f64,
            p: experiment.network.width as u64,
            step: prediction.step,
            direction: prediction.direction,
            group: prediction.group,
            ridge: prediction.ridge,
            rank: prediction.rank,
            ..Record::new(prediction.metric, prediction.value)
        };
        Self {
            record,
            prediction: prediction.clone(),
        }
    }

    /// Whether this is the prediction of a measured mean.
    pub fn is_of(&self, row: &Row) -> bool {
        let record = &self.record;
        (record.point, record.step, record.metric) == (row.point, row.step, row.metric)
            && (record.direction, record.group) == (row.direction, row.group)
            && (record.ridge, record.rank) == (row.ridge, row.rank)
            && row.neuron.is_none()
    }
}

impl Predicted {
    /// The predictions of a plan, as far as time allows; what was not reached is among the absent.
    pub fn of(plan: &Plan, ask: Ask<'_>, session: &Session<'_>) -> Self {
        if ask.wanted == Wanted::None {
            return Self::default();
        }
        let kinds = Kinds::of(&plan.points, ask);
        let found = kinds.outlooks(ask, session);
        let outlooks: Vec<Outlook> = plan
            .points
            .iter()
            .zip(&kinds.of_point)
            .map(|(point, kind)| found[*kind].of_ridges(ridges(point)))
            .collect();
        let foretold = plan
            .points
            .iter()
            .zip(&outlooks)
            .enumerate()
            .flat_map(|(index, (point, outlook))| {
                let present = outlook.predictions.present.iter();
                present.map(move |prediction| Foretold::new(index, point, prediction))
            })
            .collect();
        Self {
            interrupted: session.asked.to_end(),
            outlooks,
            foretold,
        }
    }

    /// The predictions as records.
    pub fn records(&self) -> Vec<Record> {
        self.foretold
            .iter()
            .map(|foretold| foretold.record)
            .collect()
    }

    /// One object a point: its predictions, what has none, and floors.
    pub fn json(&self) -> Json {
        let points = self.outlooks.iter().map(|outlook| {
            let (floors, none) = match &outlook.floors {
                Ok(floors) => (json!(floors), Json::Null),
                Err(reason) => (json!([]), json!(reason)),
            };
            json!({
                "present": outlook.predictions.present,
                "absent": outlook.predictions.absent,
                "floors": floors,
                "no_floors": none,
            })
        });
        points.collect()
    }
}

/// The ridges of a point, unless one of them is chosen on the data.
fn ridges(point: &Point) -> Option<&[f64]> {
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
struct Kinds {
    list: Vec<Kind>,
    of_point: Vec<usize>,
}

impl Kinds {
    fn of(points: &[Point], ask: Ask<'_>) -> Self {
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
            let version = [giantstep::NUMBERS, PREDICTIONS];
            settings.insert("version".to_owned(), json!(version));
            kind.name = RunId::of(&settings);
        }
        Self { list, of_point }
    }

    /// What theory says of each: what is kept, and what can be made in the time.
    fn outlooks(&self, ask: Ask<'_>, session: &Session<'_>) -> Vec<Outlook> {
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

/// Predictions in the making.
struct Making<'a> {
    ask: Ask<'a>,
    end: Option<Instant>,
    stop: &'a AtomicBool,
    session: &'a Session<'a>,
}

impl Making<'_> {
    fn begins(&self, units: usize) {
        let (task, units) = (Task::Predictions, units as u64);
        self.session.observer.event(Event::Begins { task, units });
    }

    fn done(&self) {
        let task = Task::Predictions;
        self.session.observer.event(Event::Done { task, units: 1 });
    }

    /// First everything that is an integral, then floors, then networks drawn in law, the cheapest first.
    fn outlooks(&self, experiments: &[&Experiment]) -> Vec<Outlook> {
        let effort = self.ask.effort();
        self.begins(experiments.len());
        let forecasts: Vec<Forecast<'_>> = experiments
            .par_iter()
            .map(|experiment| {
                let forecast = Forecast::new(experiment, effort, self.stop);
                self.done();
                forecast
            })
            .collect();
        let shared = SharedFloors::of(experiments, effort, self.stop);
        let drawn = self.networks(&forecasts);
        forecasts
            .into_iter()
            .zip(drawn)
            .zip(experiments)
            .map(|((forecast, drawn), experiment)| Outlook {
                predictions: forecast.finish(drawn),
                floors: shared.at(experiment),
            })
            .collect()
    }

    /// The errors on the networks that each asks for, or why they were not drawn.
    fn networks(&self, forecasts: &[Forecast<'_>]) -> Vec<Result<Vec<NetworkErrors>, String>> {
        let mut order: Vec<(usize, f64)> = forecasts
            .iter()
            .enumerate()
            .filter(|(_, forecast)| forecast.networks() > 0)
            .map(|(index, forecast)| (index, forecast.flops()))
            .collect();
        order.sort_by(|a, b| a.1.total_cmp(&b.1));
        let jobs: Vec<(usize, u64)> = order
            .iter()
            .flat_map(|(index, _)| (0..forecasts[*index].networks()).map(move |k| (*index, k)))
            .collect();
        self.begins(jobs.len());
        let empty = || Mutex::new(Ok(Vec::new()));
        let found: Vec<Mutex<Result<Vec<(u64, NetworkErrors)>, String>>> =
            forecasts.iter().map(|_| empty()).collect();
        // Those of which not every thread may have one come one by one.
        let all = |(index, _): &(usize, u64)| {
            let memory = forecasts[*index].memory() * rayon::current_num_threads() as f64;
            memory <= self.ask.memory()
        };
        let (small, large): (Vec<_>, Vec<_>) = jobs.into_iter().partition(all);
        let one = |(index, number): (usize, u64)| {
            let network = self.network(&forecasts[index], number);
            let mut place = found[index].lock().unwrap_or_else(PoisonError::into_inner);
            match (&mut *place, network) {
                (Ok(all), Ok(network)) => all.push((number, network)),
                (Ok(_), Err(reason)) => *place = Err(reason),
                (Err(_), _) => {}
            }
            self.done();
        };
        let next = AtomicUsize::new(0);
        let workers = (0..rayon::current_num_threads()).into_par_iter();
        workers.for_each(|_| {
            while let Some(job) = small.get(next.fetch_add(1, Ordering::Relaxed)) {
                one(*job);
            }
        });
        large.into_iter().for_each(one);
        let in_order = |place: Mutex<Result<Vec<(u64, NetworkErrors)>, String>>| {
            let mut all = place.into_inner().unwrap_or_else(PoisonError::into_inner)?;
            all.sort_by_key(|(number, _)| *number);
            Ok(all.into_iter().map(|(_, network)| network).collect())
        };
        found.into_iter().map(in_order).collect()
    }

    /// One network, if there is time and memory for it.
    fn network(&self, forecast: &Forecast<'_>, number: u64) -> Result<NetworkErrors, String> {
        let seconds = forecast.flops() / FLOPS_A_SECOND;
        let left = self
            .end
            .map(|end| end.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| seconds > left.as_secs_f64()) {
            return Err(format!(
                "the time for predictions was up: the steps and readouts of a network drawn in law take about {} of one core",
                words::seconds(seconds)
            ));
        }
        let (memory, most) = (forecast.memory(), self.ask.memory());
        if memory > most {
            return Err(format!(
                "a network drawn in law takes about {} of memory, more than {}",
                words::bytes(memory as u64),
                words::bytes(most as u64)
            ));
        }
        Ok(forecast.draw(number))
    }
}

/// Floors, computed once for experiments that share all that they may depend on.
struct SharedFloors(Vec<(String, Result<Vec<Floor>, String>)>);

impl SharedFloors {
    fn of(experiments: &[&Experiment], effort: Effort, stop: &AtomicBool) -> Self {
        let mut different: Vec<(String, &Experiment)> = Vec::new();
        for experiment in experiments {
            let key = Self::key(experiment);
            if !different.iter().any(|(other, _)| *other == key) {
                different.push((key, experiment));
            }
        }
        let known = different.into_par_iter();
        Self(
            known
                .map(|(key, experiment)| (key, floors(experiment, effort, stop)))
                .collect(),
        )
    }

    /// Everything but what is recorded and how readouts are fitted.
    fn key(experiment: &Experiment) -> String {
        let Experiment {
            target,
            network,
            protocol,
            inputs,
            test_labels,
            ..
        } = experiment;
        // Labels that are given have no floors, whatever they are.
        let Target {
            link,
            r,
            noise,
            given,
        } = target;
        let given = given.is_some();
        format!("{link:?} {r} {noise} {given} {network:?} {protocol:?} {inputs:?} {test_labels:?}")
    }

    fn at(&self, experiment: &Experiment) -> Result<Vec<Floor>, String> {
        let key = Self::key(experiment);
        let found = self.0.iter().find(|(other, _)| *other == key);
        found.map_or_else(|| Ok(Vec::new()), |(_, floors)| floors.clone())
    }
}
