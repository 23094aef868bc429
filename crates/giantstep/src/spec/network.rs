//! The keys of `network`: widths, laws of the layers, weights at the start.

use std::sync::Arc;

use crate::activation::Activation;
use crate::network::{Bias, FirstLayer, Initial, NetworkLaw, Pairing, Weights};
use crate::spec::given::Callables;
use crate::spec::quantity::{Known, positive, quoted};
use crate::spec::{OverlapSpec, Spec, SpecError, StartOverlaps, StartSpec};

impl Spec {
    pub(super) fn check_network(
        &self,
        width: u64,
        (dimension, r): (u64, usize),
        weights: Option<Arc<Weights>>,
        known: Known<'_>,
        callables: &Callables,
    ) -> Result<NetworkLaw, SpecError> {
        let network = &self.network;
        let typed = || {
            Activation::parse(&network.activation).map_err(|error| {
                let value = quoted(&network.activation);
                SpecError::new(
                    "network.activation",
                    value,
                    format!("\n{error}"),
                    "correct the activation",
                )
            })
        };
        let activation = match &callables.activation {
            Some(given) => given.clone(),
            None => typed()?,
        };
        if width > 1 << 20 {
            let reason = "wider than 2^20 neurons";
            return Err(SpecError::new(
                "network.width",
                width,
                reason,
                "choose a smaller width",
            ));
        }
        if network.pairing == Pairing::Symmetric && width % 2 == 1 {
            let reason = "symmetric pairs need an even width";
            let remedy = format!("use {} or pairing = \"independent\"", width + 1);
            return Err(SpecError::new("network.width", width, reason, remedy));
        }
        Ok(NetworkLaw {
            width: width as usize,
            activation,
            first_layer: network.first_layer,
            second_layer: network.second_layer,
            pairing: network.pairing,
            bias: self.check_bias()?,
            start: self.check_start(width, (dimension, r), weights)?,
            gain: match &network.scale {
                None => 1.0,
                Some(scale) => {
                    // Readouts are made of what is known here, so n is no part of a network.
                    let known = Known { n: None, ..known };
                    let (scale, root) = (
                        positive("network.scale", scale, known)?,
                        (width as f64).sqrt(),
                    );
                    if scale == 1.0 / root {
                        1.0
                    } else {
                        scale * root
                    }
                }
            },
            output: network.output,
        })
    }

    fn check_start(
        &self,
        width: u64,
        (dimension, r): (u64, usize),
        weights: Option<Arc<Weights>>,
    ) -> Result<Initial, SpecError> {
        let overlap = match &self.network.start {
            None => return Ok(Initial::Drawn),
            Some(StartSpec::Weights(file)) => {
                return self.check_weights(&file.file, (width, dimension), weights);
            }
            Some(StartSpec::Overlaps(StartOverlaps { overlap })) => overlap,
        };
        let (overlaps, shown) = match overlap {
            OverlapSpec::Each(overlap) => (vec![vec![*overlap; r]], overlap.to_string()),
            OverlapSpec::List(overlaps) => (vec![overlaps.clone()], format!("{overlaps:?}")),
            OverlapSpec::Table(rows) => (rows.clone(), format!("{rows:?}")),
        };
        let fail = |reason: String, remedy: &str| {
            Err(SpecError::new(
                "network.start.overlap",
                &shown,
                reason,
                remedy,
            ))
        };
        let drawn = match self.network.pairing {
            Pairing::Independent => width,
            Pairing::Symmetric => width / 2,
        };
        if matches!(overlap, OverlapSpec::Table(_)) && overlaps.len() as u64 != drawn {
            let reason = format!(
                "{} lists for {drawn} neurons that are drawn",
                overlaps.len()
            );
            return fail(
                reason,
                "give one for each neuron, with symmetric pairs for each of the first half",
            );
        }
        for row in &overlaps {
            if row.len() != r {
                let reason = format!("{} overlaps with r = {r} directions", row.len());
                return fail(reason, "give one for each direction, or one number for all");
            }
            let squared: f64 = row.iter().map(|m| m * m).sum();
            if !(squared <= 1.0) {
                let reason = format!(
                    "a row of length 1 has squared overlaps of at most 1 together, not {squared}"
                );
                return fail(reason, "give smaller ones");
            }
        }
        if self.network.first_layer != FirstLayer::Sphere {
            let reason = "rows of a Gaussian first layer have no fixed length".to_owned();
            return fail(reason, "set network.first_layer = \"sphere\"");
        }
        if dimension <= r as u64 {
            let reason = format!("d = {dimension} leaves nothing beside r = {r} directions");
            return fail(reason, "raise protocol.dimension");
        }
        Ok(Initial::Overlaps(overlaps))
    }

    fn check_weights(
        &self,
        file: &str,
        (width, dimension): (u64, u64),
        weights: Option<Arc<Weights>>,
    ) -> Result<Initial, SpecError> {
        let fail = |reason: String, remedy: &str| {
            Err(SpecError::new(
                "network.start.file",
                quoted(file),
                reason,
                remedy,
            ))
        };
        let Some(weights) = weights else {
            let reason = "this library reads no files".to_owned();
            return fail(
                reason,
                "read the weights and give them to `Spec::check_with`",
            );
        };
        let (rows, columns) = weights.first.shape();
        if (rows as u64, columns as u64) != (width, dimension) {
            let reason = format!("W is {rows} x {columns}, and not p x d = {width} x {dimension}");
            return fail(
                reason,
                "set network.width and protocol.dimension to its shape",
            );
        }
        for (name, list) in [("a", &weights.second), ("b", &weights.bias)] {
            if let Some(list) = list
                && list.len() != rows
            {
                let reason = format!("{name} has {} entries for p = {rows} neurons", list.len());
                return fail(reason, "save one for each neuron");
            }
        }
        let column = (0..columns).flat_map(|j| weights.first.col_as_slice(j));
        let lists = [&weights.second, &weights.bias]
            .into_iter()
            .flatten()
            .flatten();
        if let Some(entry) = column.chain(lists).find(|entry| !entry.is_finite()) {
            return fail(format!("has the entry {entry}"), "save finite weights");
        }
        if weights.bias.is_some() && self.network.bias == Bias::Zero {
            let reason = "has biases b, and the network has none".to_owned();
            return fail(
                reason,
                "set network.bias = { gaussian = 0 }, or save W and a alone",
            );
        }
        if self.network.pairing == Pairing::Symmetric {
            let reason = "weights that are given are in no pairs".to_owned();
            return fail(reason, "set network.pairing = \"independent\"");
        }
        Ok(Initial::Weights(weights))
    }

    fn check_bias(&self) -> Result<Bias, SpecError> {
        let bias = self.network.bias;
        let (key, value, reason) = match bias {
            Bias::Gaussian(variance) if !(variance >= 0.0 && variance.is_finite()) => {
                let reason = "a variance is finite and not negative";
                ("network.bias.gaussian", variance.to_string(), reason)
            }
            Bias::Uniform([from, to]) if !(from <= to && from.is_finite() && to.is_finite()) => {
                let reason = "is no interval: it goes from a number to one that is not smaller";
                ("network.bias.uniform", format!("[{from}, {to}]"), reason)
            }
            _ => return Ok(bias),
        };
        let remedy = "for instance { gaussian = 1 } or { uniform = [-1, 1] }";
        Err(SpecError::new(key, value, reason, remedy))
    }
}
