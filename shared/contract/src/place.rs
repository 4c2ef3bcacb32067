//! Places in a declared file: the names and numbers that lead to a value, and where the parser saw
//! it. A search in the text would find a word in a comment, or the same word of another field.

use serde::Deserialize;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use crate::problem::Location;

/// What leads to a value of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DocumentPlace(Vec<Step>);

/// One step to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// The member of this name.
    Name(String),
    /// The item of a list, from 0.
    Item(usize),
    /// The first name or text below that is one of these; the first of them that there is.
    Mention(Vec<String>),
}

impl DocumentPlace {
    /// The whole file.
    pub(crate) fn root() -> Self {
        Self::default()
    }

    /// The member of this name, where the value is an object that has it.
    pub(crate) fn name(mut self, name: &str) -> Self {
        self.0.push(Step::Name(name.to_owned()));
        self
    }

    /// The item of a list, from 0.
    pub(crate) fn item(mut self, index: usize) -> Self {
        self.0.push(Step::Item(index));
        self
    }

    /// The first name or text of the value that is this one.
    pub(crate) fn mention(mut self, text: &str) -> Self {
        self.0.push(Step::Mention(vec![text.to_owned()]));
        self
    }

    /// What a message about the value quotes of it.
    pub(crate) fn quoted_in(mut self, message: &str) -> Self {
        let quoted = message.split('`').skip(1).step_by(2);
        let names = quoted.flat_map(|quoted| [Some(quoted), last_name(quoted)]);
        let names = names.flatten().map(str::to_owned);
        self.0.push(Step::Mention(names.collect()));
        self
    }

    /// The place that `below` leads to from here.
    pub(crate) fn join(mut self, below: Self) -> Self {
        self.0.extend(below.0);
        self
    }
}

/// The last name of several with dots between them, such as `files.skip_rows`.
fn last_name(quoted: &str) -> Option<&str> {
    let (before, last) = quoted.rsplit_once('.')?;
    let is_name = |text: &str| text.starts_with(|c: char| c.is_ascii_lowercase());
    (is_name(before) && is_name(last)).then_some(last)
}

/// A value of a file with where it stands.
#[derive(Clone, Debug)]
pub(crate) struct SpannedValue {
    location: Location,
    content: SpannedContent,
}

#[derive(Clone, Debug)]
enum SpannedContent {
    /// The members: each has its name, where the name stands, and its value.
    Object(Vec<(String, Location, SpannedValue)>),
    List(Vec<SpannedValue>),
    Text(String),
}

impl SpannedValue {
    /// Where a place is; where a part of it is missing, the last part that there is.
    pub(crate) fn locate(&self, place: &DocumentPlace) -> Location {
        let mut location = self.location;
        let mut value = self;
        for step in &place.0 {
            let found = match step {
                Step::Name(name) => value.member(name),
                Step::Item(index) => value.item(*index),
                Step::Mention(texts) => texts.iter().find_map(|text| value.find_mention(text)),
            };
            match (found, step) {
                (Some(found), _) => (location, value) = found,
                // A message may quote nothing of the value.
                (None, Step::Mention(_)) => {}
                (None, _) => break,
            }
        }
        location
    }

    fn member(&self, name: &str) -> Option<(Location, &Self)> {
        self.members()
            .iter()
            .find(|(known, ..)| known == name)
            .map(|(_, location, value)| (*location, value))
    }

    fn item(&self, index: usize) -> Option<(Location, &Self)> {
        let item = self.items().get(index)?;
        Some((item.location, item))
    }

    fn members(&self) -> &[(String, Location, Self)] {
        match &self.content {
            SpannedContent::Object(members) => members,
            _ => &[],
        }
    }

    fn items(&self) -> &[Self] {
        match &self.content {
            SpannedContent::List(items) => items,
            _ => &[],
        }
    }

    /// The first name or text that is this one: a member of the value itself before one further
    /// down.
    fn find_mention(&self, text: &str) -> Option<(Location, &Self)> {
        self.member(text).or_else(|| self.find_below(text))
    }

    fn find_below(&self, text: &str) -> Option<(Location, &Self)> {
        if matches!(&self.content, SpannedContent::Text(own) if own == text) {
            return Some((self.location, self));
        }
        let in_items = self.items().iter().find_map(|item| item.find_below(text));
        in_items.or_else(|| {
            self.members().iter().find_map(|(name, location, value)| {
                let named = (name == text).then_some((*location, value));
                named.or_else(|| value.find_below(text))
            })
        })
    }
}

impl<'de> Deserialize<'de> for SpannedValue {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<SpannedContent>::deserialize(deserializer)?;
        Ok(Self {
            location: Location::from_parser(spanned.referenced),
            content: spanned.value,
        })
    }
}

impl<'de> Deserialize<'de> for SpannedContent {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = SpannedContent;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SpannedContent, A::Error> {
        let mut members = Vec::new();
        while let Some((name, value)) = map.next_entry::<Spanned<String>, SpannedValue>()? {
            let location = Location::from_parser(name.referenced);
            members.push((name.value, location, value));
        }
        Ok(SpannedContent::Object(members))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<SpannedContent, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(SpannedContent::List(items))
    }

    fn visit_str<E>(self, text: &str) -> Result<SpannedContent, E> {
        Ok(SpannedContent::Text(text.to_owned()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<SpannedContent, E> {
        Ok(SpannedContent::Text(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<SpannedContent, E> {
        Ok(SpannedContent::Text(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<SpannedContent, E> {
        Ok(SpannedContent::Text(value.to_string()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<SpannedContent, E> {
        Ok(SpannedContent::Text(value.to_string()))
    }

    fn visit_u128<E>(self, value: u128) -> Result<SpannedContent, E> {
        Ok(SpannedContent::Text(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<SpannedContent, E> {
        Ok(SpannedContent::Text(value.to_string()))
    }

    fn visit_unit<E>(self) -> Result<SpannedContent, E> {
        Ok(SpannedContent::Text(String::new()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::DeclaredFile;

    const TEXT: &str = "\
# surname: a comment says nothing
name: surname
records:
  - name: one
    columns: {surname: $.a, title: $.b}
  - name: two
    columns:
      title: $.title
      surname:
        coalesce:
          - $.first
          - {copy: $.surnme}
";

    fn at(place: &DocumentPlace) -> (usize, usize) {
        let file = DeclaredFile::new("mapping.yaml", TEXT);
        let Location { line, column } = file.locate(place);
        (line, column)
    }

    #[test]
    fn a_place_is_where_the_parser_saw_it_and_no_word_elsewhere() {
        let record = |index| DocumentPlace::root().name("records").item(index);
        assert_eq!(at(&record(0).name("columns").name("surname")), (5, 15));
        let surname = record(1).name("columns").name("surname");
        assert_eq!(at(&surname), (9, 7));
        assert_eq!(at(&surname.clone().mention("$.surnme")), (12, 20));
        assert_eq!(at(&surname.mention("$.nowhere")), (9, 7));
        assert_eq!(at(&record(1).name("when")), (6, 5));
        assert_eq!(at(&record(1).quoted_in("no `x` beside `title`")), (8, 7));
        assert_eq!(at(&DocumentPlace::root().name("name")), (2, 1));
        assert_eq!(at(&DocumentPlace::root().mention("$.first")), (11, 13));
    }

    #[test]
    fn a_file_that_is_no_yaml_has_no_places() {
        let file = DeclaredFile::new("mapping.yaml", "a: [");
        assert_eq!(
            file.locate(&DocumentPlace::root().name("a")),
            Location::WHOLE_FILE
        );
    }
}
