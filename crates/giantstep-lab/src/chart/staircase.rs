//! The staircase as a figure.

use giantstep::analysis::Report;

use giantstep_figure::{Axis, Colour, Figure, Mark, Panel, Shape};

/// The directions learnt and the floors of the error, step by step: one colour a batch size.
pub fn staircase(report: &Report) -> Figure {
    let steps = report.floors.bounded_width.len() - 1;
    // Each value holds until the next step; the last one a little longer.
    let climb = |values: &[f64], colour: Colour, shape: Shape, label: &str| {
        let times = || (0..=steps).map(|t| t as f64);
        let last = values.last().copied().unwrap_or(0.0);
        let held = values.iter().copied().chain([last]);
        [
            Mark::staircase(times().chain([steps as f64 + 0.4]), held)
                .coloured(colour)
                .labelled(label),
            Mark::points(times(), values.iter().copied())
                .shaped(shape)
                .coloured(colour),
        ]
    };
    let axis = || {
        Axis::linear("giant step")
            .from_to(-0.3, steps as f64 + 0.4)
            .whole()
    };
    let most = report.r.max(1) as f64;
    let mut dimension = Panel::new(
        axis(),
        Axis::linear("directions learnt")
            .from_to(-0.08 * most, 1.14 * most)
            .whole(),
    );
    let variance = report.variance.max(1e-12);
    let mut error = Panel::new(
        axis(),
        Axis::linear("floor of the test error").from_to(-0.08 * variance, 1.14 * variance),
    );
    let bounded = &report.floors.bounded_width;
    error = error.with_all(climb(bounded, Colour::BLACK, Shape::Cross, "bounded 𝑝"));
    let sizes = ["𝑛 ~ 𝑑", "𝑛 ~ 𝑑²", "𝑛 ~ 𝑑³"];
    for (index, (staircase, size)) in report.staircase.fresh.iter().zip(sizes).enumerate() {
        let (colour, shape) = (Colour::cycle(index), Shape::cycle(index));
        // Apart by a little, so that equal climbs are all seen.
        let apart = 0.02 * most * index as f64;
        let dims: Vec<f64> = std::iter::once(0)
            .chain(staircase.dims.iter().copied())
            .map(|dims| dims as f64 + apart)
            .collect();
        dimension = dimension.with_all(climb(&dims, colour, shape, &format!("fresh, {size}")));
        if let Some(wide) = report.floors.wide.get(index) {
            error = error.with_all(climb(&wide.floor, colour, shape, &format!("𝑝, {size}")));
        }
    }
    Figure::new([dimension, error])
}
