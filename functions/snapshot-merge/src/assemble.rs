//! Rows put together from where they lie: long stretches of the base as they are, single rows from statements, patched
//! columns from patches. What comes out is cut into batches of one size, whatever it was made of, so that the same rows
//! give the same bytes.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, StringArray, make_array};
use arrow_data::transform::MutableArrayData;
use arrow_schema::SchemaRef;
use lake::LakeError;

use crate::fold::{At, Folded, Live, Statement};

/// Batches that are held by pending rows before these are put together early, so that a few rows do not hold many.
const SOURCES_MAX: usize = 24;

/// Rows that lie together.
#[derive(Clone, Debug)]
struct Stretch {
    /// Where the provenance lies.
    latest: At,
    /// Where the other columns lie; none when only patches tell of them.
    whole: Option<At>,
    rows: usize,
    /// Patches of a single row, in their order, with the columns that each carries.
    patches: Vec<(At, String)>,
}

/// A statement to remember: where it lies, what it does, what it carries.
type Kept = (At, &'static str, Option<String>);

/// Puts rows together.
pub(crate) struct Assembler {
    curated: SchemaRef,
    refined: SchemaRef,
    sources: Vec<RecordBatch>,
    stretches: VecDeque<Stretch>,
    rows: usize,
    kept: Vec<Kept>,
    /// Rows of a full batch.
    full: usize,
}

impl Assembler {
    pub(crate) fn new(curated: &SchemaRef, refined: &SchemaRef, full: usize) -> Self {
        Self {
            curated: Arc::clone(curated),
            refined: Arc::clone(refined),
            sources: Vec::new(),
            stretches: VecDeque::new(),
            rows: 0,
            kept: Vec::new(),
            full,
        }
    }

    /// Adds a batch that rows may lie in; its columns begin with the curated ones. Gives its place.
    pub(crate) fn source(&mut self, batch: RecordBatch) -> usize {
        self.sources.push(batch);
        self.sources.len() - 1
    }

    /// Rows of a source as they are.
    pub(crate) fn keep(&mut self, source: usize, from: usize, to: usize) {
        if from == to {
            return;
        }
        self.rows += to - from;
        if let Some(last) = self.stretches.back_mut()
            && last.patches.is_empty()
            && last.whole == Some(last.latest)
            && (last.latest.0, last.latest.1 + last.rows) == (source, from)
        {
            last.rows += to - from;
            return;
        }
        let at = (source, from);
        self.stretches.push_back(Stretch {
            latest: at,
            whole: Some(at),
            rows: to - from,
            patches: Vec::new(),
        });
    }

    /// What a fold gave.
    pub(crate) fn folded(&mut self, folded: Folded<'_>) {
        for Live {
            latest,
            whole,
            patches,
            ..
        } in folded.live
        {
            if whole == Some(latest) && patches.is_empty() {
                self.keep(latest.0, latest.1, latest.1 + 1);
                continue;
            }
            let patches = patches
                .into_iter()
                .map(|(at, carried)| (at, carried.to_owned()))
                .collect();
            self.rows += 1;
            self.stretches.push_back(Stretch {
                latest,
                whole,
                rows: 1,
                patches,
            });
        }
        self.remember(&folded.state);
    }

    /// Statements that a later day needs.
    pub(crate) fn remember(&mut self, statements: &[Statement<'_>]) {
        let kept =
            |kept: &Statement<'_>| (kept.at, kept.op.code(), kept.carried.map(str::to_owned));
        self.kept.extend(statements.iter().map(kept));
    }

    /// Rows that are not put together yet.
    pub(crate) fn pending(&self) -> usize {
        self.rows
    }

    /// A full batch of rows, when there are so many; with `all`, what is left of them.
    pub(crate) fn rows(&mut self, all: bool) -> Result<Option<RecordBatch>, LakeError> {
        let count = self.rows.min(self.full);
        if count == 0 || (count < self.full && !all) {
            return Ok(None);
        }
        self.take(count).map(Some)
    }

    /// A full batch of statements to remember, when there are so many; with `all`, what is left of them.
    pub(crate) fn state(&mut self, all: bool) -> Result<Option<RecordBatch>, LakeError> {
        let count = self.kept.len().min(self.full);
        if count == 0 || (count < self.full && !all) {
            return Ok(None);
        }
        let rest = self.kept.split_off(count);
        let taken = std::mem::replace(&mut self.kept, rest);
        self.kept_rows(&taken).map(Some)
    }

    /// Lets go of the batches that nothing lies in any more.
    pub(crate) fn release(&mut self) -> Result<(), LakeError> {
        if self.rows == 0 && self.kept.is_empty() {
            self.sources.clear();
        }
        if self.sources.len() <= SOURCES_MAX {
            return Ok(());
        }
        let rows = (self.rows > 0).then(|| self.take(self.rows)).transpose()?;
        let kept = (!self.kept.is_empty())
            .then(|| self.kept_rows(&self.kept))
            .transpose()?;
        self.sources.clear();
        if let Some(kept) = kept {
            let source = self.source(kept);
            for (row, (at, ..)) in self.kept.iter_mut().enumerate() {
                *at = (source, row);
            }
        }
        if let Some(rows) = rows {
            let count = rows.num_rows();
            let source = self.source(rows);
            self.keep(source, 0, count);
        }
        Ok(())
    }

    /// The next `count` rows, put together.
    fn take(&mut self, count: usize) -> Result<RecordBatch, LakeError> {
        let mut taken = Vec::new();
        let mut left = count;
        while left > 0 {
            let Some(mut stretch) = self.stretches.pop_front() else {
                break;
            };
            if stretch.rows > left {
                let behind = |at: At| (at.0, at.1 + left);
                let (latest, whole) = (behind(stretch.latest), stretch.whole.map(behind));
                let rest = Stretch {
                    latest,
                    whole,
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
                .map(|stretch| (stretch.place(column, name), stretch.rows));
            self.gather(column, count, places)
        });
        let columns = columns.collect::<Result<_, _>>()?;
        Ok(RecordBatch::try_new(Arc::clone(&self.curated), columns)?)
    }

    fn kept_rows(&self, kept: &[Kept]) -> Result<RecordBatch, LakeError> {
        let places = || kept.iter().map(|(at, ..)| (Some(*at), 1));
        let columns = (0..self.curated.fields().len())
            .map(|column| self.gather(column, kept.len(), places()));
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
    fn gather(
        &self,
        column: usize,
        count: usize,
        places: impl Iterator<Item = (Option<At>, usize)> + Clone,
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

impl Stretch {
    /// Where a column's values lie: the provenance is the latest statement's, a patched column the last patch's.
    fn place(&self, column: usize, name: &str) -> Option<At> {
        if column < pole::PROVENANCE.len() {
            return Some(self.latest);
        }
        let carries = |carried: &str| carried.split(',').any(|carried| carried == name);
        let patch = self
            .patches
            .iter()
            .rev()
            .find(|(_, carried)| carries(carried));
        patch.map(|(at, _)| *at).or(self.whole)
    }
}
