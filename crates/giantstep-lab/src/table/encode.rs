//! Tables as Parquet files that are written while their rows come.

use std::io::Write;

use arrow_schema::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use super::arrow::{BATCH, Columns};
use super::{Record, Table, TableError};

/// Rows kept together in the file.
pub(super) const ROW_GROUP: usize = 1 << 20;

/// A Parquet file under way (Snappy, dictionaries, statistics): equal tables give equal bytes, however their rows come.
#[derive(Debug)]
pub struct Writer<W: Write + Send> {
    parquet: ArrowWriter<W>,
    schema: SchemaRef,
    /// The points.
    table: Table,
    /// Rows that do not make a batch yet.
    waiting: Vec<Record>,
}

impl<W: Write + Send> Writer<W> {
    /// Of a table with these points, of which rows do not matter.
    ///
    /// # Errors
    /// The sink cannot be written to.
    pub fn new(points: &Table, sink: W) -> Result<Self, TableError> {
        let table = points.with(Vec::new());
        let properties = WriterProperties::builder()
            .set_created_by(concat!("giantstep ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_compression(Compression::SNAPPY)
            .set_column_dictionary_enabled("value".into(), false)
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_max_row_group_row_count(Some(ROW_GROUP));
        let options = ArrowWriterOptions::new()
            .with_properties(properties.build())
            .with_skip_arrow_metadata(true);
        let schema = table.schema();
        let parquet = ArrowWriter::try_new_with_options(sink, schema.clone(), options)?;
        Ok(Self {
            parquet,
            schema,
            table,
            waiting: Vec::new(),
        })
    }

    /// Adds rows.
    ///
    /// # Errors
    /// A row without a point in a table of a plan, or the sink cannot be written to.
    pub fn add(&mut self, rows: impl IntoIterator<Item = Record>) -> Result<(), TableError> {
        for row in rows {
            self.waiting.push(row);
            if self.waiting.len() == BATCH {
                self.write()?;
            }
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), TableError> {
        let batch = Columns::of(&self.table).batch(&self.schema, &self.waiting);
        self.parquet.write(&batch.map_err(ParquetError::from)?)?;
        self.waiting.clear();
        Ok(())
    }

    /// Ends the file and returns where it went.
    ///
    /// # Errors
    /// As of [`Writer::add`].
    pub fn finish(mut self) -> Result<W, TableError> {
        if !self.waiting.is_empty() {
            self.write()?;
        }
        Ok(self.parquet.into_inner()?)
    }
}

/// The bytes of the Parquet file of a table.
///
/// # Errors
/// A row without a point in a table of a plan.
pub fn encode(table: &Table) -> Result<Vec<u8>, TableError> {
    let mut writer = Writer::new(table, Vec::new())?;
    writer.add(table.records.iter().copied())?;
    writer.finish()
}
