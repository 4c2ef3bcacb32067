//! What a change of a mapping or of a reference list does.

use super::ContractComparison;
use crate::file::DeclaredFile;
use crate::list::ReferenceList;
use crate::mapping::{MappingDocument, RecordDocument};
use crate::problem::Problem;

impl ContractComparison<'_> {
    /// Compares two versions of a mapping.
    pub(super) fn compare_mappings(&mut self, old: &MappingDocument, new: &MappingDocument) {
        for record in &old.records {
            match find_record(new, &record.name) {
                None => self.add_breaking(
                    &record.name,
                    "the record is gone: its rows would not be stated any more",
                ),
                Some(other) => self.compare_record(record, other),
            }
        }
        for record in &new.records {
            if find_record(old, &record.name).is_none() {
                self.add_fine(&record.name, "the record is new");
            }
        }

        if old.timezone != new.timezone || old.sentinels != new.sentinels {
            self.add_notice("mapping", "dates are read in another way from now on");
        }
        self.check_version_bump(&old.version, &new.version);
    }

    fn compare_record(&mut self, old: &RecordDocument, new: &RecordDocument) {
        if old.table != new.table || old.kind != new.kind {
            self.add_breaking(
                &old.name,
                "its table or kind changed: the rows that are there would stay as they are",
            );
        }
        if row_source_text(old) != row_source_text(new) {
            self.add_breaking(
                &old.name,
                "its events, list or condition changed: other rows would be stated than before",
            );
        }
        if identity_text(old) != identity_text(new) {
            self.add_breaking(
                &old.name,
                "its id changed: the same records would get other ids",
            );
        }
        self.compare_columns(old, new);
    }

    fn compare_columns(&mut self, old: &RecordDocument, new: &RecordDocument) {
        for (column, expression) in &old.columns {
            let element = format!("{}.{column}", old.name);
            match new.columns.get(column) {
                None => self.add_breaking(&element, "the column is not filled any more"),
                Some(other) if format!("{other:?}") != format!("{expression:?}") => {
                    self.add_notice(
                        &element,
                        "it is filled in another way: earlier rows keep what they have",
                    );
                }
                Some(_) => {}
            }
        }
        for column in new.columns.keys() {
            if !old.columns.contains_key(column) {
                self.add_fine(
                    &format!("{}.{column}", new.name),
                    "the column is filled now",
                );
            }
        }
    }

    /// Compares two versions of a reference list.
    pub(super) fn compare_lists(
        &mut self,
        old: &DeclaredFile,
        new: &DeclaredFile,
    ) -> Result<(), Problem> {
        let old = ReferenceList::read(old)?;
        let new = ReferenceList::read(new)?;
        self.compare_codes(&old, &new);
        self.compare_labels(&old, &new);

        for text in new.codes_by_text().keys() {
            if !old.codes_by_text().contains_key(text) {
                self.add_fine(text, "the code or synonym is new");
            }
        }
        self.check_version_bump(&old.version, &new.version);
        Ok(())
    }

    fn compare_codes(&mut self, old: &ReferenceList, new: &ReferenceList) {
        let new_codes = new.codes_by_text();
        for (text, code) in old.codes_by_text().iter() {
            match new_codes.get(text) {
                None => self.add_breaking(text, "the code or synonym is gone"),
                Some(other) if other != code => {
                    self.add_breaking(
                        text,
                        format!("it stands for `{other}` and not for `{code}` any more"),
                    );
                }
                Some(_) => {}
            }
        }
    }

    fn compare_labels(&mut self, old: &ReferenceList, new: &ReferenceList) {
        let new_labels = new.labels_by_text();
        for (text, label) in old.labels_by_text().iter() {
            if new_labels.get(text).is_some_and(|other| other != label) {
                self.add_notice(text, "its label changed: earlier rows keep the old one");
            }
        }
    }
}

fn find_record<'d>(mapping: &'d MappingDocument, name: &str) -> Option<&'d RecordDocument> {
    mapping.records.iter().find(|record| record.name == name)
}

/// What decides which rows a record gives, as a text that is the same for equal declarations.
fn row_source_text(record: &RecordDocument) -> String {
    format!(
        "{:?} {:?} {:?}",
        record.events, record.for_each, record.when
    )
}

/// What decides the ids of a record's rows, as a text that is the same for equal declarations.
fn identity_text(record: &RecordDocument) -> String {
    format!("{:?} {:?}", record.id, record.link)
}
