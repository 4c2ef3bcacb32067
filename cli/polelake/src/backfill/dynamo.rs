//! DynamoDB's JSON, in which every value says its type: `{"id": {"S": "1"}, "age": {"N": "42"}}`.

use contract::FileRecord;
use serde_json::{Map, Value};

/// The record of a line of an export, or of a stream; none when the line is not one. A full export
/// has `Item`. An incremental one, and a stream, have `Keys` with `NewImage`, or without it where
/// the item was deleted.
#[must_use]
pub fn parse_export_line(line: &Value) -> Option<Result<FileRecord, String>> {
    let item = line.get("Item").or_else(|| line.get("item"));
    if let Some(item) = item {
        return plain_map(item).map(|item| Ok(FileRecord::from(item)));
    }
    let change = line.get("dynamodb").unwrap_or(line);
    let keys = plain_map(change.get("Keys")?)?;
    let is_change = ["NewImage", "OldImage", "Metadata"]
        .iter()
        .any(|member| change.get(*member).is_some());
    let event_name = line.get("eventName").and_then(Value::as_str);
    if !is_change && event_name.is_none() {
        return None;
    }
    Some(changed_record(change, keys, event_name))
}

/// What a change says of its item.
fn changed_record(
    change: &Value,
    keys: Value,
    event_name: Option<&str>,
) -> Result<FileRecord, String> {
    let changed_micros = write_time(change);
    let image = |member: &str| match change.get(member) {
        None | Some(Value::Null) => Ok(None),
        Some(image) => plain_map(image)
            .map(Some)
            .ok_or_else(|| format!("`{member}` is no item of DynamoDB")),
    };
    if let Some(value) = image("NewImage")? {
        return Ok(FileRecord {
            value,
            is_deletion: false,
            changed_micros,
            row: None,
        });
    }

    if event_name.is_some_and(|name| name != "REMOVE") {
        let why = "the stream has the keys alone: let it write new images (NEW_AND_OLD_IMAGES)";
        return Err(why.to_owned());
    }
    Ok(FileRecord {
        value: image("OldImage")?.unwrap_or(keys),
        is_deletion: true,
        changed_micros,
        row: None,
    })
}

/// When the item was written, in microseconds: an export says it to the microsecond, a stream to
/// the second.
fn write_time(change: &Value) -> Option<i64> {
    let micros = change.pointer("/Metadata/WriteTimestampMicros");
    let written = micros.and_then(|micros| micros.get("N").unwrap_or(micros).as_str());
    let written = written.and_then(|text| text.parse().ok());
    let number = micros.and_then(Value::as_i64);
    let seconds = change
        .get("ApproximateCreationDateTime")
        .and_then(Value::as_i64);
    written
        .or(number)
        .or_else(|| seconds?.checked_mul(1_000_000))
}

/// The plain JSON of a value such as `{"N": "42"}`; none when it is not one of DynamoDB's.
fn plain_value(value: &Value) -> Option<Value> {
    let object = value.as_object().filter(|object| object.len() == 1)?;
    let (kind, value) = object.iter().next()?;
    match kind.as_str() {
        "S" | "B" => value.is_string().then(|| value.clone()),
        "N" => parse_number(value),
        "BOOL" => value.is_boolean().then(|| value.clone()),
        "NULL" => Some(Value::Null),
        "L" => plain_list(value, plain_value),
        "M" => plain_map(value),
        "SS" | "BS" => value.as_array().cloned().map(Value::Array),
        "NS" => plain_list(value, parse_number),
        _ => None,
    }
}

fn plain_list(value: &Value, parse: fn(&Value) -> Option<Value>) -> Option<Value> {
    let items: Option<Vec<Value>> = value.as_array()?.iter().map(parse).collect();
    items.map(Value::Array)
}

fn plain_map(value: &Value) -> Option<Value> {
    let mut plain = Map::new();
    for (name, member) in value.as_object()? {
        plain.insert(name.clone(), plain_value(member)?);
    }
    Some(Value::Object(plain))
}

/// Parses a number, which DynamoDB writes as a text of up to 38 digits. All of them are kept.
fn parse_number(value: &Value) -> Option<Value> {
    contract::exact_number(value.as_str()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_type_becomes_plain() {
        let line = json!({"Item": {
            "id": {"S": "1"}, "n": {"N": "42"}, "f": {"N": "118.4"},
            "big": {"N": "12345678901234567890.5"},
            "yes": {"BOOL": true}, "none": {"NULL": true}, "set": {"SS": ["a", "b"]},
            "numbers": {"NS": ["1", "2.5"]},
            "list": {"L": [{"S": "x"}, {"M": {"y": {"N": "-1"}}}]},
        }});
        let plain = json!({
            "id": "1", "n": 42, "f": 118.4, "big": null, "yes": true, "none": null,
            "set": ["a", "b"], "numbers": [1, 2.5], "list": ["x", {"y": -1}],
        });
        let mut item = parse_export_line(&line).unwrap().unwrap().value;
        let big = contract::render_json(&item["big"].take());
        assert_eq!(big, "12345678901234567890.5");
        assert_eq!(item, plain);
    }

    #[test]
    fn what_is_no_item_is_none() {
        for line in [
            json!({"id": "1"}),
            json!({"Item": {"id": "1"}}),
            json!({"Item": {"id": {"X": 1}}}),
            json!(7),
        ] {
            assert_eq!(parse_export_line(&line), None, "{line}");
        }
    }

    #[test]
    fn an_incremental_export_says_what_was_deleted() {
        let written = json!({"Metadata": {"WriteTimestampMicros": "1680109764000000"},
            "Keys": {"id": {"S": "1"}}});
        let with = |members: Value| {
            let mut line = written.clone();
            let members = members.as_object().unwrap().clone();
            line.as_object_mut().unwrap().extend(members);
            parse_export_line(&line).unwrap().unwrap()
        };
        let image = |text: &str| json!({"id": {"S": "1"}, "name": {"S": text}});

        let created = with(json!({"NewImage": image("a")}));
        assert_eq!(
            (created.is_deletion, &created.value["name"]),
            (false, &json!("a"))
        );
        let changed = with(json!({"NewImage": image("b"), "OldImage": image("a")}));
        assert_eq!(
            (changed.is_deletion, &changed.value["name"]),
            (false, &json!("b"))
        );
        let deleted = with(json!({"OldImage": image("b")}));
        assert_eq!(
            (deleted.is_deletion, &deleted.value["name"]),
            (true, &json!("b"))
        );
        assert_eq!(deleted.changed_micros, Some(1_680_109_764_000_000));
        let gone = with(json!({}));
        assert_eq!((gone.is_deletion, gone.value), (true, json!({"id": "1"})));

        let stream = json!({"eventName": "REMOVE", "dynamodb": {"Keys": {"id": {"S": "1"}}}});
        assert!(parse_export_line(&stream).unwrap().unwrap().is_deletion);
        let keys_only = json!({"eventName": "MODIFY", "dynamodb": {"Keys": {"id": {"S": "1"}}}});
        assert!(parse_export_line(&keys_only).unwrap().is_err());
    }
}
