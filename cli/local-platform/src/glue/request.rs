//! What a request to Glue holds, and what the service says of one that it refuses.

use std::collections::BTreeMap;
use std::ops::Bound;

use serde_json::{Value, json};

/// What a token begins with; the key of the last entry follows.
const TOKEN_MARK: &str = "after:";

/// An exception of Glue: its name, and its message.
#[derive(Debug, PartialEq)]
pub(super) struct GlueException(pub(super) &'static str, pub(super) String);

impl GlueException {
    /// Why one entry of a batch was refused; `member` names the entry.
    pub(super) fn of_entry(self, member: &str, entry: &Value) -> Value {
        let Self(code, message) = self;
        let detail = json!({"ErrorCode": code, "ErrorMessage": message});
        json!({member: entry, "ErrorDetail": detail})
    }
}

/// The members of a request.
#[derive(Clone, Copy)]
pub(super) struct GlueRequest<'r>(pub(super) &'r Value);

/// A part of a listing, and the token that the next request sends.
pub(super) struct GluePage<'p, T> {
    pub(super) entries: Vec<(&'p String, &'p T)>,
    pub(super) next_token: Option<String>,
}

impl<T> GluePage<'_, T> {
    /// The answer that lists these entries under `member`, each as `describe` gives it. The last
    /// page has no token.
    pub(super) fn answer(self, member: &str, describe: impl Fn(&str, &T) -> Value) -> Value {
        let listed = self
            .entries
            .into_iter()
            .map(|(key, entry)| describe(key, entry));
        let mut answer = json!({member: listed.collect::<Vec<_>>()});
        if let Some(token) = self.next_token {
            answer["NextToken"] = json!(token);
        }
        answer
    }
}

impl<'r> GlueRequest<'r> {
    /// A member that must be there.
    pub(super) fn required(self, member: &str) -> Result<&'r Value, GlueException> {
        match &self.0[member] {
            Value::Null => Err(invalid_input(format!(
                "1 validation error detected: Value null at '{member}' failed to satisfy \
                 constraint: Member must not be null"
            ))),
            value => Ok(value),
        }
    }

    /// What a thing is to be, as an object that must be there.
    pub(super) fn input_of(self, member: &str) -> Result<&'r Value, GlueException> {
        let value = self.required(member)?;
        match value.is_object() {
            true => Ok(value),
            false => Err(invalid_input(format!("{member} is not an object"))),
        }
    }

    /// A name that must be there, in lower case: Glue keeps every name so.
    pub(super) fn name_of(self, member: &str) -> Result<String, GlueException> {
        let value = self.required(member)?;
        match value.as_str() {
            Some(name) if !name.is_empty() => Ok(name.to_lowercase()),
            _ => Err(invalid_input(format!("{member} is not a name: {value}"))),
        }
    }

    /// A list that must be there, of at most `max` members.
    pub(super) fn list_of(self, member: &str, max: usize) -> Result<&'r [Value], GlueException> {
        let value = self.required(member)?;
        let Some(list) = value.as_array() else {
            return Err(invalid_input(format!("{member} is not a list")));
        };
        if list.len() > max {
            return Err(invalid_input(format!(
                "1 validation error detected: Value at '{member}' failed to satisfy constraint: \
                 Member must have length less than or equal to {max}"
            )));
        }
        Ok(list)
    }

    /// The text of a member, or none.
    pub(super) fn text_of(self, member: &str) -> Option<&'r str> {
        self.0[member].as_str().filter(|text| !text.is_empty())
    }

    /// The entries that this request asks for: those behind its token which `is_wanted`, up to
    /// its `MaxResults` or to `max`, which is what Glue gives at most.
    pub(super) fn page_of<'p, T>(
        self,
        entries: &'p BTreeMap<String, T>,
        max: usize,
        is_wanted: impl Fn(&str, &T) -> bool,
    ) -> Result<GluePage<'p, T>, GlueException> {
        let size = self.page_size(max)?;
        let start = match self.text_of("NextToken") {
            Some(token) => Bound::Excluded(last_key_of(token)?),
            None => Bound::Unbounded,
        };
        let mut wanted = entries
            .range::<str, _>((start, Bound::Unbounded))
            .filter(|(key, entry)| is_wanted(key, entry));

        let entries: Vec<_> = wanted.by_ref().take(size).collect();
        let last = entries.last().map(|(key, _)| format!("{TOKEN_MARK}{key}"));
        Ok(GluePage {
            entries,
            next_token: wanted.next().and(last),
        })
    }

    fn page_size(self, max: usize) -> Result<usize, GlueException> {
        let Some(size) = self.0["MaxResults"].as_u64() else {
            return Ok(max);
        };
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        if size == 0 || size > max {
            return Err(invalid_input(format!(
                "MaxResults is {size}; it is from 1 to {max}"
            )));
        }
        Ok(size)
    }
}

/// The key behind which the page of a token begins.
fn last_key_of(token: &str) -> Result<&str, GlueException> {
    token
        .strip_prefix(TOKEN_MARK)
        .ok_or_else(|| invalid_input("NextToken is not one of this catalogue".to_owned()))
}

/// A request that Glue cannot take.
pub(super) fn invalid_input(message: String) -> GlueException {
    GlueException("InvalidInputException", message)
}

/// A thing that is not in the catalogue.
pub(super) fn not_found(message: String) -> GlueException {
    GlueException("EntityNotFoundException", message)
}

/// A thing that is in the catalogue already.
pub(super) fn already_exists(message: String) -> GlueException {
    GlueException("AlreadyExistsException", message)
}

/// An operation of Glue that is not here.
pub(super) fn unknown_operation(operation: &str) -> GlueException {
    GlueException(
        "UnknownOperationException",
        format!("{operation} is not an operation of the local Glue"),
    )
}
