//! Losses declared by an operator, and declarations withdrawn. Only what the audit of every byte
//! finds lost can be declared.

use bytes::Bytes;
use lake::{Chunk, DeclaredLoss, Receipt, StreamKey};
use serde::Serialize;
use store::ObjectMetadata;

use super::audit_every_byte;
use super::lost_records::{find_lost_objects, find_lost_records};
use super::outcome::LostRecords;
use crate::audit::LakeAudit;
use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// Characters of a reason at most.
const REASON_CHARS_MAX: usize = 500;

/// Which losses are declared, and why.
#[derive(Clone, Debug)]
pub struct LossRequest {
    /// The lost raw objects, by their keys.
    pub objects: Vec<String>,
    /// The offset behind the loss of the one object, where nothing records it.
    pub next: Option<i64>,
    /// Why they are lost.
    pub reason: String,
    /// Writes nothing.
    pub dry_run: bool,
}

/// A declaration that was written, or would be.
#[derive(Clone, Debug, Serialize)]
pub struct WrittenLoss {
    /// Its key.
    pub document: String,
    /// The loss.
    #[serde(flatten)]
    pub loss: DeclaredLoss,
    /// Objects of the refined zone that are lost with the raw object: its receipt names them as lost
    /// from now on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lost_objects: Vec<String>,
}

/// Declares losses. All of them are checked before the first is written.
///
/// # Errors
/// When an object is not lost, it is not known what is lost, a declaration is there already, or the
/// storage does not answer.
pub async fn declare_losses(
    lake: &LakeHandle,
    request: &LossRequest,
) -> Result<Vec<WrittenLoss>, OperationError> {
    check_request(request)?;
    let audit = audit_every_byte(lake).await?;
    let found = find_lost_records(lake, &audit.findings).await?;

    let mut planned = Vec::new();
    for object in &request.objects {
        let lost = find_named(object, &found, &audit)?;
        planned.push(plan_declaration(lake, lost, request).await?);
    }
    if !request.dry_run {
        for written in &planned {
            write_declaration(lake, written).await?;
        }
    }
    Ok(planned)
}

/// Deletes the declarations of these objects, each named by its own key or by that of the raw object
/// that it declares lost. Gives the keys of the declarations.
///
/// # Errors
/// When there is no such declaration, or the storage does not answer.
pub async fn withdraw_losses(
    lake: &LakeHandle,
    objects: &[String],
    dry_run: bool,
) -> Result<Vec<String>, OperationError> {
    let mut documents = Vec::new();
    for object in objects {
        let key = Chunk::from_raw_key(object).map(|chunk| DeclaredLoss::key_of(&chunk));
        let key = key.unwrap_or_else(|| object.clone());
        let is_there =
            key.starts_with(DeclaredLoss::prefix()) && lake.refined.object_exists(&key).await?;
        if !is_there {
            let why = format!(
                "{object} is not declared lost: there is no declaration of it; `polelake audit` \
                 prints those that are there under `declared lost`"
            );
            return Err(why.into());
        }
        documents.push(key);
    }

    if !dry_run {
        for document in &documents {
            lake.refined.delete(document).await?;
        }
    }
    Ok(documents)
}

fn check_request(request: &LossRequest) -> Result<(), OperationError> {
    let length = request.reason.chars().count();
    if request.reason.trim().is_empty() || length > REASON_CHARS_MAX {
        let why = format!(
            "the reason has {length} characters; say in at most {REASON_CHARS_MAX} why the records \
             are lost: --reason TEXT"
        );
        return Err(why.into());
    }
    if request.next.is_some() && request.objects.len() != 1 {
        let why =
            "--next is the end of one loss; name one object, and declare the others without it";
        return Err(why.into());
    }
    Ok(())
}

/// The loss of an object, as the audit found it.
fn find_named<'f>(
    object: &str,
    found: &'f [LostRecords],
    audit: &LakeAudit,
) -> Result<&'f LostRecords, OperationError> {
    if let Some(lost) = found.iter().find(|lost| lost.object == object) {
        return Ok(lost);
    }

    let mut declared = audit.declared_lost.iter();
    if declared.any(|loss| loss.object == object) {
        let why = format!(
            "{object} is declared lost already; `polelake audit` prints the declaration, and \
             `polelake repair --withdraw {object}` deletes it"
        );
        return Err(why.into());
    }
    let why = format!(
        "{object} is not lost: the audit of every byte finds no such loss; `polelake repair \
         --dry-run` names what is lost, each by the key to give here"
    );
    Err(why.into())
}

async fn plan_declaration(
    lake: &LakeHandle,
    lost: &LostRecords,
    request: &LossRequest,
) -> Result<WrittenLoss, OperationError> {
    let object = &lost.object;
    let chunk = Chunk::from_raw_key(object).ok_or("a lost object is no raw object")?;
    let document = DeclaredLoss::key_of(&chunk);
    if lake.refined.object_exists(&document).await? {
        let why = format!(
            "{object} has a declaration already, which is not of what is lost now: delete it with \
             `polelake repair --withdraw {object}` and run this command again"
        );
        return Err(why.into());
    }
    if lost.receipt_damaged {
        let receipt = chunk.receipt_key();
        let why = format!(
            "it is not known which rows {object} became, for its receipt {receipt} cannot be read: \
             restore an earlier version of the receipt; where there is none, move it away, and \
             `polelake repair --dry-run` names the loss without it"
        );
        return Err(why.into());
    }

    let loss = DeclaredLoss {
        next: decide_next(lost, request.next)?,
        stream: StreamKey {
            topic: chunk.topic.clone(),
            epoch: chunk.epoch,
            partition: chunk.partition,
        },
        first: lost.first,
        object: object.clone(),
        records: lost.records,
        rows_kept: lost.rows_kept,
        reason: request.reason.trim().to_owned(),
        declared_at: host::now_micros(),
    };
    let receipt = lake.read_receipt(&chunk).await?;
    let lost_objects = match receipt {
        Some(receipt) => find_lost_objects(lake, &receipt).await?,
        None => Vec::new(),
    };
    Ok(WrittenLoss {
        document,
        loss,
        lost_objects,
    })
}

/// The offset behind a loss: what is recorded, or where nothing is, what the operator says.
fn decide_next(lost: &LostRecords, given: Option<i64>) -> Result<i64, OperationError> {
    let object = &lost.object;
    match (lost.next, given) {
        (Some(known), Some(given)) if known != given => {
            let why = format!(
                "{object} is lost up to offset {}, as the lake records it: --next {given} is not the \
                 offset behind; leave --next out",
                known - 1
            );
            Err(why.into())
        }
        (Some(known), _) => Ok(known),
        (None, Some(given)) if given > lost.first => Ok(given),
        (None, Some(given)) => {
            let why = format!(
                "{object} is lost from offset {} on: --next {given} is not behind it; give the \
                 offset behind the last lost record",
                lost.first
            );
            Err(why.into())
        }
        (None, None) => {
            let why = format!(
                "nothing records where {object} ended: it has no receipt, and no raw object stands \
                 behind it; give the offset behind its last record with --next OFFSET"
            );
            Err(why.into())
        }
    }
}

/// Writes a declaration, and then the receipt that names lost objects as lost: a receipt that does
/// so is never without its declaration.
async fn write_declaration(lake: &LakeHandle, written: &WrittenLoss) -> Result<(), OperationError> {
    let WrittenLoss {
        document,
        loss,
        lost_objects,
    } = written;
    let body = Bytes::from(loss.to_json()?);
    let is_free = lake
        .refined
        .put_if_absent(document, body, ObjectMetadata::new());
    if !is_free.await? {
        return Err(describe_other_writer(document));
    }
    if lost_objects.is_empty() {
        return Ok(());
    }

    let key = loss.chunk().receipt_key();
    let object = lake.refined.get(&key).await?;
    let receipt = Receipt::from_json(&object.body)?;
    let receipt = receipt.without_lost(|key| lost_objects.iter().any(|lost| lost == key));
    let body = Bytes::from(receipt.to_json()?);
    if lake.refined.put_if_match(&key, &object.etag, body).await? {
        return Ok(());
    }
    Err(describe_other_writer(&key))
}

fn describe_other_writer(key: &str) -> OperationError {
    let why = format!(
        "another run wrote {key} at the same moment; `polelake audit` says what is declared now"
    );
    why.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(next: Option<i64>) -> LostRecords {
        LostRecords {
            object: "raw/t/x".into(),
            first: 7,
            next,
            records: None,
            rows_kept: false,
            receipt_damaged: false,
        }
    }

    #[test]
    fn the_end_is_what_is_recorded_or_what_is_given_and_never_both() {
        assert_eq!(decide_next(&lost(Some(9)), None).unwrap(), 9);
        assert_eq!(decide_next(&lost(Some(9)), Some(9)).unwrap(), 9);
        assert_eq!(decide_next(&lost(None), Some(8)).unwrap(), 8);
        for (known, given, part) in [
            (Some(9), Some(8), "leave --next out"),
            (None, Some(7), "not behind it"),
            (None, None, "--next OFFSET"),
        ] {
            let error = decide_next(&lost(known), given).unwrap_err().to_string();
            assert!(error.contains(part) && error.contains("raw/t/x"), "{error}");
        }
    }

    #[test]
    fn a_request_says_why_and_ends_one_loss_at_most() {
        let request = LossRequest {
            objects: vec!["a".into()],
            next: Some(1),
            reason: "a disk burnt".into(),
            dry_run: false,
        };
        assert!(check_request(&request).is_ok());
        for (reason, objects) in [(" ", 1), (&*"x".repeat(501), 1), ("a disk burnt", 2)] {
            let wrong = LossRequest {
                reason: reason.to_owned(),
                objects: vec!["a".into(); objects],
                ..request.clone()
            };
            assert!(check_request(&wrong).is_err(), "{wrong:?}");
        }
    }
}
