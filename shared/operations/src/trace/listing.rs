//! Listings that the caller may not make.

use store::{StoreError, StoreErrorKind};

/// An empty listing where the caller may not list: what lies there is then searched another way,
/// or told as not searched.
pub(super) fn allow_refused<T: Default>(listed: Result<T, StoreError>) -> Result<T, StoreError> {
    match listed {
        Err(error) if error.kind == StoreErrorKind::Refused => Ok(T::default()),
        listed => listed,
    }
}
