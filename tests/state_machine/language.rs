//! As much of Amazon States Language as the machine uses: paths, templates, choices, errors. What
//! it does not know it refuses.

use serde_json::{Map, Value, json};

/// The error of an item of a distributed map, when none may fail.
pub(super) const TOO_MANY_FAILED: &str = "States.ExceedToleratedFailureThreshold";

/// How a state ended that did not succeed: its error, and its cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StateError {
    pub(super) error: String,
    pub(super) cause: String,
}

impl StateError {
    fn document(&self) -> Value {
        json!({"Error": self.error, "Cause": self.cause})
    }
}

/// The JSON pointer of a path to one value.
fn pointer(path: &str) -> String {
    let path = path.strip_prefix('$').unwrap();
    assert!(!path.contains('*'), "{path} is a path to many values");
    path.replace(['.', '['], "/").replace(']', "")
}

pub(super) fn find<'i>(path: &str, input: &'i Value) -> Option<&'i Value> {
    input.pointer(&pointer(path))
}

/// What a path reads: one value that must be there, or with `[*]` those of a list that are there.
pub(super) fn read(path: &str, input: &Value) -> Value {
    if let Some((list, member)) = path.split_once("[*]") {
        let list = read(list, input);
        let items = list.as_array().unwrap().iter();
        let found = items.filter_map(|item| find(&format!("${member}"), item).cloned());
        return Value::Array(found.collect());
    }
    let found = find(path, input);
    found
        .unwrap_or_else(|| panic!("{path} is not in {input}"))
        .clone()
}

/// A template's value: names that end in `.$` are paths, or the one intrinsic that is used.
pub(super) fn fill(template: &Value, input: &Value) -> Value {
    let Value::Object(fields) = template else {
        return template.clone();
    };
    let field = |(name, value): (&String, &Value)| match name.strip_suffix(".$") {
        Some(name) => {
            let text = value.as_str().unwrap();
            let value = match text.strip_prefix("States.JsonMerge(States.StringToJson('") {
                Some(rest) => merge_fields(rest, input),
                None => read(text, input),
            };
            (name.to_owned(), value)
        }
        None => (name.clone(), fill(value, input)),
    };
    Value::Object(fields.iter().map(field).collect::<Map<_, _>>())
}

/// `'{…}'), $.path, false)`: the fields of the text, and those at the path over them.
fn merge_fields(rest: &str, input: &Value) -> Value {
    let (text, rest) = rest.split_once("'), ").unwrap();
    let mut first: Map<String, Value> = serde_json::from_str(text).unwrap();
    let second = read(rest.strip_suffix(", false)").unwrap(), input);
    first.extend(second.as_object().unwrap().clone());
    Value::Object(first)
}

/// The input with a result at a `ResultPath`, as a state has it: none replaces the input, null
/// leaves it.
pub(super) fn place(mut input: Value, at: Option<&Value>, result: Value) -> Value {
    match at {
        None => result,
        Some(Value::Null) => input,
        Some(path) => {
            let path = pointer(path.as_str().unwrap());
            let (parent, name) = path.rsplit_once('/').unwrap();
            let parent = input.pointer_mut(parent).unwrap().as_object_mut().unwrap();
            parent.insert(name.to_owned(), result);
            input
        }
    }
}

/// Where a state goes on after an error, with the error in its input; none without a `Catch`.
pub(super) fn catch<'s>(
    state: &'s Value,
    input: Value,
    error: &StateError,
) -> Result<(&'s str, Value), StateError> {
    let catch = &state["Catch"][0];
    if !catch.is_object() {
        return Err(error.clone());
    }
    assert_eq!(catch["ErrorEquals"], json!(["States.ALL"]));
    let next = catch["Next"].as_str().unwrap();
    let input = place(input, catch.get("ResultPath"), error.document());
    Ok((next, input))
}

/// The state that a choice leads to.
pub(super) fn choose<'s>(state: &'s Value, input: &Value) -> &'s str {
    let mut choices = state["Choices"].as_array().unwrap().iter();
    let next = choices
        .find(|choice| holds(choice, input))
        .map_or(&state["Default"], |choice| &choice["Next"]);
    next.as_str().unwrap()
}

fn holds(rule: &Value, input: &Value) -> bool {
    if let Some(rules) = rule["Or"].as_array() {
        return rules.iter().any(|rule| holds(rule, input));
    }
    let variable = rule["Variable"].as_str().unwrap();
    match &rule["IsPresent"] {
        Value::Bool(present) => find(variable, input).is_some() == *present,
        _ => read(variable, input).is_null() == rule["IsNull"].as_bool().unwrap(),
    }
}

/// How a `Fail` state ends: its cause is a text around a document of the input.
pub(super) fn fail(state: &Value, input: &Value) -> StateError {
    let cause = state["CausePath"].as_str().unwrap();
    let cause = cause.strip_prefix("States.Format('").unwrap();
    let (text, rest) = cause.split_once("', States.JsonToString(").unwrap();
    let document = read(rest.strip_suffix("))").unwrap(), input);
    StateError {
        error: state["Error"].as_str().unwrap().to_owned(),
        cause: text.replace("{}", &document.to_string()),
    }
}

#[test]
fn paths_read_one_value_or_those_that_are_there() {
    let input = json!({"a": {"b": [1, 2]}, "list": [{"failed": 7}, {}, {"failed": 8}], "no": []});
    assert_eq!(read("$.a.b[1]", &input), json!(2));
    assert_eq!(find("$.a.b[2]", &input), None);
    assert_eq!(find("$.a.c.d", &input), None);
    assert_eq!(read("$.list[*].failed", &input), json!([7, 8]));
    assert_eq!(read("$.no[*].failed", &input), json!([]));
    assert_eq!(read("$[*].failed", &input["list"]), json!([7, 8]));
}

#[test]
fn a_template_keeps_what_is_no_path() {
    let template = json!({"all.$": "$", "deep": {"x.$": "$.x", "y": "$.x"}, "none": {}});
    let filled = json!({"all": {"x": 1}, "deep": {"x": 1, "y": "$.x"}, "none": {}});
    assert_eq!(fill(&template, &json!({"x": 1})), filled);

    let merge = "States.JsonMerge(States.StringToJson('{\"step\":\"plan\"}'), $.request, false)";
    let input = json!({"request": {"step": "plan_tables", "date": "2026-03-02"}});
    let filled = fill(&json!({"Payload.$": merge}), &input);
    assert_eq!(filled, json!({"Payload": input["request"]}));
}

#[test]
fn a_result_stands_where_its_path_says() {
    let input = json!({"failed": {"a": 1}});
    let at = |path: Value| place(input.clone(), Some(&path), json!(2));
    assert_eq!(at(json!("$.failed.b")), json!({"failed": {"a": 1, "b": 2}}));
    assert_eq!(at(json!("$.plan")), json!({"failed": {"a": 1}, "plan": 2}));
    assert_eq!(at(Value::Null), input);
    assert_eq!(place(input.clone(), None, json!(2)), json!(2));
}

#[test]
fn an_error_is_caught_or_goes_on() {
    let error = StateError {
        error: "Corrupt".into(),
        cause: "x".into(),
    };
    let state = json!({"Catch": [
        {"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Told"}
    ]});
    let (next, input) = catch(&state, json!({"table": "person"}), &error).unwrap();
    let expected = json!({"table": "person", "error": {"Error": "Corrupt", "Cause": "x"}});
    assert_eq!((next, input), ("Told", expected));
    assert_eq!(catch(&json!({}), json!({}), &error), Err(error));
}

#[test]
fn one_rule_of_several_is_enough() {
    let state = json!({"Choices": [{"Or": [
        {"Variable": "$.failed.plan", "IsPresent": true},
        {"Variable": "$.failed.tables[0]", "IsPresent": true},
    ], "Next": "Incomplete"}], "Default": "Done"});
    assert_eq!(choose(&state, &json!({"failed": {"tables": []}})), "Done");
    assert_eq!(
        choose(&state, &json!({"failed": {"tables": [{}]}})),
        "Incomplete"
    );
    let null = json!({"Choices": [{"Variable": "$.then", "IsNull": false, "Next": "Again"}],
        "Default": "On"});
    assert_eq!(choose(&null, &json!({"then": null})), "On");
    assert_eq!(choose(&null, &json!({"then": {}})), "Again");
}
