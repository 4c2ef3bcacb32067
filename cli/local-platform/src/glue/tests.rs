//! What engines ask a catalogue for, and what they find in its answers.

use serde_json::{Value, json};

use super::LocalGlue;
use super::request::GlueException;

/// A catalogue of one table, with a partition of each given day and number.
struct CatalogueUnderTest {
    glue: LocalGlue,
    _folder: tempfile::TempDir,
}

impl CatalogueUnderTest {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let glue = LocalGlue::open(&folder.path().join("glue.json")).unwrap();
        glue.create_databases(["lake".to_owned()]);
        let under_test = Self {
            glue,
            _folder: folder,
        };
        under_test.create_table("person");
        under_test
    }

    fn create_table(&self, name: &str) {
        let keys = json!([
            {"Name": "day", "Type": "string"}, {"Name": "part", "Type": "int"},
        ]);
        let table = json!({"Name": name, "PartitionKeys": keys, "Parameters": {"owner": "a"}});
        self.ask("CreateTable", json!({"TableInput": table}));
    }

    fn create_partitions(&self, partitions: &[(&str, &str)]) {
        for chunk in partitions.chunks(100) {
            let inputs = chunk.iter().map(|(day, part)| {
                let columns = json!([{"Name": "pole_id", "Type": "string"}]);
                let descriptor = json!({"Location": "s3://lake/x", "Columns": columns});
                json!({"Values": [day, part], "StorageDescriptor": descriptor})
            });
            let inputs: Vec<Value> = inputs.collect();
            let answer = self.ask(
                "BatchCreatePartition",
                json!({"PartitionInputList": inputs}),
            );
            assert_eq!(answer["Errors"], json!([]));
        }
    }

    /// The answer to a request about the table, or about its database.
    fn try_ask(&self, operation: &str, mut input: Value) -> Result<Value, GlueException> {
        input["DatabaseName"] = json!("lake");
        if input["TableName"].is_null() {
            input["TableName"] = json!("person");
        }
        self.glue.answer_request(operation, &input)
    }

    fn ask(&self, operation: &str, input: Value) -> Value {
        self.try_ask(operation, input).unwrap()
    }

    /// The exception by which a request is refused, and its message.
    fn refusal(&self, operation: &str, input: Value) -> (&'static str, String) {
        let GlueException(name, message) = self.try_ask(operation, input).unwrap_err();
        (name, message)
    }

    /// The values of the partitions that pass a filter.
    fn filtered(&self, expression: &str) -> Vec<String> {
        let answer = self.ask("GetPartitions", json!({"Expression": expression}));
        values_of(&answer)
    }
}

/// The values of the partitions in an answer, joined.
fn values_of(answer: &Value) -> Vec<String> {
    let partitions = answer["Partitions"].as_array().unwrap().iter();
    let values = partitions.map(|partition| {
        let values = partition["Values"].as_array().unwrap().iter();
        values
            .map(|value| value.as_str().unwrap())
            .collect::<Vec<_>>()
            .join("/")
    });
    values.collect()
}

/// Every page of a listing, each as long as `size`.
fn pages_of(catalogue: &CatalogueUnderTest, operation: &str, member: &str, size: u64) -> Vec<u64> {
    let mut lengths = Vec::new();
    let mut token = Value::Null;
    loop {
        let request = json!({"MaxResults": size, "NextToken": token});
        let answer = catalogue.ask(operation, request);
        lengths.push(answer[member].as_array().unwrap().len() as u64);
        token = answer["NextToken"].clone();
        if token.is_null() {
            return lengths;
        }
    }
}

#[test]
fn answers_have_the_members_that_aws_always_gives() {
    let catalogue = CatalogueUnderTest::new();
    catalogue.create_partitions(&[("2026-03-01", "0")]);

    let database = &catalogue.ask("GetDatabase", json!({"Name": "LAKE"}))["Database"];
    let table = &catalogue.ask("GetTable", json!({"Name": "Person"}))["Table"];
    let values = json!(["2026-03-01", "0"]);
    let partition = &catalogue.ask("GetPartition", json!({"PartitionValues": values}))["Partition"];

    for (thing, members) in [
        (database, &["Name", "CatalogId", "CreateTime"][..]),
        (
            table,
            &[
                "Name",
                "DatabaseName",
                "CatalogId",
                "CreateTime",
                "UpdateTime",
                "VersionId",
            ],
        ),
        (
            partition,
            &[
                "Values",
                "DatabaseName",
                "TableName",
                "CatalogId",
                "CreationTime",
            ],
        ),
    ] {
        for member in members {
            assert!(!thing[member].is_null(), "{member}: {thing}");
        }
    }
    assert!(partition["CreationTime"].as_i64().unwrap() > 1_700_000_000);
    assert_eq!(partition["TableName"], "person");
}

#[test]
fn listings_come_in_pages_and_the_last_has_no_token() {
    let catalogue = CatalogueUnderTest::new();
    let days: Vec<String> = (1..=25).map(|day| format!("2026-03-{day:02}")).collect();
    let partitions: Vec<(&str, &str)> = days.iter().map(|day| (day.as_str(), "0")).collect();
    catalogue.create_partitions(&partitions);
    for number in 0..4 {
        catalogue.create_table(&format!("other_{number}"));
    }

    assert_eq!(
        pages_of(&catalogue, "GetPartitions", "Partitions", 10),
        [10, 10, 5]
    );
    assert_eq!(
        pages_of(&catalogue, "GetPartitions", "Partitions", 25),
        [25]
    );
    assert_eq!(pages_of(&catalogue, "GetTables", "TableList", 2), [2, 2, 1]);
    assert_eq!(pages_of(&catalogue, "GetDatabases", "DatabaseList", 1), [1]);
    let answer = catalogue.ask("GetTables", json!({"Expression": "other_[0-2]"}));
    assert_eq!(answer["TableList"].as_array().unwrap().len(), 3);

    let (name, why) = catalogue.refusal("GetPartitions", json!({"MaxResults": 1001}));
    assert_eq!(name, "InvalidInputException", "{why}");
}

#[test]
fn each_partition_is_in_one_segment() {
    let catalogue = CatalogueUnderTest::new();
    let days: Vec<String> = (1..=31).map(|day| format!("2026-03-{day:02}")).collect();
    let partitions: Vec<(&str, &str)> = days.iter().map(|day| (day.as_str(), "7")).collect();
    catalogue.create_partitions(&partitions);

    let mut found = Vec::new();
    for number in 0..5 {
        let segment = json!({"SegmentNumber": number, "TotalSegments": 5});
        let answer = catalogue.ask("GetPartitions", json!({"Segment": segment}));
        found.extend(values_of(&answer));
    }
    found.sort();
    let every: Vec<String> = days.iter().map(|day| format!("{day}/7")).collect();
    assert_eq!(found, every);

    let segment = json!({"SegmentNumber": 5, "TotalSegments": 5});
    let (name, _) = catalogue.refusal("GetPartitions", json!({"Segment": segment}));
    assert_eq!(name, "InvalidInputException");
}

#[test]
fn a_filter_admits_what_its_condition_says() {
    let catalogue = CatalogueUnderTest::new();
    catalogue.create_partitions(&[
        ("2026-03-01", "2"),
        ("2026-03-02", "10"),
        ("2026-04-01", "-3"),
        ("it's", "0"),
        ("__HIVE_DEFAULT_PARTITION__", "1"),
    ]);

    for (expression, expected) in [
        ("day = '2026-03-02'", &["2026-03-02/10"][..]),
        ("'2026-03-02' = DAY", &["2026-03-02/10"]),
        ("day = 'it''s'", &["it's/0"]),
        (
            "(day >= '2026-03-02') AND (day < '2026-05')",
            &["2026-03-02/10", "2026-04-01/-3"],
        ),
        ("'2026-04-01' > day", &["2026-03-01/2", "2026-03-02/10"]),
        // As numbers: as texts, 10 would be before 2.
        ("part > 2", &["2026-03-02/10"]),
        (
            "part = -3 OR part = '2'",
            &["2026-03-01/2", "2026-04-01/-3"],
        ),
        (
            "part BETWEEN 0 AND 9 AND day IS NOT NULL",
            &["2026-03-01/2", "it's/0"],
        ),
        (
            "part NOT BETWEEN 0 AND 9",
            &["2026-03-02/10", "2026-04-01/-3"],
        ),
        (
            "day IN ('2026-03-01', '2026-04-01', 'none')",
            &["2026-03-01/2", "2026-04-01/-3"],
        ),
        (
            // A partition too many is no loss: engines look at its value again.
            "day NOT IN ('2026-03-01', '2026-04-01')",
            &["2026-03-02/10", "__HIVE_DEFAULT_PARTITION__/1", "it's/0"],
        ),
        ("day LIKE '2026-0_-01'", &["2026-03-01/2", "2026-04-01/-3"]),
        ("day LIKE '2026-03%' AND NOT part <> 2", &["2026-03-01/2"]),
        ("day = DATE '2026-03-01'", &["2026-03-01/2"]),
        ("day IS NULL", &["__HIVE_DEFAULT_PARTITION__/1"]),
        ("part IS NOT NULL AND day > 'a'", &["it's/0"]),
    ] {
        assert_eq!(catalogue.filtered(expression), expected, "{expression}");
    }
}

#[test]
fn a_filter_that_glue_does_not_know_is_refused_and_never_admits_everything() {
    let catalogue = CatalogueUnderTest::new();
    catalogue.create_partitions(&[("2026-03-01", "2")]);
    for (expression, part) in [
        ("surname = 'x'", "no partition key"),
        ("day = part", "compares no partition key with a value"),
        ("day", "does not filter by"),
        ("day = 2", "no text in single quotes"),
        ("part = 'many'", "no whole number"),
        ("day = 'x' junk", "goes on after its end"),
        ("day = '", "cannot be read"),
        ("length(day) = 3", "compares no partition key with a value"),
        ("day ILIKE 'x'", "does not filter by"),
    ] {
        let (name, why) = catalogue.refusal("GetPartitions", json!({"Expression": expression}));
        assert_eq!(name, "InvalidInputException", "{expression}");
        assert!(why.contains(part), "{expression}: {why}");
    }
    let deep = format!("{}day = 'x'{}", "(".repeat(900), ")".repeat(900));
    let long = vec!["day = 'x'"; 20_000].join(" OR ");
    for expression in [deep, long] {
        let (name, _) = catalogue.refusal("GetPartitions", json!({"Expression": expression}));
        assert_eq!(name, "InvalidInputException");
    }
}

#[test]
fn several_partitions_are_read_at_once_without_those_that_are_not_there() {
    let catalogue = CatalogueUnderTest::new();
    catalogue.create_partitions(&[("2026-03-01", "0"), ("2026-03-02", "0")]);
    let asked = json!([{"Values": ["2026-03-02", "0"]}, {"Values": ["2026-03-09", "0"]}]);
    let answer = catalogue.ask("BatchGetPartition", json!({"PartitionsToGet": asked}));
    assert_eq!(values_of(&answer), ["2026-03-02/0"]);
    assert_eq!(answer["UnprocessedKeys"], json!([]));

    let answer = catalogue.ask("GetPartitions", json!({"ExcludeColumnSchema": true}));
    let descriptor = &answer["Partitions"][0]["StorageDescriptor"];
    assert!(descriptor["Columns"].is_null() && !descriptor["Location"].is_null());
}

#[test]
fn partitions_are_updated_and_deleted_and_errors_are_told_for_each() {
    let catalogue = CatalogueUnderTest::new();
    catalogue.create_partitions(&[("2026-03-01", "0")]);
    let here = json!(["2026-03-01", "0"]);
    let absent = json!(["2026-03-09", "0"]);

    let again = json!({"PartitionInput": {"Values": here}});
    assert_eq!(
        catalogue.refusal("CreatePartition", again).0,
        "AlreadyExistsException"
    );
    let short = json!({"PartitionInput": {"Values": ["2026-03-01"]}});
    assert_eq!(
        catalogue.refusal("CreatePartition", short).0,
        "InvalidInputException"
    );

    let entries = json!([
        {"PartitionValueList": here, "PartitionInput": {"Values": here, "Parameters": {"a": "b"}}},
        {"PartitionValueList": absent, "PartitionInput": {"Values": absent}},
    ]);
    let answer = catalogue.ask("BatchUpdatePartition", json!({"Entries": entries}));
    assert_eq!(answer["Errors"].as_array().unwrap().len(), 1);
    assert_eq!(
        answer["Errors"][0]["ErrorDetail"]["ErrorCode"],
        "EntityNotFoundException"
    );

    let partition = &catalogue.ask("GetPartition", json!({"PartitionValues": here}))["Partition"];
    assert_eq!(partition["Parameters"]["a"], "b");
    assert!(partition["CreationTime"].as_i64().unwrap() > 1_700_000_000);

    // Other values move it, unless another partition has them.
    catalogue.create_partitions(&[("2026-03-05", "0")]);
    let moved = |to: &Value| json!({"PartitionValueList": here, "PartitionInput": {"Values": to}});
    let taken = catalogue.refusal("UpdatePartition", moved(&json!(["2026-03-05", "0"])));
    assert_eq!(taken.0, "AlreadyExistsException");
    catalogue.ask("UpdatePartition", moved(&json!(["2026-03-06", "0"])));
    let gone = catalogue.refusal("GetPartition", json!({"PartitionValues": here}));
    assert_eq!(gone.0, "EntityNotFoundException");
    let here = json!(["2026-03-06", "0"]);

    let both = json!([{"Values": here}, {"Values": absent}]);
    let answer = catalogue.ask("BatchDeletePartition", json!({"PartitionsToDelete": both}));
    assert_eq!(answer["Errors"][0]["PartitionValues"], absent);
    let gone = catalogue.refusal("GetPartition", json!({"PartitionValues": here}));
    assert_eq!(gone.0, "EntityNotFoundException");
}

#[test]
fn a_batch_over_the_services_limit_is_refused() {
    let catalogue = CatalogueUnderTest::new();
    let many: Vec<Value> = (0..26)
        .map(|part| json!({"Values": ["d", part.to_string()]}))
        .collect();
    let (name, why) =
        catalogue.refusal("BatchDeletePartition", json!({"PartitionsToDelete": many}));
    assert_eq!(name, "InvalidInputException");
    assert!(why.contains("less than or equal to 25"), "{why}");
}

#[test]
fn a_partition_has_statistics_of_its_own() {
    let catalogue = CatalogueUnderTest::new();
    catalogue.create_partitions(&[("2026-03-01", "0")]);
    let values = json!(["2026-03-01", "0"]);
    let list = json!([{"ColumnName": "Pole_Id", "StatisticsData": {"Type": "STRING"}}]);
    let update = json!({"PartitionValues": values, "ColumnStatisticsList": list});
    catalogue.ask("UpdateColumnStatisticsForPartition", update);

    let known = || {
        let asked = json!({"PartitionValues": values, "ColumnNames": ["pole_id", "surname"]});
        let answer = catalogue.ask("GetColumnStatisticsForPartition", asked);
        answer["ColumnStatisticsList"].as_array().unwrap().len()
    };
    assert_eq!(known(), 1);
    let partition = catalogue.ask("GetPartition", json!({"PartitionValues": values}));
    assert!(partition["Partition"]["ColumnStatistics"].is_null());

    let update = json!({"PartitionValueList": values, "PartitionInput": {"Values": values}});
    catalogue.ask("UpdatePartition", update);
    assert_eq!(known(), 1);
    let deleted = json!({"PartitionValues": values, "ColumnName": "pole_id"});
    catalogue.ask("DeleteColumnStatisticsForPartition", deleted);
    assert_eq!(known(), 0);
}

#[test]
fn what_the_catalogue_has_not_is_refused_by_name() {
    let catalogue = CatalogueUnderTest::new();
    for (operation, input, exception) in [
        (
            "StartCrawler",
            json!({"Name": "x"}),
            "UnknownOperationException",
        ),
        ("GetTableVersions", json!({}), "UnknownOperationException"),
        (
            "GetTable",
            json!({"Name": "none"}),
            "EntityNotFoundException",
        ),
        (
            "DeleteTable",
            json!({"Name": "none"}),
            "EntityNotFoundException",
        ),
        (
            "GetPartitions",
            json!({"TableName": "none"}),
            "EntityNotFoundException",
        ),
        (
            "GetDatabase",
            json!({"Name": "none"}),
            "EntityNotFoundException",
        ),
        (
            "CreateDatabase",
            json!({"DatabaseInput": {"Name": "lake"}}),
            "AlreadyExistsException",
        ),
        (
            "DeleteDatabase",
            json!({"Name": "lake"}),
            "InvalidInputException",
        ),
        ("GetTable", json!({}), "InvalidInputException"),
        (
            "CreateTable",
            json!({"TableInput": "x"}),
            "InvalidInputException",
        ),
        (
            "UpdateDatabase",
            json!({"Name": "lake", "DatabaseInput": 1}),
            "InvalidInputException",
        ),
        (
            "GetTables",
            json!({"NextToken": "x"}),
            "InvalidInputException",
        ),
    ] {
        let (name, why) = catalogue.refusal(operation, input);
        assert_eq!(name, exception, "{operation}: {why}");
    }
    let why = catalogue.refusal("StartCrawler", json!({})).1;
    assert!(why.starts_with("StartCrawler "), "{why}");
    let functions = catalogue.ask("GetUserDefinedFunctions", json!({"Pattern": "*"}));
    assert_eq!(functions["UserDefinedFunctions"], json!([]));
}

#[test]
fn a_catalogue_without_what_its_databases_are_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("glue.json");
    let table = json!({"input": {"Name": "person"}, "version": 3, "partitions": {}});
    std::fs::write(&file, json!({"lake": {"person": table}}).to_string()).unwrap();

    let ask = |input: &Value| {
        let glue = LocalGlue::open(&file).unwrap();
        glue.answer_request("GetTable", input).unwrap()["Table"]["VersionId"].clone()
    };
    let input = json!({"DatabaseName": "lake", "Name": "person"});
    assert_eq!(ask(&input), "3");
    let update = json!({"DatabaseName": "lake", "TableInput": {"Name": "person"}});
    let glue = LocalGlue::open(&file).unwrap();
    glue.answer_request("UpdateTable", &update).unwrap();
    assert_eq!(ask(&input), "4");
}
