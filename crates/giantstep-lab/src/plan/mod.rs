//! From an experiment file to checked points: text, overrides, unknown keys, sweep axes.

mod axis;
mod document;
mod figure;
mod jobs;
mod keys;
mod listing;
mod names;
mod reference;
mod slope;

use std::path::PathBuf;

use giantstep::spec::{Checked, Spec, SpecError};

use crate::remedy::{Remedied, Remedy};

pub use axis::{Axis, AxisSpec, Setting};
pub use document::Document;
pub use figure::{
    AxisScale, Curves, FigureSpec, HeatSpec, Overlay, Plane, ScaleChoice, Spread, Statistic,
};
pub use jobs::{Job, Jobs, Machine, MemoryError};
pub use keys::UnknownKey;
pub use listing::{Key, listing};
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
    /// Keys that no experiment file has.
    #[error("{}", told(unknown))]
    UnknownKeys {
        /// Each with what is probably meant.
        unknown: Vec<UnknownKey>,
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

/// A line for each unknown key; of several, each with what is meant.
fn told(unknown: &[UnknownKey]) -> String {
    let line = |unknown: &UnknownKey| match &unknown.meant {
        Some(meant) => format!("unknown key `{}`: did you mean `{meant}`?", unknown.key),
        None => format!("unknown key `{}`", unknown.key),
    };
    match unknown {
        [only] => format!("unknown key `{}`", only.key),
        several => several.iter().map(line).collect::<Vec<_>>().join("\n"),
    }
}

impl Remedied for PlanError {
    fn remedy(&self) -> Option<Remedy> {
        match self {
            PlanError::Read { .. } => Some(Remedy::GiveExperiment),
            PlanError::Override { .. } => Some(Remedy::WriteChange),
            PlanError::UnknownKeys { unknown } => Some(match &unknown[..] {
                [UnknownKey { meant, .. }] => match meant {
                    Some(name) => Remedy::Meant(name.clone()),
                    None => Remedy::LookUpKey,
                },
                _ => Remedy::LookUpKey,
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

impl Point {
    /// The columns of its swept keys in a result table; n, d and p have columns of their own.
    pub fn axes(&self) -> Vec<(String, f64)> {
        let own = ["protocol.dimension", "protocol.batch", "network.width"];
        let axes = self.settings.iter();
        axes.filter(|setting| !own.contains(&setting.key.as_str()))
            .map(|setting| (setting.key.clone(), setting.number()))
            .collect()
    }
}

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
}

/// The size at which an experiment is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// As the file says.
    Full,
    /// With the changes of its `[quick]` table.
    Quick,
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        link = "z1"
        p = 8
        let.alpha = 1.5
        [protocol]
        d = 100
        steps = 1
        n = "d^alpha"
        eta = "p"
    "#;

    fn plan(text: &str, overrides: &[&str]) -> Result<Plan, PlanError> {
        let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
        Plan::read(text, "file", &overrides, Scale::Full)
    }

    fn batches(overrides: &[&str]) -> Vec<u64> {
        let plan = plan(FILE, overrides).unwrap();
        let batch = |point: &Point| point.checked.setup.experiment.protocol.batch;
        plan.points.iter().map(batch).collect()
    }

    #[test]
    fn short_names_and_named_numbers_make_an_experiment() {
        assert_eq!(batches(&[]), [1000]);
        assert_eq!(batches(&["d=400", "let.alpha=1"]), [400]);
        let sweep = r#"sweep=[{key="let.alpha",values=[1,2]},{key="d",values=[10,20]}]"#;
        assert_eq!(batches(&[sweep]), [10, 20, 100, 400]);
    }

    #[test]
    fn a_named_number_is_not_a_size_or_a_function() {
        for name in [
            "d", "n", "p", "pi", "relu", "max", "gelu", "He2", "a b", "2a",
        ] {
            let error = plan(FILE, &[&format!("let={{\"{name}\"=1}}")]).unwrap_err();
            assert!(
                error.to_string().contains(&format!("let.{name}")),
                "{error}"
            );
        }
        let error = plan(FILE, &["let.alpha=inf"]).unwrap_err();
        assert!(error.to_string().contains("finite"), "{error}");
    }

    #[test]
    fn all_unknown_keys_come_together_with_what_is_meant() {
        let file = FILE.replace("steps = 1", "stepz = 1\nbatch_size = 3\nridge = 1\nfoo = 2");
        let error = plan(&file, &[]).unwrap_err();
        let PlanError::UnknownKeys { unknown } = &error else {
            panic!("{error}");
        };
        let mut meant: Vec<(&str, Option<&str>)> = unknown
            .iter()
            .map(|unknown| (unknown.key.as_str(), unknown.meant.as_deref()))
            .collect();
        meant.sort_unstable();
        assert_eq!(
            meant,
            [
                ("protocol.batch_size", Some("protocol.batch")),
                ("protocol.foo", None),
                ("protocol.ridge", Some("readout.ridge")),
                ("protocol.stepz", Some("protocol.steps")),
            ]
        );
        assert_eq!(error.to_string().lines().count(), 4);
    }
}
