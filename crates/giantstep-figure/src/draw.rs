//! From the description to SVG, through the plotting library.

use std::sync::Arc;

use kuva::backend::svg::SvgBackend;
use kuva::plot::annotations::TextAnnotation;
use kuva::plot::{BandPlot, LinePlot, LineStyle, MarkerShape, ScatterPlot};
use kuva::render::figure::{Figure as Grid, LabelConfig, LabelStyle};
use kuva::render::layout::{Layout, TickFormat};
use kuva::render::plots::Plot;

use super::heat::{self, Map};
use super::legend::Block;
use super::scale::{tick_label, whole_step};
use super::{Axis, Colour, Figure, Geometry, Mark, Panel, Scale, Shape, Style};

/// SVG units (1/96 inch) in a centimetre.
const CENTIMETRE: f64 = 96.0 / 2.54;
/// The library's distances are made for a figure of about twice the width; this shrinks them.
const SHRINK: f64 = 0.7;
/// Font sizes in SVG units: 8.25 and 7.5 points.
const LABEL: f64 = 11.0;
const SMALL: f64 = 10.0;
/// How far the label of the x axis is moved up towards its ticks.
const X_LABEL_LIFT: f64 = 5.0;
/// How far the label of the y axis is moved away from its ticks, whose labels may be long.
const Y_LABEL_SHIFT: f64 = 4.0;
/// Markers of one panel from which on they are drawn smaller and translucent.
const MANY: f64 = 1000.0;

pub(super) fn svg(figure: &Figure) -> String {
    let columns = figure.columns.min(figure.panels.len());
    let rows = figure.panels.len().div_ceil(columns);
    let frames = figure.panels.iter().enumerate();
    let frames: Vec<_> = frames
        .map(|(number, panel)| Frame::new(number, panel))
        .collect();
    let drawn: Vec<_> = frames
        .iter()
        .map(|frame| Drawn::new(frame, figure.panel_width))
        .collect();
    let mut grid = Grid::new(rows, columns).with_spacing(6.0).with_padding(2.0);
    for row in 0..rows {
        let in_row = drawn.iter().skip(row * columns).take(columns);
        grid = grid.with_row_height(row, in_row.map(|panel| panel.height).fold(0.0, f64::max));
    }
    for column in 0..columns {
        let in_column = drawn.iter().skip(column).step_by(columns);
        grid = grid.with_col_width(
            column,
            in_column.map(|panel| panel.width).fold(0.0, f64::max),
        );
    }
    if !figure.title.is_empty() {
        grid = grid
            .with_title(figure.title.as_str())
            .with_title_size(LABEL as u32 + 1);
    }
    if drawn.len() > 1 {
        let letters: Vec<_> = ('a'..='z').map(|letter| format!("({letter})")).collect();
        let letters = letters
            .iter()
            .take(drawn.len())
            .map(String::as_str)
            .collect();
        let config = LabelConfig {
            style: LabelStyle::Lowercase,
            size: LABEL as u32,
            bold: false,
        };
        grid = grid.with_labels_custom(letters, config);
    }
    let (plots, layouts) = drawn
        .into_iter()
        .map(|panel| (panel.plots, panel.layout))
        .unzip();
    let mut scene = grid.with_plots(plots).with_layouts(layouts).render();
    let legend = Block::of(figure, scene.width);
    let top = scene.height;
    scene.height += legend.height();
    legend.draw(&mut scene, top);
    let svg = settle_names(&SvgBackend::new().render_scene(&scene));
    let maps = frames
        .iter()
        .filter_map(|frame| Some((frame.number, frame.map()?)));
    heat::place(svg, &maps.collect::<Vec<_>>())
}

/// The library numbers clipping areas through the life of the program. This names them after the figure
/// instead: equal figures give equal files, and different ones can stand in one web page.
fn settle_names(svg: &str) -> String {
    let mut parts = svg.split("kuva-clip-");
    let mut numbers: Vec<&str> = Vec::new();
    let mut settled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (number, rest) = part.split_at(
            part.find(|c: char| !c.is_ascii_digit())
                .unwrap_or(part.len()),
        );
        let place = numbers
            .iter()
            .position(|known| *known == number)
            .unwrap_or(numbers.len());
        if place == numbers.len() {
            numbers.push(number);
        }
        settled += &format!("kuva-clip-{place}{rest}");
    }
    let name = blake3::hash(settled.as_bytes()).to_hex();
    settled.replace("kuva-clip-", &format!("clip-{}-", &name[..12]))
}

/// One panel in the library's terms.
struct Drawn {
    plots: Vec<Plot>,
    layout: Layout,
    width: f64,
    height: f64,
}

impl Drawn {
    fn new(frame: &Frame<'_>, width: f64) -> Self {
        let panel = frame.panel;
        let plots: Vec<Plot> = panel
            .marks
            .iter()
            .flat_map(|mark| frame.plots(mark))
            .collect();
        let width = width * CENTIMETRE;
        let mut layout = frame.layout(Layout::auto_from_plots(&plots));
        layout.show_legend = false;
        Self {
            plots,
            layout,
            width,
            height: width * if panel.equal_aspect { 0.92 } else { 0.68 },
        }
    }
}

/// The axes of a panel with their ranges settled.
struct Frame<'a> {
    panel: &'a Panel,
    /// The place of the panel in its figure.
    number: usize,
    x: (f64, f64),
    y: (f64, f64),
}

impl<'a> Frame<'a> {
    fn new(number: usize, panel: &'a Panel) -> Self {
        let cells = heat::ranges(panel);
        let range = |place: usize, axis: &Axis, values: fn(&Mark) -> Vec<f64>| {
            let fitted = || axis.scale.fit(panel.marks.iter().flat_map(values));
            axis.range
                .or(cells.map(|ranges| ranges[place]))
                .unwrap_or_else(fitted)
        };
        let (x, y) = (range(0, &panel.x, xs), range(1, &panel.y, ys));
        Self {
            panel,
            number,
            x,
            y,
        }
    }

    /// The first heat map of the panel.
    fn map(&self) -> Option<Map<'a>> {
        self.panel
            .marks
            .iter()
            .find_map(|mark| match &mark.geometry {
                Geometry::Heat {
                    x,
                    y,
                    values,
                    scale,
                    colours,
                    ..
                } => Some(Map {
                    x: (x, &self.panel.x),
                    y: (y, &self.panel.y),
                    values,
                    scale: *scale,
                    colours: *colours,
                }),
                _ => None,
            })
    }

    fn layout(&self, layout: Layout) -> Layout {
        let Panel {
            title,
            x,
            y,
            marks,
            equal_aspect,
            ..
        } = self.panel;
        let size = |wanted: f64| (wanted / SHRINK).round() as u32;
        let mut layout = layout
            .with_x_label(x.label.as_str())
            .with_y_label(y.label.as_str())
            .with_x_label_offset(0.0, -X_LABEL_LIFT)
            .with_y_label_offset(-Y_LABEL_SHIFT, 0.0)
            .with_show_grid(false)
            .with_box_axes()
            .with_title_size(size(LABEL))
            .with_label_size(size(LABEL))
            .with_tick_size(size(SMALL))
            .with_body_size(size(SMALL))
            .with_ticks(5)
            .with_scale(SHRINK)
            .with_x_axis_min(self.x.0)
            .with_x_axis_max(self.x.1)
            .with_y_axis_min(self.y.0)
            .with_y_axis_max(self.y.1);
        if !title.is_empty() {
            layout = layout.with_title(title.as_str());
        }
        if *equal_aspect {
            layout = layout.with_equal_aspect();
        }
        if x.whole {
            layout = layout.with_x_tick_step(whole_step(self.x));
        }
        if y.whole {
            layout = layout.with_y_tick_step(whole_step(self.y));
        }
        for mark in marks {
            match &mark.geometry {
                Geometry::Heat { values, scale, .. } => {
                    layout = heat::label_bar(layout, values, *scale)
                }
                Geometry::Text { x, y, text } => {
                    let note = TextAnnotation::new(text.as_str(), *x, *y);
                    let note = note
                        .with_color(mark.colour.to_string())
                        .with_font_size(SMALL as u32);
                    layout = layout.with_annotation(note);
                }
                _ => {}
            }
        }
        let logarithmic = |axis: &Axis| axis.scale == Scale::Log10;
        layout.log_x = logarithmic(x);
        layout.log_y = logarithmic(y);
        layout
            .with_x_tick_format(custom(tick_label(x.scale, self.x.0, self.x.1)))
            .with_y_tick_format(custom(tick_label(y.scale, self.y.0, self.y.1)))
    }

    /// By what the size of markers is multiplied, and their opacity: many would smear into one another.
    fn crowded(&self) -> (f64, f64) {
        let count = |mark: &Mark| match &mark.geometry {
            Geometry::Points { x, .. } => x.len(),
            _ => 0,
        };
        let count = self.panel.marks.iter().map(count).sum::<usize>() as f64;
        match count > MANY {
            true => (
                (MANY / count).powf(0.25).max(0.4),
                (MANY / count).sqrt().max(0.2),
            ),
            false => (1.0, 1.0),
        }
    }

    /// The points that have a place in the panel.
    fn points(&self, x: &[f64], y: &[f64]) -> Vec<(f64, f64)> {
        let shown =
            |&(&x, &y): &(&f64, &f64)| self.panel.x.scale.shows(x) && self.panel.y.scale.shows(y);
        x.iter()
            .zip(y)
            .filter(shown)
            .map(|(&x, &y)| (x, y))
            .collect()
    }

    fn plots(&self, mark: &Mark) -> Vec<Plot> {
        let colour = mark.colour.to_string();
        let line = |points: Vec<(f64, f64)>, style: Style| {
            let plot = LinePlot::new()
                .with_data(points)
                .with_stroke_width(1.3)
                .with_color(colour.as_str());
            plot.with_line_style(dashes(style))
        };
        match &mark.geometry {
            Geometry::Line { x, y, style } => vec![line(self.points(x, y), *style).into()],
            Geometry::Staircase { x, y, style } => {
                vec![line(self.points(x, y), *style).with_step().into()]
            }
            Geometry::Horizontal { y, style } => {
                vec![line(vec![(self.x.0, *y), (self.x.1, *y)], *style).into()]
            }
            Geometry::Vertical { x, style } => {
                vec![line(vec![(*x, self.y.0), (*x, self.y.1)], *style).into()]
            }
            Geometry::Slope {
                slope,
                intercept,
                within,
                style,
            } => {
                let (x, y) = self.sloping(*slope, *intercept, *within);
                vec![line(self.points(&x, &y), *style).into()]
            }
            Geometry::Points {
                x,
                y,
                error,
                shape,
                size,
            } => {
                let mut plots = Vec::new();
                for (i, error) in error.iter().flatten().enumerate() {
                    let ends = [y[i] - error, y[i] + error];
                    // On a logarithmic axis a bar that reaches zero goes down to the frame.
                    let low = if self.panel.y.scale.shows(ends[0]) {
                        ends[0]
                    } else {
                        self.y.0
                    };
                    let bar = self.points(&[x[i]; 2], &[low, ends[1]]);
                    plots.push(line(bar, Style::Solid).with_stroke_width(0.9).into());
                }
                let (smaller, opacity) = self.crowded();
                let points = ScatterPlot::new()
                    .with_data(self.points(x, y))
                    .with_size(size * smaller)
                    .with_marker_opacity(opacity);
                plots.push(
                    points
                        .with_color(colour.as_str())
                        .with_marker(marker(*shape))
                        .into(),
                );
                plots
            }
            Geometry::Band { x, low, high } => {
                let (lower, upper) = (self.points(x, low), self.points(x, high));
                if lower.len() != upper.len() {
                    return Vec::new();
                }
                let x = lower.iter().map(|point| point.0);
                let band = BandPlot::new(
                    x,
                    lower.iter().map(|point| point.1),
                    upper.iter().map(|point| point.1),
                );
                vec![band.with_color(colour).with_opacity(0.2).into()]
            }
            Geometry::Heat { bar, levels, .. } => {
                let Some(map) = self.map() else {
                    return Vec::new();
                };
                let mut plots = map.plots(bar, self.number);
                let levels = levels.iter().enumerate();
                plots.extend(levels.flat_map(|(k, level)| map.level(*level, Colour::level(k))));
                plots
            }
            Geometry::Text { .. } => Vec::new(),
        }
    }

    /// Points of a sloping line: two where it is straight on the panel, more where it is not.
    fn sloping(
        &self,
        slope: f64,
        intercept: f64,
        within: Option<(f64, f64)>,
    ) -> (Vec<f64>, Vec<f64>) {
        let Panel { x, y, .. } = self.panel;
        let (low, high) = within.unwrap_or(self.x);
        let (low, high) = (x.scale.forward(low), x.scale.forward(high));
        let place = |i: u32| low + (high - low) * f64::from(i) / 32.0;
        let height = |x: f64| y.scale.backward(intercept + slope * x);
        (0..=32)
            .map(|i| (x.scale.backward(place(i)), height(place(i))))
            .unzip()
    }
}

/// The abscissae that a fitted axis has to show.
fn xs(mark: &Mark) -> Vec<f64> {
    match &mark.geometry {
        Geometry::Line { x, .. }
        | Geometry::Staircase { x, .. }
        | Geometry::Points { x, .. }
        | Geometry::Band { x, .. }
        | Geometry::Heat { x, .. } => x.clone(),
        Geometry::Vertical { x, .. } | Geometry::Text { x, .. } => vec![*x],
        Geometry::Slope { within, .. } => within.map_or(Vec::new(), |(low, high)| vec![low, high]),
        Geometry::Horizontal { .. } => Vec::new(),
    }
}

/// The ordinates that a fitted axis has to show.
fn ys(mark: &Mark) -> Vec<f64> {
    match &mark.geometry {
        Geometry::Line { y, .. } | Geometry::Staircase { y, .. } | Geometry::Heat { y, .. } => {
            y.clone()
        }
        Geometry::Points { y, error: None, .. } => y.clone(),
        Geometry::Points {
            y,
            error: Some(error),
            ..
        } => y
            .iter()
            .zip(error)
            .flat_map(|(y, error)| [*y, y - error, y + error])
            .collect(),
        Geometry::Band { low, high, .. } => low.iter().chain(high).copied().collect(),
        Geometry::Horizontal { y, .. } | Geometry::Text { y, .. } => vec![*y],
        Geometry::Vertical { .. } | Geometry::Slope { .. } => Vec::new(),
    }
}

fn dashes(style: Style) -> LineStyle {
    match style {
        Style::Solid => LineStyle::Solid,
        Style::Dashed => LineStyle::Custom("5 3".to_owned()),
        Style::Dotted => LineStyle::Custom("1.5 2.5".to_owned()),
        Style::DashDotted => LineStyle::Custom("6 2.5 1.5 2.5".to_owned()),
    }
}

fn marker(shape: Shape) -> MarkerShape {
    match shape {
        Shape::Circle => MarkerShape::Circle,
        Shape::Square => MarkerShape::Square,
        Shape::Triangle => MarkerShape::Triangle,
        Shape::Diamond => MarkerShape::Diamond,
        Shape::Cross => MarkerShape::Cross,
    }
}

fn custom(format: impl Fn(f64) -> String + Send + Sync + 'static) -> TickFormat {
    TickFormat::Custom(Arc::new(format))
}
