//! What an expression reads, before anything is made of it.

use std::borrow::Cow;

use super::{CompiledExpression, RootedPath, ValueRoots};
use crate::cell::Cell;

impl CompiledExpression {
    /// The text that the expression reads, as the event holds it, for a value that its column
    /// cannot read; none for null.
    pub(crate) fn raw_text<'v>(&'v self, scope: &ValueRoots<'v>) -> Option<Cow<'v, str>> {
        match self {
            Self::Copy(path) | Self::Sentinel(path) => {
                Cell::from_json(path.first_value(scope)?).into_text()
            }
            Self::Constant(value) => Cell::from_json(value).into_text(),
            Self::Concat { parts, separator } => {
                let texts: Vec<Cow<'_, str>> = parts
                    .iter()
                    .filter_map(|part| part.raw_text(scope))
                    .collect();
                (!texts.is_empty()).then(|| Cow::Owned(texts.join(separator)))
            }
            Self::Coalesce(parts) | Self::Identity { key: parts, .. } => {
                parts.iter().find_map(|part| part.raw_text(scope))
            }
            Self::CodeMap { from, .. }
            | Self::Parse { from, .. }
            | Self::Epoch { from, .. }
            | Self::Normalise { from, .. }
            | Self::Split { from, .. }
            | Self::Blank { from, .. } => from.raw_text(scope),
        }
    }

    /// The paths of texts that are parsed as numbers with a comma as their point.
    pub(crate) fn comma_number_paths(&self) -> Vec<&RootedPath> {
        match self {
            Self::Copy(_) | Self::Sentinel(_) | Self::Constant(_) => Vec::new(),
            Self::Concat { parts, .. }
            | Self::Coalesce(parts)
            | Self::Identity { key: parts, .. } => {
                parts.iter().flat_map(Self::comma_number_paths).collect()
            }
            Self::Parse { from, parse } if parse.reads_comma_numbers() => from.paths(),
            Self::CodeMap { from, .. }
            | Self::Parse { from, .. }
            | Self::Epoch { from, .. }
            | Self::Normalise { from, .. }
            | Self::Split { from, .. }
            | Self::Blank { from, .. } => from.comma_number_paths(),
        }
    }

    /// Whether any path that it reads holds more than null or blank text.
    pub(crate) fn reads_content(&self, scope: &ValueRoots<'_>) -> bool {
        self.paths().iter().any(|path| {
            path.first_value(scope)
                .is_some_and(|value| Cell::from_json(value) != Cell::Null)
        })
    }
}
