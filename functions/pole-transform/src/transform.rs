//! A raw object's records become rows by table, refused records, and a receipt for every one of them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use contract::{Catalogue, Cell, Event, Fault, Findings, Outcome, Plan, Row};
use lake::{
    Chunk, Day, DayStart, Erasures, LakeError, Origin, Quarantined, REDRIVE_PARTITION, RawBatch,
    Receipt, Redriven, RefinedObject, StreamKey, TableBuilder, file, schema,
};

use crate::erasures;

/// Everything that one raw object gives.
#[derive(Debug)]
pub struct Transformed {
    /// Objects to write: key and bytes.
    pub objects: Vec<(String, Bytes)>,
    /// The receipt, to be written last.
    pub receipt: Receipt,
}

/// Transforms the records of `chunk`. Pure: the same records and contracts give the same bytes.
///
/// # Errors
/// When a file cannot be written; never because of what a record holds.
pub fn transform(
    catalogue: &Catalogue,
    plan: &Plan,
    chunk: &Chunk,
    next: i64,
    batches: &[RawBatch],
) -> Result<Transformed, LakeError> {
    transform_except(
        catalogue,
        plan,
        (chunk, next),
        batches,
        &Erasures::default(),
    )
}

/// The same, without what is forgotten: neither records about it nor rows of others that name it.
///
/// # Errors
/// When a file cannot be written; never because of what a record holds.
pub fn transform_except(
    catalogue: &Catalogue,
    plan: &Plan,
    (chunk, next): (&Chunk, i64),
    batches: &[RawBatch],
    erasures: &Erasures,
) -> Result<Transformed, LakeError> {
    let mut work = Work::new(catalogue, plan, chunk, next, erasures);
    for batch in batches {
        for row in 0..batch.len() {
            work.record(batch, row);
        }
    }
    work.finish()
}

/// Microseconds of a minute.
const MINUTE: i64 = 60_000_000;

/// What became of a record that was not refused.
enum Done {
    /// It became rows.
    Refined,
    /// Its type is declared as one to leave alone.
    Ignored,
    /// It is about somebody who is forgotten.
    Erased,
}

struct Work<'w> {
    catalogue: &'w Catalogue,
    plan: &'w Plan,
    chunk: &'w Chunk,
    erasures: &'w Erasures,
    builders: BTreeMap<usize, TableBuilder>,
    refused: Vec<Quarantined<'w>>,
    latest_day: Option<Day>,
    findings: Findings,
    receipt: Receipt,
}

impl<'w> Work<'w> {
    fn new(
        catalogue: &'w Catalogue,
        plan: &'w Plan,
        chunk: &'w Chunk,
        next: i64,
        erasures: &'w Erasures,
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
            plan,
            chunk,
            erasures,
            builders: BTreeMap::new(),
            refused: Vec::new(),
            latest_day: None,
            findings: Findings::default(),
            receipt,
        }
    }

    fn record(&mut self, batch: &'w RawBatch, row: usize) {
        let mut appended = batch.timestamp(row) * 1_000;
        self.receipt.landed += 1;
        self.day(appended, batch.offset(row));
        // A redriven record counts for the day of its redrive, and is true as of when it first came.
        let redriven = self.chunk.partition == REDRIVE_PARTITION;
        let origin = Origin::of_headers(batch.headers(row)).filter(|_| redriven);
        if let Some(origin) = origin {
            appended = origin.timestamp * 1_000;
        }
        let outcome = self.rows(batch, row, appended);
        if let Some(origin) = origin {
            self.receipt.redriven.push(Redriven {
                of: origin.to_string(),
                outcome: named(&outcome),
            });
        }
        match outcome {
            Ok(Done::Refined) => self.receipt.refined += 1,
            Ok(Done::Ignored) => self.receipt.ignored += 1,
            Ok(Done::Erased) => {
                self.receipt.ignored += 1;
                self.receipt.erased += 1;
            }
            Err(fault) => {
                *self
                    .receipt
                    .quarantined
                    .entry(fault.rule.clone())
                    .or_default() += 1;
                self.refused.push(Quarantined {
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
    fn day(&mut self, appended: i64, offset: i64) {
        let day = Day::of_micros(appended);
        let minute = (appended - day.begins()) / MINUTE;
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

    fn rows(&mut self, batch: &RawBatch, row: usize, appended: i64) -> Result<Done, Fault> {
        let offset = batch.offset(row);
        if lake::is_erased(batch.headers(row)) {
            return Ok(Done::Erased);
        }
        let Some(value) = batch.value(row) else {
            return Err(Fault {
                rule: "event.tombstone".into(),
                path: "$".into(),
                reason: "the record has no value; a deletion is an event of its own".into(),
            });
        };
        // The relay names the events of sources that give no ids; their bytes name those that came another way.
        let given =
            (!self.plan.contract.gives_ids()).then(|| lake::header(batch.headers(row), "event-id"));
        let event = Event::parse(&self.plan.contract, value, given.flatten().as_deref())?;
        if erasures::is_forgotten(self.erasures, self.plan, &event.key, event.time) {
            return Ok(Done::Erased);
        }
        self.plan.observe(&event, &mut self.findings);
        *self
            .receipt
            .lag
            .entry(lake::lag_bound(appended - event.time))
            .or_default() += 1;
        let Outcome::Rows(rows) = self.plan.evaluate(&event)? else {
            return Ok(Done::Ignored);
        };
        let Some(rows) = erasures::kept(self.erasures, &event, rows) else {
            return Ok(Done::Erased);
        };
        for row in rows {
            let table = &self.catalogue.tables[row.table];
            let builder = self
                .builders
                .entry(row.table)
                .or_insert_with(|| TableBuilder::new(table));
            append(
                builder,
                row,
                &event,
                self.plan,
                self.chunk,
                (offset, appended),
            );
        }
        Ok(Done::Refined)
    }

    fn finish(mut self) -> Result<Transformed, LakeError> {
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
                builder.rows() as u64,
            );
            let body = file::write(
                &schema::refined(table),
                &[builder.finish()?],
                file::refined(),
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
        Ok(Transformed {
            objects,
            receipt: self.receipt,
        })
    }
}

fn named(outcome: &Result<Done, Fault>) -> String {
    match outcome {
        Ok(Done::Refined) => "refined".to_owned(),
        Ok(Done::Ignored | Done::Erased) => "ignored".to_owned(),
        Err(fault) => fault.rule.clone(),
    }
}

/// Fills the provenance, in the order of `pole::PROVENANCE`, and appends the row.
fn append(
    builder: &mut TableBuilder,
    mut row: Row<'_>,
    event: &Event,
    plan: &Plan,
    chunk: &Chunk,
    at: (i64, i64),
) {
    fn text(text: &str) -> Cell<'_> {
        Cell::Text(Cow::Borrowed(text))
    }
    let (mut pole_buffer, mut owner_buffer) =
        (pole::Uuid::encode_buffer(), pole::Uuid::encode_buffer());
    let (offset, appended) = at;
    let provenance = [
        text(row.pole_id.hyphenated().encode_lower(&mut pole_buffer)),
        text(&plan.contract.name),
        text(&event.key),
        text(row.owner_id.hyphenated().encode_lower(&mut owner_buffer)),
        row.owner_set.map_or(Cell::Null, text),
        text(&event.id),
        event
            .version
            .filter(|_| row.versioned)
            .map_or(Cell::Null, Cell::Integer),
        Cell::Timestamp(event.time),
        Cell::Timestamp(appended),
        text(&plan.contract.version),
        text(&plan.version),
        text(&chunk.topic),
        Cell::Integer(i64::from(chunk.partition)),
        Cell::Integer(offset),
    ];
    let own = row.cells.split_off(provenance.len());
    builder.append_row(
        provenance.iter().chain(&own),
        row.op,
        row.carried.as_deref(),
    );
}
