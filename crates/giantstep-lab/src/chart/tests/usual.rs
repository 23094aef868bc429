//! The figures that nobody asked for: which they are, and what they tell apart.

use giantstep::metric::Metric;
use giantstep_figure::{Geometry, Panel, Scale};

use super::{FILE, drawn, is_points, marks, read, rows};
use crate::outlook::Predicted;

/// Nothing of one curve stands twice at one place, and it runs from left to right: no zigzag.
fn assert_no_zigzag(panels: &[Panel]) {
    for mark in panels.iter().flat_map(|panel| &panel.marks) {
        if let Geometry::Line { x, .. } | Geometry::Points { x, .. } = &mark.geometry {
            assert!(x.windows(2).all(|pair| pair[0] < pair[1]), "{x:?}");
        }
    }
}

#[test]
fn the_figures_nobody_asked_for_tell_apart_what_differs() {
    let metrics = [
        Metric::TestError,
        Metric::WeightAlignment,
        Metric::GradientCosine,
    ];
    let one_axis = FILE.replace(
        "    { key = \"target.link\", values = [\"z1 + z1*z2\", \"z1*z2\"] },\n",
        "",
    );
    for (file, by) in [
        (FILE, &["z1 + z1*z2", "z1*z2"][..]),
        (&one_axis, &["random features", "1 step", "2 steps"]),
    ] {
        let plan = read(file);
        let drawn = drawn(&plan, &rows(&plan, &metrics), &Predicted::default());
        let names: Vec<&str> = drawn.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["test-error", "weight-alignment", "gradients"]);
        for (name, figure) in &drawn[..2] {
            let panels = &figure.as_ref().unwrap().panels;
            assert_eq!(panels[0].x.label, "𝑑", "{name}");
            assert_no_zigzag(panels);
            assert_eq!(marks(&panels[0], is_points).len(), by.len(), "{name}");
        }
    }
    // Without a sweep the step is all there is, and ticks stand at whole steps.
    let file = FILE.split("sweep = [").next().unwrap();
    let plan = read(file);
    let drawn = drawn(&plan, &rows(&plan, &metrics), &Predicted::default());
    let panel = &drawn[0].1.as_ref().unwrap().panels[0];
    assert!(panel.x.whole && panel.x.scale == Scale::Linear);
}

#[test]
fn of_more_axes_than_a_figure_can_tell_apart_it_says_which_value_is_shown() {
    let axes = "sweep = [{ key = \"d\", values = [20, 30, 40, 50] }, { key = \"p\", values = [4, 8] }, \
                { key = \"target.noise\", values = [0, 0.5] }, \
                { key = \"network.scale\", values = [\"1/p\", \"2/p\", \"3/p\"] }]";
    let file = format!("{}{axes}", FILE.split("sweep = [").next().unwrap());
    let plan = read(&file);
    let table = rows(&plan, &[Metric::WeightAlignment]);
    let drawn = drawn(&plan, &table, &Predicted::default());
    let figure = drawn[0].1.as_ref().unwrap();
    // Four values of the abscissa; the next two axes are curves and panels.
    assert_eq!(figure.panels[0].x.label, "𝑑");
    let titles: Vec<&str> = figure.panels.iter().map(|panel| &*panel.title).collect();
    assert_eq!(
        (titles, &*figure.title),
        (
            vec!["noise = 0", "noise = 0.5"],
            "scale = 1/𝑝 (of 3 values)"
        )
    );
}

#[test]
fn two_numbers_that_are_swept_over_many_values_make_a_heat_map() {
    let axes = "sweep = [{ key = \"protocol.dimension\", linear = { from = 20, to = 40, count = 11 } }, \
                { key = \"protocol.batch\", log = { from = 10, to = 1000, count = 10 } }]";
    let file = format!("{}{axes}", FILE.split("sweep = [").next().unwrap());
    let plan = read(&file);
    let drawn = drawn(
        &plan,
        &rows(&plan, &[Metric::WeightAlignment]),
        &Predicted::default(),
    );
    let panel = &drawn[0].1.as_ref().unwrap().panels[0];
    assert!(matches!(panel.marks[0].geometry, Geometry::Heat { .. }));
}
