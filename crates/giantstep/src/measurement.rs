//! One measured number, and where it belongs.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::metric::{Metric, Place};

/// The signs of the second layer: of a neuron, of those averaged over, or of a pair.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum Signs {
    /// `a_i > 0`.
    #[serde(rename = "+")]
    Positive,
    /// `a_i <= 0`.
    #[serde(rename = "-")]
    Negative,
    /// Two neurons with `a_i, a_j > 0`.
    #[serde(rename = "++")]
    BothPositive,
    /// One of each.
    #[serde(rename = "+-")]
    Opposite,
    /// Two neurons with `a_i, a_j <= 0`.
    #[serde(rename = "--")]
    BothNegative,
}

impl Signs {
    /// Of one neuron.
    pub const ONE: [Self; 2] = [Self::Positive, Self::Negative];
    /// Of two.
    pub const PAIRS: [Self; 3] = [Self::BothPositive, Self::Opposite, Self::BothNegative];

    /// Of the neuron with this second layer.
    pub fn of(second: f64) -> Self {
        if second > 0.0 {
            Self::Positive
        } else {
            Self::Negative
        }
    }

    /// Of two neurons, in either order.
    pub fn of_pair(first: f64, second: f64) -> Self {
        match (Self::of(first), Self::of(second)) {
            (Self::Positive, Self::Positive) => Self::BothPositive,
            (Self::Negative, Self::Negative) => Self::BothNegative,
            _ => Self::Opposite,
        }
    }

    /// As written in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Positive => "+",
            Self::Negative => "-",
            Self::BothPositive => "++",
            Self::Opposite => "+-",
            Self::BothNegative => "--",
        }
    }
}

impl fmt::Display for Signs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One number that a run has measured, with its place.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measurement {
    /// The number of steps taken; 0 is the initial network.
    pub step: u32,
    /// What was measured.
    pub metric: Metric,
    /// The neuron, from 1, for a metric of one neuron.
    pub neuron: Option<u32>,
    /// The target direction, from 1; none for the span of all.
    pub direction: Option<u32>,
    /// The rank of a singular value, or the second neuron j of `Q_ij`, from 1.
    pub rank: Option<u32>,
    /// The sign of the second layer of the neurons averaged over or of the neuron.
    pub group: Option<Signs>,
    /// The ridge of a readout.
    pub ridge: Option<f64>,
    /// The value.
    pub value: f64,
}

impl Measurement {
    /// A number with no further place than its step.
    pub fn new(step: u32, metric: Metric, value: f64) -> Self {
        Self {
            step,
            metric,
            neuron: None,
            direction: None,
            rank: None,
            group: None,
            ridge: None,
            value,
        }
    }

    /// The places that it carries.
    pub fn places(&self) -> Vec<Place> {
        let carried = [
            (Place::Neuron, self.neuron.is_some()),
            (Place::Direction, self.direction.is_some()),
            (Place::Rank, self.rank.is_some()),
            (Place::Group, self.group.is_some()),
            (Place::Ridge, self.ridge.is_some()),
        ];
        let carried = carried.into_iter().filter(|(_, carried)| *carried);
        carried.map(|(place, _)| place).collect()
    }
}
