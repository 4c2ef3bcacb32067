//! A row group whose columns were checked, as the file that the Arrow reader decodes: the port
//! through which Parquet's reader takes pages that are in no file.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use parquet::bloom_filter::Sbbf;
use parquet::column::page::PageReader;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{
    FileMetaData, ParquetMetaData, ParquetMetaDataBuilder, RowGroupMetaData,
};
use parquet::file::reader::{FileReader, RowGroupReader};
use parquet::record::reader::RowIter;
use parquet::schema::types::Type as SchemaType;

/// The pages of the columns that are to be decoded, by the column's number.
pub(super) type CheckedColumns = HashMap<usize, Box<dyn PageReader>>;

/// One row group. Each column is read once.
pub(super) struct CheckedGroup {
    metadata: ParquetMetaData,
    columns: Mutex<CheckedColumns>,
}

impl CheckedGroup {
    /// The group of a file with these pages, as a file of its own.
    pub(super) fn as_file(
        file: &FileMetaData,
        group: &RowGroupMetaData,
        columns: CheckedColumns,
    ) -> Arc<dyn FileReader> {
        let file = FileMetaData::new(
            file.version(),
            group.num_rows(),
            None,
            None,
            file.schema_descr_ptr(),
            None,
        );
        Arc::new(Self {
            metadata: ParquetMetaDataBuilder::new(file)
                .add_row_group(group.clone())
                .build(),
            columns: Mutex::new(columns),
        })
    }
}

fn unsupported<T>() -> ParquetResult<T> {
    let what = "rows are read as batches only";
    Err(ParquetError::General(what.into()))
}

impl FileReader for CheckedGroup {
    fn metadata(&self) -> &ParquetMetaData {
        &self.metadata
    }

    fn num_row_groups(&self) -> usize {
        1
    }

    fn get_row_group(&self, _index: usize) -> ParquetResult<Box<dyn RowGroupReader + '_>> {
        Ok(Box::new(GroupColumns(self)))
    }

    fn get_row_iter(&self, _projection: Option<SchemaType>) -> ParquetResult<RowIter<'_>> {
        unsupported()
    }
}

/// The group's columns.
struct GroupColumns<'g>(&'g CheckedGroup);

impl RowGroupReader for GroupColumns<'_> {
    fn metadata(&self) -> &RowGroupMetaData {
        self.0.metadata.row_group(0)
    }

    fn num_columns(&self) -> usize {
        self.metadata().num_columns()
    }

    fn get_column_page_reader(&self, index: usize) -> ParquetResult<Box<dyn PageReader>> {
        let columns = self.0.columns.lock();
        let found = columns
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&index);
        found.ok_or_else(|| ParquetError::General(format!("column {index} was not checked")))
    }

    fn get_column_bloom_filter(&self, _index: usize) -> Option<&Sbbf> {
        None
    }

    fn get_row_iter(&self, _projection: Option<SchemaType>) -> ParquetResult<RowIter<'_>> {
        unsupported()
    }
}
