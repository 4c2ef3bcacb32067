//! The texts of a record: of its value, whatever its depth, of its key and its headers.

use std::borrow::Cow;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use pole::FoldedText;
use serde_json::Value;

use super::FreeTextSearch;
use super::candidates::CandidateReason;
use super::escapes::{readings_of, resolve_escapes};
use super::terms::{FieldMeaning, TextFinding};

/// The characters of an excerpt, and those of them before the finding.
const EXCERPT_CHARS: usize = 80;
const EXCERPT_CHARS_BEFORE: usize = 24;

/// Documents within texts of documents that are looked into.
const DOCUMENTS_WITHIN_MAX: usize = 4;

/// What a name is shown as that may hold data.
const HIDDEN_NAME: &str = "(unprintable)";

/// A text that holds a term.
pub(super) struct FoundText {
    pub(super) path: String,
    pub(super) reasons: BTreeSet<CandidateReason>,
    pub(super) excerpt: Option<String>,
    /// A hash of the text's letters and digits.
    pub(super) digest: u64,
}

/// A step to a value.
enum WalkStep<'v> {
    /// The member of an object, a column, or a part of the record.
    Name(&'v str),
    Item(usize),
}

/// A field that is a name or the date of birth and nothing else.
pub(super) struct SiblingField<'v> {
    name: &'v str,
    meaning: FieldMeaning,
    shown: Cow<'v, str>,
}

/// How many fields beside each other have each meaning.
#[derive(Default)]
struct MeaningCounts {
    given: usize,
    surnames: usize,
    birth_dates: usize,
}

impl MeaningCounts {
    fn of_fields(fields: &[SiblingField<'_>]) -> Self {
        let count = |has: fn(&FieldMeaning) -> bool| {
            fields.iter().filter(|field| has(&field.meaning)).count()
        };
        Self {
            given: count(|field| field.is_given),
            surnames: count(|field| field.is_surname),
            birth_dates: count(|field| field.is_birth_date),
        }
    }

    /// Why a field is a candidate beside the others.
    fn reasons_of(&self, field: FieldMeaning) -> BTreeSet<CandidateReason> {
        let other_given = self.given > usize::from(field.is_given);
        let other_surname = self.surnames > usize::from(field.is_surname);
        let other_date = self.birth_dates > usize::from(field.is_birth_date);

        let mut reasons = BTreeSet::new();
        if (field.is_surname && other_given) || (field.is_given && other_surname) {
            reasons.insert(CandidateReason::FullName);
        }
        if (field.is_surname && other_date) || (field.is_birth_date && other_surname) {
            reasons.insert(CandidateReason::SurnameAndBirthDate);
        }
        reasons
    }
}

/// A walk through the texts of one record or row.
pub(super) struct TextWalk<'s> {
    search: &'s FreeTextSearch,
    /// By path and text: names that are not printed share a path.
    found: BTreeMap<(String, u64), FoundText>,
    /// The documents around the one that the walk is in.
    depth: usize,
}

impl<'s> TextWalk<'s> {
    pub(super) fn new(search: &'s FreeTextSearch) -> Self {
        Self {
            search,
            found: BTreeMap::new(),
            depth: 0,
        }
    }

    /// What was found, by path.
    pub(super) fn into_found(self) -> impl Iterator<Item = FoundText> {
        self.found.into_values()
    }

    /// Searches a record's value: each text of a JSON document, or all of another one.
    pub(super) fn search_value(&mut self, value: &[u8]) {
        match contract::read_json(value) {
            Ok(document) => self.walk(&document, &mut vec![WalkStep::Name("$")]),
            Err(_) => self.search_bytes(&[WalkStep::Name("value")], value),
        }
    }

    /// Searches a record's key.
    pub(super) fn search_key(&mut self, key: &[u8]) {
        self.search_bytes(&[WalkStep::Name("key")], key);
    }

    /// Searches the names and values of a record's headers.
    pub(super) fn search_headers(&mut self, headers: &str) {
        for (name, value) in lake::header_values(headers) {
            let steps = [WalkStep::Name("headers"), WalkStep::Name(&name)];
            self.search_text(&steps, &name);
            self.search_bytes(&steps, &value.unwrap_or_default());
        }
    }

    /// Searches the text of a column.
    pub(super) fn search_column<'v>(
        &mut self,
        name: &'v str,
        text: &'v str,
    ) -> Option<SiblingField<'v>> {
        let folded = self.search_text(&[WalkStep::Name(name)], text);
        self.sibling_field(name, Cow::Borrowed(text), &folded)
    }

    /// The field, where its text is a name or the date of birth and nothing else.
    pub(super) fn sibling_field<'v>(
        &self,
        name: &'v str,
        shown: Cow<'v, str>,
        text: &FoldedText,
    ) -> Option<SiblingField<'v>> {
        let meaning = self.search.terms.field_meaning(text);
        (meaning != FieldMeaning::default()).then_some(SiblingField {
            name,
            meaning,
            shown,
        })
    }

    /// Searches the fields of a row for names and a date in columns of their own.
    pub(super) fn search_columns<'v>(&mut self, fields: &[SiblingField<'v>]) {
        self.search_siblings(&mut Vec::new(), fields);
    }

    fn search_bytes(&mut self, steps: &[WalkStep<'_>], bytes: &[u8]) {
        for reading in readings_of(bytes) {
            self.search_text(steps, &reading);
        }
    }

    fn walk<'v>(&mut self, value: &'v Value, steps: &mut Vec<WalkStep<'v>>) {
        if let Some(digits) = contract::number_text(value) {
            self.search_text(steps, &digits);
            return;
        }
        match value {
            Value::String(text) => {
                self.search_text(steps, text);
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    steps.push(WalkStep::Item(index));
                    self.walk(item, steps);
                    steps.pop();
                }
            }
            Value::Object(members) => self.walk_members(members, steps),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn walk_members<'v>(
        &mut self,
        members: &'v serde_json::Map<String, Value>,
        steps: &mut Vec<WalkStep<'v>>,
    ) {
        let mut fields = Vec::new();
        for (name, member) in members {
            steps.push(WalkStep::Name(name));
            self.search_text(steps, name);
            if let Value::String(text) = member {
                let folded = self.search_text(steps, text);
                fields.extend(self.sibling_field(name, Cow::Borrowed(text), &folded));
            } else {
                self.walk(member, steps);
            }
            steps.pop();
        }
        self.search_siblings(steps, &fields);
    }

    /// A surname in one field, and a given name or the date of birth in another beside it.
    fn search_siblings<'v>(&mut self, steps: &mut Vec<WalkStep<'v>>, fields: &[SiblingField<'v>]) {
        let counts = MeaningCounts::of_fields(fields);
        for field in fields {
            let reasons = counts.reasons_of(field.meaning);
            if reasons.is_empty() {
                continue;
            }

            let folded = FoldedText::of(&field.shown);
            let words = 0..self.search.terms.field_words(&folded, field.meaning);
            let shown = field.shown.get(folded.place_of(words.clone()));
            let shown = shown.unwrap_or(&field.shown);
            let finding = TextFinding { reasons, words };
            steps.push(WalkStep::Name(field.name));
            self.note(steps, shown, &FoldedText::of(shown), finding);
            steps.pop();
        }
    }

    /// Searches one text, and what it holds when it is a document itself; gives the text folded.
    fn search_text(&mut self, steps: &[WalkStep<'_>], text: &str) -> FoldedText {
        let folded = FoldedText::of(text);
        if let Some(finding) = self.search.terms.find_in(&folded) {
            self.note(steps, text, &folded, finding);
        }

        if !self.search_document_within(steps, text, &folded)
            && let Some(resolved) = resolve_escapes(text)
        {
            let resolved_text = FoldedText::of(&resolved);
            if let Some(finding) = self.search.terms.find_in(&resolved_text) {
                self.note(steps, &resolved, &resolved_text, finding);
            }
        }
        folded
    }

    /// Searches a JSON document within a text; false when the text is none. What it holds is found
    /// at the path of the text.
    fn search_document_within(
        &mut self,
        steps: &[WalkStep<'_>],
        text: &str,
        folded: &FoldedText,
    ) -> bool {
        let is_likely = text.trim_start().starts_with(['{', '[', '"']);
        if !is_likely || self.depth == DOCUMENTS_WITHIN_MAX {
            return false;
        }
        let Ok(document) = contract::read_json(text.as_bytes()) else {
            return false;
        };

        let mut within = TextWalk {
            search: self.search,
            found: BTreeMap::new(),
            depth: self.depth + 1,
        };
        within.walk(&document, &mut vec![WalkStep::Name("$")]);
        let path = self.render_path(steps);
        for found in within.into_found() {
            self.add_found(FoundText {
                path: path.clone(),
                digest: digest_of(folded),
                ..found
            });
        }
        true
    }

    fn note(
        &mut self,
        steps: &[WalkStep<'_>],
        text: &str,
        folded: &FoldedText,
        finding: TextFinding,
    ) {
        let place = folded.place_of(finding.words);
        let with_excerpt = self.search.with_excerpts;
        let found = FoundText {
            path: self.render_path(steps),
            reasons: finding.reasons,
            excerpt: with_excerpt.then(|| excerpt_of(text, place)),
            digest: digest_of(folded),
        };
        self.add_found(found);
    }

    /// Adds a finding; a text stands once at its path, with all its reasons.
    fn add_found(&mut self, found: FoundText) {
        let place = (found.path.clone(), found.digest);
        match self.found.entry(place) {
            Entry::Occupied(mut known) => known.get_mut().reasons.extend(found.reasons),
            Entry::Vacant(place) => {
                place.insert(found);
            }
        }
    }

    fn render_path(&self, steps: &[WalkStep<'_>]) -> String {
        let mut path = String::new();
        for step in steps {
            match step {
                WalkStep::Item(index) => path.push_str(&format!("[{index}]")),
                WalkStep::Name(name) if path.is_empty() => path.push_str(name),
                WalkStep::Name(name) => {
                    path.push('.');
                    path.push_str(self.printable_name(name));
                }
            }
        }
        path
    }

    fn printable_name<'n>(&self, name: &'n str) -> &'n str {
        if contract::looks_like_field_name(name) && !self.search.terms.occur_in_name(name) {
            name
        } else {
            HIDDEN_NAME
        }
    }
}

fn digest_of(text: &FoldedText) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.plain().letters().hash(&mut hasher);
    hasher.finish()
}

/// The characters around a place of the text.
fn excerpt_of(text: &str, place: Range<usize>) -> String {
    let before = text.get(..place.start).unwrap_or_default();
    let skipped = before.chars().count().saturating_sub(EXCERPT_CHARS_BEFORE);
    text.chars().skip(skipped).take(EXCERPT_CHARS).collect()
}
