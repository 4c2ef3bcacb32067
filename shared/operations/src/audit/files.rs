//! The files that manifests name: whether each is there, and is what the merge wrote.

use std::collections::BTreeMap;
use std::sync::Arc;

use lake::{LakeError, ManifestShard, NamedFile, NamedObject, OwnerRange, check_size};
use store::ObjectError;
use store::sorted_file::{RowGroupFetcher, SortedFile, SortedFileError, select_row_groups};

use super::finding_kind::FindingKind;
use super::report::AuditFinding;
use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// With which a Parquet file begins. No reader of a part of a file sees it.
const FILE_MARK: &[u8] = b"PAR1";

/// The files that an audit has checked: days share most of them.
#[derive(Default)]
pub(super) struct CheckedFiles(BTreeMap<String, bool>);

impl CheckedFiles {
    /// Checks the files of a shard that are not checked yet; whether its rows can be read. With
    /// `deep` every byte is read, otherwise only the tails, which hold the digests of the rest.
    pub(super) async fn check_shard(
        &mut self,
        lake: &LakeHandle,
        shard: &ManifestShard,
        deep: bool,
        findings: &mut Vec<AuditFinding>,
    ) -> Result<bool, OperationError> {
        for file in shard.files() {
            if self.0.contains_key(&file.key) {
                continue;
            }
            let rows = (file.key == shard.rows_file.key).then_some(shard.rows);
            let checked = check_file(lake, file, rows, deep, findings).await?;
            self.0.insert(file.key.clone(), checked);
        }

        if let Some(profile) = shard.profile.as_ref().filter(|_| deep)
            && !self.0.contains_key(&profile.key)
        {
            let checked = check_profile(lake, profile).await?;
            self.0.insert(profile.key.clone(), checked);
        }
        Ok(self.0.get(&shard.rows_file.key).copied().unwrap_or(false))
    }

    /// Whether a manifest names the key.
    pub(super) fn contains(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }
}

/// Checks a file; whether it is what the merge wrote.
async fn check_file(
    lake: &LakeHandle,
    file: &NamedFile,
    rows: Option<u64>,
    deep: bool,
    findings: &mut Vec<AuditFinding>,
) -> Result<bool, OperationError> {
    let Some(size) = find_size(lake, &file.key).await? else {
        let what = "is named by a manifest and is not there";
        findings.push(AuditFinding::new(
            FindingKind::SnapshotFileWrong,
            &file.key,
            None,
            what,
        ));
        return Ok(false);
    };
    let same_size = check_size(file.digest.bytes, size);
    let Some(()) = lake.unreadable.note_decoded(&file.key, same_size) else {
        return Ok(false);
    };

    let opened = SortedFile::open(&*lake.curated, file).await;
    let Some(opened) = note_file(lake, opened)? else {
        return Ok(false);
    };
    let stored_rows: usize = opened.groups.iter().map(|group| group.rows).sum();
    if let Some(rows) = rows.filter(|rows| stored_rows as u64 != *rows) {
        let what = format!("has {stored_rows} rows, and its manifest says {rows}");
        findings.push(AuditFinding::new(
            FindingKind::SnapshotFileWrong,
            &file.key,
            None,
            what,
        ));
    }
    if deep {
        return check_content(lake, file, opened).await;
    }
    Ok(true)
}

/// Bytes of an object; none where there is none.
async fn find_size(lake: &LakeHandle, key: &str) -> Result<Option<u64>, OperationError> {
    match lake.curated.head(key).await {
        Ok(head) => Ok(Some(head.size)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Reads every byte of a file, a row group at a time; whether it is what the merge wrote.
async fn check_content(
    lake: &LakeHandle,
    named: &NamedFile,
    file: SortedFile,
) -> Result<bool, OperationError> {
    let mark = lake
        .curated
        .get_range(&named.key, 0..FILE_MARK.len() as u64);
    let Some(mark) = lake.unreadable.note(mark.await)? else {
        return Ok(false);
    };
    let covered = check_mark(&mark).and_then(|()| {
        file.footer
            .check_coverage(&file.groups, named.digest.tail_start())
    });
    let Some(()) = lake.unreadable.note_decoded(&named.key, covered) else {
        return Ok(false);
    };

    let groups = select_row_groups(&[Arc::new(file)], &OwnerRange::default());
    let mut fetcher = RowGroupFetcher::for_groups(&lake.curated, groups);
    loop {
        let fetched = fetcher.next().await;
        match note_file(lake, fetched)? {
            None => return Ok(false),
            Some(None) => return Ok(true),
            Some(Some(_)) => {}
        }
    }
}

fn check_mark(mark: &[u8]) -> Result<(), LakeError> {
    if mark == FILE_MARK {
        return Ok(());
    }
    let what = "it is not what was written: it does not begin as a Parquet file";
    Err(LakeError::Unexpected(what.into()))
}

/// The result; none for a file that cannot be read, which is noted.
pub(super) fn note_file<T>(
    lake: &LakeHandle,
    result: Result<T, SortedFileError>,
) -> Result<Option<T>, OperationError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) => match error.unreadable_object() {
            Some(object) => {
                lake.unreadable.add(object);
                Ok(None)
            }
            None => Err(error.to_string().into()),
        },
    }
}

/// Checks what was measured of a shard. One that is lost is measured again and is no finding.
async fn check_profile(lake: &LakeHandle, profile: &NamedObject) -> Result<bool, OperationError> {
    let object = lake.curated.get_if_present(&profile.key).await;
    let Some(Some(object)) = lake.unreadable.note(object)? else {
        return Ok(false);
    };
    let checked = profile.digest.check(&object.body);
    Ok(lake
        .unreadable
        .note_decoded(&profile.key, checked)
        .is_some())
}
