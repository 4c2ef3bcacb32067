//! A raw object's records become rows by table, refused records, and a receipt for every one of them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use contract::{
    Catalogue, Cell, CompiledMapping, ContractFindings, EvaluatedEvent, Event, EventFault, PoleRow,
};
use lake::{
    Chunk, Day, DayStart, ErasedSubjects, LakeError, REDRIVE_PARTITION, RawBatch, Receipt,
    RedriveOrigin, RedrivenRecord, RefinedObject, RefusedRecord, StreamKey, TableBuilder, file,
    schema,
};

use crate::erasures;

/// Everything that one raw object gives.
#[derive(Debug)]
pub struct TransformedChunk {
    /// Objects to write: key and bytes.
    pub objects: Vec<(String, Bytes)>,
    /// The receipt, to be written last.
    pub receipt: Receipt,
}

/// Transforms the records of `chunk`. Pure: the same records and contracts give the same bytes.
///
/// # Errors
/// When a file cannot be written; never because of what a record holds.
pub fn transform_chunk(
    catalogue: &Catalogue,
    plan: &CompiledMapping,
    chunk: &Chunk,
    next: i64,
    batches: &[RawBatch],
) -> Result<TransformedChunk, LakeError> {
    transform_unerased(
        catalogue,
        plan,
        (chunk, next),
        batches,
        &ErasedSubjects::default(),
    )
}

/// The same, without what is forgotten: neither records about it nor rows of others that name it.
///
/// # Errors
/// When a file cannot be written; never because of what a record holds.
pub fn transform_unerased(
    catalogue: &Catalogue,
    plan: &CompiledMapping,
    (chunk, next): (&Chunk, i64),
    batches: &[RawBatch],
    erasures: &ErasedSubjects,
) -> Result<TransformedChunk, LakeError> {
    let mut work = ChunkTransform::new(catalogue, plan, chunk, next, erasures);
    for batch in batches {
        for row in 0..batch.len() {
            work.transform_record(batch, row);
        }
    }
    work.into_transformed()
}

/// Microseconds of a minute.
const MICROS_PER_MINUTE: i64 = 60_000_000;

/// What became of a record that was not refused.
enum AcceptedOutcome {
    /// It became rows.
    Refined,
    /// Its type is declared as one to leave alone.
    Ignored,
    /// It is about somebody who is forgotten.
    Erased,
}

struct ChunkTransform<'w> {
    catalogue: &'w Catalogue,
    mapping: &'w CompiledMapping,
    chunk: &'w Chunk,
    erasures: &'w ErasedSubjects,
    builders: BTreeMap<usize, TableBuilder>,
    refused: Vec<RefusedRecord<'w>>,
    latest_day: Option<Day>,
    findings: ContractFindings,
    receipt: Receipt,
}

impl<'w> ChunkTransform<'w> {
    fn new(
        catalogue: &'w Catalogue,
        plan: &'w CompiledMapping,
        chunk: &'w Chunk,
        next: i64,
        erasures: &'w ErasedSubjects,
    ) -> Self {
        let receipt = Receipt {
            stream: StreamKey {
                topic: chunk.topic.clone(),
                epoch: chunk.epoch,
                partition: chunk.partition,
            },
            offset: chunk.offset,
            next,
            source: plan.contract.name.clone(),
            contract_version: plan.contract.version.clone(),
            mapping_version: plan.version.clone(),
            landed: 0,
            refined: 0,
            ignored: 0,
            erased: 0,
            quarantined: BTreeMap::new(),
            undeclared: BTreeMap::new(),
            unlisted: BTreeMap::new(),
            minutes: BTreeMap::new(),
            lag: BTreeMap::new(),
            days: Vec::new(),
            tables: BTreeMap::new(),
            redriven: Vec::new(),
        };
        Self {
            catalogue,
            mapping: plan,
            chunk,
            erasures,
            builders: BTreeMap::new(),
            refused: Vec::new(),
            latest_day: None,
            findings: ContractFindings::default(),
            receipt,
        }
    }

    fn transform_record(&mut self, batch: &'w RawBatch, row: usize) {
        let mut appended = batch.timestamp(row) * 1_000;
        self.receipt.landed += 1;
        self.note_arrival(appended, batch.offset(row));
        // A redriven record counts for the day of its redrive, and is true as of when it first came.
        let redriven = self.chunk.partition == REDRIVE_PARTITION;
        let origin = RedriveOrigin::from_headers(batch.headers(row)).filter(|_| redriven);
        if let Some(origin) = origin {
            appended = origin.timestamp * 1_000;
        }
        let outcome = self.refine_record(batch, row, appended);
        if let Some(origin) = origin {
            self.receipt.redriven.push(RedrivenRecord {
                of: origin.to_string(),
                outcome: outcome_label(&outcome),
            });
        }
        match outcome {
            Ok(AcceptedOutcome::Refined) => self.receipt.refined += 1,
            Ok(AcceptedOutcome::Ignored) => self.receipt.ignored += 1,
            Ok(AcceptedOutcome::Erased) => {
                self.receipt.ignored += 1;
                self.receipt.erased += 1;
            }
            Err(fault) => {
                *self
                    .receipt
                    .quarantined
                    .entry(fault.rule.clone())
                    .or_default() += 1;
                self.refused.push(RefusedRecord {
                    offset: batch.offset(row),
                    appended,
                    key: batch.key(row),
                    value: batch.value(row),
                    headers: batch.headers(row),
                    rule: fault.rule,
                    path: fault.path,
                    reason: fault.reason,
                });
            }
        }
    }

    /// Remembers where a day begins. The log's own clock may step back: a day begins where it is first seen.
    fn note_arrival(&mut self, appended: i64, offset: i64) {
        let day = Day::from_micros(appended);
        let minute = (appended - day.start_micros()) / MICROS_PER_MINUTE;
        *self
            .receipt
            .minutes
            .entry(u16::try_from(minute).unwrap_or_default())
            .or_default() += 1;
        if self.latest_day.is_none_or(|latest| latest < day) {
            self.latest_day = Some(day);
            self.receipt.days.push(DayStart {
                date: day.to_string(),
                offset,
            });
        }
    }

    fn refine_record(
        &mut self,
        batch: &RawBatch,
        row: usize,
        appended: i64,
    ) -> Result<AcceptedOutcome, EventFault> {
        let offset = batch.offset(row);
        if lake::has_erased_header(batch.headers(row)) {
            return Ok(AcceptedOutcome::Erased);
        }
        let Some(value) = batch.value(row) else {
            return Err(EventFault {
                rule: "event.tombstone".into(),
                path: "$".into(),
                reason: "the record has no value; a deletion is an event of its own".into(),
            });
        };
        // The relay names the events of sources that give no ids; their bytes name those that came another way.
        let given = (!self.mapping.contract.has_event_ids())
            .then(|| lake::find_header_text(batch.headers(row), "event-id"));
        let event = Event::parse(&self.mapping.contract, value, given.flatten().as_deref())?;
        if erasures::is_record_erased(self.erasures, self.mapping, &event.key, event.time) {
            return Ok(AcceptedOutcome::Erased);
        }
        self.mapping.count_findings(&event, &mut self.findings);
        *self
            .receipt
            .lag
            .entry(lake::lag_bound(appended - event.time))
            .or_default() += 1;
        let EvaluatedEvent::Rows(rows) = self.mapping.evaluate(&event)? else {
            return Ok(AcceptedOutcome::Ignored);
        };
        let Some(rows) = erasures::retain_unerased_rows(self.erasures, &event, rows) else {
            return Ok(AcceptedOutcome::Erased);
        };
        for row in rows {
            let table = &self.catalogue.tables[row.table];
            let builder = self
                .builders
                .entry(row.table)
                .or_insert_with(|| TableBuilder::new(table));
            append_row(
                builder,
                row,
                &event,
                self.mapping,
                self.chunk,
                (offset, appended),
            );
        }
        Ok(AcceptedOutcome::Refined)
    }

    fn into_transformed(mut self) -> Result<TransformedChunk, LakeError> {
        let first = self
            .receipt
            .days
            .first()
            .and_then(|day| Day::parse(&day.date))
            .unwrap_or(Day(0));
        self.receipt.undeclared = self.findings.undeclared;
        self.receipt.unlisted = self.findings.unlisted;
        let mut objects = Vec::new();
        for (place, builder) in self.builders {
            let table = &self.catalogue.tables[place];
            let (key, rows) = (
                self.chunk.refined_key(&table.name, first),
                builder.row_count() as u64,
            );
            let body = file::write_parquet(
                &schema::refined_schema(table),
                &[builder.finish_batch()?],
                file::refined_properties(),
            )?;
            self.receipt.tables.insert(
                table.name.clone(),
                RefinedObject {
                    key: key.clone(),
                    rows,
                },
            );
            objects.push((key, body));
        }
        if !self.refused.is_empty() {
            let versions = (
                self.receipt.contract_version.as_str(),
                self.receipt.mapping_version.as_str(),
            );
            let body =
                lake::encode_quarantine(self.chunk, &self.receipt.source, versions, &self.refused)?;
            objects.push((self.chunk.quarantine_key(first), body));
        }
        Ok(TransformedChunk {
            objects,
            receipt: self.receipt,
        })
    }
}

fn outcome_label(outcome: &Result<AcceptedOutcome, EventFault>) -> String {
    match outcome {
        Ok(AcceptedOutcome::Refined) => "refined".to_owned(),
        Ok(AcceptedOutcome::Ignored | AcceptedOutcome::Erased) => "ignored".to_owned(),
        Err(fault) => fault.rule.clone(),
    }
}

/// Fills the provenance, in the order of `pole::PROVENANCE`, and appends the row.
fn append_row(
    builder: &mut TableBuilder,
    mut row: PoleRow<'_>,
    event: &Event,
    plan: &CompiledMapping,
    chunk: &Chunk,
    at: (i64, i64),
) {
    fn text_cell(text: &str) -> Cell<'_> {
        Cell::Text(Cow::Borrowed(text))
    }
    let (mut pole_buffer, mut owner_buffer) =
        (pole::Uuid::encode_buffer(), pole::Uuid::encode_buffer());
    let (offset, appended) = at;
    let provenance = [
        text_cell(row.pole_id.hyphenated().encode_lower(&mut pole_buffer)),
        text_cell(&plan.contract.name),
        text_cell(&event.key),
        text_cell(row.owner_id.hyphenated().encode_lower(&mut owner_buffer)),
        row.owner_set.map_or(Cell::Null, text_cell),
        text_cell(&event.id),
        event
            .version
            .filter(|_| row.versioned)
            .map_or(Cell::Null, Cell::Integer),
        Cell::Timestamp(event.time),
        Cell::Timestamp(appended),
        text_cell(&plan.contract.version),
        text_cell(&plan.version),
        text_cell(&chunk.topic),
        Cell::Integer(i64::from(chunk.partition)),
        Cell::Integer(offset),
    ];
    let own = row.cells.split_off(provenance.len());
    builder.append_row(
        provenance.iter().chain(&own),
        row.op,
        row.changed_columns.as_deref(),
    );
}
