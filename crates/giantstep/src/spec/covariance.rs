//! The keys `inputs.spectrum` and `inputs.spike`: Gaussian inputs of another covariance than 1.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::inputs::Source;
use super::quantity::{Known, Quantity, positive, quoted, value};
use super::{InputsSpec, Spec, SpecError};
use crate::batch::{Block, Covariance};

/// Gaussian inputs of a few variances.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpectrumSpec {
    /// Variances and the shares of the coordinates that have them, one block after the other: numbers or formulas in d. The
    /// shares sum to 1.
    pub spectrum: Vec<[Quantity; 2]>,
}

/// Gaussian inputs with one direction of a larger variance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpikeSpec {
    /// The direction and what it adds.
    pub spike: SpikeLaw,
}

/// The covariance `I + s u u^T`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpikeLaw {
    /// u: the first direction of the target, or its r overlaps with all of them.
    pub along: AlongSpec,
    /// s, a number or a formula in d.
    pub strength: Quantity,
}

/// Where a spike lies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected \"target\", or a list of r overlaps")]
pub enum AlongSpec {
    /// Along the first direction of the target.
    Word(FirstDirection),
    /// Its overlaps with the directions, of squared sum at most 1; the rest is random across them.
    Overlaps(Vec<f64>),
}

/// What is said of a spike along the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FirstDirection {
    /// Along its first direction.
    Target,
}

impl Spec {
    /// The covariance of the inputs, if it is another than 1.
    pub(super) fn check_covariance(
        &self,
        source: &Source,
        r: usize,
        known: Known<'_>,
    ) -> Result<Option<Covariance>, SpecError> {
        let known = Known {
            p: None,
            n: None,
            ..known
        };
        let (key, shown, covariance) = match &self.inputs {
            InputsSpec::Law(_) | InputsSpec::Target(_) | InputsSpec::File(_) => return Ok(None),
            InputsSpec::Spectrum(SpectrumSpec { spectrum }) => {
                let covariance = Covariance::Blocks(blocks(spectrum, known)?);
                ("inputs.spectrum", "[...]", covariance)
            }
            InputsSpec::Spike(SpikeSpec { spike }) => {
                let covariance = spiked(spike, r, known)?;
                ("inputs.spike", "{ ... }", covariance)
            }
        };
        if source.data().is_some() {
            let reason = "the rows are given, and their covariance with them";
            return Err(SpecError::new(key, shown, reason, "leave it out"));
        }
        if self.protocol.remove_below > 1 {
            let reason = "the linear part of the labels is estimated for inputs of covariance 1";
            let remedy = "use 0 (nothing) or 1 (mean)";
            let key = "protocol.remove_below";
            let below = self.protocol.remove_below;
            return Err(SpecError::new(key, below, reason, remedy));
        }
        Ok(Some(covariance))
    }
}

/// Blocks that end at the shares of d summed up, rounded.
fn blocks(spectrum: &[[Quantity; 2]], known: Known<'_>) -> Result<Vec<Block>, SpecError> {
    let key = "inputs.spectrum";
    let dimension = known.d.unwrap_or_default();
    let mut blocks = Vec::new();
    let (mut sum, mut end) = (0.0, 0.0);
    for [variance, share] in spectrum {
        let variance = positive(key, variance, known)?;
        let (number, shown) = value(key, share, known)?;
        if !(number > 0.0 && number.is_finite()) {
            let reason = format!("is {number}, and a share is positive");
            return Err(SpecError::new(key, shown, reason, "leave the block out"));
        }
        sum += number;
        let first = end;
        end = (sum * dimension).round();
        if end <= first {
            let reason = format!("this share of d = {dimension} coordinates is none");
            let remedy = "raise it, or leave the block out";
            return Err(SpecError::new(key, shown, reason, remedy));
        }
        blocks.push(Block {
            variance,
            size: (end - first) as u64,
        });
    }
    if (sum - 1.0).abs() > 1e-9 {
        let reason = format!("the shares sum to {sum}, not to 1");
        let remedy = "for instance [[4, 0.1], [1, 0.9]]";
        return Err(SpecError::new(key, "[...]", reason, remedy));
    }
    Ok(blocks)
}

fn spiked(spike: &SpikeLaw, r: usize, known: Known<'_>) -> Result<Covariance, SpecError> {
    let strength = positive("inputs.spike.strength", &spike.strength, known)?;
    let key = "inputs.spike.along";
    let overlaps = match &spike.along {
        AlongSpec::Word(FirstDirection::Target) if r == 0 => {
            let reason = "the target has no direction";
            let remedy = "give a link of one";
            return Err(SpecError::new(key, quoted("target"), reason, remedy));
        }
        AlongSpec::Word(FirstDirection::Target) => {
            let mut first = vec![0.0; r];
            first[0] = 1.0;
            first
        }
        AlongSpec::Overlaps(overlaps) => overlaps.clone(),
    };
    let shown = format!("{overlaps:?}");
    if overlaps.len() != r {
        let reason = format!("{} overlaps with r = {r} directions", overlaps.len());
        return Err(SpecError::new(
            key,
            shown,
            reason,
            "give one for each direction",
        ));
    }
    let squared: f64 = overlaps.iter().map(|c| c * c).sum();
    if !(squared <= 1.0 + 1e-9) {
        let reason =
            format!("a direction has squared overlaps of at most 1 together, not {squared}");
        return Err(SpecError::new(key, shown, reason, "give smaller ones"));
    }
    let covariance = Covariance::Spike { strength, overlaps };
    if known
        .d
        .is_some_and(|d| d < (r as u64 + covariance.explicit()) as f64)
    {
        let reason = format!("d = r = {r} leaves no direction across the target");
        return Err(SpecError::new(
            key,
            shown,
            reason,
            "raise protocol.dimension",
        ));
    }
    Ok(covariance)
}
