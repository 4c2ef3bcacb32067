//! Reads JSON so that no number loses a digit, and says what serde's own reader passes over in
//! silence: members of one name, NUL, and numbers that nothing can hold.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;

use memchr::memmem;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

use crate::NESTING_MAX;
use crate::fault::EventFault;
use crate::number::{exact_digits, has_long_number, rewrite_inexact_numbers};
use crate::walked_path::WalkedPath;

/// The rule that a document with NUL breaks.
const NUL_RULE: &str = "event.nul";

/// How JSON writes NUL.
const ESCAPED_NUL: &[u8] = b"\\u0000";

/// Doubles below this one, and from the other on, may have an exponent beyond 22: `serde_json` then
/// rounds more than once.
const SMALL_DOUBLE: f64 = 1e-6;
const LARGE_DOUBLE: f64 = 1e22;

/// A document that could be read.
#[derive(Debug)]
pub(crate) struct JsonDocument {
    pub(crate) value: Value,
    /// Members that their object has more than once, by path. The last one holds.
    pub(crate) duplicates: BTreeMap<String, u64>,
    /// Why the document must make no rows, though it could be read.
    pub(crate) fault: Option<EventFault>,
}

/// Reads a document.
pub(crate) fn parse_document(bytes: &[u8]) -> Result<JsonDocument, EventFault> {
    if depth_exceeds(bytes, NESTING_MAX) {
        let reason = format!("the event is nested deeper than {NESTING_MAX}");
        return Err(EventFault::new("event.nesting", "$", &reason));
    }

    let mut document = parse_exactly(bytes).map_err(|error| syntax_fault(bytes, &error))?;
    if memmem::find(bytes, ESCAPED_NUL).is_some() {
        document.fault = find_written_nul(bytes).or(document.fault);
    }
    Ok(document)
}

/// Reads JSON and keeps every digit of its numbers, for files and APIs whose records become events.
///
/// # Errors
/// Where the text stops to be JSON, or a number has too many digits. The reason never holds a
/// value.
pub fn read_json(bytes: &[u8]) -> Result<Value, EventFault> {
    let document = parse_document(bytes)?;
    match document.fault {
        // An event with NUL in a text is quarantined by its path. A name with NUL may forge an
        // exact number, as which it would be written.
        Some(fault) if fault.rule != NUL_RULE || holds_exact_number(&document.value) => Err(fault),
        _ => Ok(document.value),
    }
}

/// Reads JSON that [`render_json`] wrote: it may be nested one level deeper than an event.
pub(crate) fn read_written_json(bytes: &[u8]) -> Result<Value, EventFault> {
    parse_exactly(bytes)
        .map(|document| document.value)
        .map_err(|error| syntax_fault(bytes, &error))
}

/// Whether any number within the value is one that 64 bits do not hold.
fn holds_exact_number(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(holds_exact_number),
        Value::Object(object) => {
            exact_digits(value).is_some() || object.values().any(holds_exact_number)
        }
        _ => false,
    }
}

/// A value as JSON, with every digit of its numbers.
#[must_use]
pub fn render_json(value: &Value) -> String {
    let mut out = String::new();
    append_json(value, &mut out);
    out
}

/// Appends a value as JSON, with every digit of its numbers.
pub(crate) fn append_json(value: &Value, out: &mut String) {
    match value {
        Value::Object(object) => match exact_digits(value) {
            Some(digits) if !digits.is_empty() => out.push_str(digits),
            _ => append_object(object, out),
        },
        Value::Array(items) => append_list(items, out, append_json),
        scalar => append_scalar(scalar, out),
    }
}

/// Appends a list whose items `append_item` writes.
pub(crate) fn append_list(
    items: &[Value],
    out: &mut String,
    append_item: impl Fn(&Value, &mut String),
) {
    out.push('[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        append_item(item, out);
    }
    out.push(']');
}

/// Appends a member's name with its quotes and its colon.
pub(crate) fn append_name(name: &str, out: &mut String) {
    let is_plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
    if name.bytes().all(is_plain) {
        out.push('"');
        out.push_str(name);
        out.push('"');
    } else {
        append_scalar(&Value::from(name), out);
    }
    out.push(':');
}

fn append_object(object: &Map<String, Value>, out: &mut String) {
    out.push('{');
    for (index, (name, member)) in object.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        append_name(name, out);
        append_json(member, out);
    }
    out.push('}');
}

/// Appends a text, a number, a truth value or null. A `String` takes all that is written to it.
fn append_scalar(scalar: &Value, out: &mut String) {
    let _ = write!(out, "{scalar}");
}

/// Reads the bytes, and again with rewritten numbers where 64 bits do not hold one of them.
fn parse_exactly(bytes: &[u8]) -> Result<JsonDocument, serde_json::Error> {
    if !has_long_number(bytes) {
        let notes = JsonNotes::default();
        match parse_value(bytes, &notes) {
            Ok(value) if !notes.needs_exact_numbers(bytes) => return Ok(notes.document_of(value)),
            _ => {}
        }
    }

    let notes = JsonNotes::default();
    let rewritten = rewrite_inexact_numbers(bytes);
    match rewritten.map(|rewritten| parse_value(&rewritten, &notes)) {
        Some(Ok(value)) => Ok(notes.document_of(value)),
        // The positions in a rewritten text are not those of the event.
        Some(Err(_)) | None => {
            let notes = JsonNotes::default();
            parse_value(bytes, &notes).map(|value| notes.document_of(value))
        }
    }
}

fn parse_value(bytes: &[u8], notes: &JsonNotes) -> Result<Value, serde_json::Error> {
    let root = WalkedPath::root("$");
    let seed = ValueSeed { notes, path: &root };
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = seed.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// What is noted on the way through a document.
#[derive(Default)]
struct JsonNotes {
    duplicates: RefCell<BTreeMap<String, u64>>,
    /// Whether a double may have lost digits.
    has_rounded: Cell<bool>,
    /// Whether a double is zero: `1e-400` is zero for serde.
    has_zero: Cell<bool>,
    /// The path of the first number with too many digits.
    unbounded: RefCell<Option<String>>,
}

impl JsonNotes {
    fn note_double(&self, number: f64) {
        let size = number.abs();
        if size == 0.0 {
            self.has_zero.set(true);
        } else if !(SMALL_DOUBLE..LARGE_DOUBLE).contains(&size) {
            self.has_rounded.set(true);
        }
    }

    fn needs_exact_numbers(&self, bytes: &[u8]) -> bool {
        let may_underflow = self.has_zero.get()
            && (memmem::find(bytes, b"e-").is_some() || memmem::find(bytes, b"E-").is_some());
        self.has_rounded.get() || may_underflow
    }

    fn note_unbounded(&self, path: &WalkedPath<'_>) {
        self.unbounded
            .borrow_mut()
            .get_or_insert_with(|| path.render_path());
    }

    fn document_of(self, value: Value) -> JsonDocument {
        let fault = self.unbounded.into_inner().map(|path| {
            let reason = "a number has more than 400 digits";
            EventFault::new("event.number", &path, reason)
        });
        JsonDocument {
            value,
            duplicates: self.duplicates.into_inner(),
            fault,
        }
    }
}

/// Reads one value at a path.
#[derive(Clone, Copy)]
struct ValueSeed<'p> {
    notes: &'p JsonNotes,
    path: &'p WalkedPath<'p>,
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        self.notes.note_double(value);
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let element = self.path.element();
        let seed = ValueSeed {
            path: &element,
            ..self
        };
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(seed)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let path = self.path.child(&name);
            let seed = ValueSeed {
                path: &path,
                ..self
            };
            let value = members.next_value_seed(seed)?;
            match object.entry(name) {
                Entry::Vacant(entry) => {
                    entry.insert(value);
                }
                Entry::Occupied(mut entry) => {
                    let path = self.path.child(entry.key());
                    path.count_path(&mut self.notes.duplicates.borrow_mut());
                    entry.insert(value);
                }
            }
        }

        let object = Value::Object(object);
        if exact_digits(&object) == Some("") {
            self.notes.note_unbounded(self.path);
        }
        Ok(object)
    }
}

/// Why the bytes are no JSON. Line and column are enough to find the fault; the parser's own text
/// could quote the event.
fn syntax_fault(bytes: &[u8], error: &serde_json::Error) -> EventFault {
    let position = format!("line {}, column {}", error.line(), error.column());
    let reason = if bytes.starts_with(b"\xef\xbb\xbf") {
        "not JSON: it begins with a byte order mark".to_owned()
    } else if let Err(error) = std::str::from_utf8(bytes) {
        format!("not UTF-8: byte {}", error.valid_up_to() + 1)
    } else {
        format!("not JSON: {position}")
    };
    EventFault::new("event.json", "$", &reason)
}

/// The fault of the first text or name that holds NUL, in the document as it was written: the
/// reserved object of an exact number must not hide one that an event forges.
fn find_written_nul(bytes: &[u8]) -> Option<EventFault> {
    match parse_value(bytes, &JsonNotes::default()) {
        Ok(value) => find_nul(&value, &WalkedPath::root("$")).map(|path| nul_fault(&path)),
        // A number beyond all doubles beside a backslash before `u0000`: not worth a closer look.
        Err(_) => Some(nul_fault("$")),
    }
}

/// The path of the first text or name that holds NUL.
fn find_nul(value: &Value, path: &WalkedPath<'_>) -> Option<String> {
    match value {
        Value::String(text) => text.contains('\0').then(|| path.render_path()),
        Value::Array(items) => {
            let element = path.element();
            items.iter().find_map(|item| find_nul(item, &element))
        }
        Value::Object(object) => object.iter().find_map(|(name, member)| {
            let path = path.child(name);
            if name.contains('\0') {
                return Some(path.render_path());
            }
            find_nul(member, &path)
        }),
        _ => None,
    }
}

fn nul_fault(path: &str) -> EventFault {
    let reason = "a text holds NUL (U+0000), which tables and their readers cannot hold";
    EventFault::new(NUL_RULE, path, reason)
}

/// Whether the brackets of a JSON text are nested deeper than `limit`. Stops at the first bracket
/// that is too deep.
#[must_use]
pub fn depth_exceeds(bytes: &[u8], limit: usize) -> bool {
    // Most events have fewer opening brackets than the limit. The compiler counts them with vector
    // instructions, which is cheaper than following the text.
    let opening = bytes
        .iter()
        .filter(|byte| matches!(byte, b'{' | b'['))
        .count();
    if opening <= limit {
        return false;
    }

    let mut depth = 0_usize;
    let mut in_text = false;
    let mut escaped = false;
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                depth += 1;
                if depth > limit {
                    return true;
                }
            }
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests;
