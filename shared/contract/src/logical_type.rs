//! The standard's coarse types of fields. Under another one a field would be read as if it had
//! none.

use crate::problem::nearest_name_hint;

/// The types of the versions of the standard that are accepted.
const LOGICAL_TYPES: [&str; 11] = [
    "array",
    "boolean",
    "date",
    "integer",
    "map",
    "number",
    "object",
    "string",
    "time",
    "timestamp",
    "vector",
];

/// What other systems call the types, where the standard's name is not the nearest one.
const OTHER_NAMES: [(&str, &[&str]); 7] = [
    ("array", &["list", "repeated", "seq", "set"]),
    ("boolean", &["bit", "flag"]),
    (
        "integer",
        &["bigint", "int", "long", "short", "smallint", "tinyint"],
    ),
    ("number", &["decimal", "double", "float", "money", "real"]),
    ("object", &["dict", "json", "record", "row", "struct"]),
    ("string", &["char", "clob", "text", "uuid", "varchar"]),
    ("timestamp", &["datetime", "instant", "timestamptz"]),
];

/// Why a field cannot have this logical type; none where it can.
pub(crate) fn logical_type_fault(field: &str, logical: &str) -> Option<String> {
    if LOGICAL_TYPES.contains(&logical) {
        return None;
    }
    let plain = logical.to_ascii_lowercase();
    let other = OTHER_NAMES
        .iter()
        .find(|(_, names)| names.contains(&plain.as_str()));
    let meant = match other {
        Some((standard, _)) => format!("; the standard calls it `{standard}`"),
        None => nearest_name_hint(&plain, LOGICAL_TYPES.into_iter()),
    };
    Some(format!(
        "`{logical}` of `{field}` is no `logicalType` of the standard{meant}; there are {}",
        LOGICAL_TYPES.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_type_is_refused_with_the_one_that_is_meant() {
        assert_eq!(logical_type_fault("at", "timestamp"), None);
        for (written, meant) in [
            ("datetime", "calls it `timestamp`"),
            ("DateTime", "calls it `timestamp`"),
            ("varchar", "calls it `string`"),
            ("int", "calls it `integer`"),
            ("String", "nearest name is `string`"),
            ("timestampx", "nearest name is `timestamp`"),
        ] {
            let why = logical_type_fault("at", written).unwrap();
            assert!(why.contains(meant) && why.contains("`at`"), "{why}");
        }
    }
}
