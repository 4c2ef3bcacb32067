//! One shard: the base's row groups stream past today's statements, and what is true comes out. A group of whose owners
//! nobody says anything is copied undecoded.
//!
//! Memory: of the base, the group that is worked on and the one fetched ahead; of every other source two batches of 8,192
//! rows and a group ahead; of the output, the encoded columns of one group. It grows with none of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::{Array, RecordBatch};
use arrow_schema::SchemaRef;
use arrow_select::concat::concat_batches;
use contract::{Column, Rule};
use host::Failure;
use lake::{LakeError, Owners};
use quality::TableState;
use store::ObjectStore;

use crate::assemble::Assembler;
use crate::feed::{Feed, Frame, FramePart};
use crate::fold::{Origin, Statement, fold};
use crate::increments::{Statements, conform};
use crate::output::{Output, Written, corrupt};
use crate::sizes::Sizes;
use crate::sorted::{Batches, Fetcher, Part, SortedFile, before, owners, parts, within};

/// A file of the base, with what was measured of each of its groups; none when that is not known under today's rules.
pub(crate) struct BaseFile {
    pub(crate) file: Arc<SortedFile>,
    pub(crate) measured: Option<Vec<TableState>>,
}

/// What goes into a shard.
pub(crate) struct ShardInput<'m> {
    pub(crate) curated: SchemaRef,
    pub(crate) refined: SchemaRef,
    pub(crate) columns: &'m [Column],
    pub(crate) rules: &'m [Rule],
    pub(crate) owners: Owners,
    pub(crate) sizes: Sizes,
    /// The base's files that can hold the shard's owners, in their order.
    pub(crate) base: Vec<BaseFile>,
    /// Remembered statements, then today's runs.
    pub(crate) statements: Vec<(Origin, Batches)>,
}

/// What comes out of a shard.
pub(crate) struct ShardOutput {
    pub(crate) written: Written,
    pub(crate) counts: Counts,
    /// Row groups of the base that were copied.
    pub(crate) copied: u64,
}

/// What became of rows.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) inserted: u64,
    pub(crate) updated: u64,
    pub(crate) deleted: u64,
}

impl Counts {
    /// Whether readers see anything new.
    pub(crate) fn any(self) -> bool {
        self.inserted + self.updated + self.deleted > 0
    }
}

/// A row group of the base, and what was measured of it.
struct BaseGroup {
    part: Part,
    measured: Option<TableState>,
}

struct Merge<'m> {
    curated: SchemaRef,
    owners: Owners,
    groups: Vec<BaseGroup>,
    fetcher: Fetcher,
    feed: Feed,
    assembler: Assembler,
    output: Output<'m>,
    /// Rows of the base's last owner so far, who may go on in the next group.
    held: RecordBatch,
    counts: Counts,
}

/// Merges one shard.
///
/// # Errors
/// When the storage fails, or a file is damaged or does not fit the contract.
pub(crate) async fn merge(
    input: ShardInput<'_>,
    store: &Arc<dyn ObjectStore>,
) -> Result<ShardOutput, Failure> {
    let groups = base_groups(&input);
    let wanted = groups.iter().map(|group| group.part.clone()).collect();
    let mut merge = Merge {
        output: Output::new(
            &input.curated,
            &input.refined,
            (input.rules, input.columns),
            input.sizes,
        )?,
        assembler: Assembler::new(&input.curated, &input.refined, input.sizes.batch_rows),
        held: RecordBatch::new_empty(Arc::clone(&input.curated)),
        feed: Feed::new(input.statements).await?,
        fetcher: Fetcher::new(Arc::clone(store), wanted),
        curated: input.curated,
        owners: input.owners,
        groups,
        counts: Counts::default(),
    };
    for place in 0..merge.groups.len() {
        let Some(((file, group), bytes)) = merge.fetcher.next().await? else {
            break;
        };
        if merge.must_decode(place) {
            let reader = file
                .footer
                .decode(&group, bytes)
                .map_err(|error| file.corrupt(&error))?;
            merge.begin_group(group.rows)?;
            for batch in reader {
                let batch = batch
                    .map_err(LakeError::from)
                    .and_then(|batch| merge.mine(&batch));
                merge
                    .decoded(batch.map_err(|error| file.corrupt(&error))?)
                    .await?;
            }
            if !merge.must_decode(place + 1) {
                merge.let_go(place).await?;
            }
        } else {
            merge.copy(place, bytes).await?;
        }
    }
    let held = merge.take_held();
    merge.advance(held, None).await?;
    merge.finish()
}

fn base_groups(input: &ShardInput<'_>) -> Vec<BaseGroup> {
    let of = |base: &BaseFile| -> Vec<BaseGroup> {
        let parts = parts(std::slice::from_ref(&base.file), &input.owners).into_iter();
        let measured = |index: usize| {
            base.measured
                .as_ref()
                .and_then(|known| known.get(index))
                .cloned()
        };
        parts
            .map(|part| BaseGroup {
                measured: measured(part.1.index),
                part,
            })
            .collect()
    };
    input.base.iter().flat_map(of).collect()
}

impl Merge<'_> {
    /// Where the statements that concern a group end: where the next one begins.
    fn limit(&self, place: usize) -> Option<String> {
        self.groups
            .get(place + 1)
            .map(|group| group.part.1.least.clone())
    }

    /// Whether a group has to be decoded: today says something of it, its file is of another kind, part of it belongs to
    /// another shard, or it is to be joined to a small one.
    fn must_decode(&self, place: usize) -> bool {
        let Some(BaseGroup {
            part: (file, group),
            measured,
        }) = self.groups.get(place)
        else {
            return false;
        };
        let limit = self
            .groups
            .get(place + 1)
            .map(|next| next.part.1.least.as_str());
        let touched = self.feed.next_new().is_some_and(|owner| {
            owner <= group.greatest.as_str() || limit.is_none_or(|limit| owner < limit)
        });
        let open = self.output.open_rows() + self.assembler.pending();
        touched
            || measured.is_none()
            || !self.owners.holds(&group.least, &group.greatest)
            || !self.output.takes(&file.footer)
            || self.output.joins(open, group.rows)
    }

    /// Ends the open group, unless it is to be joined to the one that comes.
    fn begin_group(&mut self, rows: usize) -> Result<(), Failure> {
        let mut open = self.output.open_rows() + self.assembler.pending();
        if open > 0 && !self.output.joins(open, rows) {
            self.close_group()?;
            open = 0;
        }
        self.output.make_room(open + rows);
        Ok(())
    }

    /// The rows of a base's batch that are this shard's, in today's columns.
    fn mine(&self, batch: &RecordBatch) -> Result<RecordBatch, LakeError> {
        within(&conform(batch, &self.curated)?, &self.owners)
    }

    fn take_held(&mut self) -> RecordBatch {
        let empty = self.held.slice(0, 0);
        std::mem::replace(&mut self.held, empty)
    }

    /// Takes in a batch of the base. The rows of its last owner are held back: they may go on in the next one.
    async fn decoded(&mut self, batch: RecordBatch) -> Result<(), Failure> {
        let held = self.take_held();
        let batch = match held.num_rows() {
            0 => batch,
            _ => concat_batches(&self.curated, [&held, &batch])
                .map_err(|error| corrupt(error.into()))?,
        };
        let Some(last) = batch.num_rows().checked_sub(1) else {
            return Ok(());
        };
        let (cut, owner) = {
            let owners = owners(&batch).map_err(corrupt)?;
            (
                before(owners, owners.value(last)),
                owners.value(last).to_owned(),
            )
        };
        self.held = batch.slice(cut, batch.num_rows() - cut);
        self.advance(batch.slice(0, cut), Some(&owner)).await
    }

    /// Lets go of what is held, for the next group is not decoded: today says nothing of an owner who goes on there.
    async fn let_go(&mut self, place: usize) -> Result<(), Failure> {
        let (held, limit) = (self.take_held(), self.limit(place));
        self.advance(held, limit.as_deref()).await
    }

    /// Copies a group, and passes on what is remembered of its owners.
    async fn copy(&mut self, place: usize, bytes: bytes::Bytes) -> Result<(), Failure> {
        let (empty, limit) = (self.take_held(), self.limit(place));
        self.advance(empty, limit.as_deref()).await?;
        self.close_group()?;
        let BaseGroup {
            part: (file, group),
            measured,
        } = &self.groups[place];
        let Some(known) = measured.clone() else {
            return Ok(());
        };
        self.output
            .copy(&file.footer, group, bytes, known)
            .map_err(|error| file.corrupt(&error))
    }

    /// Merges rows of whole owners with every statement about owners before `limit`.
    async fn advance(&mut self, base: RecordBatch, limit: Option<&str>) -> Result<(), Failure> {
        let mut rest = base;
        loop {
            let frame = self.feed.frame(limit).await?;
            let last = frame.bound.as_deref() == limit;
            let cut = match frame.bound.as_deref() {
                Some(bound) if !last => before(owners(&rest).map_err(corrupt)?, bound),
                _ => rest.num_rows(),
            };
            self.apply(&rest.slice(0, cut), &frame).map_err(corrupt)?;
            self.put(false)?;
            rest = rest.slice(cut, rest.num_rows() - cut);
            if last {
                return Ok(());
            }
        }
    }

    /// Merges rows with a frame's statements.
    fn apply(&mut self, base: &RecordBatch, frame: &Frame) -> Result<(), LakeError> {
        if base.num_rows() == 0 && frame.parts.is_empty() {
            return Ok(());
        }
        let source = self.assembler.source(base.clone());
        let view = Statements::of(base)?;
        let mut views = Vec::with_capacity(frame.parts.len());
        for FramePart { batch, origin, .. } in &frame.parts {
            views.push((
                self.assembler.source(batch.clone()),
                Statements::of(batch)?,
                batch.num_rows(),
                *origin,
            ));
        }
        let mut statements: Vec<(&str, Statement<'_>)> = Vec::new();
        for (place, view, rows, origin) in &views {
            let of = |row| (view.owner(row), view.statement(*place, row, *origin));
            statements.extend((0..*rows).map(of));
        }
        // Each part is sorted; what stands in one order there stays in it.
        statements.sort_by(|a, b| a.0.cmp(b.0));
        let (owners, mut row) = (owners(base)?, 0);
        for mine in statements.chunk_by(|a, b| a.0 == b.0) {
            let owner = mine[0].0;
            let begins = row + before(&owners.slice(row, owners.len() - row), owner);
            let ends = (begins..owners.len())
                .find(|row| owners.value(*row) != owner)
                .unwrap_or(owners.len());
            self.assembler.keep(source, row, begins);
            let known = (begins..ends).map(|row| view.statement(source, row, Origin::Base));
            self.owner(known.collect(), mine);
            row = ends;
        }
        self.assembler.keep(source, row, owners.len());
        Ok(())
    }

    /// Folds one owner's statements with the rows that the base has of it.
    fn owner<'s>(&mut self, base: Vec<Statement<'s>>, mine: &[(&'s str, Statement<'s>)]) {
        let statements = mine.iter().map(|(_, statement)| *statement);
        if mine
            .iter()
            .all(|(_, statement)| statement.origin != Origin::New)
        {
            // Nothing new: the rows are what they were, and so is what is remembered.
            if let (Some(first), Some(last)) = (base.first(), base.last()) {
                self.assembler.keep(first.at.0, first.at.1, last.at.1 + 1);
            }
            self.assembler.remember(&statements.collect::<Vec<_>>());
            return;
        }
        let before = base.len() as u64;
        let known: BTreeSet<(&str, &str)> =
            base.iter().map(|row| (row.pole_id, row.source)).collect();
        let folded = fold(base.into_iter().chain(statements).collect());
        let of_base = folded.live.iter().filter(|live| known.contains(&live.key));
        let kept = of_base.clone().count() as u64;
        self.counts.updated += of_base.filter(|live| live.changed).count() as u64;
        self.counts.inserted += folded.live.len() as u64 - kept;
        self.counts.deleted += before - kept;
        self.assembler.folded(folded);
    }

    /// Writes what is put together: full batches, and with `all` the rest of the rows.
    fn put(&mut self, all: bool) -> Result<(), Failure> {
        while let Some(batch) = self.assembler.rows(all).map_err(corrupt)? {
            self.output.write(&batch).map_err(corrupt)?;
        }
        while let Some(batch) = self.assembler.state(false).map_err(corrupt)? {
            self.output.remember(&batch)?;
        }
        self.assembler.release().map_err(corrupt)
    }

    fn close_group(&mut self) -> Result<(), Failure> {
        self.put(true)?;
        self.output.close_group().map_err(corrupt)
    }

    fn finish(mut self) -> Result<ShardOutput, Failure> {
        self.close_group()?;
        while let Some(batch) = self.assembler.state(true).map_err(corrupt)? {
            self.output.remember(&batch)?;
        }
        let copied = self.output.copied;
        Ok(ShardOutput {
            written: self.output.finish()?,
            counts: self.counts,
            copied,
        })
    }
}
