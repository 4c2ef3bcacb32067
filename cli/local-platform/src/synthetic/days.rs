//! The events of a day: the first day creates the whole council, later days change it. Each day
//! also has the edge cases that have gone wrong in the systems that polelake replaces.

use serde_json::{Value, json};

use super::{SourceEvents, SyntheticCouncil};

/// Homes of a block.
const HOMES_PER_BLOCK: usize = 40;

/// Milliseconds of a day.
const DAY_MILLIS: i64 = 86_400_000;

/// A day of the council.
#[derive(Clone, Copy, Debug)]
pub struct CouncilDay {
    /// The council.
    pub council: SyntheticCouncil,
    /// Counted from 0.
    pub number: usize,
    /// Its first millisecond since 1970.
    pub start_millis: i64,
}

/// The day's events by source, in the order in which they are sent.
#[must_use]
pub fn day_events(day: &CouncilDay) -> Vec<SourceEvents> {
    let mut events = if day.number == 0 {
        first_day_events(day)
    } else {
        later_day_events(day)
    };
    for (batch, edge_cases) in events.iter_mut().zip(edge_case_events(day)) {
        batch.events.extend(edge_cases);
    }
    events.push(SourceEvents {
        source: "immigration-case",
        events: case_events(day),
    });
    events
}

impl CouncilDay {
    /// An instant of the day as the sources write it.
    fn timestamp_at(&self, minute: usize) -> String {
        let millis = self.start_millis + (minute as i64 % 1_440) * 60_000;
        jiff::Timestamp::from_millisecond(millis)
            .map(|timestamp| timestamp.to_string())
            .unwrap_or_default()
    }

    /// The day's date, or that of a day before or after.
    fn date_after(&self, days: i64) -> String {
        let millis = self.start_millis + days * DAY_MILLIS;
        jiff::Timestamp::from_millisecond(millis)
            .map(|timestamp| timestamp.to_string()[..10].to_owned())
            .unwrap_or_default()
    }

    /// An entity event of the housing APIs.
    fn housing_event(&self, kind: &str, number: usize, entity: &str, new: &Value) -> Value {
        json!({
            "id": self.council.stable_id(&format!("event {kind} {}", self.number), number),
            "eventType": kind,
            "sourceDomain": "Town",
            "sourceSystem": "TownAPI",
            "version": "v1",
            "correlationId": self.council.stable_id("correlation", number),
            "dateTime": self.timestamp_at(number),
            "user": {"name": "Sam Specimen", "email": "sam.specimen@example.org"},
            "entityId": entity,
            "eventData": {"oldData": {}, "newData": new},
        })
    }
}

fn encode_event(event: &Value) -> Vec<u8> {
    event.to_string().into_bytes()
}

/// The events of the four housing sources, in the order in which they are sent.
fn housing_batches(events: [Vec<Vec<u8>>; 4]) -> Vec<SourceEvents> {
    let sources = [
        "housing-person",
        "housing-asset",
        "housing-tenure",
        "housing-contact",
    ];
    sources
        .into_iter()
        .zip(events)
        .map(|(source, events)| SourceEvents { source, events })
        .collect()
}

/// The first day: everything is created.
fn first_day_events(day: &CouncilDay) -> Vec<SourceEvents> {
    let council = &day.council;
    let people = (0..council.people).map(|n| {
        let id = council.stable_id("person", n);
        encode_event(&day.housing_event("PersonCreatedEvent", n, &id, &council.person_record(n)))
    });
    let homes = (0..council.home_count()).map(|n| {
        let id = council.stable_id("home", n);
        encode_event(&day.housing_event("AssetCreatedEvent", n, &id, &council.home_record(n)))
    });
    let blocks = (0..=council.home_count() / HOMES_PER_BLOCK).map(|n| block_event(day, n));
    let tenancies = (0..council.tenancy_count()).map(|n| {
        let id = council.stable_id("tenancy", n);
        encode_event(&day.housing_event("TenureCreatedEvent", n, &id, &council.tenancy_record(n)))
    });
    let contacts =
        (0..contact_count(council)).map(|n| contact_event(day, "ContactDetailAddedEvent", n));

    housing_batches([
        people.collect(),
        homes.chain(blocks).collect(),
        tenancies.collect(),
        contacts.collect(),
    ])
}

/// A block of homes.
fn block_event(day: &CouncilDay, number: usize) -> Vec<u8> {
    let id = day.council.stable_id("block", number);
    let block = json!({
        "id": id, "assetId": format!("B{number:05}"), "assetType": "Block", "isActive": true,
    });
    encode_event(&day.housing_event("AssetCreatedEvent", 1_000_000 + number, &id, &block))
}

/// Contact details: six for five people.
fn contact_count(council: &SyntheticCouncil) -> usize {
    council.people * 6 / 5
}

fn contact_event(day: &CouncilDay, kind: &str, number: usize) -> Vec<u8> {
    let (person, contact) = day.council.contact_record(number);
    let mut event = day.housing_event(kind, number, &person, &contact);
    if kind == "ContactDetailDeletedEvent" {
        // Instead of no new data, the source sends an object of defaults.
        let nothing = json!({
            "id": "00000000-0000-0000-0000-000000000000", "value": null, "contactType": 0,
            "description": null
        });
        event["eventData"] = json!({"oldData": contact, "newData": nothing});
    }
    encode_event(&event)
}

/// A later day: about one in ten of everything changes, and events carry only what changed.
fn later_day_events(day: &CouncilDay) -> Vec<SourceEvents> {
    let council = &day.council;
    let people = changed_numbers(day, council.people).map(|n| {
        let id = council.stable_id("person", n);
        let new = json!({
            "preferredFirstName": format!("Day{}", day.number), "versionNumber": day.number
        });
        encode_event(&day.housing_event("PersonUpdatedEvent", n, &id, &new))
    });
    let homes = changed_numbers(day, council.home_count()).map(|n| {
        let id = council.stable_id("home", n);
        let bedrooms = 1 + (n + day.number) % 5;
        let new = json!({"assetCharacteristics": {"numberOfBedrooms": bedrooms, "epcScore": "B"}});
        encode_event(&day.housing_event("AssetUpdatedEvent", n, &id, &new))
    });
    let tenancies = changed_numbers(day, council.tenancy_count()).map(|n| tenancy_event(day, n));
    let contacts = changed_numbers(day, contact_count(council)).map(|n| {
        let kind = match n % 3 {
            0 => "ContactDetailDeletedEvent",
            _ => "ContactDetailEditedEvent",
        };
        contact_event(day, kind, n)
    });

    housing_batches([
        people.collect(),
        homes.collect(),
        tenancies.collect(),
        contacts.collect(),
    ])
}

/// The records that change on a day: every tenth.
fn changed_numbers(day: &CouncilDay, count: usize) -> impl Iterator<Item = usize> + use<> {
    let remainder = day.number % 10;
    (0..count).filter(move |number| number % 10 == remainder)
}

/// A change of a tenancy; which one, follows from its number.
fn tenancy_event(day: &CouncilDay, number: usize) -> Vec<u8> {
    let council = &day.council;
    let (kind, new) = match number % 4 {
        0 => {
            let end = format!("{}T00:00:00Z", day.date_after(30));
            ("TenureUpdatedEvent", json!({"endOfTenureDate": end}))
        }
        1 => {
            let charges = json!({"rent": 101.5, "currentBalance": -12, "serviceCharge": 9.75});
            ("TenureUpdatedEvent", json!({"charges": charges}))
        }
        2 => {
            let mut members = council.household_json(number);
            let id = council.stable_id("person", number % council.people);
            if let Some(list) = members.as_array_mut() {
                list.push(json!({
                    "id": id, "type": "Person", "isResponsible": false,
                    "personTenureType": "Occupant"
                }));
            }
            (
                "PersonAddedToTenureEvent",
                json!({"householdMembers": members}),
            )
        }
        _ => (
            "PersonRemovedFromTenureEvent",
            json!({"householdMembers": []}),
        ),
    };
    let id = council.stable_id("tenancy", number);
    encode_event(&day.housing_event(kind, number, &id, &new))
}

/// Edge cases that other systems have sent, for people, homes, tenancies and contacts.
fn edge_case_events(day: &CouncilDay) -> Vec<Vec<Vec<u8>>> {
    vec![
        edge_case_people(day),
        edge_case_homes(day),
        edge_case_tenancies(day),
        vec![contact_event(day, "ContactDetailMergedEvent", 1)],
    ]
}

/// An event with a person's full record, at a minute of the day.
fn edge_case_person(
    day: &CouncilDay,
    kind: &str,
    number: usize,
    minute: usize,
    first_name: &str,
) -> Value {
    let id = day.council.stable_id("person", number);
    let record = json!({
        "firstName": first_name, "surname": "Late", "personTypes": ["Tenant"],
        "dateOfBirth": "9999-12-31T00:00:00Z"
    });
    let mut event = day.housing_event(kind, number * 10 + minute, &id, &record);
    event["dateTime"] = json!(day.timestamp_at(minute));
    event
}

/// An event with one changed field of a person.
fn person_change(day: &CouncilDay, number: usize, change: &Value) -> Vec<u8> {
    let id = day.council.stable_id("person", number);
    encode_event(&day.housing_event("PersonUpdatedEvent", number, &id, change))
}

fn edge_case_people(day: &CouncilDay) -> Vec<Vec<u8>> {
    let first = 500_000 + day.number * 100;
    let person = |kind: &str, number: usize, minute: usize, name: &str| {
        encode_event(&edge_case_person(day, kind, first + number, minute, name))
    };
    let mut events = vec![
        // The same event twice.
        person("PersonCreatedEvent", 0, 10, "Once"),
        person("PersonCreatedEvent", 0, 10, "Once"),
        // Updated before created.
        person_change(day, first + 1, &json!({"preferredFirstName": "Early"})),
        person("PersonCreatedEvent", 1, 5, "After"),
        // Deleted, then an older change arrives late.
        person("PersonDeletedEvent", 2, 50, "Gone"),
        person("PersonCreatedEvent", 2, 40, "Older"),
        // Deleted, then created again.
        person("PersonDeletedEvent", 3, 10, "Gone"),
        person("PersonCreatedEvent", 3, 20, "Again"),
        // Two changes of the same moment: the later one in the log wins.
        person("PersonCreatedEvent", 4, 30, "First"),
    ];

    let mut second = edge_case_person(day, "PersonCreatedEvent", first + 4, 30, "Second");
    second["eventData"]["newData"]["unknownField"] = json!({"nested": [1, 2, 3]});
    let mut no_time = edge_case_person(day, "PersonCreatedEvent", first + 5, 10, "Timeless");
    no_time["dateTime"] = Value::Null;
    let mut no_key = edge_case_person(day, "PersonCreatedEvent", first + 6, 10, "Keyless");
    no_key["entityId"] = Value::Null;

    events.extend([
        encode_event(&second),
        // Invalid events between valid ones: the relay refuses them.
        b"{\"id\": \"broken".to_vec(),
        encode_event(&no_time),
        encode_event(&no_key),
        // An undeclared event type: quarantined.
        person("PersonVanishedEvent", 7, 10, "Undeclared"),
        // An invalid date: quarantined.
        person_change(day, first + 8, &json!({"dateOfDeath": "2026-02-30"})),
    ]);
    events
}

fn edge_case_homes(day: &CouncilDay) -> Vec<Vec<u8>> {
    let first = 600_000 + day.number * 100;
    let records = [
        // A type of home that no list has, and only one field.
        json!({"assetType": "Treehouse"}),
        // A number that is a word.
        json!({"assetType": "Flat", "assetCharacteristics": {"numberOfBedrooms": "many"}}),
    ];
    (first..)
        .zip(&records)
        .map(|(number, record)| {
            let id = day.council.stable_id("home", number);
            encode_event(&day.housing_event("AssetCreatedEvent", number, &id, record))
        })
        .collect()
}

fn edge_case_tenancies(day: &CouncilDay) -> Vec<Vec<u8>> {
    let first = 700_000 + day.number * 100;
    let created = json!({
        "startOfTenureDate": "2026-03-29T00:00:00+00:00",
        "tenureType": {"code": "XXX", "description": "Unheard of"},
        "endOfTenureDate": "2026-06-30T23:00:00Z",
        "householdMembers": day.council.household_json(1),
        "legacyReferences": null,
        "notices": [
            {"type": "NSP", "servedDate": "2026-01-05T00:00:00Z"},
            {"type": "NSP", "servedDate": "2026-01-06T00:00:00Z"},
        ],
    });
    let changes = [
        ("TenureCreatedEvent", created),
        // A list that is null is empty: the household has no members any more.
        (
            "TenureUpdatedEvent",
            json!({"householdMembers": null, "notices": []}),
        ),
        ("TenureUpdatedEvent", json!({"charges": {"rent": "a lot"}})),
        ("HousingApplicationLinkedEvent", json!({})),
    ];

    // All four are events of the first tenancy.
    let id = day.council.stable_id("tenancy", first);
    (first..)
        .zip(&changes)
        .map(|(number, (kind, new))| encode_event(&day.housing_event(kind, number, &id, new)))
        .collect()
}

/// Cases as CloudEvents: received on one day, decided on the next, appealed or withdrawn on the
/// third.
fn case_events(day: &CouncilDay) -> Vec<Vec<u8>> {
    let mut events = Vec::new();
    for case in 0..day.council.people.div_ceil(25) {
        events.push(received_case(day, case));
        if let Some(received) = day.number.checked_sub(1) {
            events.push(decided_case(day, received, case));
        }
        if let Some(received) = day.number.checked_sub(2).filter(|_| case % 3 == 0) {
            events.extend(appealed_case(day, received, case));
        }
    }
    events.push(case_event(day, "viewed", day.number, 0, 9, &json!({})));
    events.iter().map(encode_event).collect()
}

fn decided_case(day: &CouncilDay, received: usize, case: usize) -> Value {
    let outcome = if case.is_multiple_of(3) {
        "refused"
    } else {
        "granted"
    };
    let decision = json!({"date": day.date_after(0), "outcome": outcome});
    let data = json!({"status": "decided", "decision": decision});
    case_event(day, "decided", received, case, 2, &data)
}

/// Two events within the same second, in the wrong order of their sequence numbers.
fn appealed_case(day: &CouncilDay, received: usize, case: usize) -> [Value; 2] {
    let withdrawn = json!({"status": "withdrawn", "withdrawnDate": day.date_after(0)});
    let reference = format!("APP-{received}-{case:05}");
    let appealed = json!({"status": "appealed", "appeal": {"reference": reference}});
    [
        case_event(day, "withdrawn", received, case, 4, &withdrawn),
        case_event(day, "appealed", received, case, 3, &appealed),
    ]
}

fn received_case(day: &CouncilDay, case: usize) -> Value {
    let mut rng = day.council.seeded_rng("case", day.number * 100_000 + case);
    let person = rng.usize(0..day.council.people);
    let record = day.council.person_record(person);
    let data = json!({
        "caseType": rng.choice(["Family visa", "Work visa", "Settlement", "Asylum"]),
        "status": "received",
        "receivedDate": day.date_after(0),
        "fee": if rng.bool() { json!(1_846) } else { json!(1_846.5) },
        "applicant": {
            "id": format!("P-{person:06}"),
            "givenName": record["firstName"],
            "familyName": record["surname"],
            "dateOfBirth": record["dateOfBirth"].as_str().map(|date| &date[..10]),
            "nationality": rng.choice(["IRL", "GBR", "NGA", "IND", "POL", "BRA"]),
        },
        "documents": [{
            "type": "passport", "number": format!("L{:08}", rng.usize(0..100_000_000)),
            "country": "IRL", "issued": "2020-01-15", "expires": "2030-01-14"
        }],
        "address": {
            "uprn": format!("1999{:08}", rng.usize(0..day.council.home_count())),
            "line1": "12 Placeholder Walk", "town": "Testville", "postcode": "ZZ11ZZ",
            "country": "GBR"
        },
    });
    case_event(day, "received", day.number, case, 1, &data)
}

fn case_event(
    day: &CouncilDay,
    kind: &str,
    received: usize,
    case: usize,
    sequence: u32,
    data: &Value,
) -> Value {
    json!({
        "specversion": "1.0",
        "id": day.council.stable_id(&format!("case event {kind} {received}"), case),
        "source": "/immigration/casework",
        "type": format!("uk.gov.example.case.{kind}"),
        "subject": format!("IMM-{received:03}-{case:06}"),
        "time": day.timestamp_at(case),
        "sequence": sequence.to_string(),
        "datacontenttype": "application/json",
        "data": data,
    })
}
