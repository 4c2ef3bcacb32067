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

/// The lines for files below a root, which is a folder of this machine or `s3://` and a bucket.
#[must_use]
pub fn reader_snippets(root: &str, keys: &[&str]) -> Vec<ReaderSnippet> {
    let files: Vec<String> = keys.iter().map(|key| format!("{root}/{key}")).collect();
    let reading = |reader, line| ReaderSnippet { reader, line };
    vec![
        // The folders of a shard look like partitions to DuckDB and Polars, which would make columns of them.
        reading(
            "DuckDB",
            format!(
                "SELECT * FROM read_parquet([{}], hive_partitioning = false)",
                join_quoted(&files, quote_sql)
            ),
        ),
        reading("PyArrow", pyarrow_snippet(&files)),
        reading(
            "Polars",
            format!(
                "import polars as pl; pl.scan_parquet([{}], hive_partitioning=False).collect()",
                join_quoted(&files, quote_python)
            ),
        ),
        reading(
            "Spark",
            format!("spark.read.parquet({})", join_quoted(&files, quote_python)),
        ),
    ]
}

/// A list of files is read from one file system, which `PyArrow` does not find out by itself.
fn pyarrow_snippet(files: &[String]) -> String {
    let of_bucket: Option<Vec<String>> = files
        .iter()
        .map(|file| file.strip_prefix("s3://").map(str::to_owned))
        .collect();
    match of_bucket.filter(|files| !files.is_empty()) {
        Some(files) => format!(
            "import pyarrow.dataset as ds, pyarrow.fs as fs; ds.dataset([{}], format=\"parquet\", filesystem=fs.S3FileSystem()).to_table()",
            join_quoted(&files, quote_python)
        ),
        None => format!(
            "import pyarrow.dataset as ds; ds.dataset([{}], format=\"parquet\").to_table()",
            join_quoted(files, quote_python)
        ),
    }
}

fn join_quoted(files: &[String], quoted: impl Fn(&str) -> String) -> String {
    files
        .iter()
        .map(|file| quoted(file))
        .collect::<Vec<_>>()
        .join(", ")
}

fn quote_sql(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A JSON text is a Python text.
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
