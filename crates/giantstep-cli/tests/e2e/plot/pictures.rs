//! Where things lie in the pictures, what they say, and that the script beside them works.

use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use resvg::tiny_skia::Pixmap;

use giantstep_figure::missing_glyphs;

use super::{ONE_LINK, base, drawn, folder, number};
use crate::common::text;

/// The image of the cells of a heat map.
fn cells_of(svg: &str) -> Pixmap {
    let data = svg.split("base64,").nth(1).expect("an image");
    let data = data.split('"').next().expect("its end");
    Pixmap::decode_png(&STANDARD.decode(data).unwrap()).unwrap()
}

/// The colours of a line of pixels, how light each is, and how many pixels it fills. Viridis grows lighter with the value.
fn runs(image: &Pixmap, line: u32) -> Vec<(u32, usize)> {
    let light = |x| {
        let pixel = image.pixel(x, line).unwrap();
        2 * u32::from(pixel.red()) + 5 * u32::from(pixel.green()) + u32::from(pixel.blue())
    };
    let line: Vec<u32> = (0..image.width()).map(light).collect();
    let runs = line.chunk_by(|a, b| a == b);
    runs.map(|run| (run[0], run.len())).collect()
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

    // An image begins above: the larger step size is its first line.
    let svg = std::fs::read_to_string(folder.path().join("f.svg")).unwrap();
    let image = cells_of(&svg);
    let (above, below) = (runs(&image, 0), runs(&image, image.height() - 1));
    let light: Vec<u32> = below.iter().chain(&above).map(|run| run.0).collect();
    assert_eq!(light.len(), 6, "{light:?}");
    assert!(light.windows(2).all(|pair| pair[0] < pair[1]), "{light:?}");
    // In log10 the columns 10, 40, 640 are 0.602 and 1.204 apart: widths 0.602, 0.903, 1.204.
    for ((_, width), share) in below.iter().zip([2.0, 3.0, 4.0]) {
        let expected = share / 9.0 * f64::from(image.width());
        assert!((*width as f64 - expected).abs() < 2.0, "{below:?}");
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
