//! Rows assembled from the batches that hold them: long spans of the base as they are, single rows
//! of changes, patched columns of patches. The result is cut into batches of one size, whatever it
//! was made of, so that the same rows give the same bytes.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray, make_array};
use arrow_data::transform::MutableArrayData;
use arrow_schema::SchemaRef;
use lake::{LakeError, schema};
use pole::RowOperation;

use crate::resolve::{ChangeRecord, Resolved, ResolvedRow, RowRef};

/// Source batches that pending rows may hold. With more of them the rows are assembled early, so
/// that a few rows do not hold many batches in memory.
const SOURCES_MAX: usize = 24;

/// Rows that follow each other in their sources.
#[derive(Clone, Debug)]
struct RowSpan {
    /// Where the provenance is.
    latest: RowRef,
    /// Where the other columns are; none when only patches state them.
    full_row: Option<RowRef>,
    rows: usize,
    /// Patches of a single row, in their order, each with the columns that it carries.
    patches: Vec<(RowRef, String)>,
}

/// A change that a later day needs.
struct RetainedChange {
    row_ref: RowRef,
    op: &'static str,
    changed_columns: Option<String>,
    statement: Option<String>,
}

/// Some rows of a source, or so many nulls.
type ValueSpan = (Option<RowRef>, usize);

/// Assembles rows.
pub(crate) struct RowAssembler {
    curated: SchemaRef,
    refined: SchemaRef,
    sources: Vec<RecordBatch>,
    /// What stands in the place of a source that is not there yet or no longer.
    empty: RecordBatch,
    spans: VecDeque<RowSpan>,
    rows: usize,
    retained: Vec<RetainedChange>,
    /// Rows of a full batch.
    batch_rows: usize,
}

impl RowAssembler {
    pub(crate) fn new(curated: &SchemaRef, refined: &SchemaRef, batch_rows: usize) -> Self {
        Self {
            curated: Arc::clone(curated),
            refined: Arc::clone(refined),
            sources: Vec::new(),
            empty: RecordBatch::new_empty(Arc::clone(refined)),
            spans: VecDeque::new(),
            rows: 0,
            retained: Vec::new(),
            batch_rows,
        }
    }

    /// Adds a batch that holds rows; its columns begin with the curated ones. Returns its index.
    pub(crate) fn add_source(&mut self, batch: RecordBatch) -> usize {
        self.sources.push(batch);
        self.sources.len() - 1
    }

    /// Appends rows of a source as they are.
    pub(crate) fn append_rows(&mut self, source: usize, from: usize, to: usize) {
        if from == to {
            return;
        }
        self.rows += to - from;
        let first = (source, from);
        if let Some(last) = self.spans.back_mut()
            && last.is_followed_by(first)
        {
            last.rows += to - from;
            return;
        }
        self.spans.push_back(RowSpan {
            latest: first,
            full_row: Some(first),
            rows: to - from,
            patches: Vec::new(),
        });
    }

    /// Appends the rows that changes were resolved to, and retains the changes that a later day
    /// needs.
    pub(crate) fn append_resolved(&mut self, resolved: Resolved<'_>) {
        for row in resolved.rows {
            self.append_resolved_row(row);
        }
        self.retain_changes(resolved.state);
    }

    /// Appends a row that changes were resolved to.
    pub(crate) fn append_resolved_row(&mut self, row: ResolvedRow<'_>) {
        let ResolvedRow {
            latest,
            full_row,
            patches,
            ..
        } = row;
        if full_row == Some(latest) && patches.is_empty() {
            self.append_rows(latest.0, latest.1, latest.1 + 1);
            return;
        }
        let patches = patches
            .into_iter()
            .map(|(row_ref, columns)| (row_ref, columns.to_owned()))
            .collect();
        self.rows += 1;
        self.spans.push_back(RowSpan {
            latest,
            full_row,
            rows: 1,
            patches,
        });
    }

    /// Retains changes that a later day needs.
    pub(crate) fn retain_changes<'s>(
        &mut self,
        changes: impl IntoIterator<Item = ChangeRecord<'s>>,
    ) {
        for change in changes {
            self.retained.push(RetainedChange {
                row_ref: change.row_ref,
                op: change.op.code(),
                changed_columns: change.changed_columns.map(str::to_owned),
                statement: None,
            });
        }
    }

    /// Retains what is remembered of a row that is no longer there.
    pub(crate) fn retain_deleted(&mut self, row_ref: RowRef, statement: String) {
        self.retained.push(RetainedChange {
            row_ref,
            op: RowOperation::Delete.code(),
            changed_columns: None,
            statement: Some(statement),
        });
    }

    /// Reserves the place of a batch that is added when its rows are known. Returns its index.
    pub(crate) fn reserve_source(&mut self) -> usize {
        self.add_source(self.empty.clone())
    }

    /// Fills a reserved place.
    pub(crate) fn fill_source(&mut self, source: usize, batch: RecordBatch) {
        if let Some(place) = self.sources.get_mut(source) {
            *place = batch;
        }
    }

    /// Rows that are not assembled yet.
    pub(crate) fn pending_rows(&self) -> usize {
        self.rows
    }

    /// A full batch of rows, when so many are pending; with `all`, a batch of the remaining ones
    /// too.
    pub(crate) fn next_rows_batch(&mut self, all: bool) -> Result<Option<RecordBatch>, LakeError> {
        let count = self.rows.min(self.batch_rows);
        if count == 0 || (count < self.batch_rows && !all) {
            return Ok(None);
        }
        self.assemble_rows(count).map(Some)
    }

    /// A full batch of retained changes, when there are so many; with `all`, a batch of the
    /// remaining ones too.
    pub(crate) fn next_state_batch(&mut self, all: bool) -> Result<Option<RecordBatch>, LakeError> {
        let count = self.retained.len().min(self.batch_rows);
        if count == 0 || (count < self.batch_rows && !all) {
            return Ok(None);
        }
        let rest = self.retained.split_off(count);
        let taken = std::mem::replace(&mut self.retained, rest);
        self.build_state_batch(&taken).map(Some)
    }

    /// Releases the batches that hold no pending row. When too many are held, the pending rows are
    /// assembled into batches of their own, which replace them.
    pub(crate) fn release_sources(&mut self) -> Result<(), LakeError> {
        if self.rows == 0 && self.retained.is_empty() {
            self.sources.clear();
        }
        self.empty_unused_sources();
        if self.sources.len() <= SOURCES_MAX {
            return Ok(());
        }

        let count = self.rows;
        let rows = self.assemble_rows(count)?;
        let state = self.build_state_batch(&self.retained)?;
        self.sources = vec![state, rows];

        for (row, change) in self.retained.iter_mut().enumerate() {
            change.row_ref = (0, row);
        }
        self.append_rows(1, 0, count);
        Ok(())
    }

    /// Puts empty batches in the places of those that hold no pending row: some rows are always
    /// pending, and would keep up to 24 batches of the base.
    fn empty_unused_sources(&mut self) {
        let mut used = vec![false; self.sources.len()];
        for (source, _) in self.spans.iter().flat_map(RowSpan::row_refs) {
            used[source] = true;
        }
        for change in &self.retained {
            used[change.row_ref.0] = true;
        }

        for (source, used) in self.sources.iter_mut().zip(used) {
            if !used && source.num_rows() > 0 {
                *source = self.empty.clone();
            }
        }
    }

    /// Assembles the next `count` rows.
    fn assemble_rows(&mut self, count: usize) -> Result<RecordBatch, LakeError> {
        let spans = self.take_spans(count);
        self.rows -= count;
        let mut columns = Vec::with_capacity(self.curated.fields().len());
        for (column, field) in self.curated.fields().iter().enumerate() {
            let values: Vec<ValueSpan> = spans
                .iter()
                .map(|span| (span.column_source(column, field.name()), span.rows))
                .collect();
            columns.push(self.gather_column(column, count, &values)?);
        }
        Ok(RecordBatch::try_new(Arc::clone(&self.curated), columns)?)
    }

    /// Removes and returns the spans of the next `count` rows; the last of them is cut when it has
    /// more rows.
    fn take_spans(&mut self, count: usize) -> Vec<RowSpan> {
        let mut taken = Vec::new();
        let mut missing = count;
        while missing > 0 {
            let Some(mut span) = self.spans.pop_front() else {
                break;
            };
            if span.rows > missing {
                self.spans.push_front(span.split_off(missing));
            }
            missing -= span.rows;
            taken.push(span);
        }
        taken
    }

    fn build_state_batch(&self, changes: &[RetainedChange]) -> Result<RecordBatch, LakeError> {
        let values: Vec<ValueSpan> = changes
            .iter()
            .map(|change| (Some(change.row_ref), 1))
            .collect();
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.refined.fields().len());
        for column in 0..self.refined.fields().len() - schema::CHANGE_COLUMNS {
            columns.push(self.gather_column(column, changes.len(), &values)?);
        }
        let ops = changes.iter().map(|change| change.op);
        columns.push(Arc::new(StringArray::from_iter_values(ops)));
        let changed_columns: StringArray = changes
            .iter()
            .map(|change| change.changed_columns.as_deref())
            .collect();
        columns.push(Arc::new(changed_columns));
        let statements: StringArray = changes
            .iter()
            .map(|change| change.statement.as_deref())
            .collect();
        columns.push(Arc::new(statements));
        Ok(RecordBatch::try_new(Arc::clone(&self.refined), columns)?)
    }

    /// A column's values from the sources that hold them.
    fn gather_column(
        &self,
        column: usize,
        count: usize,
        spans: &[ValueSpan],
    ) -> Result<ArrayRef, LakeError> {
        let arrays: Vec<_> = self
            .sources
            .iter()
            .map(|source| source.column(column).to_data())
            .collect();
        let has_nulls = spans.iter().any(|(row_ref, _)| row_ref.is_none());
        let mut values = MutableArrayData::new(arrays.iter().collect(), has_nulls, count);
        for (row_ref, rows) in spans {
            match row_ref {
                Some((source, row)) => values.try_extend(*source, *row, row + rows)?,
                None => values.try_extend_nulls(*rows)?,
            }
        }
        Ok(make_array(values.freeze()))
    }
}

impl RowSpan {
    /// Whether the row at `next` is the one behind this span, so that it can be added to it.
    fn is_followed_by(&self, next: RowRef) -> bool {
        let (source, row) = self.latest;
        self.patches.is_empty()
            && self.full_row == Some(self.latest)
            && (source, row + self.rows) == next
    }

    /// Every place that the span's rows are made from.
    fn row_refs(&self) -> impl Iterator<Item = RowRef> {
        let patches = self.patches.iter().map(|(row_ref, _)| *row_ref);
        patches.chain(self.full_row).chain([self.latest])
    }

    /// Cuts the span behind its first `rows` rows; returns the others. A span of more than one row
    /// has no patches.
    fn split_off(&mut self, rows: usize) -> Self {
        let (source, row) = self.latest;
        let rest = Self {
            latest: (source, row + rows),
            full_row: self.full_row.map(|(source, row)| (source, row + rows)),
            rows: self.rows - rows,
            patches: Vec::new(),
        };
        self.rows = rows;
        rest
    }

    /// Where a column's values are: the provenance is the latest change's, a patched column the
    /// last patch's.
    fn column_source(&self, column: usize, name: &str) -> Option<RowRef> {
        if column < pole::PROVENANCE.len() {
            return Some(self.latest);
        }
        self.patches
            .iter()
            .rev()
            .find(|(_, columns)| columns.split(',').any(|column| column == name))
            .map(|(row_ref, _)| *row_ref)
            .or(self.full_row)
    }
}

#[cfg(test)]
mod tests;
