//! Compiled expressions: a verb with its paths and lists resolved.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use pole::Normaliser;
use serde_json::Value;

use crate::cell::{Calendar, Cell};
use crate::format::{DateFormat, NUMBER_FORMATS, format_clock, normalise_number};
use crate::list::ReferenceLists;
use crate::mapping::{CodeOrLabel, Expression, ParseDocument, ParseKind, UnknownValuePolicy};
use crate::path::EventPath;
use crate::structure::DeclaredStructure;
use crate::time::parse_date;

/// Where a path begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PathRoot {
    /// The item of a `for_each`, or the body outside of one.
    Here,
    /// The item around it, or the body.
    Parent,
    /// The record's body.
    Body,
    /// The whole event.
    Event,
}

/// What paths begin from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PathRoots<T> {
    pub(crate) event: T,
    pub(crate) body: T,
    pub(crate) parent: T,
    pub(crate) here: T,
}

/// The values in which paths are looked up.
pub(crate) type ValueRoots<'v> = PathRoots<&'v Value>;

/// The declared shapes of these values.
pub(crate) type StructureRoots<'s> = PathRoots<&'s DeclaredStructure>;

/// A path with where it begins: `$.a`, `parent:$.a`, `body:$.a`, `event:$.a`.
#[derive(Clone, Debug)]
pub(crate) struct RootedPath {
    root: PathRoot,
    path: EventPath,
}

impl RootedPath {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (root, path) = match text.split_once(':') {
            Some(("event", path)) => (PathRoot::Event, path),
            Some(("body", path)) => (PathRoot::Body, path),
            Some(("parent", path)) => (PathRoot::Parent, path),
            _ => (PathRoot::Here, text),
        };
        Ok(Self {
            root,
            path: EventPath::parse(path)?,
        })
    }

    fn select_root<T: Copy>(&self, roots: &PathRoots<T>) -> T {
        match self.root {
            PathRoot::Here => roots.here,
            PathRoot::Parent => roots.parent,
            PathRoot::Body => roots.body,
            PathRoot::Event => roots.event,
        }
    }

    pub(crate) fn text(&self) -> &str {
        self.path.text()
    }

    /// The shape that the contract declares at the place.
    pub(crate) fn declared_structure<'s>(
        &self,
        shapes: &StructureRoots<'s>,
    ) -> Result<&'s DeclaredStructure, String> {
        self.select_root(shapes).structure_at(&self.path)
    }

    pub(crate) fn first_value<'v>(&self, scope: &ValueRoots<'v>) -> Option<&'v Value> {
        self.path.first_value(self.select_root(scope))
    }

    pub(crate) fn all_values<'v>(&self, scope: &ValueRoots<'v>) -> Vec<&'v Value> {
        self.path.all_values(self.select_root(scope))
    }

    /// Whether the record's body states this place. What is outside of the body is no statement of it.
    pub(crate) fn is_stated(&self, scope: &ValueRoots<'_>) -> bool {
        self.root != PathRoot::Event && self.path.is_stated(self.select_root(scope))
    }
}

/// A compiled expression.
#[derive(Clone, Debug)]
pub(crate) enum CompiledExpression {
    Copy(RootedPath),
    Constant(Value),
    Concat {
        parts: Vec<CompiledExpression>,
        separator: String,
    },
    Coalesce(Vec<CompiledExpression>),
    CodeMap {
        from: Box<CompiledExpression>,
        list: Arc<BTreeMap<String, String>>,
        unknown: UnknownValuePolicy,
    },
    Parse {
        from: Box<CompiledExpression>,
        parse: TextParser,
    },
    Normalise {
        from: Box<CompiledExpression>,
        normaliser: Normaliser,
        unknown: UnknownValuePolicy,
    },
    Sentinel(RootedPath),
    Identity {
        namespace: String,
        key: Vec<CompiledExpression>,
    },
}

/// How a text is parsed, and which texts stand for nothing.
#[derive(Clone, Debug)]
pub(crate) struct TextParser {
    forms: TextFormats,
    sentinels: Vec<String>,
}

/// The forms that a text may have, by what it is parsed as.
#[derive(Clone, Debug)]
enum TextFormats {
    Date(Vec<DateFormat>),
    Time(Vec<DateFormat>),
    Timestamp(Vec<DateFormat>),
    Decimal(Vec<String>),
}

impl CompiledExpression {
    pub(crate) fn compile(expression: &Expression, lists: &ReferenceLists) -> Result<Self, String> {
        let each = |list: &[Expression]| {
            list.iter()
                .map(|part| Self::compile(part, lists))
                .collect::<Result<_, _>>()
        };
        let boxed = |from: &Expression| Self::compile(from, lists).map(Box::new);
        Ok(match expression {
            Expression::Copy(path) => Self::Copy(RootedPath::parse(path)?),
            Expression::Constant(value) => Self::Constant(value.clone()),
            Expression::Concat { parts, separator } => Self::Concat {
                parts: each(parts)?,
                separator: separator.clone(),
            },
            Expression::Coalesce(parts) => Self::Coalesce(each(parts)?),
            Expression::CodeMap(document) => {
                let list = lists.get(&document.list)?;
                let list = match document.to {
                    CodeOrLabel::Code => list.codes_by_text(),
                    CodeOrLabel::Label => list.labels_by_text(),
                };
                Self::CodeMap {
                    from: boxed(&document.from)?,
                    list,
                    unknown: document.unknown,
                }
            }
            Expression::Parse(document) => Self::Parse {
                from: boxed(&document.from)?,
                parse: TextParser::compile(document)?,
            },
            Expression::Normalise(document) => {
                let known = || Normaliser::ALL.map(|(name, _)| name).join(", ");
                let normaliser = Normaliser::from_name(&document.normaliser).ok_or_else(|| {
                    format!("`{}` is not one of {}", document.normaliser, known())
                })?;
                Self::Normalise {
                    from: boxed(&document.from)?,
                    normaliser,
                    unknown: document.unknown,
                }
            }
            Expression::Sentinel(path) => Self::Sentinel(RootedPath::parse(path)?),
            Expression::Identity(document) => Self::Identity {
                namespace: document.namespace.clone(),
                key: each(&document.key)?,
            },
        })
    }

    /// The paths that the expression reads, for lineage and for telling where a fault lies.
    pub(crate) fn collect_paths<'c>(&'c self, found: &mut Vec<&'c RootedPath>) {
        match self {
            Self::Copy(place) | Self::Sentinel(place) => found.push(place),
            Self::Constant(_) => {}
            Self::Concat { parts, .. }
            | Self::Coalesce(parts)
            | Self::Identity { key: parts, .. } => {
                parts.iter().for_each(|part| part.collect_paths(found));
            }
            Self::CodeMap { from, .. }
            | Self::Parse { from, .. }
            | Self::Normalise { from, .. } => {
                from.collect_paths(found);
            }
        }
    }

    /// The first path that it reads, for messages.
    pub(crate) fn first_path(&self) -> String {
        let mut places = Vec::new();
        self.collect_paths(&mut places);
        places
            .first()
            .map(|place| place.text().to_owned())
            .unwrap_or_default()
    }

    /// Whether a patch with this body carries the expression's value. What does not depend on the body always is; what
    /// is joined of parts is only when all of them are there, for half a name was never anybody's; of alternatives, all
    /// must be there up to the one that holds.
    pub(crate) fn is_stated(&self, scope: &ValueRoots<'_>) -> bool {
        match self {
            Self::Copy(place) | Self::Sentinel(place) => {
                place.root == PathRoot::Event || place.is_stated(scope)
            }
            Self::Constant(_) => true,
            Self::Concat { parts, .. } | Self::Identity { key: parts, .. } => {
                parts.iter().all(|part| part.is_stated(scope))
            }
            Self::Coalesce(parts) => {
                for part in parts {
                    if !part.is_stated(scope) {
                        return false;
                    }
                    if part.has_value(scope) {
                        return true;
                    }
                }
                true
            }
            Self::CodeMap { from, .. }
            | Self::Parse { from, .. }
            | Self::Normalise { from, .. } => from.is_stated(scope),
        }
    }

    /// Whether anything that it reads is there and not null.
    fn has_value(&self, scope: &ValueRoots<'_>) -> bool {
        let mut places = Vec::new();
        self.collect_paths(&mut places);
        places.is_empty()
            || places.iter().any(|place| {
                place
                    .first_value(scope)
                    .is_some_and(|value| !value.is_null())
            })
    }

    /// Whether a patch carries any of the places in the body that it reads, and whether it carries all of them.
    pub(crate) fn stated_any_and_all(&self, scope: &ValueRoots<'_>) -> (bool, bool) {
        let mut places = Vec::new();
        self.collect_paths(&mut places);
        places.retain(|place| place.root != PathRoot::Event);
        let stated = |place: &&RootedPath| place.is_stated(scope);
        (
            places.iter().any(stated),
            !places.is_empty() && places.iter().all(stated),
        )
    }

    /// Whether the record's body decides it. Within a list, what stands in its items does not: they are stated with it.
    pub(crate) fn depends_on_body(&self, in_list: bool) -> bool {
        let mut places = Vec::new();
        self.collect_paths(&mut places);
        places.iter().any(|place| match place.root {
            PathRoot::Body => true,
            PathRoot::Here | PathRoot::Parent => !in_list,
            PathRoot::Event => false,
        })
    }

    /// Whether a patch with this body says something of its own: constants and identities do not.
    pub(crate) fn states_own_value(&self, scope: &ValueRoots<'_>) -> bool {
        let mut places = Vec::new();
        self.collect_paths(&mut places);
        !matches!(self, Self::Identity { .. }) && places.iter().any(|place| place.is_stated(scope))
    }

    /// The value, or why it cannot be had. The reason never holds the value.
    pub(crate) fn evaluate<'v>(
        &'v self,
        scope: &ValueRoots<'v>,
        calendar: &Calendar,
    ) -> Result<Cell<'v>, &'static str> {
        match self {
            Self::Copy(place) => Ok(place.first_value(scope).map_or(Cell::Null, Cell::from_json)),
            Self::Constant(value) => Ok(Cell::from_json(value)),
            Self::Concat { parts, separator } => evaluate_concat(parts, separator, scope, calendar),
            Self::Coalesce(parts) => {
                for part in parts {
                    let cell = part.evaluate(scope, calendar)?;
                    if cell != Cell::Null {
                        return Ok(cell);
                    }
                }
                Ok(Cell::Null)
            }
            Self::CodeMap {
                from,
                list,
                unknown,
            } => {
                let Some(code) = from.evaluate(scope, calendar)?.into_text() else {
                    return Ok(Cell::Null);
                };
                match list.get(code.trim()) {
                    Some(label) => Ok(Cell::Text(Cow::Borrowed(label))),
                    None => unknown.cell_for_unknown(code, "the code is not in the reference list"),
                }
            }
            Self::Parse { from, parse } => {
                let Some(text) = from.evaluate(scope, calendar)?.into_text() else {
                    return Ok(Cell::Null);
                };
                parse.parse_text(&text, calendar)
            }
            Self::Normalise {
                from,
                normaliser,
                unknown,
            } => {
                let Some(text) = from.evaluate(scope, calendar)?.into_text() else {
                    return Ok(Cell::Null);
                };
                match normaliser.normalise_text(&text) {
                    Some(normal) => Ok(Cell::Text(Cow::Owned(normal))),
                    None => {
                        unknown.cell_for_unknown(text, "the value does not have the declared form")
                    }
                }
            }
            Self::Sentinel(place) => Ok(sentinel_text(place.first_value(scope), calendar)),
            Self::Identity { namespace, key } => {
                let mut parts = Vec::with_capacity(key.len());
                for part in key {
                    let Some(text) = part.evaluate(scope, calendar)?.into_text() else {
                        return Ok(Cell::Null);
                    };
                    parts.push(text);
                }
                let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
                Ok(Cell::Text(Cow::Owned(
                    pole::pole_id(namespace, &parts).to_string(),
                )))
            }
        }
    }
}

impl TextParser {
    fn compile(document: &ParseDocument) -> Result<Self, String> {
        if document.formats.is_empty() {
            return Err("`parse` needs `formats`".into());
        }
        let formats = || {
            document
                .formats
                .iter()
                .map(|text| DateFormat::parse(text))
                .collect::<Result<_, _>>()
        };
        let forms = match document.kind {
            ParseKind::Date => TextFormats::Date(formats()?),
            ParseKind::Time => TextFormats::Time(formats()?),
            ParseKind::Timestamp => TextFormats::Timestamp(formats()?),
            ParseKind::Decimal => {
                let known = |format: &&String| NUMBER_FORMATS.contains(&format.as_str());
                if let Some(format) = document.formats.iter().find(|format| !known(format)) {
                    return Err(format!(
                        "the format `{format}` of a decimal is not one of {}",
                        NUMBER_FORMATS.join(" or ")
                    ));
                }
                TextFormats::Decimal(document.formats.clone())
            }
        };
        Ok(Self {
            forms,
            sentinels: document.sentinels.clone(),
        })
    }

    fn parse_text<'v>(&self, text: &str, calendar: &Calendar) -> Result<Cell<'v>, &'static str> {
        if self
            .sentinels
            .iter()
            .any(|sentinel| sentinel == text.trim())
        {
            return Ok(Cell::Null);
        }
        match &self.forms {
            TextFormats::Date(formats) => {
                let day = formats
                    .iter()
                    .find_map(|format| format.read_text(text)?.day);
                day.map(Cell::Date)
                    .ok_or("a date in a declared format was expected")
            }
            TextFormats::Time(formats) => {
                let clock = formats
                    .iter()
                    .find_map(|format| format.read_text(text)?.clock);
                let clock = clock.map(|micros| Cell::Text(Cow::Owned(format_clock(micros))));
                clock.ok_or("a time in a declared format was expected")
            }
            TextFormats::Timestamp(formats) => {
                let zone = calendar.zone.as_ref();
                let at = formats
                    .iter()
                    .find_map(|format| format.read_instant(text, zone));
                at.map(Cell::Timestamp)
                    .ok_or("a date and time in a declared format were expected")
            }
            TextFormats::Decimal(formats) => {
                let number = formats
                    .iter()
                    .find_map(|format| normalise_number(text, format));
                number
                    .map(|number| Cell::Text(Cow::Owned(number)))
                    .ok_or("an amount in a declared format was expected")
            }
        }
    }
}

impl UnknownValuePolicy {
    fn cell_for_unknown<'v>(
        self,
        value: Cow<'v, str>,
        reason: &'static str,
    ) -> Result<Cell<'v>, &'static str> {
        match self {
            Self::Keep => Ok(Cell::Text(value)),
            Self::Null => Ok(Cell::Null),
            Self::Quarantine => Err(reason),
        }
    }
}

fn evaluate_concat<'v>(
    parts: &'v [CompiledExpression],
    separator: &str,
    scope: &ValueRoots<'v>,
    calendar: &Calendar,
) -> Result<Cell<'v>, &'static str> {
    let mut joined = String::new();
    for part in parts {
        let Some(text) = part.evaluate(scope, calendar)?.into_text() else {
            continue;
        };
        if !joined.is_empty() {
            joined.push_str(separator);
        }
        joined.push_str(text.trim());
    }
    Ok(if joined.is_empty() {
        Cell::Null
    } else {
        Cell::Text(Cow::Owned(joined))
    })
}

/// The raw text of a date that stands for "no date"; nothing for every other.
fn sentinel_text<'v>(value: Option<&'v Value>, calendar: &Calendar) -> Cell<'v> {
    let text = value.and_then(Value::as_str);
    let stands_for_none =
        |text: &&str| parse_date(text.trim()).is_some_and(|day| calendar.sentinels.contains(&day));
    text.filter(stands_for_none)
        .map_or(Cell::Null, |text| Cell::Text(Cow::Borrowed(text)))
}
