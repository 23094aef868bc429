//! Which rows a figure is made of, and which of them are draws of one point.

use std::collections::HashMap;
use std::fmt;

use super::{ChartError, Column, Results};

/// A condition on a column, as typed: `step=1`, `n>=1000`, `target.link=z1*z2`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    column: String,
    relation: Relation,
    value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Equal,
    AtMost,
    AtLeast,
}

impl Filter {
    /// Rows in which a column has this value.
    pub fn equal(column: &str, value: impl ToString) -> Self {
        Self {
            column: column.to_owned(),
            relation: Relation::Equal,
            value: value.to_string(),
        }
    }

    /// Reads `COLUMN=VALUE`, `COLUMN<=VALUE` or `COLUMN>=VALUE`.
    ///
    /// # Errors
    /// [`ChartError::Filter`] without one of these signs.
    pub fn read(text: &str) -> Result<Self, ChartError> {
        let fail = || ChartError::Filter {
            text: text.to_owned(),
        };
        let (column, value) = text.split_once('=').ok_or_else(fail)?;
        let (column, relation) = match column.chars().last().ok_or_else(fail)? {
            '<' => (&column[..column.len() - 1], Relation::AtMost),
            '>' => (&column[..column.len() - 1], Relation::AtLeast),
            _ => (column, Relation::Equal),
        };
        Ok(Self {
            column: column.trim().to_owned(),
            relation,
            value: value.trim().to_owned(),
        })
    }

    /// Whether a row passes. A number also equals what tables show of it, and what it would be if counts were not
    /// rounded to whole numbers.
    fn accepts(&self, column: &Column, results: &Results, row: usize, wanted: f64) -> bool {
        let Some(value) = column.value(results, row) else {
            return false;
        };
        let close = (value - wanted).abs() <= 1e-9 * value.abs().max(wanted.abs());
        let rounded = column.rounding(results, row);
        let equal = close
            || column.shown(value) == self.value
            || rounded.is_some_and(|(low, high)| low < wanted && wanted < high);
        match self.relation {
            Relation::Equal => equal,
            Relation::AtMost => equal || value < wanted,
            Relation::AtLeast => equal || value > wanted,
        }
    }

    fn keep(
        &self,
        results: &Results,
        metric: &str,
        rows: &[usize],
    ) -> Result<Vec<usize>, ChartError> {
        let column = Column::read(&self.column, results)?;
        let known = || column.listed(results, rows);
        let wanted = column
            .number(&self.value)
            .ok_or_else(|| ChartError::FilterValue {
                text: self.to_string(),
                column: self.column.clone(),
                value: self.value.clone(),
                known: known(),
            })?;
        let passes = |row: &usize| self.accepts(&column, results, *row, wanted);
        let kept: Vec<usize> = rows.iter().copied().filter(passes).collect();
        if kept.is_empty() {
            return Err(ChartError::Emptied {
                filter: self.to_string(),
                rows: rows.len(),
                metric: metric.to_owned(),
                column: self.column.clone(),
                known: known(),
            });
        }
        Ok(kept)
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.relation {
            Relation::Equal => "=",
            Relation::AtMost => "<=",
            Relation::AtLeast => ">=",
        };
        write!(f, "{}{sign}{}", self.column, self.value)
    }
}

/// Which rows a figure is made of.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// The metric.
    pub metric: String,
    /// All of these hold.
    pub filters: Vec<Filter>,
    /// Columns over whose values each seed is averaged before anything else.
    pub pool: Vec<String>,
}

/// The draws of one point: one number for each seed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Point {
    /// The values of the columns that place it.
    pub(super) at: Vec<f64>,
    /// The rows it is made of.
    pub(super) rows: Vec<usize>,
    /// One number for each seed, by increasing seed.
    pub(super) draws: Vec<f64>,
}

/// The points of a figure, and the number of rows without a value in one of the columns.
pub(super) struct Points {
    pub(super) points: Vec<Point>,
    pub(super) left_out: usize,
}

impl Selection {
    /// Chooses rows and collects them into points by the values of these columns, in increasing order.
    ///
    /// Rows of single neurons are taken only if a filter, a column or the pool speaks of neurons, or if the metric
    /// has no others. Rows that differ in a column that is neither among these nor pooled are no draws of one
    /// quantity: they are refused.
    pub(super) fn points(
        &self,
        results: &Results,
        columns: &[&Column],
    ) -> Result<Points, ChartError> {
        let mut rows = self.rows(results, columns)?;
        for filter in &self.filters {
            rows = filter.keep(results, &self.metric, &rows)?;
        }
        for column in columns {
            if rows.iter().all(|row| column.value(results, *row).is_none()) {
                return Err(ChartError::NoValue {
                    metric: self.metric.clone(),
                    column: column.name.clone(),
                });
            }
        }
        let mut places: HashMap<Vec<u64>, usize> = HashMap::new();
        let mut points: Vec<Point> = Vec::new();
        let mut left_out = 0;
        for row in rows {
            let at: Option<Vec<f64>> = columns
                .iter()
                .map(|column| column.value(results, row))
                .collect();
            let Some(at) = at else {
                left_out += 1;
                continue;
            };
            let key = at.iter().map(|value| value.to_bits()).collect();
            let place = *places.entry(key).or_insert(points.len());
            if place == points.len() {
                let (rows, draws) = (Vec::new(), Vec::new());
                points.push(Point { at, rows, draws });
            }
            points[place].rows.push(row);
        }
        self.refuse_mixtures(results, &points)?;
        for point in &mut points {
            point.draws = by_seed(results, &point.rows);
        }
        points.sort_by(|a, b| {
            let pairs = a.at.iter().zip(&b.at);
            let orders = pairs.map(|(a, b)| a.total_cmp(b));
            orders.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
        });
        Ok(Points { points, left_out })
    }

    /// The rows of the metric.
    fn rows(&self, results: &Results, columns: &[&Column]) -> Result<Vec<usize>, ChartError> {
        let records = results.records();
        let of_metric: Vec<usize> = (0..records.len())
            .filter(|row| records[*row].metric.name() == self.metric)
            .collect();
        if of_metric.is_empty() {
            return Err(ChartError::Unknown {
                kind: "metric",
                name: self.metric.clone(),
                known: results.metrics(),
            });
        }
        let speaks = columns.iter().any(|column| column.name == "neuron")
            || self.filters.iter().any(|filter| filter.column == "neuron")
            || self.pool.iter().any(|column| column == "neuron");
        let means = |row: &usize| records[*row].neuron.is_none();
        if speaks || !of_metric.iter().any(means) {
            return Ok(of_metric
                .into_iter()
                .filter(|row| !speaks || !means(row))
                .collect());
        }
        Ok(of_metric.into_iter().filter(means).collect())
    }

    /// Refuses points whose rows differ in more than their seed and the pooled columns.
    fn refuse_mixtures(&self, results: &Results, points: &[Point]) -> Result<(), ChartError> {
        let pooled: Vec<Column> = self
            .pool
            .iter()
            .map(|name| Column::read(name, results))
            .collect::<Result<_, _>>()?;
        let differing: Vec<Column> = results
            .identity()
            .filter(|name| !pooled.iter().any(|column| column.name == *name))
            .filter(|name| {
                points.iter().any(|point| {
                    let mut values = point.rows.iter().map(|row| results.value(*row, name));
                    let first = values.next().flatten();
                    values.any(|value| value != first)
                })
            })
            .map(|name| Column::read(name, results))
            .collect::<Result<_, _>>()?;
        let Some(first) = differing.first() else {
            return Ok(());
        };
        let rows: Vec<usize> = points
            .iter()
            .flat_map(|point| &point.rows)
            .copied()
            .collect();
        let listed =
            |column: &Column| format!("{} ({})", column.name, column.listed(results, &rows));
        let one = first.values(results, &rows).first().copied();
        Err(ChartError::Mixed {
            columns: differing.iter().map(listed).collect(),
            first: first.name.clone(),
            value: one.map(|value| first.plain(value)).unwrap_or_default(),
        })
    }
}

/// The mean over the rows of each seed: rows of one run are no independent draws.
fn by_seed(results: &Results, rows: &[usize]) -> Vec<f64> {
    let mut seeds: std::collections::BTreeMap<u64, (f64, f64)> = std::collections::BTreeMap::new();
    for row in rows {
        let record = &results.records()[*row];
        let sum = seeds.entry(record.seed).or_default();
        *sum = (sum.0 + record.value, sum.1 + 1.0);
    }
    seeds
        .into_values()
        .map(|(sum, count)| sum / count)
        .collect()
}
