//! The catalogue is kept in step with the contracts by the functions themselves.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use store::{GlueCatalogue, conformance};

use crate::endpoints::{glue, glue_at, make_database};
use crate::lake_under_test::{LakeUnderTest, MONDAY, person_event};
use crate::readers::has;

#[tokio::test(flavor = "multi_thread")]
async fn tables_columns_parameters_and_statistics_follow_the_contracts() {
    let lake = LakeUnderTest::start().await;
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
    lake.run_day(MONDAY).await;
    let client = glue(&lake).await;
    let table = client
        .get_table()
        .database_name("polelake_curated_pole")
        .name("person")
        .send()
        .await
        .unwrap();
    let table = table.table.unwrap();
    let parameters = table.parameters.clone().unwrap();
    for (name, value) in [
        ("polelake.owner", "polelake"),
        ("polelake.contract", "pole/person"),
        ("polelake.data_classification", "personal"),
        ("polelake.last_passing_snapshot", MONDAY),
        ("recordCount", "3"),
    ] {
        assert_eq!(parameters[name], value, "{name}");
    }
    let descriptor = table.storage_descriptor.unwrap();
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
    let statistics = client
        .get_column_statistics_for_table()
        .database_name("polelake_curated_pole")
        .table_name("person");
    let statistics = statistics
        .column_names("surname")
        .column_names("date_of_birth")
        .send()
        .await
        .unwrap();
    let of = |name: &str| {
        let found = statistics
            .column_statistics_list()
            .iter()
            .find(|column| column.column_name == name)
            .unwrap();
        found.statistics_data.clone().unwrap()
    };
    let texts = of("surname").string_column_statistics_data.unwrap();
    assert_eq!(
        (
            texts.number_of_distinct_values,
            texts.number_of_nulls,
            texts.maximum_length
        ),
        (2, 0, 8)
    );
    let dates = of("date_of_birth").date_column_statistics_data.unwrap();
    assert_eq!(
        (dates.minimum_value, dates.maximum_value),
        (None, None),
        "nobody's date of birth is shown"
    );
    // Raw and refined objects are found without a partition for each.
    for (database, name, template) in [
        (
            "polelake_raw_housing",
            "housing_person",
            "s3://raw/raw/housing-person/epoch=${in_epoch}/partition=${in_partition}/",
        ),
        (
            "polelake_refined_pole",
            "person",
            "s3://refined/refined/person/date=${in_date}/topic=${in_topic}/epoch=${in_epoch}/partition=${in_partition}/",
        ),
    ] {
        let table = client
            .get_table()
            .database_name(database)
            .name(name)
            .send()
            .await
            .unwrap()
            .table
            .unwrap();
        let parameters = table.parameters.unwrap();
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
    let catalogue =
        || -> Arc<dyn store::TableCatalogue> { Arc::new(GlueCatalogue::new(client.clone())) };
    let table = |owner: String| store::TableSpec {
        database: conformance::CONFORMANCE_DATABASE.into(),
        name: "contended".into(),
        description: "d".into(),
        location: "s3://bucket/contended/".into(),
        columns: Vec::new(),
        partition_keys: Vec::new(),
        parameters: [(format!("owner.{owner}"), owner)].into(),
    };
    catalogue().put_table(&table("first".into())).await.unwrap();
    let mut writers = Vec::new();
    for writer in 0..4 {
        let (catalogue, table) = (catalogue(), table(writer.to_string()));
        writers.push(tokio::spawn(
            async move { catalogue.put_table(&table).await },
        ));
    }
    let mut done = 0;
    for writer in writers {
        done += usize::from(writer.await.unwrap().is_ok());
    }
    let kept = client
        .get_table()
        .database_name(conformance::CONFORMANCE_DATABASE)
        .name("contended")
        .send()
        .await
        .unwrap();
    let kept = kept.table.unwrap().parameters.unwrap();
    let written = (0..4)
        .filter(|writer| kept.contains_key(&format!("owner.{writer}")))
        .count();
    assert_eq!(
        written, done,
        "no update that was acknowledged was lost: {kept:?}"
    );
    assert!(kept.contains_key("owner.first") && done > 0);
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
