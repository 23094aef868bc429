//! A run as a whole and step by step: the engine that its setup chooses, looks between two steps, and runs that go on.

use crate::common::engines::{direct, in_law};
use crate::common::{bits, experiment, merge};
use giantstep::batch::EngineKind;
use giantstep::cost::cost;
use giantstep::metric::Metric;
use giantstep::run::{Outcome, Trainer, run, run_on};
use giantstep::setup::Setup;
use giantstep::watch::Watch;
use serde_json::json;

#[test]
fn the_setup_chooses_engine_and_precision() {
    for (engine, precision) in [
        ("direct", "f32"),
        ("direct", "f64"),
        ("in_law", "f32"),
        ("in_law", "f64"),
    ] {
        let spec = json!({"run": {"engine": engine, "precision": precision}});
        let setup = experiment(spec).setup;
        let chosen = bits(&run(&setup, 5, &Watch::default()));
        let e = &setup.experiment;
        let by_hand = match (engine, precision) {
            ("direct", "f32") => run_on(e, direct::<f32>(e, 5), 5, &Watch::default()),
            ("direct", _) => run_on(e, direct::<f64>(e, 5), 5, &Watch::default()),
            (_, "f32") => run_on(e, in_law::<f32>(e, 5), 5, &Watch::default()),
            _ => run_on(e, in_law::<f64>(e, 5), 5, &Watch::default()),
        };
        assert_eq!(chosen, bits(&by_hand), "{engine}, {precision}");
    }
    // The cheaper one: many neurons in few dimensions are explicit, few in many are not.
    for (width, dimension, engine) in [(60, 20, EngineKind::Direct), (4, 5000, EngineKind::InLaw)] {
        let spec = json!({"network": {"width": width}, "protocol": {"dimension": dimension}});
        assert_eq!(cost(&experiment(spec).setup).engine, engine);
    }
}

/// Every bit of a run, with a look at everything after every step.
fn looked_at(setup: &Setup) -> Vec<u64> {
    let watch = Watch::default();
    let mut trainer = Trainer::new(setup, 3, &watch);
    let mut looks = 0;
    loop {
        let errors = trainer.test_errors(&watch).expect("a readout");
        let recorded = trainer.measurements().iter();
        let recorded =
            recorded.filter(|m| m.step == trainer.taken() && m.metric == Metric::TestError);
        for (recorded, seen) in
            recorded.zip(errors.iter().filter(|m| m.metric == Metric::TestError))
        {
            assert_eq!(recorded, seen);
            looks += 1;
        }
        let (m, q) = (trainer.overlaps(), trainer.covariance());
        assert_eq!(m.shape(), (10, 2));
        assert_eq!(q.shape(), (10, 10));
        assert_eq!(trainer.network().second.len(), 10);
        if trainer.step(&watch).is_none() {
            break;
        }
    }
    assert!(looks > 0 || !setup.experiment.fits_readout(3));
    let run = trainer.finish();
    assert_eq!(run.outcome, Outcome::Completed);
    bits(&run)
}

#[test]
fn a_look_between_two_steps_changes_no_bit() {
    for changes in [
        json!({}),
        json!({"protocol": {"reuse": 2, "remove_below": 2}, "readout": {"batch": "same"}}),
        json!({"protocol": {"reuse": 9}, "readout": {"batch": "same", "ridge": [0.1, 1.0]}}),
        json!({"protocol": {"reuse": 9}, "readout": {"batch": "same", "after": "ends"}}),
        json!({"readout": {"batch": "same", "after": "never"}}),
        json!({"protocol": {"remove_below": 1}, "evaluation": {"metrics": ["singular_values"]}}),
    ] {
        for (engine, precision) in [("direct", "f64"), ("in_law", "f32"), ("in_law", "f64")] {
            let mut spec = json!({
                "protocol": {"steps": 3},
                "run": {"engine": engine, "precision": precision}
            });
            merge(&mut spec, changes.clone());
            let setup = experiment(spec).setup;
            let straight = run(&setup, 3, &Watch::default());
            assert_eq!(bits(&straight), looked_at(&setup), "{engine}, {changes}");
        }
    }
}

#[test]
fn a_prolonged_run_has_the_numbers_of_the_longer_one() {
    let watch = Watch::default();
    for engine in ["direct", "in_law"] {
        for changes in [
            json!({}),
            json!({"protocol": {"reuse": 9}}),
            json!({"protocol": {"reuse": 2}}),
            json!({"protocol": {"training_set": 500}}),
            json!({"protocol": {"momentum": {"heavy_ball": 0.5}, "average_from": 2}}),
            json!({"protocol": {"lookahead": {"kind": "extragradient", "radius": 1.0}}}),
            json!({"readout": {"batch": "same"}}),
            json!({"protocol": {"reuse": 9}, "readout": {"batch": "same"}}),
            json!({"protocol": {"reuse": 2, "lookahead": {"kind": "extragradient", "radius": 1.0}}, "readout": {"batch": "same"}}),
            json!({"protocol": {"reuse": 2, "remove_below": 2}, "readout": {"batch": "same"}}),
            json!({"protocol": {"training_set": 160, "average_from": 2}, "readout": {"batch": "training_set"}}),
        ] {
            let setup = |steps: u32| {
                let mut spec = json!({"run": {"engine": engine}});
                merge(&mut spec, changes.clone());
                merge(&mut spec, json!({"protocol": {"steps": steps}}));
                experiment(spec).setup
            };
            let mut trainer = Trainer::new(&setup(2), 4, &watch);
            for steps in [2, 3, 5] {
                assert!(trainer.prolong(steps), "{engine}, {changes}");
                while trainer.step(&watch).is_some() {}
                assert_eq!(trainer.outcome(), Outcome::Completed);
            }
            let straight = bits(&run(&setup(5), 4, &watch));
            assert_eq!(bits(&trainer.finish()), straight, "{engine}, {changes}");
        }
    }
}

#[test]
fn a_run_that_would_have_been_another_is_not_prolonged() {
    let watch = Watch::default();
    let baseline = json!([{"kind": "linear", "ridge": 1.0}]);
    for (changes, fits) in [
        (json!({}), true),
        (json!({"evaluation": {"record": "last"}}), false),
        (json!({"evaluation": {"record": {"every": 2}}}), true),
        (json!({"evaluation": {"record": {"every": 3}}}), false),
        (json!({"readout": {"after": "last"}}), false),
        (json!({"readout": {"after": "never"}}), true),
        (json!({ "baseline": baseline }), false),
    ] {
        let mut spec = json!({"protocol": {"steps": 2}});
        merge(&mut spec, changes.clone());
        let mut trainer = Trainer::new(&experiment(spec).setup, 4, &watch);
        while trainer.step(&watch).is_some() {}
        assert!(!trainer.prolong(1), "{changes}: it has gone further");
        assert_eq!(trainer.prolong(3), fits, "{changes}");
        assert_eq!(trainer.step(&watch).is_some(), fits, "{changes}");
    }
}
