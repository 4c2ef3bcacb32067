//! Names that the platform gives itself, and contracts cannot: two things under one name would
//! hide each other in the catalogue.

/// The columns by which the catalogue partitions tables.
const PARTITION_COLUMNS: [&str; 6] = [
    "in_date",
    "in_epoch",
    "in_partition",
    "in_topic",
    "shard",
    "snapshot_date",
];

/// What the catalogue adds to a table's name for its days and for its Iceberg form.
const TABLE_SUFFIXES: [&str; 2] = ["_history", "_iceberg"];

/// Why a table cannot have a name; none where it can.
pub(crate) fn reserved_table_fault(name: &str) -> Option<String> {
    let suffix = TABLE_SUFFIXES
        .into_iter()
        .find(|suffix| name.ends_with(suffix))?;
    let base = name.trim_end_matches(suffix);
    Some(format!(
        "the table name `{name}` ends with `{suffix}`, which the catalogue adds to a table's name: \
         a table `{base}` would have it too; choose another name"
    ))
}

/// Why a column cannot have a name; none where it can.
pub(crate) fn reserved_column_fault(name: &str) -> Option<String> {
    PARTITION_COLUMNS.contains(&name).then(|| {
        format!(
            "the column `{name}` has the name of one by which the catalogue partitions tables; \
             choose another name, such as `source_{name}`"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_catalogue_are_refused_with_what_to_do() {
        for name in ["person_history", "person_iceberg"] {
            let why = reserved_table_fault(name).unwrap();
            assert!(
                why.contains("a table `person`") && why.ends_with("another name"),
                "{why}"
            );
        }
        assert_eq!(reserved_table_fault("history"), None);
        let why = reserved_column_fault("shard").unwrap();
        assert!(why.contains("`source_shard`"), "{why}");
        assert_eq!(reserved_column_fault("shards"), None);
    }
}
