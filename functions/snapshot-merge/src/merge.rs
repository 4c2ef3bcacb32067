//! One shard: the base's rows stream past today's statements, and what is true comes out.
//!
//! Memory: the day's increments and the shard's state, the base's file as it was fetched, one batch of 8,192 rows, and one row
//! group of the file being written. Rows that nobody says anything about are passed on in whole slices.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray, new_null_array};
use arrow_schema::SchemaRef;
use arrow_select::concat::concat_batches;
use arrow_select::interleave::interleave;
use bytes::Bytes;
use contract::{Column, Rule};
use lake::{LakeError, file, schema};
use parquet::arrow::ArrowWriter;
use quality::TableState;

use crate::fold::{At, Folded, Live, Origin, Statement, fold};
use crate::increments::{Statements, conform};

/// The place of a row of nothing among the sources: what a patch without a whole row leaves open.
const NOTHING: usize = 0;

/// The place of the base's current batch among the sources.
const BASE: usize = 1;

/// What goes into a shard.
pub(crate) struct ShardInput<'m> {
    pub(crate) curated: SchemaRef,
    pub(crate) refined: SchemaRef,
    pub(crate) columns: &'m [Column],
    pub(crate) rules: &'m [Rule],
    /// The base's rows.
    pub(crate) base: Option<Bytes>,
    /// What the base's merge remembered.
    pub(crate) state: Option<Bytes>,
    /// Today's statements of this shard.
    pub(crate) increments: Vec<RecordBatch>,
}

/// What comes out of a shard.
#[derive(Debug)]
pub(crate) struct ShardOutput {
    pub(crate) rows: Bytes,
    pub(crate) state: Option<Bytes>,
    pub(crate) quality: TableState,
    pub(crate) inserted: u64,
    pub(crate) updated: u64,
    pub(crate) deleted: u64,
}

impl ShardOutput {
    /// Whether readers see anything new.
    pub(crate) fn is_changed(&self) -> bool {
        self.inserted + self.updated + self.deleted > 0
    }
}

/// Merges one shard.
///
/// # Errors
/// When a file is damaged or does not fit the contract.
pub(crate) fn merge(mut input: ShardInput<'_>) -> Result<ShardOutput, LakeError> {
    let state = match &input.state {
        Some(bytes) => file::read(bytes.clone())?
            .map(|batch| conform(&batch?, &input.refined))
            .collect::<Result<Vec<_>, _>>()?,
        None => Vec::new(),
    };
    let remembered = state.len();
    let pending: Vec<RecordBatch> = state.into_iter().chain(std::mem::take(&mut input.increments)).collect();
    let views = pending.iter().map(Statements::of).collect::<Result<Vec<_>, _>>()?;
    let mut statements: Vec<(&str, Statement<'_>)> = Vec::new();
    for (place, (batch, view)) in pending.iter().zip(&views).enumerate() {
        let origin = if place < remembered { Origin::State } else { Origin::New };
        let rows = 0..batch.num_rows();
        statements.extend(rows.map(|row| (view.owner(row), view.statement(place + 2, row, origin))));
    }
    statements.sort_by(|a, b| a.0.cmp(b.0));
    let mut merge = Merge { writer: Writer::new(&input, &pending)?, rest: &statements, counts: [0; 3] };
    if let Some(base) = input.base.take() {
        merge.stream(base, &input.curated)?;
    }
    let empty = RecordBatch::new_empty(Arc::clone(&input.curated));
    merge.batch(&empty, true)?;
    let [inserted, updated, deleted] = merge.counts;
    let (rows, state, quality) = merge.writer.finish()?;
    Ok(ShardOutput { rows, state, quality, inserted, updated, deleted })
}

struct Merge<'m> {
    writer: Writer<'m>,
    /// Statements that are not folded yet, by owner.
    rest: &'m [(&'m str, Statement<'m>)],
    /// Inserted, updated, deleted.
    counts: [u64; 3],
}

impl Merge<'_> {
    /// Streams the base past the statements, in batches that end between two owners.
    fn stream(&mut self, base: Bytes, curated: &SchemaRef) -> Result<(), LakeError> {
        let mut held: Option<RecordBatch> = None;
        for batch in file::read(base)? {
            let batch = conform(&batch?, curated)?;
            let whole = match held.take() {
                Some(held) => concat_batches(curated, [&held, &batch])?,
                None => batch,
            };
            let cut = last_owner_begins(&whole)?;
            self.batch(&whole.slice(0, cut), false)?;
            held = Some(whole.slice(cut, whole.num_rows() - cut));
        }
        held.map_or(Ok(()), |held| self.batch(&held, false))
    }

    /// Merges one batch of the base; with `last`, what is left of the statements too.
    fn batch(&mut self, base: &RecordBatch, last: bool) -> Result<(), LakeError> {
        let view = Statements::of(base)?;
        let mut out = Picks::new(base);
        let mut row = 0;
        while row < base.num_rows() {
            let owner = view.owner(row);
            let end =
                (row..base.num_rows()).find(|next| view.owner(*next) != owner).unwrap_or(base.num_rows());
            while self.rest.first().is_some_and(|(next, _)| *next < owner) {
                self.owner(&mut out, Vec::new());
            }
            if self.rest.first().is_some_and(|(next, _)| *next == owner) {
                let rows = (row..end).map(|row| view.statement(BASE, row, Origin::Base)).collect();
                self.owner(&mut out, rows);
            } else {
                out.keep(row, end);
            }
            row = end;
        }
        while last && !self.rest.is_empty() {
            self.owner(&mut out, Vec::new());
        }
        self.writer.write(&out)
    }

    /// Folds the next owner's statements with the rows that the base has of it.
    fn owner<'b>(&mut self, out: &mut Picks<'b>, base: Vec<Statement<'b>>)
    where
        Self: 'b,
    {
        let Some((owner, _)) = self.rest.first() else { return };
        let count = self.rest.partition_point(|(next, _)| next <= owner);
        let (mine, rest) = self.rest.split_at(count);
        self.rest = rest;
        let before = base.len() as u64;
        let mut statements: Vec<Statement<'_>> = base;
        statements.extend(mine.iter().map(|(_, statement)| *statement));
        let known: std::collections::BTreeSet<(&str, &str)> =
            statements.iter().filter(|s| s.origin == Origin::Base).map(|s| (s.pole_id, s.source)).collect();
        let folded = fold(statements);
        let kept = folded.live.iter().filter(|live| known.contains(&live.key)).count() as u64;
        let updated =
            folded.live.iter().filter(|live| live.changed && known.contains(&live.key)).count() as u64;
        self.counts[0] += folded.live.len() as u64 - kept;
        self.counts[1] += updated;
        self.counts[2] += before - kept;
        out.folded(folded);
    }
}

/// Where the last owner's rows begin: they may go on in the next batch.
fn last_owner_begins(batch: &RecordBatch) -> Result<usize, LakeError> {
    let view = Statements::of(batch)?;
    let Some(last) = batch.num_rows().checked_sub(1) else { return Ok(0) };
    let owner = view.owner(last);
    Ok((0..=last).rev().take_while(|row| view.owner(*row) == owner).last().unwrap_or(last))
}

/// The rows to write, as places in the sources, and what to remember.
struct Picks<'b> {
    base: &'b RecordBatch,
    rows: Vec<(At, At)>,
    /// Rows that are made of patches: place in `rows`, and the patches.
    patched: Vec<(usize, Vec<(At, &'b str)>)>,
    state: Vec<(At, &'static str, Option<String>)>,
    touched: bool,
}

impl<'b> Picks<'b> {
    fn new(base: &'b RecordBatch) -> Self {
        Self {
            base,
            rows: Vec::with_capacity(base.num_rows()),
            patched: Vec::new(),
            state: Vec::new(),
            touched: false,
        }
    }

    fn keep(&mut self, from: usize, to: usize) {
        self.rows.extend((from..to).map(|row| ((BASE, row), (BASE, row))));
    }

    fn folded(&mut self, folded: Folded<'b>) {
        self.touched = true;
        for Live { latest, whole, patches, .. } in folded.live {
            if !patches.is_empty() {
                self.patched.push((self.rows.len(), patches));
            }
            self.rows.push((latest, whole.unwrap_or((NOTHING, 0))));
        }
        let kept = folded.state.into_iter();
        self.state.extend(kept.map(|kept| (kept.at, kept.op.code(), kept.carried.map(str::to_owned))));
    }

    /// The places of a column's values: the provenance is the latest statement's, a patched column the patch's.
    fn places(&self, column: usize, name: &str) -> Vec<At> {
        let provenance = column < pole::PROVENANCE.len();
        let place = |(latest, whole): &(At, At)| if provenance { *latest } else { *whole };
        let mut places: Vec<At> = self.rows.iter().map(place).collect();
        if !provenance {
            for (row, patches) in &self.patched {
                for (at, carried) in patches {
                    if carried.split(',').any(|carried| carried == name) {
                        places[*row] = *at;
                    }
                }
            }
        }
        places
    }
}

/// Writes rows and state, and measures what it writes.
struct Writer<'m> {
    curated: SchemaRef,
    refined: SchemaRef,
    rules: &'m [Rule],
    pending: &'m [RecordBatch],
    rows: ArrowWriter<Vec<u8>>,
    state: Vec<RecordBatch>,
    quality: TableState,
}

impl<'m> Writer<'m> {
    fn new(input: &ShardInput<'m>, pending: &'m [RecordBatch]) -> Result<Self, LakeError> {
        Ok(Self {
            curated: Arc::clone(&input.curated),
            refined: Arc::clone(&input.refined),
            rules: input.rules,
            pending,
            rows: ArrowWriter::try_new(Vec::new(), Arc::clone(&input.curated), Some(file::curated()))?,
            state: Vec::new(),
            quality: TableState::new(input.rules, input.columns),
        })
    }

    fn write(&mut self, picks: &Picks<'_>) -> Result<(), LakeError> {
        if picks.touched {
            let columns = (0..self.curated.fields().len()).map(|column| {
                let name = self.curated.field(column).name();
                self.gather(picks.base, column, name, &picks.places(column, name))
            });
            let batch = RecordBatch::try_new(Arc::clone(&self.curated), columns.collect::<Result<_, _>>()?)?;
            self.measured(&batch)?;
            return self.remember(picks);
        }
        self.measured(picks.base)
    }

    fn measured(&mut self, batch: &RecordBatch) -> Result<(), LakeError> {
        self.quality.update(self.rules, batch);
        Ok(self.rows.write(batch)?)
    }

    /// A column's values from wherever they lie.
    fn gather(
        &self,
        base: &RecordBatch,
        column: usize,
        name: &str,
        places: &[At],
    ) -> Result<ArrayRef, LakeError> {
        let kind = self.curated.field(column).data_type();
        let nothing = new_null_array(kind, 1);
        let own = base.column(column);
        let mut sources = vec![nothing.as_ref(), own.as_ref()];
        // The refined columns begin with the curated ones, in the same order.
        debug_assert!(self.refined.field(column).name() == name, "the schemas differ in order");
        sources.extend(self.pending.iter().map(|batch| batch.column(column).as_ref()));
        Ok(interleave(&sources, places)?)
    }

    fn remember(&mut self, picks: &Picks<'_>) -> Result<(), LakeError> {
        if picks.state.is_empty() {
            return Ok(());
        }
        let places: Vec<At> = picks.state.iter().map(|(at, ..)| *at).collect();
        let columns = (0..self.curated.fields().len())
            .map(|column| self.gather(picks.base, column, self.curated.field(column).name(), &places));
        let mut columns = columns.collect::<Result<Vec<_>, _>>()?;
        columns.push(Arc::new(StringArray::from_iter_values(picks.state.iter().map(|(_, op, _)| op))));
        columns.push(Arc::new(
            picks.state.iter().map(|(_, _, carried)| carried.as_deref()).collect::<StringArray>(),
        ));
        self.state.push(RecordBatch::try_new(Arc::clone(&self.refined), columns)?);
        Ok(())
    }

    fn finish(self) -> Result<(Bytes, Option<Bytes>, TableState), LakeError> {
        let rows = Bytes::from(self.rows.into_inner()?);
        let state = match self.state.is_empty() {
            true => None,
            false => Some(file::write(&self.refined, &self.state, file::refined())?),
        };
        Ok((rows, state, self.quality))
    }
}

/// The shard of an owner: shards are ranges of ids, which are spread evenly.
pub(crate) fn shard_of(owner: &str, shards: u32) -> u32 {
    let digits = owner.bytes().filter(u8::is_ascii_hexdigit).take(8);
    let head = digits
        .fold(0u64, |head, digit| head * 16 + u64::from((digit as char).to_digit(16).unwrap_or_default()));
    u32::try_from((head * u64::from(shards)) >> 32).unwrap_or_default()
}

/// The batches' rows by shard.
pub(crate) fn by_shard(
    batches: &[RecordBatch],
    shards: u32,
) -> Result<BTreeMap<u32, Vec<RecordBatch>>, LakeError> {
    let mut parts: BTreeMap<u32, Vec<RecordBatch>> = BTreeMap::new();
    for batch in batches {
        let view = Statements::of(batch)?;
        let homes: Vec<u32> = (0..batch.num_rows()).map(|row| shard_of(view.owner(row), shards)).collect();
        for shard in 0..shards {
            let mine = homes.iter().map(|home| Some(*home == shard)).collect();
            let part = arrow_select::filter::filter_record_batch(batch, &mine)?;
            if part.num_rows() > 0 {
                parts.entry(shard).or_default().push(part);
            }
        }
    }
    Ok(parts)
}

/// The schemas of a table, curated and refined.
pub(crate) fn schemas(table: &contract::TableContract) -> (SchemaRef, SchemaRef) {
    (schema::curated(table), schema::refined(table))
}
