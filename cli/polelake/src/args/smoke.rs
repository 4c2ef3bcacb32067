//! `polelake smoke`.

use clap::Args;

use super::address::parse_outbound_address;
use crate::place::LakeArgs;

/// Where the test runs, and how long it waits.
#[derive(Args, Clone, Debug)]
pub(crate) struct SmokeArgs {
    #[command(flatten)]
    pub(crate) lake: LakeArgs,
    /// The HTTP API of the deployed stack; with --aws it is needed, but for --readers. The
    /// environment's POLELAKE_TOKEN is the bearer token; without one, requests are signed with the
    /// environment's credentials.
    #[arg(long, requires = "aws", value_parser = parse_outbound_address)]
    pub(crate) url: Option<String>,
    /// Wait for the snapshot of the event too. On the local platform the command merges the day at
    /// once; on AWS, invoke snapshot-merge for today meanwhile, or wait for its schedule.
    #[arg(long)]
    pub(crate) snapshot: bool,
    /// Seconds that each hop may take: more than the batching windows of the stack together. With
    /// --readers the seconds of each query, which is cancelled then.
    #[arg(long, default_value_t = 600)]
    pub(crate) wait: u64,
    #[command(flatten)]
    pub(crate) counts: ReaderCountArgs,
    /// Print the outcome as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which rows the engines of an account are asked to count.
#[derive(Args, Clone, Debug)]
pub(crate) struct ReaderCountArgs {
    /// Send no event: have Athena count the rows of each table and day, compare them with the
    /// manifests, and print requests, bytes scanned and dollars. It costs money, and reads no value.
    #[arg(long, conflicts_with_all = ["url", "snapshot"])]
    pub(crate) readers: bool,
    /// Only these tables.
    #[arg(long, requires = "readers", value_delimiter = ',')]
    pub(crate) tables: Vec<String>,
    /// The newest days of each table that are counted.
    #[arg(
        long,
        requires = "readers",
        default_value_t = 2,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub(crate) days: u32,
    /// Count every kept day, and find days that are shown and not kept.
    #[arg(long, requires = "readers", conflicts_with = "days")]
    pub(crate) all_days: bool,
    /// Athena's workgroup; without it STACK-analysts, which Terraform makes, or without STACK
    /// primary.
    #[arg(long, requires = "readers")]
    pub(crate) workgroup: Option<String>,
    /// Where Athena writes the counts, s3://BUCKET/PREFIX/, for a workgroup without such a place.
    #[arg(long, requires = "readers", value_parser = parse_output_location)]
    pub(crate) output_location: Option<String>,
    /// Ask this workgroup of Redshift Serverless too.
    #[arg(
        long,
        requires = "readers",
        requires = "redshift_database",
        requires = "external_schema"
    )]
    pub(crate) redshift_workgroup: Option<String>,
    /// The database of Redshift that has the external schema.
    #[arg(long, requires = "redshift_workgroup")]
    pub(crate) redshift_database: Option<String>,
    /// The external schema over Glue's database of the tables; DATABASE=SCHEMA for each where the
    /// tables are in several.
    #[arg(long, requires = "redshift_workgroup", value_delimiter = ',')]
    pub(crate) external_schema: Vec<String>,
    /// Print the queries, and ask nothing; with --json, what each must count too.
    #[arg(long, requires = "readers")]
    pub(crate) print_sql: bool,
}

/// A place in S3, as Athena takes it.
fn parse_output_location(text: &str) -> Result<String, String> {
    let bucket = text.strip_prefix("s3://").unwrap_or_default();
    if bucket.is_empty() || bucket.starts_with('/') {
        return Err("write s3://BUCKET/PREFIX/".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_of_results_names_a_bucket() {
        assert_eq!(
            parse_output_location("s3://results/smoke/").unwrap(),
            "s3://results/smoke/"
        );
        for wrong in [
            "",
            "results/smoke",
            "s3://",
            "s3:///smoke",
            "https://a.example/",
        ] {
            assert!(parse_output_location(wrong).is_err(), "{wrong}");
        }
    }
}
