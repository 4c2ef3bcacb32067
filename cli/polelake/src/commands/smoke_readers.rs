//! `polelake smoke --readers`: an account's engines count the rows of each table and day, and the
//! counts are compared with the manifests.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_config::SdkConfig;
use serde_json::{Value, json};

use crate::args::smoke::{ReaderCountArgs, SmokeArgs};
use crate::error::{CliError, DetailedError};
use crate::open_lake::OpenLake;
use crate::reader_counts::{
    AthenaEngine, ChosenDays, CountEngine, CountQuery, EngineSpend, ExternalSchemas, ReaderEngine,
    ReaderOutcome, RedshiftEngine, RefusedQuery, count_rows, plan_queries, read_kept_tables,
};
use crate::work_progress::WorkProgress;

/// Why Redshift is left out.
const REDSHIFT_LEFT_OUT: &str = "Redshift: --redshift-workgroup, --redshift-database and \
                                 --external-schema name one";

pub(crate) async fn run(args: &SmokeArgs, progress: &WorkProgress) -> Result<bool, CliError> {
    let counts = &args.counts;
    if !args.lake.aws && !counts.print_sql {
        let why = "the local platform has no Athena: --aws asks that of an account, --print-sql \
                   prints the queries, and docs/readers.md has engines that read this folder";
        return Err(why.into());
    }
    let lake = OpenLake::open(&args.lake).await?;
    let queries = plan_all_queries(&lake, counts).await?;
    if counts.print_sql {
        print_queries(&queries, args.json)?;
        return Ok(true);
    }

    let (config, stack) = lake.account().ok_or("--aws names an account")?;
    let engines = open_engines(config, stack, counts);
    let wait = Duration::from_secs(args.wait);
    let mut outcome = count_rows(&engines, &queries, wait, progress).await;
    progress.end_stage();
    if counts.redshift_workgroup.is_none() {
        outcome.not_asked.push(REDSHIFT_LEFT_OUT);
    }
    tell_outcome(&outcome, args.json)
}

/// The queries of every engine that is asked.
async fn plan_all_queries(
    lake: &OpenLake,
    counts: &ReaderCountArgs,
) -> Result<Vec<CountQuery>, CliError> {
    let chosen = if counts.all_days {
        ChosenDays::All
    } else {
        ChosenDays::Newest(usize::try_from(counts.days)?)
    };
    let prefix = lake.database_prefix()?;
    let tables = read_kept_tables(&lake.handle, &counts.tables, prefix, chosen).await?;

    let mut queries = plan_queries(&tables, chosen, None)?;
    if counts.redshift_workgroup.is_some() {
        let schemas = ExternalSchemas::parse(&counts.external_schema)?;
        queries.extend(plan_queries(&tables, chosen, Some(&schemas))?);
    }
    Ok(queries)
}

fn open_engines(
    config: &SdkConfig,
    stack: Option<&str>,
    counts: &ReaderCountArgs,
) -> Vec<Box<dyn CountEngine>> {
    let workgroup = counts.workgroup.clone().unwrap_or_else(|| match stack {
        Some(stack) => format!("{stack}-analysts"),
        None => "primary".to_owned(),
    });
    let location = counts.output_location.clone();
    let mut engines: Vec<Box<dyn CountEngine>> =
        vec![Box::new(AthenaEngine::new(config, workgroup, location))];

    if let (Some(workgroup), Some(database)) =
        (&counts.redshift_workgroup, &counts.redshift_database)
    {
        let redshift = RedshiftEngine::new(config, workgroup.clone(), database.clone());
        engines.push(Box::new(redshift));
    }
    engines
}

/// The queries as they would be sent.
fn print_queries(queries: &[CountQuery], as_json: bool) -> Result<(), CliError> {
    if as_json {
        println!("{}", serde_json::to_string_pretty(queries)?);
        return Ok(());
    }
    for query in queries {
        println!("-- {}: {}", query.engine, query.reads);
        println!("{};", query.sql);
    }
    Ok(())
}

/// Prints what was counted, and says whether all of it is right.
fn tell_outcome(outcome: &ReaderOutcome, as_json: bool) -> Result<bool, CliError> {
    let refused = refusal_error(outcome);
    match (as_json, refused) {
        (true, Some(error)) => return Err(error),
        (true, None) => println!("{:#}", json!(outcome)),
        (false, refused) => {
            print_outcome(outcome);
            if let Some(error) = refused {
                return Err(error);
            }
        }
    }
    Ok(outcome.differences.is_empty())
}

/// That not every query was answered; none where each was.
fn refusal_error(outcome: &ReaderOutcome) -> Option<CliError> {
    let first = outcome.refused.first()?;
    let RefusedQuery {
        engine,
        reads,
        cause,
        next,
    } = first;
    let others = outcome.refused.len() as u64 - 1 + outcome.left_out;
    let others = match others {
        0 => String::new(),
        1 => "; one other query has no answer either".to_owned(),
        others => format!("; {others} other queries have no answer either"),
    };
    let text = format!("{engine} did not count `{reads}`: {cause}; {next}{others}");
    let details = match json!(outcome) {
        Value::Object(details) => details,
        _ => serde_json::Map::new(),
    };
    Some(Box::new(DetailedError::new(text, details)))
}

fn print_outcome(outcome: &ReaderOutcome) {
    for refused in &outcome.refused {
        println!(
            "no answer  {} {}: {}; {}",
            refused.engine, refused.reads, refused.cause, refused.next
        );
    }
    for found in &outcome.differences {
        println!(
            "differs    {} {} of {}: the manifest has {} rows, and {} are counted",
            found.engine, found.reads, found.day, found.expected, found.counted
        );
    }
    print_remedy(outcome);

    println!(
        "{:10} {:>8} {:>9} {:>16} {:>10}",
        "engine", "queries", "requests", "bytes scanned", "dollars"
    );
    for spend in &outcome.engines {
        print_spend(spend);
    }
    let price = &outcome.price;
    println!(
        "Athena: {:.2} dollars for a TB scanned, {} MB at least for a query ({}; {}).",
        price.usd_per_tb,
        price.least_bytes / 1_000_000,
        price.date,
        price.source
    );
    if outcome.engines.iter().any(is_redshift) {
        println!("Redshift: its Data API tells neither bytes nor dollars; RPU hours are billed.");
    }
    for left_out in &outcome.not_asked {
        println!("Not asked: {left_out}.");
    }

    let agreeing = outcome.compared.len() - outcome.differences.len();
    let compared = outcome.compared.len();
    println!("{agreeing} of {compared} counts are those of the manifests.");
}

/// What to do about differences.
fn print_remedy(outcome: &ReaderOutcome) {
    let days: BTreeSet<&str> = outcome
        .differences
        .iter()
        .map(|found| found.day.as_str())
        .collect();
    if let Some(first) = days.first() {
        println!(
            "`polelake audit --deep --aws` says whether the files are right; where they are, \
             `polelake rebuild --from {first} --aws` shows the days in Glue again."
        );
    }
}

fn print_spend(spend: &EngineSpend) {
    let bytes = spend
        .bytes_scanned
        .map_or("-".to_owned(), |bytes| bytes.to_string());
    let dollars = spend
        .dollars
        .map_or("-".to_owned(), |dollars| format!("{dollars:.5}"));
    println!(
        "{:10} {:>8} {:>9} {bytes:>16} {dollars:>10}",
        spend.engine.to_string(),
        spend.queries,
        spend.requests
    );
}

fn is_redshift(spend: &EngineSpend) -> bool {
    spend.engine == ReaderEngine::Redshift
}
