//! The texts of the curated zone that no other zone holds any more.

use bytes::Bytes;
use contract::TableContract;
use lake::{LakeError, id_columns};

use super::FreeTextSearch;
use super::candidates::{CandidateList, RecordPlace};
use super::record_texts::TextWalk;
use super::row_texts::{RowTexts, searched_columns};
use crate::erase::erasure_zone::ErasureZone;
use crate::erase::refined::names_subject;
use crate::erase::row_files::list_curated_files;
use crate::erase::row_ids::IdColumns;
use crate::erase::statement_redactor::StatementRedactor;
use crate::erase::subjects::Subjects;
use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// Columns that say which record made a row, and where it came from.
const POSITION_COLUMNS: [&str; 5] = ["source", "source_record_id", "topic", "partition", "offset"];

/// Searches the files of every retained version, the newest of each shard first, for texts that are
/// no candidates yet. One file is held at a time.
///
/// # Errors
/// When the storage does not answer.
pub(in crate::erase) async fn search_curated(
    lake: &LakeHandle,
    search: &FreeTextSearch,
    subjects: &Subjects,
    statements: &StatementRedactor,
    candidates: &mut CandidateList,
) -> Result<(), OperationError> {
    let mut files = list_curated_files(lake).await?;
    files.sort_by(|(.., first), (.., second)| second.key.cmp(&first.key));

    let total = files.len();
    for (done, (index, file)) in files.iter().enumerate() {
        let key = file.key.as_str();
        lake.stage
            .tell("searching snapshots for names", done, total);
        let object = lake
            .unreadable
            .note(lake.curated.get_if_present(key).await)?;
        let table = lake.catalogue.stored_table(*index);
        let (Some(object), Some(table)) = (object.flatten(), table) else {
            continue;
        };

        let mut file = CuratedFileSearch {
            search,
            subjects,
            statements,
            table,
            key,
            candidates: &mut *candidates,
        };
        let searched = file.search_rows(object.body);
        lake.unreadable.note_decoded(key, searched);
    }
    Ok(())
}

struct CuratedFileSearch<'f> {
    search: &'f FreeTextSearch,
    subjects: &'f Subjects,
    statements: &'f StatementRedactor,
    table: &'f TableContract,
    key: &'f str,
    candidates: &'f mut CandidateList,
}

impl CuratedFileSearch<'_> {
    fn search_rows(&mut self, body: Bytes) -> Result<(), LakeError> {
        let table = self.table;
        let wanted = searched_columns(table)
            .chain(id_columns(table))
            .chain(POSITION_COLUMNS);
        for batch in lake::file::read_columns(body, wanted)? {
            let batch = batch?;
            let ids = IdColumns::from_batch(&batch, table);
            let texts = RowTexts::from_batch(&batch, table);
            for row in 0..batch.num_rows() {
                let identity = ids.row_identity(row);
                if self.subjects.is_about(identity.source, identity.key)
                    || names_subject(&identity, self.subjects)
                {
                    continue;
                }

                let mut walk = TextWalk::new(self.search);
                texts.search_row(row, &mut walk, |text| self.statements.redact(text));
                for found in walk.into_found() {
                    let record = (identity.source, identity.key);
                    if self.candidates.remember(record, found.digest) {
                        continue;
                    }
                    let place = RecordPlace {
                        zone: ErasureZone::Curated.name(),
                        object: self.key,
                        topic: texts.topic(row),
                        offset: texts.offset(row),
                    };
                    self.candidates.add(&place, found);
                }
            }
        }
        Ok(())
    }
}
