//! What an operator looks at each morning: how far every table and source is, and what needs
//! attention.
//!
//! It reads listings, the manifests of the newest days, the metadata of the newest raw objects, the
//! receipts beside them, and declared losses. Open refused records are counted in the quarantine
//! objects, as [`crate::quarantine`] does; nothing else that it reads holds a value.

mod attention;
mod day_reading;
mod events_queue_status;
mod lake_sizes;
mod source_status;
mod stored_size;
mod table_status;

use serde::Serialize;

use self::attention::AttentionFinder;
use crate::declared_losses::DeclaredLosses;
use crate::error::OperationError;
use crate::lake_handle::LakeHandle;
use crate::quarantine::{
    QuarantineFilter, RedriveStatus, RefusalGroup, group_entries, list_entries,
};

pub use attention::AttentionItem;
pub use events_queue_status::{EventsQueueAnswer, EventsQueueStatus};
pub use lake_sizes::LakeSizes;
pub use source_status::{DeclaredLossCount, SourceStatus, SourceVersions, TopicRefusal};
pub use stored_size::StoredSize;
pub use table_status::TableStatus;

/// What the caller knows besides the lake.
#[derive(Clone, Debug)]
pub struct StatusRequest {
    /// The time, in milliseconds since 1970.
    pub now_millis: i64,
    /// Messages that the platform's queues gave up; none where no queue can be asked.
    pub dead_letters: Option<u64>,
    /// What the events queue holds; none where it was not asked.
    pub events_queue: Option<EventsQueueAnswer>,
    /// Whether the lake is in an AWS account, where other commands run a day.
    pub on_aws: bool,
}

impl StatusRequest {
    /// Whether the events queue holds nothing, as far as it is known.
    fn holds_no_message(&self) -> bool {
        let counts = self
            .events_queue
            .as_ref()
            .and_then(EventsQueueAnswer::counts);
        counts.is_none_or(EventsQueueStatus::is_empty)
    }
}

/// How far a lake is.
#[derive(Clone, Debug, Serialize)]
pub struct LakeStatus {
    /// The version of polelake that looked.
    pub polelake: &'static str,
    /// Whether nothing has landed and no day was merged.
    pub is_empty: bool,
    /// The tables that have days, and those that a source fills once there are days.
    pub tables: Vec<TableStatus>,
    /// The sources.
    pub sources: Vec<SourceStatus>,
    /// What the events queue holds; none where it was not asked.
    pub events_queue: Option<EventsQueueAnswer>,
    /// Messages that the platform's queues gave up; none where no queue was asked.
    pub dead_letters: Option<u64>,
    /// What each zone stores.
    pub sizes: LakeSizes,
    /// What needs attention; nothing does when it is empty.
    pub attention: Vec<AttentionItem>,
}

/// Looks at a lake.
///
/// # Errors
/// When the storage does not answer. An object that cannot be read needs attention, and so does
/// Kafka or the events queue when it does not answer.
pub async fn read_status(
    lake: &LakeHandle,
    request: StatusRequest,
) -> Result<LakeStatus, OperationError> {
    let tables = table_status::read_tables(lake).await?;
    let refusals = count_open_refusals(lake).await?;
    let mut sources = Vec::new();
    for mapping in &lake.catalogue.mappings {
        let now = request.now_millis;
        sources.push(source_status::read_source(lake, mapping, &tables, now).await?);
    }
    let losses = read_declared_losses(lake).await?;
    for source in &mut sources {
        source.add_refusals(&refusals);
        source.add_losses(&losses);
    }

    let sizes = lake_sizes::measure_lake(lake, &sources, &tables).await?;
    let is_empty = sizes.raw.objects == 0
        && request.holds_no_message()
        && tables.iter().all(|table| table.last_merged.is_none())
        && sources
            .iter()
            .all(|source| source.not_landed.unwrap_or(0) == 0);
    let attention = AttentionFinder::find(lake, &request, &tables, &sources).await?;
    Ok(LakeStatus {
        polelake: env!("CARGO_PKG_VERSION"),
        is_empty,
        tables,
        sources,
        events_queue: request.events_queue,
        dead_letters: request.dead_letters,
        sizes,
        attention,
    })
}

/// The declared losses. One that cannot be read needs attention, as other objects do.
async fn read_declared_losses(lake: &LakeHandle) -> Result<DeclaredLosses, OperationError> {
    let mut losses = DeclaredLosses::read(lake).await?;
    for object in losses.unreadable.drain(..) {
        lake.unreadable.add(object);
    }
    Ok(losses)
}

/// The refused records that no redrive has processed with success, by source and rule.
async fn count_open_refusals(lake: &LakeHandle) -> Result<Vec<RefusalGroup>, OperationError> {
    let entries = list_entries(lake, &QuarantineFilter::default()).await?;
    let mut groups = group_entries(&entries);
    groups.retain(|group| group.status == RedriveStatus::Open);
    Ok(groups)
}
