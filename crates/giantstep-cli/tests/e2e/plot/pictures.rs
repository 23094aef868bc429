//! Where things lie in the pictures, what they say, and that the script beside them works.

use std::process::Command;

use resvg::tiny_skia::Pixmap;
use resvg::usvg::{Group, Node, Options, Paint, Tree};

use giantstep_figure::missing_glyphs;

use super::{ONE_LINK, base, drawn, folder, number};
use crate::common::text;

/// Filled areas of a picture: the middle, the size, and how light the colour is.
fn areas(group: &Group, found: &mut Vec<([f32; 2], [f32; 2], u32)>) {
    for node in group.children() {
        match node {
            Node::Group(inner) => areas(inner, found),
            Node::Path(path) => {
                if let Some(Paint::Color(colour)) = path.fill().map(|fill| fill.paint()) {
                    let area = path.abs_bounding_box();
                    let middle = [
                        (area.left() + area.right()) / 2.0,
                        (area.top() + area.bottom()) / 2.0,
                    ];
                    let light = 2 * u32::from(colour.red)
                        + 5 * u32::from(colour.green)
                        + u32::from(colour.blue);
                    found.push((middle, [area.width(), area.height()], light));
                }
            }
            _ => {}
        }
    }
}

#[test]
fn cells_of_a_heat_map_lie_where_their_values_belong() {
    let folder = folder();
    let asked = [
        "--x",
        "n/d",
        "--y",
        "step_size",
        "--value",
        "weight_alignment",
        "--step",
        "1",
    ];
    let more = [
        "--where",
        "target.link=z1",
        "--where",
        "d=10",
        "--x-scale",
        "log",
        "--y-scale",
        "log",
    ];
    let rows = drawn(folder.path(), &[&asked[..], &more].concat());
    let places: Vec<(&str, &str)> = rows.iter().map(|r| (&*r[1], &*r[2])).collect();
    let columns = ["10", "40", "640"];
    let expected = ["4", "40"].iter().flat_map(|y| columns.map(|x| (x, *y)));
    assert_eq!(places, expected.collect::<Vec<_>>());
    for row in &rows {
        let size = if row[2] == "4" { 1.0 } else { 2.0 };
        let mean = base(1.0, size, 10.0 * number(&row[1]), 10.0, 1) + 1.0;
        assert!((number(&row[3]) - mean).abs() < 1e-7, "{row:?}");
    }

    // In the picture: the six largest areas with a colour. Viridis grows lighter with the value.
    let svg = std::fs::read_to_string(folder.path().join("f.svg")).unwrap();
    let tree = Tree::from_str(&svg, &Options::default()).unwrap();
    let mut found = Vec::new();
    areas(tree.root(), &mut found);
    found.retain(|(_, _, light)| *light < 8 * 250);
    found.sort_by(|a, b| (b.1[0] * b.1[1]).total_cmp(&(a.1[0] * a.1[1])));
    found.truncate(6);
    found.sort_by_key(|area| area.2);
    let mut by_value: Vec<(f64, f64, f64)> = rows
        .iter()
        .map(|row| (number(&row[3]), number(&row[1]), number(&row[2])))
        .collect();
    by_value.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (first, second) in [(0, 1), (1, 2), (3, 4), (4, 5)] {
        assert!(by_value[first].1 < by_value[second].1 && by_value[first].2 == by_value[second].2);
        let (here, there) = (found[first].0, found[second].0);
        assert!(
            here[0] + 5.0 < there[0] && (here[1] - there[1]).abs() < 1.0,
            "{found:?}"
        );
    }
    // The larger step size is above, where y is smaller.
    assert!(found[0].0[1] > found[3].0[1] + 5.0, "{found:?}");
    // In log10 the columns 10, 40, 640 are 0.602 and 1.204 apart: widths 0.602, 0.903, 1.204.
    let widths = [0, 1, 2].map(|cell| f64::from(found[cell].1[0]));
    for (width, share) in widths.iter().zip([2.0, 3.0, 4.0]) {
        // A cell reaches half a percent of the axis under the next one.
        let expected = share / 9.0 * widths.iter().sum::<f64>();
        assert!((width / expected - 1.0).abs() < 0.03, "{widths:?}");
    }
}

#[test]
fn a_figure_is_a_column_wide_says_its_mathematics_and_has_all_its_letters() {
    let folder = folder();
    let curves = [
        "--x",
        "n/d^2",
        "--y",
        "weight_alignment",
        "--by",
        "d",
        "--panels",
        "target.link",
    ];
    drawn(
        folder.path(),
        &[&curves[..], &["--step", "1", "--where", "step_size=4"]].concat(),
    );
    let svg = std::fs::read_to_string(folder.path().join("f.svg")).unwrap();
    let raised = "<tspan baseline-shift=\"super\" font-size=\"75%\">2</tspan>";
    assert!(svg.contains(raised), "the exponent of n/d^2");
    let words: String = svg
        .split('<')
        .filter_map(|part| part.split_once('>'))
        .map(|p| p.1)
        .collect();
    for expected in ["n/d2", "weight alignment", "d = 10", "d = 20", "z₁z₂"] {
        assert!(
            words.contains(expected),
            "{expected} is missing from {words}"
        );
    }
    assert_eq!(missing_glyphs(&svg).unwrap(), Vec::<String>::new());

    let heat = [
        "--x",
        "n",
        "--y",
        "d",
        "--value",
        "weight_alignment",
        "--level",
        "1300000",
    ];
    drawn(
        folder.path(),
        &[&heat[..], &["--step", "1"], &ONE_LINK].concat(),
    );
    let image = Pixmap::load_png(folder.path().join("f.png")).unwrap();
    let width = f64::from(image.width()) / 300.0 * 25.4;
    assert!((width - 85.0).abs() < 1.5, "{width} mm");
}

#[test]
fn the_script_beside_a_figure_draws_the_data_beside_it() {
    let python = |arguments: &[&str]| Command::new("python3").args(arguments).output();
    if python(&["--version"]).is_err() {
        eprintln!("python3 is not installed: the scripts are not tried");
        return;
    }
    let draws = python(&["-c", "import matplotlib"]).is_ok_and(|output| output.status.success());
    let folder = folder();
    let curves = [
        "--x",
        "n",
        "--y",
        "weight_alignment",
        "--by",
        "d",
        "--panels",
        "target.link",
        "--step",
        "1",
    ];
    let heat = [
        "--x",
        "n",
        "--y",
        "d",
        "--value",
        "weight_alignment",
        "--level",
        "1300000",
        "--step",
        "1",
    ];
    for (name, asked) in [
        ("bars", [&curves[..], &["--where", "step_size=4"]].concat()),
        (
            "band",
            [
                &curves[..],
                &[
                    "--where",
                    "step_size=4",
                    "--statistic",
                    "median",
                    "--x-scale",
                    "log",
                ],
            ]
            .concat(),
        ),
        ("heat", [&heat[..], &ONE_LINK].concat()),
    ] {
        drawn(folder.path(), &asked);
        let script = folder.path().join("f.py").display().to_string();
        let compiled = python(&["-m", "py_compile", &script]).unwrap();
        assert!(
            compiled.status.success(),
            "{name}: {}",
            text(&compiled.stderr)
        );
        if draws {
            let picture = folder.path().join(format!("{name}-matplotlib.png"));
            let output = python(&[&script, &picture.display().to_string()]).unwrap();
            assert!(output.status.success(), "{name}: {}", text(&output.stderr));
            assert!(Pixmap::load_png(&picture).is_ok(), "{name}");
        }
    }
}
