//! One operation of `polelake-bench memory`, in a process of its own.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use contract::Catalogue;
use lake::Day;
use operations::LakeHandle;
use operations::audit::{AuditScope, audit_lake};
use operations::erase::{LakeErasureRequest, MentionPolicy, RequestedSubject, erase_subjects};
use operations::rebuild::{RebuildRequest, rebuild_days};
use pole::IdentityKey;
use serde_json::{Value, json};
use snapshot_merge::entity::ENTITY;
use snapshot_merge::steps::run_entities_step;
use trigger::ScheduleRequest;

use super::{DAYS, MemoryBench, Operation};
use crate::mixed::mix_uuid;
use crate::person_events::{SOURCE, person_event, select_people};
use crate::processes::{Stopwatch, peak_megabytes};
use crate::snapshot_bench::{FIRST_DAY, merge_context, transferred_bytes, zone_store};
use crate::transform_step::{OBJECT_RECORDS, TransformStep};
use polelake::error::CliError;
use polelake::function_rebuilder::FunctionRebuilder;
use polelake::snapshot_eraser::SnapshotEraser;

/// Bytes of a megabyte.
const MEGABYTE: f64 = 1e6;

/// One operation, over the days of a folder.
#[derive(clap::Args)]
pub(crate) struct MemoryWorker {
    #[arg(value_enum)]
    operation: Operation,
    /// The day, from 0.
    day: usize,
    #[command(flatten)]
    bench: MemoryBench,
}

/// A day of the benchmark.
fn date_of(day: usize) -> Day {
    (0..day).fold(FIRST_DAY, |date, _| date.next())
}

impl MemoryWorker {
    /// Runs the operation and prints what it took as JSON.
    pub(crate) async fn run(&self) -> Result<bool, CliError> {
        let catalogue = host::load_contracts(&self.bench.contracts.to_string_lossy())?;
        let watch = Stopwatch::start();
        let what = self.run_operation(catalogue).await?;
        let (read, written) = transferred_bytes();
        let measured = json!({
            "wall": watch.wall_seconds(), "cpu": watch.cpu_seconds(),
            "peak_mb": peak_megabytes("self"), "read_mb": read as f64 / MEGABYTE,
            "written_mb": written as f64 / MEGABYTE, "what": what,
        });
        println!("{measured}");
        Ok(true)
    }

    /// Runs the operation; says what it did.
    async fn run_operation(&self, catalogue: Catalogue) -> Result<String, CliError> {
        match self.operation {
            Operation::Transform => self.transform_day(&catalogue).await,
            Operation::Merge => self.merge_tables(catalogue).await,
            Operation::Entity => self.make_entities(catalogue).await,
            Operation::Report => self.report_day(catalogue).await,
            Operation::Audit => self.audit_days(catalogue).await,
            Operation::Rebuild => self.rebuild_days(catalogue).await,
            Operation::Erase => self.erase_person(catalogue).await,
        }
    }

    fn dir(&self) -> &Path {
        &self.bench.dir
    }

    fn lake_handle(&self, catalogue: Catalogue) -> LakeHandle {
        let zone = |name: &str| zone_store(self.dir(), name);
        let (raw, refined, curated) = (zone("raw"), zone("refined"), zone("curated"));
        LakeHandle::from_stores(raw, refined, curated, Arc::new(catalogue))
            .with_identity_key(IdentityKey::for_tests())
    }

    fn report_context(&self, catalogue: &Arc<Catalogue>) -> quality_report::Context {
        let zone = |name: &str| zone_store(self.dir(), name);
        quality_report::Context {
            raw: zone("raw"),
            refined: zone("refined"),
            curated: zone("curated"),
            site: zone("site"),
            catalogue: Arc::clone(catalogue),
            query_location: quality_report::QueryLocation {
                bucket: "curated".into(),
                database_prefix: "bench".into(),
            },
            output_settings: quality_report::ReportOutputSettings::default(),
        }
    }

    async fn transform_day(&self, catalogue: &Catalogue) -> Result<String, CliError> {
        let mapping = catalogue.require_mapping_of_source(SOURCE)?;
        let (_, selection) = DAYS.get(self.day).ok_or("there is no such day")?;
        let select = |selection| select_people(self.bench.records(), self.bench.changed, selection);
        let earlier = DAYS[..self.day].iter();
        let mut offset = earlier
            .map(|(_, of_day)| select(*of_day).len() as i64)
            .sum();

        let date = date_of(self.day);
        let mut step = TransformStep::new(catalogue, mapping, self.dir());
        let people = select(*selection);
        for some in people.chunks(OBJECT_RECORDS) {
            let events = some.iter();
            let events: Vec<String> = events
                .map(|person| person_event(*person, date, *selection).to_string())
                .collect();
            offset = step.transform_events(&events, offset, date).await?;
        }
        Ok(format!("{} events, {} rows", people.len(), step.rows))
    }

    /// Merges every table but `entity`.
    async fn merge_tables(&self, catalogue: Catalogue) -> Result<String, CliError> {
        let tables = catalogue.tables.iter().map(|table| table.name.clone());
        let schedule = ScheduleRequest {
            date: Some(date_of(self.day).to_string()),
            tables: tables.filter(|name| name != ENTITY).collect(),
            ..ScheduleRequest::default()
        };
        let context = merge_context(self.dir(), catalogue);
        let budget = host::TimeBudget::lasting_for(Duration::from_secs(7_200));
        let run = snapshot_merge::handle(&schedule, &context, budget).await?;
        let rows: u64 = run.tables.iter().map(|table| table.rows).sum();
        let filled = run.tables.iter().filter(|table| table.rows > 0).count();
        Ok(format!("{rows} rows in {filled} tables"))
    }

    async fn make_entities(&self, catalogue: Catalogue) -> Result<String, CliError> {
        let context = merge_context(self.dir(), catalogue);
        let date = date_of(self.day).to_string();
        let run = run_entities_step(&date, &Value::Null, &context).await?;
        let run = run.ok_or("no table has entities")?;
        Ok(format!(
            "{} rows: {} inserted, {} updated, {} deleted; {} row groups copied",
            run.rows, run.inserted, run.updated, run.deleted, run.copied
        ))
    }

    async fn report_day(&self, catalogue: Catalogue) -> Result<String, CliError> {
        let schedule = ScheduleRequest {
            date: Some(date_of(self.day).to_string()),
            ..ScheduleRequest::default()
        };
        let context = self.report_context(&Arc::new(catalogue));
        let report = quality_report::handle(&schedule, &context).await?;
        let rows: u64 = report.tables.values().map(|table| table.rows).sum();
        Ok(format!("{rows} rows in {} tables", report.tables.len()))
    }

    async fn audit_days(&self, catalogue: Catalogue) -> Result<String, CliError> {
        let scope = AuditScope {
            deep: true,
            ..AuditScope::default()
        };
        let audit = audit_lake(&self.lake_handle(catalogue), scope).await?;
        if let Some(finding) = audit.findings.first() {
            return Err(format!("{}: {}", finding.object, finding.what).into());
        }
        let rows: u64 = audit.tables.iter().map(|table| table.rows).sum();
        Ok(format!("{rows} rows in {} snapshots", audit.tables.len()))
    }

    async fn rebuild_days(&self, catalogue: Catalogue) -> Result<String, CliError> {
        let lake = self.lake_handle(catalogue);
        let contracts = host::load_contracts(&self.bench.contracts.to_string_lossy())?;
        let rebuilder = FunctionRebuilder {
            transform: pole_transform::Context {
                raw: Arc::clone(&lake.raw),
                refined: Arc::clone(&lake.refined),
                catalogue: Arc::clone(&lake.catalogue),
                identity_key: IdentityKey::for_tests(),
            },
            merge: merge_context(self.dir(), contracts),
            publish: None,
            report: Some(self.report_context(&lake.catalogue)),
            reports: Default::default(),
        };
        let request = RebuildRequest {
            from: FIRST_DAY,
            to: Some(date_of(self.day)),
            today: date_of(self.day),
            tables: Vec::new(),
            raw: true,
        };
        let outcome = rebuild_days(&lake, &request, &rebuilder, &|_| ()).await?;
        if !outcome.is_complete() {
            return Err("not every day was built again".into());
        }
        Ok(format!(
            "{} days from {} raw objects",
            outcome.days.len(),
            outcome.raw_objects
        ))
    }

    async fn erase_person(&self, catalogue: Catalogue) -> Result<String, CliError> {
        let contracts = host::load_contracts(&self.bench.contracts.to_string_lossy())?;
        let lake = self.lake_handle(catalogue);
        let eraser = SnapshotEraser {
            merge: merge_context(self.dir(), contracts),
            unreadable: lake.unreadable.clone(),
        };
        let request = LakeErasureRequest {
            subject: RequestedSubject::Record {
                source: SOURCE.to_owned(),
                key: mix_uuid(0),
            },
            mentions: MentionPolicy::RedactObject,
            free_text: None,
        };
        let now = date_of(self.day + 1).start_micros();
        let outcome = erase_subjects(&lake, &request, &eraser, now).await?;
        if outcome.found_nothing() || !outcome.is_complete() {
            return Err("the person was not erased".into());
        }
        Ok(format!("{} objects changed", outcome.objects.len()))
    }
}
