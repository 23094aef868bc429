//! Draws one figure of each kind, from made-up data: `cargo run --example gallery -- FOLDER`.

use std::error::Error;
use std::path::PathBuf;

use giantstep_figure::{Axis, Colour, Figure, Legend, Mark, Panel, Scale, Shape};

#[allow(dead_code)] // The tests use the figures without the program.
fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("which folder?")?);
    std::fs::create_dir_all(&folder)?;
    for (name, figure) in gallery() {
        std::fs::write(folder.join(format!("{name}.svg")), figure.to_svg()?)?;
        std::fs::write(folder.join(format!("{name}.png")), figure.to_png()?)?;
    }
    Ok(())
}

/// Every kind of figure by name.
pub fn gallery() -> Vec<(&'static str, Figure)> {
    vec![
        ("error-against-samples", error_against_samples()),
        ("neurons-in-the-plane", neurons_in_the_plane()),
        ("decay", decay()),
        ("phase-diagram", phase_diagram()),
        ("staircase", staircase()),
    ]
}

/// Test error against log n / log d: random features and one to six steps, with error bars.
fn error_against_samples() -> Figure {
    let panel = |title: &str, floor: f64, kernel: f64, start: f64| {
        let kappa: Vec<f64> = (0..18).map(|i| 0.25 + 0.12 * f64::from(i)).collect();
        let series = (0..7).flat_map(|steps| {
            let level = if steps == 0 {
                0.8 * start
            } else {
                floor * (1.0 + 0.9 / f64::from(steps))
            };
            let middle = if steps == 0 {
                0.9
            } else {
                1.35 - 0.03 * f64::from(steps)
            };
            let drop = |k: f64| level + (start - level) / (1.0 + ((k - middle) * 6.0).exp());
            let error: Vec<f64> = kappa.iter().map(|&k| drop(k)).collect();
            let (colour, label) = match steps {
                0 => (Colour::VERMILION, "random features".to_owned()),
                1 => (Colour::ramp(0, 6), "1 step".to_owned()),
                _ => (
                    Colour::ramp(steps as usize - 1, 6),
                    format!("{steps} steps"),
                ),
            };
            let points = Mark::points(kappa.clone(), error.clone())
                .with_errors(kappa.iter().map(|k| 0.02 * k));
            let shape = Shape::cycle(usize::from(steps != 0));
            [Mark::line(kappa.clone(), error), points.shaped(shape)]
                .map(|m| m.coloured(colour).labelled(label.clone()))
        });
        let kernel = Mark::horizontal(kernel).dashed().labelled("linear kernel");
        Panel::new(Axis::linear("log 𝑛 / log 𝑑"), Axis::linear("test error"))
            .titled(title)
            .with_all(series)
            .with(kernel)
    };
    let left = panel("½ Σᵢ He₁(𝑧ᵢ) + He₂(𝑧ᵢ)/2 + He₄(𝑧ᵢ)/24", 0.13, 0.27, 0.77);
    let right = panel("½ (𝑧₁ + 𝑧₁² + 𝑧₂ − 𝑧₂²)", 0.17, 1.0, 1.55);
    Figure::new([left, right])
}

/// Cosines of 1024 gradients with the two target directions, by the sign of the second layer.
fn neurons_in_the_plane() -> Figure {
    let mut state = 1_u64;
    let mut normal = move || {
        let mut uniform = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as f64 / (1_u64 << 31) as f64
        };
        (0..12).map(|_| uniform()).sum::<f64>() - 6.0
    };
    let mut cloud = |sign: f64, slope: f64| {
        let points: Vec<(f64, f64)> = (0..512)
            .map(|_| {
                let along = sign * (0.45 + 0.12 * normal());
                (along + 0.04 * normal(), slope * along + 0.04 * normal())
            })
            .collect();
        points.into_iter().unzip::<f64, f64, Vec<_>, Vec<_>>()
    };
    let (plus, minus) = (cloud(1.0, 0.22), cloud(-1.0, 0.5));
    let axis =
        |i: char| Axis::linear(format!("cos(𝐺ᵢ, 𝑤*{i})").replace('𝐺', "𝐺")).from_to(-1.0, 1.0);
    let panel = Panel::new(axis('₁'), axis('₂'))
        .equal_aspect()
        .with(
            Mark::points(plus.0, plus.1)
                .coloured(Colour::BLUE)
                .sized(1.3)
                .labelled("𝑎ᵢ > 0"),
        )
        .with(
            Mark::points(minus.0, minus.1)
                .coloured(Colour::VERMILION)
                .sized(1.3)
                .labelled("𝑎ᵢ < 0"),
        )
        .with(Mark::slope(0.22, 0.0).dashed().labelled("predicted"));
    Figure::new([panel])
}

/// Overlaps that decay as powers of d: medians, quartiles and fitted slopes.
fn decay() -> Figure {
    let d: Vec<f64> = (6..14).map(|k| 2_f64.powi(k)).collect();
    let series = [
        (0.5, "ℓ = 2", Colour::BLUE),
        (1.0, "ℓ = 3", Colour::VERMILION),
    ];
    let marks = series.into_iter().flat_map(|(rate, name, colour)| {
        let median = |d: &f64| 0.9 * d.powf(-rate) * (1.0 + 0.08 * (7.0 * d.ln()).sin());
        let scaled = |by: f64| d.iter().map(move |d| by * median(d)).collect::<Vec<_>>();
        [
            Mark::band(d.clone(), scaled(0.75), scaled(1.3)).coloured(colour),
            Mark::points(d.clone(), scaled(1.0))
                .shaped(Shape::cycle(rate as usize))
                .coloured(colour)
                .labelled(name),
            Mark::slope(-rate, 0.9_f64.log10())
                .dashed()
                .coloured(colour)
                .labelled(format!("slope −{rate}")),
        ]
    });
    Figure::new([Panel::new(Axis::log10("𝑑"), Axis::log10("|𝑀₁₁| / √𝑄₁₁")).with_all(marks)])
}

/// Error over dimension and sample exponent, with a cell missing and the predicted boundary.
fn phase_diagram() -> Figure {
    let d: Vec<f64> = (5..12).map(|k| 2_f64.powi(k)).collect();
    let kappa: Vec<f64> = (0..13).map(|i| 0.5 + 0.125 * f64::from(i)).collect();
    let error = |kappa: f64, d: f64| 1.0 / (1.0 + (2.0 * (kappa - 1.0) * d.ln()).exp()) + 0.01;
    let mut values: Vec<Vec<f64>> = kappa
        .iter()
        .map(|&k| d.iter().map(|&d| error(k, d)).collect())
        .collect();
    values[11][6] = f64::NAN;
    let axes = (Axis::log10("𝑑"), Axis::linear("log 𝑛 / log 𝑑"));
    let panel = |scale| {
        Panel::new(axes.0.clone(), axes.1.clone())
            .with(Mark::heat(
                d.clone(),
                kappa.clone(),
                values.clone(),
                "test error",
                scale,
            ))
            .with(
                Mark::horizontal(1.0)
                    .dashed()
                    .coloured(Colour(255, 255, 255)),
            )
            .legend(Legend::Hidden)
    };
    Figure::new([panel(Scale::Linear), panel(Scale::Log10)])
}

/// The error falls in steps as the batch grows.
fn staircase() -> Figure {
    let panel = Panel::new(
        Axis::linear("log 𝑛 / log 𝑑").from_to(0.0, 4.0),
        Axis::linear("test error").from_to(0.0, 1.0),
    )
    .with(
        Mark::staircase([0.0, 1.0, 2.0, 3.0, 4.0], [0.9, 0.6, 0.35, 0.12, 0.12])
            .labelled("one step")
            .coloured(Colour::BLUE),
    )
    .with(
        Mark::line([0.0, 1.0, 1.05, 4.0], [0.9, 0.9, 0.12, 0.12])
            .dashed()
            .labelled("three steps")
            .coloured(Colour::ORANGE),
    )
    .with(Mark::vertical(1.0).dotted().coloured(Colour::GREY))
    .with(Mark::text(1.5, 0.68, "𝑛 ~ 𝑑"))
    .with(Mark::text(2.5, 0.43, "𝑛 ~ 𝑑²"));
    Figure::new([panel]).titled("Learning in steps")
}
