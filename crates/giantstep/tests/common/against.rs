//! Predictions against simulations: means over seeds, and agreement within three standard errors of them.

use std::collections::BTreeMap;

use giantstep::measurement::Signs;
use giantstep::metric::Metric;
use giantstep::run::Run;
use giantstep::spec::Checked;
use giantstep::theory::{Prediction, predict};
use rayon::prelude::*;
use serde_json::Value;

use super::{experiment, in_law};

/// A mean over seeds.
#[derive(Debug, Clone, Copy)]
pub struct Mean {
    pub value: f64,
    pub error: f64,
}

pub fn mean(values: &[f64]) -> Mean {
    let n = values.len() as f64;
    let value = values.iter().sum::<f64>() / n;
    let spread: f64 = values.iter().map(|x| (x - value).powi(2)).sum();
    Mean {
        value,
        error: (spread / (n * (n - 1.0))).sqrt(),
    }
}

/// Within three standard errors, and a simulation that resolves `resolution`.
#[track_caller]
pub fn agrees(name: &str, predicted: f64, measured: Mean, resolution: f64) {
    let distance = (predicted - measured.value).abs();
    println!(
        "{name}: {predicted:.5} | {:.5} ({:.5})",
        measured.value, measured.error
    );
    assert!(
        measured.error < resolution,
        "{name}: the simulation does not resolve {resolution}: {measured:?}"
    );
    assert!(
        distance < 3.0 * measured.error,
        "{name}: predicted {predicted}, measured {measured:?}"
    );
}

pub fn simulate(checked: &Checked, seeds: std::ops::Range<u64>) -> Vec<Run> {
    seeds
        .into_par_iter()
        .map(|seed| in_law(&checked.setup.experiment, seed))
        .collect()
}

pub type Place = (u32, Metric, Option<u32>, Option<Signs>, u64);

/// Means over seeds of every measurement that is no single neuron's; overlaps averaged over neurons of one sign.
pub fn measured(runs: &[Run]) -> BTreeMap<Place, Mean> {
    let mut values: BTreeMap<Place, Vec<f64>> = BTreeMap::new();
    for run in runs {
        let mut here: BTreeMap<Place, Vec<f64>> = BTreeMap::new();
        for m in &run.measurements {
            if m.neuron.is_none() || m.metric == Metric::Overlap {
                let ridge = m.ridge.map_or(0, f64::to_bits);
                let place = (m.step, m.metric, m.direction, m.group, ridge);
                here.entry(place).or_default().push(m.value);
            }
        }
        for (place, list) in here {
            let mean = list.iter().sum::<f64>() / list.len() as f64;
            values.entry(place).or_default().push(mean);
        }
    }
    values
        .into_iter()
        .map(|(place, list)| (place, mean(&list)))
        .collect()
}

pub fn place(p: &Prediction) -> Place {
    let ridge = p.ridge.map_or(0, f64::to_bits);
    (p.step, p.metric, p.direction, p.group, ridge)
}

/// Every prediction of an experiment lies within three standard errors of its measurement, `bias` apart.
pub fn overlay(changes: Value, seeds: u64, bias: f64) -> Vec<Prediction> {
    overlay_of(changes, seeds, bias, |_| true)
}

/// [`overlay`] of the predictions chosen.
pub fn overlay_of(
    changes: Value,
    seeds: u64,
    bias: f64,
    chosen: fn(&Prediction) -> bool,
) -> Vec<Prediction> {
    let checked = experiment(changes);
    let predictions = predict(&checked.setup.experiment);
    let measured = measured(&simulate(&checked, 0..seeds));
    for absent in &predictions.absent {
        println!("absent {absent:?}");
    }
    let mut failed = Vec::new();
    let mut compared = 0;
    for p in predictions.present.iter().filter(|p| chosen(p)) {
        compared += 1;
        let m = measured
            .get(&place(p))
            .unwrap_or_else(|| panic!("nothing measured beside {p:?}"));
        let sampling = p.standard_error.unwrap_or(0.0);
        let distance = ((p.value - m.value).abs() - bias).max(0.0);
        let error = m.error.hypot(sampling) + 1e-12;
        println!(
            "{:?} {:.5} | {:.5} ({:.5})",
            place(p),
            p.value,
            m.value,
            m.error
        );
        if distance > 3.0 * error {
            failed.push((place(p), p.value, *m));
        }
    }
    assert!(
        compared > 0,
        "nothing is predicted: {:?}",
        predictions.absent
    );
    assert!(failed.is_empty(), "{failed:#?}");
    predictions.present
}
