//! What was measured of a shard's row groups, stored beside the rows: a group that is copied is not
//! measured again.

use bytes::Bytes;
use contract::{Column, Rule};
use host::Failure;
use lake::{LakeError, ManifestShard};
use pole::content_id;
use quality::TableState;
use serde::{Deserialize, Serialize};
use store::{ObjectStore, read_named_json_if_valid};

/// What was measured of a shard.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ShardProfile {
    /// Of all its rows.
    pub(crate) total: TableState,
    /// Of each row group.
    pub(crate) groups: Vec<TableState>,
}

impl ShardProfile {
    pub(crate) fn from_groups(groups: &[TableState], rules: &[Rule], columns: &[Column]) -> Self {
        let mut total = TableState::new(rules, columns);
        for group in groups {
            total.merge(group);
        }
        Self {
            total,
            groups: groups.to_vec(),
        }
    }

    pub(crate) fn encode(&self) -> Result<Bytes, LakeError> {
        Ok(Bytes::from(serde_json::to_vec(self)?))
    }

    /// What was measured of a shard under the rules of `fingerprint`. It is none when the shard was
    /// measured under other rules, or its profile is lost or damaged: the shard is then measured
    /// again.
    pub(crate) async fn read_shard_profile(
        shard: &ManifestShard,
        fingerprint: &str,
        store: &dyn ObjectStore,
    ) -> Result<Option<Self>, Failure> {
        let Some(profile) = &shard.profile else {
            return Ok(None);
        };
        if !is_measured_under(shard, fingerprint) {
            return Ok(None);
        }
        Ok(read_named_json_if_valid(store, profile).await?)
    }
}

/// Whether a shard was measured under the rules of `fingerprint`.
pub(crate) fn is_measured_under(shard: &ManifestShard, fingerprint: &str) -> bool {
    shard
        .profile
        .as_ref()
        .is_some_and(|profile| profile.key.contains(fingerprint))
}

/// To be raised when other things are measured than before: then stored profiles are measured
/// again.
const MEASUREMENT_VERSION: u32 = 3;

/// A short hash of the rules and columns. Profiles of other rules or columns do not count.
pub(crate) fn rules_fingerprint(rules: &[Rule], columns: &[Column]) -> String {
    let expectations: Vec<_> = rules
        .iter()
        .map(|rule| (&rule.id, &rule.expectation))
        .collect();
    let columns: Vec<_> = columns
        .iter()
        .map(|column| (&column.name, column.kind, column.personal))
        .collect();
    let text = format!("{MEASUREMENT_VERSION}{expectations:?}{columns:?}");
    content_id(text.as_bytes()).simple().to_string()[..8].to_owned()
}
