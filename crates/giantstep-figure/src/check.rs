//! What makes a figure impossible to draw.

use super::{Figure, Geometry};

/// The most panels of a figure: as many as there are letters for them.
pub const MOST_PANELS: usize = 26;

/// Why a figure could not be drawn or saved.
#[derive(Debug, thiserror::Error)]
pub enum FigureError {
    /// Nothing to draw.
    #[error("a figure needs at least one panel and one column")]
    Empty,
    /// More panels than anybody can read.
    #[error("a figure of {panels} panels is too large: at most {MOST_PANELS} can be read")]
    TooManyPanels {
        /// As asked for.
        panels: usize,
    },
    /// Two columns of one mark differ in length.
    #[error(
        "panel {panel}, mark {mark}: `{column}` has {found} values where {expected} are needed"
    )]
    Length {
        /// Panel, counted from 1.
        panel: usize,
        /// Mark in the panel, counted from 1.
        mark: usize,
        /// Which column is wrong.
        column: &'static str,
        /// Its length.
        found: usize,
        /// The length of x (of y for the rows of a heat map).
        expected: usize,
    },
    /// The range of an axis is empty, infinite, or not positive on a logarithmic axis.
    #[error("panel {panel}: the {axis} axis cannot run from {low} to {high}")]
    Range {
        /// Panel, counted from 1.
        panel: usize,
        /// `x` or `y`.
        axis: char,
        /// The lower end asked for.
        low: f64,
        /// The upper end asked for.
        high: f64,
    },
    /// The SVG could not be read back.
    #[error("cannot read the figure's SVG: {0}")]
    Svg(#[source] resvg::usvg::Error),
    /// The image does not fit into memory.
    #[error("an image of {width} x {height} pixels is too large")]
    TooLarge {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// The image could not be encoded.
    #[error("cannot encode the figure as PNG: {0}")]
    Png(String),
}

pub(super) fn check(figure: &Figure) -> Result<(), FigureError> {
    if figure.panels.is_empty() || figure.columns == 0 {
        return Err(FigureError::Empty);
    }
    if figure.panels.len() > MOST_PANELS {
        return Err(FigureError::TooManyPanels {
            panels: figure.panels.len(),
        });
    }
    for (index, panel) in figure.panels.iter().enumerate() {
        for (name, axis) in [('x', &panel.x), ('y', &panel.y)] {
            if let Some((low, high)) = axis.range
                && !(low < high && high - low < f64::INFINITY && axis.scale.shows(low))
            {
                return Err(FigureError::Range {
                    panel: index + 1,
                    axis: name,
                    low,
                    high,
                });
            }
        }
        for (place, mark) in panel.marks.iter().enumerate() {
            for (column, found, expected) in columns(&mark.geometry) {
                if found != expected {
                    let (panel, mark) = (index + 1, place + 1);
                    return Err(FigureError::Length {
                        panel,
                        mark,
                        column,
                        found,
                        expected,
                    });
                }
            }
        }
    }
    Ok(())
}

/// Name, length and due length of each column after the first.
fn columns(geometry: &Geometry) -> Vec<(&'static str, usize, usize)> {
    match geometry {
        Geometry::Line { x, y, .. } | Geometry::Staircase { x, y, .. } => {
            vec![("y", y.len(), x.len())]
        }
        Geometry::Points { x, y, error, .. } => {
            let error = error.as_ref().map_or(x.len(), Vec::len);
            vec![("y", y.len(), x.len()), ("error", error, x.len())]
        }
        Geometry::Band { x, low, high } => {
            vec![("low", low.len(), x.len()), ("high", high.len(), x.len())]
        }
        Geometry::Heat { x, y, values, .. } => {
            let rows = values.iter().map(|row| ("values", row.len(), x.len()));
            std::iter::once(("values", values.len(), y.len()))
                .chain(rows)
                .collect()
        }
        _ => Vec::new(),
    }
}
