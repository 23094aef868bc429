//! What theory says about the points of a plan, in the places of what is measured.

use giantstep::theory::Prediction;
use serde_json::{Value as Json, json};

use super::ask::Ask;
use super::kinds::{Kinds, ridges};
use super::making::Outlook;
use crate::plan::{Plan, Point, Wanted};
use crate::table::{Record, Row};
use crate::work::Session;

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
            step: prediction.step,
            direction: prediction.direction,
            group: prediction.group,
            ridge: prediction.ridge,
            rank: prediction.rank,
            ..Record::of(experiment, prediction.metric, prediction.value)
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
