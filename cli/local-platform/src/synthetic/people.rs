//! The council's residents, their homes and their tenancies.

use fastrand::Rng;
use serde_json::{Value, json};

const GIVEN_NAMES: [&str; 24] = [
    "Ada", "Bashir", "Chidi", "Dilys", "Ewan", "Fatima", "Gwen", "Hamza", "Iris", "Jakub", "Kwame",
    "Leila", "Mairi", "Nia", "Olu", "Priya", "Quentin", "Rhys", "Seren", "Tomasz", "Una", "Viktor",
    "Wanjiru", "Zofia",
];
const FAMILY_NAMES: [&str; 24] = [
    "Abara",
    "Bevan",
    "Chowdhury",
    "Dunmore",
    "Evans-Pryce",
    "Fairclough",
    "Grewal",
    "Hollis",
    "Iqbal",
    "Jankowski",
    "Kearney",
    "Llewellyn",
    "Mbeki",
    "Nowak",
    "O'Dowd",
    "Pemberton",
    "Quayle",
    "Rahman",
    "Sample",
    "Thistlewood",
    "Underhill",
    "Vasquez",
    "Whitlock",
    "Yeboah",
];
const STREETS: [&str; 12] = [
    "Placeholder Walk",
    "Sample Street",
    "Fixture Lane",
    "Example Road",
    "Specimen Square",
    "Template Terrace",
    "Mockup Mews",
    "Stub Street",
    "Dummy Drive",
    "Pattern Place",
    "Proof Passage",
    "Draft Yard",
];
const TENURES: [(&str, &str); 5] = [
    ("SEC", "Secure"),
    ("INT", "Introductory"),
    ("LEA", "Leasehold"),
    ("FRE", "Freehold"),
    ("NON", "Non-secure"),
];

/// The council's size and seed.
#[derive(Clone, Copy, Debug)]
pub struct SyntheticCouncil {
    /// The seed of every random choice.
    pub seed: u64,
    /// Number of residents.
    pub people: usize,
}

impl SyntheticCouncil {
    /// The random numbers for one record of the council.
    pub(super) fn seeded_rng(&self, what: &str, number: usize) -> Rng {
        let id = pole::pole_id("town", &[what, &self.seed.to_string(), &number.to_string()]);
        Rng::with_seed(id.as_u64_pair().0)
    }

    /// The stable id of a record.
    pub(super) fn stable_id(&self, what: &str, number: usize) -> String {
        pole::pole_id(
            "town-id",
            &[what, &self.seed.to_string(), &number.to_string()],
        )
        .to_string()
    }

    /// Homes: a little fewer than half as many as people.
    pub(super) fn home_count(&self) -> usize {
        (self.people * 9 / 20).max(1)
    }

    /// Tenancies: most homes have one.
    pub(super) fn tenancy_count(&self) -> usize {
        (self.people * 43 / 100).max(1)
    }

    /// The people of a tenancy.
    pub(super) fn household_people(&self, tenancy: usize) -> Vec<usize> {
        let mut rng = self.seeded_rng("household", tenancy);
        let count = 1 + rng.usize(0..4);
        let mut members: Vec<usize> = (0..count).map(|_| rng.usize(0..self.people)).collect();
        members.sort_unstable();
        members.dedup();
        members
    }

    /// A person's full record.
    pub(super) fn person_record(&self, number: usize) -> Value {
        let mut rng = self.seeded_rng("person", number);
        let birth = birth_date(&mut rng);
        json!({
            "id": self.stable_id("person", number),
            "title": rng.choice(["Mr", "Ms", "Mrs", "Mx", "Dr"]),
            "preferredFirstName": if rng.usize(0..5) == 0 {
                json!(rng.choice(GIVEN_NAMES))
            } else {
                Value::Null
            },
            "preferredMiddleName": null,
            "preferredSurname": null,
            "firstName": rng.choice(GIVEN_NAMES),
            "middleName": if rng.bool() { json!(rng.choice(GIVEN_NAMES)) } else { Value::Null },
            "surname": rng.choice(FAMILY_NAMES),
            "placeOfBirth": "Testville",
            "dateOfBirth": birth,
            "personTypes": [rng.choice(["Tenant", "HouseholdMember", "Leaseholder", "Occupant"])],
            "tenures": [],
            "versionNumber": 0,
            "lastModified": null,
            "dateOfDeath": null,
            "personRef": 100_000 + number,
        })
    }

    /// A home's full record. The asset API leaves out fields that are null.
    pub(super) fn home_record(&self, number: usize) -> Value {
        let mut rng = self.seeded_rng("home", number);
        let street = rng.choice(STREETS).unwrap_or("Sample Street");
        let house = 1 + rng.usize(0..200);
        let mut home = json!({
            "id": self.stable_id("home", number),
            "assetId": format!("{number:08}"),
            "assetType": rng.choice([
                "Dwelling", "Flat", "House", "Maisonette", "New Build", "NewBuild"
            ]),
            "rootAsset": "ROOT",
            "isActive": true,
            "assetLocation": {
                "floorNo": rng.usize(0..12).to_string(),
                "parentAssets": [{
                    "type": "Block", "id": self.stable_id("block", number / 40),
                    "name": format!("Block {}", number / 40)
                }],
            },
            "assetAddress": {
                "uprn": format!("1999{number:08}"),
                "addressLine1": format!("{house} {street}"),
                "addressLine4": "Testville",
                "postCode": format!(
                    "zz{} {}{}{}",
                    number % 90 + 1,
                    number % 9,
                    rng.choice(['A', 'B', 'D']).unwrap_or('A'),
                    'Z',
                ),
            },
            "assetCharacteristics": {
                "numberOfBedrooms": 1 + rng.usize(0..4),
                "yearConstructed": (1890 + rng.usize(0..135)).to_string()
            },
            "versionNumber": 0,
        });
        if rng.bool() {
            home["assetCharacteristics"]["epcScore"] = json!(rng.choice(["A", "B", "C", "D", "E"]));
        }
        home
    }

    /// A tenancy's full record.
    pub(super) fn tenancy_record(&self, number: usize) -> Value {
        let mut rng = self.seeded_rng("tenancy", number);
        let (code, description) = rng.choice(TENURES).unwrap_or(TENURES[0]);
        let rent = weekly_rent(&mut rng);
        let references = legacy_references(&mut rng, number);
        json!({
            "id": self.stable_id("tenancy", number),
            "paymentReference": format!("77{number:08}"),
            "householdMembers": self.household_json(number),
            "tenuredAsset": {
                "id": self.stable_id("home", number % self.home_count()), "type": "Dwelling",
                "isTemporaryAccommodation": null
            },
            "charges": {
                "rent": rent, "currentBalance": rng.i32(-20_000..90_000) as f64 / 100.0,
                "serviceCharge": 9.75, "billingFrequency": "Weekly", "combinedRentCharges": rent
            },
            "startOfTenureDate": format!(
                "{}-{:02}-{:02}T00:00:00Z",
                1985 + rng.usize(0..40),
                1 + rng.usize(0..12),
                1 + rng.usize(0..28),
            ),
            "endOfTenureDate": if rng.usize(0..30) == 0 {
                json!("2039-03-29T23:00:00Z")
            } else {
                Value::Null
            },
            "tenureType": {"code": code, "description": description},
            "terminated": {"isTerminated": false, "reasonForTermination": null},
            "successionDate": if rng.bool() { json!("1900-01-01T00:00:00Z") } else { Value::Null },
            "isMutualExchange": false,
            "notices": if rng.usize(0..20) == 0 {
                json!([
                    {"type": "NSP", "servedDate": "2026-01-05T00:00:00Z"},
                    {"type": "NOSP", "servedDate": "2026-02-05T00:00:00Z"}
                ])
            } else {
                json!([])
            },
            "legacyReferences": references,
            "numberOfAdultsInProperty": 1 + rng.usize(0..3),
            "numberOfChildrenInProperty": rng.usize(0..4),
        })
    }

    /// The household of a tenancy as the tenure API lists it.
    pub(super) fn household_json(&self, tenancy: usize) -> Value {
        let household = self.household_people(tenancy).into_iter().enumerate();
        let members = household.map(|(index, person)| {
            let is_tenant = index == 0;
            json!({
                "id": self.stable_id("person", person),
                "type": "Person",
                "isResponsible": is_tenant,
                "dateOfBirth": "0001-01-01T00:00:00",
                "personTenureType": if is_tenant { "Tenant" } else { "HouseholdMember" },
            })
        });
        Value::Array(members.collect())
    }

    /// A contact detail: the id of its person, and the record. Events give its type as a number.
    pub(super) fn contact_record(&self, number: usize) -> (String, Value) {
        let mut rng = self.seeded_rng("contact", number);
        let person = rng.usize(0..self.people);
        let kind = rng.usize(0..3);
        let value = match kind {
            0 => format!("020 7946 {:04}", rng.usize(0..1_000)),
            1 => format!("resident.{number}@example.org"),
            _ => format!(
                "{} {}, Testville, ZZ1 1ZZ",
                1 + rng.usize(0..99),
                rng.choice(STREETS).unwrap_or("Sample Street")
            ),
        };
        let contact = json!({
            "id": self.stable_id("contact", number), "value": value, "contactType": kind,
            "description": null
        });
        (self.stable_id("person", person), contact)
    }
}

/// A date of birth, sometimes one of the placeholders that the old systems wrote for an unknown
/// date.
fn birth_date(rng: &mut Rng) -> String {
    match rng.usize(0..40) {
        0 => "0001-01-01T00:00:00".to_owned(),
        1 => "1900-01-01T00:00:00Z".to_owned(),
        _ => {
            let year = 1935 + rng.usize(0..85);
            let month = 1 + rng.usize(0..12);
            let day = 1 + rng.usize(0..28);
            format!("{year}-{month:02}-{day:02}T00:00:00Z")
        }
    }
}

/// A rent as a whole number of pounds or with pence, as C# writes its floats.
fn weekly_rent(rng: &mut Rng) -> Value {
    if rng.usize(0..3) == 0 {
        return json!(90 + rng.usize(0..60));
    }
    let pence = 9_000 + rng.usize(0..6_000);
    json!(pence as f64 / 100.0)
}

/// References to the old systems: none, one or two of them, in any order.
fn legacy_references(rng: &mut Rng, number: usize) -> Vec<Value> {
    let mut references = vec![
        json!({"name": "uh_tag_ref", "value": format!("{number:06}/01")}),
        json!({"name": "u_saff_tenancy", "value": format!("07{number:05}")}),
    ];
    if rng.bool() {
        references.reverse();
    }
    references.truncate(rng.usize(0..3));
    references
}
