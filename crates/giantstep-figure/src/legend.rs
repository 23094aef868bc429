//! One legend for all panels of a figure, below them: a line with its marker is one entry.

use kuva::render::render::{PathData, Primitive, Scene, TextAnchor};

use super::{Colour, Figure, Geometry, Legend, Mark, Shape, Style};

/// Font size in SVG units: 7.5 points.
const TEXT: f64 = 10.0;
/// Height of a row of entries.
const ROW: f64 = 1.5 * TEXT;
/// Length of the sample before each label, and its distance from it.
const SAMPLE: f64 = 20.0;
const GAP: f64 = 5.0;
/// Distance between entries.
const APART: f64 = 14.0;

/// What is drawn before a label: that of all marks that have it.
#[derive(Debug, Clone, PartialEq)]
struct Entry {
    label: String,
    colour: Colour,
    line: Option<Style>,
    marker: Option<Shape>,
    band: bool,
}

/// The entries of a figure in rows of equal columns.
#[derive(Debug)]
pub(super) struct Block {
    entries: Vec<Entry>,
    columns: usize,
    column: f64,
}

impl Block {
    /// The legend of a figure of this width.
    pub(super) fn of(figure: &Figure, width: f64) -> Self {
        let panels = figure.panels.iter();
        let panels = panels.filter(|panel| panel.legend == Legend::Below);
        let mut entries: Vec<Entry> = Vec::new();
        for mark in panels.flat_map(|panel| &panel.marks) {
            let Some(new) = entry(mark) else { continue };
            match entries.iter_mut().find(|known| known.label == new.label) {
                Some(known) => known.join(new),
                None => entries.push(new),
            }
        }
        let widest = entries
            .iter()
            .map(|entry| text_width(&entry.label))
            .fold(0.0, f64::max);
        let column = SAMPLE + GAP + widest + APART;
        let columns = ((width / column) as usize).clamp(1, entries.len().max(1));
        Self {
            entries,
            columns,
            column,
        }
    }

    /// The height it takes; 0 without entries.
    pub(super) fn height(&self) -> f64 {
        match self.entries.len() {
            0 => 0.0,
            count => count.div_ceil(self.columns) as f64 * ROW + 4.0,
        }
    }

    /// Draws it below `top`, centred.
    pub(super) fn draw(&self, scene: &mut Scene, top: f64) {
        let left = ((scene.width - self.column * self.columns as f64 + APART) / 2.0).max(2.0);
        for (place, entry) in self.entries.iter().enumerate() {
            let x = left + (place % self.columns) as f64 * self.column;
            let y = top + (place / self.columns) as f64 * ROW + ROW / 2.0;
            entry.draw(scene, x, y);
        }
    }
}

/// About how wide a label is; the marks of exponents take no place.
fn text_width(label: &str) -> f64 {
    let counted = label
        .chars()
        .filter(|letter| !"^{}".contains(*letter))
        .count();
    0.6 * TEXT * counted as f64
}

fn entry(mark: &Mark) -> Option<Entry> {
    let (line, marker, band) = match &mark.geometry {
        Geometry::Points { shape, .. } => (None, Some(*shape), false),
        Geometry::Band { .. } => (None, None, true),
        Geometry::Line { style, .. }
        | Geometry::Staircase { style, .. }
        | Geometry::Horizontal { style, .. }
        | Geometry::Vertical { style, .. }
        | Geometry::Slope { style, .. } => (Some(*style), None, false),
        Geometry::Heat { .. } | Geometry::Text { .. } => return None,
    };
    Some(Entry {
        label: mark.label.clone()?,
        colour: mark.colour,
        line,
        marker,
        band,
    })
}

impl Entry {
    /// Marks of one label in several colours are told apart by other means: their sample is black.
    fn join(&mut self, other: Self) {
        if self.colour != other.colour {
            self.colour = Colour::BLACK;
        }
        self.line = self.line.or(other.line);
        self.marker = self.marker.or(other.marker);
        self.band |= other.band;
    }

    fn draw(&self, scene: &mut Scene, x: f64, y: f64) {
        let colour = self.colour.to_string();
        if self.band {
            scene.add(Primitive::Rect {
                x,
                y: y - 4.0,
                width: SAMPLE,
                height: 8.0,
                fill: colour.as_str().into(),
                stroke: None,
                stroke_width: None,
                opacity: Some(0.2),
            });
        }
        if let Some(style) = self.line {
            scene.add(Primitive::Line {
                x1: x,
                y1: y,
                x2: x + SAMPLE,
                y2: y,
                stroke: colour.as_str().into(),
                stroke_width: 1.1,
                stroke_dasharray: dashes(style),
            });
        }
        if let Some(shape) = self.marker {
            scene.add(sample(shape, x + SAMPLE / 2.0, y, &colour));
        }
        scene.add(Primitive::Text {
            x: x + SAMPLE + GAP,
            y: y + 0.35 * TEXT,
            content: self.label.clone(),
            size: TEXT as u32,
            anchor: TextAnchor::Start,
            rotate: None,
            bold: false,
            color: None,
        });
    }
}

fn dashes(style: Style) -> Option<String> {
    match style {
        Style::Solid => None,
        Style::Dashed => Some("4 2.4".to_owned()),
        Style::Dotted => Some("1.2 2".to_owned()),
        Style::DashDotted => Some("5 2 1.2 2".to_owned()),
    }
}

/// A marker by itself.
fn sample(shape: Shape, x: f64, y: f64, colour: &str) -> Primitive {
    const R: f64 = 2.4;
    let path = |d: String, filled: bool| {
        Primitive::Path(Box::new(PathData {
            d,
            fill: filled.then(|| colour.into()),
            stroke: colour.into(),
            stroke_width: if filled { 0.4 } else { 1.1 },
            opacity: None,
            stroke_dasharray: None,
        }))
    };
    match shape {
        Shape::Circle => Primitive::Circle {
            cx: x,
            cy: y,
            r: R,
            fill: colour.into(),
            fill_opacity: None,
            stroke: None,
            stroke_width: None,
        },
        Shape::Square => path(
            format!("M{:.2},{:.2} h{w} v{w} h-{w} Z", x - R, y - R, w = 2.0 * R),
            true,
        ),
        Shape::Triangle => path(
            format!(
                "M{x:.2},{:.2} l{R},{h} h-{w} Z",
                y - R,
                h = 1.8 * R,
                w = 2.0 * R
            ),
            true,
        ),
        Shape::Diamond => path(
            format!("M{x:.2},{:.2} l{R},{R} l-{R},{R} l-{R},-{R} Z", y - R),
            true,
        ),
        Shape::Cross => path(
            format!(
                "M{:.2},{:.2} l{w},{w} m0,-{w} l-{w},{w}",
                x - R,
                y - R,
                w = 2.0 * R
            ),
            false,
        ),
    }
}
