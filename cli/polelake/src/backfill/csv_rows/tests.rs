//! Files in every dialect, written by a writer that shares no code with the reader, read back; and
//! what is damaged, refused.

use std::io::Cursor;

use contract::{FileColumn, FileTrailer, HeaderCase, RaggedRows, TextEncoding};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// Reads a file; the faults as texts.
fn read(bytes: &[u8], expected: &FileExpectation) -> Result<Vec<Result<Value, String>>, String> {
    let reader = Box::new(Cursor::new(bytes.to_vec()));
    let names = ("rows.csv".to_owned(), "rows.csv".to_owned());
    let records = read_csv(reader, names, b',', expected).map_err(|fault| fault.why)?;
    Ok(records
        .map(|record| record.map(|record| record.value).map_err(|fault| fault.why))
        .collect())
}

/// Whether nothing of a file is sent, or a row of it is not.
fn is_refused(bytes: &[u8], expected: &FileExpectation) -> bool {
    match read(bytes, expected) {
        Err(_) => true,
        Ok(records) => records.iter().any(Result::is_err),
    }
}

/// The first fault of a file that is read in a dialect, with these fields declared.
fn fault(text: &str, dialect: &FileDialect, fields: &[&str]) -> String {
    let expected = FileExpectation {
        dialect: dialect.clone(),
        columns: columns(fields),
    };
    match read(text.as_bytes(), &expected) {
        Err(why) => why,
        Ok(records) => records
            .into_iter()
            .find_map(Result::err)
            .unwrap_or_default(),
    }
}

fn columns(fields: &[&str]) -> Vec<FileColumn> {
    let column = |name: &&str| FileColumn {
        name: (*name).to_owned(),
        is_needed: true,
    };
    fields.iter().map(column).collect()
}

/// A table and how it is written.
#[derive(Clone, Debug)]
struct WrittenTable {
    rows: Vec<Vec<String>>,
    delimiter: char,
    quote: char,
    encoding: TextEncoding,
    has_mark: bool,
    line_end: &'static str,
    title_rows: u32,
    has_trailer: bool,
    has_header: bool,
    /// Whether fields that need no quotes have them.
    quotes_all: bool,
}

impl WrittenTable {
    fn header(&self) -> Vec<String> {
        (0..self.rows[0].len())
            .map(|index| format!("Field {index}"))
            .collect()
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for number in 0..self.title_rows {
            text += &format!("Title {number}{}", self.line_end);
        }
        if self.has_header {
            text += &self.line(&self.header());
        }
        for row in &self.rows {
            text += &self.line(row);
        }
        if self.has_trailer {
            text += &self.line(&["TRL-9".to_owned(), (self.rows.len() + 2).to_string()]);
        }
        text
    }

    /// A line by the letters of RFC 4180: whatever could be misread has quotes.
    fn line(&self, fields: &[String]) -> String {
        let field = |text: &String| {
            let needs = text.contains([self.delimiter, self.quote, '\r', '\n']) || text.is_empty();
            match needs || self.quotes_all {
                true => {
                    let quote = self.quote.to_string();
                    let inner = text.replace(self.quote, &quote.repeat(2));
                    format!("{quote}{inner}{quote}")
                }
                false => text.clone(),
            }
        };
        let fields: Vec<String> = fields.iter().map(field).collect();
        fields.join(&self.delimiter.to_string()) + self.line_end
    }

    fn bytes(&self) -> Vec<u8> {
        let marked = match self.has_mark {
            true => format!("\u{feff}{}", self.text()),
            false => self.text(),
        };
        match self.encoding {
            TextEncoding::Utf8 => marked.into_bytes(),
            TextEncoding::Utf16Le => marked.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            TextEncoding::Utf16Be => marked.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            TextEncoding::Windows1252 | TextEncoding::Latin1 => {
                let byte = |letter: char| match letter {
                    '€' => 0x80,
                    letter => u8::try_from(u32::from(letter)).unwrap(),
                };
                self.text().chars().map(byte).collect()
            }
        }
    }

    fn expected(&self) -> FileExpectation {
        let dialect = FileDialect {
            encoding: self.encoding,
            delimiter: Some(match self.delimiter {
                '\t' => "tab".to_owned(),
                other => other.to_string(),
            }),
            quote: Some(self.quote.to_string()),
            skip_rows: self.title_rows,
            names: if self.has_header {
                Vec::new()
            } else {
                self.header()
            },
            trailer: self.has_trailer.then(|| FileTrailer {
                first_field: "TRL-9".to_owned(),
                count_field: 2,
                beside: 2,
            }),
            ..FileDialect::default()
        };
        FileExpectation {
            dialect,
            columns: Vec::new(),
        }
    }

    fn values(&self) -> Vec<Result<Value, String>> {
        let header = self.header();
        let value = |text: &String| match text.as_str() {
            "" => Value::Null,
            text => text.into(),
        };
        self.rows
            .iter()
            .map(|row| Ok(header.iter().cloned().zip(row.iter().map(value)).collect()))
            .collect()
    }
}

/// Tables whose texts hold what is hard to read: delimiters, quotes, ends of lines, blanks.
fn tables() -> impl Strategy<Value = WrittenTable> {
    let encodings = prop::sample::select(vec![
        (TextEncoding::Utf8, false),
        (TextEncoding::Utf8, true),
        (TextEncoding::Windows1252, false),
        (TextEncoding::Latin1, false),
        (TextEncoding::Utf16Le, true),
        (TextEncoding::Utf16Be, false),
    ]);
    let signs = (
        prop::sample::select(vec![',', ';', '\t', '|', '~']),
        prop::sample::select(vec!['"', '\'', '`']),
        prop::sample::select(vec!["\n", "\r\n", "\r"]),
    );
    let options = (0..3_u32, any::<[bool; 3]>());
    (encodings, signs, options, 1..5_usize).prop_flat_map(
        |((encoding, has_mark), (delimiter, quote, line_end), (title_rows, flags), width)| {
            let letters = match encoding {
                TextEncoding::Latin1 => "[a-z0-9 ,;|~'\"`\t\r\n\u{a3}\u{eb}\u{ff}]{0,6}",
                TextEncoding::Windows1252 => "[a-z0-9 ,;|~'\"`\t\r\n\u{a3}\u{eb}€]{0,6}",
                _ => "[a-z0-9 ,;|~'\"`\t\r\nëश्र€𝄞]{0,6}",
            };
            let row = prop::collection::vec(letters, width);
            let [has_trailer, has_header, quotes_all] = flags;
            prop::collection::vec(row, 1..8).prop_map(move |rows| WrittenTable {
                rows,
                delimiter,
                quote,
                encoding,
                has_mark,
                line_end,
                title_rows,
                has_trailer,
                has_header,
                quotes_all,
            })
        },
    )
}

proptest! {
    #[test]
    fn a_file_in_any_dialect_is_read_back(table in tables()) {
        let found = read(&table.bytes(), &table.expected());
        prop_assert_eq!(found, Ok(table.values()));
    }

    /// In a file that is whole, quotes come in pairs: one that is missing is always noticed.
    #[test]
    fn a_quote_that_is_missing_is_refused(table in tables(), pick in any::<prop::sample::Index>()) {
        let text = table.text();
        let quotes: Vec<usize> = text.match_indices(table.quote).map(|(index, _)| index).collect();
        prop_assume!(!quotes.is_empty());
        let index = quotes[pick.index(quotes.len())];
        let damaged = text[..index].to_owned() + &text[index + 1..];
        let mut expected = table.expected();
        expected.dialect.encoding = TextEncoding::Utf8;
        prop_assert!(is_refused(damaged.as_bytes(), &expected), "{:?}", damaged);
    }

    #[test]
    fn a_row_with_a_field_more_or_less_is_refused(
        table in tables(), pick in any::<prop::sample::Index>(), more in any::<bool>()
    ) {
        let mut damaged = WrittenTable { has_header: false, has_trailer: false, ..table.clone() };
        let row = pick.index(damaged.rows.len());
        match more {
            true => damaged.rows[row].push("x".to_owned()),
            false => drop(damaged.rows[row].pop()),
        }
        prop_assume!(!damaged.rows[row].is_empty());
        damaged.rows.insert(0, table.header());
        let mut expected = damaged.expected();
        expected.dialect.names.clear();
        prop_assert!(is_refused(&damaged.bytes(), &expected));
    }

    /// A file that was cut off has another number of rows than its trailer says, or no trailer.
    #[test]
    fn a_file_that_is_cut_off_is_refused(table in tables(), pick in any::<prop::sample::Index>()) {
        let table = WrittenTable { has_trailer: true, encoding: TextEncoding::Utf8, ..table };
        let bytes = table.bytes();
        let length = pick.index(bytes.len() - table.line_end.len());
        prop_assert!(is_refused(&bytes[..length], &table.expected()));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for encoding in [TextEncoding::Utf8, TextEncoding::Windows1252, TextEncoding::Utf16Le] {
            let dialect = FileDialect { encoding, ..FileDialect::default() };
            let expected = FileExpectation { dialect, columns: Vec::new() };
            let _ = read(&bytes, &expected);
        }
    }
}

/// A file of these texts, and what its fault must name: the place, and the option that fits it.
type Damage = (
    &'static str,
    &'static [&'static str],
    &'static str,
    &'static str,
);

const DAMAGES: [Damage; 15] = [
    ("", &["id"], "rows.csv", "allow_empty"),
    ("id,name\n", &["id"], "no rows", "allow_empty"),
    ("id,name\n1,\"A\n2,B\n", &["id"], "line 2", "files.quote"),
    ("id,name\n1,\"A\"B\n", &["id"], "row 2", "files.quote"),
    (
        "id,name\n1,5\" pipe\n",
        &["id"],
        "line 2",
        "stray_quotes: keep",
    ),
    (
        "id,name\n1\n",
        &["id"],
        "row 2: 1 fields",
        "ragged_rows: pad",
    ),
    ("id,name\n1,A,B\n", &["id"], "row 2: 3 fields", "delimiter"),
    (
        "id,name,id\n1,A,2\n",
        &["id"],
        "columns 1 and 3",
        "files.names",
    ),
    ("id,,name\n1,A,2\n", &["id"], "column 2", "files.names"),
    ("id;name\n1;A\n", &["id"], "row 1", "files.delimiter: ';'"),
    ("id\tname\n1\tA\n", &["id"], "row 1", "files.delimiter: tab"),
    (
        "ID,Name\n1,A\n",
        &["id", "name"],
        "row 1",
        "header: ignore-case",
    ),
    ("Repairs\nid,name\n1,A\n", &["id"], "row 1", "skip_rows"),
    ("1,A\n2,B\n", &["id", "name"], "row 1", "files.names"),
    ("id\n1\n", &["id", "name"], "`name`", "files.optional"),
];

#[test]
fn what_does_not_fit_is_refused_with_row_and_option() {
    for (text, fields, place, option) in DAMAGES {
        let why = fault(text, &FileDialect::default(), fields);
        assert!(why.starts_with("rows.csv"), "{text:?}: {why}");
        assert!(
            why.contains(place) && why.contains(option),
            "{text:?}: {why}"
        );
        assert!(
            !why.contains("pipe") && !why.contains("Repairs"),
            "a value: {why}"
        );
    }
    let error = read(b"id,name\n1,Zo\xeb\n", &FileExpectation::default()).unwrap();
    let why = error[0].as_ref().unwrap_err();
    assert!(
        why.contains("row 2: byte 13") && why.contains("windows-1252"),
        "{why}"
    );
}

#[test]
fn a_row_that_is_no_header_is_told_with_the_row_that_is() {
    let text = "Repairs,,\nid,name,town\n1,A,A\n2,B,\n";
    for (skip_rows, taken, right) in [
        (0, "row 1: ", "skip_rows` is 0 and must be 1"),
        (2, "row 3: ", "skip_rows` is 2 and must be 1"),
        (3, "row 4: ", "skip_rows` is 3 and must be 1"),
    ] {
        let dialect = FileDialect {
            skip_rows,
            ..FileDialect::default()
        };
        let why = fault(text, &dialect, &["id", "name", "town"]);
        assert!(why.starts_with(&format!("rows.csv {taken}")), "{why}");
        assert!(why.contains(right), "{why}");
        assert!(
            why.contains("holds 0 of the contract's 3 columns; row 2 holds 3"),
            "{why}"
        );
    }

    // A file without any header: its first row holds a value twice.
    let why = fault("1,A,A\n", &FileDialect::default(), &["id", "name", "town"]);
    assert!(why.contains("0 of them declared"), "{why}");
    assert!(why.contains("files.names"), "{why}");
}

#[test]
fn a_header_is_no_row_of_a_file_whose_columns_are_named() {
    let dialect = FileDialect {
        names: ["id", "name", "town"].map(str::to_owned).to_vec(),
        ..FileDialect::default()
    };
    let why = fault("Id,Name,Place\n1,A,B\n", &dialect, &["id"]);
    assert!(
        why.contains("row 1: ") && why.contains("`files.skip_rows` is 0 and must be 1"),
        "{why}"
    );
    let expected = FileExpectation {
        dialect,
        columns: columns(&["id"]),
    };
    assert_eq!(read(b"1,A,B\n", &expected).unwrap().len(), 1);
}

#[test]
fn a_trailer_counts_the_rows() {
    let trailer = FileTrailer {
        first_field: "TRL".to_owned(),
        count_field: 2,
        beside: 0,
    };
    let dialect = FileDialect {
        trailer: Some(trailer),
        ..FileDialect::default()
    };
    for (text, place, option) in [
        ("id,n\n1,A\nTRL,2\n", "row 3", "trailer.beside"),
        ("id,n\n1,A\nTRL,x\n", "row 3", "count_field"),
        ("id,n\n1,A\n2,B\n", "last row", "files.trailer"),
        ("id,n\nTRL,0\n1,A\n", "row 2", "trailer"),
        ("id,n\n1,A\nTRL,1\n", "", ""),
    ] {
        let why = fault(text, &dialect, &["id"]);
        assert!(
            why.contains(place) && why.contains(option),
            "{text:?}: {why}"
        );
    }
}

#[test]
fn what_is_declared_is_read() {
    let dialect = FileDialect {
        header: HeaderCase::IgnoreCase,
        ragged_rows: RaggedRows::Pad,
        blank: vec!["N/A".to_owned(), "-".to_owned()],
        row_number: Some("row".to_owned()),
        file_name: Some("file".to_owned()),
        ..FileDialect::default()
    };
    let expected = FileExpectation {
        dialect,
        columns: columns(&["id", "name", "note"]),
    };
    let text = " ID ,NAME,Note,\n1,N/A\n2,-,x,,\n2,-,x,\n";
    let record = |id: &str, note: Value, row: &str| {
        Ok(json!({"id": id, "name": null, "note": note, "row": row, "file": "rows.csv"}))
    };
    assert_eq!(
        read(text.as_bytes(), &expected).unwrap(),
        [
            record("1", Value::Null, "1"),
            record("2", json!("x"), "2"),
            record("2", json!("x"), "3"),
        ]
    );
}

#[test]
fn an_apostrophe_before_a_text_is_a_mark_where_the_contract_says_so() {
    for (apostrophe_marks, id) in [(true, "09"), (false, "'09")] {
        let expected = FileExpectation {
            dialect: FileDialect {
                apostrophe_marks,
                ..FileDialect::default()
            },
            columns: columns(&["id", "name"]),
        };
        let found = read(b"id,name\n'09,O'Hara\n", &expected).unwrap();
        assert_eq!(found, [Ok(json!({"id": id, "name": "O'Hara"}))]);
    }
}

#[test]
fn a_row_or_header_over_a_limit_is_named() {
    let why = |text: String| read(text.as_bytes(), &FileExpectation::default()).unwrap_err();
    assert!(why(format!("{}\n", "a,".repeat(10_000))).contains("more than 10000 columns"));
    assert!(why("x".repeat(2 << 20)).contains("rows.csv row 1: more than 1048576 bytes"));

    let row = "x".repeat(1 << 19);
    let rows = format!("id\n{row}\n{row}\n{row}\n");
    let found = read(rows.as_bytes(), &FileExpectation::default()).unwrap();
    assert!(found.len() == 3 && found.iter().all(Result::is_ok));
}
