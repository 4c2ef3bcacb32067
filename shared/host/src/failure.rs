//! Failures of an invocation, each with a kind that says whether another attempt can succeed.

use std::fmt;

use arrow_schema::ArrowError;
use lake::LakeError;
use lambda_runtime::Diagnostic;
use store::sorted_file::SortedFileError;
use store::streams::StreamError;
use store::{JsonDocumentError, ObjectError, StoreError, UnreadableObject};

/// What kind of failure it is. The name is what alarms see as `errorType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// A setting or contract is wrong: an operator must correct it.
    Configuration,
    /// The payload is not of the form that the trigger promises.
    BadRequest,
    /// A service did not answer: Lambda tries again.
    Unavailable,
    /// Data are damaged: an operator must look.
    Corrupt,
}

impl FailureKind {
    /// Its name, as alarms and the state machine see it.
    pub fn error_type(self) -> &'static str {
        match self {
            Self::Configuration => "Configuration",
            Self::BadRequest => "BadRequest",
            Self::Unavailable => "Unavailable",
            Self::Corrupt => "Corrupt",
        }
    }
}

/// A failure of a full invocation.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The kind.
    pub kind: FailureKind,
    /// What happened, without any personal value.
    pub message: String,
    /// The object that cannot be read, when the failure is about nothing else: work that does not
    /// need it can go on.
    pub object: Option<UnreadableObject>,
}

impl Failure {
    /// A failure of a kind.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            object: None,
        }
    }

    /// A damaged document or file of the lake, by its key.
    pub fn damaged_object(key: &str, error: &LakeError) -> Self {
        UnreadableObject::new(key, error).into()
    }

    /// The failure with the object that its cause is about, when it is about one.
    fn about(self, cause: &impl ObjectError) -> Self {
        Self {
            object: cause.unreadable_object(),
            ..self
        }
    }

    /// A service's failure; another attempt may succeed.
    pub fn unavailable(error: &dyn std::error::Error) -> Self {
        Self::new(FailureKind::Unavailable, error.to_string())
    }

    /// Damaged data.
    pub fn corrupt(error: &dyn std::error::Error) -> Self {
        Self::new(FailureKind::Corrupt, error.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.error_type(), self.message)
    }
}

impl std::error::Error for Failure {}

impl ObjectError for Failure {
    fn unreadable_object(&self) -> Option<UnreadableObject> {
        self.object.clone()
    }
}

/// An object that cannot be read.
impl From<UnreadableObject> for Failure {
    fn from(object: UnreadableObject) -> Self {
        Self {
            object: Some(object.clone()),
            ..Self::corrupt(&object)
        }
    }
}

/// The storage did not answer, or a right is missing: Lambda tries again. An object that is too
/// large stays so.
impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error.unreadable_object() {
            Some(object) if error.is_over_limit() => object.into(),
            _ => Self::unavailable(&error).about(&error),
        }
    }
}

/// A sorted file could not be fetched, or is damaged.
impl From<SortedFileError> for Failure {
    fn from(error: SortedFileError) -> Self {
        match error {
            SortedFileError::Store(error) => error.into(),
            SortedFileError::Damaged { .. } => Self::corrupt(&error).about(&error),
        }
    }
}

/// The receipts, manifests or raw objects of a stream cannot be read: Lambda tries again.
impl From<StreamError> for Failure {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::Store(error) => error.into(),
            StreamError::Damaged(..) => Self::unavailable(&error).about(&error),
        }
    }
}

/// The storage did not answer, or the document that it has is damaged.
impl From<JsonDocumentError> for Failure {
    fn from(error: JsonDocumentError) -> Self {
        match error {
            JsonDocumentError::Store(error) => error.into(),
            JsonDocumentError::Damaged(..) => Self::corrupt(&error).about(&error),
        }
    }
}

/// A document or file of the lake is damaged.
impl From<LakeError> for Failure {
    fn from(error: LakeError) -> Self {
        Self::corrupt(&error)
    }
}

/// A document that this platform wrote cannot be read.
impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::corrupt(&error)
    }
}

/// Columns of a file do not fit together.
impl From<ArrowError> for Failure {
    fn from(error: ArrowError) -> Self {
        Self::corrupt(&error)
    }
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        Self {
            error_type: failure.kind.error_type().to_owned(),
            error_message: failure.message,
        }
    }
}

#[cfg(test)]
mod tests {
    use store::StoreErrorKind;

    use super::*;

    #[test]
    fn an_object_over_its_limit_is_no_failure_that_another_attempt_ends() {
        let error = || {
            let why = "the object has 9 bytes, over the limit of 8";
            StoreError::new(StoreErrorKind::OverLimit, "get", "raw/t/x", why)
        };
        let failures: [Failure; 4] = [
            error().into(),
            StreamError::Store(error()).into(),
            JsonDocumentError::Store(error()).into(),
            SortedFileError::Store(error()).into(),
        ];
        for failure in failures {
            assert_eq!(failure.kind, FailureKind::Corrupt, "{failure}");
            let object = failure.unreadable_object().unwrap();
            assert_eq!(object.object, "raw/t/x");
            for part in ["raw/t/x", "9 bytes, over the limit of 8", object.next] {
                assert!(failure.message.contains(part), "{part}: {failure}");
            }
        }

        let error = StoreError::new(StoreErrorKind::Unavailable, "get", "raw/t/x", "no answer");
        assert_eq!(Failure::from(error).kind, FailureKind::Unavailable);
    }
}
