//! How a row in the refined zone changes the snapshot.

/// How a refined row changes the snapshot's row of the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RowOperation {
    /// The full row, as it now is.
    Upsert,
    /// Some fields of the row; the others stay as they were.
    Patch,
    /// The row is deleted, and an older change does not bring it back.
    Delete,
    /// Not a row: the owner's set of rows is replaced, and rows of it that are not repeated are
    /// deleted.
    Replace,
}

impl RowOperation {
    /// The letter in the refined zone's `_op` column.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Upsert => "u",
            Self::Patch => "p",
            Self::Delete => "d",
            Self::Replace => "r",
        }
    }

    /// The operation of a letter, or none when no operation has it.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        [Self::Upsert, Self::Patch, Self::Delete, Self::Replace]
            .into_iter()
            .find(|op| op.code() == code)
    }
}
