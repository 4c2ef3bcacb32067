//! How others read exactly the files of a day, in one line each.

use serde::Serialize;

/// A reader, and what is typed into it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReaderSnippet {
    /// The reader.
    pub reader: &'static str,
    /// What to type: SQL for DuckDB, Python for the others.
    pub line: String,
}

impl ReaderSnippet {
    fn new(reader: &'static str, line: String) -> Self {
        Self { reader, line }
    }
}

/// The lines for files below a root, which is a folder of this machine or `s3://` and a bucket.
#[must_use]
pub fn reader_snippets(root: &str, keys: &[&str]) -> Vec<ReaderSnippet> {
    let files: Vec<String> = keys.iter().map(|key| format!("{root}/{key}")).collect();
    let sql_files = join_quoted(&files, quote_sql);
    let python_files = join_quoted(&files, quote_python);

    // DuckDB and Polars would take the folders of a shard for partitions, and make columns of them.
    let duckdb = format!("SELECT * FROM read_parquet([{sql_files}], hive_partitioning = false)");
    let polars = format!(
        "import polars as pl; pl.scan_parquet([{python_files}], hive_partitioning=False).collect()"
    );
    vec![
        ReaderSnippet::new("DuckDB", duckdb),
        ReaderSnippet::new("PyArrow", pyarrow_snippet(&files)),
        ReaderSnippet::new("Polars", polars),
        ReaderSnippet::new("Spark", format!("spark.read.parquet({python_files})")),
    ]
}

/// `PyArrow` reads a list of files from one file system, which the line must name.
fn pyarrow_snippet(files: &[String]) -> String {
    let bucket_keys: Option<Vec<String>> = files
        .iter()
        .map(|file| file.strip_prefix("s3://").map(str::to_owned))
        .collect();

    match bucket_keys.filter(|keys| !keys.is_empty()) {
        Some(keys) => format!(
            "import pyarrow.dataset as ds, pyarrow.fs as fs; \
             ds.dataset([{}], format=\"parquet\", filesystem=fs.S3FileSystem()).to_table()",
            join_quoted(&keys, quote_python)
        ),
        None => format!(
            "import pyarrow.dataset as ds; ds.dataset([{}], format=\"parquet\").to_table()",
            join_quoted(files, quote_python)
        ),
    }
}

fn join_quoted(files: &[String], quote: impl Fn(&str) -> String) -> String {
    let quoted: Vec<String> = files.iter().map(|file| quote(file)).collect();
    quoted.join(", ")
}

fn quote_sql(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A JSON string is a Python string literal.
fn quote_python(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(root: &str, reader: &str) -> String {
        let lines = reader_snippets(root, &["a.parquet", "b.parquet"]);
        lines
            .into_iter()
            .find(|reading| reading.reader == reader)
            .unwrap()
            .line
    }

    #[test]
    fn names_are_quoted_as_each_reader_wants_it() {
        let odd = "/tmp/o'\"clock";
        assert!(line(odd, "DuckDB").contains("'/tmp/o''\"clock/a.parquet', '/tmp"));
        assert_eq!(
            line(odd, "Spark"),
            r#"spark.read.parquet("/tmp/o'\"clock/a.parquet", "/tmp/o'\"clock/b.parquet")"#
        );
    }

    #[test]
    fn a_bucket_is_read_over_s3() {
        assert!(line("s3://curated", "Polars").contains(r#""s3://curated/a.parquet""#));
        let arrow = line("s3://curated", "PyArrow");
        assert!(
            arrow.contains(r#"["curated/a.parquet", "#) && arrow.contains("S3FileSystem"),
            "{arrow}"
        );
        assert!(!line("/lake", "PyArrow").contains("S3"));
    }
}
