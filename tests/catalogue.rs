//! The catalogue is kept in step with the contracts by the functions themselves.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_glue::Client;
use aws_sdk_glue::types::{ColumnStatisticsData, Table};
use lake::Day;
use serde_json::json;
use store::{GlueCatalogue, TableCatalogue as _, conformance};

use crate::endpoints::{glue, glue_at, make_database};
use crate::lake_under_test::{LakeUnderTest, MONDAY, person_event};
use crate::readers::has;

#[tokio::test(flavor = "multi_thread")]
async fn tables_columns_parameters_and_statistics_follow_the_contracts() {
    let lake = LakeUnderTest::start().await;
    push_three_people(&lake).await;
    lake.run_day(MONDAY).await;

    let client = glue(&lake).await;
    let person = read_table(&client, "polelake_curated_pole", "person").await;
    assert_contract_parameters(&person);
    assert_column_comment(&person);
    assert_statistics(&client).await;
    assert_projections(&client).await;
}

/// Three people with one date of birth and two surnames.
async fn push_three_people(lake: &LakeUnderTest) {
    let people = ["Sample", "Specimen", "Sample"]
        .iter()
        .enumerate()
        .map(|(place, surname)| {
            let new =
                json!({"surname": surname, "dateOfBirth": "1979-11-02", "personRef": 100 + place});
            person_event("PersonCreatedEvent", &format!("p{place}"), 0, new)
        });
    lake.push_events("housing-person", &people.collect::<Vec<_>>())
        .await;
}

/// A table as Glue shows it.
async fn read_table(client: &Client, database: &str, name: &str) -> Table {
    let request = client.get_table().database_name(database).name(name);
    request.send().await.unwrap().table.unwrap()
}

/// The table's parameters say who owns it, by which contract, and which day passed.
fn assert_contract_parameters(table: &Table) {
    let parameters = table.parameters.as_ref().unwrap();
    for (name, value) in [
        ("polelake.owner", "polelake"),
        ("polelake.contract", "pole/person"),
        ("polelake.data_classification", "personal"),
        ("polelake.last_passing_snapshot", MONDAY),
        ("recordCount", "3"),
    ] {
        assert_eq!(parameters[name], value, "{name}");
    }
}

/// A column has the contract's words and classification.
fn assert_column_comment(table: &Table) {
    let descriptor = table.storage_descriptor.as_ref().unwrap();
    let surname = descriptor
        .columns()
        .iter()
        .find(|column| column.name == "surname")
        .unwrap();
    assert_eq!(surname.comment.as_deref(), Some("Family name"));
    assert_eq!(
        surname.parameters.as_ref().unwrap()["polelake.classification"],
        "personal"
    );
}

/// The statistics of the columns, by name.
async fn read_statistics(client: &Client) -> BTreeMap<String, ColumnStatisticsData> {
    let request = client
        .get_column_statistics_for_table()
        .database_name("polelake_curated_pole")
        .table_name("person")
        .column_names("surname")
        .column_names("date_of_birth");
    let listed = request.send().await.unwrap().column_statistics_list;

    let mut statistics = BTreeMap::new();
    for column in listed.unwrap_or_default() {
        statistics.insert(column.column_name, column.statistics_data.unwrap());
    }
    statistics
}

/// Texts are measured; a personal value is not shown.
async fn assert_statistics(client: &Client) {
    let mut statistics = read_statistics(client).await;
    let surname = statistics.remove("surname").unwrap();
    let texts = surname.string_column_statistics_data.unwrap();
    assert_eq!(
        (
            texts.number_of_distinct_values,
            texts.number_of_nulls,
            texts.maximum_length
        ),
        (2, 0, 8)
    );

    let born = statistics.remove("date_of_birth").unwrap();
    let dates = born.date_column_statistics_data.unwrap();
    assert_eq!(
        (dates.minimum_value, dates.maximum_value),
        (None, None),
        "no person's date of birth is shown"
    );
}

/// Raw and refined objects are found without a partition for each.
async fn assert_projections(client: &Client) {
    for (database, name, template) in [
        (
            "polelake_raw_housing",
            "housing_person",
            "s3://raw/raw/housing-person/epoch=${in_epoch}/partition=${in_partition}/",
        ),
        (
            "polelake_refined_pole",
            "person",
            "s3://refined/refined/person/date=${in_date}/",
        ),
    ] {
        let table = read_table(client, database, name).await;
        let parameters = table.parameters.unwrap();
        // What there is, and nothing else: an engine lists every place that is named.
        let range = |key: &str| parameters[&format!("projection.{key}.range")].as_str();
        if name == "person" {
            // The rows of this source are made from its records: there are no refined ones. Trino
            // refuses a range of one day.
            let (first, last) = range("in_date").split_once(',').unwrap();
            let (first, last) = (Day::parse(first).unwrap(), Day::parse(last).unwrap());
            assert_eq!(first.0 + 1, last.0);
            assert!(last > Day::parse(MONDAY).unwrap());
        } else {
            assert_eq!(range("in_epoch"), "1,1");
            let (first, last) = range("in_partition").split_once(',').unwrap();
            assert!(first.parse::<i32>().unwrap() >= 0 && last.parse::<i32>().unwrap() <= 2);
        }
        assert_eq!(
            (
                parameters["storage.location.template"].as_str(),
                parameters["projection.enabled"].as_str()
            ),
            (template, "true")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_that_another_writer_overtook_is_repeated() {
    let lake = LakeUnderTest::start().await;
    let client = glue(&lake).await;
    make_database(&client).await;
    let first = contended_table("first".into());
    GlueCatalogue::new(client.clone())
        .put_table(&first)
        .await
        .unwrap();

    let done = race_four_writers(&client).await;

    let kept = read_table(&client, conformance::CONFORMANCE_DATABASE, "contended").await;
    let kept = kept.parameters.unwrap();
    let written = (0..4)
        .filter(|writer| kept.contains_key(&format!("owner.{writer}")))
        .count();
    assert_eq!(
        written, done,
        "no update that was acknowledged was lost: {kept:?}"
    );
    assert!(kept.contains_key("owner.first") && done > 0);
}

/// The table that all writers update, with one writer's parameter.
fn contended_table(owner: String) -> store::TableSpec {
    store::TableSpec {
        database: conformance::CONFORMANCE_DATABASE.into(),
        name: "contended".into(),
        description: "d".into(),
        location: "s3://bucket/contended/".into(),
        columns: Vec::new(),
        partition_keys: Vec::new(),
        parameters: [(format!("owner.{owner}"), owner)].into(),
    }
}

/// Four writers update one table at once; gives how many were acknowledged.
async fn race_four_writers(client: &Client) -> usize {
    let mut writers = Vec::new();
    for writer in 0..4 {
        let catalogue = GlueCatalogue::new(client.clone());
        let table = contended_table(writer.to_string());
        writers.push(tokio::spawn(
            async move { catalogue.put_table(&table).await },
        ));
    }

    let mut done = 0;
    for writer in writers {
        done += usize::from(writer.await.unwrap().is_ok());
    }
    done
}

/// moto's server on a port of its own; it ends with the test.
pub(crate) struct Moto {
    process: Child,
    pub(crate) endpoint: String,
}

impl Moto {
    pub(crate) async fn start() -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let endpoint = format!("http://127.0.0.1:{port}");
        let mut command = Command::new("python3");
        command.args([
            "-c",
            "import sys; from moto.server import main; main(sys.argv[1:])",
            "-H",
            "127.0.0.1",
            "-p",
            &port.to_string(),
        ]);
        let process = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let moto = Self { process, endpoint };
        for _ in 0..200 {
            if reqwest::get(format!("{}/moto-api/", moto.endpoint))
                .await
                .is_ok()
            {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        moto
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn motos_glue_keeps_the_promises_on_tables_and_partitions() {
    if !has("moto.server", "'moto[server,glue]'") {
        return;
    }
    let moto = Moto::start().await;
    let client = glue_at(&moto.endpoint).await;
    make_database(&client).await;
    conformance::check_tables(Arc::new(GlueCatalogue::new(client)))
        .await
        .unwrap();
}
