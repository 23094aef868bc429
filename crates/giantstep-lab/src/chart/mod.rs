//! Figures of a results folder as asked for on the command line: curves and heat maps of any columns.
//!
//! [`Results`] is the table with its columns, [`Column`] one of them or a formula, [`Selection`] says which rows and
//! what is averaged; [`Curves`] and [`Heat`] make a [`Drawing`]: figure, data, and a script for matplotlib.

mod column;
mod curves;
mod error;
mod heat;
mod results;
mod script;
mod select;
mod spec;
mod staircase;
mod summary;
mod typeset;

use std::path::{Path, PathBuf};

pub use column::Column;
pub use curves::Curves;
pub use error::ChartError;
pub use heat::Heat;
pub use results::Results;
pub use select::{Filter, Selection};
pub use staircase::staircase;
pub use summary::Summary;

use giantstep_figure::{Axis, Figure, Scale};

use crate::files::{save_figure, write_atomically};
use crate::plan::ScaleChoice;

impl ScaleChoice {
    /// The scale for these values, which are distinct and increasing.
    fn settle(self, values: &[f64]) -> Scale {
        match self {
            ScaleChoice::Linear => Scale::Linear,
            ScaleChoice::Log => Scale::Log10,
            ScaleChoice::Auto => {
                let positive = values.first().is_some_and(|first| *first > 0.0);
                let logs: Vec<f64> = values.iter().map(|value| value.ln()).collect();
                if values.len() > 2 && positive && unevenness(&logs) < unevenness(values) {
                    Scale::Log10
                } else {
                    Scale::Linear
                }
            }
        }
    }
}

/// The relative spread of the gaps between increasing values: 0 where they are equal.
fn unevenness(values: &[f64]) -> f64 {
    let gaps: Vec<f64> = values.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    let squares: f64 = gaps.iter().map(|gap| (gap - mean).powi(2)).sum();
    (squares / gaps.len() as f64).sqrt() / mean
}

fn axis(label: &str, scale: Scale) -> Axis {
    match scale {
        Scale::Linear => Axis::linear(label),
        Scale::Log10 => Axis::log10(label),
    }
}

/// A figure with everything that stands beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawing {
    /// The figure.
    pub figure: Figure,
    /// The data behind every mark, as CSV with a header.
    pub data: String,
    /// A Python script that reads the data beside it and draws the figure with matplotlib.
    pub script: String,
    /// How many points or cells there are.
    pub points: usize,
    /// Rows of the metric, chosen by the filters, that have no value in a column of the figure.
    pub left_out: usize,
}

impl Drawing {
    /// Writes `<stem>.svg`, `.png`, `.csv` and `.py` into `folder`, each whole or not at all; returns the paths.
    ///
    /// # Errors
    /// [`ChartError`] if the figure cannot be drawn or a file cannot be written.
    pub fn save(&self, folder: &Path, stem: &str) -> Result<Vec<PathBuf>, ChartError> {
        let mut paths = save_figure(&self.figure, folder, stem)?.to_vec();
        for (ending, content) in [("csv", &self.data), ("py", &self.script)] {
            let path = folder.join(format!("{stem}.{ending}"));
            write_atomically(&path, content.as_bytes())?;
            paths.push(path);
        }
        Ok(paths)
    }
}

/// A field of a CSV file.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_follows_the_spacing_of_the_values() {
        let settled = |values: &[f64]| ScaleChoice::Auto.settle(values);
        assert_eq!(settled(&[32.0, 64.0, 128.0, 256.0]), Scale::Log10);
        assert_eq!(settled(&[100.0, 316.0, 1000.0]), Scale::Log10);
        assert_eq!(settled(&[0.5, 1.0, 1.5, 2.0]), Scale::Linear);
        assert_eq!(settled(&[0.0, 1.0, 10.0]), Scale::Linear);
        assert_eq!(settled(&[1.0, 100.0]), Scale::Linear);
        assert_eq!(ScaleChoice::Log.settle(&[1.0]), Scale::Log10);
    }
}
