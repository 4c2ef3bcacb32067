//! What the assembler holds, and that it gives the same rows whatever it releases.

use arrow_array::cast::AsArray;
use arrow_schema::{DataType, Field, Schema};

use super::*;

fn text_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("name", DataType::Utf8, true)]))
}

/// An assembler of one text column, in batches of ten rows.
fn text_assembler() -> RowAssembler {
    RowAssembler::new(&text_schema(), &text_schema(), 10)
}

/// A batch of the texts from `from` to `to`.
fn text_batch(from: usize, to: usize) -> RecordBatch {
    let texts = StringArray::from_iter_values((from..to).map(|number| number.to_string()));
    RecordBatch::try_new(text_schema(), vec![Arc::new(texts)]).unwrap()
}

fn read_texts(batch: &RecordBatch) -> Vec<String> {
    let texts = batch.column(0).as_string::<i32>().iter();
    texts.flatten().map(str::to_owned).collect()
}

/// The rows of the sources that the assembler holds.
fn held_rows(assembler: &RowAssembler) -> usize {
    assembler.sources.iter().map(RecordBatch::num_rows).sum()
}

#[test]
fn a_batch_is_released_with_its_last_pending_row() {
    let mut assembler = text_assembler();
    let mut assembled = Vec::new();
    for from in (0..160).step_by(8) {
        let source = assembler.add_source(text_batch(from, from + 8));
        assembler.append_rows(source, 0, 8);
        while let Some(batch) = assembler.next_rows_batch(false).unwrap() {
            assembled.extend(read_texts(&batch));
        }
        assembler.release_sources().unwrap();

        // Fewer than ten rows are pending: they are in two batches at most.
        let held = held_rows(&assembler);
        assert!(held <= 2 * 8, "{held} rows are held");
    }

    let expected: Vec<String> = (0..160).map(|number| number.to_string()).collect();
    assert_eq!(assembled, expected);
}

#[test]
fn rows_that_patches_and_later_days_need_keep_their_batches() {
    let mut assembler = text_assembler();
    let patched = assembler.add_source(text_batch(0, 1));
    let patch = assembler.add_source(text_batch(100, 101));
    let unused = assembler.add_source(text_batch(200, 201));
    assembler.append_resolved_row(ResolvedRow {
        key: ("0", "source"),
        latest: (patch, 0),
        full_row: Some((patched, 0)),
        patches: vec![((patch, 0), "name")],
        changed: true,
    });
    assembler.release_sources().unwrap();

    let held: Vec<usize> = assembler
        .sources
        .iter()
        .map(RecordBatch::num_rows)
        .collect();
    assert_eq!(held, [1, 1, 0], "only source {unused} has no pending row");
}
