//! What one event gives by itself, for samples and for people who try an event: no lake holds it so.

use contract::{Catalogue, CompiledMapping, EventFault};
use lake::{ErasedSubjects, LakeError, RawBatch};
use pole::IdentityKey;

use crate::landed_object::LandedObject;
use crate::refined_form::RefinedForm;
use crate::transform::{ChunkTransform, TransformedChunk};

/// The rows that each event gives alone, for samples: of a patch the columns that it states. A lake
/// holds the statements of such events, and the merge makes rows of all of them together.
///
/// # Errors
/// As [`crate::transform_chunk`].
pub fn transform_sample(
    catalogue: &Catalogue,
    identity_key: &IdentityKey,
    mapping: &CompiledMapping,
    raw: LandedObject<'_>,
    batches: &[RawBatch],
) -> Result<TransformedChunk, LakeError> {
    let declared = (catalogue, identity_key, mapping);
    let transformed = transform_in_form(RefinedForm::EventRows, declared, raw, batches);
    Ok(transformed?.0)
}

/// The rows of records of a source with patches that each event gives where no other event states
/// its record; and why records of the mapping have none.
///
/// # Errors
/// As [`crate::transform_chunk`].
pub fn transform_lone_state(
    catalogue: &Catalogue,
    identity_key: &IdentityKey,
    mapping: &CompiledMapping,
    raw: LandedObject<'_>,
    batches: &[RawBatch],
) -> Result<(TransformedChunk, Vec<EventFault>), LakeError> {
    let declared = (catalogue, identity_key, mapping);
    transform_in_form(RefinedForm::LoneState, declared, raw, batches)
}

/// Transforms records that no erasure concerns, and writes this form of them.
fn transform_in_form(
    form: RefinedForm,
    declared: (&Catalogue, &IdentityKey, &CompiledMapping),
    raw: LandedObject<'_>,
    batches: &[RawBatch],
) -> Result<(TransformedChunk, Vec<EventFault>), LakeError> {
    let erasures = ErasedSubjects::default();
    let transform = ChunkTransform::new(declared, raw, &erasures);
    transform.in_form(form).run_with_withheld(batches)
}
