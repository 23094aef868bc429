//! What can be drawn in a panel.

use serde::Serialize;

use super::{Colour, Scale};

/// One thing drawn: its geometry, its colour, and its entry in the legend if it has a label.
///
/// Points whose coordinates are not finite (or not positive on a logarithmic axis) are left out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mark {
    /// Where it is.
    pub geometry: Geometry,
    /// Its entry in the legend; marks with equal labels share the first one's entry.
    pub label: Option<String>,
    /// Its colour.
    pub colour: Colour,
}

/// The geometry of a mark, in data coordinates. Columns belonging together have equal lengths.
#[allow(missing_docs, reason = "each variant explains its fields together")]
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Geometry {
    /// Points joined by straight lines.
    Line {
        x: Vec<f64>,
        y: Vec<f64>,
        style: Style,
    },
    /// A line that keeps each value until the next point.
    Staircase {
        x: Vec<f64>,
        y: Vec<f64>,
        style: Style,
    },
    /// Points apart from one another; `error` is half the height of each error bar.
    Points {
        x: Vec<f64>,
        y: Vec<f64>,
        error: Option<Vec<f64>>,
        shape: Shape,
        size: f64,
    },
    /// The area between two curves.
    Band {
        x: Vec<f64>,
        low: Vec<f64>,
        high: Vec<f64>,
    },
    /// A line across the panel at height `y`.
    Horizontal { y: f64, style: Style },
    /// A line up the panel at `x`.
    Vertical { x: f64, style: Style },
    /// The line `y = intercept + slope x` in the coordinates of the axes: on two logarithmic axes
    /// `log10 y = intercept + slope log10 x`. `within` limits it to a range of x.
    Slope {
        slope: f64,
        intercept: f64,
        within: Option<(f64, f64)>,
        style: Style,
    },
    /// One coloured cell for each pair of x and y; `values[j][i]` belongs to `y[j]`, `x[i]`, and a value that
    /// is not finite leaves its cell grey. Cells meet half-way between their values, on the scales of the
    /// axes. `scale` is that of the colours, which run from end to end of `colours`, or of the values; the
    /// lines along which the values cross `levels` are drawn on top.
    Heat {
        x: Vec<f64>,
        y: Vec<f64>,
        values: Vec<Vec<f64>>,
        bar: String,
        scale: Scale,
        colours: Option<(f64, f64)>,
        levels: Vec<f64>,
    },
    /// Words centred at a point.
    Text { x: f64, y: f64, text: String },
}

/// How a line is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Style {
    /// Without gaps.
    Solid,
    /// In dashes.
    Dashed,
    /// In dots.
    Dotted,
    /// In dashes and dots.
    DashDotted,
}

/// The shape of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Shape {
    /// A disc.
    Circle,
    /// A square.
    Square,
    /// A triangle, tip up.
    Triangle,
    /// A square on its tip.
    Diamond,
    /// An x.
    Cross,
}

impl Shape {
    /// The `index`-th shape, starting again after the last: for series told apart in black and white.
    pub fn cycle(index: usize) -> Self {
        [
            Self::Circle,
            Self::Square,
            Self::Triangle,
            Self::Diamond,
            Self::Cross,
        ][index % 5]
    }
}

fn column(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    values.into_iter().collect()
}

impl Mark {
    fn new(geometry: Geometry) -> Self {
        Self {
            geometry,
            label: None,
            colour: Colour::BLACK,
        }
    }

    /// Points joined by straight lines.
    pub fn line(x: impl IntoIterator<Item = f64>, y: impl IntoIterator<Item = f64>) -> Self {
        Self::new(Geometry::Line {
            x: column(x),
            y: column(y),
            style: Style::Solid,
        })
    }

    /// A line that keeps each value until the next point.
    pub fn staircase(x: impl IntoIterator<Item = f64>, y: impl IntoIterator<Item = f64>) -> Self {
        Self::new(Geometry::Staircase {
            x: column(x),
            y: column(y),
            style: Style::Solid,
        })
    }

    /// Discs apart from one another.
    pub fn points(x: impl IntoIterator<Item = f64>, y: impl IntoIterator<Item = f64>) -> Self {
        let (x, y) = (column(x), column(y));
        Self::new(Geometry::Points {
            x,
            y,
            error: None,
            shape: Shape::Circle,
            size: 2.2,
        })
    }

    /// The area between two curves.
    pub fn band(
        x: impl IntoIterator<Item = f64>,
        low: impl IntoIterator<Item = f64>,
        high: impl IntoIterator<Item = f64>,
    ) -> Self {
        Self::new(Geometry::Band {
            x: column(x),
            low: column(low),
            high: column(high),
        })
    }

    /// A line across the panel.
    pub fn horizontal(y: f64) -> Self {
        Self::new(Geometry::Horizontal {
            y,
            style: Style::Solid,
        })
    }

    /// A line up the panel.
    pub fn vertical(x: f64) -> Self {
        Self::new(Geometry::Vertical {
            x,
            style: Style::Solid,
        })
    }

    /// The line `y = intercept + slope x`, in logarithms on logarithmic axes, across the panel.
    pub fn slope(slope: f64, intercept: f64) -> Self {
        Self::new(Geometry::Slope {
            slope,
            intercept,
            within: None,
            style: Style::Solid,
        })
    }

    /// Coloured cells with a colour bar labelled `bar`; `values[j][i]` belongs to `y[j]`, `x[i]`.
    pub fn heat(
        x: impl IntoIterator<Item = f64>,
        y: impl IntoIterator<Item = f64>,
        values: Vec<Vec<f64>>,
        bar: impl Into<String>,
        scale: Scale,
    ) -> Self {
        Self::new(Geometry::Heat {
            x: column(x),
            y: column(y),
            values,
            bar: bar.into(),
            scale,
            colours: None,
            levels: Vec::new(),
        })
    }

    /// Words centred at a point.
    pub fn text(x: f64, y: f64, text: impl Into<String>) -> Self {
        Self::new(Geometry::Text {
            x,
            y,
            text: text.into(),
        })
    }

    /// Names the mark in the legend.
    pub fn labelled(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Colours the mark.
    pub fn coloured(mut self, colour: Colour) -> Self {
        self.colour = colour;
        self
    }

    /// Draws a line in dashes.
    pub fn dashed(self) -> Self {
        self.styled(Style::Dashed)
    }

    /// Draws a line in dots.
    pub fn dotted(self) -> Self {
        self.styled(Style::Dotted)
    }

    /// Draws a line in a given style; other marks have none and stay as they are.
    pub fn styled(mut self, wanted: Style) -> Self {
        use Geometry::{Horizontal, Line, Slope, Staircase, Vertical};
        if let Line { style, .. }
        | Staircase { style, .. }
        | Horizontal { style, .. }
        | Vertical { style, .. }
        | Slope { style, .. } = &mut self.geometry
        {
            *style = wanted;
        }
        self
    }

    /// Gives points their error bars: half the height of each.
    pub fn with_errors(mut self, errors: impl IntoIterator<Item = f64>) -> Self {
        if let Geometry::Points { error, .. } = &mut self.geometry {
            *error = Some(column(errors));
        }
        self
    }

    /// Lets the colours of a heat map run from `low` to `high`: for panels that are to be compared.
    pub fn coloured_from_to(mut self, low: f64, high: f64) -> Self {
        if let Geometry::Heat { colours, .. } = &mut self.geometry {
            *colours = Some((low, high));
        }
        self
    }

    /// Draws the lines along which the values of a heat map cross these levels.
    pub fn with_levels(mut self, wanted: impl IntoIterator<Item = f64>) -> Self {
        if let Geometry::Heat { levels, .. } = &mut self.geometry {
            *levels = column(wanted);
        }
        self
    }

    /// Gives points another shape.
    pub fn shaped(mut self, wanted: Shape) -> Self {
        if let Geometry::Points { shape, .. } = &mut self.geometry {
            *shape = wanted;
        }
        self
    }

    /// Gives points another radius, in units of 1/96 inch; the default is 2.2.
    pub fn sized(mut self, radius: f64) -> Self {
        if let Geometry::Points { size, .. } = &mut self.geometry {
            *size = radius;
        }
        self
    }

    /// Limits a slope line to a range of x.
    pub fn within(mut self, low: f64, high: f64) -> Self {
        if let Geometry::Slope { within, .. } = &mut self.geometry {
            *within = Some((low, high));
        }
        self
    }
}
