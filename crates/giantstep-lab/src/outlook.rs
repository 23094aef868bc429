//! What theory says about every point of a plan, in the places of what is measured.

use giantstep::experiment::Experiment;
use giantstep::expr::Expr;
use giantstep::theory::{Effort, Floor, Prediction, Predictions, floors, predict_within};
use rayon::prelude::*;
use serde_json::{Value as Json, json};

use crate::plan::{Plan, Point, Wanted};
use crate::table::{Record, Row};
use crate::work::{Event, Session, Task};

/// Points that quick predictions are made for.
const QUICK_POINTS: usize = 64;

/// What theory says about one point.
#[derive(Debug, Clone)]
pub struct Outlook {
    /// Predictions, and what has none.
    pub predictions: Predictions,
    /// Kernel lines and floors, or why there are none.
    pub floors: Result<Vec<Floor>, String>,
}

/// What theory says about the points of a plan.
#[derive(Debug, Clone, Default)]
pub struct Predicted {
    /// By point, for as many points from the first as predictions were made.
    pub outlooks: Vec<Outlook>,
    /// The predictions as rows of a result table, with what surrounds the value.
    pub foretold: Vec<Foretold>,
    /// Points without predictions.
    pub left_out: usize,
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
            && record.ridge == row.ridge
            && row.neuron.is_none()
            && row.rank.is_none()
    }
}

impl Predicted {
    /// The predictions of a plan, as many as wanted, or as were made when the end was asked for.
    pub fn of(plan: &Plan, wanted: Wanted, session: &Session<'_>) -> Self {
        let (effort, most) = match wanted {
            Wanted::None => return Self::default(),
            Wanted::Quick => (Effort::Integrated, QUICK_POINTS),
            Wanted::All => (Effort::Sampled, usize::MAX),
        };
        let points = &plan.points[..plan.points.len().min(most)];
        let task = Task::Predictions;
        let units = points.len() as u64;
        session.observer.event(Event::Begins { task, units });
        let shared = SharedFloors::of(points, effort, session);
        let outlooks: Vec<Option<Outlook>> = points
            .par_iter()
            .map(|point| {
                let experiment = &point.checked.setup.experiment;
                let floors = shared.at(point)?;
                let predictions = predict_within(experiment, effort, &session.asked.stop);
                if session.asked.to_end() {
                    return None;
                }
                session.observer.event(Event::Done { task, units: 1 });
                Some(Outlook {
                    predictions,
                    floors,
                })
            })
            .collect();
        let outlooks: Vec<Outlook> = outlooks.into_iter().map_while(|outlook| outlook).collect();
        let foretold = points
            .iter()
            .zip(&outlooks)
            .enumerate()
            .flat_map(|(index, (point, outlook))| {
                let present = outlook.predictions.present.iter();
                present.map(move |prediction| Foretold::new(index, point, prediction))
            })
            .collect();
        Self {
            left_out: plan.points.len() - outlooks.len(),
            interrupted: outlooks.len() < points.len(),
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

/// What floors depend on: link, activation, sizes and noise.
type Key<'a> = ([&'a Expr; 2], [u64; 4], u64);

/// The floors of points, computed once for points that share them.
struct SharedFloors<'a>(Vec<(Key<'a>, Result<Vec<Floor>, String>)>);

impl<'a> SharedFloors<'a> {
    fn of(points: &'a [Point], effort: Effort, session: &Session<'_>) -> Self {
        let mut different: Vec<(Key<'a>, &Experiment)> = Vec::new();
        for point in points {
            let key = Self::key(point);
            if !different.iter().any(|(other, _)| *other == key) {
                different.push((key, &point.checked.setup.experiment));
            }
        }
        let known = different.into_par_iter().filter_map(|(key, experiment)| {
            (!session.asked.to_end()).then(|| (key, floors(experiment, effort)))
        });
        Self(known.collect())
    }

    fn key(point: &Point) -> Key<'_> {
        let experiment = &point.checked.setup.experiment;
        let (protocol, width) = (&experiment.protocol, experiment.network.width as u64);
        let sizes = [
            protocol.batch,
            protocol.dimension,
            width,
            u64::from(protocol.steps),
        ];
        let functions = [
            experiment.target.link.expr(),
            experiment.network.activation.expr(),
        ];
        (functions, sizes, experiment.target.noise.to_bits())
    }

    /// None if the end was asked for before they were computed.
    fn at(&self, point: &Point) -> Option<Result<Vec<Floor>, String>> {
        let key = Self::key(point);
        let found = self.0.iter().find(|(other, _)| *other == key);
        found.map(|(_, floors)| floors.clone())
    }
}
