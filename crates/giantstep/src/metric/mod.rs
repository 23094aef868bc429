//! What can be measured: every metric by name, the places of its rows, and the groups in which they are asked for.

mod group;
mod names;
mod place;

pub use group::MetricGroup;
pub use names::UnknownMetric;
pub use place::Place;

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
