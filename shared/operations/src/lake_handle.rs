//! A handle on a lake: the buckets of its zones, its contracts, and Kafka's offsets where Kafka can
//! be asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use contract::Catalogue;
use lake::{Chunk, Receipt};
use pole::IdentityKey;
use store::{ObjectStore, UnreadableObjects};

use crate::error::OperationError;
use crate::work_stage::WorkStage;

/// The offsets of Kafka's partitions. Kafka's log is not part of the lake, so the caller brings its
/// own client.
#[async_trait]
pub trait PartitionOffsets: Send + Sync {
    /// The offsets of a topic.
    ///
    /// # Errors
    /// When Kafka does not answer.
    async fn of_topic(&self, topic: &str) -> Result<TopicOffsets, OperationError>;
}

/// What Kafka says of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopicOffsets {
    /// The first offset of each partition, and its log end offset.
    Partitions(BTreeMap<i32, (i64, i64)>),
    /// The topic does not exist, or may not be used.
    Refused {
        /// What is with it.
        what: String,
        /// What to do about it.
        next: String,
    },
}

/// The zones' buckets, the contracts, and Kafka's offsets.
pub struct LakeHandle {
    /// The raw zone.
    pub raw: Arc<dyn ObjectStore>,
    /// The refined zone, with quarantine and receipts.
    pub refined: Arc<dyn ObjectStore>,
    /// The curated zone.
    pub curated: Arc<dyn ObjectStore>,
    /// The bucket of the report's pages, where it is named.
    pub site: Option<Arc<dyn ObjectStore>>,
    /// The compiled contracts.
    pub catalogue: Arc<Catalogue>,
    /// Where readers find the curated zone: a folder of this machine, or `s3://` and the bucket.
    pub curated_root: String,
    /// The key of the lake's ids, for operations that map events again.
    pub identity_key: Option<IdentityKey>,
    /// Kafka's offsets, where Kafka can be asked.
    pub kafka: Option<Arc<dyn PartitionOffsets>>,
    /// What the work on this handle could not read, and went on without.
    pub unreadable: UnreadableObjects,
    /// Is told what the work on this handle is at.
    pub stage: WorkStage,
}

impl LakeHandle {
    /// A handle over any stores, without the report's pages and without Kafka.
    #[must_use]
    pub fn from_stores(
        raw: Arc<dyn ObjectStore>,
        refined: Arc<dyn ObjectStore>,
        curated: Arc<dyn ObjectStore>,
        catalogue: Arc<Catalogue>,
    ) -> Self {
        Self {
            raw,
            refined,
            curated,
            site: None,
            catalogue,
            identity_key: None,
            curated_root: "s3://curated".to_owned(),
            kafka: None,
            unreadable: UnreadableObjects::default(),
            stage: WorkStage::default(),
        }
    }

    /// The same with the key of the lake's ids.
    #[must_use]
    pub fn with_identity_key(mut self, key: IdentityKey) -> Self {
        self.identity_key = Some(key);
        self
    }

    /// The receipt of a raw object; none when there is none, or when it cannot be read, which is
    /// noted.
    pub(crate) async fn read_receipt(
        &self,
        chunk: &Chunk,
    ) -> Result<Option<Receipt>, OperationError> {
        let key = chunk.receipt_key();
        let object = self.refined.get_if_present(&key).await;
        let Some(object) = self.unreadable.note(object)?.flatten() else {
            return Ok(None);
        };
        let receipt = Receipt::from_json(&object.body);
        Ok(self.unreadable.note_decoded(&key, receipt))
    }

    /// The key of the lake's ids.
    ///
    /// # Errors
    /// When the operation was begun without one.
    pub fn require_identity_key(&self) -> Result<&IdentityKey, OperationError> {
        self.identity_key.as_ref().ok_or_else(|| {
            "this operation maps events again and needs the identity key: set IDENTITY_KEY_SECRET \
             to the name of its secret"
                .into()
        })
    }
}
