//! Fresh batches climb a staircase: z1 in the first step, z2 in the second, z3 in the third. One looks between the steps.
//!
//! `cargo run --release -p giantstep --example staircase`

// An example prints what it finds.
#![allow(clippy::print_stdout)]

use giantstep::{Spec, Trainer, Watch, analyze};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let spec: Spec = serde_json::from_value(serde_json::json!({
        "target": { "link": "z1 + z1*z2 + z1*z2*z3" },
        "network": { "width": 100, "activation": "relu(x) + 0.3*He3(x)" },
        "protocol": { "dimension": 100_000, "steps": 4, "batch": "8*d", "step_size": "0.5*p" },
        "evaluation": { "metrics": ["weight_cosine"] }
    }))?;
    let setup = spec.check()?.setup;

    // What can be learnt at all, of any target that can be typed.
    let experiment = &setup.experiment;
    let theory = analyze(
        &experiment.target.link,
        &experiment.network.activation,
        Default::default(),
    )?;
    println!("{}", theory.answer());

    println!("{:>5} {:>8} {:>8} {:>8}", "step", "|M_1|", "|M_2|", "|M_3|");
    let watch = Watch::default();
    let mut trainer = Trainer::new(&setup, 0, &watch);
    loop {
        // M = W W*^T, p x r, beside the lengths of the rows of W.
        let overlaps = trainer.overlaps();
        let lengths = trainer.network().first.norms();
        let aligned = |k: usize| {
            let cosines = (0..overlaps.nrows()).map(|i| (overlaps[(i, k)] / lengths[i]).powi(2));
            (cosines.sum::<f64>() / overlaps.nrows() as f64).sqrt()
        };
        let step = trainer.taken();
        println!(
            "{step:>5} {:>8.3} {:>8.3} {:>8.3}",
            aligned(0),
            aligned(1),
            aligned(2)
        );
        if trainer.step(&watch).is_none() {
            break;
        }
    }
    Ok(())
}
