//! What is true of one record: every statement about it in, its rows out.
//!
//! Pure. The result does not depend on the order in which statements arrive, nor on repeats, nor on how they are
//! spread over days: what is needed later (tombstones, patches, emptied sets) is given back as state.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use pole::{LogPosition, Precedence, RowOperation};

/// Where a statement's row lies: which batch, which row.
pub type RowRef = (usize, usize);

/// Where a statement comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeOrigin {
    /// The base's snapshot.
    Base,
    /// What the base's merge remembered.
    State,
    /// Today's increments.
    Increment,
}

/// One statement about a row.
#[derive(Clone, Copy, Debug)]
pub struct ChangeRecord<'s> {
    /// The row's id.
    pub pole_id: &'s str,
    /// The source.
    pub source: &'s str,
    /// The owner's set; none for a record of its own.
    pub set: Option<&'s str>,
    /// What it does.
    pub op: RowOperation,
    /// The event that makes it.
    pub event_id: &'s str,
    /// Its rank.
    pub precedence: Precedence,
    /// What a patch carries.
    pub changed_columns: Option<&'s str>,
    /// Where its row lies.
    pub row_ref: RowRef,
    /// Where it comes from.
    pub origin: ChangeOrigin,
}

/// A row of the snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedRow<'s> {
    /// The row's key: (pole_id, source).
    pub key: (&'s str, &'s str),
    /// The latest statement: the provenance is its.
    pub latest: RowRef,
    /// The whole row that the patches are laid over; none when no whole row was ever stated.
    pub full_row: Option<RowRef>,
    /// Patches in their order, with the columns that they carry.
    pub patches: Vec<(RowRef, &'s str)>,
    /// Whether today's statements had a part in it.
    pub changed: bool,
}

/// What a fold gives.
#[derive(Debug, Default)]
pub struct Resolved<'s> {
    /// The rows that readers see, by key.
    pub rows: Vec<ResolvedRow<'s>>,
    /// The statements to remember.
    pub state: Vec<ChangeRecord<'s>>,
}

/// Folds every statement about the rows of one owner.
#[must_use]
pub fn resolve_changes<'s>(mut statements: Vec<ChangeRecord<'s>>) -> Resolved<'s> {
    use_first_position_per_event(&mut statements);
    let mut groups: BTreeMap<(&str, &str, &str), Vec<ChangeRecord<'s>>> = BTreeMap::new();
    for statement in statements {
        // A set is judged as a whole, a record of its own by its id.
        let group = match statement.set {
            Some(set) => (statement.source, set, ""),
            None => (statement.source, "", statement.pole_id),
        };
        groups.entry(group).or_default().push(statement);
    }
    let mut folded = Resolved::default();
    for ((_, set, _), statements) in groups {
        if set.is_empty() {
            resolve_record(statements, &mut folded);
        } else {
            resolve_set(&statements, &mut folded);
        }
    }
    folded.rows.sort_by(|a, b| a.key.cmp(&b.key));
    folded
}

/// An event that was sent twice stands in the log twice. Its first place counts, so that a repeat changes nothing.
fn use_first_position_per_event(statements: &mut [ChangeRecord<'_>]) {
    let mut first: BTreeMap<(&str, &str), LogPosition> = BTreeMap::new();
    for statement in statements.iter() {
        let place = first
            .entry((statement.source, statement.event_id))
            .or_insert(statement.precedence.position);
        *place = (*place).min(statement.precedence.position);
    }
    // The rows themselves are kept in the order of their own places, so that the first one is chosen.
    statements.sort_by_key(|statement| {
        (
            statement.precedence.position,
            statement.origin,
            statement.row_ref,
        )
    });
    for statement in statements.iter_mut() {
        statement.precedence.position = first[&(statement.source, statement.event_id)];
    }
}

/// The first of the statements with the greatest rank.
fn latest_change<'a, 's>(
    statements: impl Iterator<Item = &'a ChangeRecord<'s>>,
) -> Option<&'a ChangeRecord<'s>>
where
    's: 'a,
{
    statements
        .enumerate()
        .max_by_key(|(place, statement)| (statement.precedence, Reverse(*place)))
        .map(|(_, found)| found)
}

/// The rows of the event that stated the set last; all others are gone.
fn resolve_set<'s>(statements: &[ChangeRecord<'s>], folded: &mut Resolved<'s>) {
    let Some(last) = latest_change(statements.iter()).copied() else {
        return;
    };
    let mut seen = BTreeMap::new();
    for statement in statements.iter().filter(|statement| {
        statement.precedence == last.precedence && statement.op == RowOperation::Upsert
    }) {
        seen.entry(statement.pole_id).or_insert(*statement);
    }
    if seen.is_empty() {
        // Nothing is left to show how late the set was stated: remember it.
        let marker = statements
            .iter()
            .find(|statement| statement.precedence == last.precedence);
        folded.state.extend(marker.map(|marker| ChangeRecord {
            op: RowOperation::Replace,
            ..*marker
        }));
    }
    folded
        .state
        .extend(tied_losers(statements, &last).map(|loser| ChangeRecord {
            op: RowOperation::Replace,
            ..*loser
        }));
    folded
        .rows
        .extend(seen.into_values().map(|row| ResolvedRow {
            key: (row.pole_id, row.source),
            latest: row.row_ref,
            full_row: Some(row.row_ref),
            patches: Vec::new(),
            changed: row.origin == ChangeOrigin::Increment,
        }));
}

/// Events of the winner's very moment that lost by their place in the log. They are remembered: when one is sent
/// again, its new place is later, and without its first place it would win.
fn tied_losers<'a, 's>(
    statements: &'a [ChangeRecord<'s>],
    winner: &ChangeRecord<'s>,
) -> impl Iterator<Item = &'a ChangeRecord<'s>> {
    let winner = winner.precedence;
    let lost = move |loser: &&ChangeRecord<'_>| {
        loser.precedence.has_same_version_and_time(&winner) && loser.precedence < winner
    };
    let first = |place: usize, event_id: &str| {
        statements[..place]
            .iter()
            .all(|earlier| earlier.event_id != event_id)
    };
    let losers = statements
        .iter()
        .enumerate()
        .filter(move |(_, loser)| lost(loser));
    losers
        .filter(move |(place, loser)| first(*place, loser.event_id))
        .map(|(_, loser)| loser)
}

/// The last whole row, with every later patch laid over it.
fn resolve_record<'s>(mut statements: Vec<ChangeRecord<'s>>, folded: &mut Resolved<'s>) {
    let base = statements
        .iter()
        .find(|statement| statement.origin == ChangeOrigin::Base)
        .copied();
    if statements
        .iter()
        .any(|statement| statement.origin == ChangeOrigin::State)
    {
        // The base's row is made from what the state holds: it says nothing of its own.
        statements.retain(|statement| statement.origin != ChangeOrigin::Base);
    }
    let whole = latest_change(
        statements
            .iter()
            .filter(|statement| statement.op != RowOperation::Patch),
    )
    .copied();
    let patches = later_patches(&statements, whole);
    let new = |statement: &ChangeRecord<'_>| statement.origin == ChangeOrigin::Increment;
    let changed = whole.as_ref().is_some_and(new) || patches.iter().any(new);
    let deleted = whole.is_some_and(|whole| whole.op == RowOperation::Delete);
    let tied: Vec<ChangeRecord<'s>> = whole
        .iter()
        .flat_map(|whole| tied_losers(&statements, whole))
        .copied()
        .collect();
    if deleted || !patches.is_empty() || !tied.is_empty() {
        folded.state.extend(whole);
        folded.state.extend(patches.iter().copied());
        folded.state.extend(tied);
    }
    if deleted {
        return;
    }
    let Some(latest) = patches.last().copied().or(whole) else {
        return;
    };
    let key = (latest.pole_id, latest.source);
    folded.rows.push(match base.filter(|_| !changed) {
        Some(base) => ResolvedRow {
            key,
            latest: base.row_ref,
            full_row: Some(base.row_ref),
            patches: Vec::new(),
            changed,
        },
        None => ResolvedRow {
            key,
            latest: latest.row_ref,
            full_row: whole.map(|whole| whole.row_ref),
            patches: patches
                .iter()
                .map(|patch| (patch.row_ref, patch.changed_columns.unwrap_or_default()))
                .collect(),
            changed,
        },
    });
}

/// The patches behind the last whole row, in order, each event once.
fn later_patches<'s>(
    statements: &[ChangeRecord<'s>],
    whole: Option<ChangeRecord<'s>>,
) -> Vec<ChangeRecord<'s>> {
    let later = |patch: &&ChangeRecord<'_>| {
        patch.op == RowOperation::Patch
            && whole.is_none_or(|whole| patch.precedence > whole.precedence)
    };
    let mut patches: Vec<ChangeRecord<'s>> = statements.iter().filter(later).copied().collect();
    patches.sort_by_key(|patch| patch.precedence);
    patches.dedup_by_key(|patch| patch.precedence);
    patches
}

#[cfg(test)]
mod tests;
