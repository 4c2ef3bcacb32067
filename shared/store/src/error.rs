//! Storage errors, each with a kind that says whether a repeat can succeed.

use thiserror::Error;

/// What kind of failure it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// There is no such object, table or partition.
    NotFound,
    /// The service refused for now, or did not answer.
    Unavailable,
    /// The service refused for good: a right is missing, a name is wrong.
    Refused,
    /// The object is larger than is read of its kind, by [`lake::limits`]. Nothing of it was read.
    OverLimit,
}

/// A storage failure.
#[derive(Debug, Error)]
#[error("{operation} {key}: {message}")]
pub struct StoreError {
    /// The kind.
    pub kind: StoreErrorKind,
    /// The operation, such as `put`.
    pub operation: &'static str,
    /// The key or name that the operation was for.
    pub key: String,
    /// The service's message.
    pub message: String,
}

impl StoreError {
    /// A failure of `operation` on `key`.
    pub fn new(
        kind: StoreErrorKind,
        operation: &'static str,
        key: &str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            operation,
            key: key.to_owned(),
            message: message.into(),
        }
    }

    /// An object that ends before the part that was asked for.
    pub(crate) fn truncated_object(key: &str, range: &std::ops::Range<u64>) -> Self {
        let message = format!("bytes {} to {} are not all there", range.start, range.end);
        Self::new(StoreErrorKind::Refused, "get", key, message)
    }

    /// Refuses an object before its content is read.
    pub(crate) fn check_object_size(key: &str, size: u64) -> Result<(), Self> {
        let limit = lake::limits::object_bytes_max(key);
        if size <= limit {
            return Ok(());
        }
        let message = format!("the object has {size} bytes, over the limit of {limit}");
        Err(Self::new(StoreErrorKind::OverLimit, "get", key, message))
    }

    /// A file of this machine that cannot be read.
    pub(crate) fn unreadable_file(key: &str, error: &std::io::Error) -> Self {
        let message = format!("the file to be written cannot be read: {error}");
        Self::new(StoreErrorKind::Unavailable, "put", key, message)
    }

    /// A file of this machine that cannot be written.
    pub(crate) fn unwritable_file(key: &str, error: &std::io::Error) -> Self {
        let message = format!("the temporary folder cannot be written: {error}");
        Self::new(StoreErrorKind::Unavailable, "put", key, message)
    }

    /// Whether there was no such object, table or partition.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.kind == StoreErrorKind::NotFound
    }

    /// Whether the object is larger than is read of its kind.
    #[must_use]
    pub fn is_over_limit(&self) -> bool {
        self.kind == StoreErrorKind::OverLimit
    }
}

/// The error's text with those of its causes that it does not hold already. A client's own text is
/// only that its request failed.
#[must_use]
pub fn describe_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let said = next.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = next.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client's error: its own text says only that a request failed.
    #[derive(Debug, Error)]
    #[error("the request failed")]
    struct RequestFailed(#[source] StoreError);

    #[test]
    fn causes_are_told_once() {
        let cause = StoreError::new(StoreErrorKind::Unavailable, "get", "raw/x", "no answer");
        let told = describe_causes(&RequestFailed(cause));
        assert_eq!(told, "the request failed: get raw/x: no answer");
    }
}
