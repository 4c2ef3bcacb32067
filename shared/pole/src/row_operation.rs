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
    /// Not a row: a record's whole state, from which the merge makes its rows.
    RecordState,
    /// Not a row: some fields of a record. They change nothing while the record is
    /// deleted.
    RecordPatch,
    /// Not a row: some fields of a record, which begin a new one where it is
    /// deleted.
    RecordCreate,
    /// Not a row: that a record is deleted.
    RecordDelete,
}

impl RowOperation {
    /// Every operation.
    const ALL: [Self; 8] = [
        Self::Upsert,
        Self::Patch,
        Self::Delete,
        Self::Replace,
        Self::RecordState,
        Self::RecordPatch,
        Self::RecordCreate,
        Self::RecordDelete,
    ];

    /// The letter in the refined zone's `_op` column.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Upsert => "u",
            Self::Patch => "p",
            Self::Delete => "d",
            Self::Replace => "r",
            Self::RecordState => "S",
            Self::RecordPatch => "P",
            Self::RecordCreate => "C",
            Self::RecordDelete => "D",
        }
    }

    /// The operation of a letter, or none when no operation has it.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|op| op.code() == code)
    }

    /// Whether it is no row but says something of a record.
    #[must_use]
    pub fn is_statement(self) -> bool {
        self.is_whole_statement() || self.is_partial_statement()
    }

    /// Whether it states all of a record, or that the record is deleted: then nothing earlier
    /// matters.
    #[must_use]
    pub fn is_whole_statement(self) -> bool {
        matches!(self, Self::RecordState | Self::RecordDelete)
    }

    /// Whether it states some fields of a record.
    #[must_use]
    pub fn is_partial_statement(self) -> bool {
        matches!(self, Self::RecordPatch | Self::RecordCreate)
    }
}
