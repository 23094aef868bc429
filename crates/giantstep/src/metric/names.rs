//! Names in files and tables: how metrics and groups are read and written, and what is said of a name that none has.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Metric, MetricGroup};
use crate::nearest::nearest;

/// A name that no metric has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no metric is called `{name}`; {}", match nearest {
    Some(nearest) => format!("did you mean `{nearest}`?"),
    None => format!("there are {}", known.join(", ")),
})]
pub struct UnknownMetric {
    /// As typed.
    pub name: String,
    /// The known name that was probably meant.
    pub nearest: Option<&'static str>,
    /// All that would have been understood in its place.
    pub known: Vec<&'static str>,
}

impl UnknownMetric {
    fn new(name: &str, known: Vec<&'static str>) -> Self {
        Self {
            name: name.to_owned(),
            nearest: nearest(name, known.iter().copied()),
            known,
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Metric {
    type Err = UnknownMetric;

    fn from_str(name: &str) -> Result<Self, UnknownMetric> {
        let found = Self::ALL.into_iter().find(|metric| metric.name() == name);
        found.ok_or_else(|| UnknownMetric::new(name, Self::ALL.map(Self::name).to_vec()))
    }
}

impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Metric {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Metric {
    fn schema_name() -> Cow<'static, str> {
        "Metric".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let known = Self::ALL.map(|metric| named(metric.name(), metric.doc()));
        json_schema!({"description": "The name of a metric.", "oneOf": known.to_vec()})
    }
}

fn named(name: &str, doc: &str) -> Schema {
    json_schema!({"description": doc, "type": "string", "const": name})
}

impl MetricGroup {
    /// Names of metrics that stand for another group, with it.
    fn by_metric() -> impl Iterator<Item = (Metric, Self)> {
        let grouped = Metric::ALL
            .into_iter()
            .filter_map(|metric| Some((metric, metric.group()?)));
        grouped.filter(|(metric, _)| Self::ALL.iter().all(|group| group.name() != metric.name()))
    }
}

impl FromStr for MetricGroup {
    type Err = UnknownMetric;

    fn from_str(name: &str) -> Result<Self, UnknownMetric> {
        let groups = || Self::ALL.into_iter().map(|group| (group.name(), group));
        let known =
            || groups().chain(Self::by_metric().map(|(metric, group)| (metric.name(), group)));
        let found = known().find(|(known, _)| *known == name);
        found
            .map(|(_, group)| group)
            .ok_or_else(|| UnknownMetric::new(name, known().map(|(known, _)| known).collect()))
    }
}

impl<'de> Deserialize<'de> for MetricGroup {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for MetricGroup {
    fn schema_name() -> Cow<'static, str> {
        "MetricGroup".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let groups = Self::ALL.map(|group| named(group.name(), group.doc()));
        let metrics = Self::by_metric().map(|(metric, group)| {
            named(
                metric.name(),
                &format!("stands for its group, {}", group.name()),
            )
        });
        let known: Vec<Schema> = groups.into_iter().chain(metrics).collect();
        json_schema!({
            "description": "A group of metrics that a run can record; a metric stands for its group.",
            "oneOf": known
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_understood_and_a_slip_is_answered_with_the_nearest() {
        for metric in Metric::ALL {
            assert_eq!(metric.name().parse(), Ok(metric));
        }
        for group in MetricGroup::ALL {
            assert_eq!(group.name().parse(), Ok(group));
            let derived = serde_json::to_value(group).expect("a name");
            assert_eq!(derived, group.name());
        }
        let slip = "weigth_alignment".parse::<Metric>().expect_err("a slip");
        assert_eq!(slip.nearest, Some("weight_alignment"));
        assert_eq!(
            "neuron"
                .parse::<MetricGroup>()
                .expect_err("a slip")
                .to_string(),
            "no metric is called `neuron`; did you mean `neurons`?"
        );
        let unknown = "accuracy".parse::<Metric>().expect_err("unknown");
        assert!(unknown.to_string().contains("there are test_error, "));
    }

    #[test]
    fn a_metric_stands_for_its_group() {
        for (name, group) in [
            ("weight_alignment", MetricGroup::WeightCosine),
            ("overlap", MetricGroup::WeightCosine),
            ("singular_value", MetricGroup::SingularValues),
            ("chosen_ridge", MetricGroup::TestError),
            ("gradient_angle", MetricGroup::Neurons),
        ] {
            assert_eq!(name.parse(), Ok(group), "{name}");
        }
        assert!("gaussian_error".parse::<MetricGroup>().is_err());
    }

    #[test]
    fn the_documentation_names_every_metric() {
        let page = include_str!("../../../../docs/experiment-file.md");
        for metric in Metric::ALL
            .into_iter()
            .filter(|metric| metric.group().is_some())
        {
            assert!(page.contains(&format!("`{metric}`")), "{metric}");
        }
    }
}
