//! Figures: what to show, said in a small typed description, then drawn as SVG and PNG.
//!
//! A [`Figure`] is a grid of [`Panel`]s, each with two axes and a list of [`Mark`]s. The description knows
//! nothing of pixels; sizes, fonts and colours are chosen once, for a paper's column of 8.5 cm.
//! In any label the mathematical italic letters of Unicode (𝑛, 𝑑, 𝜂) are set in italics ([`italic`] makes them) and
//! `^{1.5}` is raised.
//!
//! ```
//! use giantstep_figure::{Axis, Colour, Figure, Mark, Panel};
//!
//! let panel = Panel::new(Axis::linear("log 𝑛 / log 𝑑"), Axis::linear("test error"))
//!     .with(Mark::line([1.0, 1.5, 2.0], [0.8, 0.4, 0.2]).coloured(Colour::BLUE).labelled("one step"))
//!     .with(Mark::horizontal(0.27).dashed().labelled("linear kernel"));
//! let svg = Figure::new([panel]).to_svg()?;
//! assert!(svg.contains("linear kernel"));
//! # Ok::<(), giantstep_figure::FigureError>(())
//! ```

mod check;
mod draw;
mod heat;
mod label;
mod legend;
mod mark;
mod palette;
mod png;
mod scale;

use serde::Serialize;

pub use check::{FigureError, MOST_PANELS};
pub use label::{italic, mathtext};
pub use mark::{Geometry, Mark, Shape, Style};
pub use palette::Colour;
pub use png::{encode as png, missing_glyphs};

/// Panels in a grid, filled row by row.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// Heading above all panels; empty for none.
    pub title: String,
    /// The panels in reading order.
    pub panels: Vec<Panel>,
    /// How many panels stand side by side; the default is all of them.
    pub columns: usize,
    /// Width of one panel in centimetres; the default, 8.5, is a paper's column.
    pub panel_width: f64,
}

impl Figure {
    /// All panels in one row, each as wide as a paper's column, without a heading.
    pub fn new(panels: impl IntoIterator<Item = Panel>) -> Self {
        let panels: Vec<_> = panels.into_iter().collect();
        let columns = panels.len().max(1);
        Self {
            title: String::new(),
            panels,
            columns,
            panel_width: 8.5,
        }
    }

    /// Adds a heading.
    pub fn titled(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// Puts `columns` panels side by side.
    pub fn in_columns(mut self, columns: usize) -> Self {
        self.columns = columns;
        self
    }

    /// The figure as an SVG document. Text stays text, in DejaVu Sans or the next best family.
    ///
    /// # Errors
    /// A mark whose columns differ in length, or a figure without panels or with more than [`MOST_PANELS`].
    pub fn to_svg(&self) -> Result<String, FigureError> {
        check::check(self)?;
        Ok(label::printable(&label::set_mathematics(&draw::svg(self))))
    }

    /// The figure as a PNG image at 300 dots per inch, drawn from the SVG with the fonts this program carries.
    ///
    /// # Errors
    /// As [`Figure::to_svg`]; or the image is too large to hold.
    pub fn to_png(&self) -> Result<Vec<u8>, FigureError> {
        png(&self.to_svg()?)
    }
}

/// Two axes and what is drawn between them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Panel {
    /// Heading; empty for none.
    pub title: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// What is drawn, the first at the back.
    pub marks: Vec<Mark>,
    /// Whether the labels of the marks are explained.
    pub legend: Legend,
    /// Whether one unit has the same length on both axes.
    pub equal_aspect: bool,
}

impl Panel {
    /// An empty panel with its legend below.
    pub fn new(x: Axis, y: Axis) -> Self {
        Self {
            title: String::new(),
            x,
            y,
            marks: Vec::new(),
            legend: Legend::Below,
            equal_aspect: false,
        }
    }

    /// Adds a heading.
    pub fn titled(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// Draws one more mark, in front of the others.
    pub fn with(mut self, mark: Mark) -> Self {
        self.marks.push(mark);
        self
    }

    /// Draws more marks, in front of the others.
    pub fn with_all(mut self, marks: impl IntoIterator<Item = Mark>) -> Self {
        self.marks.extend(marks);
        self
    }

    /// Places the legend.
    pub fn legend(mut self, legend: Legend) -> Self {
        self.legend = legend;
        self
    }

    /// Gives one unit the same length on both axes.
    pub fn equal_aspect(mut self) -> Self {
        self.equal_aspect = true;
        self
    }
}

/// Whether the labels of a panel are explained. A legend never covers data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Legend {
    /// Below all panels of the figure, each label once.
    Below,
    /// Nowhere.
    Hidden,
}

/// One axis.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Axis {
    /// What is measured along it.
    pub label: String,
    /// Linear or logarithmic.
    pub scale: Scale,
    /// Smallest and largest value shown; `None` fits the data.
    pub range: Option<(f64, f64)>,
    /// Whether ticks stand at whole numbers only, for what is counted.
    pub whole: bool,
}

impl Axis {
    /// A linear axis fitted to the data.
    pub fn linear(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            scale: Scale::Linear,
            range: None,
            whole: false,
        }
    }

    /// A logarithmic axis fitted to the data; values that are not positive are left out.
    pub fn log10(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            scale: Scale::Log10,
            range: None,
            whole: false,
        }
    }

    /// Shows exactly `low` to `high`.
    pub fn from_to(mut self, low: f64, high: f64) -> Self {
        self.range = Some((low, high));
        self
    }

    /// Puts ticks at whole numbers only.
    pub fn whole(mut self) -> Self {
        self.whole = true;
        self
    }
}

/// How values become lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Scale {
    /// Equal differences have equal lengths.
    Linear,
    /// Equal ratios have equal lengths.
    Log10,
}
