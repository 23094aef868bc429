//! Predictions against published numbers, independent programs and simulations.

use giantstep::activation::Activation;
use giantstep::expr::Link;
use giantstep::labels::Target;
use giantstep::network::Pairing;
use giantstep::readout::Intercept;
use giantstep::theory::one_step::{ActivationMoments, LinkMoments, OneStep};
use giantstep::theory::population::Population;
use giantstep::theory::recursion::{Dynamics, Trajectory};
use giantstep::theory::state_equations::{Sizes, TrainedFeatures, random_features};
use giantstep::train::{Geometry, Loss};

const FOUR: [f64; 4] = [1.0, 1.0, -1.0, -1.0];

fn link(text: &str) -> Link {
    Link::parse(text, None).unwrap()
}

fn activation(text: &str) -> Activation {
    Activation::parse(text).unwrap()
}

fn dynamics<'a>(link: &'a Link, activation: &'a Activation) -> Dynamics<'a> {
    Dynamics {
        link,
        noise: 0.0,
        removed_mean: 0.0,
        activation,
        rate: 1.0,
        samples: 4.0,
        dimension: 2000.0,
        loss: Loss::Squared,
        geometry: Geometry::Plain,
    }
}

fn show(t: &Trajectory) {
    println!("sampled {}", t.standard_errors.is_some());
    for s in &t.steps {
        println!(
            "M {:?} Q {:?} cross {:?} err {:.5}",
            s.overlap,
            s.covariance.diagonal(0),
            s.covariance.cross,
            s.untrained_error,
        );
    }
}

fn trajectory(text: &str, weights: &[f64], steps: u32, pairing: Pairing) -> Trajectory {
    let (link, relu) = (link(text), activation("relu(x)"));
    let population = Population::of_weights(weights, pairing);
    let start = std::time::Instant::now();
    let t = dynamics(&link, &relu).run(&population, steps).unwrap();
    println!("{text} {:?} ", start.elapsed());
    show(&t);
    t
}

#[test]
fn look() {
    trajectory("z1+z2+z1^2-z2^2", &FOUR, 3, Pairing::Independent);
    trajectory(
        "z1+z2+z1^2-z2^2",
        &[1.0, 1.0, -1.0, -1.0],
        3,
        Pairing::Symmetric,
    );
    trajectory("tanh(z1+He3(z2))", &FOUR, 2, Pairing::Independent);
    trajectory("z1+z2+z1^2-z2^2", &[1.0], 2, Pairing::Independent);
}

#[test]
fn steps() {
    for (text, alpha, rate) in [
        ("z1", 2.0, 3.0),
        ("z1+z1*z2", 4.0, 5.0),
        ("z1*z2", 4.0, 1e6),
    ] {
        let target = Target {
            link: link(text),
            r: link(text).r(),
            noise: 0.0,
        };
        let one = OneStep {
            activation: ActivationMoments::of(&activation("relu(x)")),
            link: LinkMoments::of(&target),
        };
        println!("{:?}", one);
        println!("{text} {:?}", one.linear(alpha, rate, 1.0).alignment());
        let start = std::time::Instant::now();
        let law = one.law(alpha, rate, &[1.0], 100_000);
        println!(
            "{:?}",
            law.map(|l| (l.mean(), l.standard_error(), l.quantile(0.5), l.directions))
        );
        println!("{:?}", start.elapsed());
    }
}

#[test]
fn states() {
    let tanh = activation("tanh(x)");
    for (text, alpha0, rate, alpha, beta, ridge, expected) in [
        ("sin(z1)", 20.0, 3.0, 1.5, 1.0, 0.1, 0.0379),
        ("sin(z1)", 20.0, 3.0, 3.0, 1.0, 0.1, 0.0325),
        ("sin(z1)", 0.0, 0.0, 1.5, 1.0, 0.1, 0.2656),
        ("tanh(z1)", 2.0, 1.0, 3.0, 1.0, 0.01, 0.0805),
        ("sin(z1)", 4.0, 2.0, 2.0, 0.6, 0.1, 0.1060),
        ("sin(z1)", 4.0, 2.0, 2.0, 1.6, 0.1, 0.0),
        ("sin(z1)", 4.0, 2.0, 2.0, 1.6, 0.0, 0.0),
        ("sin(z1)", 4.0, 2.0, 2.0, 0.6, 0.0, 0.0),
    ] {
        let sizes = Sizes {
            samples: alpha,
            width: beta,
            ridge,
        };
        let link = link(text);
        let start = std::time::Instant::now();
        let risk = if alpha0 == 0.0 {
            let target = Target {
                link,
                r: 1,
                noise: 0.0,
            };
            random_features(
                &ActivationMoments::of(&tanh),
                &LinkMoments::of(&target),
                sizes,
                Intercept::Without,
            )
        } else {
            TrainedFeatures {
                link: &link,
                noise: 0.0,
                removed_mean: 0.0,
                activation: &tanh,
                step_samples: alpha0,
                rate,
            }
            .error(sizes)
        };
        println!("{text} {risk:?} expected {expected} {:?}", start.elapsed());
    }
}

#[test]
fn reuse() {
    let (he3, tanh) = (link("He3(z1)"), activation("tanh(x)"));
    let population = Population::of_weights(&FOUR, Pairing::Independent);
    let mut d = Dynamics {
        samples: 2.0,
        loss: Loss::Correlation,
        ..dynamics(&he3, &tanh)
    };
    let start = std::time::Instant::now();
    println!("{:?} {:?}", d.reused_overlap(&population), start.elapsed());
    let start = std::time::Instant::now();
    let t = d.run_reused(&population).unwrap();
    println!("{:?} {:?}", t.steps[2], start.elapsed());
    println!("{:?}", t.standard_errors.unwrap()[2]);
    d.loss = Loss::Squared;
    println!("{:?}", d.run_reused(&population).unwrap().steps[2]);
    let relu = activation("relu(x)");
    d = Dynamics {
        samples: 2.0,
        rate: 2.0,
        loss: Loss::Correlation,
        ..dynamics(&he3, &relu)
    };
    println!("{:?}", d.reused_overlap(&population));
}
