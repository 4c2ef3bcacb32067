//! Iceberg's metadata of a table, written again for a repair.

use std::collections::BTreeSet;

use host::{Failure, FailureKind};
use lake::parse_raw_table_topic;

use crate::context::Context;
use crate::iceberg;
use crate::publish::publish_iceberg_table;
use crate::raw_tables::restore_raw_table;

/// Writes the Iceberg metadata of every day of a table again, and of `lost` those that showed the
/// days up to an earlier one. The table can be that of a topic's raw objects, too.
///
/// # Errors
/// When there is no such table, or the storage or the catalogue fails.
pub async fn publish_iceberg_days(
    table: &str,
    lost: &BTreeSet<String>,
    context: &Context,
) -> Result<(), Failure> {
    if let Some(topic) = parse_raw_table_topic(table) {
        return restore_raw_table(topic, context).await;
    }
    let Some(contract) = context.catalogue.table_contract(table) else {
        let message = format!("there is no table `{table}`");
        return Err(Failure::new(FailureKind::BadRequest, message));
    };
    publish_iceberg_table(contract, |_| true, context).await?;

    let bucket = &context.buckets.curated;
    iceberg::restore_earlier_metadata(contract, lost, bucket, &*context.curated).await
}
