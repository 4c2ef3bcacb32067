//! A file's dialect as a contract writes it: what differs from the strictest reading.

use std::fmt::Write;

use super::OPEN;
use super::fields::quote_yaml_name;
use crate::dialect::{FileDialect, FileFormat, HeaderCase, RaggedRows, StrayQuotes, TextEncoding};

/// Writes the section `files` of a contract.
pub(super) fn write_dialect(out: &mut String, dialect: &FileDialect, remarks: &[String]) {
    out.push_str("      files:\n");
    for remark in remarks {
        let _ = writeln!(out, "        # {OPEN} {remark}");
    }
    for (option, value) in options(dialect) {
        let _ = writeln!(out, "        {option}: {value}");
    }
}

/// The options with their values.
fn options(dialect: &FileDialect) -> Vec<(&'static str, String)> {
    let flag = |is_set: bool, value: &str| is_set.then(|| value.to_owned());
    let number = |number: u32| (number > 0).then(|| number.to_string());
    let text = |text: &Option<String>| text.as_deref().map(quoted);
    let list = |texts: &[String]| {
        let quoted: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
        (!texts.is_empty()).then(|| format!("[{}]", quoted.join(", ")))
    };
    let trailer = dialect.trailer.as_ref().map(|trailer| {
        let first = quoted(&trailer.first_field);
        let (count, beside) = (trailer.count_field, trailer.beside);
        format!("{{first_field: {first}, count_field: {count}, beside: {beside}}}")
    });
    let encoding = dialect.encoding;
    let options = [
        (
            "format",
            dialect.format.map(|format| format_name(format).to_owned()),
        ),
        (
            "encoding",
            flag(encoding != TextEncoding::Utf8, encoding.name()),
        ),
        ("delimiter", text(&dialect.delimiter)),
        ("quote", text(&dialect.quote)),
        (
            "stray_quotes",
            flag(dialect.stray_quotes == StrayQuotes::Keep, "keep"),
        ),
        ("sheet", text(&dialect.sheet)),
        ("skip_rows", number(dialect.skip_rows)),
        (
            "header",
            flag(dialect.header == HeaderCase::IgnoreCase, "ignore-case"),
        ),
        ("names", list(&dialect.names)),
        ("optional", list(&dialect.optional)),
        (
            "ragged_rows",
            flag(dialect.ragged_rows == RaggedRows::Pad, "pad"),
        ),
        ("trailer", trailer),
        ("blank", list(&dialect.blank)),
        ("apostrophe_marks", flag(dialect.apostrophe_marks, "true")),
        ("decimal_comma", flag(dialect.decimal_comma, "true")),
        (
            "file_name",
            dialect.file_name.as_deref().map(quote_yaml_name),
        ),
        (
            "row_number",
            dialect.row_number.as_deref().map(quote_yaml_name),
        ),
        ("allow_empty", flag(dialect.allow_empty, "true")),
    ];
    let set = options.into_iter();
    set.filter_map(|(option, value)| Some((option, value?)))
        .collect()
}

fn format_name(format: FileFormat) -> &'static str {
    match format {
        FileFormat::Csv => "csv",
        FileFormat::Json => "json",
        FileFormat::Parquet => "parquet",
        FileFormat::Xlsx => "xlsx",
    }
}

/// A text as YAML takes it, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
