//! The POLE model: Person, Object, Location, Event and the links between them.
//!
//! Pure: no IO, no AWS, no clock. Every other crate agrees on these definitions: how an identity is
//! derived ([`IdentityKey`]), which columns every row has ([`PROVENANCE`]), what can be done to a
//! row ([`RowOperation`]), which of two versions of a row takes precedence ([`Precedence`]), how
//! common values are written ([`Normaliser`]), which form they must have ([`ConformanceCheck`]), and
//! how a name is found whatever its spelling ([`FoldedText`]).

mod conformance;
mod country_names;
mod folded_text;
mod identity;
mod key_part;
mod normalise;
mod precedence;
mod provenance;
mod row_operation;
mod stable_id;

pub use conformance::{ConformanceCheck, NAME_TITLES};
pub use folded_text::{FoldedText, Spelling};
pub use identity::{IDENTITY_FORMAT, IDENTITY_KEY_BYTES_MIN, IdentityKey, TEST_IDENTITY_SECRET};
pub use key_part::{KeyCase, canonical_key_part, join_key_parts, split_key_parts};
pub use normalise::Normaliser;
pub use precedence::{LogPosition, Precedence};
pub use provenance::{PROVENANCE, ProvenanceColumn, ProvenanceKind};
pub use row_operation::RowOperation;
pub use stable_id::{content_id, derived_event_id, erasure_hash, stable_id};

pub use uuid::Uuid;
