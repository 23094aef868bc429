//! From an experiment file to checked points: text, overrides, unknown keys, sweep axes.

mod axis;
mod document;
mod error;
mod evaluated;
mod figure;
mod jobs;
mod keys;
mod listing;
mod names;
mod reference;
mod several;
mod slope;
mod wording;

use std::collections::{BTreeMap, HashMap};

use giantstep::spec::{Callables, Checked, MOST_RUNS, Spec};

pub use axis::{Axis, AxisSpec, Setting};
pub use document::Document;
pub use error::PlanError;
pub use figure::{
    Curves, FigureSpec, Heat, Last, Overlay, Plane, Rows, ScaleChoice, Spread, Statistic, Step,
};
pub use jobs::{Costs, Job, Jobs, Machine, MemoryError};
pub use keys::UnknownKey;
pub(crate) use keys::check_keys;
pub use listing::{Key, listing};
pub use reference::{Reference, Wanted};
pub use slope::{SlopeKind, SlopeSpec};
pub(crate) use wording::plain;

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
    fn shown(&self) -> String {
        shown(&self.settings)
    }
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
    /// The JSON Schema of experiment files, made once.
    pub fn schema() -> &'static schemars::Schema {
        Document::schema()
    }

    /// Reads an experiment from the text of its file, with `key=value` overrides.
    ///
    /// # Errors
    /// [`PlanError`] names the keys that are wrong, their values and the remedies.
    pub fn read(
        text: &str,
        origin: &str,
        overrides: &[String],
        scale: Scale,
    ) -> Result<Self, PlanError> {
        Self::made(text, origin, overrides, scale, &Ok)
    }

    /// Reads an experiment that comes from elsewhere, such as from a browser: no file that it names is read.
    ///
    /// # Errors
    /// As of [`Plan::read`], and if it names a file.
    pub fn read_foreign(text: &str, origin: &str) -> Result<Self, PlanError> {
        Self::made(text, origin, &[], Scale::Full, &|document| {
            Ok(document.without_files())
        })
    }

    /// [`Plan::read`] with functions in the places of expressions: its runs stay in memory.
    ///
    /// # Errors
    /// As of [`Plan::read`], and if an axis sets an expression whose place is taken.
    pub fn read_with(
        text: &str,
        origin: &str,
        overrides: &[String],
        scale: Scale,
        callables: Callables,
    ) -> Result<Self, PlanError> {
        Self::made(text, origin, overrides, scale, &|document| {
            document.with(callables.clone())
        })
    }

    /// Reads the text and does `more` with the document.
    fn made(
        text: &str,
        origin: &str,
        overrides: &[String],
        scale: Scale,
        more: &dyn Fn(Document) -> Result<Document, PlanError>,
    ) -> Result<Self, PlanError> {
        let table = document::table(text, origin, overrides, scale)?;
        let plan = |table| Self::of(more(Document::of(table)?)?);
        plan(table.clone())
            .map_err(|first| several::all_of(first, &table, &|table| plan(table).err()))
    }

    fn of(document: Document) -> Result<Self, PlanError> {
        let axes = document.axes()?;
        if let Some((earlier, later)) = axis::set_twice(&axes) {
            return Err(PlanError::SetTwice {
                earlier: earlier.to_owned(),
                later: later.to_owned(),
            });
        }
        let points = axes.iter().map(|axis| axis.len() as f64).product::<f64>();
        if points > MOST_POINTS as f64 {
            return Err(PlanError::TooManyPoints {
                points,
                limit: MOST_POINTS,
            });
        }
        let count = points as usize;
        let mut points = Vec::with_capacity(count);
        for index in 0..count {
            let settings = axis::at(&axes, index);
            let point = document.point(&settings);
            let (spec, checked) = match (point, settings.is_empty()) {
                (Ok(point), _) => point,
                (Err(error), true) => return Err(error),
                (Err(error), false) => {
                    return Err(PlanError::Point {
                        point: shown(&settings),
                        source: Box::new(error),
                    });
                }
            };
            if checked.setup.experiment.protocol.largest() <= document.largest_batch() {
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
        distinct(&points)?;
        let runs = points.iter().map(|point| {
            let seeds = &point.checked.seeds;
            seeds.end - seeds.start
        });
        let runs = runs.fold(0, u64::saturating_add);
        if runs > MOST_RUNS {
            return Err(PlanError::TooManyRuns {
                runs,
                limit: MOST_RUNS,
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

fn shown(settings: &[Setting]) -> String {
    let all: Vec<String> = settings.iter().map(Setting::to_string).collect();
    all.join(", ")
}

/// No two points are the same experiment: their draws are the same, and a mean over both would take them for more.
fn distinct(points: &[Point]) -> Result<(), PlanError> {
    let mut seen = HashMap::new();
    for point in points {
        let words = serde_json::json!(point.evaluated()).to_string();
        if let Some(first) = seen.insert(words, point) {
            return Err(PlanError::EqualPoints {
                first: Point::shown(first),
                second: point.shown(),
            });
        }
    }
    Ok(())
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
    use crate::remedy::{Remedied, Remedy};

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
        batches_of(FILE, overrides)
    }

    fn batches_of(text: &str, overrides: &[&str]) -> Vec<u64> {
        let plan = plan(text, overrides).unwrap();
        let batch = |point: &Point| point.checked.setup.experiment.protocol.batch;
        plan.points.iter().map(batch).collect()
    }

    #[test]
    fn short_names_and_named_numbers_make_an_experiment() {
        assert_eq!(batches(&[]), [1000]);
        assert_eq!(batches(&["d=400", "let.alpha=1"]), [400]);
        assert_eq!(batches(&["d=400", "alpha=1"]), [400]);
        assert_eq!(batches(&["d=4e2", "alpha=1.0"]), [400]);
        let quick = format!("{FILE}\n[quick]\nalpha = 1\nd = 30");
        let quick = Plan::read(&quick, "file", &[], Scale::Quick).unwrap();
        assert_eq!(quick.points[0].checked.setup.experiment.protocol.batch, 30);
        let swept = |axis: &str| batches_of(&format!("{FILE}\n[[sweep]]\n{axis}"), &["d=10"]);
        assert_eq!(swept("key = \"alpha\"\nvalues = [1, 2]"), [10, 100]);
        assert_eq!(
            swept("zip = [{ alpha = 1, p = 4 }, { alpha = 2, p = 8 }]"),
            [10, 100]
        );
        let sweep = r#"sweep=[{key="alpha",values=[1,2]},{key="d",values=[10,20]}]"#;
        assert_eq!(batches(&[sweep]), [10, 20, 100, 400]);
    }

    #[test]
    fn a_slip_outside_its_section_is_answered_with_the_key() {
        let error = plan(&format!("widht = 3\n{FILE}"), &[]).unwrap_err();
        assert_eq!(
            error.remedy(),
            Some(Remedy::Meant("network.width".to_owned()))
        );
        let error = plan(&format!("xyzzy = 3\n{FILE}"), &[]).unwrap_err();
        assert_ne!(
            error.remedy(),
            Some(Remedy::Meant("network.width".to_owned()))
        );
    }

    #[test]
    fn a_number_too_large_for_toml_is_a_number() {
        let large = plan(FILE, &["noise=99999999999999999999"]).unwrap();
        assert_eq!(large.points[0].spec.target.noise, 1e20);
        let error = plan(FILE, &["d=99999999999999999999"]).unwrap_err();
        assert!(!error.to_string().contains("string"), "{error}");
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
