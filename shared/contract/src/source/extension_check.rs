//! What must hold between the parts of a source's extension, beyond what its types demand.

use crate::caller::find_push_fault;
use crate::extension::{EnvelopeDefaults, SourceExtension};
use crate::fetch::Fetch;
use crate::file::DeclaredFile;
use crate::locator::{ProblemLocator, problem_at};
use crate::logical_type::logical_type_fault;
use crate::odcs::{ContractDocument, Property, SchemaObject};
use crate::place::DocumentPlace;
use crate::problem::{Problem, nearest_name_hint};

/// Refuses an extension whose parts do not fit each other or the contract around them.
pub(super) fn check_extension(
    file: &DeclaredFile,
    document: &ContractDocument,
    extension: &SourceExtension,
) -> Result<(), Problem> {
    let locator = ProblemLocator { file };

    check_source_name(file, &document.id)?;
    check_topic(extension, &locator)?;
    check_push(extension, &locator)?;
    check_key(extension, &locator)?;
    check_event_types(extension, &locator)?;
    check_record_name(extension, &document.schema, &locator)?;
    refuse_unenforced_rules(file, &document.schema)?;
    check_field_extensions(file, &document.schema)
}

/// The type of each field must be one that is known, and so must its leniency, which fits the type.
fn check_field_extensions(file: &DeclaredFile, schema: &[SchemaObject]) -> Result<(), Problem> {
    for (place, property) in described_fields(schema) {
        let logical = property.logical_type.as_deref();
        let fault = logical.and_then(|logical| logical_type_fault(&property.name, logical));
        if let Some(why) = fault {
            return Err(problem_at(file, &place.name("logicalType"), why));
        }
        if let Some(why) = field_extension_error(property) {
            let place = place.name("customProperties").quoted_in(&why);
            return Err(problem_at(file, &place, why));
        }
    }
    Ok(())
}

/// Every field that a schema describes, at any depth, with its place in the contract.
fn described_fields(schema: &[SchemaObject]) -> Vec<(DocumentPlace, &Property)> {
    let mut fields: Vec<(DocumentPlace, &Property)> = Vec::new();
    for (index, object) in schema.iter().enumerate() {
        let place = DocumentPlace::root().name("schema").item(index);
        add_fields(&object.properties, &place, &mut fields);
    }
    fields
}

fn add_fields<'p>(
    properties: &'p [Property],
    around: &DocumentPlace,
    fields: &mut Vec<(DocumentPlace, &'p Property)>,
) {
    for (index, property) in properties.iter().enumerate() {
        let place = around.clone().name("properties").item(index);
        add_field(property, place, fields);
    }
}

fn add_field<'p>(
    property: &'p Property,
    place: DocumentPlace,
    fields: &mut Vec<(DocumentPlace, &'p Property)>,
) {
    fields.push((place.clone(), property));
    add_fields(&property.properties, &place, fields);
    if let Some(items) = property.items.as_deref() {
        add_field(items, place.name("items"), fields);
    }
}

/// What is wrong with a field's leniency.
fn field_extension_error(property: &Property) -> Option<String> {
    let name = &property.name;
    let extension = match property.polelake_extension() {
        Ok(extension) => extension,
        // The place of the fault is that of the first name which a message quotes.
        Err(why) => return Some(format!("{why}, in `polelake` of `{name}`")),
    };

    let logical_type = property.logical_type.as_deref().unwrap_or_default();
    let is_list = matches!(logical_type, "array" | "vector");
    let is_nested = is_list || matches!(logical_type, "object" | "map");
    let is_item = name.is_empty() && extension.changes_value();
    if is_item {
        let why =
            "`single-item`, `split` and `encoded` belong to a field, not to the items of a list";
        return Some(why.to_owned());
    }
    if extension.is_single_item() && !is_list {
        return Some(format!(
            "`single-item` of `{name}` needs `logicalType: array`"
        ));
    }
    if extension
        .split
        .as_deref()
        .is_some_and(|separator| separator.is_empty() || !is_list)
    {
        return Some(format!(
            "`split` of `{name}` needs `logicalType: array`, and the text between two items"
        ));
    }
    if extension.is_encoded() && !is_nested {
        return Some(format!(
            "`encoded` of `{name}` needs `logicalType: object` or `array`: what the text of JSON says"
        ));
    }
    (is_nested && !extension.accepts.is_empty()).then(|| {
        format!("`accepts` of `{name}` belongs to a text, number, boolean, date or timestamp")
    })
}

/// The longest name of a Kafka topic.
const TOPIC_CHARS_MAX: usize = 249;

/// The longest name of a source, in letters.
const SOURCE_NAME_CHARS_MAX: usize = 100;

/// Whether a text can be a source's name: it is a part of addresses and of secrets' names.
#[must_use]
pub fn is_source_name(text: &str) -> bool {
    (1..=SOURCE_NAME_CHARS_MAX).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn check_source_name(file: &DeclaredFile, name: &str) -> Result<(), Problem> {
    if is_source_name(name) {
        return Ok(());
    }
    let why = format!(
        "the `id` of a source has lower-case letters, digits and hyphens, at most \
         {SOURCE_NAME_CHARS_MAX}"
    );
    Err(problem_at(file, &DocumentPlace::root().name("id"), why))
}

/// Kafka refuses other names, and every push would fail. Names that begin with `_` are those of
/// Kafka's own topics, and of what the raw zone holds beside topics.
fn check_topic(extension: &SourceExtension, locator: &ProblemLocator<'_>) -> Result<(), Problem> {
    let topic = &extension.topic;
    let has_topic_letters = topic
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    let is_topic = (1..=TOPIC_CHARS_MAX).contains(&topic.len())
        && has_topic_letters
        && topic != "."
        && topic != ".."
        && !topic.starts_with('_');
    if is_topic {
        return Ok(());
    }
    let why = format!(
        "`topic` has letters, digits, `.`, `_` and `-`, at most {TOPIC_CHARS_MAX}, is not `.` or \
         `..`, and does not begin with `_`"
    );
    Err(locator.problem_at("topic", why))
}

/// The compiled `fetch`. A fetched state brings its own version, so a second declared version would
/// contradict it.
pub(super) fn compile_fetch(
    extension: &SourceExtension,
    source: &str,
    locator: &ProblemLocator<'_>,
) -> Result<Option<Fetch>, Problem> {
    let Some(document) = &extension.fetch else {
        return Ok(None);
    };
    let fetch = document
        .compile(source, extension.state.as_deref())
        .map_err(|(member, why)| locator.problem_in("fetch", member, why))?;
    if extension.version.is_some() {
        let why = "with `fetch`, the version comes from the state: say `fetch.version: etag` \
            instead of `version`";
        return Err(locator.problem_at("version", why));
    }
    Ok(Some(fetch))
}

fn check_push(extension: &SourceExtension, locator: &ProblemLocator<'_>) -> Result<(), Problem> {
    match find_push_fault(&extension.push) {
        Some((word, why)) => Err(locator.problem_in("push", word, why)),
        None => Ok(()),
    }
}

/// The key decides the Kafka partition, so it also decides which events keep their order.
fn check_key(extension: &SourceExtension, locator: &ProblemLocator<'_>) -> Result<(), Problem> {
    if !extension.key.is_empty() {
        return Ok(());
    }
    let why = "`key` needs at least one path: without a key, events of one record have no order";
    Err(locator.problem_at("key", why))
}

/// Every event needs a declared type: by its path, by a default, or because there is only one.
fn check_event_types(
    extension: &SourceExtension,
    locator: &ProblemLocator<'_>,
) -> Result<(), Problem> {
    let events = &extension.events;
    if events.is_empty() {
        let why = "`events` declares no event type; every event would be quarantined";
        return Err(locator.problem_at("events", why));
    }

    if events.keys().any(|name| name.contains(char::is_control)) {
        let why = "`events` declares an event type whose name holds a control character";
        return Err(locator.problem_at("events", why));
    }

    let envelope = EnvelopeDefaults::for_envelope(extension.envelope);
    let has_type_path = extension.event_type.is_some() || envelope.kind.is_some();
    if !has_type_path && extension.event_type_default.is_none() && events.len() > 1 {
        let why = "`event_type` must say where an event holds its type when there are several";
        return Err(locator.problem_at("events", why));
    }

    match &extension.event_type_default {
        Some(default) if !events.contains_key(default) => {
            let near = nearest_name_hint(default, events.keys().map(String::as_str));
            let why = format!("`events` declares no `{default}`{near}");
            Err(locator.problem_at("event_type_default", why))
        }
        _ => Ok(()),
    }
}

/// `record` must name an object of the contract's schema.
fn check_record_name(
    extension: &SourceExtension,
    schema: &[SchemaObject],
    locator: &ProblemLocator<'_>,
) -> Result<(), Problem> {
    let Some(record) = &extension.record else {
        return Ok(());
    };
    if schema.iter().any(|object| object.name == *record) {
        return Ok(());
    }
    let near = nearest_name_hint(record, schema.iter().map(|object| object.name.as_str()));
    let why = format!("`schema` describes no object `{record}`{near}");
    Err(locator.problem_at("record", why))
}

/// Refuses rules on a source's objects and fields: no function evaluates them there. The message
/// names where the rule belongs.
fn refuse_unenforced_rules(file: &DeclaredFile, schema: &[SchemaObject]) -> Result<(), Problem> {
    let with_rules = schema.iter().position(|object| !object.quality.is_empty());
    if let Some(index) = with_rules {
        let place = DocumentPlace::root()
            .name("schema")
            .item(index)
            .name("quality");
        return Err(unenforced_rule(
            file,
            &place,
            &schema[index].name,
            "quality",
        ));
    }

    for (place, property) in described_fields(schema) {
        if let Some(member) = declared_rule(property) {
            let place = place.name(member);
            return Err(unenforced_rule(file, &place, &property.name, member));
        }
    }
    Ok(())
}

/// The first member of a field that declares a rule.
fn declared_rule(property: &Property) -> Option<&'static str> {
    if !property.quality.is_empty() {
        Some("quality")
    } else if property.logical_type_options.is_some() {
        Some("logicalTypeOptions")
    } else if property.unique {
        Some("unique")
    } else {
        None
    }
}

fn unenforced_rule(
    file: &DeclaredFile,
    place: &DocumentPlace,
    name: &str,
    member: &str,
) -> Problem {
    let message = format!(
        "`{member}` of `{name}` is enforced by nothing on a source; put it on the column of \
         `contracts/pole/` that the mapping fills"
    );
    problem_at(file, place, message)
}
