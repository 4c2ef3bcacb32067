//! Statements in the order of owners, from what the base's merge remembered and from today's runs, a bounded number at a time.

use arrow_array::{Array, RecordBatch};
use arrow_select::concat::concat_batches;
use host::Failure;
use lake::LakeError;

use crate::resolve::ChangeOrigin;
use crate::sorted_file::{SortedBatches, count_owners_before, owner_ids};

/// Statements of whole owners: all that there are before the bound.
pub(crate) struct BatchWindow {
    /// Batches of statements, each sorted.
    pub(crate) parts: Vec<WindowPart>,
    /// The first owner behind; none when nothing is left.
    pub(crate) bound: Option<String>,
}

/// Statements of one source.
pub(crate) struct WindowPart {
    /// The statements.
    pub(crate) batch: RecordBatch,
    /// Where they come from.
    pub(crate) origin: ChangeOrigin,
    /// The source, by its place among all.
    pub(crate) source: usize,
}

/// A sorted source: the batch that is looked at, and the one behind it.
struct ChangeCursor {
    origin: ChangeOrigin,
    batches: SortedBatches,
    current: Option<RecordBatch>,
    next: Option<RecordBatch>,
}

/// All sources, remembered statements first.
pub(crate) struct ChangeMerge {
    cursors: Vec<ChangeCursor>,
}

impl ChangeCursor {
    async fn advance(&mut self) -> Result<(), Failure> {
        self.current = self.next.take();
        self.next = self.batches.next().await?;
        Ok(())
    }

    fn first_owner(&self) -> Option<&str> {
        self.current
            .as_ref()
            .and_then(|batch| owner_ids(batch).ok())
            .map(|owners| owners.value(0))
    }

    /// The last owner that is known, when more may follow: it can go on in the next batch.
    fn last_open_owner(&self) -> Option<&str> {
        self.next.as_ref()?;
        let owners = self
            .current
            .as_ref()
            .and_then(|batch| owner_ids(batch).ok())?;
        owners.len().checked_sub(1).map(|last| owners.value(last))
    }

    /// Takes the rows before the bound.
    async fn take_rows_before(
        &mut self,
        bound: Option<&str>,
    ) -> Result<Option<RecordBatch>, Failure> {
        let Some(batch) = &self.current else {
            return Ok(None);
        };
        let owners = owner_ids(batch).map_err(|error| Failure::corrupt(&error))?;
        let count = bound.map_or(batch.num_rows(), |bound| count_owners_before(owners, bound));
        let (taken, rest) = (
            batch.slice(0, count),
            batch.slice(count, batch.num_rows() - count),
        );
        if rest.num_rows() > 0 {
            self.current = Some(rest);
        } else {
            self.advance().await?;
        }
        Ok((count > 0).then_some(taken))
    }

    /// Joins the next batch to this one: an owner has more statements than a batch holds.
    async fn join_next_batch(&mut self) -> Result<(), Failure> {
        let (Some(now), Some(then)) = (self.current.take(), self.next.take()) else {
            return Ok(());
        };
        let joined = concat_batches(&now.schema(), [&now, &then]).map_err(LakeError::from);
        self.current = Some(joined.map_err(|error| Failure::corrupt(&error))?);
        self.next = self.batches.next().await?;
        Ok(())
    }
}

impl ChangeMerge {
    pub(crate) async fn new(sources: Vec<(ChangeOrigin, SortedBatches)>) -> Result<Self, Failure> {
        let mut cursors = Vec::with_capacity(sources.len());
        for (origin, batches) in sources {
            let mut cursor = ChangeCursor {
                origin,
                batches,
                current: None,
                next: None,
            };
            cursor.advance().await?;
            cursor.advance().await?;
            cursors.push(cursor);
        }
        Ok(Self { cursors })
    }

    /// The next owner of whom today says something.
    pub(crate) fn next_new_owner(&self) -> Option<&str> {
        self.cursors
            .iter()
            .filter(|cursor| cursor.origin == ChangeOrigin::Increment)
            .filter_map(ChangeCursor::first_owner)
            .min()
    }

    /// The next statements of owners before `limit`. When the frame's bound is the limit, there are no more before it.
    pub(crate) async fn next_window(
        &mut self,
        limit: Option<&str>,
    ) -> Result<BatchWindow, Failure> {
        loop {
            let ends = self
                .cursors
                .iter()
                .filter_map(ChangeCursor::last_open_owner);
            let bound = ends.chain(limit).min().map(str::to_owned);
            let mut parts = Vec::new();
            for (source, cursor) in self.cursors.iter_mut().enumerate() {
                let taken = cursor.take_rows_before(bound.as_deref()).await?;
                parts.extend(taken.map(|batch| WindowPart {
                    batch,
                    origin: cursor.origin,
                    source,
                }));
            }
            if !parts.is_empty() || bound.as_deref() == limit {
                return Ok(BatchWindow { parts, bound });
            }
            // One owner fills a whole batch of the source that gave the bound.
            for cursor in &mut self.cursors {
                if cursor.last_open_owner().is_some()
                    && cursor.last_open_owner() == bound.as_deref()
                {
                    cursor.join_next_batch().await?;
                }
            }
        }
    }
}
