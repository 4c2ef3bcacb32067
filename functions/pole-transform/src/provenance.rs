//! The provenance of a row: which record it belongs to, and which event stated it.

use std::borrow::Cow;

use contract::{Cell, CompiledMapping, Event};
use pole::Uuid;

/// Characters of a UUID with its hyphens.
const ID_CHARS: usize = 36;

/// What a row's provenance says besides its event.
pub(crate) struct RowOwner<'r> {
    pub(crate) pole_id: Uuid,
    pub(crate) owner_id: Uuid,
    pub(crate) owner_set: Option<&'r str>,
    /// Whether the record's version ranks the row.
    pub(crate) is_versioned: bool,
}

/// What a row's provenance says of its event.
pub(crate) struct EventSource<'e> {
    pub(crate) event: &'e Event,
    pub(crate) mapping: &'e CompiledMapping,
    pub(crate) topic: &'e str,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    /// When it was appended, in microseconds since 1970.
    pub(crate) appended: i64,
}

/// The texts of a row's ids.
pub(crate) struct IdBuffers {
    pole_id: [u8; ID_CHARS],
    owner_id: [u8; ID_CHARS],
}

impl Default for IdBuffers {
    fn default() -> Self {
        Self {
            pole_id: [0; ID_CHARS],
            owner_id: [0; ID_CHARS],
        }
    }
}

/// The provenance, in the order of `pole::PROVENANCE`.
pub(crate) fn provenance_cells<'c>(
    owner: &RowOwner<'c>,
    source: &EventSource<'c>,
    buffers: &'c mut IdBuffers,
) -> [Cell<'c>; pole::PROVENANCE.len()] {
    let IdBuffers { pole_id, owner_id } = buffers;
    let EventSource { event, mapping, .. } = source;
    let version = event.version.filter(|_| owner.is_versioned);
    [
        text_cell(owner.pole_id.hyphenated().encode_lower(pole_id)),
        text_cell(&mapping.contract.name),
        text_cell(&event.key),
        text_cell(owner.owner_id.hyphenated().encode_lower(owner_id)),
        owner.owner_set.map_or(Cell::Null, text_cell),
        text_cell(&event.id),
        version.map_or(Cell::Null, Cell::Integer),
        Cell::Timestamp(event.time),
        Cell::Timestamp(source.appended),
        text_cell(&mapping.contract.version),
        text_cell(&mapping.version),
        text_cell(source.topic),
        Cell::Integer(i64::from(source.partition)),
        Cell::Integer(source.offset),
        nanos_cell(event.time_nanos),
    ]
}

/// Nanoseconds beyond the microsecond. Most sources state none, and a column of nulls costs
/// nothing.
fn nanos_cell(nanos: i16) -> Cell<'static> {
    match nanos {
        0 => Cell::Null,
        _ => Cell::Integer(nanos.into()),
    }
}

fn text_cell(text: &str) -> Cell<'_> {
    Cell::Text(Cow::Borrowed(text))
}
