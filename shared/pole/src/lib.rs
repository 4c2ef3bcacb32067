//! The POLE model: Person, Object, Location, Event and the links between them.
//!
//! Pure: no IO, no AWS, no clock. Every other crate agrees on these definitions: how an identity is
//! derived ([`pole_id`]), which columns every row has ([`PROVENANCE`]), what can be done to a row
//! ([`RowOperation`]), which of two versions of a row takes precedence ([`Precedence`]), how common
//! values are written ([`Normaliser`]), and which form they must have ([`ConformanceCheck`]).

mod conformance;
mod identity;
mod normalise;
mod precedence;
mod provenance;
mod row_operation;

pub use conformance::ConformanceCheck;
pub use identity::{content_id, derived_event_id, link_id, owned_id, pole_id};
pub use normalise::Normaliser;
pub use precedence::{LogPosition, Precedence};
pub use provenance::{PROVENANCE, ProvenanceColumn, ProvenanceKind};
pub use row_operation::RowOperation;

pub use uuid::Uuid;
