//! A k-way merge of sorted changes by owner: those that the base's merge stored, those of today's
//! runs, and the statements of the records that today's runs change. It holds a bounded number of
//! rows at a time.

use std::collections::VecDeque;

use arrow_array::{Array, RecordBatch};
use arrow_select::concat::concat_batches;
use host::Failure;

use crate::batch_columns::{count_owners_before, owner_ids, split_before_owner, split_rows};
use crate::resolve::ChangeOrigin;
use crate::sorted_batches::SortedBatches;

/// Every change of the owners before the bound.
pub(crate) struct BatchWindow {
    /// Batches of changes, each sorted.
    pub(crate) parts: Vec<WindowPart>,
    /// The first owner behind the window; none when no changes follow.
    pub(crate) bound: Option<String>,
}

/// The changes of one source.
pub(crate) struct WindowPart {
    /// The changes.
    pub(crate) batch: RecordBatch,
    /// Where they come from.
    pub(crate) origin: ChangeOrigin,
    /// The index of the source among all sources.
    pub(crate) source: usize,
}

/// A sorted source: the batch that is being read, and the one behind it.
struct ChangeCursor {
    origin: ChangeOrigin,
    batches: SortedBatches,
    current: Option<RecordBatch>,
    next: Option<RecordBatch>,
}

/// All sources: stored changes first, today's increments last.
pub(crate) struct ChangeMerge {
    cursors: Vec<ChangeCursor>,
}

impl ChangeCursor {
    /// A cursor that holds no batch yet.
    fn new(origin: ChangeOrigin, batches: SortedBatches) -> Self {
        Self {
            origin,
            batches,
            current: None,
            next: None,
        }
    }

    /// Reads the first two batches.
    async fn open(&mut self) -> Result<(), Failure> {
        self.advance().await?;
        self.advance().await
    }

    /// Leaves out what lies before the next owner that is wanted; without one, everything.
    async fn skip_to(&mut self, owner: Option<&str>) -> Result<(), Failure> {
        let Some(owner) = owner else {
            *self = Self::new(self.origin, SortedBatches::InMemory(VecDeque::new()));
            return Ok(());
        };
        self.batches.skip_groups_before(owner);
        while self.last_owner().is_some_and(|last| last < owner) {
            self.advance().await?;
        }
        Ok(())
    }

    async fn advance(&mut self) -> Result<(), Failure> {
        self.current = self.next.take();
        self.next = self.batches.next().await?;
        Ok(())
    }

    fn first_owner(&self) -> Option<&str> {
        let owners = owner_ids(self.current.as_ref()?).ok()?;
        Some(owners.value(0))
    }

    /// The last owner of the current batch, when another batch follows: that owner's changes may go
    /// on there.
    fn last_open_owner(&self) -> Option<&str> {
        self.next.as_ref()?;
        self.last_owner()
    }

    /// The last owner of the current batch.
    fn last_owner(&self) -> Option<&str> {
        let owners = owner_ids(self.current.as_ref()?).ok()?;
        owners.len().checked_sub(1).map(|last| owners.value(last))
    }

    /// Removes and returns the rows before the bound.
    async fn take_rows_before(
        &mut self,
        bound: Option<&str>,
    ) -> Result<Option<RecordBatch>, Failure> {
        let Some(batch) = self.current.take() else {
            return Ok(None);
        };
        let (taken, rest) = match bound {
            Some(bound) => split_before_owner(&batch, bound)?,
            None => (batch.clone(), batch.slice(0, 0)),
        };
        if rest.num_rows() > 0 {
            self.current = Some(rest);
        } else {
            self.advance().await?;
        }
        Ok((taken.num_rows() > 0).then_some(taken))
    }

    /// Joins the next batch to the current one: an owner has more changes than a batch holds.
    async fn join_next_batch(&mut self) -> Result<(), Failure> {
        let (Some(current), Some(next)) = (self.current.take(), self.next.take()) else {
            return Ok(());
        };
        self.current = Some(concat_batches(&current.schema(), [&current, &next])?);
        self.next = self.batches.next().await?;
        Ok(())
    }
}

impl ChangeMerge {
    pub(crate) async fn new(sources: Vec<(ChangeOrigin, SortedBatches)>) -> Result<Self, Failure> {
        let cursors = sources
            .into_iter()
            .map(|(origin, batches)| ChangeCursor::new(origin, batches));
        let mut merge = Self {
            cursors: cursors.collect(),
        };
        for cursor in &mut merge.cursors {
            if cursor.origin != ChangeOrigin::Record {
                cursor.open().await?;
            }
        }

        // Of records only those of the owners are read that the increments change.
        let first = merge.next_new_owner().map(str::to_owned);
        for cursor in merge.record_cursors() {
            cursor.skip_to(first.as_deref()).await?;
            cursor.open().await?;
        }
        Ok(merge)
    }

    fn record_cursors(&mut self) -> impl Iterator<Item = &mut ChangeCursor> {
        let cursors = self.cursors.iter_mut();
        cursors.filter(|cursor| cursor.origin == ChangeOrigin::Record)
    }

    /// Leaves out the records before the next owner that today's increments change.
    async fn skip_unchanged_records(&mut self) -> Result<(), Failure> {
        if self.record_cursors().next().is_none() {
            return Ok(());
        }
        let owner = self.next_new_owner().map(str::to_owned);
        for cursor in self.record_cursors() {
            cursor.skip_to(owner.as_deref()).await?;
        }
        Ok(())
    }

    /// The next owner that today's increments change.
    pub(crate) fn next_new_owner(&self) -> Option<&str> {
        self.cursors
            .iter()
            .filter(|cursor| cursor.origin == ChangeOrigin::Increment)
            .filter_map(ChangeCursor::first_owner)
            .min()
    }

    /// The next changes of owners before `limit`. When the window's bound is the limit, no more
    /// changes come before it.
    pub(crate) async fn next_window(
        &mut self,
        limit: Option<&str>,
    ) -> Result<BatchWindow, Failure> {
        loop {
            self.skip_unchanged_records().await?;
            let open_owners = self
                .cursors
                .iter()
                .filter_map(ChangeCursor::last_open_owner);
            let bound = open_owners.chain(limit).min().map(str::to_owned);
            let parts = self.take_parts_before(bound.as_deref()).await?;
            if !parts.is_empty() || bound.as_deref() == limit {
                return Ok(BatchWindow { parts, bound });
            }
            self.join_batches_of(bound.as_deref()).await?;
        }
    }

    /// The next window, and the base's rows of its owners, which are taken from `rest`: rows of
    /// owners before `limit`.
    pub(crate) async fn next_window_of(
        &mut self,
        rest: &mut RecordBatch,
        limit: Option<&str>,
    ) -> Result<(RecordBatch, BatchWindow), Failure> {
        let window = self.next_window(limit).await?;
        let count = match window.bound.as_deref() {
            Some(bound) if Some(bound) != limit => count_owners_before(owner_ids(rest)?, bound),
            _ => rest.num_rows(),
        };
        let (rows, others) = split_rows(rest, count);
        *rest = others;
        Ok((rows, window))
    }

    async fn take_parts_before(&mut self, bound: Option<&str>) -> Result<Vec<WindowPart>, Failure> {
        let mut parts = Vec::new();
        for (source, cursor) in self.cursors.iter_mut().enumerate() {
            if let Some(batch) = cursor.take_rows_before(bound).await? {
                parts.push(WindowPart {
                    batch,
                    origin: cursor.origin,
                    source,
                });
            }
        }
        Ok(parts)
    }

    /// Reads on where one owner fills a full batch of the source that gave the bound.
    async fn join_batches_of(&mut self, owner: Option<&str>) -> Result<(), Failure> {
        for cursor in &mut self.cursors {
            let open_owner = cursor.last_open_owner();
            if open_owner.is_some() && open_owner == owner {
                cursor.join_next_batch().await?;
            }
        }
        Ok(())
    }
}
