//! The raw objects of each topic as an Iceberg table, by the day on which they landed: an engine
//! reads the objects of a day, and lists none.
//!
//! A raw object is shown when it has a receipt, which says how many records it holds and when they
//! were taken. The tables are derived: a failure is told and stops nothing, and the next merge makes
//! it up. An object that has expired leaves its table with the next merge.

mod raw_days;

use std::collections::BTreeSet;

use bytes::Bytes;
use contract::CompiledMapping;
use futures_util::{StreamExt, stream};
use host::{Failure, FailureKind};
use lake::iceberg::{RawDays, RawIcebergTable, WrittenRawTable};
use lake::{
    iceberg_hint_key, iceberg_metadata_key, iceberg_prefix, is_named_iceberg_content,
    raw_table_name,
};
use store::{ObjectStore, StoredObject, UnreadableObjects};

use crate::context::Context;
use crate::derived_steps::{DerivedStep, StepWarning, warning_of};
use crate::glue_databases::{put_table, raw_iceberg_spec};
use crate::iceberg::{put_iceberg_file, update_hint};
use crate::retention::delete_objects;
use raw_days::RawDaysUpdate;

/// Topics that are published at once.
const TOPICS_AT_ONCE: usize = 4;

/// Tries when other runs publish the same table at the same time.
const PUBLISH_ATTEMPTS: u32 = 4;

/// From what a table is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RawTableBasis {
    /// From what it shows already, and the receipts since.
    Shown,
    /// From all receipts.
    Receipts,
}

/// Which files of earlier publications stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EarlierFiles {
    /// Those of the one before, by which a query may still read.
    OfLast,
    /// None: they describe objects that were rewritten.
    None,
    /// All.
    All,
}

/// Shows the raw objects that are new in the table of every topic.
pub(crate) async fn publish_raw_tables(context: &Context) -> Vec<StepWarning> {
    let mappings = context.catalogue.mappings.iter();
    let publications = mappings.map(|mapping| async move {
        let topic = RawPublication::new(mapping, context);
        let outcome = topic
            .publish(RawTableBasis::Shown, EarlierFiles::OfLast)
            .await;
        warning_of(DerivedStep::RawTable, &mapping.contract.topic, outcome)
    });
    stream::iter(publications)
        .buffered(TOPICS_AT_ONCE)
        .filter_map(std::future::ready)
        .collect()
        .await
}

/// Makes the tables that are there again after raw objects were rewritten: an object has other
/// bytes, and engines find its footer by their number.
///
/// # Errors
/// When the storage or the catalogue fails. An object that cannot be read is noted.
pub(crate) async fn republish_raw_tables(
    context: &Context,
    unreadable: &UnreadableObjects,
) -> Result<(), Failure> {
    for mapping in &context.catalogue.mappings {
        let hint = iceberg_hint_key(&raw_table_name(&mapping.contract.topic));
        if context.curated.object_exists(&hint).await? {
            let topic = RawPublication::new(mapping, context);
            let published = topic.publish(RawTableBasis::Receipts, EarlierFiles::None);
            unreadable.note(published.await)?;
        }
    }
    Ok(())
}

/// Makes the table of a topic again from all receipts, and leaves every other file.
pub(crate) async fn restore_raw_table(topic: &str, context: &Context) -> Result<(), Failure> {
    let mut mappings = context.catalogue.mappings.iter();
    let Some(mapping) = mappings.find(|mapping| mapping.contract.topic == topic) else {
        let message = format!("no contract has the topic `{topic}`");
        return Err(Failure::new(FailureKind::BadRequest, message));
    };
    let publication = RawPublication::new(mapping, context);
    publication
        .publish(RawTableBasis::Receipts, EarlierFiles::All)
        .await
}

/// The publication of a topic's raw objects.
struct RawPublication<'p> {
    mapping: &'p CompiledMapping,
    context: &'p Context,
    /// The name of the table.
    name: String,
}

/// What a table shows, and the files that say so.
#[derive(Default)]
struct ShownTable {
    hint: Option<StoredObject>,
    days: RawDays,
    /// The keys of the metadata and of the list.
    files: Vec<String>,
}

impl ShownTable {
    /// Whether readers see these days already.
    fn shows(&self, days: &RawDays) -> bool {
        !self.files.is_empty() && self.days == *days
    }
}

impl<'p> RawPublication<'p> {
    fn new(mapping: &'p CompiledMapping, context: &'p Context) -> Self {
        Self {
            name: raw_table_name(&mapping.contract.topic),
            mapping,
            context,
        }
    }

    fn curated_store(&self) -> &dyn ObjectStore {
        &*self.context.curated
    }

    async fn publish(&self, basis: RawTableBasis, earlier: EarlierFiles) -> Result<(), Failure> {
        let buckets = &self.context.buckets;
        let [root, raw_root] = [&buckets.curated, &buckets.raw].map(|name| format!("s3://{name}"));
        let table = RawIcebergTable::new(&self.name, &root, &raw_root)?;
        for _ in 0..PUBLISH_ATTEMPTS {
            let shown = self.read_shown().await?;
            let update = RawDaysUpdate::open(self.topic(), &table, self.context).await?;
            let days = match basis {
                RawTableBasis::Shown => shown.days.clone(),
                RawTableBasis::Receipts => RawDays::default(),
            };
            let days = update.bring_up_to_date(days).await?;
            if shown.hint.is_none() && days.entries().next().is_none() {
                return Ok(());
            }

            let written = table.write_table(&days)?;
            let path = table.full_path(&written.table.metadata.key);
            let spec = raw_iceberg_spec(self.mapping, path, self.context);
            if shown.shows(&days) {
                return put_table(&spec, self.context).await;
            }
            if self.put_files(&written, shown.hint.clone()).await? {
                put_table(&spec, self.context).await?;
                return self
                    .delete_earlier(earlier, &shown, (&written, &days))
                    .await;
            }
        }
        let message = format!(
            "other runs published the raw objects of `{}` too often",
            self.topic()
        );
        Err(Failure::new(FailureKind::Unavailable, message))
    }

    fn topic(&self) -> &str {
        &self.mapping.contract.topic
    }

    /// What the table shows. Nothing where a file is missing or damaged: all of it is made again.
    async fn read_shown(&self) -> Result<ShownTable, Failure> {
        let curated = self.curated_store();
        let Some(hint) = curated
            .get_if_present(&iceberg_hint_key(&self.name))
            .await?
        else {
            return Ok(ShownTable::default());
        };
        let name = String::from_utf8_lossy(&hint.body).trim().to_owned();
        let metadata = iceberg_metadata_key(&self.name, &name);
        let unknown = ShownTable {
            hint: Some(hint),
            ..ShownTable::default()
        };

        let Some(body) = self.read_named(&metadata).await? else {
            return Ok(unknown);
        };
        let Ok((days, list)) = RawDays::from_metadata(&body) else {
            return Ok(unknown);
        };
        let Some(body) = self.read_named(&list).await? else {
            return Ok(unknown);
        };
        Ok(match days.with_list(&body) {
            Ok(days) => ShownTable {
                days,
                files: vec![metadata, list],
                ..unknown
            },
            Err(_) => unknown,
        })
    }

    /// A file with the content that its key names; none where it is missing or damaged.
    async fn read_named(&self, key: &str) -> Result<Option<Bytes>, Failure> {
        let object = self.curated_store().get_if_within_limit(key).await?;
        let body = object.map(|object| object.body);
        Ok(body.filter(|body| is_named_iceberg_content(key, body)))
    }

    /// Writes the list, the metadata and the hint; says whether no other run wrote the hint
    /// meanwhile.
    async fn put_files(
        &self,
        written: &WrittenRawTable,
        hint: Option<StoredObject>,
    ) -> Result<bool, Failure> {
        let curated = self.curated_store();
        put_iceberg_file(&written.list, curated).await?;
        put_iceberg_file(&written.table.metadata, curated).await?;
        Ok(update_hint(&written.table.hint, hint, curated).await?)
    }

    /// Deletes the files that nothing needs any more.
    async fn delete_earlier(
        &self,
        earlier: EarlierFiles,
        shown: &ShownTable,
        (written, days): (&WrittenRawTable, &RawDays),
    ) -> Result<(), Failure> {
        if earlier == EarlierFiles::All {
            return Ok(());
        }
        let mut needed = days.manifest_keys();
        let WrittenRawTable { list, table } = written;
        needed.extend([&list.key, &table.metadata.key, &table.hint.key].map(String::as_str));
        if earlier == EarlierFiles::OfLast {
            needed.extend(shown.days.manifest_keys());
            needed.extend(shown.files.iter().map(String::as_str));
        }

        let prefix = iceberg_prefix(&self.name);
        let listed = self.curated_store().list(&prefix, None).await?;
        let keys: BTreeSet<String> = listed.into_iter().map(|entry| entry.key).collect();
        let stale = keys
            .into_iter()
            .filter(|key| !needed.contains(key.as_str()));
        delete_objects(stale, self.curated_store()).await?;
        Ok(())
    }
}
