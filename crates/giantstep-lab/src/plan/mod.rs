//! From an experiment file to checked points: text, overrides, unknown keys, sweep axes.

mod axis;
mod document;
mod figure;
mod jobs;
mod keys;
mod reference;
mod slope;

use std::collections::BTreeMap;
use std::path::PathBuf;

use giantstep::spec::{Checked, Spec, SpecError};

use crate::remedy::{Remedied, Remedy};

pub use axis::{Axis, AxisSpec, Setting};
pub use document::Document;
pub use figure::{
    Curves, FigureSpec, Heat, Last, Overlay, Plane, Rows, ScaleChoice, Spread, Statistic, Step,
};
pub use jobs::{Job, Jobs, Machine, MemoryError};
pub use reference::{Reference, Wanted};
pub use slope::{SlopeKind, SlopeSpec};

/// Why an experiment file was not accepted; nothing has been run.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The file cannot be read.
    #[error("cannot read `{path}`: {source}")]
    Read {
        /// The path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{origin} is not TOML: {message}")]
    Syntax {
        /// The file or the override.
        origin: String,
        /// What the parser said, with the place.
        message: String,
    },
    /// An override without `=`.
    #[error("the change `{text}` has no `=`")]
    Override {
        /// As typed.
        text: String,
    },
    /// A key that no experiment file has.
    #[error("unknown key `{key}`")]
    UnknownKey {
        /// The dotted key.
        key: String,
        /// The nearest known key at that place.
        nearest: Option<String>,
    },
    /// A value of the wrong kind.
    #[error("{key}: {message}")]
    Value {
        /// The dotted key.
        key: String,
        /// What was expected.
        message: String,
    },
    /// A value that was refused.
    #[error("{0}")]
    Spec(#[from] SpecError),
    /// A value that was refused at one point of a sweep.
    #[error("at the point {point} of the sweep:\n{source}")]
    Point {
        /// The settings of the point.
        point: String,
        /// The refusal.
        source: Box<PlanError>,
    },
    /// Too many points.
    #[error("the sweep has {points} points, more than {limit}")]
    TooManyPoints {
        /// As asked for.
        points: usize,
        /// At most.
        limit: usize,
    },
}

impl Remedied for PlanError {
    fn remedy(&self) -> Option<Remedy> {
        match self {
            PlanError::Read { .. } => Some(Remedy::GiveExperiment),
            PlanError::Override { .. } => Some(Remedy::WriteChange),
            PlanError::UnknownKey { nearest, .. } => Some(match nearest {
                Some(name) => Remedy::Meant(name.clone()),
                None => Remedy::LookUpKey,
            }),
            PlanError::Value { .. } => Some(Remedy::LookUpKey),
            PlanError::Point { source, .. } => source.remedy(),
            PlanError::TooManyPoints { .. } => Some(Remedy::Other("shorten an axis".to_owned())),
            // Its message carries its remedy, which is about keys alone.
            PlanError::Spec(_) | PlanError::Syntax { .. } => None,
        }
    }
}

/// One point of a sweep: what distinguishes it, and what is run.
#[derive(Debug, Clone)]
pub struct Point {
    /// The settings of this point, one for each swept key.
    pub settings: Vec<Setting>,
    /// The resolved file.
    pub spec: Spec,
    /// The checked experiment.
    pub checked: Checked,
}

/// Points by the place of a value on its axis, from 1, such as `{ "target.link" = 1 }`.
pub type At = BTreeMap<String, usize>;

/// All that one invocation runs.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The experiment without its sweep, figures and references.
    pub document: Document,
    /// The points in order; one without a sweep.
    pub points: Vec<Point>,
}

/// The most points of a sweep.
const MOST_POINTS: usize = 10_000;

impl Plan {
    /// Reads an experiment from the text of its file, with `key=value` overrides.
    ///
    /// # Errors
    /// [`PlanError`] names the first key that is wrong, its value and the remedy.
    pub fn read(
        text: &str,
        origin: &str,
        overrides: &[String],
        scale: Scale,
    ) -> Result<Self, PlanError> {
        let document = Document::read(text, origin, overrides, scale)?;
        let axes = document.axes()?;
        let count = axes.iter().map(Axis::len).product::<usize>();
        if count > MOST_POINTS {
            return Err(PlanError::TooManyPoints {
                points: count,
                limit: MOST_POINTS,
            });
        }
        let mut points = Vec::with_capacity(count);
        for index in 0..count {
            let settings = axis::at(&axes, index);
            let point = document.point(&settings);
            let (spec, checked) = match (point, settings.is_empty()) {
                (Ok(point), _) => point,
                (Err(error), true) => return Err(error),
                (Err(error), false) => {
                    let point = settings
                        .iter()
                        .map(Setting::to_string)
                        .collect::<Vec<_>>()
                        .join(", ");
                    return Err(PlanError::Point {
                        point,
                        source: Box::new(error),
                    });
                }
            };
            if checked.setup.experiment.protocol.batch <= document.largest_batch() {
                points.push(Point {
                    settings,
                    spec,
                    checked,
                });
            }
        }
        if points.is_empty() {
            return Err(PlanError::Value {
                key: "largest_batch".to_owned(),
                message: "leaves out every point; raise it".to_owned(),
            });
        }
        Ok(Self { document, points })
    }

    /// The numbers, from 1, of the points that have these settings.
    pub fn points_at(&self, at: &At) -> Vec<u32> {
        let has = |point: &Point, key: &String, position: usize| {
            let mut settings = point.settings.iter();
            settings.any(|setting| setting.key == *key && setting.position == position)
        };
        let here = |point: &Point| at.iter().all(|(key, position)| has(point, key, *position));
        let numbered = (1..).zip(&self.points).filter(|(_, point)| here(point));
        numbered.map(|(number, _)| number).collect()
    }
}

/// The size at which an experiment is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// As the file says.
    Full,
    /// With the changes of its `[quick]` table.
    Quick,
}
