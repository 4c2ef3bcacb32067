//! Which fields hold data of people: by their names and by the shape of their values. What is
//! unclear counts as personal, for a person to look at.

use super::shapes::TextShapes;

/// Parts of field names that point to data of people.
const PERSONAL_PARTS: &[&str] = &[
    "name",
    "birth",
    "dob",
    "death",
    "email",
    "e_mail",
    "phone",
    "mobile",
    "address",
    "postcode",
    "post_code",
    "nino",
    "insurance",
    "nationality",
    "gender",
    "ethnic",
    "title",
    "street",
    "passport",
    "person",
    "contact",
    "note",
    "forename",
    "tenant",
    "occupier",
    "borrower",
    "applicant",
    "elector",
    "pupil",
    "parent",
    "guardian",
    "carer",
    "keeper",
    "owner",
    "reported_by",
    "comment",
    "religion",
    "disab",
    "medical",
    "latitude",
    "longitude",
    "easting",
    "northing",
    "uprn",
    "vrm",
    "registration",
    "resident",
    "customer",
    "claimant",
    "patient",
    "student",
    "household",
    "signature",
    "witness",
    "victim",
    "officer",
    "driver",
    "passenger",
    "hirer",
    "licensee",
    "holder",
    "landlord",
    "complainant",
    "employee",
    "visitor",
    "learner",
    "suspect",
    "offender",
];

/// Whole words of field names that point to data of people.
const PERSONAL_WORDS: &[&str] = &[
    "age", "sex", "tel", "fax", "upn", "nhs", "ni", "mail", "payee", "payer", "by", "vehicle",
    "lat", "lon", "lng", "dwelling", "member", "reader",
];

/// Whole words of field names whose texts are of no person.
const INTERNAL_WORDS: &[&str] = &[
    "status",
    "type",
    "category",
    "kind",
    "state",
    "service",
    "department",
    "directorate",
    "ward",
    "council",
    "body",
    "amount",
    "date",
    "code",
    "bin",
    "round",
    "product",
    "decision",
    "outcome",
    "class",
    "group",
    "band",
    "currency",
    "channel",
    "version",
    "event",
    "reason",
    "route",
    "frequency",
    "method",
    "priority",
    "stage",
    "level",
    "year",
    "month",
    "day",
    "quarter",
    "legislation",
    "operation",
    "isbn",
    "sku",
    "item",
    "format",
    "language",
    "source",
    "system",
    "area",
    "district",
    "zone",
    "contractor",
    "cost",
    "expenditure",
    "purpose",
    "vat",
    "uri",
    "url",
    "polling",
    "franchise",
    "tenure",
    "payment",
    "exemption",
    "discount",
    "branch",
    "school",
    "model",
    "make",
    "colour",
    "unit",
    "size",
    "flag",
    "rate",
    "object",
    "procurement",
    "lines",
    "contravention",
    "time",
    "row",
    "file",
];

/// Last words of the names of references.
const REFERENCE_WORDS: &[&str] = &[
    "id",
    "ref",
    "reference",
    "no",
    "num",
    "number",
    "code",
    "key",
    "uprn",
    "usrn",
    "upn",
    "urn",
    "pcn",
    "isbn",
    "account",
    "card",
    "barcode",
    "guid",
    "uuid",
    "tel",
    "phone",
    "mobile",
];

/// Whether a field, whose values are texts or not, seems to hold data of people.
pub(super) fn is_personal(snake_name: &str, shapes: &TextShapes, is_text: bool) -> bool {
    let words: Vec<&str> = snake_name.split('_').collect();
    let has_word = |known: &[&str]| words.iter().any(|word| known.contains(word));
    let is_named_so =
        PERSONAL_PARTS.iter().any(|part| snake_name.contains(part)) || has_word(PERSONAL_WORDS);
    if is_named_so || shapes.has_personal_texts() {
        return true;
    }
    if !is_text {
        return shapes.dates().is_some() && shapes.are_long_ago();
    }
    !has_word(INTERNAL_WORDS) && !is_reference_name(snake_name)
}

/// Whether a name is that of a reference: 7 is a text there, as 007 is.
pub(super) fn is_reference_name(snake_name: &str) -> bool {
    let last = snake_name.rsplit('_').next().unwrap_or(snake_name);
    let joined = ["reference", "number"]
        .iter()
        .any(|word| snake_name.ends_with(word));
    joined || REFERENCE_WORDS.contains(&last)
}
