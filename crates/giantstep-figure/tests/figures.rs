//! Figures of every kind are drawn, with their words and all their marks, on a machine with or without fonts.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use giantstep_figure::{
    Axis, Colour, Figure, FigureError, Legend, Mark, Panel, Scale, Shape, missing_glyphs,
};
use resvg::tiny_skia::Pixmap;
use resvg::usvg::{Options, Tree};

#[path = "../examples/gallery.rs"]
mod gallery;

fn count(svg: &str, what: &str) -> usize {
    svg.matches(what).count()
}

/// All words of a figure, italics included, one after the other.
fn words(svg: &str) -> String {
    svg.split('<')
        .filter_map(|part| part.split_once('>'))
        .map(|(_, text)| text)
        .collect()
}

fn panel(mark: Mark) -> Panel {
    Panel::new(Axis::linear("𝑥"), Axis::linear("𝑦"))
        .legend(Legend::Hidden)
        .with(mark)
}

/// The image of the cells of a heat map.
fn cells_of(svg: &str) -> Pixmap {
    let data = svg.split("base64,").nth(1).expect("an image");
    let data = data.split('"').next().expect("its end");
    Pixmap::decode_png(&STANDARD.decode(data).unwrap()).unwrap()
}

#[test]
fn a_label_is_explained_once_in_a_figure_by_its_line_and_its_marker() {
    let series = |colour| {
        let line = Mark::line([0.0, 1.0], [0.0, 1.0]);
        let points = Mark::points([0.0, 1.0], [0.0, 1.0]).shaped(Shape::Square);
        [line, points].map(|mark| mark.coloured(colour).labelled("one label"))
    };
    let panel = |colour| {
        Panel::new(Axis::linear(""), Axis::linear(""))
            .with_all(series(colour))
            .with(
                Mark::line([0.0, 1.0], [0.5; 2])
                    .dashed()
                    .coloured(colour)
                    .labelled("theory"),
            )
    };
    let svg = Figure::new([panel(Colour::BLUE), panel(Colour::BLUE)])
        .to_svg()
        .unwrap();
    assert_eq!((count(&svg, "one label"), count(&svg, "theory")), (1, 1));
    // Below all panels: a solid and a dashed line as long as a sample, and a square.
    let samples: Vec<&str> = svg
        .split('<')
        .filter(|element| element.contains("stroke-width=\"1.1\""))
        .collect();
    assert_eq!(samples.len(), 2, "{samples:?}");
    assert_eq!(
        samples
            .iter()
            .filter(|line| line.contains("dasharray"))
            .count(),
        1
    );
    // A label in two colours has a black sample.
    let svg = Figure::new([panel(Colour::BLUE), panel(Colour::GREEN)])
        .to_svg()
        .unwrap();
    let black = format!("stroke=\"{}\" stroke-width=\"1.1\"", Colour::BLACK);
    assert_eq!(count(&svg, &black), 2);
}

#[test]
fn a_colour_bar_is_labelled_at_both_ends() {
    for (scale, low, high, ends) in [
        (Scale::Linear, 0.0131, 0.943, ["0", "1"]),
        (Scale::Linear, -3.3, 12.0, ["−5", "15"]),
        (Scale::Log10, 3e-4, 0.2, ["10⁻⁴", "10⁰"]),
    ] {
        let heat = Mark::heat([1.0, 2.0], [1.0], vec![vec![low, high]], "bar", scale);
        let svg = Figure::new([panel(heat)]).to_svg().unwrap();
        let words: Vec<&str> = svg
            .split('<')
            .filter_map(|part| Some(part.split_once('>')?.1))
            .collect();
        // The labels of the bar follow those of the axes, which show 0.5 to 2.5 here.
        for end in ends {
            assert!(words.contains(&end), "{end} of {scale:?}: {words:?}");
        }
    }
}

#[test]
fn a_million_cells_are_one_image() {
    let places = || (0..1000).map(f64::from);
    let values: Vec<Vec<f64>> = places()
        .map(|y| places().map(|x| x + y).collect())
        .collect();
    let map = Mark::heat(places(), places(), values, "sum", Scale::Linear).with_levels([900.0]);
    let figure = Figure::new([panel(map)]);
    let svg = figure.to_svg().unwrap();
    assert_eq!(count(&svg, "<image"), 1);
    let image = cells_of(&svg);
    assert_eq!((image.width(), image.height()), (1000, 1000));
    // y grows upwards: the lightest cell is the last of the first line.
    let light = |x, y| image.pixel(x, y).unwrap().green();
    assert!(light(999, 0) > light(0, 0) && light(0, 0) > light(0, 999));
    figure.to_png().unwrap();
}

#[test]
fn many_markers_are_drawn_smaller_and_translucent() {
    let cloud = |count: u32| {
        let x = || (0..count).map(f64::from);
        Figure::new([panel(Mark::points(x(), x()))])
            .to_svg()
            .unwrap()
    };
    assert!(!cloud(900).contains("opacity=\"0"));
    assert!(
        cloud(10_000).contains("opacity=\"0.3"),
        "{}",
        &cloud(10_000)[..3000]
    );
}

#[test]
fn too_many_panels_are_refused_with_the_limit() {
    let all = vec![panel(Mark::horizontal(1.0)); 1000];
    let error = Figure::new(all).in_columns(3).to_svg().unwrap_err();
    assert_eq!(
        error.to_string(),
        "a figure of 1000 panels is too large: at most 26 can be read"
    );
}

#[test]
fn control_characters_do_not_break_a_figure() {
    let title = "a\u{0}b\u{1b}[31mc\u{7}d\re\u{202e}f & <g>";
    let panel = panel(Mark::horizontal(1.0).labelled("x\u{1}y"))
        .titled(title)
        .legend(Legend::Below);
    let figure = Figure::new([panel]).titled(title);
    let svg = figure.to_svg().unwrap();
    let bad = |letter: char| letter.is_control() && letter != '\n' || letter == '\u{202e}';
    assert!(!svg.contains(bad));
    Tree::from_str(&svg, &Options::default()).unwrap();
    figure.to_png().unwrap();
}

#[test]
fn level_lines_differ_in_colour() {
    let values = vec![vec![0.0, 1.0, 2.0]; 2];
    let map = Mark::heat([1.0, 2.0, 3.0], [1.0, 2.0], values, "", Scale::Linear);
    let svg = Figure::new([panel(map.with_levels([0.5, 1.5]))])
        .to_svg()
        .unwrap();
    for level in 0..2 {
        assert!(
            svg.contains(&format!("stroke=\"{}\"", Colour::level(level))),
            "level {level}"
        );
    }
}

#[test]
fn every_kind_of_figure_is_drawn_as_svg_and_as_png_of_300_dots_an_inch() {
    for (name, figure) in gallery::gallery() {
        let (svg, png) = (figure.to_svg().unwrap(), figure.to_png().unwrap());
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{name}");
        let size = Tree::from_str(&svg, &Options::default()).unwrap().size();
        let image = Pixmap::decode_png(&png).unwrap();
        let expected = [size.width(), size.height()].map(|length| (length * 3.125).round() as u32);
        assert_eq!([image.width(), image.height()], expected, "{name}");
        let inked = image
            .pixels()
            .iter()
            .filter(|pixel| pixel.red() < 100)
            .count();
        assert!(inked > 5000, "{name} is almost empty: {inked} dark pixels");
    }
}

#[test]
fn equal_figures_give_equal_files_and_different_figures_different_names() {
    let clips = |svg: &str| {
        svg.split('"')
            .filter(|part| part.starts_with("clip-"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let all: Vec<_> = gallery::gallery()
        .iter()
        .map(|(_, figure)| figure.to_svg().unwrap())
        .collect();
    let again: Vec<_> = gallery::gallery()
        .iter()
        .map(|(_, figure)| figure.to_svg().unwrap())
        .collect();
    assert_eq!(all, again);
    assert!(!clips(&all[0]).is_empty());
    assert!(clips(&all[0]).iter().all(|name| !all[1].contains(name)));
}

#[test]
fn one_panel_is_a_column_of_a_paper_wide() {
    let svg = Figure::new([panel(Mark::line([0.0, 1.0], [0.0, 1.0]))])
        .to_svg()
        .unwrap();
    let width = Tree::from_str(&svg, &Options::default())
        .unwrap()
        .size()
        .width();
    assert!((width / 96.0 * 2.54 - 8.5).abs() < 0.15, "{width}");
}

#[test]
fn words_stay_text_and_variables_are_italic() {
    let (_, figure) = gallery::gallery().swap_remove(0);
    let svg = figure.to_svg().unwrap();
    let words = words(&svg);
    for expected in [
        "log n / log d",
        "test error",
        "random features",
        "1 step",
        "6 steps",
        "linear kernel",
        "(b)",
    ] {
        assert!(
            words.contains(expected),
            "{expected} is missing from {words}"
        );
    }
    assert!(svg.contains("<tspan font-style=\"italic\">n</tspan>"));
    assert!(svg.contains("font-family=\"DejaVu Sans, "));
}

#[test]
fn every_mark_is_drawn() {
    let points = Mark::points([1.0, 2.0, 3.0], [1.0, 4.0, 9.0]).coloured(Colour::BLUE);
    let svg = Figure::new([panel(points.clone())]).to_svg().unwrap();
    assert_eq!(count(&svg, "<circle"), 3);

    let with_errors = panel(points.shaped(Shape::Circle).with_errors([0.5, 0.5, 0.5]));
    let with_errors = Figure::new([with_errors]).to_svg().unwrap();
    assert_eq!(
        count(&with_errors, &format!("stroke=\"{}\"", Colour::BLUE)),
        3
    );

    let dashed = panel(Mark::horizontal(0.5).dashed());
    assert_eq!(
        count(&Figure::new([dashed]).to_svg().unwrap(), "stroke-dasharray"),
        1
    );

    let cells = vec![vec![1.0, 2.0, 3.0], vec![4.0, f64::NAN, 6.0]];
    let heat = panel(Mark::heat(
        [1.0, 2.0, 4.0],
        [0.1, 0.2],
        cells,
        "error",
        Scale::Log10,
    ));
    let svg = Figure::new([heat]).to_svg().unwrap();
    // Cells meet at 1.5 and 3 of 0.5 to 5: the one without a value is a third of one of two rows.
    let image = cells_of(&svg);
    let grey = image.pixels().iter().filter(|pixel| {
        let Colour(red, green, blue) = Colour::GREY;
        (pixel.red(), pixel.green(), pixel.blue()) == (red, green, blue)
    });
    let share = grey.count() as f64 / f64::from(image.width() * image.height());
    assert!((share - 1.0 / 6.0).abs() < 1e-3, "{share}");
    assert!(words(&svg).contains("error"));
}

#[test]
fn a_level_line_goes_where_the_values_cross_it() {
    let grid = [1.0, 10.0, 100.0, 1000.0];
    let lines = |level: f64| -> Vec<String> {
        let values = vec![grid.map(f64::log10).to_vec(); 4];
        let map = Mark::heat(grid, grid, values, "", Scale::Linear).with_levels([level]);
        let panel = Panel::new(Axis::log10("𝑥"), Axis::log10("𝑦")).with(map);
        let svg = Figure::new([panel]).to_svg().unwrap();
        let paths = svg
            .split("<path ")
            .filter_map(|rest| rest.split('>').next());
        let black = Colour::BLACK.to_string();
        paths
            .filter(|path| path.contains("fill=\"none\"") && path.contains(&black))
            .filter_map(|path| Some(path.split("d=\"").nth(1)?.split('"').next()?.to_owned()))
            .collect()
    };
    let xs = |paths: &[String]| -> Vec<f64> {
        let numbers = paths.iter().flat_map(|path| path.split(['M', 'L']));
        numbers
            .filter_map(|pair| pair.split_whitespace().next()?.parse().ok())
            .collect()
    };
    // Half-way between two columns in log x, whatever y.
    let (middle, left) = (xs(&lines(1.5)), xs(&lines(0.5)));
    assert!(
        middle.len() >= 6 && left.len() == middle.len(),
        "{middle:?}"
    );
    let first = middle[0];
    assert!(
        middle.iter().all(|x| (x - first).abs() < 0.02),
        "{middle:?}"
    );
    let right = xs(&lines(2.5))[0];
    assert!(
        (first - (left[0] + right) / 2.0).abs() < 0.05,
        "{left:?} {first} {right}"
    );
    assert!(lines(7.0).is_empty());
}

#[test]
fn values_without_a_place_on_the_axis_are_left_out() {
    let points = Mark::points([1.0, 2.0, 3.0, 4.0], [1.0, 0.0, f64::NAN, 10.0]);
    let panel = Panel::new(Axis::log10("𝑑"), Axis::log10("error")).with(points);
    let svg = Figure::new([panel]).to_svg().unwrap();
    assert_eq!(count(&svg, "<circle"), 2);
    assert!(!svg.contains("NaN"));
}

#[test]
fn figures_with_hardly_any_data_are_still_drawn() {
    let nothing: [f64; 0] = [];
    let constant = |scale| Mark::heat([1.0, 2.0], [1.0], vec![vec![3.0, 3.0]], "constant", scale);
    let empty_heat = Mark::heat(nothing, nothing, Vec::new(), "none", Scale::Linear);
    let all_missing = Mark::heat([1.0], [1.0], vec![vec![f64::NAN]], "none", Scale::Linear);
    let marks = [
        Mark::line(nothing, nothing),
        Mark::points([1.0], [1.0]).with_errors([0.0]),
        Mark::band(nothing, nothing, nothing),
        Mark::slope(1.0, 0.0),
        constant(Scale::Linear),
        constant(Scale::Log10),
        empty_heat,
        all_missing,
    ];
    for mark in marks {
        let figure = Figure::new([panel(mark.clone())]);
        let svg = figure.to_svg().unwrap();
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{mark:?}");
        figure.to_png().unwrap();
    }
    Figure::new([Panel::new(Axis::linear(""), Axis::log10(""))])
        .to_png()
        .unwrap();
}

#[test]
fn every_character_of_the_figures_is_in_the_fonts_of_the_program() {
    for (name, figure) in gallery::gallery() {
        let svg = figure.to_svg().unwrap();
        assert_eq!(
            missing_glyphs(&svg).unwrap(),
            Vec::<String>::new(),
            "{name}"
        );
    }
}

#[test]
fn impossible_figures_are_refused_with_the_place_and_the_numbers() {
    let uneven = panel(Mark::points([1.0, 2.0], [1.0]));
    let error = Figure::new([panel(Mark::horizontal(1.0)), uneven])
        .to_svg()
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "panel 2, mark 1: `y` has 1 values where 2 are needed"
    );
    let ragged = Mark::heat(
        [1.0, 2.0],
        [1.0, 2.0],
        vec![vec![1.0, 2.0], vec![1.0]],
        "",
        Scale::Linear,
    );
    assert!(matches!(
        Figure::new([panel(ragged)]).to_svg(),
        Err(FigureError::Length {
            column: "values",
            ..
        })
    ));
    let backwards = Panel::new(Axis::linear(""), Axis::log10("").from_to(0.0, 1.0));
    assert!(matches!(
        Figure::new([backwards]).to_svg(),
        Err(FigureError::Range { axis: 'y', .. })
    ));
    assert!(matches!(Figure::new([]).to_svg(), Err(FigureError::Empty)));
}
