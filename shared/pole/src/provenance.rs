//! The columns that every POLE row carries: where it came from and how old its truth is.

/// The type of a column, as far as the model needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
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
    pub kind: Kind,
    /// Whether it is filled in every row.
    pub required: bool,
    /// What it says, for the table contracts and the catalogue.
    pub meaning: &'static str,
}

const fn column(
    name: &'static str,
    kind: Kind,
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
pub const PROVENANCE: [ProvenanceColumn; 14] = [
    column(
        "pole_id",
        Kind::Text,
        true,
        "The thing's identity: UUIDv5 of its natural key",
    ),
    column(
        "source",
        Kind::Text,
        true,
        "The source contract that states the row",
    ),
    column(
        "source_record_id",
        Kind::Text,
        true,
        "The key of the record in its source",
    ),
    column(
        "owner_id",
        Kind::Text,
        true,
        "The pole_id of the record that the row belongs to",
    ),
    column(
        "owner_set",
        Kind::Text,
        false,
        "The owner's list that the row stands in",
    ),
    column(
        "source_event_id",
        Kind::Text,
        true,
        "The event that stated the row",
    ),
    column(
        "entity_version",
        Kind::Integer,
        false,
        "The record's version, where its source counts them",
    ),
    column(
        "event_time",
        Kind::Timestamp,
        true,
        "When it happened, as the source says",
    ),
    column(
        "ingested_at",
        Kind::Timestamp,
        true,
        "When it was appended to the topic",
    ),
    column(
        "contract_version",
        Kind::Text,
        true,
        "The version of the source contract",
    ),
    column(
        "mapping_version",
        Kind::Text,
        true,
        "The version of the mapping",
    ),
    column("topic", Kind::Text, true, "The Kafka topic of the event"),
    column(
        "partition",
        Kind::Integer,
        true,
        "The Kafka partition of the event",
    ),
    column(
        "offset",
        Kind::Integer,
        true,
        "The Kafka offset of the event",
    ),
];
