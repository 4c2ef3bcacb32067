//! The declared losses of a lake, and whether what they declare is lost.

use std::collections::BTreeMap;

use lake::{Chunk, DeclaredLoss, Receipt};
use store::losses::read_losses;
use store::raw_log::RawObject;
use store::{ObjectError, UnreadableObject};

use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// The declared losses, by the raw object that each declares lost.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeclaredLosses {
    by_chunk: BTreeMap<Chunk, DeclaredLoss>,
    /// Declarations that cannot be read, and objects beside them that are none.
    pub(crate) unreadable: Vec<UnreadableObject>,
}

impl DeclaredLosses {
    /// Reads them all.
    ///
    /// # Errors
    /// When the storage does not answer.
    pub(crate) async fn read(lake: &LakeHandle) -> Result<Self, OperationError> {
        let mut losses = Self::default();
        for reading in read_losses(DeclaredLoss::prefix(), &*lake.refined).await? {
            match reading.loss {
                Ok(loss) => {
                    losses.by_chunk.insert(loss.chunk(), loss);
                }
                Err(object) => losses.unreadable.push(object),
            }
        }
        Ok(losses)
    }

    /// The declaration of a raw object's loss.
    pub(crate) fn find(&self, chunk: &Chunk) -> Option<&DeclaredLoss> {
        self.by_chunk.get(chunk)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &DeclaredLoss> {
        self.by_chunk.values()
    }

    /// The raw objects of a stream from `from` on that are declared lost.
    pub(crate) fn chunks_from(&self, from: &Chunk) -> impl Iterator<Item = &Chunk> {
        let last = Chunk {
            offset: i64::MAX,
            ..from.clone()
        };
        self.by_chunk.range(from.clone()..last).map(|(key, _)| key)
    }

    /// Where the streams of a topic begin: at the first raw objects, or at one before that is
    /// declared lost.
    pub(crate) fn begin_streams(&self, topic: &str, mut firsts: Vec<Chunk>) -> Vec<Chunk> {
        for lost in self.by_chunk.keys().filter(|chunk| chunk.topic == topic) {
            let stream = (lost.epoch, lost.partition);
            let mut known = firsts.iter_mut();
            match known.find(|first| (first.epoch, first.partition) == stream) {
                Some(first) => first.offset = first.offset.min(lost.offset),
                None => firsts.push(lost.clone()),
            }
        }
        firsts
    }
}

/// Whether a raw object is there, byte for byte what was landed, and the one of which its receipt
/// was written. It is read in full, for of the few that are declared lost no metadata is trusted.
///
/// # Errors
/// When the storage does not answer.
pub(crate) async fn is_raw_object_whole(
    lake: &LakeHandle,
    chunk: &Chunk,
    receipt: Option<&Receipt>,
) -> Result<bool, OperationError> {
    let stored = match lake.raw.get(&chunk.raw_key()).await {
        Ok(stored) => stored,
        Err(error) if error.unreadable_object().is_some() => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    let Ok(raw) = RawObject::check(&stored) else {
        return Ok(false);
    };
    let is_recorded = receipt.is_none_or(|receipt| receipt.raw == raw.digest);
    Ok(is_recorded && lake::decode_raw(raw.body).is_ok())
}
