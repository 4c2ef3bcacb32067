//! The subjects of an erasure: the ids of a person's rows, and the records that make these rows.

use std::collections::BTreeSet;

use lake::ErasedSubjects;
use pole::Uuid;

/// The subjects of an erasure. It has no `Debug`: nothing of it belongs in a log.
#[derive(Clone, Default)]
pub struct Subjects {
    /// The ids: every row that names one of them is erased.
    pub ids: BTreeSet<Uuid>,
    /// The records, by source and key: every row that one of them made is erased.
    pub records: BTreeSet<(String, String)>,
    /// The ids that other records can name.
    pub(super) nameable: BTreeSet<Uuid>,
}

impl Subjects {
    /// Whether a source's record of this key is about a subject.
    #[must_use]
    pub fn is_about(&self, source: &str, key: &str) -> bool {
        self.records
            .iter()
            .any(|(known_source, known_key)| known_source == source && known_key == key)
    }

    /// Whether a record of any source that is about a subject has this key.
    pub(super) fn has_key(&self, key: &str) -> bool {
        self.records.iter().any(|(_, known)| known == key)
    }

    /// Whether a source has a record that is about a subject.
    pub(super) fn has_source(&self, source: &str) -> bool {
        self.records.iter().any(|(known, _)| known == source)
    }

    /// The records' keys.
    pub(super) fn record_keys(&self) -> BTreeSet<&str> {
        self.records.iter().map(|(_, key)| key.as_str()).collect()
    }

    /// The hashes for the list of erased subjects: those of the records, and of the ids that other
    /// records can name.
    pub(super) fn erasure_hashes(&self) -> BTreeSet<Uuid> {
        let ids = self.nameable.iter().map(ErasedSubjects::hash_pole_id);
        self.record_hashes().chain(ids).collect()
    }

    /// One hash of all subjects, which is the erasure's own id.
    pub(super) fn combined_hash(&self) -> Uuid {
        let records = self.record_hashes().map(|hash| hash.to_string());
        let ids = self.ids.iter().map(ToString::to_string);
        let all: Vec<String> = ids.chain(records).collect();
        pole::content_id(all.join("\n").as_bytes())
    }

    fn record_hashes(&self) -> impl Iterator<Item = Uuid> {
        self.records
            .iter()
            .map(|(source, key)| ErasedSubjects::hash_source_record(source, key))
    }
}
