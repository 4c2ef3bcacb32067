//! How a source's files are written, as its contract declares it in `files`. What is not declared
//! is the strictest reading: a file that does not fit is refused with the option that would fit it.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::locator::ProblemLocator;
use crate::problem::Problem;

/// How the source's files are written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FileDialect {
    /// What the files are, whatever their names say; without it the ends of their names say it.
    pub format: Option<FileFormat>,
    /// How the bytes of CSV and JSON files are letters.
    pub encoding: TextEncoding,
    /// The character between two fields of a CSV file; `tab` is one too. A comma by default, a tab
    /// in files called `.tsv`.
    pub delimiter: Option<String>,
    /// The character around texts of a CSV file, `"` by default; `none` where a quote is a
    /// character like every other.
    pub quote: Option<String>,
    /// What becomes of a quote within a field that does not begin with one.
    pub stray_quotes: StrayQuotes,
    /// Rows before the header: a title, or when the file was made.
    pub skip_rows: u32,
    /// How the names of the header are compared with the declared fields. Spaces around them never
    /// count.
    pub header: HeaderCase,
    /// The names of the columns, in their order, of files without a header.
    pub names: Vec<String>,
    /// Declared fields that a file may lack.
    pub optional: Vec<String>,
    /// What becomes of a row with another number of fields than the header.
    pub ragged_rows: RaggedRows,
    /// The last row, which says how many rows there are.
    pub trailer: Option<FileTrailer>,
    /// Texts that stand for "no value", such as `N/A` and `-`.
    pub blank: Vec<String>,
    /// Whether an apostrophe before a text is a mark of spreadsheets, as in '09, and no part of it.
    pub apostrophe_marks: bool,
    /// Whether numbers have a comma as their point, as in 1.234,56.
    pub decimal_comma: bool,
    /// The declared field that gets the row's number: 1 is the first row behind the header.
    pub row_number: Option<String>,
    /// The declared field that gets the file's name.
    pub file_name: Option<String>,
    /// The sheet of a workbook; the only one by default.
    pub sheet: Option<String>,
    /// Whether a file may have no rows at all.
    pub allow_empty: bool,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FileFormat {
    /// Rows of texts with a delimiter between them.
    Csv,
    /// JSON documents: one on each line, several, or a list of them; exports of DynamoDB too.
    Json,
    /// Parquet.
    Parquet,
    /// A workbook of Excel, of which one sheet is read.
    Xlsx,
}

/// How bytes are letters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum TextEncoding {
    /// UTF-8, with or without a byte order mark.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// The encoding of Windows in western Europe.
    #[serde(rename = "windows-1252")]
    Windows1252,
    /// Latin 1, in which the bytes 80 to 9F are no letters.
    #[serde(rename = "iso-8859-1")]
    Latin1,
    /// UTF-16, the lower byte first: what Windows calls Unicode.
    #[serde(rename = "utf-16le")]
    Utf16Le,
    /// UTF-16, the higher byte first.
    #[serde(rename = "utf-16be")]
    Utf16Be,
}

impl TextEncoding {
    /// The encoding as contracts write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Windows1252 => "windows-1252",
            Self::Latin1 => "iso-8859-1",
            Self::Utf16Le => "utf-16le",
            Self::Utf16Be => "utf-16be",
        }
    }
}

/// What becomes of a quote within a field that does not begin with one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StrayQuotes {
    /// The file is refused: the quote that began the field may be lost.
    #[default]
    Refuse,
    /// It is a part of the text.
    Keep,
}

/// How the names of a header are compared with the declared fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HeaderCase {
    /// Letter by letter.
    #[default]
    Exact,
    /// `NAME` and `Name` are one.
    IgnoreCase,
}

/// What becomes of a row with another number of fields than the header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RaggedRows {
    /// It is not sent: a delimiter within a text may have moved its values.
    #[default]
    Refuse,
    /// Fields that are missing at its end are blank, and blank ones beyond the header are left out.
    Pad,
}

/// The last row of a file, which says how many rows there are.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileTrailer {
    /// What its first field holds, such as `TRL`.
    pub first_field: String,
    /// The number of the field with the count, from 1.
    pub count_field: u32,
    /// How many rows the count has beside the data: 2 where it counts header and trailer too.
    #[serde(default)]
    pub beside: u32,
}

/// The character that a name or a text of one character stands for.
fn named_character(text: &str) -> Option<u8> {
    match text.as_bytes() {
        b"tab" => Some(b'\t'),
        [byte] if byte.is_ascii() && !matches!(byte, b'\r' | b'\n' | 0) => Some(*byte),
        _ => None,
    }
}

impl FileDialect {
    /// The delimiter, where the contract declares one.
    #[must_use]
    pub fn delimiter_byte(&self) -> Option<u8> {
        named_character(self.delimiter.as_deref()?)
    }

    /// The quote; none where quotes are characters like every other.
    #[must_use]
    pub fn quote_byte(&self) -> Option<u8> {
        match self.quote.as_deref() {
            None => Some(b'"'),
            Some(text) => named_character(text),
        }
    }

    /// Refuses a dialect that no file can be written in.
    pub(crate) fn check(&self, locator: &ProblemLocator<'_>) -> Result<(), Problem> {
        self.check_characters()
            .and_then(|()| self.check_names())
            .and_then(|()| self.check_trailer())
            .map_err(|(word, why)| locator.problem_in("files", word, why))
    }

    fn check_characters(&self) -> Result<(), (&'static str, String)> {
        let delimiter = self.delimiter.as_deref();
        if delimiter.is_some_and(|text| named_character(text).is_none()) {
            let why = "`delimiter` is one character of ASCII such as ';', or tab";
            return Err(("delimiter", why.to_owned()));
        }
        let quote = self.quote.as_deref().filter(|quote| *quote != "none");
        if quote.is_some_and(|text| named_character(text).is_none()) {
            return Err((
                "quote",
                "`quote` is one character such as '\"', or none".to_owned(),
            ));
        }
        if self.quote_byte().is_some() && self.quote_byte() == self.delimiter_byte() {
            let why = "`delimiter` and `quote` are the same character".to_owned();
            return Err(("delimiter", why));
        }
        Ok(())
    }

    fn check_names(&self) -> Result<(), (&'static str, String)> {
        let mut seen = BTreeSet::new();
        for name in &self.names {
            if name.trim().is_empty() || !seen.insert(name.trim()) {
                let why = format!("`names` has `{name}` twice, or a name that is blank");
                return Err(("names", why));
            }
        }
        Ok(())
    }

    fn check_trailer(&self) -> Result<(), (&'static str, String)> {
        match &self.trailer {
            Some(trailer) if trailer.count_field == 0 => {
                let why = "`count_field` is the field's number, from 1".to_owned();
                Err(("count_field", why))
            }
            Some(trailer) if trailer.first_field.trim().is_empty() => {
                let why = "`first_field` says by which text the trailer begins".to_owned();
                Err(("first_field", why))
            }
            _ => Ok(()),
        }
    }

    /// The declared fields that the dialect names.
    pub(crate) fn named_fields(&self) -> impl Iterator<Item = &String> {
        let added = self.row_number.iter().chain(&self.file_name);
        self.names.iter().chain(&self.optional).chain(added)
    }

    /// Whether a field gets its value from the reader and not from the file's columns.
    pub(crate) fn adds_field(&self, name: &str) -> bool {
        [&self.row_number, &self.file_name]
            .into_iter()
            .any(|added| added.as_deref() == Some(name))
    }
}
