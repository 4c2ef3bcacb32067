//! Compiled expressions: a verb with its paths and lists resolved.

mod content;
mod epoch;
mod instant;
mod rooted_path;
mod text_parser;
mod text_verbs;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use pole::{IdentityKey, Normaliser};
use serde_json::Value;

pub(crate) use self::rooted_path::{PathRoots, RootedPath, StructureRoots, ValueRoots};

use self::rooted_path::PathRoot;
use self::text_parser::TextParser;
use self::text_verbs::{TextSplit, blank_cell};
use crate::calendar::Calendar;
use crate::cell::Cell;
use crate::mapping::{
    CodeMapDocument, CodeOrLabel, EpochUnit, Expression, NormaliseDocument, UnknownValuePolicy,
};
use crate::namespace::{KeyNamespace, NamedReferences, canonical_part};
use crate::number::may_have_lost_digits;

/// What the values of a mapping depend on besides the event.
#[derive(Clone, Copy)]
pub(crate) struct ValueRules<'r> {
    /// How dates are read.
    pub(crate) calendar: &'r Calendar,
    /// The key under which ids are derived; none for the event's own time, which holds no id.
    pub(crate) identity_key: Option<&'r IdentityKey>,
}

/// The value of an expression, or why there is none. The reason never holds the value.
type ExpressionResult<'v> = Result<Cell<'v>, &'static str>;

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
    Epoch {
        from: Box<CompiledExpression>,
        unit: EpochUnit,
        sentinels: Vec<String>,
    },
    Normalise {
        from: Box<CompiledExpression>,
        normaliser: Normaliser,
        unknown: UnknownValuePolicy,
    },
    Sentinel(RootedPath),
    Identity {
        namespace: KeyNamespace,
        key: Vec<CompiledExpression>,
    },
    Split {
        from: Box<CompiledExpression>,
        split: TextSplit,
    },
    Blank {
        from: Box<CompiledExpression>,
        texts: Vec<String>,
    },
}

impl CompiledExpression {
    /// The path of an expression that copies a value of the whole event.
    pub(crate) fn whole_event_path(&self) -> Option<&str> {
        match self {
            Self::Copy(path) => path.whole_event_path(),
            _ => None,
        }
    }

    /// Resolves the paths, lists and formats of an expression.
    pub(crate) fn compile(
        expression: &Expression,
        references: &NamedReferences<'_>,
    ) -> Result<Self, String> {
        Ok(match expression {
            Expression::Copy(path) => Self::Copy(RootedPath::parse(path)?),
            Expression::Constant(value) if may_have_lost_digits(value) => {
                return Err(
                    "the constant has more digits than YAML keeps: write it as a text".into(),
                );
            }
            Expression::Constant(value) => Self::Constant(value.clone()),
            Expression::Concat { parts, separator } => Self::Concat {
                parts: Self::compile_all(parts, references)?,
                separator: separator.clone(),
            },
            Expression::Coalesce(parts) => Self::Coalesce(Self::compile_all(parts, references)?),
            Expression::CodeMap(document) => Self::compile_code_map(document, references)?,
            Expression::Parse(document) => Self::Parse {
                from: Box::new(Self::compile(&document.from, references)?),
                parse: TextParser::compile(document)?,
            },
            Expression::Epoch(document) => Self::Epoch {
                from: Box::new(Self::compile(&document.from, references)?),
                unit: document.unit,
                sentinels: document.sentinels.clone(),
            },
            Expression::Normalise(document) => Self::compile_normalise(document, references)?,
            Expression::Sentinel(path) => Self::Sentinel(RootedPath::parse(path)?),
            Expression::Identity(document) => Self::Identity {
                namespace: references.namespaces.get(&document.namespace),
                key: Self::compile_all(&document.key, references)?,
            },
            Expression::Split(document) => Self::Split {
                from: Box::new(Self::compile(&document.from, references)?),
                split: TextSplit::compile(document)?,
            },
            Expression::Lookup(document) => Self::CodeMap {
                from: Box::new(Self::compile(&document.from, references)?),
                list: references
                    .lists
                    .get(&document.list)?
                    .column_by_text(&document.column)?,
                unknown: document.unknown,
            },
            Expression::Blank(document) => Self::Blank {
                from: Box::new(Self::compile(&document.from, references)?),
                texts: document.texts.clone(),
            },
        })
    }

    /// Compiles several expressions, in their order.
    pub(crate) fn compile_all(
        parts: &[Expression],
        references: &NamedReferences<'_>,
    ) -> Result<Vec<Self>, String> {
        parts
            .iter()
            .map(|part| Self::compile(part, references))
            .collect()
    }

    fn compile_code_map(
        document: &CodeMapDocument,
        references: &NamedReferences<'_>,
    ) -> Result<Self, String> {
        let list = references.lists.get(&document.list)?;
        Ok(Self::CodeMap {
            from: Box::new(Self::compile(&document.from, references)?),
            list: match document.to {
                CodeOrLabel::Code => list.codes_by_text(),
                CodeOrLabel::Label => list.labels_by_text(),
            },
            unknown: document.unknown,
        })
    }

    fn compile_normalise(
        document: &NormaliseDocument,
        references: &NamedReferences<'_>,
    ) -> Result<Self, String> {
        let normaliser = Normaliser::from_name(&document.normaliser).ok_or_else(|| {
            let known = Normaliser::ALL.map(|(name, _)| name).join(", ");
            format!("`{}` is not one of {known}", document.normaliser)
        })?;
        Ok(Self::Normalise {
            from: Box::new(Self::compile(&document.from, references)?),
            normaliser,
            unknown: document.unknown,
        })
    }

    /// Every path that the expression reads.
    pub(crate) fn paths(&self) -> Vec<&RootedPath> {
        let mut paths = Vec::new();
        self.collect_paths(&mut paths);
        paths
    }

    fn collect_paths<'c>(&'c self, paths: &mut Vec<&'c RootedPath>) {
        match self {
            Self::Copy(path) | Self::Sentinel(path) => paths.push(path),
            Self::Constant(_) => {}
            Self::Concat { parts, .. }
            | Self::Coalesce(parts)
            | Self::Identity { key: parts, .. } => {
                parts.iter().for_each(|part| part.collect_paths(paths));
            }
            Self::CodeMap { from, .. }
            | Self::Parse { from, .. }
            | Self::Epoch { from, .. }
            | Self::Normalise { from, .. }
            | Self::Split { from, .. }
            | Self::Blank { from, .. } => from.collect_paths(paths),
        }
    }

    /// The key of the other record whose id it gives; empty for every other expression.
    pub(crate) fn identity_key(&self) -> &[Self] {
        match self {
            Self::Identity { key, .. } => key,
            _ => &[],
        }
    }

    /// The first path that it reads, for messages.
    pub(crate) fn first_path(&self) -> String {
        self.paths()
            .first()
            .map(|path| path.text().to_owned())
            .unwrap_or_default()
    }

    /// Whether a patch with this body states the expression's value. A value that does not depend
    /// on the body always is. A value joined of parts is stated only with all of them: half a name
    /// belongs to no person. Of alternatives, all must be stated up to the first that has a value.
    pub(crate) fn is_stated(&self, scope: &ValueRoots<'_>, rules: &ValueRules<'_>) -> bool {
        self.is_known(scope, rules, &|path| {
            path.root == PathRoot::Event || path.is_stated(scope)
        })
    }

    /// Whether a patch decides the expression's value in an item of `depth` lists, so that the
    /// patch can be refused for it. An item of a list is stated with all that it holds; what stands
    /// beside the list may be in an earlier state of the record.
    pub(crate) fn is_judged_in_patch(
        &self,
        scope: &ValueRoots<'_>,
        rules: &ValueRules<'_>,
        depth: usize,
    ) -> bool {
        self.is_known(scope, rules, &|path| match path.root {
            PathRoot::Event => true,
            PathRoot::Here if depth > 0 => true,
            PathRoot::Parent if depth > 1 => true,
            PathRoot::Here | PathRoot::Parent | PathRoot::Body => path.is_stated(scope),
        })
    }

    /// Whether the expression's value is known when only some of its paths are.
    fn is_known(
        &self,
        scope: &ValueRoots<'_>,
        rules: &ValueRules<'_>,
        is_path_known: &dyn Fn(&RootedPath) -> bool,
    ) -> bool {
        match self {
            Self::Copy(path) | Self::Sentinel(path) => is_path_known(path),
            Self::Constant(_) => true,
            Self::Concat { parts, .. } | Self::Identity { key: parts, .. } => parts
                .iter()
                .all(|part| part.is_known(scope, rules, is_path_known)),
            Self::Coalesce(parts) => alternatives_are_known(parts, scope, rules, is_path_known),
            Self::CodeMap { from, .. }
            | Self::Parse { from, .. }
            | Self::Epoch { from, .. }
            | Self::Normalise { from, .. }
            | Self::Split { from, .. }
            | Self::Blank { from, .. } => from.is_known(scope, rules, is_path_known),
        }
    }

    /// Whether a patch states any of the paths in the body that it reads, and whether it states all
    /// of them.
    pub(crate) fn stated_any_and_all(&self, scope: &ValueRoots<'_>) -> (bool, bool) {
        let mut body_paths = self.paths();
        body_paths.retain(|path| path.root != PathRoot::Event);

        let stated = body_paths
            .iter()
            .filter(|path| path.is_stated(scope))
            .count();
        (stated > 0, stated > 0 && stated == body_paths.len())
    }

    /// Whether the record's body decides the value. In a list, the values of its items do not: the
    /// list states them.
    pub(crate) fn depends_on_body(&self, in_list: bool) -> bool {
        self.paths().iter().any(|path| match path.root {
            PathRoot::Body => true,
            PathRoot::Here | PathRoot::Parent => !in_list,
            PathRoot::Event => false,
        })
    }

    /// Whether a patch with this body states a value of its own: constants and identities are no
    /// such value.
    pub(crate) fn states_own_value(&self, scope: &ValueRoots<'_>) -> bool {
        !matches!(self, Self::Identity { .. })
            && self.paths().iter().any(|path| path.is_stated(scope))
    }

    /// The value, or why there is none.
    pub(crate) fn evaluate<'v>(
        &'v self,
        scope: &ValueRoots<'v>,
        rules: &ValueRules<'_>,
    ) -> ExpressionResult<'v> {
        match self {
            Self::Copy(path) => Ok(path.first_value(scope).map_or(Cell::Null, Cell::from_json)),
            Self::Constant(value) => Ok(Cell::from_json(value)),
            Self::Concat { parts, separator } => evaluate_concat(parts, separator, scope, rules),
            Self::Coalesce(parts) => evaluate_coalesce(parts, scope, rules),
            Self::Sentinel(path) => Ok(sentinel_text(path.first_value(scope), rules.calendar)),
            Self::Identity { namespace, key } => evaluate_identity(namespace, key, scope, rules),
            Self::CodeMap {
                from,
                list,
                unknown,
            } => match from.evaluate_text(scope, rules)? {
                Some(code) => map_code(code, list, *unknown),
                None => Ok(Cell::Null),
            },
            Self::Parse { from, parse } => match from.evaluate(scope, rules)? {
                Cell::Null => Ok(Cell::Null),
                cell => parse.parse_cell(cell, rules.calendar),
            },
            Self::Epoch { .. } => {
                let instant = self.evaluate_instant(scope, rules)?;
                Ok(instant.map_or(Cell::Null, |instant| Cell::Timestamp(instant.micros)))
            }
            Self::Normalise {
                from,
                normaliser,
                unknown,
            } => match from.evaluate_text(scope, rules)? {
                Some(text) => normalise_text(text, normaliser, *unknown),
                None => Ok(Cell::Null),
            },
            Self::Split { from, split } => match from.evaluate_text(scope, rules)? {
                Some(text) => Ok(split.part_of(&text)),
                None => Ok(Cell::Null),
            },
            Self::Blank { from, texts } => blank_cell(from.evaluate(scope, rules)?, texts),
        }
    }

    /// The value as text; none for null.
    fn evaluate_text<'v>(
        &'v self,
        scope: &ValueRoots<'v>,
        rules: &ValueRules<'_>,
    ) -> Result<Option<Cow<'v, str>>, &'static str> {
        Ok(self.evaluate(scope, rules)?.into_text())
    }
}

/// Whether the alternatives up to the first that has a value are known: an unknown one before it
/// could win.
///
/// An alternative has a value when it gives one: blank text is null here as in every column.
fn alternatives_are_known(
    parts: &[CompiledExpression],
    scope: &ValueRoots<'_>,
    rules: &ValueRules<'_>,
    is_path_known: &dyn Fn(&RootedPath) -> bool,
) -> bool {
    for part in parts {
        if !part.is_known(scope, rules, is_path_known) {
            return false;
        }
        if part.evaluate(scope, rules) != Ok(Cell::Null) {
            return true;
        }
    }
    true
}

/// The code or label of a reference list that a text stands for.
fn map_code<'v>(
    text: Cow<'v, str>,
    list: &'v BTreeMap<String, String>,
    unknown: UnknownValuePolicy,
) -> ExpressionResult<'v> {
    match list.get(text.trim()) {
        Some(entry) => Ok(Cell::Text(Cow::Borrowed(entry))),
        None => unknown.cell_for_unknown(text, "the code is not in the reference list"),
    }
}

/// The normal form of a text.
fn normalise_text<'v>(
    text: Cow<'v, str>,
    normaliser: &Normaliser,
    unknown: UnknownValuePolicy,
) -> ExpressionResult<'v> {
    match normaliser.normalise_text(&text) {
        Some(normal) => Ok(Cell::Text(Cow::Owned(normal))),
        None => unknown.cell_for_unknown(text, "the value does not have the declared form"),
    }
}

impl UnknownValuePolicy {
    /// The cell of a value that a list or a normaliser does not know.
    fn cell_for_unknown<'v>(
        self,
        value: Cow<'v, str>,
        reason: &'static str,
    ) -> ExpressionResult<'v> {
        match self {
            Self::Keep => Ok(Cell::Text(value)),
            Self::Null => Ok(Cell::Null),
            Self::Quarantine => Err(reason),
        }
    }
}

/// The parts that have a value, joined by the separator.
fn evaluate_concat<'v>(
    parts: &'v [CompiledExpression],
    separator: &str,
    scope: &ValueRoots<'v>,
    rules: &ValueRules<'_>,
) -> ExpressionResult<'v> {
    let mut joined = String::new();
    for part in parts {
        let Some(text) = part.evaluate_text(scope, rules)? else {
            continue;
        };
        if !joined.is_empty() {
            joined.push_str(separator);
        }
        joined.push_str(&text);
    }

    Ok(if joined.is_empty() {
        Cell::Null
    } else {
        Cell::Text(Cow::Owned(joined))
    })
}

/// The first part that has a value.
fn evaluate_coalesce<'v>(
    parts: &'v [CompiledExpression],
    scope: &ValueRoots<'v>,
    rules: &ValueRules<'_>,
) -> ExpressionResult<'v> {
    for part in parts {
        let cell = part.evaluate(scope, rules)?;
        if cell != Cell::Null {
            return Ok(cell);
        }
    }
    Ok(Cell::Null)
}

/// The `pole_id` of another record; null when a part of its key is absent.
fn evaluate_identity<'v>(
    namespace: &KeyNamespace,
    key: &'v [CompiledExpression],
    scope: &ValueRoots<'v>,
    rules: &ValueRules<'_>,
) -> ExpressionResult<'v> {
    let mut parts = Vec::with_capacity(key.len());
    for part in key {
        let Some(text) = part.evaluate_text(scope, rules)? else {
            return Ok(Cell::Null);
        };
        parts.push(canonical_part(text, namespace.case()));
    }

    let identity_key = rules.identity_key.ok_or("no id can be derived here")?;
    let pole_id = namespace.derive_id(identity_key, &parts);
    Ok(Cell::Text(Cow::Owned(pole_id.to_string())))
}

/// The raw text of a date that stands for "no date"; null for every other text.
fn sentinel_text<'v>(value: Option<&'v Value>, calendar: &Calendar) -> Cell<'v> {
    let text = value.and_then(Value::as_str).map(str::trim);
    let sentinel = text.filter(|text| calendar.is_sentinel_text(text));
    sentinel.map_or(Cell::Null, |text| Cell::Text(Cow::Borrowed(text)))
}
