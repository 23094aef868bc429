//! How far predictions go within an effort and until they are told to stop, and that they keep what they have.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::common::experiment;
use giantstep::theory::{Effort, Needs, predict_within};
use giantstep::watch::NEVER;
use serde_json::json;

#[test]
fn predictions_end_when_they_are_told_to_and_keep_what_they_have() {
    // A stop that is set from the start, and one that comes amid a recursion that nobody would wait for.
    let long = experiment(json!({
        "target": {"link": "z1 + z1*z2"},
        "network": {"width": 4, "second_layer": "ones"},
        "protocol": {"dimension": 1000, "steps": 100000, "batch": "4*d", "step_size": "p/100000"},
        "readout": {"after": "never"},
        "evaluation": {"metrics": ["weight_cosine"], "record": {"every": 1000}}
    }));
    let stop = AtomicBool::new(true);
    let none = predict_within(&long.setup.experiment, Effort::Integrated, &stop);
    assert!(none.present.is_empty());
    assert_eq!(none.absent[0].needs, Some(Needs::Time));
    stop.store(false, Ordering::Relaxed);
    // Threads of its own: on shared ones it would wait for what other tests have begun.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build();
    let pool = pool.unwrap();
    let (found, waited) = std::thread::scope(|scope| {
        let work = scope.spawn(|| {
            let predict = || predict_within(&long.setup.experiment, Effort::Integrated, &stop);
            (pool.install(predict), Instant::now())
        });
        std::thread::sleep(Duration::from_millis(1500));
        stop.store(true, Ordering::Relaxed);
        let told = Instant::now();
        let (found, ended) = work.join().unwrap();
        (found, ended.saturating_duration_since(told))
    });
    assert!(waited < Duration::from_secs(60), "{waited:?}");
    assert!(found.present.iter().any(|p| p.step == 0));
    let last = found.absent.last().unwrap();
    assert_eq!((last.steps.1, last.needs), (100_000, Some(Needs::Time)));
    // An activation so steep that no rule of a bearable size resolves it.
    let steep = experiment(json!({
        "target": {"link": "z1"},
        "network": {"width": 4, "activation": "1e6*x"},
        "protocol": {"dimension": 100, "steps": 3, "batch": "4*d", "step_size": "p"},
        "readout": {"after": "never"}
    }));
    let found = predict_within(&steep.setup.experiment, Effort::Integrated, &NEVER);
    assert!(!found.absent.is_empty());
}

#[test]
fn what_needs_samples_is_left_to_a_larger_effort() {
    let checked = experiment(json!({
        "target": {"link": "z1 + z1*z2"},
        "network": {"width": 4, "pairing": "symmetric"},
        "protocol": {"dimension": 1000, "steps": 3, "batch": "4*d"},
        "evaluation": {"metrics": ["weight_cosine"]}
    }));
    let quick = predict_within(&checked.setup.experiment, Effort::Integrated, &NEVER);
    assert_eq!(quick.present.iter().map(|p| p.step).max(), Some(1));
    assert!(quick.present.iter().all(|p| p.standard_error.is_none()));
    let later = &quick.absent[0];
    assert_eq!((later.steps, later.needs), ((2, 3), Some(Needs::Samples)));
    // An impossible step ends the predictions with its reason, and keeps those before it.
    let wild = experiment(json!({
        "target": {"link": "z1^3"},
        "network": {"width": 4, "activation": "x^3", "second_layer": "ones"},
        "protocol": {"dimension": 1000, "steps": 8, "batch": "4*d", "step_size": "1000*p"},
        "evaluation": {"metrics": ["weight_cosine"]}
    }));
    let found = predict_within(&wild.setup.experiment, Effort::Integrated, &NEVER);
    assert!(found.present.iter().any(|p| p.step == 0), "{found:?}");
    assert!(found.present.iter().all(|p| p.value.is_finite()));
    assert!(!found.absent.is_empty());
}
