//! Receipts: what became of every record of a raw object. The reconciliation adds them up.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::{NamedObject, ObjectDigest};
use crate::event_filter::EventIdFilter;
use crate::format::{decode_document, encode_document};
use crate::record_times::RecordTimes;
use crate::{Day, LakeError};

/// A stream of offsets: one partition of one epoch of a topic.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StreamKey {
    /// The Kafka topic.
    pub topic: String,
    /// The topic's epoch: counted up when a topic is recreated.
    pub epoch: u32,
    /// The partition.
    pub partition: i32,
}

/// The first offset of a day within a raw object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayStart {
    /// `YYYY-MM-DD`.
    pub date: String,
    /// The first offset that was appended on that day.
    pub offset: i64,
}

/// What became of the records of one raw object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The stream.
    #[serde(flatten)]
    pub stream: StreamKey,
    /// The offset that names the raw object.
    pub offset: i64,
    /// The offset that names the next one.
    pub next: i64,
    /// The source whose contract was applied.
    pub source: String,
    /// The contract's version.
    pub contract_version: String,
    /// The mapping's version.
    pub mapping_version: String,
    /// The content of the raw object.
    pub raw: ObjectDigest,
    /// Between which moments its records came; none of an object without records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<RecordTimes>,
    /// Records in the raw object.
    pub landed: u64,
    /// Records that became rows.
    pub refined: u64,
    /// Records whose type the contract declares as ignored.
    pub ignored: u64,
    /// Records among the ignored ones that were erased, because they were about an erased person.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub erased: u64,
    /// Refused records, by rule.
    pub quarantined: BTreeMap<String, u64>,
    /// Fields that the contract does not declare, by path: kept in the raw zone, and in no table.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub undeclared: BTreeMap<String, u64>,
    /// Values that the contract's enumerations do not list, by path: kept as they came.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unlisted: BTreeMap<String, u64>,
    /// Members that their object has more than once, by path: the last one holds.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub duplicates: BTreeMap<String, u64>,
    /// Values that their column could not read, by path: null, as the mapping declares it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unreadable: BTreeMap<String, u64>,
    /// Records by the minute of the day in which they were appended, 0 to 1439.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub minutes: BTreeMap<u16, u64>,
    /// Records that could be read, by their lag, from the event to its append: each at its bound of
    /// [`LAG_BOUNDS`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lag: BTreeMap<u64, u64>,
    /// Where the days begin within the object.
    pub days: Vec<DayStart>,
    /// The refined objects, by table.
    pub tables: BTreeMap<String, RefinedObject>,
    /// The object of the refused records; none when no record was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<NamedObject>,
    /// What its records became and the refined zone has no longer, where the raw object is declared
    /// lost as well: days are merged without it.
    #[serde(default, skip_serializing_if = "LostRows::is_empty")]
    pub lost: LostRows,
    /// Whether what events state of their records is in the table of the source's records, and not
    /// as rows in the other tables: the source sends patches.
    #[serde(default, skip_serializing_if = "is_false")]
    pub states_records: bool,
    /// What became of each redriven record; of records that Kafka brought, nothing is here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redriven: Vec<RedrivenRecord>,
    /// The ids of the raw object's events: those of rows, of refused and of ignored records. None in
    /// receipts of earlier builds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_ids: Option<EventIdFilter>,
}

/// The upper bounds, in seconds, by which lags are counted: a second to a minute, an hour, a day, a
/// month. Longer lags are counted at the last bound too.
pub const LAG_BOUNDS: [u64; 18] = [
    1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400, 172_800,
    604_800, 2_592_000,
];

/// The bound by which a lag is counted. An event from the future has no lag: its clock is wrong.
#[must_use]
pub fn lag_bound(micros: i64) -> u64 {
    let seconds = u64::try_from(micros).unwrap_or(0).div_ceil(1_000_000);
    let bound = LAG_BOUNDS.iter().find(|bound| seconds <= **bound);
    *bound.or(LAG_BOUNDS.last()).unwrap_or(&0)
}

fn is_false(value: &bool) -> bool {
    !value
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// What became of a redriven record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedrivenRecord {
    /// The position at which it was first landed, as [`crate::RedriveOrigin`] writes it.
    pub of: String,
    /// `refined`, `ignored`, or the rule that it broke again.
    pub outcome: String,
}

/// A refined object that a receipt names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefinedObject {
    /// Its key.
    pub key: String,
    /// Its rows.
    pub rows: u64,
    /// Its content.
    #[serde(flatten)]
    pub digest: ObjectDigest,
}

/// Refined objects and refused records that are lost together with their raw object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostRows {
    /// The refined objects, by table.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tables: BTreeMap<String, RefinedObject>,
    /// The object of the refused records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<NamedObject>,
}

impl LostRows {
    /// Whether nothing is lost.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.quarantine.is_none()
    }
}

impl Receipt {
    /// The receipt without the names of the objects for which `is_lost` says so: they are named as
    /// lost.
    #[must_use]
    pub fn without_lost(mut self, is_lost: impl Fn(&str) -> bool) -> Self {
        let lost = self.tables.extract_if(.., |_, object| is_lost(&object.key));
        self.lost.tables.extend(lost);
        let quarantine = self.quarantine.take_if(|object| is_lost(&object.key));
        self.lost.quarantine = self.lost.quarantine.or(quarantine);
        self
    }

    /// The day of the raw object's first record; none where it has no record.
    #[must_use]
    pub fn first_day(&self) -> Option<Day> {
        self.days.first().and_then(|start| Day::parse(&start.date))
    }

    /// Refused records of every rule.
    #[must_use]
    pub fn quarantined_total(&self) -> u64 {
        self.quarantined.values().sum()
    }

    /// The receipt as JSON; the same receipt gives the same bytes.
    ///
    /// # Errors
    /// Never for a receipt of the transform; JSON's writer could refuse.
    pub fn to_json(&self) -> Result<Vec<u8>, LakeError> {
        encode_document(self)
    }

    /// Reads a receipt.
    ///
    /// # Errors
    /// When the bytes are no receipt, or one of another format.
    pub fn from_json(bytes: &[u8]) -> Result<Self, LakeError> {
        decode_document("receipt", bytes)
    }
}
