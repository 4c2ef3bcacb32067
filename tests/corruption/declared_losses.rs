//! Losses that an operator declares: what the repair names as lost, and nothing else, is no finding
//! any more, a rebuild goes over it, and the days have every row that is left.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use lake::{Chunk, Day, DeclaredLoss, Receipt};
use operations::audit::{AuditScope, FindingKind, LakeAudit, audit_lake};
use operations::rebuild::{RebuildOutcome, RebuildRequest, rebuild_days};
use operations::repair::{
    LossRequest, RepairRequest, WrittenLoss, declare_losses, withdraw_losses,
};
use polelake::CliError;
use polelake::function_rebuilder::FunctionRebuilder;
use store::ObjectStore;

use super::audit;
use super::damage::flip_bit;
use super::kept_lake::{DAYS, KeptLake, ObjectPlace, WEDNESDAY};
use super::repaired::{find_differing, repair};
use crate::erasure::people::{named, zones};
use crate::lake_under_test::MONDAY;

const REASON: &str = "the bucket of March was deleted";

const DRY_RUN: RepairRequest = RepairRequest {
    dry_run: true,
    delete_added: false,
};

/// What happens to a raw object.
#[derive(Clone, Copy, Debug)]
enum RawDamage {
    Deleted,
    Flipped,
}

/// The raw objects of the people, in their order.
fn person_chunks(lake: &KeptLake) -> Vec<Chunk> {
    let keys = lake.objects.keys();
    let chunks = keys.filter_map(|(_, key)| Chunk::from_raw_key(key));
    chunks
        .filter(|chunk| chunk.topic == "housing-person")
        .collect()
}

/// The raw object of the people of Tuesday.
fn middle_chunk(lake: &KeptLake) -> Chunk {
    let chunks = person_chunks(lake);
    assert!(chunks.len() > 3, "{chunks:?}");
    chunks[chunks.len() - 2].clone()
}

/// The objects that are not what they were. A raw object that is lost at the beginning of its stream
/// leaves the Iceberg table of raw objects, as one that has expired.
async fn find_changed(lake: &KeptLake) -> BTreeSet<ObjectPlace> {
    let mut changed = find_differing(lake).await;
    changed.retain(|(_, key)| !key.starts_with("curated/_raw/"));
    changed
}

fn raw_place(chunk: &Chunk) -> ObjectPlace {
    ("raw", chunk.raw_key())
}

fn receipt_place(chunk: &Chunk) -> ObjectPlace {
    ("refined", chunk.receipt_key())
}

fn document_place(chunk: &Chunk) -> ObjectPlace {
    ("refined", DeclaredLoss::key_of(chunk))
}

fn kept_receipt(lake: &KeptLake, chunk: &Chunk) -> Receipt {
    Receipt::from_json(&lake.objects[&receipt_place(chunk)].body).unwrap()
}

/// The first refined object that a receipt names.
fn of_table(receipt: &Receipt) -> String {
    let mut tables = receipt.tables.values();
    tables.next().unwrap().key.clone()
}

async fn damage_raw(lake: &KeptLake, chunk: &Chunk, damage: RawDamage) {
    let place = raw_place(chunk);
    let flipped = flip_bit(&lake.objects[&place], &mut fastrand::Rng::with_seed(7));
    let content = match damage {
        RawDamage::Deleted => None,
        RawDamage::Flipped => Some(&flipped),
    };
    lake.write(&place, content).await;
}

/// Deletes everything that the chunk became, its receipt last.
async fn delete_refined(lake: &KeptLake, chunk: &Chunk) {
    let receipt = kept_receipt(lake, chunk);
    let refined = receipt.tables.into_values().map(|object| object.key);
    let quarantine = receipt.quarantine.into_iter().map(|object| object.key);
    for key in refined.chain(quarantine).chain([chunk.receipt_key()]) {
        lake.days.refined.delete(&key).await.unwrap();
    }
}

fn request_for(chunk: &Chunk) -> LossRequest {
    LossRequest {
        objects: vec![chunk.raw_key()],
        next: None,
        reason: REASON.to_owned(),
        dry_run: false,
    }
}

async fn declare(lake: &KeptLake, chunk: &Chunk) -> Result<Vec<WrittenLoss>, CliError> {
    declare_losses(&zones(&lake.days), &request_for(chunk)).await
}

async fn withdraw(lake: &KeptLake, chunk: &Chunk) {
    let handle = zones(&lake.days);
    let withdrawn = withdraw_losses(&handle, &[chunk.raw_key()], false).await;
    assert_eq!(withdrawn.unwrap(), [DeclaredLoss::key_of(chunk)]);
}

/// The audit that reads no object in full.
async fn audit_shallow(lake: &KeptLake) -> LakeAudit {
    let scope = AuditScope::default();
    audit_lake(&zones(&lake.days), scope).await.unwrap()
}

/// Every day built again from the raw zone.
async fn rebuild(lake: &KeptLake) -> RebuildOutcome {
    try_rebuild(lake).await.unwrap()
}

async fn try_rebuild(lake: &KeptLake) -> Result<RebuildOutcome, CliError> {
    let days = &lake.days;
    let rebuilder = FunctionRebuilder {
        transform: pole_transform::Context {
            raw: Arc::clone(&days.raw) as _,
            refined: Arc::clone(&days.refined) as _,
            catalogue: Arc::clone(&days.catalogue),
            identity_key: pole::IdentityKey::for_tests(),
        },
        merge: days.context(),
        publish: None,
        report: None,
        reports: Default::default(),
    };
    let request = RebuildRequest {
        from: Day::parse(MONDAY).unwrap(),
        to: None,
        today: Day::parse(WEDNESDAY).unwrap(),
        tables: Vec::new(),
        raw: true,
    };
    let handle = zones(days);
    rebuild_days(&handle, &request, &rebuilder, &|_| ()).await
}

/// The key of the new person of a day, by the minute of the day's events.
fn new_person(minute: u32) -> String {
    format!("9e8d7c6b-0000-4000-8000-0000000000{minute}")
}

/// Whether Wednesday has the new person of a day.
async fn has_person_of(lake: &KeptLake, minute: u32) -> bool {
    let key = new_person(minute);
    let found = lake.days.row("person", WEDNESDAY, &key).await;
    found.is_some()
}

fn kinds(audit: &LakeAudit) -> BTreeSet<FindingKind> {
    audit.findings.iter().map(|finding| finding.kind).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_raw_object_is_declared_and_no_day_loses_a_row() {
    let lake = KeptLake::build_days(&DAYS).await;
    let first = person_chunks(&lake)[0].clone();
    for (chunk, damage) in [
        (middle_chunk(&lake), RawDamage::Deleted),
        (middle_chunk(&lake), RawDamage::Flipped),
        (first, RawDamage::Deleted),
    ] {
        damage_raw(&lake, &chunk, damage).await;
        let receipt = kept_receipt(&lake, &chunk);
        let outcome = repair(&lake, DRY_RUN).await;
        assert_eq!(outcome.lost.len(), 1, "{damage:?} {:?}", outcome.lost);
        let lost = &outcome.lost[0];
        assert_eq!(
            (&lost.object, lost.next),
            (&chunk.raw_key(), Some(receipt.next))
        );
        assert!(!rebuild(&lake).await.is_complete(), "it refuses");
        let damaged = BTreeSet::from([raw_place(&chunk)]);
        assert_eq!(find_changed(&lake).await, damaged, "it changes nothing");

        let written = declare(&lake, &chunk).await.unwrap();
        let loss = written[0].loss.clone();
        assert_eq!((loss.first, loss.next), (chunk.offset, receipt.next));
        assert_eq!((loss.records, loss.rows_kept), (Some(receipt.landed), true));
        for audit in [audit(&lake).await, audit_shallow(&lake).await] {
            assert_eq!(audit.findings, [], "{damage:?}");
            assert_eq!(audit.declared_lost, std::slice::from_ref(&loss));
        }

        let rebuilt = rebuild(&lake).await;
        assert!(rebuilt.is_complete(), "{rebuilt:?}");
        assert_eq!(rebuilt.declared_lost, [loss]);
        let expected = BTreeSet::from([raw_place(&chunk), document_place(&chunk)]);
        assert_eq!(find_changed(&lake).await, expected, "every row stays");

        let place = raw_place(&chunk);
        lake.write(&place, Some(&lake.objects[&place])).await;
        for audit in [audit(&lake).await, audit_shallow(&lake).await] {
            assert_eq!(kinds(&audit), [FindingKind::LossReturned].into());
            assert_eq!(audit.findings[0].object, chunk.raw_key());
            assert!(audit.findings[0].next.contains("--withdraw"));
        }
        withdraw(&lake, &chunk).await;
        assert_eq!(audit(&lake).await.findings, []);
        assert_eq!(find_changed(&lake).await, BTreeSet::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_is_declared_and_the_days_have_what_is_behind_it() {
    let lake = KeptLake::build_days(&DAYS).await;
    let chunk = middle_chunk(&lake);
    let receipt = kept_receipt(&lake, &chunk);
    damage_raw(&lake, &chunk, RawDamage::Deleted).await;
    delete_refined(&lake, &chunk).await;

    let outcome = repair(&lake, DRY_RUN).await;
    assert_eq!(outcome.lost.len(), 1, "{:?}", outcome.lost);
    let lost = &outcome.lost[0];
    assert_eq!((&lost.object, lost.first), (&chunk.raw_key(), chunk.offset));
    assert_eq!((lost.next, lost.records), (Some(receipt.next), None));
    let refused = try_rebuild(&lake).await.unwrap_err().to_string();
    assert!(refused.contains("--declare-lost"), "it refuses: {refused}");
    assert!(has_person_of(&lake, 22).await, "the day stays as it was");

    declare(&lake, &chunk).await.unwrap();
    let audited = audit(&lake).await;
    assert_eq!(audited.findings, []);
    assert_eq!(audited.declared_lost[0].next, receipt.next);

    let rebuilt = rebuild(&lake).await;
    assert!(rebuilt.is_complete(), "{rebuilt:?}");
    assert!(has_person_of(&lake, 21).await, "before the gap");
    assert!(!has_person_of(&lake, 22).await, "in the gap");
    assert!(has_person_of(&lake, 23).await, "behind the gap");
    assert_eq!(audit(&lake).await.findings, []);

    lake.restore().await;
    assert_eq!(audit(&lake).await.declared_lost, []);
    assert!(rebuild(&lake).await.is_complete());
    assert!(has_person_of(&lake, 22).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_was_never_merged_goes_over_a_declared_gap() {
    let mut lake = KeptLake::build_before_wednesday().await;
    let chunk = person_chunks(&lake).pop().unwrap();
    let later = named(&new_person(24), 24, "Later", "1990-01-02");
    lake.days.push("housing-person", WEDNESDAY, &[later]).await;
    damage_raw(&lake, &chunk, RawDamage::Deleted).await;
    delete_refined(&lake, &chunk).await;

    lake.days.merge(WEDNESDAY).await.unwrap();
    assert!(!has_person_of(&lake, 24).await, "the gap stops the stream");
    declare(&lake, &chunk).await.unwrap();
    lake.days.merge(WEDNESDAY).await.unwrap();
    assert!(has_person_of(&lake, 22).await, "before the gap");
    assert!(!has_person_of(&lake, 23).await, "in the gap");
    assert!(has_person_of(&lake, 24).await, "behind the gap");
    assert_eq!(audit(&lake).await.findings, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_lost_with_their_raw_object_come_back_with_it() {
    let lake = KeptLake::build_days(&DAYS).await;
    let chunk = middle_chunk(&lake);
    let receipt = kept_receipt(&lake, &chunk);
    let person = of_table(&receipt);
    let refused = receipt.quarantine.unwrap().key;
    damage_raw(&lake, &chunk, RawDamage::Deleted).await;
    lake.days.refined.delete(&person).await.unwrap();
    lake.days.refined.delete(&refused).await.unwrap();

    let written = declare(&lake, &chunk).await.unwrap();
    assert!(!written[0].loss.rows_kept);
    assert_eq!(written[0].lost_objects, [person.clone(), refused]);
    assert_eq!(audit(&lake).await.findings, []);
    assert!(rebuild(&lake).await.is_complete());
    assert!(!has_person_of(&lake, 22).await, "lost with the rows");
    assert!(has_person_of(&lake, 23).await);
    assert_eq!(audit(&lake).await.findings, []);

    let place = raw_place(&chunk);
    lake.write(&place, Some(&lake.objects[&place])).await;
    withdraw(&lake, &chunk).await;
    let found = audit(&lake).await;
    assert_eq!(
        kinds(&found),
        [FindingKind::ReceiptWrong].into(),
        "{found:?}"
    );
    let outcome = repair(&lake, RepairRequest::default()).await;
    assert!(outcome.is_whole(), "{outcome:?}");
    let differing = find_changed(&lake).await;
    let outside = differing.iter().filter(|(zone, _)| *zone != "curated");
    assert_eq!(outside.count(), 0, "{differing:?}");
    assert!(rebuild(&lake).await.is_complete());
    assert!(has_person_of(&lake, 22).await);
}

/// A lake of which one raw object is gone and declared lost: its chunk, and the declaration.
async fn lake_with_a_declared_loss() -> (KeptLake, Chunk, DeclaredLoss) {
    let lake = KeptLake::build_days(&DAYS).await;
    let chunk = middle_chunk(&lake);
    damage_raw(&lake, &chunk, RawDamage::Deleted).await;
    let loss = declare(&lake, &chunk).await.unwrap().remove(0).loss;
    (lake, chunk, loss)
}

async fn put_document(lake: &KeptLake, key: &str, body: Vec<u8>) {
    let body = Bytes::from(body);
    lake.days.refined.put(key, body, "").await.unwrap();
}

/// The declaration with one member changed, each time another.
fn edited_declarations(loss: &DeclaredLoss) -> [(&'static str, DeclaredLoss); 4] {
    [
        (
            "longer",
            DeclaredLoss {
                next: loss.next + 1,
                ..loss.clone()
            },
        ),
        (
            "shorter",
            DeclaredLoss {
                next: loss.next - 1,
                ..loss.clone()
            },
        ),
        (
            "fewer",
            DeclaredLoss {
                records: Some(1),
                ..loss.clone()
            },
        ),
        (
            "rows",
            DeclaredLoss {
                rows_kept: false,
                ..loss.clone()
            },
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declaration_that_was_changed_declares_nothing() {
    let (lake, chunk, loss) = lake_with_a_declared_loss().await;
    let written = loss.to_json().unwrap();
    let key = DeclaredLoss::key_of(&chunk);
    for (what, changed) in edited_declarations(&loss) {
        put_document(&lake, &key, changed.to_json().unwrap()).await;
        let found = kinds(&audit(&lake).await);
        assert!(found.contains(&FindingKind::LossWrong), "{what}: {found:?}");
    }

    let mut flipped = written.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    put_document(&lake, &key, flipped).await;
    let found = audit(&lake).await;
    assert!(found.findings.iter().any(|finding| finding.object == key));
    assert!(
        kinds(&found).contains(&FindingKind::RawMissing),
        "{found:?}"
    );

    // The declaration of another raw object, under its own key and under this one's.
    let other = person_chunks(&lake)[1].clone();
    let of_other = DeclaredLoss {
        first: other.offset,
        next: chunk.offset,
        object: other.raw_key(),
        ..loss.clone()
    };
    let other_key = DeclaredLoss::key_of(&other);
    put_document(&lake, &key, of_other.to_json().unwrap()).await;
    let found = audit(&lake).await;
    assert!(found.findings.iter().any(|finding| finding.object == key));
    put_document(&lake, &key, written.clone()).await;
    put_document(&lake, &other_key, of_other.to_json().unwrap()).await;
    let found = kinds(&audit(&lake).await);
    assert!(found.contains(&FindingKind::LossReturned), "{found:?}");
    lake.days.refined.delete(&other_key).await.unwrap();

    assert_eq!(audit(&lake).await.findings, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declaration_hides_no_other_damage() {
    let (lake, chunk, _) = lake_with_a_declared_loss().await;
    let person = of_table(&kept_receipt(&lake, &chunk));

    assert_eq!(audit(&lake).await.findings, []);
    lake.days.refined.delete(&person).await.unwrap();
    assert_eq!(
        kinds(&audit(&lake).await),
        [FindingKind::RefinedWrong].into()
    );
    assert!(
        !rebuild(&lake).await.is_complete(),
        "it drops no row in silence"
    );
    lake.write(
        &("refined", person.clone()),
        Some(&lake.objects[&("refined", person)]),
    )
    .await;
    lake.days
        .refined
        .delete(&chunk.receipt_key())
        .await
        .unwrap();
    let found = kinds(&audit(&lake).await);
    assert!(found.contains(&FindingKind::LossWrong), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_lost_is_not_declared() {
    let lake = KeptLake::build_days(&DAYS).await;
    let chunk = middle_chunk(&lake);
    let error = declare(&lake, &chunk).await.unwrap_err().to_string();
    for part in [
        &*chunk.raw_key(),
        "is not lost",
        "polelake repair --dry-run",
    ] {
        assert!(error.contains(part), "{error}");
    }

    // Two losses, of which one is none: nothing is written.
    damage_raw(&lake, &chunk, RawDamage::Deleted).await;
    let both = LossRequest {
        objects: vec![chunk.raw_key(), person_chunks(&lake)[0].raw_key()],
        ..request_for(&chunk)
    };
    assert!(declare_losses(&zones(&lake.days), &both).await.is_err());
    let planned = LossRequest {
        dry_run: true,
        ..request_for(&chunk)
    };
    declare_losses(&zones(&lake.days), &planned).await.unwrap();
    assert_eq!(find_changed(&lake).await, [raw_place(&chunk)].into());

    declare(&lake, &chunk).await.unwrap();
    let error = declare(&lake, &chunk).await.unwrap_err().to_string();
    assert!(error.contains("declared lost already"), "{error}");

    // A receipt that cannot be read says neither the end nor what else is lost.
    withdraw(&lake, &chunk).await;
    let place = receipt_place(&chunk);
    let flipped = flip_bit(&lake.objects[&place], &mut fastrand::Rng::with_seed(3));
    lake.write(&place, Some(&flipped)).await;
    let error = declare(&lake, &chunk).await.unwrap_err().to_string();
    assert!(error.contains(&chunk.receipt_key()), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_nothing_records_is_given_by_the_operator() {
    let lake = KeptLake::build_days(&DAYS).await;
    let chunk = person_chunks(&lake).pop().unwrap();
    let receipt = kept_receipt(&lake, &chunk);
    delete_refined(&lake, &chunk).await;
    let place = raw_place(&chunk);
    let mut content = flip_bit(&lake.objects[&place], &mut fastrand::Rng::with_seed(1));
    content.metadata.clear();
    lake.write(&place, Some(&content)).await;

    let error = declare(&lake, &chunk).await.unwrap_err().to_string();
    assert!(error.contains("--next OFFSET"), "{error}");
    let request = LossRequest {
        next: Some(receipt.next),
        ..request_for(&chunk)
    };
    declare_losses(&zones(&lake.days), &request).await.unwrap();
    let found = audit(&lake).await;
    assert_eq!(found.findings, []);
    assert_eq!(found.declared_lost[0].next, receipt.next);
}
