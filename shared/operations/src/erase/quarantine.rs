//! Refused records: those about a subject are erased, those that mention one are redacted.

use std::collections::BTreeMap;

use bytes::Bytes;
use lake::{Chunk, LakeError, QuarantinedRecord, RefusedRecord};

use super::classify::{CandidateRecord, RecordClassification, RecordClassifier};
use super::raw::OffsetClassifications;

/// The outcome for a quarantine object.
pub(super) struct RedactedQuarantine {
    /// The classifications of its records, by offset; unrelated records have none.
    pub(super) classifications: OffsetClassifications,
    /// The records that remain, by rule.
    pub(super) remaining: BTreeMap<String, u64>,
    /// The records that remain, without mentions.
    pub(super) records: Vec<QuarantinedRecord>,
    /// The object's new content, and how many of its records are erased or redacted; none when all
    /// stay as they are.
    pub(super) rewritten: Option<(Bytes, u64)>,
}

/// Erases and redacts the records of a quarantine object.
///
/// # Errors
/// When the bytes are no quarantine object.
pub(super) fn redact_quarantine(
    chunk: &Chunk,
    body: Bytes,
    classifier: &RecordClassifier<'_>,
) -> Result<RedactedQuarantine, LakeError> {
    let records = lake::decode_quarantine(body)?;
    // All records of an object have one source and its versions, also when no record remains to say
    // so.
    let example = records.first().cloned();
    let total = records.len();
    let classifications = classify_refused(&records, classifier);

    let (remaining, redacted) = retain_records(records, &classifications);
    let changed = total - remaining.len() + redacted;
    let mut by_rule: BTreeMap<String, u64> = BTreeMap::new();
    for record in &remaining {
        *by_rule.entry(record.rule.clone()).or_default() += 1;
    }

    let rewritten = match example.filter(|_| changed > 0) {
        Some(example) => {
            let body = encode_records(chunk, &example, &remaining)?;
            Some((body, changed as u64))
        }
        None => None,
    };
    Ok(RedactedQuarantine {
        classifications,
        remaining: by_rule,
        records: remaining,
        rewritten,
    })
}

fn classify_refused(
    records: &[QuarantinedRecord],
    classifier: &RecordClassifier<'_>,
) -> OffsetClassifications {
    let mut classifications = OffsetClassifications::new();
    for record in records {
        let candidate = CandidateRecord {
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: record.headers.as_deref(),
            arrived: record.appended,
        };
        let class = classifier.classify_record(candidate, false);
        if class != RecordClassification::Unrelated {
            classifications.insert(record.offset, class);
        }
    }
    classifications
}

/// The records without those that are erased, and how many of them are redacted.
fn retain_records(
    records: Vec<QuarantinedRecord>,
    classifications: &OffsetClassifications,
) -> (Vec<QuarantinedRecord>, usize) {
    let mut remaining = Vec::new();
    let mut redacted = 0;
    for mut record in records {
        match classifications.get(&record.offset) {
            Some(class) if class.is_erased() => continue,
            Some(RecordClassification::MentionsSubject(value)) => {
                record.value = Some(value.clone());
                redacted += 1;
            }
            _ => {}
        }
        remaining.push(record);
    }
    (remaining, redacted)
}

fn encode_records(
    chunk: &Chunk,
    example: &QuarantinedRecord,
    records: &[QuarantinedRecord],
) -> Result<Bytes, LakeError> {
    let records: Vec<RefusedRecord<'_>> = records.iter().map(refused_record).collect();
    let versions = (
        example.contract_version.as_str(),
        example.mapping_version.as_str(),
    );
    lake::encode_quarantine(chunk, &example.source, versions, &records)
}

fn refused_record(record: &QuarantinedRecord) -> RefusedRecord<'_> {
    RefusedRecord {
        offset: record.offset,
        appended: record.appended,
        key: record.key.as_deref(),
        value: record.value.as_deref(),
        headers: record.headers.as_deref(),
        rule: record.rule.clone(),
        path: record.path.clone(),
        reason: record.reason.clone(),
    }
}
