//! A day's report, for machines. The pages are made from it.

use std::collections::BTreeMap;

use lake::{Manifest, Verdict};
use serde::{Deserialize, Serialize};

use crate::books::Books;

/// Everything that is said of a day.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// The logical day.
    pub date: String,
    /// What became of the records, by source.
    pub sources: Books,
    /// The snapshots, by table.
    pub tables: BTreeMap<String, Manifest>,
}

impl Report {
    /// Rules by verdict: passed, warned, failed.
    #[must_use]
    pub fn verdicts(&self) -> (usize, usize, usize) {
        let rules = || self.tables.values().flat_map(|manifest| &manifest.rules);
        let count = |verdict: Verdict| rules().filter(|rule| rule.verdict == verdict).count();
        (count(Verdict::Pass), count(Verdict::Warn), count(Verdict::Fail))
    }

    /// Whether every source's books close.
    #[must_use]
    pub fn books_close(&self) -> bool {
        self.sources.values().all(crate::SourceBooks::close)
    }
}
