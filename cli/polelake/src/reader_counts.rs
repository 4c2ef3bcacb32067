//! What the engines of an account count, beside what the manifests say.
//!
//! The queries count rows and read no value. No account has answered them yet: the same texts run
//! on Trino, which is of the family of Athena's engine, in `tests/real`.

mod athena;
mod count_query;
mod count_run;
mod engine;
mod kept_tables;
mod outcome;
mod price;
mod query_asker;
mod redshift;

pub(crate) use athena::AthenaEngine;
pub(crate) use count_query::{CountQuery, ExternalSchemas, plan_queries};
pub(crate) use count_run::count_rows;
pub(crate) use engine::{CountEngine, ReaderEngine};
pub(crate) use kept_tables::{ChosenDays, read_kept_tables};
pub(crate) use outcome::{EngineSpend, ReaderOutcome, RefusedQuery};
pub(crate) use redshift::RedshiftEngine;
