//! What a change of a mapping or of a reference list does.

use super::{Changes, Verdict};
use crate::fault::Problem;
use crate::file::File;
use crate::list::Lists;
use crate::mapping::{MappingDocument, RecordDocument};

impl Changes<'_> {
    pub(super) fn mappings(&mut self, old: &MappingDocument, new: &MappingDocument) {
        for record in &old.records {
            match new.records.iter().find(|other| other.name == record.name) {
                None => self.tell(
                    Verdict::Breaking,
                    &record.name,
                    "the record is gone: its rows would not be stated any more",
                ),
                Some(other) => self.record(record, other),
            }
        }
        for record in new
            .records
            .iter()
            .filter(|record| !old.records.iter().any(|known| known.name == record.name))
        {
            self.tell(Verdict::Fine, &record.name, "the record is new");
        }
        if old.timezone != new.timezone || old.sentinels != new.sentinels {
            self.tell(
                Verdict::Notice,
                "mapping",
                "dates are read in another way from now on",
            );
        }
        self.version(&old.version, &new.version);
    }

    fn record(&mut self, old: &RecordDocument, new: &RecordDocument) {
        if old.table != new.table || old.kind != new.kind {
            self.tell(
                Verdict::Breaking,
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
            self.tell(Verdict::Breaking, &old.name, what);
        }
        let written = |record: &RecordDocument| format!("{:?} {:?}", record.id, record.link);
        if written(old) != written(new) {
            self.tell(
                Verdict::Breaking,
                &old.name,
                "its id changed: the same records would get other ids",
            );
        }
        for (column, expression) in &old.columns {
            let place = format!("{}.{column}", old.name);
            match new.columns.get(column) {
                None => self.tell(
                    Verdict::Breaking,
                    &place,
                    "the column is not filled any more",
                ),
                Some(other) if format!("{other:?}") != format!("{expression:?}") => {
                    self.tell(
                        Verdict::Notice,
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
            self.tell(
                Verdict::Fine,
                &format!("{}.{column}", new.name),
                "the column is filled now",
            );
        }
    }

    pub(super) fn lists(&mut self, old: &File, new: &File) -> Result<(), Problem> {
        let read = |file: &File| {
            let mut lists = Lists::default();
            lists.read(file).map(|()| lists)
        };
        let (before, after) = (read(old)?, read(new)?);
        let (Some((_, before)), Some((_, after))) = (before.iter().next(), after.iter().next())
        else {
            return Ok(());
        };
        let known = after.to_code();
        for (text, code) in before.to_code().iter() {
            match known.get(text) {
                None => self.tell(Verdict::Breaking, text, "the code or synonym is gone"),
                Some(other) if other != code => {
                    self.tell(
                        Verdict::Breaking,
                        text,
                        format!("it stands for `{other}` and not for `{code}` any more"),
                    );
                }
                Some(_) => {}
            }
        }
        let labels = after.to_label();
        for (text, label) in before.to_label().iter() {
            if labels.get(text).is_some_and(|other| other != label) {
                self.tell(
                    Verdict::Notice,
                    text,
                    "its label changed: earlier rows keep the old one",
                );
            }
        }
        for text in known
            .keys()
            .filter(|text| !before.to_code().contains_key(*text))
        {
            self.tell(Verdict::Fine, text, "the code or synonym is new");
        }
        self.version(&before.version, &after.version);
        Ok(())
    }
}
