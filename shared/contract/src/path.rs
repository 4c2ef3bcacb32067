//! Paths into an event: RFC 9535, with the plain ones compiled to steps.
//!
//! A mapping asks some thirty paths of every event. `serde_json_path` takes about 300 ns for each and allocates;
//! names and indices, which are nearly all, are followed here in a few nanoseconds.

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

#[derive(Clone, Debug)]
enum PathRoute {
    Plain(Vec<PathStep>),
    /// `<plain>[*]`: the elements of a list.
    Each(Vec<PathStep>),
    /// A path with a [`Step::Where`]: its first value by steps, all of them by the library.
    Filtered(Vec<PathStep>, Box<JsonPath>),
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
        // Compiled only where it is needed: a catalogue has hundreds of plain paths, and a cold start waits for each.
        let full = || {
            let path = JsonPath::parse(text);
            path.map(Box::new)
                .map_err(|error| format!("`{text}` is not an RFC 9535 path: {error}"))
        };
        let (head, each) = text
            .strip_suffix("[*]")
            .map_or((text, false), |head| (head, true));
        let route = match (parse_plain_steps(head), each) {
            (Some(steps), each) => match (
                steps.iter().any(|step| matches!(step, PathStep::Where(..))),
                each,
            ) {
                (false, false) => PathRoute::Plain(steps),
                (false, true) => PathRoute::Each(steps),
                (true, false) => PathRoute::Filtered(steps, full()?),
                (true, true) => PathRoute::Full(full()?),
            },
            (None, _) => PathRoute::Full(full()?),
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

    /// The steps of the path, and whether it goes on to each element; none when only the library can follow it.
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
        fn step_name(step: &PathStep) -> Option<&str> {
            match step {
                PathStep::Name(name) => Some(name.as_str()),
                PathStep::Index(_) | PathStep::Where(..) => None,
            }
        }
        steps.iter().map(step_name).collect()
    }

    /// Whether the list or value that the path begins from is there at all, even when it is empty or null.
    pub(crate) fn is_stated(&self, root: &Value) -> bool {
        match &self.route {
            PathRoute::Plain(steps) | PathRoute::Each(steps) => follow_steps(root, steps).is_some(),
            PathRoute::Filtered(_, path) | PathRoute::Full(path) => !path.query(root).is_empty(),
        }
    }
}

fn follow_steps<'v>(root: &'v Value, steps: &[PathStep]) -> Option<&'v Value> {
    let mut value = root;
    for (place, step) in steps.iter().enumerate() {
        value = match step {
            PathStep::Name(name) => value.as_object()?.get(name.as_str())?,
            PathStep::Index(index) => value.as_array()?.get(*index)?,
            PathStep::Where(name, text) => {
                let fits = |item: &&Value| item.get(name).and_then(Value::as_str) == Some(text);
                // The first element that fits and has what is asked of it, as the standard says.
                return value
                    .as_array()?
                    .iter()
                    .filter(fits)
                    .find_map(|item| follow_steps(item, &steps[place + 1..]));
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
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            let name = &after[..end];
            let simple = |c: char| c.is_alphanumeric() || c == '_';
            // What begins with a digit is no name of the standard.
            if name.chars().next().is_none_or(char::is_numeric) || !name.chars().all(simple) {
                return None;
            }
            steps.push(PathStep::Name(name.to_owned()));
            rest = &after[end..];
        } else {
            let (inside, after) = rest.strip_prefix('[')?.split_once(']')?;
            steps.push(parse_bracket(inside)?);
            rest = after;
        }
    }
    Some(steps)
}

fn parse_bracket(inside: &str) -> Option<PathStep> {
    if let Some(filter) = inside.strip_prefix("?@.") {
        let (name, text) = filter.split_once("==")?;
        let name = name.trim();
        let text = text.trim().strip_prefix('\'')?.strip_suffix('\'')?;
        let plain = !name.is_empty()
            && name.chars().all(|c| c.is_alphanumeric() || c == '_')
            && !text.contains(['\'', '\\']);
        return plain.then(|| PathStep::Where(name.to_owned(), text.to_owned()));
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn plain_and_full_paths_agree() {
        let root = json!({"a": {"b": [{"c": 1}, {"c": 2}], "x-y": null}, "refs": [{"n": "p", "v": "1"}, {"n": "q", "v": "2"}, {"n": "p", "w": "3"}, 7]});
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
