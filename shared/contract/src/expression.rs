//! Compiled expressions: a verb with its paths and lists resolved.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use pole::Normaliser;
use serde_json::Value;

use crate::catalogue::Lists;
use crate::cell::{Calendar, Cell};
use crate::mapping::{Expression, Unknown};
use crate::path::Path;
use crate::time::{DateFormat, parse_date};

/// Where a path begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Root {
    /// The item of a `for_each`, or the body outside of one.
    Here,
    /// The record's body.
    Body,
    /// The whole event.
    Event,
}

/// The three places in which paths are looked up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope<'v> {
    pub(crate) event: &'v Value,
    pub(crate) body: &'v Value,
    pub(crate) here: &'v Value,
}

/// A path with where it begins: `$.a`, `body:$.a`, `event:$.a`.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    root: Root,
    path: Path,
}

impl Place {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (root, path) = match text.split_once(':') {
            Some(("event", path)) => (Root::Event, path),
            Some(("body", path)) => (Root::Body, path),
            _ => (Root::Here, text),
        };
        Ok(Self { root, path: Path::parse(path)? })
    }

    fn root<'v>(&self, scope: &Scope<'v>) -> &'v Value {
        match self.root {
            Root::Here => scope.here,
            Root::Body => scope.body,
            Root::Event => scope.event,
        }
    }

    pub(crate) fn text(&self) -> &str {
        self.path.text()
    }

    pub(crate) fn first<'v>(&self, scope: &Scope<'v>) -> Option<&'v Value> {
        self.path.first(self.root(scope))
    }

    pub(crate) fn all<'v>(&self, scope: &Scope<'v>) -> Vec<&'v Value> {
        self.path.all(self.root(scope))
    }

    /// Whether the record's body states this place. What is outside of the body is no statement of it.
    pub(crate) fn is_stated(&self, scope: &Scope<'_>) -> bool {
        self.root != Root::Event && self.path.is_stated(self.root(scope))
    }
}

/// A compiled expression.
#[derive(Clone, Debug)]
pub(crate) enum Compiled {
    Copy(Place),
    Constant(Value),
    Concat { parts: Vec<Compiled>, separator: String },
    Coalesce(Vec<Compiled>),
    CodeMap { from: Box<Compiled>, list: Arc<BTreeMap<String, String>>, unknown: Unknown },
    Parse { from: Box<Compiled>, formats: Vec<DateFormat> },
    Normalise { from: Box<Compiled>, normaliser: Normaliser, unknown: Unknown },
    Sentinel(Place),
}

impl Compiled {
    pub(crate) fn compile(expression: &Expression, lists: &Lists) -> Result<Self, String> {
        let each = |list: &[Expression]| {
            list.iter().map(|part| Self::compile(part, lists)).collect::<Result<_, _>>()
        };
        let boxed = |from: &Expression| Self::compile(from, lists).map(Box::new);
        Ok(match expression {
            Expression::Copy(path) => Self::Copy(Place::parse(path)?),
            Expression::Constant(value) => Self::Constant(value.clone()),
            Expression::Concat { parts, separator } => {
                Self::Concat { parts: each(parts)?, separator: separator.clone() }
            }
            Expression::Coalesce(parts) => Self::Coalesce(each(parts)?),
            Expression::CodeMap(document) => Self::CodeMap {
                from: boxed(&document.from)?,
                list: lists.get(&document.list)?,
                unknown: document.unknown,
            },
            Expression::Parse(document) => {
                let format = |name: &String| {
                    let formats = "iso, DD/MM/YYYY, DD-MM-YYYY, MM/DD/YYYY";
                    DateFormat::named(name)
                        .ok_or_else(|| format!("the date format `{name}` is not one of {formats}"))
                };
                let formats = document.formats.iter().map(format).collect::<Result<_, _>>()?;
                Self::Parse { from: boxed(&document.from)?, formats }
            }
            Expression::Normalise(document) => {
                let known = || Normaliser::ALL.map(|(name, _)| name).join(", ");
                let normaliser = Normaliser::named(&document.normaliser)
                    .ok_or_else(|| format!("`{}` is not one of {}", document.normaliser, known()))?;
                Self::Normalise { from: boxed(&document.from)?, normaliser, unknown: document.unknown }
            }
            Expression::Sentinel(path) => Self::Sentinel(Place::parse(path)?),
        })
    }

    /// The paths that the expression reads, for lineage and for telling where a fault lies.
    pub(crate) fn places<'c>(&'c self, found: &mut Vec<&'c Place>) {
        match self {
            Self::Copy(place) | Self::Sentinel(place) => found.push(place),
            Self::Constant(_) => {}
            Self::Concat { parts, .. } | Self::Coalesce(parts) => {
                parts.iter().for_each(|part| part.places(found));
            }
            Self::CodeMap { from, .. } | Self::Parse { from, .. } | Self::Normalise { from, .. } => {
                from.places(found);
            }
        }
    }

    /// The first path that it reads, for messages.
    pub(crate) fn first_path(&self) -> String {
        let mut places = Vec::new();
        self.places(&mut places);
        places.first().map(|place| place.text().to_owned()).unwrap_or_default()
    }

    /// Whether a patch with this body carries the expression's value.
    pub(crate) fn is_stated(&self, scope: &Scope<'_>) -> bool {
        let mut places = Vec::new();
        self.places(&mut places);
        places.is_empty() || places.iter().any(|place| place.is_stated(scope))
    }

    /// The value, or why it cannot be had. The reason never holds the value.
    pub(crate) fn evaluate<'v>(
        &'v self,
        scope: &Scope<'v>,
        calendar: &Calendar,
    ) -> Result<Cell<'v>, &'static str> {
        match self {
            Self::Copy(place) => Ok(place.first(scope).map_or(Cell::Null, Cell::of)),
            Self::Constant(value) => Ok(Cell::of(value)),
            Self::Concat { parts, separator } => concat(parts, separator, scope, calendar),
            Self::Coalesce(parts) => {
                for part in parts {
                    let cell = part.evaluate(scope, calendar)?;
                    if cell != Cell::Null {
                        return Ok(cell);
                    }
                }
                Ok(Cell::Null)
            }
            Self::CodeMap { from, list, unknown } => {
                let Some(code) = from.evaluate(scope, calendar)?.into_text() else { return Ok(Cell::Null) };
                match list.get(code.trim()) {
                    Some(label) => Ok(Cell::Text(Cow::Borrowed(label))),
                    None => unknown.answer(code, "the code is not in the reference list"),
                }
            }
            Self::Parse { from, formats } => {
                let Some(text) = from.evaluate(scope, calendar)?.into_text() else { return Ok(Cell::Null) };
                let date = formats.iter().find_map(|format| format.parse(&text));
                date.map(Cell::Date).ok_or("a date in a declared format was expected")
            }
            Self::Normalise { from, normaliser, unknown } => {
                let Some(text) = from.evaluate(scope, calendar)?.into_text() else { return Ok(Cell::Null) };
                match normaliser.apply(&text) {
                    Some(normal) => Ok(Cell::Text(Cow::Owned(normal))),
                    None => unknown.answer(text, "the value does not have the declared form"),
                }
            }
            Self::Sentinel(place) => Ok(sentinel(place.first(scope), calendar)),
        }
    }
}

impl Unknown {
    fn answer<'v>(self, value: Cow<'v, str>, reason: &'static str) -> Result<Cell<'v>, &'static str> {
        match self {
            Self::Keep => Ok(Cell::Text(value)),
            Self::Null => Ok(Cell::Null),
            Self::Quarantine => Err(reason),
        }
    }
}

fn concat<'v>(
    parts: &'v [Compiled],
    separator: &str,
    scope: &Scope<'v>,
    calendar: &Calendar,
) -> Result<Cell<'v>, &'static str> {
    let mut joined = String::new();
    for part in parts {
        let Some(text) = part.evaluate(scope, calendar)?.into_text() else { continue };
        if !joined.is_empty() {
            joined.push_str(separator);
        }
        joined.push_str(text.trim());
    }
    Ok(if joined.is_empty() { Cell::Null } else { Cell::Text(Cow::Owned(joined)) })
}

/// The raw text of a date that stands for "no date"; nothing for every other.
fn sentinel<'v>(value: Option<&'v Value>, calendar: &Calendar) -> Cell<'v> {
    let text = value.and_then(Value::as_str);
    let stands_for_none =
        |text: &&str| parse_date(text.trim()).is_some_and(|day| calendar.sentinels.contains(&day));
    text.filter(stands_for_none).map_or(Cell::Null, |text| Cell::Text(Cow::Borrowed(text)))
}
