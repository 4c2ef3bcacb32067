//! Listings that the caller may not make.

use store::{StoreError, StoreErrorKind};

/// An empty listing where the caller may not list: the objects are then searched another way,
/// or the answer says that they were not searched.
pub(super) fn allow_refused<T: Default>(listed: Result<T, StoreError>) -> Result<T, StoreError> {
    match listed {
        Err(error) if error.kind == StoreErrorKind::Refused => Ok(T::default()),
        listed => listed,
    }
}
