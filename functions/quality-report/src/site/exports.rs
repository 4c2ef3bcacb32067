//! Machine-readable exports: a JSON file for each table, a DCAT catalogue that follows the United
//! Kingdom's metadata model, and a data package.

use contract::{ColumnType, TableContract};
use lake::SnapshotManifest;
use serde_json::{Value, json};

use super::dimension::{DIMENSIONS, critical_rules_met, score_dimensions};
use super::relations::{column_lineage, related_tables, sources_filling};
use super::text::{format_count, is_suppressed_count};
use super::{JSON_TYPE, SiteBuild, SitePage, is_about_people};

/// The catalogue's licence text for data whose contract names no licence.
const NO_LICENCE: &str =
    "Not licensed for release: use is governed by the sources' sharing agreements";

pub(super) fn export_pages(build: &SiteBuild<'_>) -> Vec<SitePage> {
    let tables = &build.catalogue.tables;
    let mut pages: Vec<SitePage> = tables
        .iter()
        .map(|table| {
            json_page(
                lake::table_export_key(&table.name),
                &table_json(build, table),
                JSON_TYPE,
            )
        })
        .collect();
    pages.push(json_page(
        "catalogue.jsonld".into(),
        &dcat_catalogue(build),
        "application/ld+json",
    ));
    pages.push(json_page(
        "datapackage.json".into(),
        &data_package(build),
        JSON_TYPE,
    ));
    pages
}

fn json_page(key: String, value: &Value, content_type: &'static str) -> SitePage {
    SitePage {
        key,
        body: format!("{value:#}\n").into_bytes(),
        content_type,
    }
}

/// A count as JSON. A small count of personal data becomes the text `fewer than 10`.
fn count_as_json(count: u64, personal: bool) -> Value {
    if is_suppressed_count(count, personal) {
        json!(format_count(count, personal))
    } else {
        json!(count)
    }
}

/// The content of a table's page as JSON.
fn table_json(build: &SiteBuild<'_>, table: &TableContract) -> Value {
    let manifest = build.report.tables.get(&table.name);
    let about = &table.about;
    let sources: Vec<&str> = sources_filling(build.catalogue, &table.name)
        .iter()
        .map(|plan| plan.contract.name.as_str())
        .collect();
    let links: Vec<Value> = related_tables(build.catalogue, &table.name)
        .into_iter()
        .map(|(how, other)| json!({"table": other, "how": how}))
        .collect();
    json!({
        "name": table.name,
        "family": table.family.name(),
        "description": table.meaning,
        "purpose": about.purpose,
        "usage": about.usage,
        "limitations": about.limitations,
        "owner": table.owner,
        "contact": about.support_mailbox(),
        "security_classification": about.security,
        "contract_version": table.version,
        "status": about.status,
        "date": manifest.map(|manifest| &manifest.date),
        "rows": manifest.map(|manifest| manifest.rows),
        "current": manifest.map(|manifest| manifest.passed),
        "last_passing_snapshot": build.passing.get(&table.name),
        "glue": {"database": build.query_location.glue_database(table), "table": table.name},
        "quality": manifest.map(|manifest| quality_json(table, manifest)),
        "columns": columns_json(build, table, manifest),
        "sources": sources,
        "links": links,
    })
}

fn quality_json(table: &TableContract, manifest: &SnapshotManifest) -> Value {
    let rules: Vec<_> = manifest
        .rules
        .iter()
        .map(|rule| (Some(table), rule))
        .collect();
    let scores = score_dimensions(&rules);
    let (met, all) = critical_rules_met(manifest.rules.iter());
    let dimension = |index: usize| {
        let score = &scores[index];
        let rules: Vec<Value> = score
            .rules
            .iter()
            .map(|(table, rule)| {
                let people = is_about_people(*table, rule);
                json!({
                    "rule": rule.rule, "description": rule.description, "column": rule.column,
                    "severity": rule.severity,
                    "failed": count_as_json(rule.failed, people),
                    "checked": count_as_json(rule.checked, people), "target": rule.target,
                    "verdict": rule.verdict,
                })
            })
            .collect();
        json!({"dimension": score.name, "state": score.state().label(), "rules": rules})
    };
    json!({
        "critical_rules": all, "critical_rules_met": met,
        "dimensions": (0..DIMENSIONS.len()).map(dimension).collect::<Vec<_>>()
    })
}

fn columns_json(
    build: &SiteBuild<'_>,
    table: &TableContract,
    manifest: Option<&SnapshotManifest>,
) -> Vec<Value> {
    let column = |column: &contract::Column| {
        let profile = manifest.and_then(|manifest| manifest.columns.get(&column.name));
        json!({
            "name": column.name,
            "type": column.kind.glue_type(),
            "description": column.meaning,
            "classification": column.classification,
            "key": column.key,
            "required": column.required,
            "tags": column.tags,
            "list": column.list,
            "filled": profile.map(|profile| count_as_json(profile.filled, column.personal)),
            "distinct": profile
                .and_then(|profile| profile.distinct)
                .map(|count| count_as_json(count, column.personal)),
            "from": column_lineage(&table.name, &column.name, build.catalogue),
        })
    };
    table.columns.iter().map(column).collect()
}

/// The catalogue in DCAT 3, with the fields that the UK Cross-Government Metadata Exchange Model
/// requires.
fn dcat_catalogue(build: &SiteBuild<'_>) -> Value {
    let datasets: Vec<Value> = build
        .catalogue
        .tables
        .iter()
        .map(|table| dcat_dataset(build, table))
        .collect();
    json!({
        "@context": {
            "dcat": "http://www.w3.org/ns/dcat#",
            "dct": "http://purl.org/dc/terms/",
            "foaf": "http://xmlns.com/foaf/0.1/",
            "vcard": "http://www.w3.org/2006/vcard/ns#",
            "xsd": "http://www.w3.org/2001/XMLSchema#",
            "uk": "https://w3id.org/co-cddo/uk-cross-government-metadata-exchange-model/",
        },
        "@id": "urn:polelake:catalogue",
        "@type": "dcat:Catalog",
        "dct:title": "polelake catalogue",
        "dct:description": "POLE tables: people, objects, locations, events and the links between \
            them",
        "dct:publisher": dcat_agent("polelake"),
        "dct:modified": {"@type": "xsd:date", "@value": build.report.date},
        "dcat:dataset": datasets,
    })
}

fn dcat_agent(name: &str) -> Value {
    json!({"@type": "foaf:Agent", "foaf:name": name})
}

fn dcat_dataset(build: &SiteBuild<'_>, table: &TableContract) -> Value {
    let about = &table.about;
    let personal = table.columns.iter().any(|column| column.personal);
    let modified = build
        .report
        .tables
        .get(&table.name)
        .map(|manifest| manifest.date.clone());
    let desk = about
        .support
        .first()
        .map_or(about.owner.as_str(), |support| support.channel.as_str());
    json!({
        "@id": format!("urn:polelake:{}:{}", table.domain, table.name),
        "@type": "dcat:Dataset",
        "dct:title": table.name,
        "dct:description": table.meaning,
        "dct:identifier": format!("{}.{}", build.query_location.glue_database(table), table.name),
        "dct:type": "Dataset",
        "dcat:version": table.version,
        "dct:creator": dcat_agent(&table.owner),
        "dct:publisher": dcat_agent("polelake"),
        "dcat:contactPoint": {
            "@type": "vcard:Kind", "vcard:fn": desk,
            "vcard:hasEmail": about.support_mailbox().map(|mail| format!("mailto:{mail}"))
        },
        "dct:license": about.link_url("licence").unwrap_or(NO_LICENCE),
        "dct:accessRights": if personal { "RESTRICTED" } else { "INTERNAL" },
        "uk:securityClassification": about.security,
        "dct:modified": modified.map(|date| json!({"@type": "xsd:date", "@value": date})),
        "dct:accrualPeriodicity": update_frequency(table),
        "dcat:theme": table.family.name(),
        "dcat:distribution": {
            "@type": "dcat:Distribution",
            "dct:title": format!("Parquet files of {}", table.name),
            "dcat:mediaType": "application/vnd.apache.parquet",
            "dcat:byteSize": build
                .report
                .tables
                .get(&table.name)
                .map(|manifest| manifest.shards.iter().map(lake::ManifestShard::bytes).sum::<u64>()),
        },
    })
}

/// How often a table is updated: as its contract promises, else as the platform does.
fn update_frequency(table: &TableContract) -> String {
    match table.about.service_level_text("frequency").as_deref() {
        None | Some("1 d") => "DAILY".into(),
        Some(other) => other.to_uppercase(),
    }
}

/// A data package of the tables that have a snapshot.
fn data_package(build: &SiteBuild<'_>) -> Value {
    let resource = |table: &TableContract| {
        let manifest = build.report.tables.get(&table.name)?;
        let paths: Vec<String> = manifest
            .shards
            .iter()
            .map(|shard| {
                format!(
                    "s3://{}/{}",
                    build.query_location.bucket, shard.rows_file.key
                )
            })
            .collect();
        (!paths.is_empty()).then(|| {
            json!({
                "name": table.name,
                "description": table.meaning,
                "path": paths,
                "format": "parquet",
                "mediatype": "application/vnd.apache.parquet",
                "profile": "tabular-data-resource",
                "schema": {
                    "fields": table.columns.iter().map(package_field).collect::<Vec<_>>(),
                    "primaryKey": key_columns(table)
                },
            })
        })
    };
    json!({
        "profile": "data-package",
        "name": "polelake",
        "title": "polelake catalogue",
        "version": build.report.date,
        "resources": build.catalogue.tables.iter().filter_map(resource).collect::<Vec<_>>(),
    })
}

fn key_columns(table: &TableContract) -> Vec<&str> {
    table
        .columns
        .iter()
        .filter(|column| column.key)
        .map(|column| column.name.as_str())
        .collect()
}

fn package_field(column: &contract::Column) -> Value {
    let kind = match column.kind {
        ColumnType::Text => "string",
        ColumnType::Integer => "integer",
        ColumnType::Float | ColumnType::Decimal(..) => "number",
        ColumnType::Boolean => "boolean",
        ColumnType::Date => "date",
        ColumnType::Timestamp => "datetime",
    };
    json!({
        "name": column.name, "type": kind, "description": column.meaning,
        "constraints": {"required": column.required}
    })
}
