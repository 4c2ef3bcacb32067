//! Who lives in the town, and where.

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

/// The town's size and seed.
#[derive(Clone, Copy, Debug)]
pub struct SyntheticCouncil {
    /// What everything follows from.
    pub seed: u64,
    /// How many people.
    pub people: usize,
}

impl SyntheticCouncil {
    /// A source of chance for one thing of the town.
    pub(super) fn seeded_rng(&self, what: &str, number: usize) -> Rng {
        let id = pole::pole_id("town", &[what, &self.seed.to_string(), &number.to_string()]);
        Rng::with_seed(id.as_u64_pair().0)
    }

    /// A stable id of a thing.
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

    /// A person's whole record.
    pub(super) fn person_record(&self, number: usize) -> Value {
        let mut rng = self.seeded_rng("person", number);
        let birth = match rng.usize(0..40) {
            0 => "0001-01-01T00:00:00".to_owned(),
            1 => "1900-01-01T00:00:00Z".to_owned(),
            _ => format!(
                "{}-{:02}-{:02}T00:00:00Z",
                1935 + rng.usize(0..85),
                1 + rng.usize(0..12),
                1 + rng.usize(0..28)
            ),
        };
        json!({
            "id": self.stable_id("person", number),
            "title": rng.choice(["Mr", "Ms", "Mrs", "Mx", "Dr"]),
            "preferredFirstName": if rng.usize(0..5) == 0 { json!(rng.choice(GIVEN_NAMES)) } else { Value::Null },
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

    /// A home's whole record. The asset API leaves out what is null.
    pub(super) fn home_record(&self, number: usize) -> Value {
        let mut rng = self.seeded_rng("home", number);
        let (street, house) = (
            rng.choice(STREETS).unwrap_or("Sample Street"),
            1 + rng.usize(0..200),
        );
        let mut home = json!({
            "id": self.stable_id("home", number),
            "assetId": format!("{number:08}"),
            "assetType": rng.choice(["Dwelling", "Flat", "House", "Maisonette", "New Build", "NewBuild"]),
            "rootAsset": "ROOT",
            "isActive": true,
            "assetLocation": {
                "floorNo": rng.usize(0..12).to_string(),
                "parentAssets": [{"type": "Block", "id": self.stable_id("block", number / 40), "name": format!("Block {}", number / 40)}],
            },
            "assetAddress": {
                "uprn": format!("1999{number:08}"),
                "addressLine1": format!("{house} {street}"),
                "addressLine4": "Testville",
                "postCode": format!("zz{} {}{}{}", number % 90 + 1, number % 9, rng.choice(['A', 'B', 'D']).unwrap_or('A'), 'Z'),
            },
            "assetCharacteristics": {"numberOfBedrooms": 1 + rng.usize(0..4), "yearConstructed": (1890 + rng.usize(0..135)).to_string()},
            "versionNumber": 0,
        });
        if rng.bool() {
            home["assetCharacteristics"]["epcScore"] = json!(rng.choice(["A", "B", "C", "D", "E"]));
        }
        home
    }

    /// A tenancy's whole record.
    pub(super) fn tenancy_record(&self, number: usize) -> Value {
        let mut rng = self.seeded_rng("tenancy", number);
        let (code, description) = rng.choice(TENURES).unwrap_or(TENURES[0]);
        // Money comes as a whole number or not, as C#'s floats are written.
        let rent = if rng.usize(0..3) == 0 {
            json!(90 + rng.usize(0..60))
        } else {
            json!(9_000 + rng.usize(0..6_000))
        };
        let rent = if rent.as_u64().is_some_and(|cents| cents > 1_000) {
            json!(rent.as_f64().unwrap_or_default() / 100.0)
        } else {
            rent
        };
        let mut references = vec![
            json!({"name": "uh_tag_ref", "value": format!("{number:06}/01")}),
            json!({"name": "u_saff_tenancy", "value": format!("07{number:05}")}),
        ];
        if rng.bool() {
            references.reverse();
        }
        references.truncate(rng.usize(0..3));
        json!({
            "id": self.stable_id("tenancy", number),
            "paymentReference": format!("77{number:08}"),
            "householdMembers": self.household_json(number),
            "tenuredAsset": {"id": self.stable_id("home", number % self.home_count()), "type": "Dwelling", "isTemporaryAccommodation": null},
            "charges": {"rent": rent, "currentBalance": rng.i32(-20_000..90_000) as f64 / 100.0, "serviceCharge": 9.75, "billingFrequency": "Weekly", "combinedRentCharges": rent},
            "startOfTenureDate": format!("{}-{:02}-{:02}T00:00:00Z", 1985 + rng.usize(0..40), 1 + rng.usize(0..12), 1 + rng.usize(0..28)),
            "endOfTenureDate": if rng.usize(0..30) == 0 { json!("2039-03-29T23:00:00Z") } else { Value::Null },
            "tenureType": {"code": code, "description": description},
            "terminated": {"isTerminated": false, "reasonForTermination": null},
            "successionDate": if rng.bool() { json!("1900-01-01T00:00:00Z") } else { Value::Null },
            "isMutualExchange": false,
            "notices": if rng.usize(0..20) == 0 { json!([{"type": "NSP", "servedDate": "2026-01-05T00:00:00Z"}, {"type": "NOSP", "servedDate": "2026-02-05T00:00:00Z"}]) } else { json!([]) },
            "legacyReferences": references,
            "numberOfAdultsInProperty": 1 + rng.usize(0..3),
            "numberOfChildrenInProperty": rng.usize(0..4),
        })
    }

    /// The household of a tenancy as the tenure API lists it.
    pub(super) fn household_json(&self, tenancy: usize) -> Value {
        let household = self.household_people(tenancy);
        let member = |(place, person): (usize, &usize)| {
            json!({
                "id": self.stable_id("person", *person),
                "type": "Person",
                "isResponsible": place == 0,
                "dateOfBirth": "0001-01-01T00:00:00",
                "personTenureType": if place == 0 { "Tenant" } else { "HouseholdMember" },
            })
        };
        Value::Array(household.iter().enumerate().map(member).collect())
    }

    /// A contact detail: whose it is, and what it says. Events count the types.
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
        let contact = json!({"id": self.stable_id("contact", number), "value": value, "contactType": kind, "description": null});
        (self.stable_id("person", person), contact)
    }
}
