//! What a shard's merge writes: rows in groups, each measured as it is written, and the statements to remember.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use bytes::Bytes;
use contract::{Column, Rule};
use host::Failure;
use lake::{Footer, Group, GroupWriter, LakeError, file};
use quality::TableState;

use crate::sizes::Sizes;
use crate::spool::{Spool, Spooled};

/// The files of a shard while they are written.
pub(crate) struct Output<'m> {
    rules: &'m [Rule],
    columns: &'m [Column],
    refined: SchemaRef,
    sizes: Sizes,
    rows: GroupWriter<Spool>,
    /// Rows at which the open group ends by itself.
    most: usize,
    measured: TableState,
    groups: Vec<TableState>,
    state: Option<GroupWriter<Spool>>,
    /// Groups that were copied.
    pub(crate) copied: u64,
}

/// The files of a shard.
pub(crate) struct Written {
    pub(crate) rows: Spooled,
    pub(crate) state: Option<Spooled>,
    /// What was measured of each group.
    pub(crate) groups: Vec<TableState>,
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err asks for"
)]
pub(crate) fn corrupt(error: LakeError) -> Failure {
    Failure::corrupt(&error)
}

impl<'m> Output<'m> {
    pub(crate) fn new(
        curated: &SchemaRef,
        refined: &SchemaRef,
        (rules, columns): (&'m [Rule], &'m [Column]),
        sizes: Sizes,
    ) -> Result<Self, Failure> {
        Ok(Self {
            rules,
            columns,
            refined: Arc::clone(refined),
            rows: GroupWriter::new(Spool::new()?, curated, file::curated()).map_err(corrupt)?,
            most: sizes.group_rows,
            sizes,
            measured: TableState::new(rules, columns),
            groups: Vec::new(),
            state: None,
            copied: 0,
        })
    }

    /// Whether a file's groups can be copied into this one.
    pub(crate) fn takes(&self, footer: &Footer) -> bool {
        footer.is_copyable(self.rows.columns())
    }

    /// Rows of the open group that are written.
    pub(crate) fn open_rows(&self) -> usize {
        self.rows.open_rows()
    }

    /// Whether an open group of so many rows is too small to stand alone, and a group of `rows` can be joined to it.
    pub(crate) fn joins(&self, open: usize, rows: usize) -> bool {
        (1..self.sizes.group_rows_least()).contains(&open)
            && open + rows <= self.sizes.group_rows_most()
    }

    /// Sets where the open group ends by itself, when it is to hold so many rows of the base.
    pub(crate) fn make_room(&mut self, rows: usize) {
        let (half, most) = (
            rows.div_ceil(2).next_multiple_of(self.sizes.batch_rows),
            self.sizes.group_rows_most(),
        );
        self.most = if rows > most { half } else { most };
    }

    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), LakeError> {
        self.measured.update(self.rules, batch);
        self.rows.write(batch)?;
        if self.rows.open_rows() >= self.most {
            self.close_group()?;
        }
        Ok(())
    }

    pub(crate) fn close_group(&mut self) -> Result<(), LakeError> {
        if self.rows.close_group()?.is_some() {
            let next = TableState::new(self.rules, self.columns);
            self.groups
                .push(std::mem::replace(&mut self.measured, next));
        }
        Ok(())
    }

    /// Copies a group of the base, with what is known of it.
    pub(crate) fn copy(
        &mut self,
        footer: &Footer,
        group: &Group,
        bytes: Bytes,
        known: TableState,
    ) -> Result<(), LakeError> {
        self.close_group()?;
        self.rows.copy(footer, group, bytes)?;
        self.groups.push(known);
        self.copied += 1;
        Ok(())
    }

    pub(crate) fn remember(&mut self, statements: &RecordBatch) -> Result<(), Failure> {
        let mut writer = match self.state.take() {
            Some(writer) => writer,
            None => {
                GroupWriter::new(Spool::new()?, &self.refined, file::sorted()).map_err(corrupt)?
            }
        };
        writer.write(statements).map_err(corrupt)?;
        if writer.open_rows() >= self.sizes.run_group_rows {
            writer.close_group().map_err(corrupt)?;
        }
        self.state = Some(writer);
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Result<Written, Failure> {
        self.close_group().map_err(corrupt)?;
        let state = match self.state.take() {
            Some(writer) => Some(writer.finish().map_err(corrupt)?.finish()?),
            None => None,
        };
        let rows = self.rows.finish().map_err(corrupt)?.finish()?;
        Ok(Written {
            rows,
            state,
            groups: self.groups,
        })
    }
}
