//! Objects that cannot be read, collected while the work on all others goes on.
//!
//! One damaged object must not keep an operator from erasing a person or from building a day that
//! does not need it. Whoever reads many objects passes each result through
//! [`UnreadableObjects::note`]: an error that is about one object alone becomes an entry, and any
//! other, such as a storage that does not answer, stays an error.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lake::{LakeError, repair_hint};
use serde::Serialize;

use crate::raw_log::RawLogError;
use crate::sorted_file::SortedFileError;
use crate::streams::StreamError;
use crate::{JsonDocumentError, StoreError, StoreErrorKind};

/// An object that cannot be read, or that cannot be changed because another one cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct UnreadableObject {
    /// Its key.
    pub object: String,
    /// Why it cannot be read; no value of it.
    pub cause: String,
    /// What an operator does about it.
    pub next: &'static str,
}

impl UnreadableObject {
    /// The object of this key, with the next step that its zone asks for.
    pub fn new(object: impl Into<String>, cause: impl fmt::Display) -> Self {
        let object = object.into();
        Self {
            next: repair_hint(&object),
            cause: cause.to_string(),
            object,
        }
    }
}

impl fmt::Display for UnreadableObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            object,
            cause,
            next,
        } = self;
        write!(f, "{object} cannot be read: {cause}; {next}")
    }
}

impl Error for UnreadableObject {}

/// An error that may be about one object alone.
pub trait ObjectError {
    /// The object, when the error is about nothing else.
    fn unreadable_object(&self) -> Option<UnreadableObject>;
}

impl ObjectError for UnreadableObject {
    fn unreadable_object(&self) -> Option<UnreadableObject> {
        Some(self.clone())
    }
}

impl ObjectError for StoreError {
    /// The object that is gone, or that the storage refuses to hand out: it is archived, or its key
    /// is no longer there. A listing or a write that fails is about more than one object.
    fn unreadable_object(&self) -> Option<UnreadableObject> {
        if !matches!(self.operation, "get" | "head") {
            return None;
        }
        match self.kind {
            StoreErrorKind::NotFound => {
                let cause = "it was deleted since it was listed";
                Some(UnreadableObject::new(&self.key, cause))
            }
            StoreErrorKind::Refused => Some(UnreadableObject::new(&self.key, &self.message)),
            StoreErrorKind::Unavailable => None,
        }
    }
}

impl ObjectError for StreamError {
    fn unreadable_object(&self) -> Option<UnreadableObject> {
        match self {
            Self::Store(error) => error.unreadable_object(),
            Self::Damaged(key, error) => Some(UnreadableObject::new(key, error)),
        }
    }
}

impl ObjectError for SortedFileError {
    fn unreadable_object(&self) -> Option<UnreadableObject> {
        match self {
            Self::Store(error) => error.unreadable_object(),
            Self::Damaged { key, error } => Some(UnreadableObject::new(key, error)),
        }
    }
}

impl ObjectError for JsonDocumentError {
    fn unreadable_object(&self) -> Option<UnreadableObject> {
        match self {
            Self::Store(error) => error.unreadable_object(),
            Self::Damaged(key, error) => Some(UnreadableObject::new(key, error)),
        }
    }
}

impl ObjectError for RawLogError {
    fn unreadable_object(&self) -> Option<UnreadableObject> {
        match self {
            Self::Store(error) => error.unreadable_object(),
            Self::ForeignObject(key) => Some(UnreadableObject::new(
                key,
                "it has no `next` and is not part of the raw log",
            )),
            _ => None,
        }
    }
}

/// The objects that could not be read so far. Clones share one list.
#[derive(Clone, Debug, Default)]
pub struct UnreadableObjects(Arc<Mutex<BTreeMap<String, UnreadableObject>>>);

impl UnreadableObjects {
    /// Adds an object. Its first cause stays: later ones mostly follow from it.
    pub fn add(&self, object: UnreadableObject) {
        self.lock().entry(object.object.clone()).or_insert(object);
    }

    /// The value of a result; none when one object could not be read, which is added.
    ///
    /// # Errors
    /// Any error that is not about one object alone.
    pub fn note<T, E: ObjectError>(&self, result: Result<T, E>) -> Result<Option<T>, E> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) => match error.unreadable_object() {
                Some(object) => {
                    self.add(object);
                    Ok(None)
                }
                None => Err(error),
            },
        }
    }

    /// What was decoded from an object; none when it could not be decoded, which adds it.
    pub fn note_decoded<T>(&self, key: &str, decoded: Result<T, LakeError>) -> Option<T> {
        match decoded {
            Ok(value) => Some(value),
            Err(error) => {
                self.add(UnreadableObject::new(key, error));
                None
            }
        }
    }

    /// Whether every object could be read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// The objects, by key; the list begins again.
    #[must_use]
    pub fn take(&self) -> Vec<UnreadableObject> {
        std::mem::take(&mut *self.lock()).into_values().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, UnreadableObject>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store_error(kind: StoreErrorKind, operation: &'static str) -> StoreError {
        StoreError::new(kind, operation, "raw/t/x", "no")
    }

    #[test]
    fn what_is_about_one_object_is_noted_and_anything_else_stays_an_error() {
        let unreadable = UnreadableObjects::default();
        for (kind, operation, is_noted) in [
            (StoreErrorKind::NotFound, "get", true),
            (StoreErrorKind::Refused, "head", true),
            (StoreErrorKind::Unavailable, "get", false),
            (StoreErrorKind::NotFound, "list", false),
            (StoreErrorKind::Refused, "put", false),
        ] {
            let noted = unreadable.note::<(), _>(Err(store_error(kind, operation)));
            assert_eq!(noted.is_ok(), is_noted, "{kind:?} {operation}");
            assert_eq!(unreadable.take().len(), usize::from(is_noted));
        }
        assert_eq!(unreadable.note::<_, StoreError>(Ok(7)).unwrap(), Some(7));
        assert!(unreadable.is_empty());
    }

    #[test]
    fn the_first_cause_stays_and_clones_share_the_list() {
        let unreadable = UnreadableObjects::default();
        for cause in ["first", "second"] {
            let clone = unreadable.clone();
            clone.add(UnreadableObject::new("raw/t/x", cause));
        }
        let taken = unreadable.take();
        assert_eq!(taken.len(), 1);
        assert!(taken[0].to_string().contains("first"), "{}", taken[0]);
        assert!(unreadable.is_empty());
    }
}
