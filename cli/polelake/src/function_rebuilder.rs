//! The seam of rebuild and repair to the functions: days are built again with the code of the
//! transform, the merge and the report.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use host::{Failure, TimeBudget};
use lake::{Chunk, Day};
use operations::rebuild::{DayRebuilder, RebuiltDay};
use operations::repair::RepairLayers;
use pole_transform::Context as TransformContext;
use quality_report::Context as ReportContext;
use serde::Serialize;
use snapshot_merge::Context as MergeContext;
use store::MemoryCatalogue;
use trigger::ScheduleRequest;

use crate::error::CliError;
use crate::open_lake::OpenLake;

/// The time that the merge of one day may take; on a machine of our own no deadline is near.
const DAY_BUDGET: Duration = Duration::from_secs(24 * 3_600);

/// The reports that a rebuild made again.
#[derive(Default)]
pub struct RemadeReports {
    /// The days.
    pub days: Vec<String>,
    /// Those whose reports were not made.
    pub failed: Vec<UnmadeReport>,
}

/// A report that stays as it was before its day was built again.
#[derive(Serialize)]
pub struct UnmadeReport {
    /// The day, `YYYY-MM-DD`.
    pub date: String,
    /// Why.
    pub cause: String,
}

/// The functions' own code, for a rebuild or a repair.
pub struct FunctionRebuilder {
    /// The transform's context.
    pub transform: TransformContext,
    /// The merge's context.
    pub merge: MergeContext,
    /// Where derived metadata is published, when the merge writes into layers.
    pub publish: Option<MergeContext>,
    /// The report's context; none where the bucket of the site is not known.
    pub report: Option<ReportContext>,
    /// The reports that were made again so far.
    pub reports: Mutex<RemadeReports>,
}

impl FunctionRebuilder {
    /// Writes into the lake.
    pub(crate) async fn of_lake(lake: &OpenLake) -> Result<Self, CliError> {
        Ok(Self {
            transform: TransformContext {
                raw: Arc::clone(&lake.handle.raw),
                refined: Arc::clone(&lake.handle.refined),
                catalogue: Arc::clone(&lake.handle.catalogue),
                identity_key: lake.handle.require_identity_key()?.clone(),
            },
            merge: lake.merge_context().await?,
            publish: None,
            report: lake.report_context()?,
            reports: Mutex::default(),
        })
    }

    /// Writes into the layers over the lake, makes no report, and publishes no day.
    pub(crate) async fn over_layers(
        lake: &OpenLake,
        layers: &RepairLayers,
    ) -> Result<Self, CliError> {
        let of_lake = Self::of_lake(lake).await?;
        Ok(Self {
            transform: TransformContext {
                refined: Arc::clone(&layers.refined) as _,
                ..of_lake.transform
            },
            merge: MergeContext {
                refined: Arc::clone(&layers.refined) as _,
                curated: Arc::clone(&layers.curated) as _,
                glue: Arc::new(MemoryCatalogue::default()),
                ..of_lake.merge
            },
            publish: Some(lake.merge_context().await?),
            report: None,
            reports: Mutex::default(),
        })
    }

    /// Makes the report and the pages of a day again, of what its tables hold now. What keeps a
    /// report from being made keeps no later day from being built.
    async fn report_day(&self, schedule: &ScheduleRequest, day: Day) {
        let Some(context) = &self.report else { return };
        let reported = quality_report::handle(schedule, context).await;
        let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        let date = day.to_string();
        match reported {
            Ok(_) => reports.days.push(date),
            Err(failure) => reports.failed.push(UnmadeReport {
                date,
                cause: failure.message,
            }),
        }
    }

    /// The reports that were made again.
    #[must_use]
    pub fn into_reports(self) -> RemadeReports {
        self.reports
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait(?Send)]
impl DayRebuilder for FunctionRebuilder {
    async fn retransform_chunk(&self, chunk: &Chunk) -> Result<(), Failure> {
        pole_transform::retransform_chunk(chunk, &self.transform).await
    }

    async fn publish_iceberg(&self, table: &str, lost: &BTreeSet<String>) -> Result<(), Failure> {
        let context = self.publish.as_ref().unwrap_or(&self.merge);
        snapshot_merge::publish_iceberg_days(table, lost, context).await
    }

    async fn merge_day(&self, day: Day, tables: &[String]) -> Result<RebuiltDay, Failure> {
        let schedule = ScheduleRequest {
            date: Some(day.to_string()),
            tables: tables.to_vec(),
            ..ScheduleRequest::default()
        };
        let budget = TimeBudget::lasting_for(DAY_BUDGET);
        let merged = snapshot_merge::merge_day(&schedule, &self.merge, budget).await?;
        self.report_day(&schedule, day).await;

        let tables = merged.run.tables.iter().chain(&merged.run.records);
        let derived = merged.run.tables.iter().flat_map(|table| {
            let warnings = table.warnings.iter();
            warnings.map(|warning| (table.table.clone(), warning.to_failure()))
        });
        let failures = merged.failures.into_iter();
        Ok(RebuiltDay {
            derived_failures: derived.collect(),
            manifests_written: tables.filter(|table| table.written).count(),
            root: merged.run.root,
            failures: failures
                .map(|failed| (failed.table, failed.failure))
                .collect(),
        })
    }
}
