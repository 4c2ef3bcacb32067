//! What a change of a mapping or of a reference list does.

use super::{ChangeImpact, ContractComparison};
use crate::file::DeclaredFile;
use crate::list::ReferenceLists;
use crate::mapping::{MappingDocument, RecordDocument};
use crate::problem::Problem;

impl ContractComparison<'_> {
    pub(super) fn compare_mappings(&mut self, old: &MappingDocument, new: &MappingDocument) {
        for record in &old.records {
            match new.records.iter().find(|other| other.name == record.name) {
                None => self.add_change(
                    ChangeImpact::Breaking,
                    &record.name,
                    "the record is gone: its rows would not be stated any more",
                ),
                Some(other) => self.compare_record(record, other),
            }
        }
        for record in new
            .records
            .iter()
            .filter(|record| !old.records.iter().any(|known| known.name == record.name))
        {
            self.add_change(ChangeImpact::Fine, &record.name, "the record is new");
        }
        if old.timezone != new.timezone || old.sentinels != new.sentinels {
            self.add_change(
                ChangeImpact::Notice,
                "mapping",
                "dates are read in another way from now on",
            );
        }
        self.check_version_bump(&old.version, &new.version);
    }

    fn compare_record(&mut self, old: &RecordDocument, new: &RecordDocument) {
        if old.table != new.table || old.kind != new.kind {
            self.add_change(
                ChangeImpact::Breaking,
                &old.name,
                "its table or kind changed: the rows that are there would stay as they are",
            );
        }
        let rows = |record: &RecordDocument| {
            format!(
                "{:?} {:?} {:?}",
                record.events, record.for_each, record.when
            )
        };
        if rows(old) != rows(new) {
            let what =
                "its events, list or condition changed: other rows would be stated than before";
            self.add_change(ChangeImpact::Breaking, &old.name, what);
        }
        let written = |record: &RecordDocument| format!("{:?} {:?}", record.id, record.link);
        if written(old) != written(new) {
            self.add_change(
                ChangeImpact::Breaking,
                &old.name,
                "its id changed: the same records would get other ids",
            );
        }
        for (column, expression) in &old.columns {
            let place = format!("{}.{column}", old.name);
            match new.columns.get(column) {
                None => self.add_change(
                    ChangeImpact::Breaking,
                    &place,
                    "the column is not filled any more",
                ),
                Some(other) if format!("{other:?}") != format!("{expression:?}") => {
                    self.add_change(
                        ChangeImpact::Notice,
                        &place,
                        "it is filled in another way: earlier rows keep what they have",
                    );
                }
                Some(_) => {}
            }
        }
        for column in new
            .columns
            .keys()
            .filter(|column| !old.columns.contains_key(*column))
        {
            self.add_change(
                ChangeImpact::Fine,
                &format!("{}.{column}", new.name),
                "the column is filled now",
            );
        }
    }

    pub(super) fn compare_lists(
        &mut self,
        old: &DeclaredFile,
        new: &DeclaredFile,
    ) -> Result<(), Problem> {
        let read = |file: &DeclaredFile| {
            let mut lists = ReferenceLists::default();
            lists.add_file(file).map(|()| lists)
        };
        let (before, after) = (read(old)?, read(new)?);
        let (Some((_, before)), Some((_, after))) = (before.iter().next(), after.iter().next())
        else {
            return Ok(());
        };
        let known = after.codes_by_text();
        for (text, code) in before.codes_by_text().iter() {
            match known.get(text) {
                None => {
                    self.add_change(ChangeImpact::Breaking, text, "the code or synonym is gone")
                }
                Some(other) if other != code => {
                    self.add_change(
                        ChangeImpact::Breaking,
                        text,
                        format!("it stands for `{other}` and not for `{code}` any more"),
                    );
                }
                Some(_) => {}
            }
        }
        let labels = after.labels_by_text();
        for (text, label) in before.labels_by_text().iter() {
            if labels.get(text).is_some_and(|other| other != label) {
                self.add_change(
                    ChangeImpact::Notice,
                    text,
                    "its label changed: earlier rows keep the old one",
                );
            }
        }
        for text in known
            .keys()
            .filter(|text| !before.codes_by_text().contains_key(*text))
        {
            self.add_change(ChangeImpact::Fine, text, "the code or synonym is new");
        }
        self.check_version_bump(&before.version, &after.version);
        Ok(())
    }
}
