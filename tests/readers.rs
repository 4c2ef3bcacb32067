//! Other engines read what we write; other tools accept what we declare.
//!
//! Needs Python packages. Where they are missing the test says so and how to install them; CI has
//! them.

use std::process::Command;

use serde_json::Value;

use crate::lake_under_test::{MONDAY, repository_root, visit_files};
use crate::pole_to_snapshot::town_on_monday;

/// Whether Python has the module; a missing one is told, and refused where CI is set.
pub(crate) fn has(module: &str, package: &str) -> bool {
    let found = Command::new("python3")
        .args(["-c", &format!("import {module}")])
        .output();
    let present = found.is_ok_and(|output| output.status.success());
    if !present {
        assert!(std::env::var_os("CI").is_none(), "CI must have {package}");
        eprintln!("SKIPPED: python3 has no {module}; install it with `pip install {package}`");
    }
    present
}

pub(crate) fn python(script: &str, arguments: &[String]) -> Value {
    let output = Command::new("python3")
        .arg("-c")
        .arg(script)
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn duckdb_and_pyarrow_see_the_documented_types_and_the_same_rows() {
    if !has("duckdb", "duckdb") || !has("pyarrow", "pyarrow") {
        return;
    }
    let lake = town_on_monday().await;
    let catalogue =
        host::load_contracts(&repository_root().join("contracts").to_string_lossy()).unwrap();
    let script = "
import sys, json, duckdb, pyarrow.parquet as pq
file = sys.argv[1]
duck = {name: kind for name, kind, *_ in duckdb.sql(f\"describe select * from read_parquet('{file}', hive_partitioning=false)\").fetchall()}
rows = duckdb.sql(f\"select count(*) from read_parquet('{file}')\").fetchall()[0][0]
arrow = pq.ParquetFile(file)
print(json.dumps({'duck': duck, 'rows': rows, 'arrow_rows': arrow.metadata.num_rows, 'arrow': {f.name: str(f.type) for f in arrow.schema_arrow}}))
";
    for table in catalogue
        .tables
        .iter()
        .filter(|table| !catalogue.topics_of_table(&table.name).is_empty())
    {
        let manifest = lake.read_manifest(&table.name, MONDAY);
        let file = lake.object_path("curated", &manifest.shards[0].rows_file.key);
        let seen = python(script, &[file.to_string_lossy().into_owned()]);
        assert_eq!(
            (seen["rows"].as_u64(), seen["arrow_rows"].as_u64()),
            (Some(manifest.rows), Some(manifest.rows))
        );
        for column in &table.columns {
            let (duck, arrow) = match column.kind.glue_type().as_str() {
                "string" => ("VARCHAR".to_owned(), "string".to_owned()),
                "bigint" => ("BIGINT".into(), "int64".into()),
                "double" => ("DOUBLE".into(), "double".into()),
                "boolean" => ("BOOLEAN".into(), "bool".into()),
                "date" => ("DATE".into(), "date32[day]".into()),
                "timestamp" => (
                    "TIMESTAMP WITH TIME ZONE".into(),
                    "timestamp[us, tz=UTC]".into(),
                ),
                decimal => (
                    decimal.to_uppercase(),
                    decimal.replace("decimal(12,2)", "decimal128(12, 2)"),
                ),
            };
            assert_eq!(
                seen["duck"][&column.name], duck,
                "{}.{}",
                table.name, column.name
            );
            assert_eq!(
                seen["arrow"][&column.name], arrow,
                "{}.{}",
                table.name, column.name
            );
        }
    }
}

#[test]
fn the_standards_own_tool_lints_every_contract() {
    if !has("datacontract", "datacontract-cli") {
        return;
    }
    let mut contracts = Vec::new();
    visit_files(&repository_root().join("contracts"), &mut |path| {
        if path.to_string_lossy().ends_with(".odcs.yaml") {
            contracts.push(path.to_string_lossy().into_owned());
        }
    });
    assert!(contracts.len() >= 16);
    let script = "
import sys, json
from datacontract.data_contract import DataContract
print(json.dumps({file: [str(DataContract(data_contract_file=file).lint().result.value)] for file in sys.argv[1:]}))
";
    let verdicts = python(script, &contracts);
    for contract in contracts {
        assert_eq!(verdicts[&contract][0], "passed", "{contract}");
    }
}
