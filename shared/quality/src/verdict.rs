//! The verdict of an expectation on one row.

use arrow_array::RecordBatch;

/// The verdict of an expectation on one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowVerdict {
    /// The expectation does not apply to the row, such as a pattern where the value is null.
    NotApplicable,
    /// The row meets the expectation.
    Passed,
    /// The row does not meet the expectation.
    Failed,
}

impl RowVerdict {
    pub(crate) fn from_bool(holds: bool) -> Self {
        if holds { Self::Passed } else { Self::Failed }
    }

    pub(crate) fn from_optional_bool(holds: Option<bool>) -> Self {
        holds.map_or(Self::NotApplicable, Self::from_bool)
    }

    /// Combines the verdicts of several expectations on one row: one that fails fails all of them,
    /// and without any that applies the combination does not apply.
    pub(crate) fn combine(verdicts: impl Iterator<Item = Self>) -> Self {
        let mut combined = Self::NotApplicable;
        for verdict in verdicts {
            match verdict {
                Self::Failed => return Self::Failed,
                Self::Passed => combined = Self::Passed,
                Self::NotApplicable => {}
            }
        }
        combined
    }
}

/// The verdicts of an expectation that applies to no row of the batch.
pub(crate) fn not_applicable(batch: &RecordBatch) -> Vec<RowVerdict> {
    vec![RowVerdict::NotApplicable; batch.num_rows()]
}
