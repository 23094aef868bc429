//! How curves, planes, baselines and theory are drawn.

use giantstep::metric::Metric;
use giantstep_figure::{Colour, Geometry, Mark, Panel, Scale, Style};

use super::{curves, drawn, is_line, is_points, marks, plan, predicted, read, rows};
use crate::chart::{Data, draw};
use crate::outlook::Predicted;
use crate::plan::ScaleChoice;
use crate::table::Table;

#[test]
fn a_curve_has_one_colour_in_all_panels_and_its_line_and_marker_share_a_label() {
    // The second link has no curve at d = 20: colours still mean d.
    let plan = curves("by = \"d\"\npanels = \"target.link\"\nstep = 1");
    let mut table = rows(&plan, &[Metric::WeightAlignment]);
    table.records.retain(|record| record.point != 4);
    let mut spec = plan.document.figures()[0].clone();
    if let crate::plan::FigureSpec::Curves(curves) = &mut spec {
        curves.x = "n/d".to_owned();
        curves.x_scale = ScaleChoice::Linear;
    }
    let nothing = Predicted::default();
    let drawing = draw(&spec, &Data::new(&table, &nothing, Some(&plan)), "").unwrap();
    let colour = |panel: &Panel, label: &str| -> Option<Colour> {
        let mark = panel
            .marks
            .iter()
            .find(|mark| mark.label.as_deref() == Some(label));
        mark.map(|mark| mark.colour)
    };
    let [first, second] = drawing.figure.panels.as_slice() else {
        panic!("two panels")
    };
    assert_eq!(colour(second, "𝑑 = 20"), None);
    for label in ["𝑑 = 40", "𝑑 = 80"] {
        assert!(colour(first, label).is_some());
        assert_eq!(colour(first, label), colour(second, label));
    }
}

#[test]
fn each_baseline_stands_beside_the_test_error_under_its_name() {
    let plan = plan(
        "baseline = [{ kind = 'linear' }, { kind = 'kernel', ridge = [0.1, 1] }, { kind = 'tangent_kernel' }, \
         { kind = 'feature_machine' }]\n[[figure]]\nkind = 'curves'\nname = 'f'\nx = 'd'\ny = 'test_error'\n\
         step = 2\npanels = 'target.link'",
    );
    let baselines = [
        Metric::LinearError,
        Metric::KernelError,
        Metric::TangentKernelError,
        Metric::FeatureMachineError,
    ];
    let table = rows(&plan, &[&[Metric::TestError][..], &baselines].concat());
    let figures = drawn(&plan, &table, &Predicted::default());
    let [(_, Ok(figure))] = figures.as_slice() else {
        panic!("one figure: {figures:?}")
    };
    assert_eq!(figure.panels.len(), 2);
    for panel in &figure.panels {
        let curve = |mark: &&Mark| match &mark.geometry {
            Geometry::Points { x, .. } => (mark.label.clone().unwrap_or_default(), x.clone()),
            _ => unreachable!("asked for points"),
        };
        let curves: Vec<_> = marks(panel, is_points).iter().map(curve).collect();
        for name in [
            "linear error",
            "kernel error, ridge 0.1",
            "kernel error, ridge 1",
            "tangent kernel error",
            "feature machine error",
        ] {
            let own: Vec<_> = curves.iter().filter(|(label, _)| label == name).collect();
            let [(_, x)] = own.as_slice() else {
                panic!("{name} in {curves:?}")
            };
            assert_eq!(*x, [20.0, 40.0, 80.0], "{name}");
        }
        // And the network's own.
        assert!(curves.len() > 5, "{curves:?}");
    }
}

#[test]
fn theory_is_dashed_beside_dots_and_kernels_of_two_degrees_have_their_own_dashes() {
    let file = r#"
target.link = "z1 + z1*z2"
network = { width = 6, pairing = "symmetric" }
protocol = { dimension = 20, steps = 1, batch = "2*d", step_size = "p" }
readout.after = "last"
evaluation.metrics = ["test_error", "weight_cosine"]
sweep = [{ key = "protocol.dimension", values = [200, 400, 800] }]
[[figure]]
kind = "curves"
name = "alignment"
x = "d"
y = "weight_alignment"
step = 1
[[figure]]
kind = "curves"
name = "floors"
x = "d"
y = "test_error"
kernel_degrees = [1, 2]
"#;
    let plan = read(file);
    let predicted = predicted(&plan);
    let table = rows(&plan, &[Metric::WeightAlignment, Metric::TestError]);
    let drawn = drawn(&plan, &table, &predicted);
    let panel = |index: usize| &drawn[index].1.as_ref().unwrap().panels[0];
    let lines = marks(panel(0), is_line);
    let dashed = |mark: &&Mark| {
        matches!(
            mark.geometry,
            Geometry::Line {
                style: Style::Dashed,
                ..
            }
        )
    };
    assert!(lines.len() == 1 && lines.iter().all(dashed), "{lines:?}");
    assert_eq!(lines[0].label.as_deref(), Some("theory"));
    assert_eq!(marks(panel(0), is_points).len(), 1);
    let styles: Vec<Style> = panel(1)
        .marks
        .iter()
        .filter_map(|mark| match mark.geometry {
            Geometry::Horizontal { style, .. } => Some(style),
            _ => None,
        })
        .collect();
    assert_eq!(styles, [Style::Dashed, Style::Dotted]);
}

#[test]
fn theory_of_an_earlier_step_does_not_stand_beside_the_last() {
    let file = r#"
link = "z1 + z1*z2"
p = 8
[protocol]
d = 100
steps = 2
n = "4*d"
eta = "p"
[[sweep]]
key = "d"
values = [100, 200]
[[figure]]
name = "f"
x = "d"
y = "weight_alignment"
step = "last"
"#;
    let plan = read(file);
    let mut predicted = predicted(&plan);
    let table = rows(&plan, &[Metric::WeightAlignment]);
    let lines = |table: &Table, predicted: &Predicted| {
        let drawn = drawn(&plan, table, predicted);
        let figure = drawn[0].1.as_ref().map_err(ToString::to_string)?;
        Ok::<usize, String>(marks(&figure.panels[0], is_line).len())
    };
    assert_eq!(lines(&table, &predicted).unwrap(), 1);
    let alone = table.with(Vec::new());
    assert!(lines(&alone, &predicted).is_ok());
    // Time was up before the last step.
    predicted
        .foretold
        .retain(|foretold| foretold.record.step < 2);
    let measured = &drawn(&plan, &table, &predicted)[0].1;
    let labels = &measured.as_ref().unwrap().panels[0].marks;
    let theory = labels
        .iter()
        .filter(|mark| mark.label.as_deref() == Some("theory"));
    assert_eq!(theory.count(), 0);
    assert!(lines(&alone, &predicted).is_err());
}

#[test]
fn cosines_fill_their_plane_and_theory_has_the_colour_of_its_sign() {
    let plan = plan(
        "[[figure]]\nkind = \"plane\"\nname = \"f\"\nsteps = [1, 2]\npanels = \"target.link\"\nwhere = [\"d=20\"]",
    );
    let mut table = rows(&plan, &[Metric::GradientCosine]);
    table
        .records
        .iter_mut()
        .for_each(|record| record.value = 0.2);
    let panels = |predicted: &Predicted| {
        let spec = &plan.document.figures()[0];
        let drawing = draw(spec, &Data::new(&table, predicted, Some(&plan)), "");
        drawing.unwrap().figure.panels
    };
    let alone = panels(&Predicted::default());
    assert_eq!(alone.len(), 4);
    for panel in &alone {
        let (low, high) = panel.x.range.unwrap();
        assert!(low == -high && (high - 0.22).abs() < 1e-12, "{low} {high}");
        let colours: Vec<Colour> = panel.marks.iter().map(|mark| mark.colour).collect();
        assert_eq!(colours, [Colour::BLUE, Colour::VERMILION]);
    }
    let mut compared = 0;
    for panel in panels(&predicted(&plan)) {
        let labelled = |label: &str| {
            let mut marks = panel.marks.iter();
            marks.find(|mark| mark.label.as_deref() == Some(label))
        };
        for mark in &panel.marks {
            let theory = mark.label.as_deref().unwrap_or_default();
            if let Some(sign) = theory.strip_prefix("theory, ") {
                assert_eq!(Some(mark.colour), labelled(sign).map(|mark| mark.colour));
                compared += 1;
            }
        }
    }
    assert!(compared >= 4, "{compared}");
}

#[test]
fn a_scale_follows_the_spacing_of_the_values() {
    let settled = |values: &[f64]| ScaleChoice::Auto.settle(values);
    assert_eq!(settled(&[32.0, 64.0, 128.0, 256.0]), Scale::Log10);
    assert_eq!(settled(&[100.0, 316.0, 1000.0]), Scale::Log10);
    assert_eq!(settled(&[0.5, 1.0, 1.5, 2.0]), Scale::Linear);
    assert_eq!(settled(&[0.0, 1.0, 10.0]), Scale::Linear);
    assert_eq!(settled(&[1.0, 100.0]), Scale::Linear);
    assert_eq!(ScaleChoice::Log.settle(&[1.0]), Scale::Log10);
}
