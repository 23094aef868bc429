//! One giant step on n = 4 d samples turns every neuron to the one direction of the target's linear part, in any dimension.
//!
//! `cargo run --release -p giantstep --example one_step`

// An example prints what it finds.
#![allow(clippy::print_stdout)]

use giantstep::{Measurement, Metric, Spec, Watch, run};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cosine with the target's directions, mean over the neurons with a > 0");
    println!("{:>9} {:>8} {:>8}", "d", "z1", "z2");
    for d in [100, 10_000, 1_000_000] {
        let spec: Spec = serde_json::from_value(serde_json::json!({
            "target": { "link": "z1 + z1*z2" },
            "network": { "width": 64 },
            "protocol": { "dimension": d, "steps": 1, "batch": "4*d", "step_size": "3*p" },
            "evaluation": { "metrics": ["weight_cosine"] }
        }))?;
        let run = run(&spec.check()?.setup, 0, &Watch::default());
        let with = |direction: u32| {
            let here = |m: &&Measurement| {
                m.step == 1 && m.metric == Metric::WeightCosine && m.direction == Some(direction)
            };
            let group = run.measurements.iter().find(here);
            group.map_or(f64::NAN, |m| m.value)
        };
        println!("{d:>9} {:>8.3} {:>8.3}", with(1), with(2));
    }
    Ok(())
}
