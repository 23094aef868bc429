//! Predictions against published numbers, independent programs and simulations.

use giantstep::activation::Activation;
use giantstep::expr::Link;
use giantstep::network::Pairing;
use giantstep::theory::population::Population;
use giantstep::theory::recursion::{Dynamics, Trajectory};
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

fn trajectory(text: &str, weights: &[f64], steps: u32) -> Trajectory {
    let (link, relu) = (link(text), activation("relu(x)"));
    let population = Population::of_weights(weights, Pairing::Independent);
    let start = std::time::Instant::now();
    let t = dynamics(&link, &relu).run(&population, steps).unwrap();
    println!("{text} {:?} sampled {}", start.elapsed(), t.standard_errors.is_some());
    for s in &t.steps {
        println!(
            "M {:?} Q {:?} cross {:?} err {:.5} cos {:?}",
            s.overlap, (s.covariance.diagonal(0), s.covariance.diagonal(1)), s.covariance.cross, s.untrained_error,
            [s.gradient_cosine(0, 0), s.gradient_cosine(0, 1), s.gradient_cosine(1, 0), s.gradient_cosine(1, 1)]
        );
    }
    t
}

#[test]
fn look() {
    trajectory("z1+z2+z1^2-z2^2", &FOUR, 3);
    trajectory("z1+z2+z1^2+z2^2", &FOUR, 3);
    trajectory("4*z1+z1^2+z2", &FOUR, 3);
    trajectory("z1+relu(z2)", &FOUR, 3);
    trajectory("tanh(z1+He3(z2))", &FOUR, 2);
    trajectory("max(z1,z2)", &FOUR, 2);
    trajectory("z1+z2+z1^2-z2^2", &[1.0], 2);
}
