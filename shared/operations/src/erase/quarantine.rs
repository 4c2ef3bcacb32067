//! Refused records: those about a subject go, those that mention one are redacted.

use std::collections::BTreeMap;

use bytes::Bytes;
use lake::{Chunk, LakeError, QuarantinedRecord, RefusedRecord};

use super::classify::{CandidateRecord, RecordClassification, RecordClassifier};
use super::raw::OffsetClassifications;

/// A quarantine object, looked through.
pub(super) struct RedactedQuarantine {
    /// What was judged of its records, by offset.
    pub(super) classifications: OffsetClassifications,
    /// The records that stay, by rule.
    pub(super) remaining: BTreeMap<String, u64>,
    /// The object without the others, and how many records of it are other than before.
    pub(super) rewritten: Option<(Bytes, u64)>,
}

/// Looks through a quarantine object.
///
/// # Errors
/// When the bytes are no quarantine object.
pub(super) fn redact_quarantine(
    chunk: &Chunk,
    body: Bytes,
    judge: &RecordClassifier<'_>,
) -> Result<RedactedQuarantine, LakeError> {
    let mut refused = lake::decode_quarantine(body)?;
    let versions = refused.first().map(|first| {
        (
            first.source.clone(),
            first.contract_version.clone(),
            first.mapping_version.clone(),
        )
    });
    let mut judgements = OffsetClassifications::new();
    for one in &refused {
        let record = CandidateRecord {
            key: one.key.as_deref(),
            value: one.value.as_deref(),
            headers: one.headers.as_deref(),
        };
        match judge.classify_record(record, false) {
            RecordClassification::Unrelated => {}
            judgement => drop(judgements.insert(one.offset, judgement)),
        }
    }
    let before = refused.len();
    refused.retain(|one| {
        !matches!(
            judgements.get(&one.offset),
            Some(RecordClassification::AboutSubject { .. } | RecordClassification::AlreadyErased)
        )
    });
    let mut count = before - refused.len();
    let mut left: BTreeMap<String, u64> = BTreeMap::new();
    for one in &mut refused {
        *left.entry(one.rule.clone()).or_default() += 1;
        if let Some(RecordClassification::MentionsSubject(redacted)) = judgements.get(&one.offset) {
            one.value = Some(redacted.clone());
            count += 1;
        }
    }
    let Some((source, contract, mapping)) = versions.filter(|_| count > 0) else {
        return Ok(RedactedQuarantine {
            classifications: judgements,
            remaining: left,
            rewritten: None,
        });
    };
    let records: Vec<RefusedRecord<'_>> = refused.iter().map(quarantined_record).collect();
    let body = lake::encode_quarantine(chunk, &source, (&contract, &mapping), &records)?;
    Ok(RedactedQuarantine {
        classifications: judgements,
        remaining: left,
        rewritten: Some((body, count as u64)),
    })
}

fn quarantined_record(refused: &QuarantinedRecord) -> RefusedRecord<'_> {
    RefusedRecord {
        offset: refused.offset,
        appended: refused.appended,
        key: refused.key.as_deref(),
        value: refused.value.as_deref(),
        headers: refused.headers.as_deref(),
        rule: refused.rule.clone(),
        path: refused.path.clone(),
        reason: refused.reason.clone(),
    }
}
