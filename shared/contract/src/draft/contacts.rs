//! Which columns hold e-mail addresses and telephone numbers, and where they reach a person.

use super::classify::is_reference_name;
use super::fields::{SampleField, SampleFieldKind, quote_path, to_snake_case};
use super::shapes::ContactShape;

/// Words of the names of columns with telephone numbers.
const PHONE_WORDS: [&str; 6] = ["phone", "telephone", "tel", "mobile", "landline", "cell"];

/// Words of names that say where a person is reached.
const SUBTYPE_WORDS: [(&str, &str); 6] = [
    ("mobile", "mobile"),
    ("cell", "mobile"),
    ("work", "work"),
    ("office", "work"),
    ("home", "home"),
    ("landline", "home"),
];

impl ContactShape {
    /// What kind of contact a field holds: by its name where no value says otherwise, or by the
    /// shape of its values. A reference of many digits is no telephone number.
    pub(super) fn of_field(field: &SampleField) -> Option<Self> {
        if field.kind != SampleFieldKind::Text {
            return None;
        }
        let name = to_snake_case(&field.name);
        let words: Vec<&str> = name.split('_').collect();
        let is_mail_name =
            name.contains("email") || name.contains("e_mail") || words.contains(&"mail");
        let is_phone_name = words.iter().any(|word| PHONE_WORDS.contains(word));
        let by_name = match (is_mail_name, is_phone_name) {
            (true, _) => Some(Self::Email),
            (_, true) => Some(Self::Phone),
            _ => None,
        };
        match field.shapes.contact_shape() {
            Some(Self::Email) => Some(Self::Email),
            Some(Self::Phone) if is_phone_name || !is_reference_name(&name) => Some(Self::Phone),
            None if field.shapes.are_blank() => by_name,
            _ => None,
        }
    }

    /// What a mapping reads of such a field: the contact in its one form, and null for what is
    /// none.
    pub(super) fn expression(self, path: &str) -> String {
        let (path, form) = (quote_path(path), self.name());
        format!("{{normalise: {{from: {path}, as: {form}, unknown: \"null\"}}}}")
    }

    /// The kind as the column `contact_type` has it, and as the normaliser is called.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
        }
    }
}

/// Where a person is reached, as the name of a field says it.
pub(super) fn contact_subtype(field: &SampleField) -> Option<&'static str> {
    let name = to_snake_case(&field.name);
    let mut known = SUBTYPE_WORDS.iter();
    let found = known.find(|(word, _)| name.split('_').any(|part| part == *word));
    found.map(|(_, subtype)| *subtype)
}
