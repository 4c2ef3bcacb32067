//! Reads over a Parquet footer before it is decoded: how much is in it, and how deep it is nested.

use super::thrift::{CompactReader, FieldHeader, damaged, kind};
use crate::LakeError;
use crate::limits::{ParquetLimits, check_limit};

/// How deep columns may be nested. The reader follows them by recursion, in 2 MB of stack.
const SCHEMA_DEPTH_MAX: u64 = 32;

/// Column chunks and other structs of a footer for which memory is allocated before they are read,
/// some 500 bytes each.
const STRUCTS_MAX: u64 = 200_000;

/// Parquet's structs in which further ones are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum FooterStruct {
    File,
    SchemaElement,
    RowGroup,
    ColumnChunk,
    ColumnData,
    Other,
}

/// The fields whose types are known, as numbers of [`kind`] by field id from 1 on; 0 where there is
/// none. A footer that has another type there would be read one way here and another way by the
/// reader.
fn known_kinds(of: FooterStruct) -> &'static [u8] {
    match of {
        FooterStruct::File => &[5, 9, 6, 9, 9, 8, 9, 12, 8],
        FooterStruct::SchemaElement => &[5, 5, 5, 8, 5, 5, 5, 5, 5, 12],
        FooterStruct::RowGroup => &[9, 6, 6, 9, 6, 6, 4],
        FooterStruct::ColumnChunk => &[8, 6, 12, 6, 5, 6, 5, 12, 8],
        FooterStruct::ColumnData => &[5, 9, 9, 5, 6, 6, 6, 9, 6, 6, 6, 12, 9, 6, 5, 12, 12],
        FooterStruct::Other => &[],
    }
}

/// The struct, or the struct in the list, that a field has.
fn inner_struct(of: FooterStruct, id: i16) -> FooterStruct {
    match (of, id) {
        (FooterStruct::File, 2) => FooterStruct::SchemaElement,
        (FooterStruct::File, 4) => FooterStruct::RowGroup,
        (FooterStruct::RowGroup, 1) => FooterStruct::ColumnChunk,
        (FooterStruct::ColumnChunk, 3) => FooterStruct::ColumnData,
        _ => FooterStruct::Other,
    }
}

/// Refuses a footer that is not what a writer gives, or that holds more than the limits.
///
/// # Errors
/// When it is damaged or over a limit.
pub(super) fn check_footer(footer: &[u8], limits: &ParquetLimits) -> Result<(), LakeError> {
    let mut walk = FooterWalk {
        reader: CompactReader::new(footer),
        structs: 0,
        children: Vec::new(),
    };
    walk.walk_struct(FooterStruct::File)?;
    check_schema(&walk.children, limits)
}

struct FooterWalk<'f> {
    reader: CompactReader<&'f [u8]>,
    structs: u64,
    /// How many children each element of the schema has, in their order.
    children: Vec<i32>,
}

impl FooterWalk<'_> {
    fn walk_struct(&mut self, of: FooterStruct) -> Result<(), LakeError> {
        let mut last_id = 0;
        if of == FooterStruct::SchemaElement {
            self.children.push(0);
        }
        while let Some(field) = self.reader.read_field(last_id)? {
            check_kind(of, field)?;
            self.walk_field(of, field)?;
            last_id = field.id;
        }
        Ok(())
    }

    fn walk_field(&mut self, of: FooterStruct, field: FieldHeader) -> Result<(), LakeError> {
        let inner = inner_struct(of, field.id);
        match field.kind {
            kind::LIST if inner != FooterStruct::Other => self.walk_list(inner),
            kind::STRUCT if inner != FooterStruct::Other => self.walk_struct(inner),
            kind::I32 if of == FooterStruct::SchemaElement && field.id == 5 => {
                let count = self.reader.read_i32()?;
                if let Some(last) = self.children.last_mut() {
                    *last = count;
                }
                Ok(())
            }
            _ => self.reader.skip_field(field),
        }
    }

    fn walk_list(&mut self, inner: FooterStruct) -> Result<(), LakeError> {
        let (length, item_kind) = self.reader.read_list()?;
        self.structs = self.structs.saturating_add(length);
        check_limit(
            "the footer has",
            self.structs,
            STRUCTS_MAX,
            "columns, row groups and chunks",
        )?;
        if length > 0 && item_kind != kind::STRUCT {
            return Err(damaged("has a list of another type"));
        }
        (0..length).try_for_each(|_| self.walk_struct(inner))
    }
}

fn check_kind(of: FooterStruct, field: FieldHeader) -> Result<(), LakeError> {
    let index = usize::try_from(field.id - 1).ok();
    let known = index.and_then(|index| known_kinds(of).get(index));
    match known {
        Some(known) if *known != field.kind => Err(damaged("has a field of another type")),
        _ => Ok(()),
    }
}

fn check_schema(children: &[i32], limits: &ParquetLimits) -> Result<(), LakeError> {
    let mut columns = 0;
    let mut unread: Vec<i32> = Vec::new();
    for count in children {
        while unread.pop_if(|unread| *unread <= 0).is_some() {}
        if let Some(unread) = unread.last_mut() {
            *unread -= 1;
        }
        match count {
            1.. => unread.push(*count),
            _ => columns += 1,
        }
        check_limit(
            "the schema is nested",
            unread.len() as u64,
            SCHEMA_DEPTH_MAX,
            "deep",
        )?;
    }
    check_limit("the file has", columns, limits.columns, "columns")
}
