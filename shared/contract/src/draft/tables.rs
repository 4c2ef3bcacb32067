//! The POLE table that a source's rows are nearest to, and the names that sources give to its
//! columns.

use super::fields::{SampleField, to_snake_case};
use super::name_words::strip_word;

/// Words of a data set, or names of its fields, that point to a table. The first that fits counts.
const TABLE_WORDS: &[(&str, &[&str])] = &[
    (
        "event_stop_search",
        &[
            "stop_search",
            "stop_and_search",
            "object_of_search",
            "officer_defined_ethnicity",
        ],
    ),
    (
        "object_tenancy",
        &["tenancies", "tenancy", "tenure", "tenures"],
    ),
    ("object", &["council_tax", "accounts", "loans", "loan"]),
    (
        "object_case",
        &[
            "planning",
            "application",
            "applications",
            "parking",
            "pcn",
            "pcns",
            "penalty",
            "case",
            "cases",
            "licence",
            "licences",
            "appeals",
        ],
    ),
    ("event_crime", &["crime", "crimes"]),
    ("event_incident", &["incident", "incidents", "asb"]),
    (
        "event",
        &[
            "spend",
            "spending",
            "payments",
            "transactions",
            "missed",
            "missed_bins",
            "bins",
            "collections",
            "visits",
            "reports",
            "inspections",
        ],
    ),
    (
        "person",
        &[
            "roll",
            "pupils",
            "electors",
            "electoral",
            "people",
            "members",
            "staff",
            "residents",
            "students",
            "drivers",
            "licensees",
            "tenants",
            "applicants",
        ],
    ),
    ("object_vehicle", &["vehicles", "vehicle", "fleet"]),
    ("location", &["properties", "addresses", "assets", "places"]),
    ("event", &["events"]),
    ("object", &["objects"]),
];

/// The table that a data set's name points to, or the names of its fields.
pub(super) fn table_of_dataset(dataset: &str, fields: &[SampleField]) -> Option<&'static str> {
    let name = to_snake_case(dataset);
    let words: Vec<&str> = name.split('_').collect();
    let is_named = |word: &&str| match word.contains('_') {
        true => name.contains(*word),
        false => words.contains(word),
    };
    let by_name = TABLE_WORDS
        .iter()
        .find(|(_, known)| known.iter().any(is_named));
    let field_names: Vec<String> = fields
        .iter()
        .map(|field| to_snake_case(&field.name))
        .collect();
    let by_field = TABLE_WORDS.iter().find(|(_, known)| {
        known
            .iter()
            .any(|word| word.contains('_') && field_names.iter().any(|name| name == word))
    });
    by_name.or(by_field).map(|(table, _)| *table)
}

/// What a data set holds, in one word for people: `missed-bins` gives `Missed bins`.
pub(super) fn kind_of_dataset(dataset: &str) -> String {
    let words = dataset.replace(['-', '_'], " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + letters.as_str()
    })
}

/// Other names of columns, as sources write them.
const COLUMN_SYNONYMS: &[(&str, &str)] = &[
    ("first_name", "given_name"),
    ("forename", "given_name"),
    ("forenames", "given_name"),
    ("firstname", "given_name"),
    ("christian_name", "given_name"),
    ("first_names", "given_name"),
    ("last_name", "surname"),
    ("family_name", "surname"),
    ("lastname", "surname"),
    ("middle_name", "middle_names"),
    ("fullname", "full_name"),
    ("dob", "date_of_birth"),
    ("birth_date", "date_of_birth"),
    ("birthdate", "date_of_birth"),
    ("d_o_b", "date_of_birth"),
    ("sex", "gender"),
    ("post_code", "postcode"),
    ("postal_code", "postcode"),
    ("zip", "postcode"),
    ("address_line1", "address_line_1"),
    ("address1", "address_line_1"),
    ("address_1", "address_line_1"),
    ("line1", "address_line_1"),
    ("line_1", "address_line_1"),
    ("addr1", "address_line_1"),
    ("address_line2", "address_line_2"),
    ("address2", "address_line_2"),
    ("address_2", "address_line_2"),
    ("line2", "address_line_2"),
    ("line_2", "address_line_2"),
    ("addr2", "address_line_2"),
    ("address_line3", "address_line_3"),
    ("address3", "address_line_3"),
    ("address_3", "address_line_3"),
    ("city", "town"),
    ("post_town", "town"),
    ("posttown", "town"),
    ("address", "full_address"),
    ("site_address", "full_address"),
    ("property_address", "full_address"),
    ("street_name", "street"),
    ("road", "street"),
    ("house_number", "premises"),
    ("house_name", "premises"),
    ("lat", "latitude"),
    ("lon", "longitude"),
    ("lng", "longitude"),
    ("long", "longitude"),
    ("eastings", "easting"),
    ("northings", "northing"),
    ("registration", "vrm"),
    ("reg", "vrm"),
    ("vehicle_registration", "vrm"),
    ("registration_mark", "vrm"),
    ("vehicle_make", "make"),
    ("vehicle_model", "model"),
    ("color", "colour"),
    ("officer_defined_ethnicity", "ethnicity_observed"),
    ("ref", "reference"),
    ("ref_no", "reference"),
    ("reference_number", "reference"),
    ("telephone", "phone"),
];

/// Other names of the columns of one table.
const TABLE_SYNONYMS: &[(&str, &str, &str)] = &[
    ("object_tenancy", "tenancy_start", "start_date"),
    ("object_tenancy", "tenancy_start_date", "start_date"),
    ("object_tenancy", "start", "start_date"),
    ("object_tenancy", "tenancy_end", "end_date"),
    ("object_tenancy", "tenancy_end_date", "end_date"),
    ("object_tenancy", "end", "end_date"),
    ("object_tenancy", "weekly_rent", "rent"),
    ("object_tenancy", "balance", "current_balance"),
    ("object_tenancy", "arrears", "current_balance"),
    ("object_tenancy", "tenancy_type", "tenure_type"),
    ("object_tenancy", "payment_ref", "payment_reference"),
    ("object_case", "application_reference", "reference"),
    ("object_case", "application_number", "reference"),
    ("object_case", "application_ref", "reference"),
    ("object_case", "pcn", "reference"),
    ("object_case", "pcn_number", "reference"),
    ("object_case", "date_received", "received_date"),
    ("object_case", "date_issued", "received_date"),
    ("object_case", "issue_date", "received_date"),
    ("object_case", "issued", "received_date"),
    ("object_case", "received", "received_date"),
    ("object_case", "date_decided", "decided_date"),
    ("object_case", "decision_date", "decided_date"),
    ("object_case", "date_withdrawn", "withdrawn_date"),
    ("object_case", "charge", "fee"),
    ("object_case", "amount", "fee"),
    ("object_case", "charge_amount", "fee"),
    ("object_case", "application_type", "case_type"),
    ("object_case", "contravention", "case_type"),
    ("event_stop_search", "type", "nature"),
    ("event_stop_search", "object_of_search", "description"),
    (
        "event_stop_search",
        "self_defined_ethnicity",
        "ethnicity_self_defined",
    ),
    ("event_crime", "category", "crime_type"),
    ("event_incident", "category", "incident_type"),
    ("event", "narrative", "description"),
    ("event", "reason", "description"),
    ("event", "supplier_name", "description"),
    ("object", "title", "description"),
];

/// The column of a table that a name stands for: its own, or that of a synonym.
pub(super) fn column_of_name<'n>(table: &str, name: &'n str) -> &'n str {
    let of_table = TABLE_SYNONYMS
        .iter()
        .find(|(of, synonym, _)| *of == table && *synonym == name);
    if let Some((_, _, column)) = of_table {
        return column;
    }
    COLUMN_SYNONYMS
        .iter()
        .find(|(synonym, _)| *synonym == name)
        .map_or(name, |(_, column)| column)
}

/// Words before the columns of a place: `site_postcode`.
const PLACE_WORDS: &[&str] = &[
    "site",
    "property",
    "home",
    "premises",
    "delivery",
    "collection",
    "location",
    "residential",
    "street",
];

/// The column of the table `location` that a field of a row fills.
pub(super) fn place_column(name: &str) -> Option<&str> {
    let (stripped, _) = strip_word(name, PLACE_WORDS);
    let column = match stripped {
        "" if name == "location" => "full_address",
        "" => column_of_name("location", name),
        other => {
            let whole = column_of_name("location", name);
            if whole == name {
                column_of_name("location", other)
            } else {
                whole
            }
        }
    };
    let known = [
        "uprn",
        "full_address",
        "address_line_1",
        "address_line_2",
        "address_line_3",
        "town",
        "postcode",
        "latitude",
        "longitude",
        "easting",
        "northing",
        "street",
        "premises",
        "county",
        "usrn",
    ];
    known.contains(&column).then_some(column)
}

/// The column of the table `object_vehicle` that a field of a row fills.
pub(super) fn vehicle_column(name: &str) -> Option<&str> {
    let (stripped, _) = strip_word(name, &["vehicle"]);
    let whole = column_of_name("object_vehicle", name);
    let column = if whole == name {
        column_of_name("object_vehicle", stripped)
    } else {
        whole
    };
    ["vrm", "make", "model", "colour"]
        .contains(&column)
        .then_some(column)
}
