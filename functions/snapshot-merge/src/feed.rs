//! Statements in the order of owners, from what the base's merge remembered and from today's runs, a bounded number at a time.

use arrow_array::{Array, RecordBatch};
use arrow_select::concat::concat_batches;
use host::Failure;
use lake::LakeError;

use crate::fold::Origin;
use crate::sorted::{Batches, before, owners};

/// Statements of whole owners: all that there are before the bound.
pub(crate) struct Frame {
    /// Batches of statements, each sorted.
    pub(crate) parts: Vec<FramePart>,
    /// The first owner behind; none when nothing is left.
    pub(crate) bound: Option<String>,
}

/// Statements of one source.
pub(crate) struct FramePart {
    /// The statements.
    pub(crate) batch: RecordBatch,
    /// Where they come from.
    pub(crate) origin: Origin,
    /// The source, by its place among all.
    pub(crate) source: usize,
}

/// A sorted source: the batch that is looked at, and the one behind it.
struct Cursor {
    origin: Origin,
    batches: Batches,
    now: Option<RecordBatch>,
    then: Option<RecordBatch>,
}

/// All sources, remembered statements first.
pub(crate) struct Feed {
    cursors: Vec<Cursor>,
}

impl Cursor {
    async fn step(&mut self) -> Result<(), Failure> {
        self.now = self.then.take();
        self.then = self.batches.next().await?;
        Ok(())
    }

    fn first(&self) -> Option<&str> {
        self.now
            .as_ref()
            .and_then(|batch| owners(batch).ok())
            .map(|owners| owners.value(0))
    }

    /// The last owner that is known, when more may follow: it can go on in the next batch.
    fn open_end(&self) -> Option<&str> {
        self.then.as_ref()?;
        let owners = self.now.as_ref().and_then(|batch| owners(batch).ok())?;
        owners.len().checked_sub(1).map(|last| owners.value(last))
    }

    /// Takes the rows before the bound.
    async fn take(&mut self, bound: Option<&str>) -> Result<Option<RecordBatch>, Failure> {
        let Some(batch) = &self.now else {
            return Ok(None);
        };
        let owners = owners(batch).map_err(|error| Failure::corrupt(&error))?;
        let count = bound.map_or(batch.num_rows(), |bound| before(owners, bound));
        let (taken, rest) = (
            batch.slice(0, count),
            batch.slice(count, batch.num_rows() - count),
        );
        if rest.num_rows() > 0 {
            self.now = Some(rest);
        } else {
            self.step().await?;
        }
        Ok((count > 0).then_some(taken))
    }

    /// Joins the next batch to this one: an owner has more statements than a batch holds.
    async fn extend(&mut self) -> Result<(), Failure> {
        let (Some(now), Some(then)) = (self.now.take(), self.then.take()) else {
            return Ok(());
        };
        let joined = concat_batches(&now.schema(), [&now, &then]).map_err(LakeError::from);
        self.now = Some(joined.map_err(|error| Failure::corrupt(&error))?);
        self.then = self.batches.next().await?;
        Ok(())
    }
}

impl Feed {
    pub(crate) async fn new(sources: Vec<(Origin, Batches)>) -> Result<Self, Failure> {
        let mut cursors = Vec::with_capacity(sources.len());
        for (origin, batches) in sources {
            let mut cursor = Cursor {
                origin,
                batches,
                now: None,
                then: None,
            };
            cursor.step().await?;
            cursor.step().await?;
            cursors.push(cursor);
        }
        Ok(Self { cursors })
    }

    /// The next owner of whom today says something.
    pub(crate) fn next_new(&self) -> Option<&str> {
        self.cursors
            .iter()
            .filter(|cursor| cursor.origin == Origin::New)
            .filter_map(Cursor::first)
            .min()
    }

    /// The next statements of owners before `limit`. When the frame's bound is the limit, there are no more before it.
    pub(crate) async fn frame(&mut self, limit: Option<&str>) -> Result<Frame, Failure> {
        loop {
            let ends = self.cursors.iter().filter_map(Cursor::open_end);
            let bound = ends.chain(limit).min().map(str::to_owned);
            let mut parts = Vec::new();
            for (source, cursor) in self.cursors.iter_mut().enumerate() {
                let taken = cursor.take(bound.as_deref()).await?;
                parts.extend(taken.map(|batch| FramePart {
                    batch,
                    origin: cursor.origin,
                    source,
                }));
            }
            if !parts.is_empty() || bound.as_deref() == limit {
                return Ok(Frame { parts, bound });
            }
            // One owner fills a whole batch of the source that gave the bound.
            for cursor in &mut self.cursors {
                if cursor.open_end().is_some() && cursor.open_end() == bound.as_deref() {
                    cursor.extend().await?;
                }
            }
        }
    }
}
