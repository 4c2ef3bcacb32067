//! DynamoDB's JSON, in which every value says its type: `{"id": {"S": "1"}, "age": {"N": "42"}}`.

use serde_json::{Map, Number, Value};

/// The item of an export's line as plain JSON; none when the line is not one.
#[must_use]
pub fn parse_export_item(line: &Value) -> Option<Value> {
    let item = line.get("Item").or_else(|| line.get("item"))?.as_object()?;
    item.iter()
        .map(|(name, value)| Some((name.clone(), plain_value(value)?)))
        .collect::<Option<Map<_, _>>>()
        .map(Value::Object)
}

fn plain_value(value: &Value) -> Option<Value> {
    let (kind, value) = value
        .as_object()
        .filter(|object| object.len() == 1)?
        .iter()
        .next()?;
    let texts = |value: &Value| value.as_array().cloned().map(Value::Array);
    match kind.as_str() {
        "S" | "B" => value.is_string().then(|| value.clone()),
        "N" => parse_number(value),
        "BOOL" => value.is_boolean().then(|| value.clone()),
        "NULL" => Some(Value::Null),
        "L" => value
            .as_array()?
            .iter()
            .map(plain_value)
            .collect::<Option<_>>()
            .map(Value::Array),
        "M" => {
            let members = value
                .as_object()?
                .iter()
                .map(|(name, value)| Some((name.clone(), plain_value(value)?)));
            members.collect::<Option<Map<_, _>>>().map(Value::Object)
        }
        "SS" | "BS" => texts(value),
        "NS" => value
            .as_array()?
            .iter()
            .map(parse_number)
            .collect::<Option<_>>()
            .map(Value::Array),
        _ => None,
    }
}

/// A number is written as text. One that no double holds exactly stays one.
fn parse_number(value: &Value) -> Option<Value> {
    let text = value.as_str()?;
    if let Ok(whole) = text.parse::<i64>() {
        return Some(whole.into());
    }
    let number: f64 = text.parse().ok()?;
    let exact = text
        .trim_start_matches('-')
        .bytes()
        .filter(u8::is_ascii_digit)
        .count()
        <= 15;
    Number::from_f64(number)
        .filter(|_| exact)
        .map_or_else(|| Some(text.into()), |number| Some(number.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_type_becomes_plain() {
        let line = json!({"Item": {
            "id": {"S": "1"}, "n": {"N": "42"}, "f": {"N": "118.4"}, "big": {"N": "12345678901234567890.5"},
            "yes": {"BOOL": true}, "none": {"NULL": true}, "set": {"SS": ["a", "b"]}, "numbers": {"NS": ["1", "2.5"]},
            "list": {"L": [{"S": "x"}, {"M": {"y": {"N": "-1"}}}]},
        }});
        let plain = json!({
            "id": "1", "n": 42, "f": 118.4, "big": "12345678901234567890.5", "yes": true, "none": null,
            "set": ["a", "b"], "numbers": [1, 2.5], "list": ["x", {"y": -1}],
        });
        assert_eq!(parse_export_item(&line), Some(plain));
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
