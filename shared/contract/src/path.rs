//! Paths into an event: RFC 9535, with the plain ones compiled to steps.
//!
//! A mapping reads some thirty paths of every event. `serde_json_path` takes about 300 ns for each
//! and allocates; paths of names and indices, which are nearly all of them, are followed here in a
//! few nanoseconds.

use serde_json::Value;
use serde_json_path::JsonPath;

/// One step of a plain path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PathStep {
    Name(String),
    Index(usize),
    /// `[?@.name == 'value']`: an element of a list by one of its texts.
    Where(String, String),
}

/// How a path is followed.
#[derive(Clone, Debug)]
enum PathRoute {
    /// By steps alone.
    Plain(Vec<PathStep>),
    /// `<plain>[*]`: by steps, and on to the elements of a list.
    Each(Vec<PathStep>),
    /// A path with a [`PathStep::Where`]: to its first value by steps, to all of them by the
    /// library.
    Filtered(Vec<PathStep>, Box<JsonPath>),
    /// By the library.
    Full(Box<JsonPath>),
}

/// A compiled path.
#[derive(Clone, Debug)]
pub(crate) struct EventPath {
    text: String,
    route: PathRoute,
}

impl EventPath {
    /// Compiles an RFC 9535 path.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (head, each) = match text.strip_suffix("[*]") {
            Some(head) => (head, true),
            None => (text, false),
        };

        // The library compiles a path only where it is needed: a catalogue has hundreds of plain
        // paths, and a cold start would wait for each.
        let route = match parse_plain_steps(head) {
            None => PathRoute::Full(compile_full(text)?),
            Some(steps) if has_filter(&steps) && each => PathRoute::Full(compile_full(text)?),
            Some(steps) if has_filter(&steps) => PathRoute::Filtered(steps, compile_full(text)?),
            Some(steps) if each => PathRoute::Each(steps),
            Some(steps) => PathRoute::Plain(steps),
        };
        Ok(Self {
            text: text.to_owned(),
            route,
        })
    }

    /// The path as it was written.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The first value at the path; none when there is nothing. A null is a value.
    pub(crate) fn first_value<'v>(&self, root: &'v Value) -> Option<&'v Value> {
        match &self.route {
            PathRoute::Plain(steps) | PathRoute::Filtered(steps, _) => follow_steps(root, steps),
            PathRoute::Each(steps) => follow_steps(root, steps)?.as_array()?.first(),
            PathRoute::Full(path) => path.query(root).first(),
        }
    }

    /// The value at a path that has only names, to be changed; none when there is nothing, or the
    /// path has more.
    pub(crate) fn plain_value_mut<'v>(&self, root: &'v mut Value) -> Option<&'v mut Value> {
        let names = self.plain_names()?;
        names
            .into_iter()
            .try_fold(root, |value, name| value.as_object_mut()?.get_mut(name))
    }

    /// Whether the path goes on to each element of what is neither a list nor null.
    pub(crate) fn is_no_list(&self, root: &Value) -> bool {
        match &self.route {
            PathRoute::Each(steps) => {
                follow_steps(root, steps).is_some_and(|value| !value.is_array() && !value.is_null())
            }
            _ => false,
        }
    }

    /// Every value at the path.
    pub(crate) fn all_values<'v>(&self, root: &'v Value) -> Vec<&'v Value> {
        match &self.route {
            PathRoute::Plain(steps) => follow_steps(root, steps).into_iter().collect(),
            PathRoute::Each(steps) => follow_steps(root, steps)
                .and_then(Value::as_array)
                .map(|list| list.iter().collect())
                .unwrap_or_default(),
            PathRoute::Filtered(_, path) | PathRoute::Full(path) => path.query(root).all(),
        }
    }

    /// The steps of the path, and whether it goes on to each element; none when only the library
    /// can follow it.
    pub(crate) fn plain_steps(&self) -> (Option<&[PathStep]>, bool) {
        match &self.route {
            PathRoute::Plain(steps) | PathRoute::Filtered(steps, _) => (Some(steps), false),
            PathRoute::Each(steps) => (Some(steps), true),
            PathRoute::Full(_) => (None, false),
        }
    }

    /// The names of the path when it has only names: such a path can be written as well as read.
    pub(crate) fn plain_names(&self) -> Option<Vec<&str>> {
        let PathRoute::Plain(steps) = &self.route else {
            return None;
        };
        let names = steps.iter().map(|step| match step {
            PathStep::Name(name) => Some(name.as_str()),
            PathStep::Index(_) | PathStep::Where(..) => None,
        });
        names.collect()
    }

    /// Whether the list or value that the path begins from is there at all, even when it is empty
    /// or null. A null on the way says that all below it is null.
    pub(crate) fn is_stated(&self, root: &Value) -> bool {
        match &self.route {
            PathRoute::Plain(steps) | PathRoute::Each(steps) => {
                follow_steps(root, steps).is_some() || leads_to_null(root, steps)
            }
            PathRoute::Filtered(steps, path) => {
                !path.query(root).is_empty() || leads_to_null(root, steps)
            }
            PathRoute::Full(path) => !path.query(root).is_empty(),
        }
    }
}

/// Whether a step on the way leads to null: all that the further steps could lead to is null then.
fn leads_to_null(root: &Value, steps: &[PathStep]) -> bool {
    let mut value = root;
    for step in steps {
        let next = match step {
            PathStep::Name(name) => value.get(name.as_str()),
            PathStep::Index(index) => value.get(*index),
            PathStep::Where(..) => None,
        };
        match next {
            Some(Value::Null) => return true,
            Some(next) => value = next,
            None => return false,
        }
    }
    false
}

/// The path as the library follows it.
fn compile_full(text: &str) -> Result<Box<JsonPath>, String> {
    JsonPath::parse(text)
        .map(Box::new)
        .map_err(|error| format!("`{text}` is not an RFC 9535 path: {error}"))
}

fn has_filter(steps: &[PathStep]) -> bool {
    steps.iter().any(|step| matches!(step, PathStep::Where(..)))
}

/// The value at the end of the steps; none when a step leads to nothing.
fn follow_steps<'v>(root: &'v Value, steps: &[PathStep]) -> Option<&'v Value> {
    let mut value = root;
    for (index, step) in steps.iter().enumerate() {
        value = match step {
            PathStep::Name(name) => value.as_object()?.get(name.as_str())?,
            PathStep::Index(index) => value.as_array()?.get(*index)?,
            // RFC 9535: the first element that fits and has what the further steps lead to.
            PathStep::Where(name, text) => {
                return value
                    .as_array()?
                    .iter()
                    .filter(|item| item.get(name).and_then(Value::as_str) == Some(text))
                    .find_map(|item| follow_steps(item, &steps[index + 1..]));
            }
        };
    }
    Some(value)
}

/// The steps of `$.a.b[0]['c']`, or none when the path holds anything else.
fn parse_plain_steps(text: &str) -> Option<Vec<PathStep>> {
    let mut rest = text.strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        let (step, after) = match rest.strip_prefix('.') {
            Some(member) => parse_member(member)?,
            None => {
                let (inside, after) = rest.strip_prefix('[')?.split_once(']')?;
                (parse_bracket(inside)?, after)
            }
        };
        steps.push(step);
        rest = after;
    }
    Some(steps)
}

/// The name at the beginning of a text, and the text after it. RFC 9535: no name begins with a
/// digit.
fn parse_member(text: &str) -> Option<(PathStep, &str)> {
    let end = text.find(['.', '[']).unwrap_or(text.len());
    let (name, after) = text.split_at(end);
    let is_name = is_plain_name(name) && !name.starts_with(char::is_numeric);
    is_name.then(|| (PathStep::Name(name.to_owned()), after))
}

/// The step between two brackets: a filter, a quoted name or an index.
fn parse_bracket(inside: &str) -> Option<PathStep> {
    if let Some(filter) = inside.strip_prefix("?@.") {
        return parse_filter(filter);
    }

    let quoted = inside
        .strip_prefix('\'')
        .and_then(|name| name.strip_suffix('\''));
    match quoted {
        Some(name) if !name.contains(['\'', '\\']) => Some(PathStep::Name(name.to_owned())),
        Some(_) => None,
        None => inside.parse().ok().map(PathStep::Index),
    }
}

/// The step of `name == 'text'`.
fn parse_filter(filter: &str) -> Option<PathStep> {
    let (name, text) = filter.split_once("==")?;
    let name = name.trim();
    let text = text.trim().strip_prefix('\'')?.strip_suffix('\'')?;
    let plain = is_plain_name(name) && !text.contains(['\'', '\\']);
    plain.then(|| PathStep::Where(name.to_owned(), text.to_owned()))
}

fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn plain_and_full_paths_agree() {
        let root = json!({
            "a": {"b": [{"c": 1}, {"c": 2}], "x-y": null},
            "refs": [{"n": "p", "v": "1"}, {"n": "q", "v": "2"}, {"n": "p", "w": "3"}, 7]
        });
        for text in [
            "$",
            "$.a.b[1].c",
            "$['a']['x-y']",
            "$.a.b[*]",
            "$.a.none",
            "$.a.b[7]",
            "$.refs[?@.n=='q'].v",
            "$.refs[?@.n == 'p'].w",
            "$.refs[?@.n == 'none'].v",
            "$.refs[?@.n == 'p']",
            "$.a.b[*].c",
        ] {
            let path = EventPath::parse(text).unwrap();
            let full = JsonPath::parse(text).unwrap();
            assert_eq!(path.first_value(&root), full.query(&root).first(), "{text}");
            assert_eq!(path.all_values(&root), full.query(&root).all(), "{text}");
        }
    }

    #[test]
    fn a_list_that_is_empty_is_stated_and_one_that_is_absent_is_not() {
        let path = EventPath::parse("$.members[*]").unwrap();
        assert!(path.is_stated(&json!({"members": []})));
        assert!(!path.is_stated(&json!({})));
    }

    #[test]
    fn a_wrong_path_is_refused() {
        assert!(EventPath::parse("$.a[").unwrap_err().contains("RFC 9535"));
    }
}
