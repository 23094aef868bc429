//! Runs that end before their last step: what they say, and that they keep what they have measured.
//!
//! Seen to catch: the neuron before the one that diverged, a finished step that an interruption loses.

use crate::common::engines::{direct, in_law};
use crate::common::faulty::Faulty;
use crate::common::{bits_until, experiment, stopped_after};
use giantstep::run::{Outcome, Trainer, run, run_on};
use giantstep::watch::Watch;
use serde_json::json;

#[test]
fn a_weight_that_is_no_number_ends_the_run_with_its_step_and_neuron() {
    let experiment = experiment(json!({"protocol": {"steps": 4}}))
        .setup
        .experiment;
    let whole = run_on(
        &experiment,
        &mut in_law::<f64>(&experiment, 1),
        1,
        &Watch::default(),
    );
    for (step, neuron) in [(1, 1), (3, 7), (4, 10)] {
        let inner = in_law::<f64>(&experiment, 1);
        let mut engine = Faulty::new(inner, step, neuron as usize - 1);
        let run = run_on(&experiment, &mut engine, 1, &Watch::default());
        assert_eq!(run.outcome, Outcome::Diverged { step, neuron });
        assert_eq!(bits_until(&run, u32::MAX), bits_until(&whole, step - 1));
        assert!(
            run.network
                .first
                .norms()
                .iter()
                .all(|norm| norm.is_finite())
        );
    }
}

#[test]
fn training_that_blows_up_says_so_and_keeps_its_first_steps() {
    // The derivative of He3 is a square: lengths grow doubly exponentially.
    let changes = json!({
        "network": {"activation": "He3(x)"},
        "protocol": {"steps": 30, "step_size": "1e6"},
        "readout": {"after": "never"},
    });
    let experiment = experiment(changes).setup.experiment;
    for run in [
        run_on(
            &experiment,
            &mut direct::<f32>(&experiment, 1),
            1,
            &Watch::default(),
        ),
        run_on(
            &experiment,
            &mut in_law::<f32>(&experiment, 1),
            1,
            &Watch::default(),
        ),
        run_on(
            &experiment,
            &mut direct::<f64>(&experiment, 1),
            1,
            &Watch::default(),
        ),
        run_on(
            &experiment,
            &mut in_law::<f64>(&experiment, 1),
            1,
            &Watch::default(),
        ),
    ] {
        let Outcome::Diverged { step, neuron } = run.outcome else {
            panic!("{:?}", run.outcome)
        };
        assert!((2..30).contains(&step) && (1..=10).contains(&neuron));
        assert_eq!(run.measurements.last().map(|m| m.step), Some(step - 1));
    }
}

#[test]
fn an_interrupted_run_keeps_what_it_has_measured() {
    let experiment = experiment(json!({"protocol": {"steps": 5}}))
        .setup
        .experiment;
    for engine in ["direct", "in law"] {
        let until = |most: u64| {
            stopped_after(most, |watch| match engine {
                "direct" => run_on(&experiment, direct::<f64>(&experiment, 6), 6, watch),
                _ => run_on(&experiment, in_law::<f64>(&experiment, 6), 6, watch),
            })
        };
        let whole = until(u64::MAX);
        let whole = bits_until(&whole, u32::MAX);
        // A step sees a gradient, a readout and a test batch: 160 + 160 + 400 rows.
        let mut ends = Vec::new();
        for most in [1, 700, 1500, 2000, 2600, 3500] {
            let run = until(most);
            let Outcome::Interrupted { step } = run.outcome else {
                panic!("{engine}, {most} rows: {:?}", run.outcome)
            };
            let kept = bits_until(&run, u32::MAX);
            assert_eq!(kept, whole[..kept.len()], "{engine}, {most} rows");
            let finished = whole.iter().take_while(|(s, ..)| *s < step).count();
            assert!(kept.len() >= finished, "{engine}: a finished step is lost");
            ends.push(step);
        }
        assert!(ends.is_sorted() && ends[0] == 0 && ends[5] >= 4, "{ends:?}");
    }
}

#[test]
fn a_run_that_is_finished_early_is_interrupted_in_its_next_step() {
    let setup = experiment(json!({"protocol": {"steps": 3}})).setup;
    let watch = Watch::default();
    let whole = bits_until(&run(&setup, 1, &watch), 1);
    let mut trainer = Trainer::new(&setup, 1, &watch);
    assert_eq!(trainer.step(&watch), Some(1));
    let run = trainer.finish();
    assert_eq!(run.outcome, Outcome::Interrupted { step: 2 });
    assert_eq!(bits_until(&run, u32::MAX), whole);
}
