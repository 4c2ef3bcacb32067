//! A synthetic council: people, homes, tenancies, contact details and cases, and the events of its
//! days.
//!
//! Everything follows from the seed: the same seed and day give the same events, byte for byte. No
//! name, address or number belongs to a real person: postcodes begin with ZZ, which the Royal Mail
//! does not assign.

mod days;
mod people;

pub use days::{CouncilDay, day_events};
pub use people::SyntheticCouncil;

/// Events of one source, in the order in which they are sent.
pub struct SourceEvents {
    /// The source.
    pub source: &'static str,
    /// The events.
    pub events: Vec<Vec<u8>>,
}
