//! What an audit covers.

use lake::Day;

/// Which days an audit covers, and whether it reads every object.
#[derive(Clone, Copy, Debug, Default)]
pub struct AuditScope {
    /// The first day; from the beginning when there is none.
    pub from: Option<Day>,
    /// The last day; up to the end when there is none.
    pub to: Option<Day>,
    /// Whether the audit reads every object, not only its metadata.
    pub deep: bool,
}

impl AuditScope {
    /// Whether every day is of the scope.
    pub(super) fn is_whole(&self) -> bool {
        self.from.is_none() && self.to.is_none()
    }

    /// Whether a date is one of the scope's. A text that is no date counts as one: its object must
    /// not be left out.
    pub(super) fn contains_date(&self, date: &str) -> bool {
        let Some(day) = Day::parse(date) else {
            return true;
        };
        self.from.is_none_or(|from| from <= day) && self.to.is_none_or(|to| day <= to)
    }
}
