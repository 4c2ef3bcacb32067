//! The events of a day: the first brings the whole town, the others what changes, each with everything that ever
//! went wrong in the systems that this one replaces.

use serde_json::{Value, json};

use super::{Batch, Town};

/// Milliseconds of a day.
const DAY_MILLIS: i64 = 86_400_000;

/// A day of the town.
#[derive(Clone, Copy, Debug)]
pub struct Day {
    /// The town.
    pub town: Town,
    /// Counted from 0.
    pub number: usize,
    /// Its first millisecond since 1970.
    pub begins: i64,
}

/// The day's events by source. What belongs together keeps its order.
#[must_use]
pub fn day(day: &Day) -> Vec<Batch> {
    let mut events = if day.number == 0 {
        arrivals(day)
    } else {
        changes(day)
    };
    for (batch, awkward) in events.iter_mut().zip(awkward(day)) {
        batch.events.extend(awkward);
    }
    events.push(Batch {
        source: "immigration-case",
        events: cases(day),
    });
    events
}

impl Day {
    /// An instant of the day as the sources write it.
    fn at(&self, minute: usize) -> String {
        let millis = self.begins + (minute as i64 % 1_440) * 60_000;
        jiff::Timestamp::from_millisecond(millis)
            .map(|at| at.to_string())
            .unwrap_or_default()
    }

    /// The day's date, or that of a day before or after.
    fn date(&self, days: i64) -> String {
        let millis = self.begins + days * DAY_MILLIS;
        jiff::Timestamp::from_millisecond(millis)
            .map(|at| at.to_string()[..10].to_owned())
            .unwrap_or_default()
    }

    /// An entity event of the housing APIs.
    fn event(&self, kind: &str, number: usize, entity: &str, new: &Value) -> Value {
        json!({
            "id": self.town.id(&format!("event {kind} {}", self.number), number),
            "eventType": kind,
            "sourceDomain": "Town",
            "sourceSystem": "TownAPI",
            "version": "v1",
            "correlationId": self.town.id("correlation", number),
            "dateTime": self.at(number),
            "user": {"name": "Sam Specimen", "email": "sam.specimen@example.org"},
            "entityId": entity,
            "eventData": {"oldData": {}, "newData": new},
        })
    }
}

fn bytes(event: &Value) -> Vec<u8> {
    event.to_string().into_bytes()
}

fn housing(
    people: Vec<Vec<u8>>,
    homes: Vec<Vec<u8>>,
    tenancies: Vec<Vec<u8>>,
    contacts: Vec<Vec<u8>>,
) -> Vec<Batch> {
    let batch = |source, events| Batch { source, events };
    vec![
        batch("housing-person", people),
        batch("housing-asset", homes),
        batch("housing-tenure", tenancies),
        batch("housing-contact", contacts),
    ]
}

/// The first day: everybody and everything.
fn arrivals(day: &Day) -> Vec<Batch> {
    let town = &day.town;
    let people = (0..town.people).map(|n| {
        bytes(&day.event(
            "PersonCreatedEvent",
            n,
            &town.id("person", n),
            &town.person(n),
        ))
    });
    let homes = (0..town.homes())
        .map(|n| bytes(&day.event("AssetCreatedEvent", n, &town.id("home", n), &town.home(n))));
    let blocks = (0..=town.homes() / 40).map(|n| {
        let block = json!({"id": town.id("block", n), "assetId": format!("B{n:05}"), "assetType": "Block", "isActive": true});
        bytes(&day.event("AssetCreatedEvent", 1_000_000 + n, &town.id("block", n), &block))
    });
    let tenancies = (0..town.tenancies()).map(|n| {
        bytes(&day.event(
            "TenureCreatedEvent",
            n,
            &town.id("tenancy", n),
            &town.tenancy(n),
        ))
    });
    let contacts = (0..town.people * 6 / 5).map(|n| contact(day, "ContactDetailAddedEvent", n));
    housing(
        people.collect(),
        homes.chain(blocks).collect(),
        tenancies.collect(),
        contacts.collect(),
    )
}

fn contact(day: &Day, kind: &str, number: usize) -> Vec<u8> {
    let (person, contact) = day.town.contact(number);
    let mut event = day.event(kind, number, &person, &contact);
    if kind == "ContactDetailDeletedEvent" {
        // The absent side is an object of defaults.
        let nothing = json!({"id": "00000000-0000-0000-0000-000000000000", "value": null, "contactType": 0, "description": null});
        event["eventData"] = json!({"oldData": contact, "newData": nothing});
    }
    bytes(&event)
}

/// A later day: about one in ten of everything changes, and events carry only what changed.
fn changes(day: &Day) -> Vec<Batch> {
    let town = &day.town;
    let share = |count: usize| (0..count).filter(move |n| n % 10 == day.number % 10);
    let people = share(town.people).map(|n| {
        let new = json!({"preferredFirstName": format!("Day{}", day.number), "versionNumber": day.number});
        bytes(&day.event("PersonUpdatedEvent", n, &town.id("person", n), &new))
    });
    let homes = share(town.homes()).map(|n| {
        let new =
            json!({"assetCharacteristics": {"numberOfBedrooms": 1 + (n + day.number) % 5, "epcScore": "B"}});
        bytes(&day.event("AssetUpdatedEvent", n, &town.id("home", n), &new))
    });
    let tenancies = share(town.tenancies()).map(|n| tenancy_change(day, n));
    let contacts = share(town.people * 6 / 5).map(|n| {
        let kind = if n % 3 == 0 {
            "ContactDetailDeletedEvent"
        } else {
            "ContactDetailEditedEvent"
        };
        contact(day, kind, n)
    });
    housing(
        people.collect(),
        homes.collect(),
        tenancies.collect(),
        contacts.collect(),
    )
}

fn tenancy_change(day: &Day, number: usize) -> Vec<u8> {
    let (town, id) = (&day.town, day.town.id("tenancy", number));
    let event = match number % 4 {
        0 => day.event(
            "TenureUpdatedEvent",
            number,
            &id,
            &json!({"endOfTenureDate": format!("{}T00:00:00Z", day.date(30))}),
        ),
        1 => day.event(
            "TenureUpdatedEvent",
            number,
            &id,
            &json!({"charges": {"rent": 101.5, "currentBalance": -12, "serviceCharge": 9.75}}),
        ),
        2 => {
            let mut members = town.members(number);
            if let Some(list) = members.as_array_mut() {
                list.push(json!({"id": town.id("person", number % town.people), "type": "Person", "isResponsible": false, "personTenureType": "Occupant"}));
            }
            day.event(
                "PersonAddedToTenureEvent",
                number,
                &id,
                &json!({"householdMembers": members}),
            )
        }
        _ => day.event(
            "PersonRemovedFromTenureEvent",
            number,
            &id,
            &json!({"householdMembers": []}),
        ),
    };
    bytes(&event)
}

/// What went wrong elsewhere, for people, homes, tenancies and contacts.
fn awkward(day: &Day) -> Vec<Vec<Vec<u8>>> {
    vec![
        awkward_people(day),
        awkward_homes(day),
        awkward_tenancies(day),
        vec![contact(day, "ContactDetailMergedEvent", 1)],
    ]
}

fn awkward_people(day: &Day) -> Vec<Vec<u8>> {
    let (town, n) = (&day.town, 500_000 + day.number * 100);
    let id = |n: usize| town.id("person", n);
    let named = |name: &str| json!({"firstName": name, "surname": "Late", "personTypes": ["Tenant"], "dateOfBirth": "9999-12-31T00:00:00Z"});
    let stated = |kind: &str, n: usize, minute: usize, name: &str| {
        let mut event = day.event(kind, n * 10 + minute, &id(n), &named(name));
        event["dateTime"] = json!(day.at(minute));
        event
    };
    let repeated = bytes(&stated("PersonCreatedEvent", n, 10, "Once"));
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
        bytes(&day.event(
            "PersonUpdatedEvent",
            n + 1,
            &id(n + 1),
            &json!({"preferredFirstName": "Early"}),
        )),
        bytes(&stated("PersonCreatedEvent", n + 1, 5, "After")),
        // Deleted, then an older statement comes late.
        bytes(&stated("PersonDeletedEvent", n + 2, 50, "Gone")),
        bytes(&stated("PersonCreatedEvent", n + 2, 40, "Older")),
        // Gone, then created again.
        bytes(&stated("PersonDeletedEvent", n + 3, 10, "Gone")),
        bytes(&stated("PersonCreatedEvent", n + 3, 20, "Again")),
        // Two statements of the same moment: the later one in the log holds.
        bytes(&stated("PersonCreatedEvent", n + 4, 30, "First")),
        bytes(&later),
        // Poison in the middle: refused at the door.
        b"{\"id\": \"broken".to_vec(),
        bytes(&no_time),
        bytes(&no_key),
        // A type that nobody declared: quarantined.
        bytes(&stated("PersonVanishedEvent", n + 7, 10, "Undeclared")),
        // A date that is none: quarantined.
        bytes(&day.event(
            "PersonUpdatedEvent",
            n + 8,
            &id(n + 8),
            &json!({"dateOfDeath": "2026-02-30"}),
        )),
    ]
}

fn awkward_homes(day: &Day) -> Vec<Vec<u8>> {
    let (town, n) = (&day.town, 600_000 + day.number * 100);
    // A new kind of home, and a bare record in which every null is left out.
    let bare = json!({"assetType": "Treehouse"});
    let minus = json!({"assetType": "Flat", "assetCharacteristics": {"numberOfBedrooms": "many"}});
    vec![
        bytes(&day.event("AssetCreatedEvent", n, &town.id("home", n), &bare)),
        bytes(&day.event("AssetCreatedEvent", n + 1, &town.id("home", n + 1), &minus)),
    ]
}

fn awkward_tenancies(day: &Day) -> Vec<Vec<u8>> {
    let (town, n) = (&day.town, 700_000 + day.number * 100);
    let id = |n: usize| town.id("tenancy", n);
    let three = json!({"startOfTenureDate": "2026-03-29T00:00:00+00:00", "tenureType": {"code": "XXX", "description": "Unheard of"},
        "endOfTenureDate": "2026-06-30T23:00:00Z", "householdMembers": town.members(1), "legacyReferences": null,
        "notices": [{"type": "NSP", "servedDate": "2026-01-05T00:00:00Z"}, {"type": "NSP", "servedDate": "2026-01-06T00:00:00Z"}]});
    vec![
        bytes(&day.event("TenureCreatedEvent", n, &id(n), &three)),
        // Lists that are null are empty; the household is stated anew as nobody.
        bytes(&day.event(
            "TenureUpdatedEvent",
            n + 1,
            &id(n),
            &json!({"householdMembers": null, "notices": []}),
        )),
        bytes(&day.event(
            "TenureUpdatedEvent",
            n + 2,
            &id(n),
            &json!({"charges": {"rent": "a lot"}}),
        )),
        bytes(&day.event("HousingApplicationLinkedEvent", n + 3, &id(n), &json!({}))),
    ]
}

/// Cases as CloudEvents: received on one day, decided on the next, appealed or withdrawn on the third.
fn cases(day: &Day) -> Vec<Vec<u8>> {
    let mut events = Vec::new();
    for case in 0..day.town.people.div_ceil(25) {
        events.push(bytes(&received(day, case)));
        if let Some(before) = day.number.checked_sub(1) {
            let decision = json!({"status": "decided", "decision": {"date": day.date(0), "outcome": if case % 3 == 0 { "refused" } else { "granted" }}});
            events.push(bytes(&step(day, "decided", before, case, 2, &decision)));
        }
        if let Some(before) = day.number.checked_sub(2).filter(|_| case % 3 == 0) {
            let appeal = json!({"status": "appealed", "appeal": {"reference": format!("APP-{before}-{case:05}")}});
            let withdrawn = json!({"status": "withdrawn", "withdrawnDate": day.date(0)});
            // Versions swapped, within the same second.
            events.push(bytes(&step(day, "withdrawn", before, case, 4, &withdrawn)));
            events.push(bytes(&step(day, "appealed", before, case, 3, &appeal)));
        }
    }
    events.push(bytes(&step(day, "viewed", day.number, 0, 9, &json!({}))));
    events
}

fn received(day: &Day, case: usize) -> Value {
    let mut rng = day.town.rng("case", day.number * 100_000 + case);
    let person = rng.usize(0..day.town.people);
    let record = day.town.person(person);
    let data = json!({
        "caseType": rng.choice(["Family visa", "Work visa", "Settlement", "Asylum"]),
        "status": "received",
        "receivedDate": day.date(0),
        "fee": if rng.bool() { json!(1_846) } else { json!(1_846.5) },
        "applicant": {
            "id": format!("P-{person:06}"),
            "givenName": record["firstName"],
            "familyName": record["surname"],
            "dateOfBirth": record["dateOfBirth"].as_str().map(|date| &date[..10]),
            "nationality": rng.choice(["IRL", "GBR", "NGA", "IND", "POL", "BRA"]),
        },
        "documents": [{"type": "passport", "number": format!("L{:08}", rng.usize(0..100_000_000)), "country": "IRL", "issued": "2020-01-15", "expires": "2030-01-14"}],
        "address": {"uprn": format!("1999{:08}", rng.usize(0..day.town.homes())), "line1": "12 Placeholder Walk", "town": "Testville", "postcode": "ZZ11ZZ", "country": "GBR"},
    });
    step(day, "received", day.number, case, 1, &data)
}

fn step(day: &Day, kind: &str, received: usize, case: usize, sequence: u32, data: &Value) -> Value {
    json!({
        "specversion": "1.0",
        "id": day.town.id(&format!("case event {kind} {received}"), case),
        "source": "/immigration/casework",
        "type": format!("uk.gov.example.case.{kind}"),
        "subject": format!("IMM-{received:03}-{case:06}"),
        "time": day.at(case),
        "sequence": sequence.to_string(),
        "datacontenttype": "application/json",
        "data": data,
    })
}
