//! Any text as a link: read, simplified, differentiated, evaluated.
#![no_main]

use giantstep::expr::{Link, Program};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(link) = Link::parse(text, None) else {
        return;
    };
    let at: Vec<f64> = (0..link.r()).map(|k| 0.7 - 0.3 * k as f64).collect();
    let simple = link.simplified();
    for expr in [link.expr(), simple.expr()] {
        let _ = expr.to_string();
        Program::new(expr).eval(&at);
        for k in 0..link.r().min(2) {
            Program::new(&expr.derivative(k).simplified()).eval(&at);
        }
    }
});
