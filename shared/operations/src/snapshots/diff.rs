//! A merge join of two sorted days: each row group of theirs that may differ is read once.

use std::cmp::Ordering;
use std::sync::Arc;

use store::ObjectStore;

use super::days::shared;
use super::differences::{Show, What};
use super::pairs::Pair;
use super::stream::{Key, Rest, Rows};
use super::tally::{TableDiff, Tally};
use crate::Failed;

impl Pair<'_> {
    /// Compares the days. Shards that are the same file on both are not read. `progress` is told of bytes that came.
    ///
    /// # Errors
    /// When the storage does not answer, or a file is damaged; the error names it.
    pub async fn diff(
        &self,
        curated: &Arc<dyn ObjectStore>,
        show: Show,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<TableDiff, Failed> {
        let [old, new] = self.unshared();
        let shards_read = old.len() + new.len();
        let mut tally = Tally::new(self.table, show);
        join(
            Rows::new(curated, old, progress),
            Rows::new(curated, new, progress),
            &mut tally,
        )
        .await?;
        Ok(TableDiff {
            rows_before: self.old.rows,
            rows_after: self.new.rows,
            shards_shared: shared(&self.old, &self.new),
            shards_read,
            ..tally.finish()
        })
    }
}

async fn join(mut old: Rows<'_>, mut new: Rows<'_>, tally: &mut Tally<'_>) -> Result<(), Failed> {
    loop {
        let (passed_old, passed_new) = match (old.rest().await?, new.rest().await?) {
            (None, None) => return Ok(()),
            (Some(gone), None) => one_sided(What::Removed, gone, None, tally)?,
            (None, Some(came)) => one_sided(What::Added, came, None, tally)?,
            (Some(before), Some(after)) => match before.key(0).cmp(&after.key(0)) {
                Ordering::Less => one_sided(What::Removed, before, Some(after.key(0)), tally)?,
                Ordering::Greater => one_sided(What::Added, after, Some(before.key(0)), tally)?,
                Ordering::Equal => both(before, after, tally)?,
            },
        };
        old.pass(passed_old);
        new.pass(passed_new);
    }
}

/// Takes the rows before a key, or all that are left; says how many of the old day and of the new one.
fn one_sided(
    what: What,
    rest: Rest<'_>,
    until: Option<Key<'_>>,
    tally: &mut Tally<'_>,
) -> Result<(usize, usize), Failed> {
    let before = |row: &usize| until.is_none_or(|until| rest.key(*row) < until);
    let rows = (0..rest.len()).take_while(before).count();
    tally.one_sided(what, rest, rows)?;
    Ok(if what == What::Removed {
        (rows, 0)
    } else {
        (0, rows)
    })
}

/// Takes the rows whose keys stand side by side on both days.
fn both(old: Rest<'_>, new: Rest<'_>, tally: &mut Tally<'_>) -> Result<(usize, usize), Failed> {
    let together = old.len().min(new.len());
    let rows = (0..together)
        .take_while(|row| old.key(*row) == new.key(*row))
        .count();
    tally.both(old, new, rows)?;
    Ok((rows, rows))
}
