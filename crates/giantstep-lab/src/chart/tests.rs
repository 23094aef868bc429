//! Figures of small tables: what is refused, what is told apart, and what is drawn by default.

use giantstep::metric::Metric;
use giantstep_figure::{Colour, Figure, Geometry, Mark, Panel, Scale, Style};

use super::check::expected;
use super::{ChartError, Data, check, check_name, draw, figures};
use crate::claims::{CLAIMS, Claim};
use crate::experiments::EXPERIMENTS;
use crate::outlook::{Ask, Predicted};
use crate::plan::{Plan, ScaleChoice};
use crate::remedy::Remedied;
use crate::table::Table;

const FILE: &str = r#"
target.link = "z1 + z1*z2"
network.width = 6
protocol = { dimension = 20, steps = 2, batch = "d", step_size = "p" }
evaluation.metrics = ["test_error", "weight_cosine", "gradient_cosine", "neurons"]
sweep = [
    { key = "target.link", values = ["z1 + z1*z2", "z1*z2"] },
    { key = "protocol.dimension", values = [20, 40, 80] },
]
"#;

fn plan(more: &str) -> Plan {
    Plan::read(
        &format!("{FILE}\n{more}"),
        "test",
        &[],
        crate::plan::Scale::Full,
    )
    .unwrap()
}

/// A plan of one figure of curves: alignment against d.
fn curves(keys: &str) -> Plan {
    plan(&format!(
        "[[figure]]\nkind = \"curves\"\nname = \"f\"\nx = \"d\"\ny = \"weight_alignment\"\n{keys}"
    ))
}

/// The message and the remedy of what is refused.
fn refused(plan: &Plan) -> String {
    let error = check(plan).expect_err("to be refused");
    let remedy = error.remedy().map(|remedy| format!("{remedy:?}"));
    format!("{error}\n{}", remedy.unwrap_or_default())
}

fn marks(panel: &Panel, of: fn(&Geometry) -> bool) -> Vec<&Mark> {
    panel
        .marks
        .iter()
        .filter(|mark| of(&mark.geometry))
        .collect()
}

fn is_line(geometry: &Geometry) -> bool {
    matches!(geometry, Geometry::Line { .. })
}

fn is_points(geometry: &Geometry) -> bool {
    matches!(geometry, Geometry::Points { .. })
}

fn rows(plan: &Plan, metrics: &[Metric]) -> Table {
    let records = metrics
        .iter()
        .flat_map(|metric| expected(plan, *metric, &[]).records);
    Table::of(plan).with(records.collect())
}

/// The figures of a plan by name.
fn drawn(
    plan: &Plan,
    table: &Table,
    predicted: &Predicted,
) -> Vec<(String, Result<Figure, ChartError>)> {
    let asked = crate::work::Asked::default();
    let session = crate::work::Session::alone(1, &asked);
    let mut all = Vec::new();
    figures(plan, table, predicted, &session, &mut |name, figure| {
        all.push((name.to_owned(), figure));
    });
    all
}

#[test]
fn what_a_plan_cannot_give_is_refused_before_it_runs_with_what_there_is() {
    for (keys, message) in [
        ("step = 1", "differ in target.link (z1 + z1*z2, z1*z2)"),
        ("by = \"target.link\"", "differ in step (0, 1, 2)"),
        (
            "by = \"step\"\npanels = \"target.lnk\"",
            "did you mean `target.link`?",
        ),
        ("by = \"stp\"", "did you mean `step`?"),
        ("by = \"target.link\"\nstep = 7", "`step` takes 0, 1, 2"),
        (
            "by = \"target.link\"\nstep = 1\ngroup = \"+\"",
            "the filter group=+ leaves none",
        ),
        (
            "by = \"target.link\"\nstep = 1\nwhere = [\"n>=1000\"]",
            "`n` takes 20, 40, 80",
        ),
        (
            "by = \"target.link\"\nstep = 1\ny_range = [1.0, 0.0]",
            "y_range cannot run from 1 to 0",
        ),
        (
            "by = \"target.link\"\nstep = 1\ny_range = [0.0, inf]",
            "y_range cannot run from 0 to inf",
        ),
        (
            "by = \"target.link\"\nstep = 1\ny_range = [0.0, 1.0]\ny_scale = \"log\"",
            "y_range cannot run",
        ),
        (
            "by = \"target.link\"\nstep = 1\nspread = \"sd\"\nstatistic = \"median\"",
            "belong to the mean",
        ),
    ] {
        let found = refused(&curves(keys));
        assert!(
            found.contains(message) && found.starts_with("figure[0]: "),
            "{keys}: {found}"
        );
    }
    for (figure, message) in [
        (
            "kind = \"curves\"\nname = \"f\"\nx = \"target.link\"\ny = \"test_error\"",
            "`target.link` is text",
        ),
        (
            "kind = \"curves\"\nname = \"f\"\nx = \"n/dd\"\ny = \"test_error\"",
            "unknown name `dd`",
        ),
        (
            "kind = \"curves\"\nname = \"f\"\nx = \"d\"\ny = \"train_error\"",
            "no rows of the metric `train_error`",
        ),
        ("kind = \"plane\"\nname = \"f\"\nsteps = [1]", "differ in"),
        (
            "kind = \"plane\"\nname = \"f\"\nsteps = [9]\npanels = \"target.link\"",
            "at step 9",
        ),
        (
            "kind = \"heat\"\nname = \"f\"\nx = \"d\"\ny = \"n\"\nvalue = \"weight_alignment\"\nstep = 1",
            "differ in target.link",
        ),
    ] {
        let found = refused(&plan(&format!("[[figure]]\n{figure}")));
        assert!(found.contains(message), "{figure}: {found}");
    }
    // Formulas stand wherever columns do.
    check(&curves("by = \"target.link\"\nstep = \"last\"").clone()).unwrap();
    let formulas = "kind = \"curves\"\nname = \"f\"\nx = \"n/d^2\"\ny = \"test_error\"\nby = \"2*step\"\npanels = \"target.link\"";
    check(&plan(&format!("[[figure]]\n{formulas}"))).unwrap();
}

#[test]
fn an_unknown_metric_is_answered_with_the_nearest() {
    let file = format!(
        "{FILE}\n[[figure]]\nkind = \"curves\"\nname = \"f\"\nx = \"d\"\ny = \"weight_alingment\""
    );
    let error = Plan::read(&file, "test", &[], crate::plan::Scale::Full)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("did you mean `weight_alignment`?"),
        "{error}"
    );
}

#[test]
fn references_and_slopes_are_checked_like_figures() {
    let reference = "[[reference]]\nvalue = 1.0\ntolerance = 1.0\nsource = \"x\"";
    let slope = "[[slope]]\npredicted = 1.0\nsource = \"x\"\nmetric = \"weight_alignment\"";
    for (entry, message) in [
        (
            format!("{reference}\nmetric = \"train_error\"\nstep = 1"),
            "reference[0]: no rows of the metric `train_error`",
        ),
        (
            format!("{reference}\nmetric = \"weight_alignment\"\nstep = 5"),
            "no step `5`",
        ),
        (
            format!(
                "{reference}\nmetric = \"weight_alignment\"\nstep = 1\nat = {{ \"target.lin\" = 1 }}"
            ),
            "did you mean `target.link`?",
        ),
        (
            format!("{reference}\nmetric = \"weight_cosine\"\nstep = 1"),
            "with this direction and group",
        ),
        (
            format!("{slope}\nstep = 1\nx = \"dd\""),
            "slope[0].x: no column `dd`",
        ),
        (
            format!("{slope}\nstep = 1\nx = \"d\"\nat = {{ \"target.link\" = 0 }}"),
            "target.link = 0",
        ),
        (format!("{slope}\nstep = 9\nx = \"d\""), "no step `9`"),
    ] {
        let found = refused(&plan(&entry));
        assert!(found.contains(message), "{entry}: {found}");
    }
    check(&plan(&format!("{slope}\nstep = 1\nx = \"n/d\""))).unwrap();
}

#[test]
fn names_of_figures_are_plain_names_and_none_is_used_twice() {
    let long = "x".repeat(101);
    for name in [
        "",
        "../evil",
        "/etc/x",
        "a/b",
        ".hidden",
        "a b",
        "a\nb",
        long.as_str(),
    ] {
        assert!(
            matches!(check_name(name), Err(ChartError::Name { .. })),
            "{name:?}"
        );
    }
    check_name("Phase-diagram_2.1").unwrap();
    let figure = "[[figure]]\nkind = \"curves\"\nname = \"f\"\nx = \"d\"\ny = \"weight_alignment\"\nby = \"target.link\"\nstep = 1\n";
    let found = refused(&plan(&figure.repeat(2)));
    assert!(
        found.contains("figure[1]: another figure is called `f` too"),
        "{found}"
    );
    let evil = refused(&plan(&figure.replace("\"f\"", "\"../evil\"")));
    assert!(evil.contains("no name of a figure"), "{evil}");
}

#[test]
fn what_comes_along_is_accepted_at_both_scales() {
    let mut refused = Vec::new();
    for scale in [crate::plan::Scale::Full, crate::plan::Scale::Quick] {
        for (name, text) in EXPERIMENTS {
            let plan = Plan::read(text, name, &[], scale).unwrap();
            refused.extend(check(&plan).err().map(|error| format!("{name}: {error}")));
        }
        for (name, text) in CLAIMS {
            let claim = Claim::read(name, text, scale);
            refused.extend(claim.err().map(|error| error.to_string()));
        }
    }
    assert!(refused.is_empty(), "{refused:#?}");
}

#[test]
fn more_panels_than_can_be_read_are_refused() {
    let file = FILE.replace(
        "[20, 40, 80]",
        &format!("{:?}", (20..47).collect::<Vec<_>>()),
    );
    let figure = "[[figure]]\nkind = \"curves\"\nname = \"f\"\nx = \"step\"\ny = \"weight_alignment\"\nby = \"target.link\"\npanels = \"d\"";
    let plan = Plan::read(
        &format!("{file}\n{figure}"),
        "test",
        &[],
        crate::plan::Scale::Full,
    )
    .unwrap();
    assert!(refused(&plan).contains("`d` has 27 values: a figure has at most 26 panels"));
}

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
        let plan = Plan::read(file, "test", &[], crate::plan::Scale::Full).unwrap();
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
    let plan = Plan::read(file, "test", &[], crate::plan::Scale::Full).unwrap();
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
    let plan = Plan::read(&file, "test", &[], crate::plan::Scale::Full).unwrap();
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
    let plan = Plan::read(&file, "test", &[], crate::plan::Scale::Full).unwrap();
    let drawn = drawn(
        &plan,
        &rows(&plan, &[Metric::WeightAlignment]),
        &Predicted::default(),
    );
    let panel = &drawn[0].1.as_ref().unwrap().panels[0];
    assert!(matches!(panel.marks[0].geometry, Geometry::Heat { .. }));
}

#[test]
fn a_curve_has_one_colour_in_all_panels_and_its_line_and_marker_share_a_label() {
    // The second link has no curve at d = 20: colours still mean d.
    let plan = curves("by = \"d\"\npanels = \"target.link\"\nstep = 1").clone();
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
    let plan = Plan::read(file, "test", &[], crate::plan::Scale::Full).unwrap();
    let asked = crate::work::Asked::default();
    let session = crate::work::Session::alone(1, &asked);
    let predicted = Predicted::of(&plan, Ask::new(crate::plan::Wanted::Quick), &session);
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
    let plan = Plan::read(file, "test", &[], crate::plan::Scale::Full).unwrap();
    let asked = crate::work::Asked::default();
    let session = crate::work::Session::alone(1, &asked);
    let mut predicted = Predicted::of(&plan, Ask::new(crate::plan::Wanted::Quick), &session);
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
fn all_wrong_figures_come_together() {
    let plan = plan(
        "[[figure]]\nname = \"a\"\nx = \"dd\"\ny = \"norm\"\n[[figure]]\nname = \"a/b\"\nx = \"d\"\ny = \"norm\"\n\
         [[figure]]\nname = \"A\"\nx = \"d\"\ny = \"norm\"",
    );
    let said = refused(&plan);
    assert!(said.starts_with("3 things are wrong"), "{said}");
    for part in [
        "figure[0]: no column `dd`",
        "help: did you mean `d`?",
        "figure[1]: `a/b`",
        "figure[2]",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn a_range_that_shows_nothing_is_refused() {
    let plan = curves("y_range = [100, 200]\nby = \"target.link\"\nstep = 1");
    let table = rows(&plan, &[Metric::WeightAlignment]);
    let drawn = drawn(&plan, &table, &Predicted::default());
    let error = drawn[0].1.as_ref().unwrap_err();
    assert!(
        error.to_string().contains("from 100 to 200 shows nothing"),
        "{error}"
    );
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
    let nothing = Predicted::default();
    let spec = &plan.document.figures()[0];
    let drawing = draw(spec, &Data::new(&table, &nothing, Some(&plan)), "").unwrap();
    assert_eq!(drawing.figure.panels.len(), 4);
    for panel in &drawing.figure.panels {
        let (low, high) = panel.x.range.unwrap();
        assert!(low == -high && (high - 0.22).abs() < 1e-12, "{low} {high}");
        let colours: Vec<Colour> = panel.marks.iter().map(|mark| mark.colour).collect();
        assert_eq!(colours, [Colour::BLUE, Colour::VERMILION]);
    }
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
