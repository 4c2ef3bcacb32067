//! The links between the records of a mapping.

use std::fmt::Write;

use super::OPEN;
use super::parts::{DraftRecord, SampleRecordPart};

/// The link between the rows of two parts. A person is where it begins.
pub(super) fn draft_link(main: &SampleRecordPart<'_>, part: &SampleRecordPart<'_>) -> DraftRecord {
    let is_person = part.table == "person";
    let (from, to) = if is_person {
        (part, main)
    } else {
        (main, part)
    };
    let kind = link_type(from.table, to.table, from.role);
    let name = match main.name.as_str() {
        "record" => format!("{}_link", part.name),
        other => format!("{other}_{}_link", part.name),
    };
    let asked = match (part.contact, main.table) {
        (Some(_), "person") => String::new(),
        _ => format!(" # {OPEN} what kind of link it is"),
    };
    // A way to reach a person says by its name as what it serves.
    let role = from.role.filter(|_| part.contact.is_none());
    let role = role.unwrap_or(part.name.as_str());
    let (from, to) = (link_end(from), link_end(to));
    let mut text = format!("  - name: {name}\n    table: link\n    kind: set\n");
    part.write_condition(&mut text);
    let _ = write!(
        text,
        r"    link:
      from: {from}
      to: {to}
      type: {{constant: {kind}}}{asked}
      role: {{constant: {role}}}
"
    );
    DraftRecord {
        text,
        paths: vec![part.key.clone()],
    }
}

fn link_end(part: &SampleRecordPart<'_>) -> String {
    let SampleRecordPart {
        table,
        namespace,
        key,
        ..
    } = part;
    format!("{{table: {table}, namespace: {namespace}, key: [{key}]}}")
}

/// The type of the link of a person to a vehicle, as what the person is said to be.
pub(super) fn vehicle_link_type(role: &str) -> Option<&'static str> {
    Some(match role {
        "driver" | "hirer" => "driver_of",
        "passenger" => "passenger_of",
        "owner" | "keeper" | "registered_keeper" => "ownership_of",
        _ => return None,
    })
}

/// The type of the link from one table's row to another's; `role` is as what a person is in the row.
pub(super) fn link_type(from: &str, to: &str, role: Option<&str>) -> &'static str {
    if let ("person", "object_vehicle", Some(known)) = (from, to, role.and_then(vehicle_link_type))
    {
        return known;
    }
    match (from, to) {
        ("person", "location") => "has_address",
        ("person", "object_tenancy") => "holds_tenancy",
        ("object_tenancy", "location") => "is_of_property",
        ("person", "object_contact") => "is_reached_by",
        (from, "location") if from.starts_with("event") => "occurred_at",
        ("person", _) => "is_party_to",
        _ => "is_about",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_a_vehicle_says_as_what() {
        let to_vehicle = |role| link_type("person", "object_vehicle", role);
        assert_eq!(to_vehicle(Some("driver")), "driver_of");
        assert_eq!(to_vehicle(Some("passenger")), "passenger_of");
        assert_eq!(to_vehicle(Some("keeper")), "ownership_of");
        assert_eq!(to_vehicle(Some("tenant")), "is_party_to");
        assert_eq!(to_vehicle(None), "is_party_to");
    }
}
