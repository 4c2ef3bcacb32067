//! Of which file an event is a record, and at which place of it, as the event's headers say.

use crate::find_header_text;

/// The header in which the relay writes the file's name.
pub const FILE_NAME_HEADER: &str = "file-name";

/// The header in which the relay writes the record's place in the file: `row 12` as the reader of a
/// table counts, or `record 12`.
pub const FILE_PLACE_HEADER: &str = "file-place";

/// The file of a record, and its place there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileOrigin {
    /// The file's name, without its folder.
    pub name: String,
    /// The record's place: `row 12`, `record 12`.
    pub place: String,
}

impl FileOrigin {
    /// The origin that a record's headers name; none where no file brought the record.
    #[must_use]
    pub fn from_headers(headers: Option<&str>) -> Option<Self> {
        Some(Self {
            name: find_header_text(headers, FILE_NAME_HEADER)?,
            place: find_header_text(headers, FILE_PLACE_HEADER)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_a_file_names_it_and_any_other_does_not() {
        let headers = r#"[["file-name","bG9hbnMuY3N2"],["file-place","cm93IDEy"]]"#;
        let expected = FileOrigin {
            name: "loans.csv".to_owned(),
            place: "row 12".to_owned(),
        };
        assert_eq!(FileOrigin::from_headers(Some(headers)), Some(expected));
        assert_eq!(
            FileOrigin::from_headers(Some(r#"[["event-id","eA=="]]"#)),
            None
        );
        assert_eq!(FileOrigin::from_headers(None), None);
    }
}
