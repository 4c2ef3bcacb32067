//! The oracle's reading of values: how patches merge, where paths lead, what formulas give.

use pole::IdentityKey;
use serde_json::{Map, Value};

use super::shape::{Formula, MappedPath, PathHop, PathStart};
use super::tables::HeldType;

/// The date that stands for no date in every generated mapping.
pub(super) const PLACEHOLDER: &str = "1900-01-01";

/// A value, before a column holds it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Datum {
    Nothing,
    Text(String),
    Whole(i64),
    Truth(bool),
}

/// A value that its column cannot hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Unfit;

/// Applies a patch: objects merge, everything else replaces.
pub(super) fn apply_patch(target: &mut Value, patch: &Value) {
    let Some(members) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let object = target.as_object_mut().unwrap();
    for (name, value) in members {
        apply_patch(object.entry(name.clone()).or_insert(Value::Null), value);
    }
}

/// The places that paths begin from.
#[derive(Clone, Copy)]
pub(super) struct PathScope<'v> {
    pub(super) event: &'v Value,
    pub(super) body: &'v Value,
    pub(super) parent: &'v Value,
    pub(super) item: &'v Value,
}

impl<'v> PathScope<'v> {
    pub(super) fn start(&self, path: &MappedPath) -> &'v Value {
        match path.start {
            PathStart::Item => self.item,
            PathStart::Parent => self.parent,
            PathStart::Body => self.body,
            PathStart::Event => self.event,
        }
    }

    /// What is at a path; none where nothing is. A null is something.
    pub(super) fn at(&self, path: &MappedPath) -> Option<&'v Value> {
        follow(self.start(path), &path.hops)
    }
}

fn follow<'v>(from: &'v Value, hops: &[PathHop]) -> Option<&'v Value> {
    let Some((hop, rest)) = hops.split_first() else {
        return Some(from);
    };
    match hop {
        PathHop::Member(name) => follow(from.as_object()?.get(*name)?, rest),
        PathHop::Nth(place) => follow(from.as_array()?.get(*place)?, rest),
        PathHop::Named(name) => {
            let mut items = from.as_array()?.iter();
            items.find_map(|item| {
                let is_named = item.get("name") == Some(&Value::from(*name));
                is_named.then(|| follow(item, rest)).flatten()
            })
        }
    }
}

/// Whether a patch carries what a path leads to: its first list or value, or a null on the way to
/// it.
pub(super) fn carries(patch: &Value, hops: &[PathHop]) -> bool {
    let mut value = patch;
    for hop in hops {
        let PathHop::Member(name) = hop else {
            return true;
        };
        match value.get(*name) {
            None => return false,
            Some(Value::Null) => return true,
            Some(next) => value = next,
        }
    }
    true
}

/// The value of a JSON value; lists and objects are something, and nothing reads what.
pub(super) fn datum_of(value: Option<&Value>) -> Datum {
    match value {
        None | Some(Value::Null) => Datum::Nothing,
        Some(Value::Bool(truth)) => Datum::Truth(*truth),
        Some(Value::Number(number)) => match number.as_i64() {
            Some(whole) => Datum::Whole(whole),
            None => Datum::Text(number.to_string()),
        },
        Some(Value::String(text)) if text.trim().is_empty() => Datum::Nothing,
        Some(Value::String(text)) => Datum::Text(text.trim().to_owned()),
        Some(other) => Datum::Text(other.to_string()),
    }
}

impl Datum {
    pub(super) fn into_text(self) -> Option<String> {
        match self {
            Self::Nothing => None,
            Self::Text(text) => Some(text),
            Self::Whole(number) => Some(number.to_string()),
            Self::Truth(truth) => Some(truth.to_string()),
        }
    }

    /// As a column holds it.
    pub(super) fn held_as(self, held: HeldType) -> Result<Option<String>, Unfit> {
        match (held, self) {
            (_, Self::Nothing) => Ok(None),
            (HeldType::Text, datum) => Ok(datum.into_text()),
            (HeldType::Date, Self::Text(text)) if is_date(&text) => {
                Ok((text != PLACEHOLDER).then_some(text))
            }
            (HeldType::Whole, Self::Whole(number)) => Ok(Some(number.to_string())),
            (HeldType::Truth, Self::Truth(truth)) => Ok(Some(truth.to_string())),
            _ => Err(Unfit),
        }
    }
}

/// Whether a text is a date of the generator's: `2001-02-03`.
fn is_date(text: &str) -> bool {
    text.len() == 10 && text.split('-').map(str::len).eq([4, 2, 2])
}

/// What a formula gives.
pub(super) fn evaluate(formula: &Formula, scope: &PathScope<'_>) -> Result<Datum, Unfit> {
    match formula {
        Formula::Copy(path) => Ok(datum_of(scope.at(path))),
        Formula::Constant(text) => Ok(Datum::Text(text.clone())),
        Formula::Concat(parts) => {
            let mut texts = Vec::new();
            for part in parts {
                texts.extend(evaluate(part, scope)?.into_text());
            }
            Ok(text_or_nothing(texts.join(" ")))
        }
        Formula::Coalesce(parts) => {
            for part in parts {
                let datum = evaluate(part, scope)?;
                if datum != Datum::Nothing {
                    return Ok(datum);
                }
            }
            Ok(Datum::Nothing)
        }
        Formula::Uprn(from) => changed_text(from, scope, uprn),
        Formula::Plate(from) => changed_text(from, scope, plate),
        Formula::BritishDate(from) => match evaluate(from, scope)?.into_text() {
            None => Ok(Datum::Nothing),
            Some(text) => british_date(&text).map(Datum::Text).ok_or(Unfit),
        },
        Formula::Amount(from) => match evaluate(from, scope)? {
            Datum::Whole(0) => Ok(Datum::Nothing),
            datum => Ok(text_or_nothing(datum.into_text().unwrap_or_default())),
        },
        Formula::Placeholder(path) => {
            let text = scope.at(path).and_then(Value::as_str).map(str::trim);
            Ok(match text {
                Some(PLACEHOLDER) => Datum::Text(PLACEHOLDER.to_owned()),
                _ => Datum::Nothing,
            })
        }
        Formula::IdOf(namespace, key) => {
            let id = key_texts(key, scope)?.map(|key| natural_id(namespace, &key));
            Ok(id.map_or(Datum::Nothing, Datum::Text))
        }
    }
}

fn text_or_nothing(text: String) -> Datum {
    if text.is_empty() {
        Datum::Nothing
    } else {
        Datum::Text(text)
    }
}

fn changed_text(
    from: &Formula,
    scope: &PathScope<'_>,
    change: fn(&str) -> Option<String>,
) -> Result<Datum, Unfit> {
    let text = evaluate(from, scope)?.into_text();
    Ok(text.map_or(Datum::Nothing, |text| {
        Datum::Text(change(&text).unwrap_or(text))
    }))
}

/// Twelve digits; none for what is no UPRN.
fn uprn(text: &str) -> Option<String> {
    let is_uprn = text.len() <= 12
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && text.bytes().any(|byte| byte != b'0');
    is_uprn.then(|| format!("{text:0>12}"))
}

/// The letters and digits of a plate, in capitals.
fn plate(text: &str) -> Option<String> {
    let kept = text.chars().filter(char::is_ascii_alphanumeric);
    let plate: String = kept.map(|c| c.to_ascii_uppercase()).collect();
    (1..=11).contains(&plate.len()).then_some(plate)
}

fn british_date(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.split('/').collect();
    match parts.as_slice() {
        [day, month, year] => Some(format!("{year}-{month}-{day}")),
        _ => None,
    }
}

/// The parts of a key; none where one has no value.
pub(super) fn key_texts(
    key: &[Formula],
    scope: &PathScope<'_>,
) -> Result<Option<Vec<String>>, Unfit> {
    let mut texts = Vec::new();
    for part in key {
        match evaluate(part, scope)?.into_text() {
            Some(text) => texts.push(one_spelling(&text)),
            None => return Ok(None),
        }
    }
    Ok(Some(texts))
}

/// A key's one spelling: without outer spaces, a UUID in small letters.
pub(super) fn one_spelling(text: &str) -> String {
    let text = text.trim();
    let is_uuid = text.len() == 36 && text.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
    if is_uuid {
        text.to_lowercase()
    } else {
        text.to_owned()
    }
}

fn borrowed(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

pub(super) fn natural_id(namespace: &str, key: &[String]) -> String {
    let id = IdentityKey::for_tests().pole_id(namespace, &borrowed(key));
    id.to_string()
}

pub(super) fn owned_id(owner: &str, set: &str, key: &[String]) -> String {
    let owner = owner.parse().unwrap();
    let id = IdentityKey::for_tests().owned_id(&owner, set, &borrowed(key));
    id.to_string()
}

pub(super) fn link_id(owner: &str, from: &str, to: &str, kind: &str, role: &str) -> String {
    let [owner, from, to] = [owner, from, to].map(|id| id.parse().unwrap());
    let id = IdentityKey::for_tests().link_id(&owner, &from, &to, kind, role);
    id.to_string()
}
