//! The queries: three for each table and engine, each of which gives a day and a count in a row.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::engine::{DayCounts, ReaderEngine};
use super::kept_tables::{ChosenDays, KeptDay, KeptTable};
use crate::error::CliError;

/// How the catalogue shows a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CatalogueFormat {
    Hive,
    Iceberg,
}

/// A query that counts, and what it must count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct CountQuery {
    pub(crate) engine: ReaderEngine,
    /// The table, as the engine names it.
    pub(crate) reads: String,
    pub(crate) format: CatalogueFormat,
    pub(crate) sql: String,
    /// The rows of each day, by the manifests.
    pub(crate) expected: DayCounts,
}

/// The external schemas of Redshift over Glue's databases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ExternalSchemas {
    by_database: BTreeMap<String, String>,
    /// The schema of the only database.
    of_all: Option<String>,
}

impl ExternalSchemas {
    /// Reads `SCHEMA`, or `DATABASE=SCHEMA` of each database.
    ///
    /// # Errors
    /// When several schemas are named without their databases.
    pub(crate) fn parse(named: &[String]) -> Result<Self, CliError> {
        let mut schemas = Self::default();
        for word in named {
            match word.split_once('=') {
                Some((database, schema)) => {
                    let known = (database.to_owned(), schema.to_owned());
                    schemas.by_database.extend([known]);
                }
                None if schemas.of_all.is_none() => schemas.of_all = Some(word.clone()),
                None => {
                    let why = "`--external-schema` names two schemas of all databases; write \
                               DATABASE=SCHEMA,DATABASE=SCHEMA";
                    return Err(why.into());
                }
            }
        }
        Ok(schemas)
    }

    fn require_schema(&self, database: &str, count: usize) -> Result<&str, CliError> {
        let of_all = self.of_all.as_deref().filter(|_| count == 1);
        let named = self.by_database.get(database).map(String::as_str);
        named.or(of_all).ok_or_else(|| {
            format!(
                "`--external-schema` names no schema over Glue's database `{database}`; write \
                 {database}=SCHEMA for it"
            )
            .into()
        })
    }
}

/// The queries of an engine; Redshift names tables by its schemas, Athena by Glue's databases.
///
/// # Errors
/// When no schema is named for a database.
pub(crate) fn plan_queries(
    tables: &[KeptTable],
    chosen: ChosenDays,
    schemas: Option<&ExternalSchemas>,
) -> Result<Vec<CountQuery>, CliError> {
    let databases: BTreeSet<&str> = tables.iter().map(|table| table.database.as_str()).collect();
    let mut queries = Vec::new();
    for table in tables {
        let planned = match schemas {
            None => TableQueries::new(ReaderEngine::Athena, &table.database, table),
            Some(schemas) => {
                let schema = schemas.require_schema(&table.database, databases.len())?;
                TableQueries::new(ReaderEngine::Redshift, schema, table)
            }
        };
        queries.push(planned.count_history(chosen));
        queries.extend(planned.count_newest());
        queries.extend(planned.count_iceberg());
    }
    Ok(queries)
}

/// The queries of one table.
struct TableQueries<'t> {
    engine: ReaderEngine,
    schema: &'t str,
    table: &'t KeptTable,
}

impl<'t> TableQueries<'t> {
    fn new(engine: ReaderEngine, schema: &'t str, table: &'t KeptTable) -> Self {
        Self {
            engine,
            schema,
            table,
        }
    }

    /// The chosen days in `<table>_history`. Of every day there is no filter, so that a day that is
    /// shown and not kept is found.
    fn count_history(&self, chosen: ChosenDays) -> CountQuery {
        let name = format!("{}_history", self.table.name);
        let days = &self.table.days;
        let texts: Vec<String> = days
            .iter()
            .map(|kept| quote_text(&kept.day.to_string()))
            .collect();
        let filter = match chosen {
            ChosenDays::All => String::new(),
            ChosenDays::Newest(_) => format!("WHERE snapshot_date IN ({}) ", texts.join(", ")),
        };

        let sql = format!(
            "SELECT snapshot_date, count(*) AS row_count FROM {} {filter}GROUP BY snapshot_date \
             ORDER BY snapshot_date",
            self.quote_table(&name)
        );
        self.query(&name, CatalogueFormat::Hive, sql, days)
    }

    /// The newest day in `<table>`; none where no day has passed.
    fn count_newest(&self) -> Option<CountQuery> {
        let newest = self.table.newest.as_ref()?;
        let name = &self.table.name;
        let sql = count_of_day(newest, &self.quote_table(name));
        Some(self.query(
            name,
            CatalogueFormat::Hive,
            sql,
            std::slice::from_ref(newest),
        ))
    }

    /// One day in `<table>_iceberg`: of Athena the oldest of the chosen ones by its time, so that
    /// time travel is seen too; of Redshift, which knows no time travel, the newest.
    fn count_iceberg(&self) -> Option<CountQuery> {
        let newest = self.table.newest.as_ref()?;
        let name = format!("{}_iceberg", self.table.name);
        let from = self.quote_table(&name);
        let (day, from) = match self.engine {
            ReaderEngine::Athena => {
                let oldest = self.table.days.iter().find(|kept| kept.passed);
                let day = oldest.unwrap_or(newest);
                // A snapshot's time is the last millisecond of its day.
                let midnight = day.day.next();
                let time = format!("FOR TIMESTAMP AS OF TIMESTAMP '{midnight} 00:00:00 UTC'");
                (day, format!("{from} {time}"))
            }
            ReaderEngine::Redshift => (newest, from),
        };
        let sql = count_of_day(day, &from);
        Some(self.query(
            &name,
            CatalogueFormat::Iceberg,
            sql,
            std::slice::from_ref(day),
        ))
    }

    fn query(
        &self,
        name: &str,
        format: CatalogueFormat,
        sql: String,
        days: &[KeptDay],
    ) -> CountQuery {
        let expected = days.iter().map(|kept| (kept.day.to_string(), kept.rows));
        CountQuery {
            engine: self.engine,
            reads: format!("{}.{name}", self.schema),
            format,
            sql,
            expected: expected.collect(),
        }
    }

    fn quote_table(&self, name: &str) -> String {
        format!("{}.{}", quote_name(self.schema), quote_name(name))
    }
}

/// All rows of what is named, beside the day that they are of.
fn count_of_day(kept: &KeptDay, from: &str) -> String {
    let day = quote_text(&kept.day.to_string());
    format!("SELECT CAST({day} AS varchar(10)) AS snapshot_date, count(*) AS row_count FROM {from}")
}

fn quote_name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn quote_text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use lake::Day;

    use super::*;

    fn kept(date: &str, rows: u64, passed: bool) -> KeptDay {
        KeptDay {
            day: Day::parse(date).unwrap(),
            rows,
            passed,
        }
    }

    fn table(name: &str, database: &str, days: &[KeptDay]) -> KeptTable {
        KeptTable {
            name: name.to_owned(),
            database: database.to_owned(),
            days: days.to_vec(),
            newest: days.iter().rev().find(|kept| kept.passed).cloned(),
        }
    }

    fn people() -> KeptTable {
        let days = [kept("2026-02-28", 2, true), kept("2026-03-01", 3, true)];
        table("person", "polelake_curated_pole", &days)
    }

    fn texts(queries: &[CountQuery]) -> Vec<&str> {
        queries.iter().map(|query| query.sql.as_str()).collect()
    }

    #[test]
    fn athena_is_asked_for_days_for_the_newest_and_for_a_moment() {
        let planned = plan_queries(&[people()], ChosenDays::Newest(2), None).unwrap();
        assert_eq!(
            texts(&planned),
            [
                "SELECT snapshot_date, count(*) AS row_count FROM \
                 \"polelake_curated_pole\".\"person_history\" WHERE snapshot_date IN \
                 ('2026-02-28', '2026-03-01') GROUP BY snapshot_date ORDER BY snapshot_date",
                "SELECT CAST('2026-03-01' AS varchar(10)) AS snapshot_date, count(*) AS row_count \
                 FROM \"polelake_curated_pole\".\"person\"",
                "SELECT CAST('2026-02-28' AS varchar(10)) AS snapshot_date, count(*) AS row_count \
                 FROM \"polelake_curated_pole\".\"person_iceberg\" \
                 FOR TIMESTAMP AS OF TIMESTAMP '2026-03-01 00:00:00 UTC'",
            ]
        );
        let expected: Vec<Vec<u64>> = planned
            .iter()
            .map(|query| query.expected.values().copied().collect())
            .collect();
        assert_eq!(expected, [vec![2, 3], vec![3], vec![2]]);
        assert_eq!(planned[2].reads, "polelake_curated_pole.person_iceberg");
    }

    #[test]
    fn every_day_is_counted_without_a_filter() {
        let planned = plan_queries(&[people()], ChosenDays::All, None).unwrap();
        assert!(!planned[0].sql.contains("WHERE"), "{}", planned[0].sql);
    }

    #[test]
    fn redshift_reads_its_own_schema_and_no_moment() {
        let schemas = ExternalSchemas::parse(&["lake".to_owned()]).unwrap();
        let planned = plan_queries(&[people()], ChosenDays::Newest(2), Some(&schemas)).unwrap();
        assert!(
            texts(&planned)
                .iter()
                .all(|sql| sql.contains("\"lake\".\"person"))
        );
        let iceberg = &planned[2];
        assert!(!iceberg.sql.contains("TIMESTAMP"), "{}", iceberg.sql);
        assert_eq!(iceberg.expected["2026-03-01"], 3);
    }

    #[test]
    fn schemas_are_named_for_every_database() {
        let days = [kept("2026-03-01", 1, true)];
        let tables = [people(), table("visit", "polelake_curated_care", &days)];
        let ask = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            let schemas = ExternalSchemas::parse(&words)?;
            plan_queries(&tables, ChosenDays::All, Some(&schemas))
        };
        let error = ask(&["lake"]).unwrap_err().to_string();
        assert!(error.contains("polelake_curated_pole=SCHEMA"), "{error}");
        let error = ask(&["polelake_curated_pole=lake"])
            .unwrap_err()
            .to_string();
        assert!(error.contains("polelake_curated_care=SCHEMA"), "{error}");
        let error = ask(&["lake", "care"]).unwrap_err().to_string();
        assert!(error.contains("DATABASE=SCHEMA"), "{error}");
        let both = ["polelake_curated_pole=lake", "polelake_curated_care=care"];
        let planned = ask(&both).unwrap();
        assert!(planned[3].sql.contains("\"care\".\"visit_history\""));
    }

    #[test]
    fn a_day_that_is_held_back_must_have_no_row() {
        let held = [kept("2026-02-28", 2, true), kept("2026-03-01", 0, false)];
        let some = table("person", "d", &held);
        let planned = plan_queries(&[some], ChosenDays::Newest(2), None).unwrap();
        assert_eq!(planned[0].expected["2026-03-01"], 0);
        assert_eq!(planned[1].expected["2026-02-28"], 2);

        let none = table("person", "d", &held[1..]);
        let planned = plan_queries(&[none], ChosenDays::Newest(1), None).unwrap();
        assert_eq!(planned.len(), 1, "no other table shows a day");
    }

    #[test]
    fn names_and_texts_are_quoted() {
        let odd = table("per\"son", "d b", &[kept("2026-03-01", 1, true)]);
        let planned = plan_queries(&[odd], ChosenDays::All, None).unwrap();
        assert!(planned[1].sql.ends_with("FROM \"d b\".\"per\"\"son\""));
        assert_eq!(quote_text("it's"), "'it''s'");
    }
}
