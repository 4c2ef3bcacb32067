//! What became of an event that was found: its receipt, its rows by table, and the first day.

use lake::{Chunk, Day, DeclaredLoss, Receipt};
use store::streams;

use super::candidates::{SearchCandidate, source_of_topic};
use super::known_chunks::stream_key;
use super::listing::allow_refused;
use super::matching::{EventMatch, read_event_offsets};
use super::{EventFate, TracedEvent, TracedTable};
use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// What became of the event; none when the receipt of the raw object does not name the object that
/// matched: the raw object was transformed again since, and readers of days do not see it.
pub(super) async fn describe_event(
    lake: &LakeHandle,
    candidate: &SearchCandidate,
    found: EventMatch,
    event_id: &str,
) -> Result<Option<TracedEvent>, OperationError> {
    let chunk = &candidate.chunk;
    let receipt = lake.read_receipt(chunk).await?;
    if receipt
        .as_ref()
        .is_some_and(|receipt| !names(receipt, &candidate.key))
    {
        return Ok(None);
    }

    let offset = match &found {
        EventMatch::Rows { offset } => *offset,
        EventMatch::Refused(record) => record.offset,
    };
    let fate = match found {
        EventMatch::Rows { .. } => EventFate::Refined {
            tables: trace_tables(lake, candidate, receipt.as_ref(), (offset, event_id)).await?,
        },
        EventMatch::Refused(record) => EventFate::Quarantined {
            object: candidate.key.clone(),
            rule: record.rule,
            path: record.path,
            reason: record.reason,
        },
    };

    let raw_object = chunk.raw_key();
    // A listing, not the object: it needs no right to read raw objects.
    let listed = allow_refused(lake.raw.find_first(&raw_object, None).await)?;
    Ok(Some(TracedEvent {
        source: source_of_topic(lake, &chunk.topic).to_owned(),
        topic: chunk.topic.clone(),
        epoch: chunk.epoch,
        partition: chunk.partition,
        offset,
        declared_lost: find_declaration(lake, chunk).await?,
        raw_object_exists: listed.is_some_and(|entry| entry.key == raw_object),
        raw_object,
        receipt: receipt.as_ref().map(|_| chunk.receipt_key()),
        contract_version: receipt
            .as_ref()
            .map(|receipt| receipt.contract_version.clone()),
        mapping_version: receipt.map(|receipt| receipt.mapping_version),
        fate,
    }))
}

/// The document that declares a raw object lost. A listing, which the search needs anyway.
async fn find_declaration(
    lake: &LakeHandle,
    chunk: &Chunk,
) -> Result<Option<String>, OperationError> {
    let key = DeclaredLoss::key_of(chunk);
    let listed = allow_refused(lake.refined.find_first(&key, None).await)?;
    Ok(listed
        .filter(|entry| entry.key == key)
        .map(|entry| entry.key))
}

/// Whether a receipt names an object.
fn names(receipt: &Receipt, key: &str) -> bool {
    let mut refined = receipt.tables.values().map(|object| object.key.as_str());
    let mut quarantine = receipt.quarantine.iter().map(|object| object.key.as_str());
    refined.any(|named| named == key) || quarantine.any(|named| named == key)
}

/// The tables with rows of the event: of all objects that the receipt names, or without a receipt of
/// the one that matched.
async fn trace_tables(
    lake: &LakeHandle,
    candidate: &SearchCandidate,
    receipt: Option<&Receipt>,
    (offset, event_id): (i64, &str),
) -> Result<Vec<TracedTable>, OperationError> {
    let named: Vec<(String, String)> = match receipt {
        Some(receipt) => receipt
            .tables
            .iter()
            .map(|(table, object)| (table.clone(), object.key.clone()))
            .collect(),
        None => vec![(
            candidate.table.clone().unwrap_or_default(),
            candidate.key.clone(),
        )],
    };

    let mut tables = Vec::new();
    for (table, object) in named {
        let rows = read_event_offsets(lake, &object, event_id).await?.len();
        if rows > 0 {
            let first_day = find_first_day(lake, &table, candidate, offset).await?;
            tables.push(TracedTable {
                states_record: lake.catalogue.table_contract(&table).is_none(),
                table,
                object,
                rows,
                first_day: first_day.map(|day| day.to_string()),
            });
        }
    }
    Ok(tables)
}

/// The first retained day on which a table's snapshot has committed the record at an offset.
async fn find_first_day(
    lake: &LakeHandle,
    table: &str,
    candidate: &SearchCandidate,
    offset: i64,
) -> Result<Option<Day>, OperationError> {
    let chunk = &candidate.chunk;
    let stream = stream_key(chunk);
    let mut days = streams::list_manifest_days(table, &*lake.curated).await?;
    days.sort_unstable();

    for day in days.into_iter().filter(|day| *day >= candidate.day) {
        let manifest = streams::read_manifest(table, day, &*lake.curated).await;
        let Some(manifest) = lake.unreadable.note(manifest)?.flatten() else {
            continue;
        };
        let committed = manifest.committed_offset(&stream);
        if committed.is_some_and(|committed| committed.next > offset) {
            return Ok(Some(day));
        }
    }
    Ok(None)
}
