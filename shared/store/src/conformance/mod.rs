//! What every back end must do, as functions that tests run over each of them.
//!
//! Each function gives the first promise that was broken.

mod object_store;
mod tables;

pub use object_store::check_object_store;
pub use tables::{CONFORMANCE_DATABASE, check_catalogue, check_tables};

use thiserror::Error;

use crate::StoreError;

/// Why a back end does not pass.
#[derive(Debug, Error)]
pub enum ConformanceError {
    /// It does something else than it must.
    #[error("broken promise: {0}")]
    BrokenPromise(&'static str),
    /// It failed where it must not.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The suite itself could not write its file.
    #[error(transparent)]
    File(#[from] std::io::Error),
    /// One of the suite's writers was stopped.
    #[error(transparent)]
    Writer(#[from] tokio::task::JoinError),
}

fn check_promise(holds: bool, promise: &'static str) -> Result<(), ConformanceError> {
    if holds {
        Ok(())
    } else {
        Err(ConformanceError::BrokenPromise(promise))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn the_memory_store_keeps_every_promise() {
        check_object_store(Arc::new(crate::MemoryStore::default()))
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn the_memory_catalogue_keeps_every_promise() {
        check_catalogue(Arc::new(crate::MemoryCatalogue::default()))
            .await
            .unwrap();
    }
}
