//! One column of a figure: a column of the table, or a formula in its columns.

use giantstep::expr::Formula;

use super::{ChartError, typeset};
use crate::table::{Record, SIZES, Table};
use crate::words;

/// Half a count, less what keeps neighbouring counts apart.
const ALMOST_HALF: f64 = 0.499;

/// A column of the table, or a formula in its columns such as `n/d^2`.
#[derive(Debug, Clone)]
pub struct Column {
    /// As typed.
    pub name: String,
    /// As set in a figure.
    pub label: String,
    source: Source,
    /// What stands before a value that is text: `η = ` before a quantity, nothing before a link.
    before: String,
}

#[derive(Debug, Clone)]
enum Source {
    Named,
    Texts(Vec<(f64, String)>),
    /// The columns of the table in the order of the formula's variables.
    Formula(Formula, Vec<String>),
}

impl Column {
    /// Understands a name or a formula. In a formula, a swept key may be called by its last part if no other column
    /// has that name: `noise` for `target.noise`.
    ///
    /// # Errors
    /// [`ChartError::Unknown`] with what exists, or [`ChartError::Formula`] with the place.
    pub fn read(text: &str, table: &Table) -> Result<Self, ChartError> {
        let text = text.trim();
        let columns = table.columns();
        let aliases = SIZES.into_iter().zip(["n", "d", "p"]);
        let plain = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
        let alias = aliases.into_iter().find(|(key, _)| *key == text);
        let source = if columns.contains(&text) {
            table.texts(text).map_or(Source::Named, Source::Texts)
        } else if let Some((_, size)) = alias {
            return Self::read(size, table);
        } else if let Some(key) = by_last_part(text, &columns) {
            return Self::read(key, table);
        } else if text.is_empty() || text.chars().all(plain) {
            return Err(ChartError::Unknown {
                kind: "column",
                name: text.to_owned(),
                known: columns.into_iter().map(str::to_owned).collect(),
            });
        } else {
            formula(text, table, &columns)?
        };
        let label = match &source {
            Source::Formula(..) => typeset::formula(text),
            _ => typeset::name(text),
        };
        let before = match (&source, table.number_of(text)) {
            (Source::Texts(_), Some(_)) => format!("{label} = "),
            _ => String::new(),
        };
        Ok(Self {
            name: text.to_owned(),
            label,
            source,
            before,
        })
    }

    /// The value of a row; the position of a text; none where the column does not apply or is not finite.
    pub fn value(&self, table: &Table, record: &Record) -> Option<f64> {
        let value = match &self.source {
            Source::Named | Source::Texts(_) => table.number(record, &self.name),
            Source::Formula(formula, columns) => {
                let value = |column: &String| table.number(record, column).unwrap_or(f64::NAN);
                Some(formula.eval(&columns.iter().map(value).collect::<Vec<_>>()))
            }
        };
        value.filter(|value| value.is_finite())
    }

    /// Between which values a row's value lies if n and p were rounded to whole numbers: a formula of exact n and p
    /// has one value.
    pub(super) fn rounding(&self, table: &Table, record: &Record) -> Option<(f64, f64)> {
        let exact = |column: &str| table.number(record, column).unwrap_or(f64::NAN);
        let shifted = |dn: f64, dp: f64| {
            let value = |column: &str| match column {
                "n" => exact("n") + dn,
                "p" => exact("p") + dp,
                "exponent" => (exact("n") + dn).ln() / exact("d").ln(),
                other => exact(other),
            };
            match &self.source {
                Source::Formula(formula, columns) => {
                    let values: Vec<f64> = columns.iter().map(|column| value(column)).collect();
                    formula.eval(&values)
                }
                Source::Named if self.name == "exponent" => value("exponent"),
                Source::Named | Source::Texts(_) => exact(&self.name),
            }
        };
        let corners = [(-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0)]
            .map(|(n, p)| shifted(n * ALMOST_HALF, p * ALMOST_HALF));
        let low = corners.iter().copied().fold(f64::INFINITY, f64::min);
        let high = corners.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        corners
            .iter()
            .all(|corner| corner.is_finite())
            .then_some((low, high))
    }

    /// As [`Column::read`], for an axis.
    ///
    /// # Errors
    /// As [`Column::read`]; or the column holds text ([`ChartError::Text`]).
    pub fn on_axis(text: &str, table: &Table) -> Result<Self, ChartError> {
        let column = Self::read(text, table)?;
        let Source::Texts(texts) = &column.source else {
            return Ok(column);
        };
        let shown: Vec<&str> = texts
            .iter()
            .take(3)
            .map(|(_, text)| text.as_str())
            .collect();
        Err(ChartError::Text {
            values: shown.join(", "),
            number: table.number_of(&column.name),
            column: column.name,
        })
    }

    /// Whether the values are counted: whole numbers close together.
    pub(super) fn is_counted(&self) -> bool {
        [
            "step",
            "direction",
            "rank",
            "neuron",
            "seed",
            "point",
            "run",
        ]
        .contains(&self.name.as_str())
    }

    /// Whether the values are texts, which have no order.
    pub(super) fn is_text(&self) -> bool {
        matches!(self.source, Source::Texts(_))
    }

    /// A value as it is typed and written to files.
    pub(super) fn plain(&self, value: f64) -> String {
        match &self.source {
            Source::Texts(texts) => texts
                .iter()
                .find(|(number, _)| *number == value)
                .map_or_else(|| value.to_string(), |(_, text)| text.clone()),
            _ => value.to_string(),
        }
    }

    /// A value as it is set in a legend or above a panel.
    pub(super) fn entry(&self, value: f64) -> String {
        match (&self.source, self.name.as_str()) {
            (Source::Texts(_), "group") => match value as u8 {
                1 => "𝑎ᵢ > 0".to_owned(),
                2 => "𝑎ᵢ < 0".to_owned(),
                _ => self.plain(value),
            },
            (Source::Texts(_), _) => self.before.clone() + &typeset::value(&self.plain(value)),
            (_, "step") if value == 0.0 => "random features".to_owned(),
            (_, "step") if value == 1.0 => "1 step".to_owned(),
            (_, "step") => format!("{value} steps"),
            (_, "direction" | "rank" | "neuron" | "seed") => format!("{} {value}", self.label),
            _ => format!("{} = {}", self.label, spaced(value)),
        }
    }

    /// The number that a value typed on the command line stands for.
    pub(super) fn number(&self, typed: &str) -> Option<f64> {
        match &self.source {
            Source::Texts(texts) => texts
                .iter()
                .find(|(_, text)| text == typed)
                .map(|(number, _)| *number)
                .or_else(|| {
                    let position: f64 = typed.parse().ok()?;
                    let mut known = texts.iter().map(|(number, _)| *number);
                    known.find(|number| *number == position)
                }),
            _ => typed.parse().ok(),
        }
    }

    /// The distinct values of some rows, increasing.
    pub fn values<'a>(&self, table: &Table, rows: impl Iterator<Item = &'a Record>) -> Vec<f64> {
        let mut values: Vec<f64> = rows.filter_map(|row| self.value(table, row)).collect();
        values.sort_unstable_by(f64::total_cmp);
        values.dedup();
        values
    }

    /// A value as tables show it: numbers with four digits.
    pub(super) fn shown(&self, value: f64) -> String {
        if self.is_text() {
            self.plain(value)
        } else {
            words::number(value)
        }
    }

    /// The distinct values of some rows for a message: the first ones if they are many.
    pub fn listed<'a>(&self, table: &Table, rows: impl Iterator<Item = &'a Record>) -> String {
        let mut shown: Vec<String> = self
            .values(table, rows)
            .into_iter()
            .map(|value| self.shown(value))
            .collect();
        shown.dedup();
        match shown.as_slice() {
            [] => "no value".to_owned(),
            [first @ .., last] if first.len() > 12 => {
                format!(
                    "{}, ... {last} ({} values)",
                    first[..8].join(", "),
                    shown.len()
                )
            }
            all => all.join(", "),
        }
    }
}

/// Numbers of a legend: thousands apart.
fn spaced(value: f64) -> String {
    if value.fract() == 0.0 && (1e4..1e15).contains(&value) {
        words::count(value as u64)
    } else {
        words::number(value)
    }
}

/// The one swept key that ends like this.
fn by_last_part<'a>(text: &str, columns: &[&'a str]) -> Option<&'a str> {
    let mut found = columns.iter().filter(|column| {
        column
            .rsplit_once('.')
            .is_some_and(|(_, last)| last == text)
    });
    match (found.next(), found.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}

fn formula(text: &str, table: &Table, columns: &[&str]) -> Result<Source, ChartError> {
    // Names of the language have no dots: `protocol.step_size` is called `protocol_step_size` inside.
    let mut inside = text.to_owned();
    let mut names: Vec<(String, String)> = Vec::new();
    for column in columns
        .iter()
        .filter(|column| table.texts(column).is_none())
    {
        let name = column.replace('.', "_");
        inside = inside.replace(column, &name);
        names.push((name, (*column).to_owned()));
    }
    for column in columns {
        if let Some((_, last)) = column.rsplit_once('.')
            && by_last_part(last, columns) == Some(column)
            && !columns.contains(&last)
            && table.texts(column).is_none()
        {
            names.push((last.to_owned(), (*column).to_owned()));
        }
    }
    let variables: Vec<&str> = names.iter().map(|(name, _)| name.as_str()).collect();
    let formula = Formula::parse(&inside, &variables).map_err(|error| ChartError::Formula {
        message: error.to_string(),
    })?;
    let columns = names.into_iter().map(|(_, column)| column).collect();
    Ok(Source::Formula(formula, columns))
}
