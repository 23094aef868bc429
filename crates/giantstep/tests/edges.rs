//! Runs at the edge of what is allowed: one neuron, one sample, one dimension, no step, the largest dimension.

use crate::common::engines::{direct, in_law};
use crate::common::{experiment, merge};
use giantstep::metric::Metric;
use giantstep::run::{Outcome, run_on};
use giantstep::watch::Watch;
use serde_json::{Value, json};

#[test]
fn runs_complete_at_every_edge() {
    let width = |p: u32, more: Value| {
        let mut spec = json!({"network": {"width": p}});
        merge(&mut spec, more);
        spec
    };
    for changes in [
        width(1, json!({})),
        width(1, json!({"protocol": {"dimension": 2}})),
        width(
            2,
            json!({"network": {"pairing": "symmetric"}, "protocol": {"dimension": 2}}),
        ),
        width(6, json!({"target": {"link": "0", "r": 0, "noise": 1.0}})),
        width(
            1,
            json!({"target": {"link": "0", "r": 0, "noise": 1.0}, "protocol": {"dimension": 1}}),
        ),
        width(6, json!({"protocol": {"dimension": 9}})),
        width(6, json!({"protocol": {"dimension": 8}})),
        width(6, json!({"protocol": {"dimension": 7}})),
        width(6, json!({"protocol": {"dimension": 2}})),
        width(6, json!({"protocol": {"batch": 1}})),
        width(
            6,
            json!({"protocol": {"batch": 1}, "readout": {"intercept": "with", "batch": "same", "ridge": 0}}),
        ),
        width(6, json!({"evaluation": {"test_samples": 1}})),
        width(6, json!({"protocol": {"steps": 0}})),
    ] {
        for plan in [
            json!({}),
            json!({"protocol": {"reuse": 3}}),
            json!({"protocol": {"remove_below": 2}}),
        ] {
            let mut spec = json!({"protocol": {"steps": 3, "step_size": 1}});
            merge(&mut spec, changes.clone());
            merge(&mut spec, plan);
            let experiment = experiment(spec.clone()).setup.experiment;
            let steps = experiment.protocol.steps;
            for run in [
                run_on(
                    &experiment,
                    &mut direct::<f64>(&experiment, 4),
                    4,
                    &Watch::default(),
                ),
                run_on(
                    &experiment,
                    &mut in_law::<f64>(&experiment, 4),
                    4,
                    &Watch::default(),
                ),
            ] {
                assert_eq!(run.outcome, Outcome::Completed, "{spec}");
                assert_eq!(
                    run.measurements.last().map(|m| m.step),
                    Some(steps),
                    "{spec}"
                );
                for measured in &run.measurements {
                    assert!(measured.value.is_finite(), "{spec}: {measured:?}");
                }
            }
        }
    }
}

#[test]
fn the_largest_dimension_runs_in_law() {
    for reuse in [1, 3] {
        let spec =
            json!({"protocol": {"dimension": "2^53", "steps": 3, "reuse": reuse, "step_size": 1}});
        let experiment = experiment(spec).setup.experiment;
        assert_eq!(experiment.protocol.dimension, 1 << 53);
        let run = run_on(
            &experiment,
            &mut in_law::<f64>(&experiment, 0),
            0,
            &Watch::default(),
        );
        assert_eq!(run.outcome, Outcome::Completed);
        assert!(
            run.measurements
                .iter()
                .all(|measured| measured.value.is_finite())
        );
        // No overlap is left in so many dimensions before the first step.
        let initial = |name| {
            run.measurements
                .iter()
                .find(move |m| m.step == 0 && m.metric == name)
        };
        assert!(initial(Metric::WeightAlignment).is_some_and(|m| m.value < 1e-13));
    }
}
