//! Terms of predictions that simulations do not resolve, against sums over grids and closed forms.

use crate::common::gaussian::density;
use crate::common::steps::{dynamics, one_step};
use crate::common::text::{activation, link};
use giantstep::network::Pairing;
use giantstep::theory::moments::ActivationMoments;
use giantstep::theory::one_step::{Drift, OneStep};
use giantstep::theory::population::Population;
use giantstep::theory::recursion::Dynamics;
use giantstep::train::Loss;

#[test]
fn the_moves_of_a_network_that_is_not_symmetrised_are_those_of_its_population_gradient() {
    // Three orthogonal neurons; their part of the gradient is -(u/p) sum_k a_k E[s(l_k) s'(l_i) x], u = d^(1/2): summed
    // over a grid, in which it converges exponentially.
    let (second, d) = ([1.3, -0.4, 0.8], 100.0f64);
    let unit = -d.sqrt() / 3.0;
    let value = |x: f64| (x + 0.7).sin();
    let slope = |x: f64| (x + 0.7).cos();
    let step = 0.25;
    let points: Vec<f64> = (-34..=34).map(|i| f64::from(i) * step).collect();
    let mut moves = [[0.0; 3]; 3];
    for x in &points {
        for y in &points {
            for z in &points {
                let fields = [*x, *y, *z];
                let weight: f64 = fields.iter().map(|f| step * density(*f)).product();
                let output: f64 = std::iter::zip(second, fields)
                    .map(|(a, f)| a * value(f))
                    .sum();
                for (i, row) in moves.iter_mut().enumerate() {
                    for (entry, field) in row.iter_mut().zip(fields) {
                        *entry += weight * unit * output * slope(fields[i]) * field;
                    }
                }
            }
        }
    }
    let moments = ActivationMoments::of(&activation("sin(x + 0.7)"));
    let power = second.iter().map(|a| a * a).sum::<f64>() / 3.0;
    let drift = Drift::of(&moments, 3.0, d, 2, power);
    let mean = second.iter().sum::<f64>() / 3.0;
    for (i, a) in second.into_iter().enumerate() {
        // `along` is the standard deviation of what is proportional to the mean of the second layer.
        let along = -drift.along * mean / (power / 3.0).sqrt() + drift.own * a;
        assert!(
            (moves[i][i] - along).abs() < 1e-9,
            "{i}: {} {along}",
            moves[i][i]
        );
        let across = (0..3).map(|k| match k == i {
            // Its own part along the common vector, c_1^2 a_i, counts as one along itself.
            true => unit * a * moments.slopes[0].powi(2),
            false => moves[i][k],
        });
        let across = across.map(|x| x * x).sum::<f64>().sqrt();
        assert!(
            (across - drift.across).abs() < 1e-9,
            "{i}: {across} {drift:?}"
        );
    }
    assert!(drift.along.abs() > 0.1 && drift.own.abs() > 0.1);
}

#[test]
fn neurons_move_along_themselves_as_their_drift_says() {
    let still = one_step("z1*z2", "relu(x)");
    let population = Population::of_weights(&[1.5; 4], Pairing::Independent);
    let mean = |drift: Drift| -> f64 {
        let step = OneStep {
            drift,
            ..still.clone()
        };
        let neurons = step.neurons(2.0, 0.5, &population, 4000).unwrap();
        neurons.iter().map(|(_, n)| n.moved_squared).sum::<f64>() / 4000.0
    };
    let unmoved = mean(Drift::default());
    for (along, own) in [(0.3, 0.0), (0.0, 0.3), (0.4, -0.2)] {
        let drift = Drift {
            along,
            own,
            across: 0.0,
        };
        // eta~ a~ = 0.75; the moves have mean `own a~` and variance `along^2`, known to 5 percent.
        let expected = 0.5625 * (along * along + own * own * 2.25);
        let moved = mean(drift) - unmoved;
        assert!(
            (moved / expected - 1.0).abs() < 0.07,
            "{along}, {own}: {moved} {expected}"
        );
    }
}

#[test]
fn linear_neurons_take_the_same_step_twice_on_one_batch() {
    // Correlation loss and sigma = x: both gradients are a (1/n) sum y x, the noise of the batch included.
    let link = link("z1 + He2(z1)");
    let linear = activation("x");
    let (rate, samples) = (0.8, 2.0);
    let setting = Dynamics {
        rate,
        samples,
        dimension: 1e6,
        loss: Loss::Correlation,
        ..dynamics(&link, &linear)
    };
    let population = Population::of_weights(&[1.0; 4], Pairing::Independent);
    let found = setting.run_reused(&population).unwrap();
    let last = &found.steps[2];
    // E y^2 = 3, T_1 = (1); fresh batches would have 2 (1 + 2 rate^2 3/2) of noise less.
    let gradient = 1.0 + 3.0 / samples;
    let exact = 1.0 + 4.0 * rate * rate * gradient;
    let own = last.covariance.diagonal(0);
    assert!(
        (last.overlap[(0, 0)] - 2.0 * rate).abs() < 0.01,
        "{:?}",
        last.overlap
    );
    assert!((own / exact - 1.0).abs() < 0.01, "{own} {exact}");
    let between = last.covariance.between(0, 0);
    assert!((between / (exact - 1.0) - 1.0).abs() < 0.01, "{between}");
}
