//! What an operator asks an erasure for.

use lake::ErasedSubjects;
use pole::Uuid;

use super::free_text_request::FreeTextRequest;
use super::redact::MentionGrain;

/// Which subject is to be erased, and how far.
pub struct LakeErasureRequest {
    /// The subject.
    pub subject: RequestedSubject,
    /// What becomes of records that only mention the subject.
    pub mentions: MentionPolicy,
    /// What free text is searched for; none when it is not searched.
    pub free_text: Option<FreeTextRequest>,
}

/// What becomes of a record that is about something else and mentions the subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MentionPolicy {
    /// The smallest object around the mention is removed; what cannot be redacted so is left to the
    /// operator.
    RedactObject,
    /// The field alone is removed; what cannot be redacted so is left to the operator.
    RedactField,
    /// The smallest object is removed; what cannot be redacted so is erased as a full record.
    EraseRecord,
}

impl MentionPolicy {
    /// How much goes with a mention that is redacted.
    pub(super) fn grain(self) -> MentionGrain {
        match self {
            Self::RedactField => MentionGrain::Field,
            Self::RedactObject | Self::EraseRecord => MentionGrain::Object,
        }
    }
}

/// The subject that an operator names.
pub enum RequestedSubject {
    /// A record of a source, by its key.
    Record {
        /// The source.
        source: String,
        /// The record's key in its canonical form, its parts joined by `/`
        /// ([`contract::SourceContract::canonical_record_key`]).
        key: String,
    },
    /// A row, by its id.
    PoleId(Uuid),
}

impl RequestedSubject {
    /// The record's key, where the subject is a record.
    pub(super) fn key(&self) -> Option<&str> {
        match self {
            Self::Record { key, .. } => Some(key),
            Self::PoleId(_) => None,
        }
    }

    /// The hash under which the list of erased subjects holds this subject.
    pub(super) fn erasure_hash(&self) -> Uuid {
        match self {
            Self::Record { source, key } => ErasedSubjects::hash_source_record(source, key),
            Self::PoleId(id) => ErasedSubjects::hash_pole_id(id),
        }
    }
}
