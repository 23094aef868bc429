//! Rows that somebody else has made: one matrix in memory, read panel by panel.

use std::borrow::Cow;
use std::sync::Arc;

use crate::real::Real;

/// The entries of a matrix in the precision in which they were given, borrowed or owned.
#[derive(Debug, Clone)]
pub enum Entries<'a> {
    /// Single precision.
    F32(Cow<'a, [f32]>),
    /// Double precision.
    F64(Cow<'a, [f64]>),
}

impl<'a> From<&'a [f32]> for Entries<'a> {
    fn from(entries: &'a [f32]) -> Self {
        Self::F32(entries.into())
    }
}

impl<'a> From<&'a [f64]> for Entries<'a> {
    fn from(entries: &'a [f64]) -> Self {
        Self::F64(entries.into())
    }
}

impl From<Vec<f32>> for Entries<'_> {
    fn from(entries: Vec<f32>) -> Self {
        Self::F32(entries.into())
    }
}

impl From<Vec<f64>> for Entries<'_> {
    fn from(entries: Vec<f64>) -> Self {
        Self::F64(entries.into())
    }
}

impl Entries<'_> {
    fn len(&self) -> usize {
        match self {
            Self::F32(entries) => entries.len(),
            Self::F64(entries) => entries.len(),
        }
    }

    fn at(&self, place: usize) -> f64 {
        match self {
            Self::F32(entries) => f64::from(entries[place]),
            Self::F64(entries) => entries[place],
        }
    }
}

/// In which order the entries of a matrix follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Row after row, as C and NumPy have it.
    Rows,
    /// Column after column, as Fortran and tables have it.
    Columns,
}

/// Why a matrix cannot be what a network learns from. Rows and columns are counted from 1.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DataError {
    /// The entries do not fill the matrix.
    #[error("{entries} entries are no matrix of {rows} x {columns}")]
    Shape {
        /// As given.
        entries: usize,
        /// As asked for.
        rows: usize,
        /// As asked for.
        columns: usize,
    },
    /// Nothing to learn from.
    #[error("a matrix of {rows} x {columns} has no entries")]
    Empty {
        /// As asked for.
        rows: usize,
        /// As asked for.
        columns: usize,
    },
    /// NaN or infinity.
    #[error("the entry in row {row}, column {column} is {value}, which is no finite number")]
    NotFinite {
        /// From 1.
        row: usize,
        /// From 1.
        column: usize,
        /// NaN or an infinity.
        value: f64,
    },
    /// What cannot be brought to variance 1.
    #[error("column {column} is {value} in every row, and has no variance to be brought to 1")]
    Constant {
        /// From 1.
        column: usize,
        /// Its one value.
        value: f64,
    },
    /// Not one label for each row.
    #[error("{labels} labels of {rows} rows")]
    Labels {
        /// As given.
        labels: usize,
        /// As given.
        rows: usize,
    },
    /// NaN or infinity among the labels.
    #[error("the label of row {row} is {value}, which is no finite number")]
    Label {
        /// From 1.
        row: usize,
        /// NaN or an infinity.
        value: f64,
    },
    /// Means or deviations of another number of columns.
    #[error("{found} means and deviations of {columns} columns")]
    Scaling {
        /// As given.
        found: usize,
        /// The number of columns.
        columns: usize,
    },
}

/// What is taken from each column, and what it is then divided by.
#[derive(Debug, Clone)]
struct Scaling {
    means: Vec<f64>,
    deviations: Vec<f64>,
}

/// A matrix of `n` finite rows in R^d, with a label for each or none. It is held once, as it was given.
#[derive(Clone)]
pub struct Data<'a> {
    entries: Entries<'a>,
    rows: usize,
    columns: usize,
    order: Order,
    scaling: Option<Scaling>,
    labels: Option<Arc<[f64]>>,
}

impl std::fmt::Debug for Data<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (rows, columns) = (self.rows, self.columns);
        let mut shown = f.debug_struct("Data");
        shown.field("rows", &rows).field("columns", &columns);
        shown.finish_non_exhaustive()
    }
}

impl<'a> Data<'a> {
    /// A matrix of these entries; one pass over them.
    ///
    /// # Errors
    /// [`DataError`] if the shape is another, or if an entry is not finite, with its place.
    pub fn new(
        entries: impl Into<Entries<'a>>,
        rows: usize,
        columns: usize,
        order: Order,
    ) -> Result<Self, DataError> {
        let entries = entries.into();
        if rows == 0 || columns == 0 {
            return Err(DataError::Empty { rows, columns });
        }
        if rows.checked_mul(columns) != Some(entries.len()) {
            let entries = entries.len();
            return Err(DataError::Shape {
                entries,
                rows,
                columns,
            });
        }
        let bad = match &entries {
            Entries::F32(entries) => entries.iter().position(|x| !x.is_finite()),
            Entries::F64(entries) => entries.iter().position(|x| !x.is_finite()),
        };
        if let Some(place) = bad {
            let (row, column) = match order {
                Order::Rows => (place / columns, place % columns),
                Order::Columns => (place % rows, place / rows),
            };
            return Err(DataError::NotFinite {
                row: row + 1,
                column: column + 1,
                value: entries.at(place),
            });
        }
        Ok(Self {
            entries,
            rows,
            columns,
            order,
            scaling: None,
            labels: None,
        })
    }

    /// The same with these labels, one for each row.
    ///
    /// # Errors
    /// [`DataError`] if their number is another, or if one is not finite.
    pub fn with_labels(self, labels: impl Into<Arc<[f64]>>) -> Result<Self, DataError> {
        let labels = labels.into();
        if labels.len() != self.rows {
            let (labels, rows) = (labels.len(), self.rows);
            return Err(DataError::Labels { labels, rows });
        }
        if let Some(row) = labels.iter().position(|y| !y.is_finite()) {
            let value = labels[row];
            return Err(DataError::Label {
                row: row + 1,
                value,
            });
        }
        Ok(Self {
            labels: Some(labels),
            ..self
        })
    }

    /// The same with every column at mean 0 and variance 1 over all rows, which are scaled as they are read; two passes.
    ///
    /// # Errors
    /// [`DataError::Constant`] names the first column that has no variance.
    pub fn standardised(self) -> Result<Self, DataError> {
        let n = self.rows as f64;
        let mut means = vec![0.0; self.columns];
        let mut deviations = vec![0.0; self.columns];
        self.each(|_, column, x| means[column] += x);
        means.iter_mut().for_each(|mean| *mean /= n);
        self.each(|_, column, x| deviations[column] += (x - means[column]).powi(2));
        for (column, deviation) in deviations.iter_mut().enumerate() {
            *deviation = (*deviation / n).sqrt();
            // The mean of equal numbers may miss them by rounding.
            if *deviation <= 4.0 * n.sqrt() * f64::EPSILON * means[column].abs() {
                return Err(DataError::Constant {
                    column: column + 1,
                    value: self.entry(0, column),
                });
            }
        }
        Ok(Self {
            scaling: Some(Scaling { means, deviations }),
            ..self
        })
    }

    /// The same with `(x - mean)/deviation` in each column, such as those of other rows.
    ///
    /// # Errors
    /// [`DataError::Scaling`] if there is not one of each for every column.
    pub fn scaled(self, means: Vec<f64>, deviations: Vec<f64>) -> Result<Self, DataError> {
        let found = means.len().min(deviations.len());
        if means.len() != self.columns || deviations.len() != self.columns {
            let columns = self.columns;
            return Err(DataError::Scaling { found, columns });
        }
        Ok(Self {
            scaling: Some(Scaling { means, deviations }),
            ..self
        })
    }

    /// The same entries as they were given, borrowed, without labels.
    pub(crate) fn view(&self) -> Data<'_> {
        Data {
            entries: match &self.entries {
                Entries::F32(entries) => Entries::F32(Cow::Borrowed(entries)),
                Entries::F64(entries) => Entries::F64(Cow::Borrowed(entries)),
            },
            scaling: None,
            labels: None,
            ..*self
        }
    }

    /// The number n of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number d of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The memory of entries, labels and scaling, in bytes.
    pub fn bytes(&self) -> usize {
        let entries = match &self.entries {
            Entries::F32(entries) => size_of_val(&entries[..]),
            Entries::F64(entries) => size_of_val(&entries[..]),
        };
        let labels = self.labels.as_ref().map_or(0, |labels| labels.len());
        let scaling = self.scaling.as_ref().map_or(0, |_| 2 * self.columns);
        entries + 8 * (labels + scaling)
    }

    /// The labels, if there are any.
    pub fn labels(&self) -> Option<&Arc<[f64]>> {
        self.labels.as_ref()
    }

    /// Means and standard deviations of the columns as they are scaled, if they are.
    pub fn scaling(&self) -> Option<(&[f64], &[f64])> {
        let scaling = self.scaling.as_ref()?;
        Some((&scaling.means, &scaling.deviations))
    }

    /// An entry as it was given, of a row and a column from 0.
    pub fn entry(&self, row: usize, column: usize) -> f64 {
        self.entries.at(match self.order {
            Order::Rows => row * self.columns + column,
            Order::Columns => column * self.rows + row,
        })
    }

    /// All entries as they were given, in their order, with row and column.
    fn each(&self, mut visit: impl FnMut(usize, usize, f64)) {
        let (outer, inner) = match self.order {
            Order::Rows => (self.rows, self.columns),
            Order::Columns => (self.columns, self.rows),
        };
        for i in 0..outer {
            for j in 0..inner {
                let x = self.entries.at(i * inner + j);
                match self.order {
                    Order::Rows => visit(i, j, x),
                    Order::Columns => visit(j, i, x),
                }
            }
        }
    }

    /// Writes the rows of these numbers, from 0, column by column.
    pub(crate) fn fill<T: Real>(&self, numbers: &[u64], x: &mut [T]) {
        match &self.entries {
            Entries::F32(entries) => self.gather(entries, numbers, x),
            Entries::F64(entries) => self.gather(entries, numbers, x),
        }
    }

    fn gather<S: Real, T: Real>(&self, entries: &[S], numbers: &[u64], x: &mut [T]) {
        let (down, along) = match self.order {
            Order::Rows => (self.columns, 1),
            Order::Columns => (1, self.rows),
        };
        let rows = numbers.len();
        // A few rows at a time, whose lines stay in the cache while the columns go by.
        for first in (0..rows).step_by(BLOCK) {
            let some = &numbers[first..rows.min(first + BLOCK)];
            for (column, out) in x.chunks_exact_mut(rows).enumerate() {
                let (mean, deviation) = match &self.scaling {
                    None => (0.0, 1.0),
                    Some(scaling) => (scaling.means[column], scaling.deviations[column]),
                };
                for (out, number) in out[first..].iter_mut().zip(some) {
                    let value = entries[*number as usize * down + column * along].to_f64();
                    *out = T::from_f64((value - mean) / deviation);
                }
            }
        }
    }
}

/// Rows that are written at a time: a line of the cache in single precision.
const BLOCK: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    /// 1 2 3 / 4 5 7
    fn both() -> [Data<'static>; 2] {
        let rows = Data::new(vec![1f32, 2.0, 3.0, 4.0, 5.0, 7.0], 2, 3, Order::Rows);
        let columns = Data::new(vec![1f64, 4.0, 2.0, 5.0, 3.0, 7.0], 2, 3, Order::Columns);
        [rows.expect("a matrix"), columns.expect("a matrix")]
    }

    #[test]
    fn rows_are_those_asked_for_whatever_the_order_and_precision() {
        for data in both() {
            let mut x = [0f64; 9];
            data.fill(&[1, 0, 1], &mut x);
            assert_eq!(x, [4.0, 1.0, 4.0, 5.0, 2.0, 5.0, 7.0, 3.0, 7.0]);
            let mut x = [0f32; 6];
            data.standardised().expect("varied").fill(&[0, 1], &mut x);
            assert_eq!(x, [-1.0, 1.0, -1.0, 1.0, -1.0, 1.0]);
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let of = |entries: &[f64], order| Data::new(entries, 2, 3, order).map(|data| data.rows());
        let mut entries = [0.5; 6];
        entries[4] = f64::NAN;
        for (order, place) in [
            (Order::Rows, "row 2, column 2"),
            (Order::Columns, "row 1, column 3"),
        ] {
            let error = of(&entries, order).expect_err("NaN").to_string();
            assert!(error.contains(place), "{error}");
        }
        let error = of(&[1.0; 5], Order::Rows).expect_err("five");
        assert_eq!(error.to_string(), "5 entries are no matrix of 2 x 3");
        assert!(Data::new(&[0f32; 0][..], 0, 3, Order::Rows).is_err());
        // 0.1 + 0.1 + 0.1 is not 3 * 0.1: no variance all the same.
        let entries = vec![0.1, 1.0, 0.1, 2.0, 0.1, 3.0];
        let constant = Data::new(entries, 3, 2, Order::Rows).expect("a matrix");
        let error = constant.standardised().expect_err("constant").to_string();
        assert!(error.starts_with("column 1 is 0.1 in every row"), "{error}");
        let [data, _] = both();
        let error = data.clone().with_labels(vec![1.0]).expect_err("one");
        assert_eq!(error.to_string(), "1 labels of 2 rows");
        let error = data
            .with_labels(vec![1.0, f64::INFINITY])
            .expect_err("infinite");
        assert!(error.to_string().contains("row 2"), "{error}");
    }
}
