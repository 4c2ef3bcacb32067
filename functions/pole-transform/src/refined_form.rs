//! The forms in which events are refined.

/// What is written of an event.
#[derive(Clone, Copy)]
pub(crate) enum RefinedForm {
    /// What a lake holds: rows; of a source with patches the statements that rows are made of.
    Lake,
    /// The rows that the event gives alone: of a patch, the columns that it states.
    EventRows,
    /// The rows of the event's record where no other event states it.
    LoneState,
}
