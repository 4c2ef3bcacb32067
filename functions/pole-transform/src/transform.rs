//! A raw object's records become rows by table, refused records, and a receipt that counts every
//! one of them.

use std::collections::BTreeMap;

use bytes::Bytes;
use contract::{
    Catalogue, CompiledMapping, ContractFindings, EvaluatedEvent, Event, EventFault,
    EventStatement, PoleRow, TableContract, record_table_name,
};
use lake::{
    Chunk, Day, DayStart, ErasedSubjects, EventIdFilter, EventIdHash, LakeError, NamedObject,
    ObjectDigest, REDRIVE_PARTITION, RawBatch, Receipt, RecordTimes, RedriveOrigin, RedrivenRecord,
    RefinedObject, RefusedRecord, RowProvenance, TableBuilder, file, schema,
};
use pole::{IdentityKey, Uuid};

use crate::erasures;
use crate::landed_object::LandedObject;
use crate::refined_form::RefinedForm;

/// All that one raw object gives.
#[derive(Debug)]
pub struct TransformedChunk {
    /// Objects to write: key and bytes.
    pub objects: Vec<(String, Bytes)>,
    /// The receipt, to be written last.
    pub receipt: Receipt,
}

/// Transforms the records of a raw object. Pure: the same records,
/// contracts and identity key give the same bytes.
///
/// # Errors
/// When a file cannot be written; never because of what a record holds.
pub fn transform_chunk(
    catalogue: &Catalogue,
    identity_key: &IdentityKey,
    mapping: &CompiledMapping,
    raw: LandedObject<'_>,
    batches: &[RawBatch],
) -> Result<TransformedChunk, LakeError> {
    transform_unerased(
        catalogue,
        identity_key,
        mapping,
        raw,
        batches,
        &ErasedSubjects::default(),
    )
}

/// The same without erased subjects: neither records about them nor rows of others that name them.
///
/// # Errors
/// When a file cannot be written; never because of what a record holds.
pub fn transform_unerased(
    catalogue: &Catalogue,
    identity_key: &IdentityKey,
    mapping: &CompiledMapping,
    raw: LandedObject<'_>,
    batches: &[RawBatch],
    erasures: &ErasedSubjects,
) -> Result<TransformedChunk, LakeError> {
    let transform = ChunkTransform::new((catalogue, identity_key, mapping), raw, erasures);
    transform.run(batches)
}

/// Microseconds of a minute.
const MICROS_PER_MINUTE: i64 = 60_000_000;

/// What became of a record that was not refused.
enum AcceptedOutcome {
    /// It became rows.
    Refined,
    /// Its type is declared as ignored.
    Ignored,
    /// It is about an erased subject.
    Erased,
}

/// Where a record is in its topic.
#[derive(Clone, Copy)]
struct RecordPosition {
    offset: i64,
    /// When it was appended, in microseconds since 1970; of a redriven record, when it was first
    /// appended.
    appended: i64,
}

pub(crate) struct ChunkTransform<'w> {
    identity_key: &'w IdentityKey,
    mapping: &'w CompiledMapping,
    chunk: &'w Chunk,
    erasures: &'w ErasedSubjects,
    /// The stored tables: a mapping names them by their index.
    tables: Vec<&'w TableContract>,
    /// The index of the table of the source's records; none when it sends no patches.
    record_table: Option<usize>,
    /// One builder for each table that has rows, by the table's index.
    builders: BTreeMap<usize, TableBuilder>,
    refused: Vec<RefusedRecord<'w>>,
    latest_day: Option<Day>,
    findings: ContractFindings,
    receipt: Receipt,
    /// The ids of the events, for the receipt's filter.
    event_ids: Vec<EventIdHash>,
    /// What is written of an event.
    form: RefinedForm,
    /// Why records of the mapping have no row, though their event fits.
    withheld: Vec<EventFault>,
}

impl<'w> ChunkTransform<'w> {
    pub(crate) fn new(
        (catalogue, identity_key, mapping): (&'w Catalogue, &'w IdentityKey, &'w CompiledMapping),
        raw: LandedObject<'w>,
        erasures: &'w ErasedSubjects,
    ) -> Self {
        let record_table = record_table_name(&mapping.contract.name);
        let tables: Vec<&TableContract> = catalogue.stored_tables().collect();
        Self {
            record_table: tables.iter().position(|table| table.name == record_table),
            tables,
            identity_key,
            mapping,
            chunk: raw.chunk,
            erasures,
            builders: BTreeMap::new(),
            refused: Vec::new(),
            latest_day: None,
            findings: ContractFindings::default(),
            receipt: raw.begin_receipt(mapping),
            event_ids: Vec::new(),
            form: RefinedForm::Lake,
            withheld: Vec::new(),
        }
    }

    /// The same, with another form of what is written.
    pub(crate) fn in_form(self, form: RefinedForm) -> Self {
        Self { form, ..self }
    }

    fn run(self, batches: &'w [RawBatch]) -> Result<TransformedChunk, LakeError> {
        Ok(self.run_with_withheld(batches)?.0)
    }

    /// Transforms the records; gives also why records of the mapping have no row.
    pub(crate) fn run_with_withheld(
        mut self,
        batches: &'w [RawBatch],
    ) -> Result<(TransformedChunk, Vec<EventFault>), LakeError> {
        self.receipt.times = RecordTimes::of_batches(batches);
        for batch in batches {
            for row in 0..batch.len() {
                self.transform_record(batch, row);
            }
        }
        let withheld = std::mem::take(&mut self.withheld);
        Ok((self.into_transformed()?, withheld))
    }

    /// The rows of an event, and the statements that it makes of its record.
    fn evaluate_event<'e>(
        &mut self,
        event: &'e Event,
    ) -> Result<(EvaluatedEvent<'e>, Vec<EventStatement<'e>>), EventFault>
    where
        'w: 'e,
    {
        let (mapping, key) = (self.mapping, self.identity_key);
        let evaluated = match self.form {
            RefinedForm::Lake => {
                return mapping.evaluate_with_statements(event, key, &mut self.findings);
            }
            RefinedForm::EventRows => mapping.evaluate_and_count(event, key, &mut self.findings)?,
            RefinedForm::LoneState => {
                mapping.evaluate_lone_state(event, key, &mut self.withheld)?
            }
        };
        Ok((evaluated, Vec::new()))
    }

    fn transform_record(&mut self, batch: &'w RawBatch, row: usize) {
        let mut position = RecordPosition {
            offset: batch.offset(row),
            appended: batch.arrived_at(row) * 1_000,
        };
        self.receipt.landed += 1;
        self.note_arrival(position);

        // A redriven record counts for the day of its redrive, and is true as of when it first
        // came.
        let is_redriven = self.chunk.partition == REDRIVE_PARTITION;
        let origin = RedriveOrigin::from_headers(batch.headers(row)).filter(|_| is_redriven);
        if let Some(origin) = origin {
            position.appended = origin.timestamp * 1_000;
        }

        let outcome = self.refine_record(batch, row, position);
        if !matches!(outcome, Ok(AcceptedOutcome::Refined)) {
            self.note_accepted_id(batch, row);
        }
        if let Some(origin) = origin {
            self.receipt.redriven.push(RedrivenRecord {
                of: origin.to_string(),
                outcome: outcome_label(&outcome),
            });
        }
        match outcome {
            Ok(accepted) => self.count_accepted(&accepted),
            Err(fault) => self.refuse_record(batch, row, position, fault),
        }
    }

    /// Notes where a day begins. The log's own clock may step back: a day begins where it is first
    /// seen.
    fn note_arrival(&mut self, position: RecordPosition) {
        let day = Day::from_micros(position.appended);
        let minute = (position.appended - day.start_micros()) / MICROS_PER_MINUTE;
        let minute = u16::try_from(minute).unwrap_or_default();
        *self.receipt.minutes.entry(minute).or_default() += 1;

        if self.latest_day.is_none_or(|latest| latest < day) {
            self.latest_day = Some(day);
            self.receipt.days.push(DayStart {
                date: day.to_string(),
                offset: position.offset,
            });
        }
    }

    /// Notes the id under which a record without rows is found: the one that the relay wrote beside
    /// it, or that of its place in the log. Rows have the event's own id alone.
    fn note_accepted_id(&mut self, batch: &RawBatch, row: usize) {
        if !lake::has_erased_header(batch.headers(row)) {
            let id = self.accepted_id(batch, row);
            self.event_ids.push(EventIdHash::of_id(&id));
        }
    }

    fn accepted_id(&self, batch: &RawBatch, row: usize) -> String {
        let source = &self.mapping.contract.name;
        lake::accepted_event_id(source, batch.headers(row), self.chunk, batch.offset(row))
    }

    fn count_accepted(&mut self, outcome: &AcceptedOutcome) {
        match outcome {
            AcceptedOutcome::Refined => self.receipt.refined += 1,
            AcceptedOutcome::Ignored => self.receipt.ignored += 1,
            AcceptedOutcome::Erased => {
                self.receipt.ignored += 1;
                self.receipt.erased += 1;
            }
        }
    }

    /// Keeps the record with its bytes and the rule that it broke, for quarantine.
    fn refuse_record(
        &mut self,
        batch: &'w RawBatch,
        row: usize,
        position: RecordPosition,
        fault: EventFault,
    ) {
        let count = self.receipt.quarantined.entry(fault.rule.clone());
        *count.or_default() += 1;

        self.refused.push(RefusedRecord {
            offset: position.offset,
            appended: position.appended,
            key: batch.key(row),
            value: batch.value(row),
            headers: batch.headers(row),
            rule: fault.rule,
            path: fault.path,
            reason: fault.reason,
        });
    }

    fn refine_record(
        &mut self,
        batch: &RawBatch,
        row: usize,
        position: RecordPosition,
    ) -> Result<AcceptedOutcome, EventFault> {
        if lake::has_erased_header(batch.headers(row)) {
            return Ok(AcceptedOutcome::Erased);
        }
        let mut event = self.parse_event(batch, row)?;
        self.event_ids.push(EventIdHash::of_id(&event.id));
        if erasures::is_record_erased(self.erasures, self.mapping, &event.key, event.time) {
            return Ok(AcceptedOutcome::Erased);
        }
        event.arrived_at(&self.mapping.contract, position.appended)?;

        self.mapping.count_findings(&event, &mut self.findings);
        let lag = lake::lag_bound(position.appended - event.time);
        *self.receipt.lag.entry(lag).or_default() += 1;

        let (evaluated, statements) = self.evaluate_event(&event)?;
        let EvaluatedEvent::Rows(rows) = evaluated else {
            return Ok(AcceptedOutcome::Ignored);
        };
        let of_erased = |statement| erasures::is_owner_erased(self.erasures, statement, event.time);
        if statements.iter().any(of_erased) {
            return Ok(AcceptedOutcome::Erased);
        }
        let rows = match erasures::retain_unerased_rows(self.erasures, &event, rows) {
            Some(rows) => rows,
            // What the event states of its own record stays without the rows that are erased.
            None if !statements.is_empty() => Vec::new(),
            None => return Ok(AcceptedOutcome::Erased),
        };
        for row in rows {
            self.append_row(row, &event, position);
        }
        for statement in &statements {
            self.append_statement(statement, &event, position);
        }
        Ok(AcceptedOutcome::Refined)
    }

    fn parse_event(&self, batch: &RawBatch, row: usize) -> Result<Event, EventFault> {
        let contract = &self.mapping.contract;
        let Some(value) = batch.value(row) else {
            return Err(EventFault {
                rule: "event.tombstone".into(),
                path: "$".into(),
                reason: "the record has no value; a deletion is an event of its own".into(),
            });
        };

        let accepted_id = (!contract.has_event_ids()).then(|| self.accepted_id(batch, row));
        Event::parse(contract, value, accepted_id.as_deref())
    }

    /// What the provenance says of an event, without the ids of a row.
    fn event_provenance<'e>(&self, event: &'e Event, position: RecordPosition) -> RowProvenance<'e>
    where
        'w: 'e,
    {
        RowProvenance {
            pole_id: "",
            record_id: &event.key,
            owner_id: "",
            owner_set: None,
            event_id: &event.id,
            version: event.version,
            event_time: event.time,
            event_time_nanos: event.time_nanos.into(),
            appended: position.appended,
            mapping: self.mapping,
            topic: &self.chunk.topic,
            partition: self.chunk.partition.into(),
            offset: position.offset,
        }
    }

    /// Fills the provenance and appends the row to its table.
    fn append_row(&mut self, mut row: PoleRow<'_>, event: &Event, position: RecordPosition) {
        let (mut pole_id, mut owner_id) = (Uuid::encode_buffer(), Uuid::encode_buffer());
        let provenance = RowProvenance {
            pole_id: row.pole_id.hyphenated().encode_lower(&mut pole_id),
            owner_id: row.owner_id.hyphenated().encode_lower(&mut owner_id),
            owner_set: row.owner_set,
            version: event.version.filter(|_| row.versioned),
            ..self.event_provenance(event, position)
        }
        .to_cells();

        // The row comes with empty cells in place of its provenance.
        let own_cells = row.cells.split_off(provenance.len());
        self.table_builder(row.table).append_row(
            provenance.iter().chain(&own_cells),
            row.op,
            row.changed_columns.as_deref(),
        );
    }

    /// Appends what the event states of its record to the table of the source's records. The owner
    /// and the event name such a row: a `pole_id` would be one more random id.
    fn append_statement(
        &mut self,
        stated: &EventStatement<'_>,
        event: &Event,
        position: RecordPosition,
    ) {
        let mut owner_id = Uuid::encode_buffer();
        let owner_id = &*stated.owner_id.hyphenated().encode_lower(&mut owner_id);
        let Some(record_table) = self.record_table else {
            return;
        };
        let provenance = RowProvenance {
            owner_id,
            owner_set: stated.group.name.as_deref(),
            ..self.event_provenance(event, position)
        }
        .to_cells();
        let builder = self.table_builder(record_table);
        builder.append_statement(&provenance, stated.op, stated.text.as_deref());
    }

    fn table_builder(&mut self, table: usize) -> &mut TableBuilder {
        let builder = self.builders.entry(table);
        builder.or_insert_with(|| TableBuilder::new(self.tables[table]))
    }

    fn into_transformed(mut self) -> Result<TransformedChunk, LakeError> {
        let days = &self.receipt.days;
        let first_day = days.first().and_then(|day| Day::parse(&day.date));
        let first_day = first_day.unwrap_or(Day(0));

        let mut objects = Vec::new();
        for (table, builder) in std::mem::take(&mut self.builders) {
            objects.push(self.encode_table(table, builder, first_day)?);
        }
        objects.extend(self.encode_refused(first_day)?);

        self.receipt.undeclared = self.findings.undeclared;
        self.receipt.unlisted = self.findings.unlisted;
        self.receipt.duplicates = self.findings.duplicates;
        self.receipt.unreadable = self.findings.unreadable;
        self.receipt.event_ids = Some(EventIdFilter::of_hashes(self.event_ids));
        Ok(TransformedChunk {
            objects,
            receipt: self.receipt,
        })
    }

    /// The refined object of one table, which the receipt then names.
    fn encode_table(
        &mut self,
        table: usize,
        builder: TableBuilder,
        first_day: Day,
    ) -> Result<(String, Bytes), LakeError> {
        let table = self.tables[table];
        let key = self.chunk.refined_key(&table.name, first_day);
        let rows = builder.row_count() as u64;
        let body = file::write_parquet(
            &schema::refined_schema(table),
            &[builder.finish_batch()?],
            file::refined_properties(),
        )?;

        let object = RefinedObject {
            key: key.clone(),
            rows,
            digest: ObjectDigest::of_content(&body),
        };
        self.receipt.tables.insert(table.name.clone(), object);
        Ok((key, body))
    }

    /// The quarantine object, when records were refused; the receipt then names it.
    fn encode_refused(&mut self, first_day: Day) -> Result<Option<(String, Bytes)>, LakeError> {
        if self.refused.is_empty() {
            return Ok(None);
        }

        let receipt = &self.receipt;
        let versions = (
            receipt.contract_version.as_str(),
            receipt.mapping_version.as_str(),
        );
        let body = lake::encode_quarantine(self.chunk, &receipt.source, versions, &self.refused)?;
        let key = self.chunk.quarantine_key(first_day);
        self.receipt.quarantine = Some(NamedObject {
            key: key.clone(),
            digest: ObjectDigest::of_content(&body),
        });
        Ok(Some((key, body)))
    }
}

fn outcome_label(outcome: &Result<AcceptedOutcome, EventFault>) -> String {
    match outcome {
        Ok(AcceptedOutcome::Refined) => "refined".to_owned(),
        Ok(AcceptedOutcome::Ignored | AcceptedOutcome::Erased) => "ignored".to_owned(),
        Err(fault) => fault.rule.clone(),
    }
}
