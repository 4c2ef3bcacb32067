//! What an audit finds, repaired: an object is made again from the zone before it, by the functions'
//! own code, and is kept only when it is the one that was recorded. Receipts and refined objects
//! come from raw objects, files and manifests of a day from the refined zone and the day before.
//! What cannot be made again is named, lost records with their offsets. Nothing is guessed. An
//! operator can declare those records lost: then they are no findings any more.

mod chunk_repair;
mod day_repair;
mod found_damage;
mod iceberg_repair;
mod layers;
mod loss_declaration;
mod lost_records;
mod outcome;
mod recorded_manifests;
mod root_repair;

use std::collections::BTreeSet;

use store::OverlayStore;

use self::found_damage::FoundDamage;
pub use self::layers::RepairLayers;
pub use self::loss_declaration::{LossRequest, WrittenLoss, declare_losses, withdraw_losses};
use self::lost_records::find_lost_records;
use self::outcome::RepairNotes;
pub use self::outcome::{LostRecords, RepairOutcome, RepairedObject, UnrepairedObject};
use crate::audit::{AuditFinding, AuditScope, LakeAudit, audit_lake};
use crate::error::OperationError;
use crate::lake_handle::LakeHandle;
use crate::rebuild::DayRebuilder;

/// What a repair may do.
#[derive(Clone, Copy, Debug, Default)]
pub struct RepairRequest {
    /// Writes and deletes nothing in the lake.
    pub dry_run: bool,
    /// Deletes objects that nothing names and that the platform did not write.
    pub delete_added: bool,
}

/// Repairs the lake below the layers, and reports what could not be repaired. `rebuilder` writes
/// into the layers.
///
/// A repaired object can show further damage, such as files that a lost manifest names: the audit
/// and the repair are repeated until nothing more is repaired.
///
/// # Errors
/// When the storage does not answer, or a function's own code fails for another reason than an
/// object. What was repaired before that stays; the same command does the rest.
pub async fn repair_lake(
    lake: &LakeHandle,
    layers: &RepairLayers,
    rebuilder: &dyn DayRebuilder,
    request: RepairRequest,
) -> Result<RepairOutcome, OperationError> {
    let view = layers.view_of(lake);
    let mut run = RepairRun {
        lake: &view,
        layers,
        rebuilder,
        request,
        notes: RepairNotes::default(),
    };

    let mut audit = audit_every_byte(&view).await?;
    loop {
        let done = run.notes.done_count();
        run.repair_findings(&audit).await?;
        if run.notes.done_count() == done {
            return Ok(run.notes.into_outcome(audit));
        }
        audit = audit_every_byte(&view).await?;
    }
}

async fn audit_every_byte(lake: &LakeHandle) -> Result<LakeAudit, OperationError> {
    // What a repair could not read on its way may be repaired now.
    drop(lake.unreadable.take());
    let scope = AuditScope {
        deep: true,
        ..AuditScope::default()
    };
    audit_lake(lake, scope).await
}

/// A repair that runs.
struct RepairRun<'r> {
    /// The lake with what is repaired so far.
    lake: &'r LakeHandle,
    layers: &'r RepairLayers,
    rebuilder: &'r dyn DayRebuilder,
    request: RepairRequest,
    notes: RepairNotes,
}

impl RepairRun<'_> {
    /// Repairs what the findings name: the refined zone first, then the days from the oldest on,
    /// each from what is repaired before it.
    async fn repair_findings(&mut self, audit: &LakeAudit) -> Result<(), OperationError> {
        let damage = FoundDamage::sort_findings(self.lake, &audit.findings).await?;
        self.notes.begin_round();
        self.notes.lost = find_lost_records(self.lake, &audit.findings).await?;
        self.delete_derived(&damage.derived).await?;

        for (done, (chunk, keys)) in damage.chunks.iter().enumerate() {
            let total = damage.chunks.len();
            self.lake
                .stage
                .tell("repairing raw objects' rows", done, total);
            self.repair_chunk(chunk, keys).await?;
        }
        for (done, (day, tables)) in damage.days.iter().enumerate() {
            let total = damage.days.len();
            self.lake.stage.tell("repairing days", done, total);
            self.repair_day(*day, tables).await?;
        }
        for day in &damage.roots {
            self.repair_root(*day).await?;
        }
        for (table, keys) in &damage.iceberg {
            self.repair_iceberg(table, keys).await?;
        }
        self.delete_added_objects(&audit.findings).await
    }

    /// Keeps a document that was made of `from`, unless another run wrote it meanwhile.
    async fn keep_document(
        &mut self,
        layer: &OverlayStore,
        (key, etag): (&str, Option<&str>),
        from: &str,
    ) -> Result<(), OperationError> {
        let layers = self.layers;
        let dry_run = self.request.dry_run;
        if layers.keep_document(layer, (key, etag), dry_run).await? {
            self.notes.note_repaired(key, from);
        } else {
            let why = "another run wrote it meanwhile";
            self.notes.note_unrepaired(key, why);
        }
        Ok(())
    }

    /// Deletes damaged objects that are derived and written again when they are needed: hints of log
    /// ends, which the next landing writes, and parts of the index of events, in whose place a search
    /// reads the receipts.
    async fn delete_derived(&mut self, keys: &BTreeSet<String>) -> Result<(), OperationError> {
        for key in keys {
            self.layers
                .delete(self.lake, key, self.request.dry_run)
                .await?;
            self.notes.note_deleted(key);
        }
        Ok(())
    }

    /// Deletes what the findings say was added, where the request allows it.
    async fn delete_added_objects(
        &mut self,
        findings: &[AuditFinding],
    ) -> Result<(), OperationError> {
        if !self.request.delete_added {
            return Ok(());
        }
        for finding in findings.iter().filter(|finding| finding.is_added_object()) {
            self.layers
                .delete(self.lake, &finding.object, self.request.dry_run)
                .await?;
            self.notes.note_deleted(&finding.object);
        }
        Ok(())
    }
}
