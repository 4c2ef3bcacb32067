//! Rows that a merge makes itself, collected while a window is merged: they are a source of the
//! assembler's beside the batches that were read.

use contract::TableContract;
use lake::{LakeError, TableBuilder};

use crate::assemble::RowAssembler;
use crate::resolve::RowRef;

/// The rows that are made for the window.
pub(crate) struct BuiltRows {
    table: TableContract,
    /// The rows, and the place that they will have among the assembler's sources.
    built: Option<(usize, TableBuilder)>,
}

impl BuiltRows {
    pub(crate) fn new(table: &TableContract) -> Self {
        Self {
            table: table.clone(),
            built: None,
        }
    }

    /// Adds the row that `append` appends; returns where it will be.
    pub(crate) fn add_row(
        &mut self,
        assembler: &mut RowAssembler,
        append: impl FnOnce(&mut TableBuilder),
    ) -> RowRef {
        let table = &self.table;
        let (source, builder) = self
            .built
            .get_or_insert_with(|| (assembler.reserve_source(), TableBuilder::new(table)));
        let row = builder.row_count();
        append(builder);
        (*source, row)
    }

    /// Gives the window's rows to the assembler.
    pub(crate) fn finish_window(&mut self, assembler: &mut RowAssembler) -> Result<(), LakeError> {
        if let Some((source, builder)) = self.built.take() {
            assembler.fill_source(source, builder.finish_batch()?);
        }
        Ok(())
    }
}
