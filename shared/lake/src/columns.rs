//! Rows to columns: the builder that the transform fills.

use std::sync::Arc;

use arrow_array::builder::{
    BooleanBuilder, Date32Builder, Decimal128Builder, Float64Builder, Int64Builder, StringBuilder,
    TimestampMicrosecondBuilder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::SchemaRef;
use contract::{Cell, ColumnType, TableContract};

use crate::{LakeError, schema};

/// One column under construction.
enum ColumnBuilder {
    Text(StringBuilder),
    Integer(Int64Builder),
    Float(Float64Builder),
    Boolean(BooleanBuilder),
    Date(Date32Builder),
    Timestamp(TimestampMicrosecondBuilder),
    Decimal(Decimal128Builder, u8, i8),
}

impl ColumnBuilder {
    fn new(kind: ColumnType) -> Self {
        match kind {
            ColumnType::Text => Self::Text(StringBuilder::new()),
            ColumnType::Integer => Self::Integer(Int64Builder::new()),
            ColumnType::Float => Self::Float(Float64Builder::new()),
            ColumnType::Boolean => Self::Boolean(BooleanBuilder::new()),
            ColumnType::Date => Self::Date(Date32Builder::new()),
            ColumnType::Timestamp => Self::Timestamp(TimestampMicrosecondBuilder::new()),
            ColumnType::Decimal(digits, scale) => {
                Self::Decimal(Decimal128Builder::new(), digits, scale)
            }
        }
    }

    /// A cell of another type than the column's becomes null: the compiled mapping has converted
    /// every value before.
    fn append_cell(&mut self, cell: &Cell<'_>) {
        match (self, cell) {
            (Self::Text(builder), Cell::Text(text)) => builder.append_value(text),
            (Self::Integer(builder), Cell::Integer(number)) => builder.append_value(*number),
            (Self::Float(builder), Cell::Float(number)) => builder.append_value(*number),
            (Self::Boolean(builder), Cell::Boolean(value)) => builder.append_value(*value),
            (Self::Date(builder), Cell::Date(days)) => builder.append_value(*days),
            (Self::Timestamp(builder), Cell::Timestamp(micros)) => builder.append_value(*micros),
            (Self::Decimal(builder, ..), Cell::Decimal(number)) => builder.append_value(*number),
            (column, _) => column.append_null(),
        }
    }

    fn append_null(&mut self) {
        match self {
            Self::Text(builder) => builder.append_null(),
            Self::Integer(builder) => builder.append_null(),
            Self::Float(builder) => builder.append_null(),
            Self::Boolean(builder) => builder.append_null(),
            Self::Date(builder) => builder.append_null(),
            Self::Timestamp(builder) => builder.append_null(),
            Self::Decimal(builder, ..) => builder.append_null(),
        }
    }

    fn finish_array(&mut self) -> Result<ArrayRef, LakeError> {
        Ok(match self {
            Self::Text(builder) => Arc::new(builder.finish()),
            Self::Integer(builder) => Arc::new(builder.finish()),
            Self::Float(builder) => Arc::new(builder.finish()),
            Self::Boolean(builder) => Arc::new(builder.finish()),
            Self::Date(builder) => Arc::new(builder.finish()),
            Self::Timestamp(builder) => Arc::new(builder.finish().with_timezone("UTC")),
            Self::Decimal(builder, digits, scale) => {
                Arc::new(builder.finish().with_precision_and_scale(*digits, *scale)?)
            }
        })
    }
}

/// Collects the rows of one table into a batch of its refined schema.
pub struct TableBuilder {
    schema: SchemaRef,
    columns: Vec<ColumnBuilder>,
    ops: StringBuilder,
    changed_columns: StringBuilder,
    statements: StringBuilder,
    rows: usize,
}

impl TableBuilder {
    /// An empty builder for the table.
    #[must_use]
    pub fn new(table: &TableContract) -> Self {
        Self {
            schema: schema::refined_schema(table),
            columns: table
                .columns
                .iter()
                .map(|column| ColumnBuilder::new(column.kind))
                .collect(),
            ops: StringBuilder::new(),
            changed_columns: StringBuilder::new(),
            statements: StringBuilder::new(),
            rows: 0,
        }
    }

    /// Adds a row: one cell for every column of the table, in their order. A patch names the
    /// columns that it changes, joined by commas.
    pub fn append_row<'c>(
        &mut self,
        cells: impl Iterator<Item = &'c Cell<'c>>,
        op: pole::RowOperation,
        changed_columns: Option<&str>,
    ) {
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            column.append_cell(cell);
        }
        self.ops.append_value(op.code());
        self.changed_columns.append_option(changed_columns);
        self.statements.append_null();
        self.rows += 1;
    }

    /// Adds a statement about a record: the provenance, and what the event states; a deletion
    /// states nothing.
    pub fn append_statement(
        &mut self,
        provenance: &[Cell<'_>],
        op: pole::RowOperation,
        statement: Option<&str>,
    ) {
        let mut cells = provenance.iter();
        for column in &mut self.columns {
            match cells.next() {
                Some(cell) => column.append_cell(cell),
                None => column.append_null(),
            }
        }
        self.ops.append_value(op.code());
        self.changed_columns.append_null();
        self.statements.append_option(statement);
        self.rows += 1;
    }

    /// How many rows it holds.
    #[must_use]
    pub fn row_count(&self) -> usize {
        self.rows
    }

    /// The rows as a batch.
    ///
    /// # Errors
    /// When a column has another length than the others, which would be a mistake in the compiled
    /// mapping.
    pub fn finish_batch(mut self) -> Result<RecordBatch, LakeError> {
        let mut columns = self
            .columns
            .iter_mut()
            .map(ColumnBuilder::finish_array)
            .collect::<Result<Vec<_>, _>>()?;

        columns.push(Arc::new(self.ops.finish()));
        columns.push(Arc::new(self.changed_columns.finish()));
        columns.push(Arc::new(self.statements.finish()));
        Ok(RecordBatch::try_new(self.schema, columns)?)
    }
}
