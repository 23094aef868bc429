//! What can be measured: every metric by name, and the groups in which they are asked for.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::nearest::nearest;

/// A number that is measured or predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// `E (y - f)^2` of the ridge readout.
    TestError,
    /// The same of the frozen second layer.
    UntrainedReadoutError,
    /// The variance of the test labels.
    LabelVariance,
    /// The ridge that leave-one-out chose.
    ChosenRidge,
    /// The share of wrong signs of the ridge readout.
    ErrorRate,
    /// The same of the network's own second layer.
    NetworkErrorRate,
    /// `E l(y, f)` of the network's own second layer.
    NetworkLoss,
    /// Mean of `(y - f)^2` on the batch before a step.
    TrainError,
    /// `|w_i|`.
    Norm,
    /// `<w_i, w*_k>/|w_i|`.
    WeightCosine,
    /// `|Pi* w_i|^2/|w_i|^2`.
    WeightAlignment,
    /// `M_ik = <w_i, w*_k>`.
    Overlap,
    /// `<G_i, w*_k>/|G_i|`.
    GradientCosine,
    /// `|Pi* G_i|^2/|G_i|^2`.
    GradientAlignment,
    /// `<G_i, w*_k>`.
    GradientOverlap,
    /// `|G_i|`.
    GradientNorm,
    /// The angle of `G_i` in the plane of the first two directions.
    GradientAngle,
    /// A singular value of `W - W0`.
    SingularValue,
    /// A singular value of W.
    WeightSingularValue,
    /// The effective rank of W.
    WeightRank,
    /// The singular values of W above the edge of its bulk.
    WeightOutliers,
    /// An eigenvalue of `E phi phi^T`.
    FeatureEigenvalue,
    /// The effective rank of the features.
    FeatureRank,
    /// The cosine of the features' kernel with `y y^T`.
    KernelAlignment,
    /// `Q_ij = <w_i, w_j>`.
    Covariance,
    /// `E (y - f)^2` of ridge regression on the inputs.
    LinearError,
    /// The same of kernel ridge regression with the network's own kernel.
    KernelError,
    /// The same with the tangent kernel of the start.
    TangentKernelError,
    /// The same of the recursive feature machine.
    FeatureMachineError,
    /// The error of the readout on Gaussian equivalents of the features.
    GaussianError,
    /// The same, Gaussian given the leading spikes.
    ConditionalError,
    /// The same, Gaussian given as many random directions.
    UnrelatedError,
    /// The same of one Gaussian vector with the right covariance.
    CovarianceError,
}

/// A column that tells the rows of one metric and step apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// The neuron i.
    Neuron,
    /// The target direction k.
    Direction,
    /// The rank of a singular value, or the second neuron j of `Q_ij`.
    Rank,
    /// The signs of the second layer.
    Group,
    /// The ridge of a readout.
    Ridge,
}

impl Metric {
    /// All of them.
    pub const ALL: [Self; 33] = [
        Self::TestError,
        Self::UntrainedReadoutError,
        Self::LabelVariance,
        Self::ChosenRidge,
        Self::ErrorRate,
        Self::NetworkErrorRate,
        Self::NetworkLoss,
        Self::TrainError,
        Self::Norm,
        Self::WeightCosine,
        Self::WeightAlignment,
        Self::Overlap,
        Self::GradientCosine,
        Self::GradientAlignment,
        Self::GradientOverlap,
        Self::GradientNorm,
        Self::GradientAngle,
        Self::SingularValue,
        Self::WeightSingularValue,
        Self::WeightRank,
        Self::WeightOutliers,
        Self::FeatureEigenvalue,
        Self::FeatureRank,
        Self::KernelAlignment,
        Self::Covariance,
        Self::LinearError,
        Self::KernelError,
        Self::TangentKernelError,
        Self::FeatureMachineError,
        Self::GaussianError,
        Self::ConditionalError,
        Self::UnrelatedError,
        Self::CovarianceError,
    ];

    /// The name in files and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::TestError => "test_error",
            Self::UntrainedReadoutError => "untrained_readout_error",
            Self::LabelVariance => "label_variance",
            Self::ChosenRidge => "chosen_ridge",
            Self::ErrorRate => "error_rate",
            Self::NetworkErrorRate => "network_error_rate",
            Self::NetworkLoss => "network_loss",
            Self::TrainError => "train_error",
            Self::Norm => "norm",
            Self::WeightCosine => "weight_cosine",
            Self::WeightAlignment => "weight_alignment",
            Self::Overlap => "overlap",
            Self::GradientCosine => "gradient_cosine",
            Self::GradientAlignment => "gradient_alignment",
            Self::GradientOverlap => "gradient_overlap",
            Self::GradientNorm => "gradient_norm",
            Self::GradientAngle => "gradient_angle",
            Self::SingularValue => "singular_value",
            Self::WeightSingularValue => "weight_singular_value",
            Self::WeightRank => "weight_rank",
            Self::WeightOutliers => "weight_outliers",
            Self::FeatureEigenvalue => "feature_eigenvalue",
            Self::FeatureRank => "feature_rank",
            Self::KernelAlignment => "kernel_alignment",
            Self::Covariance => "covariance",
            Self::LinearError => "linear_error",
            Self::KernelError => "kernel_error",
            Self::TangentKernelError => "tangent_kernel_error",
            Self::FeatureMachineError => "feature_machine_error",
            Self::GaussianError => "gaussian_error",
            Self::ConditionalError => "conditional_error",
            Self::UnrelatedError => "unrelated_error",
            Self::CovarianceError => "covariance_error",
        }
    }

    /// The group that records it, and its averages over neurons where it has any; none if no run does, but a
    /// comparison of readouts ([`crate::equivalence`]).
    pub fn group(self) -> Option<MetricGroup> {
        Some(match self {
            Self::TestError
            | Self::UntrainedReadoutError
            | Self::LabelVariance
            | Self::ChosenRidge
            | Self::LinearError
            | Self::KernelError
            | Self::TangentKernelError
            | Self::FeatureMachineError => MetricGroup::TestError,
            Self::ErrorRate | Self::NetworkErrorRate => MetricGroup::ErrorRate,
            Self::NetworkLoss => MetricGroup::NetworkLoss,
            Self::TrainError => MetricGroup::TrainError,
            Self::Norm => MetricGroup::Norm,
            Self::WeightCosine | Self::WeightAlignment | Self::Overlap => MetricGroup::WeightCosine,
            Self::GradientCosine | Self::GradientAlignment | Self::GradientOverlap => {
                MetricGroup::GradientCosine
            }
            Self::GradientNorm | Self::GradientAngle => MetricGroup::Neurons,
            Self::SingularValue => MetricGroup::SingularValues,
            Self::WeightSingularValue | Self::WeightRank | Self::WeightOutliers => {
                MetricGroup::WeightSpectrum
            }
            Self::FeatureEigenvalue | Self::FeatureRank | Self::KernelAlignment => {
                MetricGroup::FeatureSpectrum
            }
            Self::Covariance => MetricGroup::Covariance,
            Self::GaussianError
            | Self::ConditionalError
            | Self::UnrelatedError
            | Self::CovarianceError => return None,
        })
    }

    /// Whether [`MetricGroup::Neurons`] records it of every neuron.
    pub fn is_of_neurons(self) -> bool {
        self.places().iter().any(|places| {
            places.contains(&Place::Neuron) && self.group() != Some(MetricGroup::Covariance)
        })
    }

    /// Whether it is the test error of a baseline.
    pub fn is_of_baseline(self) -> bool {
        matches!(
            self,
            Self::LinearError
                | Self::KernelError
                | Self::TangentKernelError
                | Self::FeatureMachineError
        )
    }

    /// The places that its rows carry: one list for each kind of row, such as averages and single neurons.
    pub fn places(self) -> &'static [&'static [Place]] {
        use Place::{Direction, Group, Neuron, Rank, Ridge};
        match self {
            // A ridge chosen anew for every seed is an outcome, not a place.
            Self::TestError | Self::ErrorRate => &[&[Ridge], &[]],
            Self::UntrainedReadoutError
            | Self::LabelVariance
            | Self::ChosenRidge
            | Self::NetworkErrorRate
            | Self::NetworkLoss
            | Self::WeightRank
            | Self::WeightOutliers
            | Self::FeatureRank
            | Self::KernelAlignment
            | Self::TrainError => &[&[]],
            Self::Norm | Self::WeightAlignment | Self::GradientAlignment => {
                &[&[], &[Neuron, Group]]
            }
            Self::WeightCosine | Self::Overlap | Self::GradientCosine | Self::GradientOverlap => {
                &[&[Direction, Group], &[Neuron, Direction, Group]]
            }
            Self::GradientNorm | Self::GradientAngle => &[&[Neuron, Group]],
            Self::SingularValue | Self::WeightSingularValue | Self::FeatureEigenvalue => &[&[Rank]],
            Self::Covariance => &[&[Group], &[Neuron, Rank]],
            Self::LinearError
            | Self::KernelError
            | Self::TangentKernelError
            | Self::FeatureMachineError
            | Self::GaussianError
            | Self::ConditionalError
            | Self::UnrelatedError
            | Self::CovarianceError => &[&[Ridge]],
        }
    }

    /// What it is, in a line.
    pub fn doc(self) -> &'static str {
        match self {
            Self::TestError => {
                "E (y - f)^2 of the ridge readout on test samples, label noise included"
            }
            Self::UntrainedReadoutError => "E (y - f)^2 of the frozen second layer on test samples",
            Self::ErrorRate => {
                "share of test samples on which the ridge readout has not the sign of y; an output of 0 counts half"
            }
            Self::NetworkErrorRate => "the same of the network's own second layer",
            Self::NetworkLoss => {
                "mean of the loss on test samples, of the network's own second layer"
            }
            Self::LabelVariance => "variance of the labels of the test samples",
            Self::ChosenRidge => "the ridge that leave-one-out chose",
            Self::TrainError => {
                "mean of (y - f)^2 on the batch before the step, labels as trained on"
            }
            Self::Norm => "|w_i|: the mean over neurons, or of one",
            Self::WeightCosine => "<w_i, w*_k>/|w_i|: the mean over neurons of a sign, or of one",
            Self::WeightAlignment => "|Pi* w_i|^2/|w_i|^2: the mean over neurons, or of one",
            Self::Overlap => "M_ik = <w_i, w*_k>: the mean over neurons of a sign, or of one",
            Self::GradientCosine => "<G_i, w*_k>/|G_i|: the mean over neurons of a sign, or of one",
            Self::GradientAlignment => "|Pi* G_i|^2/|G_i|^2: the mean over neurons, or of one",
            Self::GradientOverlap => "<G_i, w*_k>: the mean over neurons of a sign, or of one",
            Self::GradientNorm => "|G_i| of one neuron",
            Self::GradientAngle => "angle of G_i in the plane of directions 1 and 2, in radians",
            Self::SingularValue => "singular value of W - W0, by rank",
            Self::WeightSingularValue => "singular value of W, by rank",
            Self::WeightRank => {
                "effective rank of W: exp of the entropy of its squared singular values over their sum"
            }
            Self::WeightOutliers => {
                "singular values of W above the edge of rows of the lengths that they leave, in independent directions; up to 16"
            }
            Self::FeatureEigenvalue => {
                "eigenvalue of E phi phi^T on test samples, phi = sigma(W x + b)/sqrt(p), by rank"
            }
            Self::FeatureRank => {
                "effective rank of the features: exp of the entropy of these eigenvalues over their sum"
            }
            Self::KernelAlignment => {
                "cosine of the features' kernel with y y^T on test samples: |Phi^T y|^2/(|Phi Phi^T| |y|^2)"
            }
            Self::Covariance => {
                "Q_ij = <w_i, w_j>: of neurons i and j <= i, or the mean over different neurons by their signs"
            }
            Self::LinearError => "test error of ridge regression on the inputs",
            Self::KernelError => {
                "test error of kernel ridge regression with the network's own kernel"
            }
            Self::TangentKernelError => {
                "test error of kernel ridge regression with the tangent kernel of the start"
            }
            Self::FeatureMachineError => "test error of the recursive feature machine",
            Self::GaussianError => "test error on Gaussian equivalents of the features",
            Self::ConditionalError => "test error on features Gaussian given the leading spikes",
            Self::UnrelatedError => {
                "test error on features Gaussian given as many random directions"
            }
            Self::CovarianceError => "test error on one Gaussian vector with the right covariance",
        }
    }
}

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

/// The groups of metrics that a run can record. In a file a metric stands for its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MetricGroup {
    /// Test errors: of the frozen second layer and of the ridge readouts.
    TestError,
    /// Shares of wrong signs on test samples, of the network's own second layer and of the ridge readouts.
    ErrorRate,
    /// The mean loss on test samples of the network's own second layer.
    NetworkLoss,
    /// Mean square of `y - f` on the training batch before each step.
    TrainError,
    /// `|w_i|`, averaged over neurons.
    Norm,
    /// Cosines `<w_i, w*_k>/|w_i|` and overlaps `M_ik` for each direction, averaged over the neurons of each sign of
    /// `a_i`; and the alignment `|Pi* w_i|^2/|w_i|^2`, averaged over all. THEORY.md (8).
    WeightCosine,
    /// The same of the rows of the gradient.
    GradientCosine,
    /// Per neuron: overlaps M, norms, cosines and alignments of weights and gradient, and the gradient's angle in the
    /// plane of the first two directions, in radians.
    Neurons,
    /// Singular values of `W - W0`: the spikes and the bulk.
    SingularValues,
    /// Singular values of W, how many of them are outliers, and its effective rank.
    WeightSpectrum,
    /// Eigenvalues of the second moment of the features on test samples, their effective rank, and the alignment of their
    /// kernel with the labels.
    FeatureSpectrum,
    /// The entries `Q_ij`, j <= i, of `Q = W W^T`: `p (p + 1) / 2` numbers a step; and their means over pairs of
    /// different neurons by the signs of `a_i` and `a_j`.
    Covariance,
}

impl MetricGroup {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::TestError,
        Self::ErrorRate,
        Self::NetworkLoss,
        Self::TrainError,
        Self::Norm,
        Self::WeightCosine,
        Self::GradientCosine,
        Self::Neurons,
        Self::SingularValues,
        Self::WeightSpectrum,
        Self::FeatureSpectrum,
        Self::Covariance,
    ];

    /// The name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::TestError => "test_error",
            Self::ErrorRate => "error_rate",
            Self::NetworkLoss => "network_loss",
            Self::TrainError => "train_error",
            Self::Norm => "norm",
            Self::WeightCosine => "weight_cosine",
            Self::GradientCosine => "gradient_cosine",
            Self::Neurons => "neurons",
            Self::SingularValues => "singular_values",
            Self::WeightSpectrum => "weight_spectrum",
            Self::FeatureSpectrum => "feature_spectrum",
            Self::Covariance => "covariance",
        }
    }

    /// What it records, in a line.
    pub fn doc(self) -> &'static str {
        match self {
            Self::TestError => {
                "errors on test samples, of the frozen second layer and of the ridge readouts"
            }
            Self::ErrorRate => {
                "shares of wrong signs on test samples, of the network's own second layer and of the ridge readouts"
            }
            Self::NetworkLoss => "mean loss on test samples of the network's own second layer",
            Self::TrainError => "mean square of y - f on the training batch before each step",
            Self::Norm => "|w_i|, averaged over neurons",
            Self::WeightCosine => {
                "cosines and overlaps of the weights with each direction, averaged over the neurons of each sign, and \
                 their alignment with the span of all"
            }
            Self::GradientCosine => "the same of the gradient",
            Self::Neurons => {
                "by neuron: overlaps, norms, cosines and alignments of weights and gradient"
            }
            Self::SingularValues => "singular values of W - W0",
            Self::WeightSpectrum => {
                "singular values of W, how many lie above the edge of the bulk, and its effective rank"
            }
            Self::FeatureSpectrum => {
                "eigenvalues of the features' second moment on test samples, their effective rank, and the alignment of their \
                 kernel with the labels"
            }
            Self::Covariance => {
                "the entries of Q = W W^T, and their means by the signs of the second layer"
            }
        }
    }

    /// Whether it is measured on test samples.
    pub fn is_of_tests(self) -> bool {
        matches!(
            self,
            Self::TestError | Self::ErrorRate | Self::NetworkLoss | Self::FeatureSpectrum
        )
    }

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
        let page = include_str!("../../../docs/experiment-file.md");
        for metric in Metric::ALL
            .into_iter()
            .filter(|metric| metric.group().is_some())
        {
            assert!(page.contains(&format!("`{metric}`")), "{metric}");
        }
    }
}
