//! Iceberg's metadata of a table, written again from the manifests, or from the receipts where the
//! table shows raw objects. They are derived, so they are
//! written into the lake itself; each file is named by its content.

use std::collections::BTreeSet;

use lake::parse_raw_table_topic;
use store::{ObjectError, ObjectStore};

use super::RepairRun;
use crate::error::OperationError;

impl RepairRun<'_> {
    /// Deletes the damaged files of a table's metadata, and has the metadata written again.
    pub(super) async fn repair_iceberg(
        &mut self,
        table: &str,
        keys: &BTreeSet<String>,
    ) -> Result<(), OperationError> {
        let from = match parse_raw_table_topic(table) {
            Some(_) => "the topic's receipts",
            None => "the table's manifests",
        };
        if self.request.dry_run {
            for key in keys {
                self.notes.note_repaired(key, from);
            }
            return Ok(());
        }

        let curated = &self.layers.curated;
        for key in keys {
            curated.delete_below(key).await?;
        }
        if let Err(failure) = self.rebuilder.publish_iceberg(table, keys).await {
            let object = failure.unreadable_object().ok_or(failure)?;
            self.refuse_all(keys, &format!("it is made from {object}"));
            return Ok(());
        }
        for key in keys {
            if curated.object_exists(key).await? {
                self.notes.note_repaired(key, from);
            } else {
                self.notes.note_deleted(key);
            }
        }
        Ok(())
    }
}
