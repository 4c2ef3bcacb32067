//! The files that a shard's merge writes: rows in groups, each measured as it is written, and the
//! changes that later days need.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use bytes::Bytes;
use contract::{Column, Rule, TableContract};
use host::Failure;
use lake::{LakeError, ParquetFooter, RowGroup, RowGroupWriter, file, schema};
use quality::TableState;

use crate::sizes::MergeSizes;
use crate::temp_file::{TempFileWriter, WrittenTempFile, write_in_groups};

/// The files of a shard while they are written.
pub(crate) struct ShardWriter<'m> {
    rules: &'m [Rule],
    columns: &'m [Column],
    refined: SchemaRef,
    sizes: MergeSizes,
    rows: RowGroupWriter<TempFileWriter>,
    /// Rows at which the open group ends by itself.
    group_row_limit: usize,
    measured: TableState,
    groups: Vec<TableState>,
    state: Option<RowGroupWriter<TempFileWriter>>,
    /// Groups that were copied.
    pub(crate) copied: u64,
}

/// The files of a shard.
pub(crate) struct WrittenShard {
    pub(crate) rows: WrittenTempFile,
    pub(crate) state: Option<WrittenTempFile>,
    /// What was measured of each group.
    pub(crate) groups: Vec<TableState>,
}

impl<'m> ShardWriter<'m> {
    /// Begins the files of a shard of a table, whose rows are measured by these rules.
    pub(crate) fn new(
        table: &'m TableContract,
        rules: &'m [Rule],
        sizes: MergeSizes,
    ) -> Result<Self, Failure> {
        let file = TempFileWriter::new()?;
        let sizes = sizes.of_table(table);
        let stored = schema::stored_schema(table);
        let columns = table.measured_columns();
        Ok(Self {
            rules,
            columns,
            refined: schema::refined_schema(table),
            rows: RowGroupWriter::new(file, &stored, file::stored_properties(table))?,
            group_row_limit: sizes.group_rows,
            sizes,
            measured: TableState::new(rules, columns),
            groups: Vec::new(),
            state: None,
            copied: 0,
        })
    }

    /// Whether a file's groups can be copied into this one.
    pub(crate) fn can_copy_from(&self, footer: &ParquetFooter) -> bool {
        footer.is_copyable(self.rows.schema_descriptor())
    }

    /// Rows of the open group that are written.
    pub(crate) fn open_rows(&self) -> usize {
        self.rows.open_row_count()
    }

    /// Whether an open group of `open` rows is too small for a group of its own, and `rows` more
    /// can be joined to it.
    pub(crate) fn should_join_group(&self, open: usize, rows: usize) -> bool {
        (1..self.sizes.min_group_rows()).contains(&open)
            && open + rows <= self.sizes.max_group_rows()
    }

    /// Sets where the open group ends by itself, when `rows` rows of the base are to come into it:
    /// a group that would be too large is cut in two halves.
    pub(crate) fn set_group_row_limit(&mut self, rows: usize) {
        let limit = self.sizes.max_group_rows();
        self.group_row_limit = if rows > limit {
            rows.div_ceil(2).next_multiple_of(self.sizes.batch_rows)
        } else {
            limit
        };
    }

    /// Measures and writes rows.
    pub(crate) fn write_batch(&mut self, batch: &RecordBatch) -> Result<(), LakeError> {
        self.measured.add_batch(self.rules, batch);
        self.rows.write_batch(batch)?;
        if self.rows.open_row_count() >= self.group_row_limit {
            self.close_group()?;
        }
        Ok(())
    }

    /// Ends the open group, when it has rows.
    pub(crate) fn close_group(&mut self) -> Result<(), LakeError> {
        if self.rows.close_group()?.is_some() {
            let next = TableState::new(self.rules, self.columns);
            let measured = std::mem::replace(&mut self.measured, next);
            self.groups.push(measured);
        }
        Ok(())
    }

    /// Copies a group of the base, with what was measured of it.
    pub(crate) fn copy_group(
        &mut self,
        footer: &ParquetFooter,
        group: &RowGroup,
        bytes: Bytes,
        measured: TableState,
    ) -> Result<(), LakeError> {
        self.close_group()?;
        self.rows.copy_group(footer, group, bytes)?;
        self.groups.push(measured);
        self.copied += 1;
        Ok(())
    }

    /// Writes changes that later days need. The file is begun with the first of them.
    pub(crate) fn write_state(&mut self, changes: &RecordBatch) -> Result<(), Failure> {
        let mut writer = match self.state.take() {
            Some(writer) => writer,
            None => {
                let file = TempFileWriter::new()?;
                RowGroupWriter::new(file, &self.refined, file::sorted_properties())?
            }
        };
        write_in_groups(&mut writer, changes, self.sizes.run_group())?;
        self.state = Some(writer);
        Ok(())
    }

    /// The written files.
    pub(crate) fn finish(mut self) -> Result<WrittenShard, Failure> {
        self.close_group()?;
        let state = match self.state.take() {
            Some(writer) => Some(TempFileWriter::finish_sorted(writer)?),
            None => None,
        };
        let rows = TempFileWriter::finish_sorted(self.rows)?;
        Ok(WrittenShard {
            rows,
            state,
            groups: self.groups,
        })
    }
}
