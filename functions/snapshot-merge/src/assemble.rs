//! Rows put together from where they lie: long stretches of the base as they are, single rows from statements, patched
//! columns from patches. What comes out is cut into batches of one size, whatever it was made of, so that the same rows
//! give the same bytes.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, StringArray, make_array};
use arrow_data::transform::MutableArrayData;
use arrow_schema::SchemaRef;
use lake::LakeError;

use crate::resolve::{ChangeRecord, Resolved, ResolvedRow, RowRef};

/// Batches that are held by pending rows before these are put together early, so that a few rows do not hold many.
const SOURCES_MAX: usize = 24;

/// Rows that lie together.
#[derive(Clone, Debug)]
struct RowSpan {
    /// Where the provenance lies.
    latest: RowRef,
    /// Where the other columns lie; none when only patches tell of them.
    full_row: Option<RowRef>,
    rows: usize,
    /// Patches of a single row, in their order, with the columns that each carries.
    patches: Vec<(RowRef, String)>,
}

/// A statement to remember: where it lies, what it does, what it carries.
type RetainedChange = (RowRef, &'static str, Option<String>);

/// Puts rows together.
pub(crate) struct RowAssembler {
    curated: SchemaRef,
    refined: SchemaRef,
    sources: Vec<RecordBatch>,
    stretches: VecDeque<RowSpan>,
    rows: usize,
    retained: Vec<RetainedChange>,
    /// Rows of a full batch.
    batch_rows: usize,
}

impl RowAssembler {
    pub(crate) fn new(curated: &SchemaRef, refined: &SchemaRef, full: usize) -> Self {
        Self {
            curated: Arc::clone(curated),
            refined: Arc::clone(refined),
            sources: Vec::new(),
            stretches: VecDeque::new(),
            rows: 0,
            retained: Vec::new(),
            batch_rows: full,
        }
    }

    /// Adds a batch that rows may lie in; its columns begin with the curated ones. Gives its place.
    pub(crate) fn add_source(&mut self, batch: RecordBatch) -> usize {
        self.sources.push(batch);
        self.sources.len() - 1
    }

    /// Rows of a source as they are.
    pub(crate) fn append_rows(&mut self, source: usize, from: usize, to: usize) {
        if from == to {
            return;
        }
        self.rows += to - from;
        if let Some(last) = self.stretches.back_mut()
            && last.patches.is_empty()
            && last.full_row == Some(last.latest)
            && (last.latest.0, last.latest.1 + last.rows) == (source, from)
        {
            last.rows += to - from;
            return;
        }
        let at = (source, from);
        self.stretches.push_back(RowSpan {
            latest: at,
            full_row: Some(at),
            rows: to - from,
            patches: Vec::new(),
        });
    }

    /// What a fold gave.
    pub(crate) fn append_resolved(&mut self, folded: Resolved<'_>) {
        for ResolvedRow {
            latest,
            full_row: whole,
            patches,
            ..
        } in folded.rows
        {
            if whole == Some(latest) && patches.is_empty() {
                self.append_rows(latest.0, latest.1, latest.1 + 1);
                continue;
            }
            let patches = patches
                .into_iter()
                .map(|(at, carried)| (at, carried.to_owned()))
                .collect();
            self.rows += 1;
            self.stretches.push_back(RowSpan {
                latest,
                full_row: whole,
                rows: 1,
                patches,
            });
        }
        self.retain_changes(&folded.state);
    }

    /// Statements that a later day needs.
    pub(crate) fn retain_changes(&mut self, statements: &[ChangeRecord<'_>]) {
        let kept = |kept: &ChangeRecord<'_>| {
            (
                kept.row_ref,
                kept.op.code(),
                kept.changed_columns.map(str::to_owned),
            )
        };
        self.retained.extend(statements.iter().map(kept));
    }

    /// Rows that are not put together yet.
    pub(crate) fn pending_rows(&self) -> usize {
        self.rows
    }

    /// A full batch of rows, when there are so many; with `all`, what is left of them.
    pub(crate) fn next_rows_batch(&mut self, all: bool) -> Result<Option<RecordBatch>, LakeError> {
        let count = self.rows.min(self.batch_rows);
        if count == 0 || (count < self.batch_rows && !all) {
            return Ok(None);
        }
        self.assemble_rows(count).map(Some)
    }

    /// A full batch of statements to remember, when there are so many; with `all`, what is left of them.
    pub(crate) fn next_state_batch(&mut self, all: bool) -> Result<Option<RecordBatch>, LakeError> {
        let count = self.retained.len().min(self.batch_rows);
        if count == 0 || (count < self.batch_rows && !all) {
            return Ok(None);
        }
        let rest = self.retained.split_off(count);
        let taken = std::mem::replace(&mut self.retained, rest);
        self.build_state_batch(&taken).map(Some)
    }

    /// Lets go of the batches that nothing lies in any more.
    pub(crate) fn release_sources(&mut self) -> Result<(), LakeError> {
        if self.rows == 0 && self.retained.is_empty() {
            self.sources.clear();
        }
        if self.sources.len() <= SOURCES_MAX {
            return Ok(());
        }
        let rows = (self.rows > 0)
            .then(|| self.assemble_rows(self.rows))
            .transpose()?;
        let kept = (!self.retained.is_empty())
            .then(|| self.build_state_batch(&self.retained))
            .transpose()?;
        self.sources.clear();
        if let Some(kept) = kept {
            let source = self.add_source(kept);
            for (row, (at, ..)) in self.retained.iter_mut().enumerate() {
                *at = (source, row);
            }
        }
        if let Some(rows) = rows {
            let count = rows.num_rows();
            let source = self.add_source(rows);
            self.append_rows(source, 0, count);
        }
        Ok(())
    }

    /// The next `count` rows, put together.
    fn assemble_rows(&mut self, count: usize) -> Result<RecordBatch, LakeError> {
        let mut taken = Vec::new();
        let mut left = count;
        while left > 0 {
            let Some(mut stretch) = self.stretches.pop_front() else {
                break;
            };
            if stretch.rows > left {
                let behind = |at: RowRef| (at.0, at.1 + left);
                let (latest, whole) = (behind(stretch.latest), stretch.full_row.map(behind));
                let rest = RowSpan {
                    latest,
                    full_row: whole,
                    rows: stretch.rows - left,
                    patches: Vec::new(),
                };
                self.stretches.push_front(rest);
                stretch.rows = left;
            }
            left -= stretch.rows;
            taken.push(stretch);
        }
        self.rows -= count;
        let columns = (0..self.curated.fields().len()).map(|column| {
            let name = self.curated.field(column).name();
            let places = taken
                .iter()
                .map(|stretch| (stretch.column_source(column, name), stretch.rows));
            self.gather_column(column, count, places)
        });
        let columns = columns.collect::<Result<_, _>>()?;
        Ok(RecordBatch::try_new(Arc::clone(&self.curated), columns)?)
    }

    fn build_state_batch(&self, kept: &[RetainedChange]) -> Result<RecordBatch, LakeError> {
        let places = || kept.iter().map(|(at, ..)| (Some(*at), 1));
        let columns = (0..self.curated.fields().len())
            .map(|column| self.gather_column(column, kept.len(), places()));
        let mut columns = columns.collect::<Result<Vec<ArrayRef>, _>>()?;
        columns.push(Arc::new(StringArray::from_iter_values(
            kept.iter().map(|(_, op, _)| op),
        )));
        columns.push(Arc::new(
            kept.iter()
                .map(|(.., carried)| carried.as_deref())
                .collect::<StringArray>(),
        ));
        Ok(RecordBatch::try_new(Arc::clone(&self.refined), columns)?)
    }

    /// A column's values from wherever they lie.
    fn gather_column(
        &self,
        column: usize,
        count: usize,
        places: impl Iterator<Item = (Option<RowRef>, usize)> + Clone,
    ) -> Result<ArrayRef, LakeError> {
        let arrays: Vec<_> = self
            .sources
            .iter()
            .map(|source| source.column(column).to_data())
            .collect();
        let open = places.clone().any(|(at, _)| at.is_none());
        let mut values = MutableArrayData::new(arrays.iter().collect(), open, count);
        for (at, rows) in places {
            match at {
                Some((source, row)) => values.try_extend(source, row, row + rows)?,
                None => values.try_extend_nulls(rows)?,
            }
        }
        Ok(make_array(values.freeze()))
    }
}

impl RowSpan {
    /// Where a column's values lie: the provenance is the latest statement's, a patched column the last patch's.
    fn column_source(&self, column: usize, name: &str) -> Option<RowRef> {
        if column < pole::PROVENANCE.len() {
            return Some(self.latest);
        }
        let carries = |carried: &str| carried.split(',').any(|carried| carried == name);
        let patch = self
            .patches
            .iter()
            .rev()
            .find(|(_, carried)| carries(carried));
        patch.map(|(at, _)| *at).or(self.full_row)
    }
}
