//! The Python script beside a figure: its settings, then the drawing, which is the same for all figures of a kind.

use serde_json::Value as Json;

use giantstep_figure::{Scale, Shape, Style};

const CURVES: &str = include_str!("curves.py");
const PLANE: &str = include_str!("plane.py");
const HEAT: &str = include_str!("heat.py");

/// A script that draws curves.
pub(super) fn curves(title: &str, settings: &Json) -> String {
    script(title, settings, CURVES)
}

/// A script that draws heat maps.
pub(super) fn heat(title: &str, settings: &Json) -> String {
    script(title, settings, HEAT)
}

/// A script that draws neurons in the plane of the target.
pub(super) fn plane(title: &str, settings: &Json) -> String {
    script(title, settings, PLANE)
}

/// Settings have texts, numbers, lists and tables only: JSON is then Python. One line a key and one a curve.
fn script(title: &str, settings: &Json, body: &str) -> String {
    let title = title.replace(|letter: char| letter.is_control(), " ");
    let title = title.replace('\\', "\\\\").replace('"', "\\\"");
    let mut figure = "FIGURE = {\n".to_owned();
    for (key, value) in settings.as_object().into_iter().flatten() {
        match value {
            Json::Array(items) if items.iter().all(Json::is_array) && !items.is_empty() => {
                figure += &format!("    \"{key}\": [\n");
                for item in items {
                    figure += &format!("        {item},\n");
                }
                figure += "    ],\n";
            }
            value => figure += &format!("    \"{key}\": {value},\n"),
        }
    }
    format!(
        "\"\"\"{title}\n\nDraws the data beside this file with matplotlib: python3 THIS_FILE [FIGURE.pdf]\n\"\"\"\n\n\
         {figure}}}\n\n{body}"
    )
}

/// matplotlib's name of a scale.
pub(super) fn scale(scale: Scale) -> &'static str {
    match scale {
        Scale::Linear => "linear",
        Scale::Log10 => "log",
    }
}

/// matplotlib's name of a shape.
pub(super) fn marker(shape: Shape) -> &'static str {
    match shape {
        Shape::Circle => "o",
        Shape::Square => "s",
        Shape::Triangle => "^",
        Shape::Diamond => "D",
        Shape::Cross => "x",
    }
}

/// matplotlib's name of a style of lines.
pub(super) fn dashes(style: Style) -> &'static str {
    match style {
        Style::Solid => "-",
        Style::Dashed => "--",
        Style::Dotted => ":",
        Style::DashDotted => "-.",
    }
}
