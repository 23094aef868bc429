//! Memory promised is memory kept: the peak of a whole process beside what was predicted of its run.
//!
//! `MEMORY=all cargo test --release -p giantstep-cli -- memory` takes the sizes of real work; a part of them is the default.

use std::process::{Command, Stdio};

use crate::common::{Toy, json, program};

const BASE: &str = r#"
name = "memory"
target.link = "z1 + z1*z2"
network.width = 6
protocol.dimension = 100
protocol.steps = 2
protocol.batch = 1000
protocol.step_size = "p"
evaluation.test_samples = 1000
predictions = "none"
run.threads = 2
"#;

/// Name and settings; the first ones are quick.
const CASES: [(&str, &[&str]); 35] = [
    ("small", &[]),
    (
        "covariance",
        &[
            "network.width=500",
            "evaluation.metrics=[\"covariance\"]",
            "readout.after=never",
            "protocol.batch=10",
        ],
    ),
    (
        "neurons",
        &[
            "network.width=300",
            "protocol.steps=100",
            "evaluation.metrics=[\"neurons\"]",
            "readout.after=never",
            "protocol.batch=10",
        ],
    ),
    (
        "readout",
        &[
            "network.width=1000",
            "protocol.steps=1",
            "protocol.batch=2000",
            "readout.after=last",
            "evaluation.metrics=[\"test_error\"]",
        ],
    ),
    (
        "readout of few samples",
        &[
            "network.width=3000",
            "protocol.steps=1",
            "protocol.batch=1500",
            "readout.after=last",
            "evaluation.metrics=[\"test_error\"]",
        ],
    ),
    (
        "leave-one-out",
        &[
            "network.width=600",
            "protocol.steps=1",
            "protocol.batch=1200",
            "readout.after=last",
            "readout.ridge={leave_one_out=[1,10]}",
            "evaluation.metrics=[\"test_error\"]",
        ],
    ),
    (
        "direct, wide",
        &[
            "network.width=1000",
            "protocol.dimension=4000",
            "run.engine=direct",
            "protocol.batch=2000",
            "protocol.steps=1",
            "evaluation.metrics=[\"norm\"]",
        ],
    ),
    (
        "direct, long",
        &[
            "network.width=64",
            "protocol.dimension=100000",
            "run.engine=direct",
            "protocol.batch=2000",
            "protocol.steps=1",
            "evaluation.metrics=[\"norm\"]",
        ],
    ),
    (
        "in law",
        &[
            "network.width=1024",
            "protocol.dimension=100000",
            "run.engine=in_law",
            "protocol.batch=768",
            "protocol.steps=1",
            "evaluation.metrics=[\"norm\"]",
        ],
    ),
    (
        "readouts in the passes of gradients",
        &[
            "network.width=600",
            "protocol.dimension=1200",
            "run.engine=direct",
            "protocol.batch=8000",
            "protocol.reuse=2",
            "readout.batch=same",
            "evaluation.metrics=[\"test_error\"]",
        ],
    ),
    (
        "reuse",
        &[
            "protocol.reuse=4",
            "protocol.steps=4",
            "protocol.batch=20000",
            "network.width=150",
            "protocol.dimension=10000",
            "run.engine=in_law",
            "evaluation.metrics=[\"norm\"]",
        ],
    ),
    (
        "linear baseline",
        &[
            "baseline=[{kind=\"linear\"}]",
            "readout.samples=2500",
            "readout.after=never",
            "evaluation.metrics=[\"test_error\"]",
            "run.engine=direct",
        ],
    ),
    (
        "kernel, in law",
        &[
            "baseline=[{kind=\"kernel\",ridge=[0.1,1]}]",
            "readout.samples=2200",
            "readout.after=never",
            "evaluation.metrics=[\"test_error\"]",
            "protocol.dimension=10000",
            "run.engine=in_law",
        ],
    ),
    (
        "tangent kernel of both layers",
        &[
            "baseline=[{kind=\"tangent_kernel\"}]",
            "protocol.second_layer={step_size=0.1}",
            "network.width=200",
            "readout.samples=2500",
            "readout.after=never",
            "evaluation.metrics=[\"test_error\"]",
            "run.engine=direct",
        ],
    ),
    (
        "feature machine",
        &[
            "baseline=[{kind=\"feature_machine\",rounds=2}]",
            "readout.samples=2200",
            "readout.after=never",
            "evaluation.metrics=[\"test_error\"]",
            "run.engine=direct",
        ],
    ),
    (
        "1000 directions",
        &[
            "target.link=sum(i,1000,tanh(z_i))/sqrt(1000)",
            "network.width=64",
            "protocol.dimension=4000",
            "protocol.batch=5000",
            "run.engine=direct",
            "evaluation.metrics=[\"test_error\"]",
        ],
    ),
    (
        "1000 directions in law",
        &[
            "target.link=sum(i,1000,tanh(z_i))/sqrt(1000)",
            "network.width=64",
            "protocol.dimension=4000",
            "protocol.batch=5000",
            "run.engine=in_law",
            "evaluation.metrics=[\"test_error\"]",
        ],
    ),
    // The sizes of real work.
    (
        "linear baseline, d = 3000",
        &[
            "baseline=[{kind=\"linear\"}]",
            "readout.samples=2500",
            "readout.after=never",
            "evaluation.metrics=[\"test_error\"]",
            "protocol.dimension=3000",
            "run.engine=direct",
        ],
    ),
    (
        "two feature machines and a tangent kernel",
        &[
            "baseline=[{kind=\"feature_machine\",rounds=1,ridge=[0.1,1]},{kind=\"tangent_kernel\"}]",
            "readout.samples=3000",
            "readout.after=never",
            "evaluation.metrics=[\"test_error\"]",
            "run.engine=direct",
        ],
    ),
    (
        "feature machine in law",
        &[
            "baseline=[{kind=\"feature_machine\"}]",
            "readout.samples=3000",
            "readout.after=never",
            "evaluation.metrics=[\"test_error\"]",
            "protocol.dimension=10000",
            "run.engine=in_law",
        ],
    ),
    (
        "tangent kernel in law",
        &[
            "baseline=[{kind=\"tangent_kernel\"}]",
            "network.width=100",
            "readout.samples=2500",
            "readout.after=never",
            "evaluation.metrics=[\"test_error\"]",
            "protocol.dimension=10000",
            "run.engine=in_law",
        ],
    ),
    (
        "all baselines",
        &[
            "baseline=[{kind=\"linear\"},{kind=\"kernel\"},{kind=\"tangent_kernel\"},{kind=\"feature_machine\"}]",
            "readout.samples=2200",
            "readout.after=never",
            "evaluation.metrics=[\"test_error\"]",
            "protocol.dimension=500",
            "run.engine=direct",
        ],
    ),
    (
        "neurons of 300 steps, p = 1000",
        &[
            "network.width=1000",
            "protocol.steps=300",
            "evaluation.metrics=[\"neurons\"]",
            "readout.after=never",
            "protocol.batch=10",
        ],
    ),
    (
        "covariance, p = 1200",
        &[
            "network.width=1200",
            "evaluation.metrics=[\"covariance\"]",
            "readout.after=never",
            "protocol.batch=10",
        ],
    ),
    (
        "2000 ridges, 50 steps",
        &[
            "protocol.steps=50",
            "run.engine=in_law",
            "network.width=20",
            "protocol.batch=100",
            "readout.ridge=RIDGES",
        ],
    ),
    (
        "readout, p = 3000",
        &[
            "network.width=3000",
            "protocol.steps=1",
            "protocol.batch=6000",
            "readout.after=last",
            "evaluation.metrics=[\"test_error\"]",
        ],
    ),
    (
        "leave-one-out, p = 2000",
        &[
            "network.width=2000",
            "protocol.steps=1",
            "protocol.batch=4000",
            "readout.after=last",
            "readout.ridge={leave_one_out=[1,10]}",
            "evaluation.metrics=[\"test_error\"]",
        ],
    ),
    (
        "in law, p = 2048",
        &[
            "network.width=2048",
            "protocol.dimension=1000000",
            "run.engine=in_law",
            "protocol.batch=4096",
            "protocol.steps=2",
            "evaluation.metrics=[\"norm\"]",
        ],
    ),
    (
        "reuse 4, n = 20000, p = 300",
        &[
            "protocol.reuse=4",
            "protocol.steps=4",
            "protocol.batch=20000",
            "network.width=300",
            "protocol.dimension=10000",
            "run.engine=in_law",
            "evaluation.metrics=[\"norm\"]",
        ],
    ),
    (
        "direct, p = 2^14",
        &[
            "network.width=16384",
            "protocol.dimension=256",
            "run.engine=direct",
            "protocol.batch=1000",
            "protocol.steps=1",
            "readout.after=never",
            "evaluation.metrics=[\"norm\"]",
        ],
    ),
    (
        "direct, p = 2^15",
        &[
            "network.width=32768",
            "protocol.dimension=256",
            "run.engine=direct",
            "protocol.batch=1000",
            "protocol.steps=1",
            "readout.after=never",
            "evaluation.metrics=[\"norm\"]",
        ],
    ),
    (
        "direct, d = 2^14",
        &[
            "network.width=512",
            "protocol.dimension=16384",
            "run.engine=direct",
            "protocol.batch=2000",
            "protocol.steps=2",
            "evaluation.metrics=[\"norm\"]",
        ],
    ),
    (
        "singular values",
        &[
            "network.width=800",
            "protocol.dimension=3000",
            "run.engine=direct",
            "protocol.batch=1000",
            "evaluation.metrics=[\"singular_values\"]",
        ],
    ),
    (
        "double precision, lookahead",
        &[
            "network.width=400",
            "protocol.dimension=5000",
            "run.engine=direct",
            "run.precision=f64",
            "protocol.lookahead={kind=\"extragradient\",radius=1}",
            "evaluation.metrics=[\"norm\"]",
        ],
    ),
    (
        "two ridges, intercept",
        &[
            "network.width=1000",
            "protocol.steps=1",
            "protocol.batch=4000",
            "readout.after=last",
            "readout.ridge=[0.1,1]",
            "readout.intercept=with",
            "evaluation.metrics=[\"test_error\"]",
        ],
    ),
];

const QUICK: usize = 17;

/// The largest memory of a process, in bytes.
fn peak(toy: &Toy, overrides: &[&str]) -> f64 {
    let mut child = Command::new(program())
        .args(toy.arguments(overrides))
        .stdout(Stdio::null())
        .spawn()
        .expect("a process");
    let status = format!("/proc/{}/status", child.id());
    let image = format!("/proc/{}/exe", child.id());
    let own = std::fs::canonicalize(program()).expect("the program");
    let mut most = 0.0_f64;
    // The peak only grows: the last look tells it, but for the last millisecond.
    while child.try_wait().expect("a child").is_none() {
        // Before it is the program, it is a copy of this process, with the memory of all tests.
        if std::fs::read_link(&image).is_ok_and(|image| image != own) {
            continue;
        }
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        most = most.max(1024.0 * kilobytes.unwrap_or(0.0));
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    assert!(child.wait().expect("an end").success(), "{overrides:?}");
    most
}

#[test]
fn the_predicted_memory_is_between_1_and_1_3_times_the_peak_of_the_process() {
    let ridges = format!("readout.ridge={:?}", (1..=2000).collect::<Vec<_>>());
    let all = std::env::var("MEMORY").is_ok_and(|wanted| wanted == "all");
    let mut outside = Vec::new();
    for (name, overrides) in &CASES[..if all { CASES.len() } else { QUICK }] {
        let overrides: Vec<&str> = overrides
            .iter()
            .map(|text| {
                if text.ends_with("RIDGES") {
                    ridges.as_str()
                } else {
                    text
                }
            })
            .collect();
        let toy = Toy::new(BASE);
        let explained = json(&toy.run(&overrides, &["--explain", "--json"]));
        let predicted = explained["points"][0]["taken"]["cost"]["memory"]
            .as_f64()
            .expect("a number");
        // Whether all threads hold their buffers at the same moment is chance, more so on a busy machine: the largest peak is
        // meant. Of 1000 directions in law one run in four shows it, so that 41 miss it less than once in 100000 times.
        let mut real = peak(&toy, &overrides);
        for _ in 0..40 {
            if predicted <= 1.3 * real {
                break;
            }
            // In a new folder: what is kept is not computed again.
            real = real.max(peak(&Toy::new(BASE), &overrides));
        }
        let ratio = predicted / real;
        println!(
            "{name}: {:.0} MB predicted, {:.0} MB real, ratio {ratio:.2}",
            predicted / 1e6,
            real / 1e6
        );
        if !(1.0..=1.3).contains(&ratio) {
            outside.push(format!("{name}: {ratio:.2}"));
        }
    }
    assert!(outside.is_empty(), "{outside:?}");
}
