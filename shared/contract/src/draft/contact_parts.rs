//! E-mail addresses and telephone numbers among the fields of a record: each column of them becomes
//! a way to reach the person, or what the row is about.

use super::fields::{Leaf, to_snake_case};
use super::parts::{DraftContext, SampleRecordPart};
use super::shapes::ContactShape;

/// The table of ways to reach a person.
const CONTACT_TABLE: &str = "object_contact";

/// Takes the contacts out of a part of the samples' record. The same number of two records is one
/// contact, so its own form is its key.
pub(super) fn take_contacts<'p>(
    owner: &mut SampleRecordPart<'p>,
    context: &DraftContext<'_>,
) -> Vec<SampleRecordPart<'p>> {
    let is_known = context
        .tables
        .iter()
        .any(|known| known.name == CONTACT_TABLE);
    if !is_known || owner.table == CONTACT_TABLE {
        return Vec::new();
    }
    let record_key = &context.guess.key.paths;
    let leaves = std::mem::take(&mut owner.leaves);
    let mut contacts = Vec::new();
    for leaf in leaves {
        match ContactShape::of_field(leaf.1).filter(|_| !record_key.contains(&leaf.0)) {
            Some(shape) => contacts.push(contact_part(leaf, shape, context.source)),
            None => owner.leaves.push(leaf),
        }
    }
    contacts
}

/// The part that a column of contacts is.
fn contact_part<'p>(leaf: Leaf<'p>, shape: ContactShape, source: &str) -> SampleRecordPart<'p> {
    let form = shape.name();
    let key = shape.expression(&leaf.0);
    SampleRecordPart {
        name: to_snake_case(&leaf.1.name),
        table: CONTACT_TABLE,
        kind: "shared",
        namespace: format!("{source}-{form}"),
        present: vec![key.clone()],
        key,
        type_text: form.to_owned(),
        role: None,
        contact: Some(shape),
        leaves: vec![leaf],
    }
}
