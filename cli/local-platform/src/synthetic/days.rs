//! The events of a day: the first brings the whole town, the others what changes, each with everything that ever
//! went wrong in the systems that this one replaces.

use serde_json::{Value, json};

use super::{SourceEvents, SyntheticCouncil};

/// Milliseconds of a day.
const DAY_MILLIS: i64 = 86_400_000;

/// A day of the town.
#[derive(Clone, Copy, Debug)]
pub struct CouncilDay {
    /// The town.
    pub council: SyntheticCouncil,
    /// Counted from 0.
    pub number: usize,
    /// Its first millisecond since 1970.
    pub start_millis: i64,
}

/// The day's events by source. What belongs together keeps its order.
#[must_use]
pub fn day_events(day: &CouncilDay) -> Vec<SourceEvents> {
    let mut events = if day.number == 0 {
        first_day_events(day)
    } else {
        later_day_events(day)
    };
    for (batch, awkward) in events.iter_mut().zip(edge_case_events(day)) {
        batch.events.extend(awkward);
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
            .map(|at| at.to_string())
            .unwrap_or_default()
    }

    /// The day's date, or that of a day before or after.
    fn date_after(&self, days: i64) -> String {
        let millis = self.start_millis + days * DAY_MILLIS;
        jiff::Timestamp::from_millisecond(millis)
            .map(|at| at.to_string()[..10].to_owned())
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

fn housing_batches(
    people: Vec<Vec<u8>>,
    homes: Vec<Vec<u8>>,
    tenancies: Vec<Vec<u8>>,
    contacts: Vec<Vec<u8>>,
) -> Vec<SourceEvents> {
    let batch = |source, events| SourceEvents { source, events };
    vec![
        batch("housing-person", people),
        batch("housing-asset", homes),
        batch("housing-tenure", tenancies),
        batch("housing-contact", contacts),
    ]
}

/// The first day: everybody and everything.
fn first_day_events(day: &CouncilDay) -> Vec<SourceEvents> {
    let town = &day.council;
    let people = (0..town.people).map(|n| {
        encode_event(&day.housing_event(
            "PersonCreatedEvent",
            n,
            &town.stable_id("person", n),
            &town.person_record(n),
        ))
    });
    let homes = (0..town.home_count()).map(|n| {
        encode_event(&day.housing_event(
            "AssetCreatedEvent",
            n,
            &town.stable_id("home", n),
            &town.home_record(n),
        ))
    });
    let blocks = (0..=town.home_count() / 40).map(|n| {
        let block = json!({"id": town.stable_id("block", n), "assetId": format!("B{n:05}"), "assetType": "Block", "isActive": true});
        encode_event(&day.housing_event("AssetCreatedEvent", 1_000_000 + n, &town.stable_id("block", n), &block))
    });
    let tenancies = (0..town.tenancy_count()).map(|n| {
        encode_event(&day.housing_event(
            "TenureCreatedEvent",
            n,
            &town.stable_id("tenancy", n),
            &town.tenancy_record(n),
        ))
    });
    let contacts =
        (0..town.people * 6 / 5).map(|n| contact_event(day, "ContactDetailAddedEvent", n));
    housing_batches(
        people.collect(),
        homes.chain(blocks).collect(),
        tenancies.collect(),
        contacts.collect(),
    )
}

fn contact_event(day: &CouncilDay, kind: &str, number: usize) -> Vec<u8> {
    let (person, contact) = day.council.contact_record(number);
    let mut event = day.housing_event(kind, number, &person, &contact);
    if kind == "ContactDetailDeletedEvent" {
        // The absent side is an object of defaults.
        let nothing = json!({"id": "00000000-0000-0000-0000-000000000000", "value": null, "contactType": 0, "description": null});
        event["eventData"] = json!({"oldData": contact, "newData": nothing});
    }
    encode_event(&event)
}

/// A later day: about one in ten of everything changes, and events carry only what changed.
fn later_day_events(day: &CouncilDay) -> Vec<SourceEvents> {
    let town = &day.council;
    let share = |count: usize| (0..count).filter(move |n| n % 10 == day.number % 10);
    let people = share(town.people).map(|n| {
        let new = json!({"preferredFirstName": format!("Day{}", day.number), "versionNumber": day.number});
        encode_event(&day.housing_event("PersonUpdatedEvent", n, &town.stable_id("person", n), &new))
    });
    let homes = share(town.home_count()).map(|n| {
        let new =
            json!({"assetCharacteristics": {"numberOfBedrooms": 1 + (n + day.number) % 5, "epcScore": "B"}});
        encode_event(&day.housing_event("AssetUpdatedEvent", n, &town.stable_id("home", n), &new))
    });
    let tenancies = share(town.tenancy_count()).map(|n| tenancy_event(day, n));
    let contacts = share(town.people * 6 / 5).map(|n| {
        let kind = if n % 3 == 0 {
            "ContactDetailDeletedEvent"
        } else {
            "ContactDetailEditedEvent"
        };
        contact_event(day, kind, n)
    });
    housing_batches(
        people.collect(),
        homes.collect(),
        tenancies.collect(),
        contacts.collect(),
    )
}

fn tenancy_event(day: &CouncilDay, number: usize) -> Vec<u8> {
    let (town, id) = (&day.council, day.council.stable_id("tenancy", number));
    let event = match number % 4 {
        0 => day.housing_event(
            "TenureUpdatedEvent",
            number,
            &id,
            &json!({"endOfTenureDate": format!("{}T00:00:00Z", day.date_after(30))}),
        ),
        1 => day.housing_event(
            "TenureUpdatedEvent",
            number,
            &id,
            &json!({"charges": {"rent": 101.5, "currentBalance": -12, "serviceCharge": 9.75}}),
        ),
        2 => {
            let mut members = town.household_json(number);
            if let Some(list) = members.as_array_mut() {
                list.push(json!({"id": town.stable_id("person", number % town.people), "type": "Person", "isResponsible": false, "personTenureType": "Occupant"}));
            }
            day.housing_event(
                "PersonAddedToTenureEvent",
                number,
                &id,
                &json!({"householdMembers": members}),
            )
        }
        _ => day.housing_event(
            "PersonRemovedFromTenureEvent",
            number,
            &id,
            &json!({"householdMembers": []}),
        ),
    };
    encode_event(&event)
}

/// What went wrong elsewhere, for people, homes, tenancies and contacts.
fn edge_case_events(day: &CouncilDay) -> Vec<Vec<Vec<u8>>> {
    vec![
        edge_case_people(day),
        edge_case_homes(day),
        edge_case_tenancies(day),
        vec![contact_event(day, "ContactDetailMergedEvent", 1)],
    ]
}

fn edge_case_people(day: &CouncilDay) -> Vec<Vec<u8>> {
    let (town, n) = (&day.council, 500_000 + day.number * 100);
    let id = |n: usize| town.stable_id("person", n);
    let named = |name: &str| json!({"firstName": name, "surname": "Late", "personTypes": ["Tenant"], "dateOfBirth": "9999-12-31T00:00:00Z"});
    let stated = |kind: &str, n: usize, minute: usize, name: &str| {
        let mut event = day.housing_event(kind, n * 10 + minute, &id(n), &named(name));
        event["dateTime"] = json!(day.timestamp_at(minute));
        event
    };
    let repeated = encode_event(&stated("PersonCreatedEvent", n, 10, "Once"));
    let mut no_time = stated("PersonCreatedEvent", n + 5, 10, "Timeless");
    no_time["dateTime"] = Value::Null;
    let mut no_key = stated("PersonCreatedEvent", n + 6, 10, "Keyless");
    no_key["entityId"] = Value::Null;
    let mut later = stated("PersonCreatedEvent", n + 4, 30, "Second");
    later["eventData"]["newData"]["unknownField"] = json!({"nested": [1, 2, 3]});
    vec![
        // The same event twice.
        repeated.clone(),
        repeated,
        // Updated before created.
        encode_event(&day.housing_event(
            "PersonUpdatedEvent",
            n + 1,
            &id(n + 1),
            &json!({"preferredFirstName": "Early"}),
        )),
        encode_event(&stated("PersonCreatedEvent", n + 1, 5, "After")),
        // Deleted, then an older statement comes late.
        encode_event(&stated("PersonDeletedEvent", n + 2, 50, "Gone")),
        encode_event(&stated("PersonCreatedEvent", n + 2, 40, "Older")),
        // Gone, then created again.
        encode_event(&stated("PersonDeletedEvent", n + 3, 10, "Gone")),
        encode_event(&stated("PersonCreatedEvent", n + 3, 20, "Again")),
        // Two statements of the same moment: the later one in the log holds.
        encode_event(&stated("PersonCreatedEvent", n + 4, 30, "First")),
        encode_event(&later),
        // Poison in the middle: refused at the door.
        b"{\"id\": \"broken".to_vec(),
        encode_event(&no_time),
        encode_event(&no_key),
        // A type that nobody declared: quarantined.
        encode_event(&stated("PersonVanishedEvent", n + 7, 10, "Undeclared")),
        // A date that is none: quarantined.
        encode_event(&day.housing_event(
            "PersonUpdatedEvent",
            n + 8,
            &id(n + 8),
            &json!({"dateOfDeath": "2026-02-30"}),
        )),
    ]
}

fn edge_case_homes(day: &CouncilDay) -> Vec<Vec<u8>> {
    let (town, n) = (&day.council, 600_000 + day.number * 100);
    // A new kind of home, and a bare record in which every null is left out.
    let bare = json!({"assetType": "Treehouse"});
    let minus = json!({"assetType": "Flat", "assetCharacteristics": {"numberOfBedrooms": "many"}});
    vec![
        encode_event(&day.housing_event("AssetCreatedEvent", n, &town.stable_id("home", n), &bare)),
        encode_event(&day.housing_event(
            "AssetCreatedEvent",
            n + 1,
            &town.stable_id("home", n + 1),
            &minus,
        )),
    ]
}

fn edge_case_tenancies(day: &CouncilDay) -> Vec<Vec<u8>> {
    let (town, n) = (&day.council, 700_000 + day.number * 100);
    let id = |n: usize| town.stable_id("tenancy", n);
    let three = json!({"startOfTenureDate": "2026-03-29T00:00:00+00:00", "tenureType": {"code": "XXX", "description": "Unheard of"},
        "endOfTenureDate": "2026-06-30T23:00:00Z", "householdMembers": town.household_json(1), "legacyReferences": null,
        "notices": [{"type": "NSP", "servedDate": "2026-01-05T00:00:00Z"}, {"type": "NSP", "servedDate": "2026-01-06T00:00:00Z"}]});
    vec![
        encode_event(&day.housing_event("TenureCreatedEvent", n, &id(n), &three)),
        // Lists that are null are empty; the household is stated anew as nobody.
        encode_event(&day.housing_event(
            "TenureUpdatedEvent",
            n + 1,
            &id(n),
            &json!({"householdMembers": null, "notices": []}),
        )),
        encode_event(&day.housing_event(
            "TenureUpdatedEvent",
            n + 2,
            &id(n),
            &json!({"charges": {"rent": "a lot"}}),
        )),
        encode_event(&day.housing_event(
            "HousingApplicationLinkedEvent",
            n + 3,
            &id(n),
            &json!({}),
        )),
    ]
}

/// Cases as CloudEvents: received on one day, decided on the next, appealed or withdrawn on the third.
fn case_events(day: &CouncilDay) -> Vec<Vec<u8>> {
    let mut events = Vec::new();
    for case in 0..day.council.people.div_ceil(25) {
        events.push(encode_event(&received_case(day, case)));
        if let Some(before) = day.number.checked_sub(1) {
            let decision = json!({"status": "decided", "decision": {"date": day.date_after(0), "outcome": if case % 3 == 0 { "refused" } else { "granted" }}});
            events.push(encode_event(&case_event(
                day, "decided", before, case, 2, &decision,
            )));
        }
        if let Some(before) = day.number.checked_sub(2).filter(|_| case % 3 == 0) {
            let appeal = json!({"status": "appealed", "appeal": {"reference": format!("APP-{before}-{case:05}")}});
            let withdrawn = json!({"status": "withdrawn", "withdrawnDate": day.date_after(0)});
            // Versions swapped, within the same second.
            events.push(encode_event(&case_event(
                day,
                "withdrawn",
                before,
                case,
                4,
                &withdrawn,
            )));
            events.push(encode_event(&case_event(
                day, "appealed", before, case, 3, &appeal,
            )));
        }
    }
    events.push(encode_event(&case_event(
        day,
        "viewed",
        day.number,
        0,
        9,
        &json!({}),
    )));
    events
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
        "documents": [{"type": "passport", "number": format!("L{:08}", rng.usize(0..100_000_000)), "country": "IRL", "issued": "2020-01-15", "expires": "2030-01-14"}],
        "address": {"uprn": format!("1999{:08}", rng.usize(0..day.council.home_count())), "line1": "12 Placeholder Walk", "town": "Testville", "postcode": "ZZ11ZZ", "country": "GBR"},
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
