//! What is derived from a day never stops it: statistics, the Iceberg table, the tables of raw and
//! refined objects. The run says what failed, every table and `entity` are merged, and a later run
//! writes what is missing. Only days that are built again need all of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use lake::Day;
use operations::LakeHandle;
use operations::rebuild::{RebuildRequest, rebuild_days};
use polelake::function_rebuilder::FunctionRebuilder;
use serde_json::json;
use snapshot_merge::Context;
use store::{
    ColumnStatistics, MemoryCatalogue, ObjectStore, PartitionSpec, StoreError, StoreErrorKind,
    TableCatalogue, TableSpec,
};

use crate::closed_store::ClosedStore;
use crate::days_in_memory::{Days, merge_with};
use crate::lake_under_test::{MONDAY, person_event};

/// A catalogue that answers some of its operations with an error.
struct FailingCatalogue {
    inner: Arc<MemoryCatalogue>,
    kind: StoreErrorKind,
    refuses_statistics: bool,
    /// What the names of tables that cannot be written end with, or their databases hold.
    unwritable: &'static str,
    /// Whether everything is allowed again.
    is_allowed: AtomicBool,
}

impl FailingCatalogue {
    fn check(&self, fails: bool, name: &str) -> Result<(), StoreError> {
        if fails && !self.is_allowed.load(Ordering::SeqCst) {
            let why = "User is not authorized to perform this operation";
            return Err(StoreError::new(self.kind, "update", name, why));
        }
        Ok(())
    }

    fn is_unwritable(&self, table: &TableSpec) -> bool {
        !self.unwritable.is_empty()
            && (table.name.ends_with(self.unwritable) || table.database.contains(self.unwritable))
    }
}

#[async_trait]
impl TableCatalogue for FailingCatalogue {
    async fn put_table(&self, table: &TableSpec) -> Result<(), StoreError> {
        self.check(self.is_unwritable(table), &table.name)?;
        self.inner.put_table(table).await
    }
    async fn put_statistics(
        &self,
        table: &TableSpec,
        partition: Option<&[String]>,
        columns: &[ColumnStatistics],
    ) -> Result<(), StoreError> {
        self.check(self.refuses_statistics, &table.name)?;
        self.inner.put_statistics(table, partition, columns).await
    }
    async fn put_partitions(
        &self,
        table: &TableSpec,
        partitions: &[PartitionSpec],
    ) -> Result<(), StoreError> {
        self.inner.put_partitions(table, partitions).await
    }
    async fn list_partitions(&self, table: &TableSpec) -> Result<Vec<PartitionSpec>, StoreError> {
        self.inner.list_partitions(table).await
    }
    async fn delete_partitions(
        &self,
        table: &TableSpec,
        values: &[Vec<String>],
    ) -> Result<(), StoreError> {
        self.inner.delete_partitions(table, values).await
    }
}

async fn lake_with_a_person() -> Days {
    let mut lake = Days::new();
    let person = person_event("PersonCreatedEvent", "p1", 1, json!({"firstName": "Ada"}));
    lake.push("housing-person", MONDAY, &[person]).await;
    lake
}

fn failing(lake: &Days, kind: StoreErrorKind) -> FailingCatalogue {
    FailingCatalogue {
        inner: Arc::clone(&lake.glue),
        kind,
        refuses_statistics: false,
        unwritable: "",
        is_allowed: AtomicBool::new(false),
    }
}

async fn is_merged(lake: &Days, table: &str) -> bool {
    let key = format!("curated/_manifests/{table}/{MONDAY}.json");
    lake.curated.get_if_present(&key).await.unwrap().is_some()
}

/// Runs the day with a failing catalogue, and then with one that allows everything: the steps
/// that the first run warned of.
async fn warned_steps(lake: &Days, catalogue: FailingCatalogue) -> Vec<(String, Option<String>)> {
    let catalogue = Arc::new(catalogue);
    let context = Context {
        glue: Arc::clone(&catalogue) as _,
        ..lake.context()
    };
    let run = merge_with(&context, MONDAY, &[]).await.unwrap();
    assert!(is_merged(lake, "person").await && is_merged(lake, "entity").await);
    assert!(run.root.is_some());
    for warning in run.all_warnings() {
        assert!(warning.cause.contains("not authorized"), "{warning:?}");
        assert!(warning.remedy.contains("merge"), "{warning:?}");
    }

    catalogue.is_allowed.store(true, Ordering::SeqCst);
    let again = merge_with(&context, MONDAY, &[]).await.unwrap();
    assert_eq!(again.all_warnings().count(), 0);
    let warned = run.all_warnings();
    warned
        .map(|warning| (warning.step.clone(), warning.name.clone()))
        .collect()
}

#[tokio::test]
async fn statistics_that_are_refused_stop_no_table() {
    for kind in [StoreErrorKind::Refused, StoreErrorKind::Unavailable] {
        let lake = lake_with_a_person().await;
        let catalogue = FailingCatalogue {
            refuses_statistics: true,
            ..failing(&lake, kind)
        };
        let warned = warned_steps(&lake, catalogue).await;
        assert!(warned.iter().all(|(step, _)| step == "statistics"));
        let person = ("statistics".to_owned(), Some("person".to_owned()));
        assert!(warned.contains(&person), "{warned:?}");
    }
}

#[tokio::test]
async fn an_iceberg_table_that_is_refused_stops_no_table() {
    let lake = lake_with_a_person().await;
    let catalogue = FailingCatalogue {
        unwritable: "_iceberg",
        ..failing(&lake, StoreErrorKind::Refused)
    };
    let warned = warned_steps(&lake, catalogue).await;
    let is_iceberg = |step: &str| step == "iceberg" || step == "raw-table";
    assert!(!warned.is_empty() && warned.iter().all(|(step, _)| is_iceberg(step)));
}

#[tokio::test]
async fn iceberg_metadata_that_cannot_be_written_stops_no_table() {
    let lake = lake_with_a_person().await;
    let curated = ClosedStore::without_writes(&lake.curated, &["curated/person/metadata/"]);
    let context = Context {
        curated,
        ..lake.context()
    };
    let run = merge_with(&context, MONDAY, &[]).await.unwrap();
    let warned: Vec<_> = run.all_warnings().map(|warning| &warning.step).collect();
    assert_eq!(warned, ["iceberg"]);
    assert!(is_merged(&lake, "person").await && is_merged(&lake, "entity").await);

    let hint = "curated/person/metadata/version-hint.text";
    assert!(lake.curated.get_if_present(hint).await.unwrap().is_none());
    lake.merge(MONDAY).await.unwrap();
    assert!(lake.curated.get_if_present(hint).await.unwrap().is_some());
}

#[tokio::test]
async fn tables_of_raw_and_refined_objects_stop_nothing() {
    let lake = lake_with_a_person().await;
    let catalogue = FailingCatalogue {
        unwritable: "_raw",
        ..failing(&lake, StoreErrorKind::Unavailable)
    };
    let warned = warned_steps(&lake, catalogue).await;
    let raw_table = ("raw-table".to_owned(), Some("housing-person".to_owned()));
    assert_eq!(warned, [("zone-tables".to_owned(), None), raw_table]);
}

#[tokio::test]
async fn metadata_of_raw_objects_that_cannot_be_written_stop_nothing() {
    let lake = lake_with_a_person().await;
    let curated = ClosedStore::without_writes(&lake.curated, &["curated/_raw/"]);
    let context = Context {
        curated,
        ..lake.context()
    };
    let run = merge_with(&context, MONDAY, &[]).await.unwrap();
    let warned: Vec<_> = run.all_warnings().map(|warning| &warning.step).collect();
    assert_eq!(warned, ["raw-table"]);
    assert!(is_merged(&lake, "person").await && is_merged(&lake, "entity").await);

    let hint = "curated/_raw/housing-person/metadata/version-hint.text";
    assert!(lake.curated.get_if_present(hint).await.unwrap().is_none());
    lake.merge(MONDAY).await.unwrap();
    assert!(lake.curated.get_if_present(hint).await.unwrap().is_some());
}

#[tokio::test]
async fn a_refused_table_of_raw_objects_fails_the_run_when_everything_else_is_done() {
    let lake = lake_with_a_person().await;
    let context = Context {
        glue: Arc::new(FailingCatalogue {
            unwritable: "_raw",
            ..failing(&lake, StoreErrorKind::Refused)
        }),
        ..lake.context()
    };
    let failure = merge_with(&context, MONDAY, &[]).await.unwrap_err();
    assert!(failure.message.contains("not authorized"), "{failure}");
    assert!(is_merged(&lake, "person").await && is_merged(&lake, "entity").await);
}

#[tokio::test]
async fn a_rebuild_fails_where_readers_of_iceberg_would_see_what_was_before() {
    let lake = lake_with_a_person().await;
    lake.merge(MONDAY).await.unwrap();
    let handle = LakeHandle::from_stores(
        Arc::clone(&lake.raw) as _,
        Arc::clone(&lake.refined) as _,
        Arc::clone(&lake.curated) as _,
        Arc::clone(&lake.catalogue),
    );
    let day = Day::parse(MONDAY).unwrap();
    let request = RebuildRequest {
        from: day,
        to: Some(day),
        today: day,
        tables: Vec::new(),
        raw: false,
    };
    let closed: [(&'static [&'static str], bool); 2] =
        [(&[], false), (&["curated/person/metadata/"], true)];
    for (closed, fails) in closed {
        let merge = Context {
            curated: ClosedStore::without_writes(&lake.curated, closed),
            ..lake.context()
        };
        let rebuilder = FunctionRebuilder {
            transform: pole_transform::Context {
                raw: Arc::clone(&lake.raw) as _,
                refined: Arc::clone(&lake.refined) as _,
                catalogue: Arc::clone(&lake.catalogue),
                identity_key: pole::IdentityKey::for_tests(),
            },
            merge,
            publish: None,
            report: None,
            reports: Default::default(),
        };
        let rebuilt = rebuild_days(&handle, &request, &rebuilder, &|_| ()).await;
        assert_eq!(rebuilt.is_err(), fails, "{closed:?}");
        if let Err(error) = rebuilt {
            let said = error.to_string();
            assert!(said.contains("iceberg of person"), "{said}");
        }
    }
}
