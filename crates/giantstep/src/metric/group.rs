//! The groups in which metrics are asked for, and which of them records a metric.

use serde::Serialize;

use super::{Metric, Place};

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
}

impl Metric {
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
}
