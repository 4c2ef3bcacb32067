//! `polelake quality rescan`.

use lake::{SnapshotManifest, manifest_key};
use snapshot_merge::{RescanReport, rescan_snapshot};

use super::audit::parse_optional_date;
use crate::error::CliError;
use crate::open_lake::OpenLake;
use crate::place::LakeArgs;

pub(crate) async fn run(
    lake: &LakeArgs,
    date: &str,
    tables: &[String],
    as_json: bool,
) -> Result<bool, CliError> {
    let date =
        parse_optional_date(Some(date))?.ok_or("a day is missing; write it as 2026-03-02")?;
    let lake = OpenLake::open(lake).await?;
    let zones = &lake.zones;
    if let Some(unknown) = tables
        .iter()
        .find(|name| zones.catalogue.table_contract(name).is_none())
    {
        return Err(format!("there is no table `{unknown}`").into());
    }
    let wanted = |name: &str| tables.is_empty() || tables.iter().any(|table| table == name);
    let mut found = Vec::new();
    for table in zones
        .catalogue
        .tables
        .iter()
        .filter(|table| wanted(&table.name))
    {
        let manifest = zones
            .curated
            .get_if_present(&manifest_key(&table.name, date))
            .await?;
        if let Some(object) = manifest {
            let manifest = SnapshotManifest::from_json(&object.body)?;
            found.push(rescan_snapshot(table, &manifest, &zones.curated).await?);
        }
    }
    if found.is_empty() {
        return Err(format!(
            "no table has a snapshot of {date}; `polelake snapshot ls` lists the days"
        )
        .into());
    }
    if as_json {
        println!("{}", serde_json::to_string_pretty(&found)?);
    } else {
        found.iter().for_each(print_rescan);
    }
    Ok(found.iter().all(|table| table.differences.is_empty()))
}

fn print_rescan(found: &RescanReport) {
    let outcome = match (found.comparable, found.differences.len()) {
        (false, _) => {
            "measured under another contract: there is nothing to compare with".to_owned()
        }
        (true, 0) => "as the merge kept it".to_owned(),
        (true, count) => format!("{count} differences"),
    };
    println!(
        "{:20} {:>10} rows {:>4} groups  {outcome}",
        found.table, found.rows, found.groups
    );
    found
        .differences
        .iter()
        .for_each(|line| println!("  {line}"));
}
