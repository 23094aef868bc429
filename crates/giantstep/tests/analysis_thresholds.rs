//! Thresholds of weak recovery against level sets by hand and against another program.

use crate::common::analysis::{analysed, report_of_relu};
use crate::common::gaussian::{density, probability};
use giantstep::analysis::{AnalysisOptions, Report};

fn sampled(text: &str) -> Report {
    analysed(text, "relu(x)", AnalysisOptions::patient()).unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn alpha(text: &str) -> f64 {
    sampled(text).weak_recovery.unwrap().alpha_c.unwrap()
}

#[test]
fn error_bars_of_thresholds_hold_what_finer_bins_find() {
    // As another program estimates them from samples in bins.
    for (text, value) in [("cos(z1+z2*z3)", 1.879), ("sin(z1+z2)*sin(z1-z2)", 3.10)] {
        let found = sampled(text).weak_recovery.unwrap();
        let alpha = found.alpha_c.unwrap();
        assert!(
            (alpha - value).abs() <= found.error,
            "{text}: {alpha} +- {}",
            found.error
        );
    }
}

#[test]
fn rare_values_of_the_labels_count() {
    let rare = report_of_relu("sign(z1*(z1^2-1.4036407282568602))*(1+2*step(abs(z1)-3.3))");
    assert_eq!(rare.generative_exponent.unwrap().value, 1);
    assert!(rare.weak_recovery.is_none());
}

#[test]
fn thresholds_of_one_direction_come_from_its_level_sets() {
    for text in ["z1^24", "z1^64", "z1^2", "log(abs(z1))", "exp(-abs(z1))"] {
        assert!((alpha(text) - 0.5).abs() < 1e-6, "{text}: {}", alpha(text));
    }
    // By hand, from the masses and second moments of the two sets of intervals.
    let exact = {
        let (mut mass, mut second) = (0.0, 0.0);
        for k in -12..=12 {
            let (a, b) = ((2.0 * f64::from(k) - 0.5), (2.0 * f64::from(k) + 0.5));
            let scale = std::f64::consts::PI / 3.5;
            mass += probability(a * scale, b * scale);
            second += a * scale * density(a * scale) - b * scale * density(b * scale);
        }
        1.0 / (second * second * (1.0 / mass + 1.0 / (1.0 - mass)))
    };
    assert!((exact - 859.0).abs() < 1.0);
    assert!((alpha("sign(cos(3.5*z1))") / exact - 1.0).abs() < 1e-8);
    let slow = sampled("cos(4*z1)").weak_recovery.unwrap();
    let value = slow.alpha_c.unwrap();
    assert!(value > 1000.0 && slow.error < 1e-2 * value, "{slow:?}");
}
