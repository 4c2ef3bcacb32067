//! Which columns of a table hold ids of rows, and so can name a person.

use contract::{ColumnType, TableContract};

/// Ids that a source gives to its own records and events. They are found by source and key, never
/// by the id of a row.
const SOURCE_ID_COLUMNS: [&str; 2] = ["source_record_id", "source_event_id"];

/// The columns whose values can be the id of a person's row: the row's own id, its owner, the ends
/// of a link, the person of a name. They are the texts whose names end in `_id`, without the ids
/// that a source gives to its own records.
///
/// `correlation_id` is one of them. It identifies a request, not a person, but a source may put a
/// person's id there. An erasure must find such a row: a row of which any of these columns equals
/// an erased id is removed.
pub fn id_columns(table: &TableContract) -> impl Iterator<Item = &str> {
    table
        .columns
        .iter()
        .filter(|column| matches!(column.kind, ColumnType::Text))
        .map(|column| column.name.as_str())
        .filter(|name| name.ends_with("_id") && !SOURCE_ID_COLUMNS.contains(name))
}

#[cfg(test)]
mod tests {
    use contract::{Catalogue, DeclaredFile};
    use serde_json::{Value, json};

    use super::*;

    fn property(name: &str, logical: &str, physical: &str, required: bool) -> Value {
        json!({
            "name": name, "logicalType": logical, "physicalType": physical, "required": required,
            "primaryKey": name == "pole_id", "classification": "internal",
            "description": format!("Its {name}"),
        })
    }

    fn table_with_columns(own: &[Value]) -> TableContract {
        let provenance = pole::PROVENANCE.iter().map(|column| {
            let (logical, physical) = match column.kind {
                pole::ProvenanceKind::Text => ("string", "string"),
                pole::ProvenanceKind::Integer => ("integer", "bigint"),
                pole::ProvenanceKind::Timestamp => ("timestamp", "timestamp"),
            };
            property(column.name, logical, physical, column.required)
        });
        let properties: Vec<Value> = provenance.chain(own.iter().cloned()).collect();
        let document = json!({
            "apiVersion": "v3.1.0", "kind": "DataContract", "id": "pole-event", "name": "event",
            "status": "active", "version": "1.0.0", "domain": "pole",
            "schema": [{"name": "event", "description": "Events", "properties": properties}],
            "customProperties": [{"property": "polelake", "value": {"family": "event"}}],
        });
        let file = DeclaredFile::new("pole/event.odcs.yaml", document.to_string());
        Catalogue::compile(&[file]).unwrap().tables.remove(0)
    }

    #[test]
    fn every_text_that_can_hold_the_id_of_a_row_is_searched() {
        let table = table_with_columns(&[
            property("person_id", "string", "string", false),
            property("correlation_id", "string", "string", false),
            property("meter_id", "integer", "bigint", false),
            property("title", "string", "string", false),
        ]);
        let found: Vec<&str> = id_columns(&table).collect();
        assert_eq!(
            found,
            ["pole_id", "owner_id", "person_id", "correlation_id"]
        );
    }
}
