//! Spectra of weights and features at sizes at which a law shows; exact values are in `reference/runs.json`.

use giantstep::metric::Metric;
use giantstep::run::Run;
use serde_json::{Value, json};

use crate::common::{experiment, in_law};

fn value(run: &Run, step: u32, metric: Metric, rank: Option<u32>) -> f64 {
    let mut all = run.measurements.iter();
    let found = all.find(|m| (m.step, m.metric, m.rank) == (step, metric, rank));
    found.expect("measured").value
}

fn on(changes: Value) -> Run {
    in_law(&experiment(changes).setup.experiment, 5)
}

/// A step on `sin(z1)` lifts one direction out of the bulk; a start has none.
#[test]
fn a_step_lifts_as_many_singular_values_as_it_learns_directions() {
    let spec = |link: &str, noise: f64| {
        json!({
            "target": {"link": link, "noise": noise, "r": 2},
            "network": {"width": 150, "activation": "tanh(x)"},
            "protocol": {"dimension": 500, "batch": "6*d", "steps": 1, "step_size": "3*p"},
            "evaluation": {"metrics": ["weight_spectrum"]},
        })
    };
    let run = on(spec("sin(z1)", 0.0));
    assert_eq!(value(&run, 0, Metric::WeightOutliers, None), 0.0);
    assert_eq!(value(&run, 1, Metric::WeightOutliers, None), 1.0);
    // Label noise alone lifts one too, in a direction of its own: all neurons follow the same (1/n) sum y x.
    let noise = on(spec("0", 1.0));
    assert_eq!(value(&noise, 1, Metric::WeightOutliers, None), 1.0);
    // Rows of length 1 in random directions: the edge of Marchenko and Pastur.
    let largest = value(&run, 0, Metric::WeightSingularValue, Some(1));
    let edge = 1.0 + (150f64 / 500.0).sqrt();
    assert!((largest / edge - 1.0).abs() < 0.05, "{largest} {edge}");
    // One direction takes most of the power.
    let ranks = [0, 1].map(|step| value(&run, step, Metric::WeightRank, None));
    assert!(ranks[0] > 100.0 && ranks[1] < 0.6 * ranks[0], "{ranks:?}");
}

/// The kernel of features of a network that has learnt the target is aligned with its labels.
#[test]
fn learning_aligns_the_kernel_with_the_labels() {
    let run = on(json!({
        "target": {"link": "sin(z1)"},
        "network": {"width": 60, "activation": "tanh(x)"},
        "protocol": {"dimension": 300, "batch": "10*d", "steps": 1, "step_size": "4*p"},
        "evaluation": {"metrics": ["feature_spectrum"], "test_samples": 4000},
    }));
    let alignments = [0, 1].map(|step| value(&run, step, Metric::KernelAlignment, None));
    assert!(
        alignments[0] < 0.25 && alignments[1] > 0.8,
        "{alignments:?}"
    );
    // tanh(x) of unit fields has power E tanh^2 = 0.394, over p features of p.
    let sum: f64 = (1..=60)
        .map(|rank| value(&run, 0, Metric::FeatureEigenvalue, Some(rank)))
        .sum();
    assert!((sum - 0.3943).abs() < 0.01, "{sum}");
    let ranks = [0, 1].map(|step| value(&run, step, Metric::FeatureRank, None));
    assert!(ranks[0] > 30.0 && ranks[1] < ranks[0] / 2.0, "{ranks:?}");
}
