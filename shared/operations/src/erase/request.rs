//! What an operator asks an erasure for.

use lake::ErasedSubjects;
use pole::Uuid;

/// Which subject is to be erased, and how far.
pub struct LakeErasureRequest {
    /// The subject.
    pub subject: RequestedSubject,
    /// Whether a record that only mentions the subject, and cannot be redacted, is erased as a full
    /// record.
    pub full_records: bool,
}

/// The subject that an operator names.
pub enum RequestedSubject {
    /// A record of a source, by its key.
    Record {
        /// The source.
        source: String,
        /// The record's key, its parts joined by `/`.
        key: String,
    },
    /// A row, by its id.
    PoleId(Uuid),
}

impl RequestedSubject {
    /// The hash under which the list of erased subjects holds this subject.
    pub(super) fn erasure_hash(&self) -> Uuid {
        match self {
            Self::Record { source, key } => ErasedSubjects::hash_source_record(source, key),
            Self::PoleId(id) => ErasedSubjects::hash_pole_id(id),
        }
    }
}
