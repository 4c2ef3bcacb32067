//! What an audit found, sorted by what is made again: the rows of raw objects, days of tables, roots
//! of days.

use std::collections::{BTreeMap, BTreeSet};

use lake::{
    Chunk, Day, DayRoot, EventIndexPart, SnapshotManifest, iceberg_prefix, manifest_key,
    manifest_prefix, parse_manifest_day, parse_version_day, raw_table_name, state_prefix,
    table_prefix,
};

use crate::audit::{AuditFinding, FindingKind};
use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// Keys of damaged objects, by table.
pub(super) type DamagedTables = BTreeMap<String, BTreeSet<String>>;

/// What is damaged.
#[derive(Debug, Default)]
pub(super) struct FoundDamage {
    /// Receipts, refined objects and refused records, by the raw object that they are made from.
    pub(super) chunks: BTreeMap<Chunk, BTreeSet<String>>,
    /// Manifests and files, by the day that wrote them.
    pub(super) days: BTreeMap<Day, DamagedTables>,
    /// Roots of days.
    pub(super) roots: BTreeSet<Day>,
    /// Files of Iceberg's metadata, by table.
    pub(super) iceberg: DamagedTables,
    /// Parts of the index of events, and hints of the ends of raw logs.
    pub(super) derived: BTreeSet<String>,
}

impl FoundDamage {
    /// Sorts findings. What nothing can be made again of is left out.
    pub(super) async fn sort_findings(
        lake: &LakeHandle,
        findings: &[AuditFinding],
    ) -> Result<Self, OperationError> {
        let mut damage = Self::default();
        for finding in findings.iter().filter(|finding| !finding.is_added_object()) {
            match finding.kind {
                FindingKind::NotTransformed => damage.add_untransformed(&finding.object),
                FindingKind::BaseMissing | FindingKind::BaseChanged => {
                    damage.add_base_of(lake, &finding.object).await?;
                }
                FindingKind::RawMissing | FindingKind::RawGap => {}
                _ => damage.add_object(lake, &finding.object),
            }
        }
        Ok(damage)
    }

    fn add_untransformed(&mut self, raw_key: &str) {
        if let Some(chunk) = Chunk::from_raw_key(raw_key) {
            let receipt = chunk.receipt_key();
            self.chunks.entry(chunk).or_default().insert(receipt);
        }
    }

    fn add_object(&mut self, lake: &LakeHandle, key: &str) {
        if let Some(chunk) = parse_chunk(lake, key) {
            self.chunks.entry(chunk).or_default().insert(key.to_owned());
        } else if let Some((day, table)) = parse_day_object(lake, key) {
            self.add_day_object(day, &table, key);
        } else if let Some(table) = parse_iceberg_table(lake, key) {
            let keys = self.iceberg.entry(table).or_default();
            keys.insert(key.to_owned());
        } else if key.starts_with(DayRoot::prefix()) {
            self.roots.extend(parse_manifest_day(key));
        } else if key.starts_with(EventIndexPart::prefix())
            || Chunk::from_log_end_hint_key(key).is_some()
        {
            self.derived.insert(key.to_owned());
        }
    }

    /// Adds the manifest on which another one was built.
    async fn add_base_of(&mut self, lake: &LakeHandle, key: &str) -> Result<(), OperationError> {
        let object = lake.curated.get_if_present(key).await?;
        let manifest = object.and_then(|object| SnapshotManifest::from_json(&object.body).ok());
        let Some(manifest) = manifest else {
            return Ok(());
        };
        if let Some(day) = manifest.base.as_deref().and_then(Day::parse) {
            let base = manifest_key(&manifest.table, day);
            self.add_day_object(day, &manifest.table, &base);
        }
        Ok(())
    }

    fn add_day_object(&mut self, day: Day, table: &str, key: &str) {
        let tables = self.days.entry(day).or_default();
        let keys = tables.entry(table.to_owned()).or_default();
        keys.insert(key.to_owned());
    }
}

/// The raw object from which an object of the refined zone is made.
fn parse_chunk(lake: &LakeHandle, key: &str) -> Option<Chunk> {
    let refined = || {
        let mut tables = lake.catalogue.stored_tables();
        tables.find_map(|table| Chunk::from_refined_key(&table.name, key))
    };
    Chunk::from_receipt_key(key)
        .or_else(|| Chunk::from_quarantine_key(key))
        .or_else(refined)
}

/// The table of a file of Iceberg's metadata: a curated one, or that of a topic's raw objects.
fn parse_iceberg_table(lake: &LakeHandle, key: &str) -> Option<String> {
    let curated = lake
        .catalogue
        .stored_tables()
        .map(|table| table.name.clone());
    let topics = lake.catalogue.mappings.iter();
    let raw = topics.map(|mapping| raw_table_name(&mapping.contract.topic));
    let mut tables = curated.chain(raw);
    tables.find(|table| key.starts_with(&iceberg_prefix(table)))
}

/// The day and the table of a manifest, or of a file that a day wrote.
fn parse_day_object(lake: &LakeHandle, key: &str) -> Option<(Day, String)> {
    let mut tables = lake.catalogue.stored_tables();
    tables.find_map(|table| {
        let name = &table.name;
        let day = match key.strip_prefix(&manifest_prefix(name)) {
            Some(file) if !file.contains('/') => parse_manifest_day(key),
            _ if key.starts_with(&table_prefix(name)) => parse_version_day(key),
            _ if key.starts_with(&state_prefix(name)) => parse_version_day(key),
            _ => None,
        };
        day.map(|day| (day, name.clone()))
    })
}
