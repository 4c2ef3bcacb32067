//! A k-way merge of sorted changes by owner: those that the base's merge stored, and those of
//! today's runs. It holds a bounded number of rows at a time.

use arrow_array::{Array, RecordBatch};
use arrow_select::concat::concat_batches;
use host::Failure;

use crate::batch_columns::{owner_ids, split_before_owner};
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

/// All sources, stored changes first.
pub(crate) struct ChangeMerge {
    cursors: Vec<ChangeCursor>,
}

impl ChangeCursor {
    async fn open(origin: ChangeOrigin, batches: SortedBatches) -> Result<Self, Failure> {
        let mut cursor = Self {
            origin,
            batches,
            current: None,
            next: None,
        };
        cursor.advance().await?;
        cursor.advance().await?;
        Ok(cursor)
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
        let mut cursors = Vec::with_capacity(sources.len());
        for (origin, batches) in sources {
            cursors.push(ChangeCursor::open(origin, batches).await?);
        }
        Ok(Self { cursors })
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
