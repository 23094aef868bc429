//! Which rows a figure is made of, and which of them are draws of one point.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use giantstep::metric::Metric;

use super::{ChartError, Column, Data};
use crate::plan::{Rows, Step};
use crate::table::{Record, Table};

/// The last step of each point.
#[derive(Debug, Default)]
pub(super) struct LastSteps(HashMap<u32, u32>);

/// A condition on a column, as typed: `step=1`, `n>=1000`, `target.link=z1*z2`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Filter {
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
    pub(super) fn equal(column: &str, value: impl ToString) -> Self {
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
    pub(super) fn read(text: &str) -> Result<Self, ChartError> {
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
    fn accepts(&self, column: &Column, table: &Table, record: &Record, wanted: f64) -> bool {
        let Some(value) = column.value(table, record) else {
            return false;
        };
        let close = (value - wanted).abs() <= 1e-9 * value.abs().max(wanted.abs());
        let rounded = column.rounding(table, record);
        let equal = close
            || column.shown(value) == self.value
            || rounded.is_some_and(|(low, high)| low < wanted && wanted < high);
        match self.relation {
            Relation::Equal => equal,
            Relation::AtMost => equal || value < wanted,
            Relation::AtLeast => equal || value > wanted,
        }
    }

    fn keep<'a>(
        &self,
        table: &Table,
        metric: Metric,
        rows: Vec<Placed<'a>>,
    ) -> Result<Vec<Placed<'a>>, ChartError> {
        let column = Column::read(&self.column, table)?;
        let known = || column.listed(table, rows.iter().map(|row| row.1));
        let wanted = column
            .number(&self.value)
            .ok_or_else(|| ChartError::FilterValue {
                text: self.to_string(),
                column: self.column.clone(),
                value: self.value.clone(),
                known: known(),
            })?;
        let passes = |row: &Placed<'_>| self.accepts(&column, table, row.1, wanted);
        if !rows.iter().any(passes) {
            return Err(ChartError::Emptied {
                filter: self.to_string(),
                rows: rows.len(),
                metric,
                column: self.column.clone(),
                known: known(),
            });
        }
        Ok(rows.into_iter().filter(passes).collect())
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

/// A row with its place among all.
type Placed<'a> = (usize, &'a Record);

/// Which rows a figure is made of.
#[derive(Debug, Clone)]
pub(super) struct Selection {
    /// The metric.
    pub(super) metric: Metric,
    /// All of these hold.
    filters: Vec<Filter>,
    /// Whether only the last step of each point is taken.
    last_step: bool,
    /// Columns over whose values each seed is averaged before anything else.
    pub(super) pool: Vec<String>,
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
    /// Reads which rows are asked for.
    ///
    /// # Errors
    /// [`ChartError::Filter`] for a filter without a relation.
    pub(super) fn read(metric: Metric, asked: &Rows<'_>) -> Result<Self, ChartError> {
        let mut filters: Vec<Filter> = Vec::new();
        if let Some(Step::At(step)) = asked.step {
            filters.push(Filter::equal("step", step));
        }
        filters.extend(asked.direction.map(|k| Filter::equal("direction", k)));
        filters.extend(asked.group.map(|signs| Filter::equal("group", signs)));
        filters.extend(asked.ridge.map(|ridge| Filter::equal("ridge", ridge)));
        for text in asked.filters {
            filters.push(Filter::read(text)?);
        }
        Ok(Self {
            metric,
            filters,
            last_step: asked.step == Some(Step::LAST),
            pool: asked.pool.to_vec(),
        })
    }

    /// Chooses rows and collects them into points by the values of these columns, in increasing order.
    ///
    /// Rows of single neurons are taken only if a filter, a column or the pool speaks of neurons, or if the metric
    /// has no others. Rows that differ in a column that is neither among these nor pooled are no draws of one
    /// quantity: they are refused.
    pub(super) fn points(
        &self,
        table: &Table,
        records: &[Record],
        columns: &[&Column],
        last: &LastSteps,
    ) -> Result<Points, ChartError> {
        let mut rows = self.rows(table, records, columns)?;
        for filter in &self.filters {
            rows = filter.keep(table, self.metric, rows)?;
        }
        if self.last_step {
            rows.retain(|(_, record)| last.0.get(&record.point) == Some(&record.step));
        }
        for column in columns {
            if rows
                .iter()
                .all(|(_, record)| column.value(table, record).is_none())
            {
                return Err(ChartError::NoValue {
                    metric: self.metric,
                    column: column.name.clone(),
                });
            }
        }
        let mut places: HashMap<Vec<u64>, usize> = HashMap::new();
        let mut points: Vec<Point> = Vec::new();
        let mut left_out = 0;
        for (row, record) in rows {
            let at: Option<Vec<f64>> = columns
                .iter()
                .map(|column| column.value(table, record))
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
        self.refuse_mixtures(table, records, &points)?;
        for point in &mut points {
            point.draws = by_seed(records, &point.rows);
        }
        points.sort_by(|a, b| {
            let pairs = a.at.iter().zip(&b.at);
            let orders = pairs.map(|(a, b)| a.total_cmp(b));
            orders.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
        });
        Ok(Points { points, left_out })
    }

    /// The last steps of the data, if they are asked for: those that were measured, or of theory alone those that the points take.
    pub(super) fn last_steps(&self, data: &Data<'_>) -> LastSteps {
        let mut last = HashMap::new();
        if !self.last_step {
            return LastSteps(last);
        }
        if let (true, Some(plan)) = (data.alone, data.plan) {
            let steps = plan.points.iter().map(|point| {
                let experiment = &point.checked.setup.experiment;
                experiment.protocol.steps
            });
            last.extend((1..).zip(steps));
        } else if let Ok(chosen) = self.chosen(&data.table, &data.table.records) {
            for record in chosen {
                let step = last.entry(record.point).or_default();
                *step = record.step.max(*step);
            }
        }
        LastSteps(last)
    }

    /// The rows of the metric.
    fn rows<'a>(
        &self,
        table: &Table,
        records: &'a [Record],
        columns: &[&Column],
    ) -> Result<Vec<Placed<'a>>, ChartError> {
        let placed = records.iter().enumerate();
        let mut rows: Vec<Placed<'a>> = placed
            .filter(|(_, record)| record.metric == self.metric)
            .collect();
        if rows.is_empty() {
            return Err(ChartError::Unknown {
                kind: "metric",
                name: self.metric.to_string(),
                known: table.metrics(),
            });
        }
        let speaks = columns.iter().any(|column| column.name == "neuron")
            || self.filters.iter().any(|filter| filter.column == "neuron")
            || self.pool.iter().any(|column| column == "neuron");
        let means = |row: &Placed<'_>| row.1.neuron.is_none();
        if speaks || rows.iter().any(means) {
            rows.retain(|row| means(row) != speaks);
        }
        Ok(rows)
    }

    /// The rows that are asked for.
    pub(super) fn chosen<'a>(
        &self,
        table: &Table,
        records: &'a [Record],
    ) -> Result<Vec<&'a Record>, ChartError> {
        let mut rows = self.rows(table, records, &[])?;
        for filter in &self.filters {
            rows = filter.keep(table, self.metric, rows)?;
        }
        Ok(rows.into_iter().map(|(_, record)| record).collect())
    }

    /// Refuses rows that differ in more than their seed and the pooled columns.
    pub(super) fn refuse(&self, table: &Table, rows: &[&Record]) -> Result<(), ChartError> {
        let records: Vec<Record> = rows.iter().map(|record| **record).collect();
        let all = Point {
            at: Vec::new(),
            rows: (0..records.len()).collect(),
            draws: Vec::new(),
        };
        self.refuse_mixtures(table, &records, &[all])
    }

    /// Refuses points whose rows differ in more than their seed and the pooled columns.
    fn refuse_mixtures(
        &self,
        table: &Table,
        records: &[Record],
        points: &[Point],
    ) -> Result<(), ChartError> {
        let pooled = self.pool.iter().map(|name| Column::read(name, table));
        let pooled: Vec<Column> = pooled.collect::<Result<_, _>>()?;
        let differs = |name: &&str| {
            points.iter().any(|point| {
                let mut values = point
                    .rows
                    .iter()
                    .map(|row| table.number(&records[*row], name));
                let first = values.next().flatten();
                values.any(|value| value != first)
            })
        };
        let unpooled = table.identity().into_iter();
        let unpooled = unpooled.filter(|name| !pooled.iter().any(|column| column.name == *name));
        let differing = unpooled
            .filter(differs)
            .map(|name| Column::read(name, table));
        let differing: Vec<Column> = differing.collect::<Result<_, _>>()?;
        let Some(first) = differing.first() else {
            return Ok(());
        };
        let rows = || {
            points
                .iter()
                .flat_map(|point| &point.rows)
                .map(|row| &records[*row])
        };
        let listed =
            |column: &Column| format!("{} ({})", column.name, column.listed(table, rows()));
        let one = first.values(table, rows()).first().copied();
        Err(ChartError::Mixed {
            columns: differing.iter().map(listed).collect(),
            names: differing.iter().map(|column| column.name.clone()).collect(),
            value: one.map(|value| first.plain(value)).unwrap_or_default(),
        })
    }
}

/// The mean over the rows of each seed: rows of one run are no independent draws.
fn by_seed(records: &[Record], rows: &[usize]) -> Vec<f64> {
    let mut seeds: BTreeMap<u64, (f64, f64)> = BTreeMap::new();
    for row in rows {
        let record = &records[*row];
        let sum = seeds.entry(record.seed).or_default();
        *sum = (sum.0 + record.value, sum.1 + 1.0);
    }
    let sums = seeds.into_values();
    sums.map(|(sum, count)| sum / count).collect()
}
