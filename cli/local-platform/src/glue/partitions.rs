//! Glue's operations on the partitions of a table.

use serde_json::{Value, json};

use super::CATALOGUE_ID;
use super::file::{GlueTable, STATISTICS, seconds_now};
use super::partition_filter::PartitionFilter;
use super::request::{
    GlueException, GlueRequest, already_exists, invalid_input, not_found, unknown_operation,
};

/// Glue creates and updates no more partitions in one request.
const WRITE_MAX: usize = 100;

/// Glue deletes no more partitions in one request.
const DELETE_MAX: usize = 25;

/// Glue gives no more partitions in one answer.
const READ_MAX: usize = 1000;

/// Glue takes no longer filter.
const EXPRESSION_BYTES_MAX: usize = 2048;

/// Engines read a table's partitions in up to this number of parts at once.
const SEGMENTS_MAX: u64 = 10;

/// Stands between the values of a partition's key: no value holds it.
const SEPARATOR: &str = "\u{1f}";

const OPERATIONS: [&str; 9] = [
    "CreatePartition",
    "BatchCreatePartition",
    "GetPartition",
    "GetPartitions",
    "BatchGetPartition",
    "UpdatePartition",
    "BatchUpdatePartition",
    "DeletePartition",
    "BatchDeletePartition",
];

/// Whose partitions an answer is about.
#[derive(Clone, Copy)]
pub(super) struct PartitionOwner<'o> {
    pub(super) database: &'o str,
    pub(super) table: &'o str,
}

/// The part of a table's partitions that one of several readers asks for.
struct Segment {
    number: u64,
    total: u64,
}

/// Whether an operation is one on the partitions of a table.
pub(super) fn is_operation(operation: &str) -> bool {
    OPERATIONS.contains(&operation)
}

/// Answers an operation on the partitions of `table`.
pub(super) fn answer_operation(
    owner: PartitionOwner<'_>,
    table: &mut GlueTable,
    operation: &str,
    request: GlueRequest<'_>,
) -> Result<Value, GlueException> {
    match operation {
        "CreatePartition" => {
            create_partition(table, request.input_of("PartitionInput")?).map(|()| json!({}))
        }
        "BatchCreatePartition" => create_partitions(table, request),
        "GetPartition" => {
            let partition = find_partition(table, request.required("PartitionValues")?)?;
            Ok(json!({"Partition": owner.describe(partition)}))
        }
        "GetPartitions" => list_partitions(owner, table, request),
        "BatchGetPartition" => get_partitions(owner, table, request),
        "UpdatePartition" => update_partition(table, request).map(|()| json!({})),
        "BatchUpdatePartition" => update_partitions(table, request),
        "DeletePartition" => {
            delete_partition(table, request.required("PartitionValues")?).map(|()| json!({}))
        }
        "BatchDeletePartition" => delete_partitions(table, request),
        _ => Err(unknown_operation(operation)),
    }
}

impl PartitionOwner<'_> {
    /// A partition with every member that AWS gives.
    fn describe(self, partition: &Value) -> Value {
        let mut described = partition.clone();
        if let Some(members) = described.as_object_mut() {
            members.remove(STATISTICS);
        }
        described["DatabaseName"] = json!(self.database);
        described["TableName"] = json!(self.table);
        described["CatalogId"] = json!(CATALOGUE_ID);
        if described["CreationTime"].is_null() {
            described["CreationTime"] = json!(0);
        }
        described
    }
}

/// The partition with these values.
pub(super) fn find_partition<'t>(
    table: &'t mut GlueTable,
    values: &Value,
) -> Result<&'t mut Value, GlueException> {
    table
        .partitions
        .get_mut(&partition_key(values))
        .ok_or_else(|| not_found("Cannot find partition.".to_owned()))
}

/// The values of a partition as the key under which it is kept.
fn partition_key(values: &Value) -> String {
    let values: Vec<&str> = values
        .as_array()
        .into_iter()
        .flatten()
        .map(|value| value.as_str().unwrap_or_default())
        .collect();
    values.join(SEPARATOR)
}

fn create_partition(table: &mut GlueTable, input: &Value) -> Result<(), GlueException> {
    check_partition_values(table, &input["Values"])?;
    let key = partition_key(&input["Values"]);
    if table.partitions.contains_key(&key) {
        return Err(already_exists("Partition already exists.".to_owned()));
    }

    let mut partition = input.clone();
    partition["CreationTime"] = json!(seconds_now());
    table.partitions.insert(key, partition);
    Ok(())
}

fn check_partition_values(table: &GlueTable, values: &Value) -> Result<(), GlueException> {
    let keys = table.input["PartitionKeys"].as_array().map_or(0, Vec::len);
    let given = values.as_array().map_or(0, Vec::len);
    if given == keys {
        Ok(())
    } else {
        Err(invalid_input(format!(
            "The number of partition keys do not match the number of partition values: {given} \
             values for {keys} keys."
        )))
    }
}

fn create_partitions(
    table: &mut GlueTable,
    request: GlueRequest<'_>,
) -> Result<Value, GlueException> {
    let mut errors = Vec::new();
    for input in request.list_of("PartitionInputList", WRITE_MAX)? {
        if let Err(exception) = create_partition(table, input) {
            errors.push(exception.of_entry("PartitionValues", &input["Values"]));
        }
    }
    Ok(json!({"Errors": errors}))
}

/// Replaces what is known of a partition but for its statistics, which are written apart. `entry`
/// names it by the values that it has; its input may give it others.
fn update_partition(table: &mut GlueTable, entry: GlueRequest<'_>) -> Result<(), GlueException> {
    let values = entry.required("PartitionValueList")?;
    let input = entry.input_of("PartitionInput")?;
    check_partition_values(table, &input["Values"])?;
    let (old_key, new_key) = (partition_key(values), partition_key(&input["Values"]));
    if new_key != old_key && table.partitions.contains_key(&new_key) {
        return Err(already_exists("Partition already exists.".to_owned()));
    }

    let partition = find_partition(table, values)?;
    let kept = ["CreationTime", STATISTICS].map(|member| (member, partition[member].take()));
    *partition = input.clone();
    for (member, value) in kept {
        partition[member] = value;
    }
    if let Some(partition) = table.partitions.remove(&old_key) {
        table.partitions.insert(new_key, partition);
    }
    Ok(())
}

fn update_partitions(
    table: &mut GlueTable,
    request: GlueRequest<'_>,
) -> Result<Value, GlueException> {
    let mut errors = Vec::new();
    for entry in request.list_of("Entries", WRITE_MAX)? {
        let values = &entry["PartitionValueList"];
        if let Err(exception) = update_partition(table, GlueRequest(entry)) {
            errors.push(exception.of_entry("PartitionValueList", values));
        }
    }
    Ok(json!({"Errors": errors}))
}

fn delete_partition(table: &mut GlueTable, values: &Value) -> Result<(), GlueException> {
    find_partition(table, values)?;
    table.partitions.remove(&partition_key(values));
    Ok(())
}

fn delete_partitions(
    table: &mut GlueTable,
    request: GlueRequest<'_>,
) -> Result<Value, GlueException> {
    let mut errors = Vec::new();
    for partition in request.list_of("PartitionsToDelete", DELETE_MAX)? {
        let values = &partition["Values"];
        if let Err(exception) = delete_partition(table, values) {
            errors.push(exception.of_entry("PartitionValues", values));
        }
    }
    Ok(json!({"Errors": errors}))
}

fn get_partitions(
    owner: PartitionOwner<'_>,
    table: &GlueTable,
    request: GlueRequest<'_>,
) -> Result<Value, GlueException> {
    let asked = request.list_of("PartitionsToGet", READ_MAX)?.iter();
    let found = asked.filter_map(|asked| {
        let partition = table.partitions.get(&partition_key(&asked["Values"]));
        partition.map(|partition| owner.describe(partition))
    });
    // A key that AWS names as not processed is one to ask for again. One without a partition is
    // in neither list.
    Ok(json!({"Partitions": found.collect::<Vec<_>>(), "UnprocessedKeys": []}))
}

/// The partitions that the request's filter and segment ask for, one page of them.
fn list_partitions(
    owner: PartitionOwner<'_>,
    table: &GlueTable,
    request: GlueRequest<'_>,
) -> Result<Value, GlueException> {
    let keys = &table.input["PartitionKeys"];
    let text = request.text_of("Expression");
    if text.is_some_and(|text| text.len() > EXPRESSION_BYTES_MAX) {
        return Err(invalid_input(format!(
            "Expression has more than {EXPRESSION_BYTES_MAX} characters"
        )));
    }
    let filter = match text {
        Some(text) => Some(PartitionFilter::parse(text, keys).map_err(invalid_input)?),
        None => None,
    };
    let segment = Segment::of(request)?;
    let without_columns = request.0["ExcludeColumnSchema"] == json!(true);

    let page = request.page_of(&table.partitions, READ_MAX, |key, _| {
        let values: Vec<&str> = key.split(SEPARATOR).collect();
        segment.holds(key) && filter.as_ref().is_none_or(|filter| filter.admits(&values))
    })?;
    Ok(page.answer("Partitions", |_, partition| {
        let mut described = owner.describe(partition);
        if without_columns && let Some(schema) = described["StorageDescriptor"].as_object_mut() {
            schema.remove("Columns");
        }
        described
    }))
}

impl Segment {
    fn of(request: GlueRequest<'_>) -> Result<Self, GlueException> {
        let segment = &request.0["Segment"];
        if segment.is_null() {
            return Ok(Self {
                number: 0,
                total: 1,
            });
        }

        let number = segment["SegmentNumber"].as_u64();
        let total = segment["TotalSegments"].as_u64();
        match (number, total) {
            (Some(number), Some(total)) if total <= SEGMENTS_MAX && number < total => {
                Ok(Self { number, total })
            }
            _ => Err(invalid_input(format!(
                "Segment is {segment}; TotalSegments is from 1 to {SEGMENTS_MAX}, and \
                 SegmentNumber is below it"
            ))),
        }
    }

    /// Whether this segment holds the partition; each belongs to one.
    fn holds(&self, key: &str) -> bool {
        u64::from(crc32c::crc32c(key.as_bytes())) % self.total == self.number
    }
}
