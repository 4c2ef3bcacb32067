//! DynamoDB's JSON, in which every value says its type: `{"id": {"S": "1"}, "age": {"N": "42"}}`.

use serde_json::{Map, Value};

/// The item of an export's line as plain JSON; none when the line is not one.
#[must_use]
pub fn parse_export_item(line: &Value) -> Option<Value> {
    plain_map(line.get("Item").or_else(|| line.get("item"))?)
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
        let mut item = parse_export_item(&line).unwrap();
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
            assert_eq!(parse_export_item(&line), None, "{line}");
        }
    }
}
