//! The columns that every POLE row has: its source, and the version, time and position that decide
//! its precedence.

/// The type of a column, as far as the model needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProvenanceKind {
    /// UTF-8 text.
    Text,
    /// A signed 64-bit number.
    Integer,
    /// Microseconds since 1970-01-01T00:00:00Z.
    Timestamp,
}

/// A column that every table has.
#[derive(Clone, Copy, Debug)]
pub struct ProvenanceColumn {
    /// The column's name.
    pub name: &'static str,
    /// Its type.
    pub kind: ProvenanceKind,
    /// Whether it is filled in every row.
    pub required: bool,
    /// Its meaning, for the table contracts and the catalogue.
    pub meaning: &'static str,
}

const fn provenance_column(
    name: &'static str,
    kind: ProvenanceKind,
    required: bool,
    meaning: &'static str,
) -> ProvenanceColumn {
    ProvenanceColumn {
        name,
        kind,
        required,
        meaning,
    }
}

/// The columns of every table, in their order, before the table's own.
pub const PROVENANCE: [ProvenanceColumn; 15] = [
    provenance_column(
        "pole_id",
        ProvenanceKind::Text,
        true,
        "The thing's identity: a keyed hash of its natural key",
    ),
    provenance_column(
        "source",
        ProvenanceKind::Text,
        true,
        "The source contract that states the row",
    ),
    provenance_column(
        "source_record_id",
        ProvenanceKind::Text,
        true,
        "The key of the record in its source",
    ),
    provenance_column(
        "owner_id",
        ProvenanceKind::Text,
        true,
        "The pole_id of the record that the row belongs to",
    ),
    provenance_column(
        "owner_set",
        ProvenanceKind::Text,
        false,
        "The owner's list that the row stands in",
    ),
    provenance_column(
        "source_event_id",
        ProvenanceKind::Text,
        true,
        "The event that stated the row",
    ),
    provenance_column(
        "entity_version",
        ProvenanceKind::Integer,
        false,
        "The record's version, where its source counts them",
    ),
    provenance_column(
        "event_time",
        ProvenanceKind::Timestamp,
        true,
        "When it happened, as the source says",
    ),
    provenance_column(
        "ingested_at",
        ProvenanceKind::Timestamp,
        true,
        "When it was appended to the topic",
    ),
    provenance_column(
        "contract_version",
        ProvenanceKind::Text,
        true,
        "The version of the source contract",
    ),
    provenance_column(
        "mapping_version",
        ProvenanceKind::Text,
        true,
        "The version of the mapping",
    ),
    provenance_column(
        "topic",
        ProvenanceKind::Text,
        true,
        "The Kafka topic of the event",
    ),
    provenance_column(
        "partition",
        ProvenanceKind::Integer,
        true,
        "The Kafka partition of the event",
    ),
    provenance_column(
        "offset",
        ProvenanceKind::Integer,
        true,
        "The Kafka offset of the event",
    ),
    provenance_column(
        "event_time_nanos",
        ProvenanceKind::Integer,
        false,
        "Nanoseconds of event_time beyond the microsecond, 1 to 999, where the source states them",
    ),
];
