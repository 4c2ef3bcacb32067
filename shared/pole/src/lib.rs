//! The POLE model: Person, Object, Location, Event and the links between them.
//!
//! Pure: no IO, no AWS, no clock. What every other crate agrees on stands here: how an identity is made
//! ([`pole_id`]), which columns every row carries ([`PROVENANCE`]), what can be done to a row ([`Op`]),
//! which of two statements about a row is true ([`Truth`]), and how common values are written
//! ([`Normaliser`]), and which form they must have ([`Check`]).

mod conformance;
mod identity;
mod normalise;
mod op;
mod provenance;
mod truth;

pub use conformance::Check;
pub use identity::{content_id, event_id_of, link_id, owned_id, pole_id};
pub use normalise::Normaliser;
pub use op::Op;
pub use provenance::{Kind, PROVENANCE, ProvenanceColumn};
pub use truth::{Position, Truth};

pub use uuid::Uuid;
