//! Synthetic people, and what events state of them.

use lake::Day;
use pole::IdentityKey;
use serde_json::{Value, json};

use crate::mixed::{mix_bits, mix_uuid};

/// The source of the people, whose records can be patched.
pub(crate) const SOURCE: &str = "housing-person";

/// Of which people there is an event on a day.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum PersonSelection {
    /// All.
    All,
    /// Some, spread evenly.
    Spread,
    /// As many whose ids are next to each other.
    Together,
    /// None.
    Empty,
}

/// The people with an event on a day, of `people`; `patched` in a million where it is some of them.
pub(crate) fn select_people(people: u64, patched: u64, selection: PersonSelection) -> Vec<u64> {
    let identity_key = IdentityKey::for_tests();
    let is_selected = |person: &u64| match selection {
        PersonSelection::All => true,
        PersonSelection::Empty => false,
        PersonSelection::Spread => mix_bits(person ^ 0x1234_5678) % 1_000_000 < patched,
        PersonSelection::Together => {
            let id = identity_key.pole_id(SOURCE, &[&mix_uuid(*person)]);
            // Rows lie in the order of their ids, which are spread evenly.
            let share = ((id.as_u128() >> 96) as u64 * 1_000_000) >> 32;
            share < patched
        }
    };
    (0..people).filter(is_selected).collect()
}

/// Names of a person.
const NAMES: [&str; 8] = [
    "Robin", "Alex", "Sam", "Jamie", "Ada", "Jo", "Kim", "Charlie",
];

/// One of the names, chosen by the person and the field's salt.
fn name_of(person: u64, salt: u64) -> String {
    let bits = mix_bits(person ^ salt << 32);
    format!("{}{}", NAMES[(bits % 8) as usize], bits >> 8 & 0xff)
}

/// The event of a person on a day: a whole state on the first, then a patch of a few fields.
pub(crate) fn person_event(person: u64, date: Day, selection: PersonSelection) -> Value {
    let key = mix_uuid(person);
    let day = u64::from(date.0.unsigned_abs());
    let (kind, new) = match selection {
        PersonSelection::All => ("PersonCreatedEvent", whole_state(person, &key)),
        _ => ("PersonUpdatedEvent", patched_fields(person, day)),
    };
    let second = person % 3_600;
    json!({
        "id": mix_uuid(person ^ day << 40), "eventType": kind, "sourceDomain": "Person",
        "sourceSystem": "PersonAPI", "version": "v1", "correlationId": mix_uuid(person ^ day << 41),
        "dateTime": format!("{date}T08:{:02}:{:02}Z", second / 60, second % 60),
        "user": {"name": "Sam Specimen", "email": "sam.specimen@example.org"},
        "entityId": key, "eventData": {"oldData": null, "newData": new},
    })
}

fn whole_state(person: u64, key: &str) -> Value {
    let mut state = json!({
        "id": key, "title": "Mx", "firstName": name_of(person, 1), "surname": name_of(person, 2),
        "middleName": name_of(person, 3), "placeOfBirth": "Testville",
        "dateOfBirth": format!("19{:02}-0{}-11", person % 100, person % 9 + 1),
        "personRef": person % 3 * person, "personTypes": ["Tenant"], "tenures": tenures(person, 0),
    });
    if person.is_multiple_of(4) {
        state["preferredFirstName"] = json!(name_of(person, 4));
    }
    state
}

/// A patch: a name, what other rows depend on, or the list of tenures.
fn patched_fields(person: u64, day: u64) -> Value {
    match mix_bits(person ^ day << 20) % 3 {
        0 => json!({"surname": name_of(person, day)}),
        1 => json!({"preferredFirstName": name_of(person, day), "personRef": person + 1}),
        _ => json!({"tenures": tenures(person, day)}),
    }
}

fn tenures(person: u64, day: u64) -> Value {
    let count = mix_bits(person ^ 5) % 3;
    (0..count)
        .map(|number| {
            json!({
                "id": mix_uuid(person << 2 | number), "type": "Secure", "isActive": day == 0,
                "assetId": mix_uuid(person ^ number << 50), "startDate": "2020-01-01",
                "assetFullAddress": format!("{} Sample Street", person % 900),
                "uprn": format!("{:012}", 199_900_000_000 + person),
            })
        })
        .collect()
}
