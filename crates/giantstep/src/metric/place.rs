//! Where a number of a metric stands: which columns tell the rows of one metric and step apart.

use super::Metric;

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
}
