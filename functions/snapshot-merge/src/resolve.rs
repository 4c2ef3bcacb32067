//! The rows of one owner, resolved from every change of it.
//!
//! Pure. The result does not depend on the order in which changes arrive, nor on repeats, nor on
//! how they are spread over days: the changes that later days need (tombstones, patches, emptied
//! sets) are returned as state.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use pole::{LogPosition, Precedence, RowOperation};

/// Where a change's row is: the index of its batch, and of the row in it.
pub type RowRef = (usize, usize);

/// Where a change comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeOrigin {
    /// The base's snapshot.
    Base,
    /// The state that the base's merge stored.
    State,
    /// The day's snapshot of a source's records.
    Record,
    /// Today's increments.
    Increment,
}

/// One change of a row.
#[derive(Clone, Copy, Debug)]
pub struct ChangeRecord<'s> {
    /// The row's id.
    pub pole_id: &'s str,
    /// The source.
    pub source: &'s str,
    /// The owner's set; none for a record of its own.
    pub set: Option<&'s str>,
    /// The operation.
    pub op: RowOperation,
    /// The event that makes it.
    pub event_id: &'s str,
    /// Its precedence over other changes.
    pub precedence: Precedence,
    /// The columns that a patch carries.
    pub changed_columns: Option<&'s str>,
    /// What the event states of its record, where the row is a statement.
    pub statement: Option<&'s str>,
    /// Where its row is.
    pub row_ref: RowRef,
    /// Where it comes from.
    pub origin: ChangeOrigin,
}

/// A row of the snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedRow<'s> {
    /// The row's key: (pole_id, source).
    pub key: (&'s str, &'s str),
    /// The latest change: the row has its provenance.
    pub latest: RowRef,
    /// The full row under the patches; none when no change ever stated a full row.
    pub full_row: Option<RowRef>,
    /// Patches in their order, with the columns that they carry.
    pub patches: Vec<(RowRef, &'s str)>,
    /// Whether one of today's changes had a part in it.
    pub changed: bool,
}

/// The result of resolving an owner's changes.
#[derive(Debug, Default)]
pub struct Resolved<'s> {
    /// The rows that readers see, by key.
    pub rows: Vec<ResolvedRow<'s>>,
    /// The changes that later days need.
    pub state: Vec<ChangeRecord<'s>>,
}

/// Resolves every change of the rows of one owner.
#[must_use]
pub fn resolve_changes<'s>(mut changes: Vec<ChangeRecord<'s>>) -> Resolved<'s> {
    use_first_position_per_event(&mut changes);
    let mut groups: BTreeMap<(&str, &str, &str), Vec<ChangeRecord<'s>>> = BTreeMap::new();
    for change in changes {
        // A set is resolved as one, a record of its own by its id.
        let group = match change.set {
            Some(set) => (change.source, set, ""),
            None => (change.source, "", change.pole_id),
        };
        groups.entry(group).or_default().push(change);
    }

    let mut resolved = Resolved::default();
    for ((_, set, _), changes) in groups {
        if set.is_empty() {
            resolve_record(changes, &mut resolved);
        } else {
            resolve_set(&changes, &mut resolved);
        }
    }
    resolved.rows.sort_by(|a, b| a.key.cmp(&b.key));
    resolved
}

/// Gives each change the first position of its event. An event that was sent twice is in the log
/// twice; its first position counts, so that a repeat changes nothing.
pub(crate) fn use_first_position_per_event(changes: &mut [ChangeRecord<'_>]) {
    let mut first: BTreeMap<(&str, &str), LogPosition> = BTreeMap::new();
    for change in changes.iter() {
        let position = first
            .entry((change.source, change.event_id))
            .or_insert(change.precedence.position);
        *position = (*position).min(change.precedence.position);
    }

    // The changes stay in the order of their own positions, so that the first one of an event is
    // chosen.
    changes.sort_by_key(|change| (change.precedence.position, change.origin, change.row_ref));
    for change in changes.iter_mut() {
        change.precedence.position = first[&(change.source, change.event_id)];
    }
}

/// The first of the changes with the greatest precedence.
pub(crate) fn latest_change<'a, 's: 'a>(
    changes: impl Iterator<Item = &'a ChangeRecord<'s>>,
) -> Option<&'a ChangeRecord<'s>> {
    changes
        .enumerate()
        .max_by_key(|(index, change)| (change.precedence, Reverse(*index)))
        .map(|(_, change)| change)
}

/// The rows of the event that stated the set last; the set has no others.
fn resolve_set<'s>(changes: &[ChangeRecord<'s>], resolved: &mut Resolved<'s>) {
    let Some(last) = latest_change(changes.iter()).copied() else {
        return;
    };
    let of_last_event = || {
        changes
            .iter()
            .filter(|change| change.precedence == last.precedence)
    };

    let mut members = BTreeMap::new();
    for change in of_last_event().filter(|change| change.op == RowOperation::Upsert) {
        members.entry(change.pole_id).or_insert(*change);
    }
    if members.is_empty() {
        // No row is left that shows how late the set was stated: a marker is stored.
        resolved
            .state
            .extend(of_last_event().next().map(set_marker));
    }
    resolved
        .state
        .extend(tied_losers(changes, &last).map(set_marker));
    resolved
        .rows
        .extend(members.into_values().map(|change| ResolvedRow {
            changed: is_new(&change),
            ..ResolvedRow::from_full_row(&change)
        }));
}

/// A change as the marker of its set: it says when the set was stated, and has no member.
fn set_marker<'s>(change: &ChangeRecord<'s>) -> ChangeRecord<'s> {
    ChangeRecord {
        op: RowOperation::Replace,
        ..*change
    }
}

/// Events of the winner's version and time that lost by their position in the log, each once. They
/// are stored: when one is sent again, its new position is later, and without its first position it
/// would win.
pub(crate) fn tied_losers<'a, 's>(
    changes: &'a [ChangeRecord<'s>],
    winner: &ChangeRecord<'s>,
) -> impl Iterator<Item = &'a ChangeRecord<'s>> {
    let winner = winner.precedence;
    changes
        .iter()
        .enumerate()
        .filter(move |(_, change)| {
            change.precedence.has_same_version_and_time(&winner) && change.precedence < winner
        })
        .filter(move |(index, change)| {
            changes[..*index]
                .iter()
                .all(|earlier| earlier.event_id != change.event_id)
        })
        .map(|(_, change)| change)
}

/// The last full row, with every later patch applied to it.
fn resolve_record<'s>(mut changes: Vec<ChangeRecord<'s>>, resolved: &mut Resolved<'s>) {
    let base = remove_derived_base(&mut changes);
    let full_changes = changes
        .iter()
        .filter(|change| change.op != RowOperation::Patch);
    let full = latest_change(full_changes).copied();
    let patches = later_patches(&changes, full);
    let is_deleted = full.is_some_and(|full| full.op == RowOperation::Delete);
    retain_record_state(&changes, full, &patches, is_deleted, resolved);
    if is_deleted {
        return;
    }

    let Some(latest) = patches.last().copied().or(full) else {
        return;
    };
    let changed = full.iter().chain(&patches).any(is_new);
    resolved.rows.push(match base {
        Some(base) if !changed => ResolvedRow {
            key: (latest.pole_id, latest.source),
            ..ResolvedRow::from_full_row(&base)
        },
        _ => ResolvedRow {
            key: (latest.pole_id, latest.source),
            latest: latest.row_ref,
            full_row: full.map(|full| full.row_ref),
            patches: patches
                .iter()
                .map(|patch| (patch.row_ref, patch.changed_columns.unwrap_or_default()))
                .collect(),
            changed,
        },
    });
}

/// The base's row. It is removed from the changes when the state has changes of the record: the row
/// was made from these, and states nothing of its own.
fn remove_derived_base<'s>(changes: &mut Vec<ChangeRecord<'s>>) -> Option<ChangeRecord<'s>> {
    let base = changes
        .iter()
        .find(|change| change.origin == ChangeOrigin::Base)
        .copied();
    if changes
        .iter()
        .any(|change| change.origin == ChangeOrigin::State)
    {
        changes.retain(|change| change.origin != ChangeOrigin::Base);
    }
    base
}

/// Stores the changes of a record that its row in the snapshot does not show: a deletion, patches,
/// and ties.
fn retain_record_state<'s>(
    changes: &[ChangeRecord<'s>],
    full: Option<ChangeRecord<'s>>,
    patches: &[ChangeRecord<'s>],
    is_deleted: bool,
    resolved: &mut Resolved<'s>,
) {
    let tied: Vec<ChangeRecord<'s>> = full
        .iter()
        .flat_map(|full| tied_losers(changes, full))
        .copied()
        .collect();
    if is_deleted || !patches.is_empty() || !tied.is_empty() {
        resolved.state.extend(full);
        resolved.state.extend(patches);
        resolved.state.extend(tied);
    }
}

/// The patches behind the last full row, in order, each event once.
fn later_patches<'s>(
    changes: &[ChangeRecord<'s>],
    full: Option<ChangeRecord<'s>>,
) -> Vec<ChangeRecord<'s>> {
    let mut patches: Vec<ChangeRecord<'s>> = changes
        .iter()
        .filter(|change| change.op == RowOperation::Patch)
        .filter(|patch| full.is_none_or(|full| patch.precedence > full.precedence))
        .copied()
        .collect();
    patches.sort_by_key(|patch| patch.precedence);
    patches.dedup_by_key(|patch| patch.precedence);
    patches
}

/// Whether a change is one of today's.
pub(crate) fn is_new(change: &ChangeRecord<'_>) -> bool {
    change.origin == ChangeOrigin::Increment
}

impl<'s> ResolvedRow<'s> {
    /// An unchanged row that a change states in full.
    fn from_full_row(change: &ChangeRecord<'s>) -> Self {
        Self {
            key: (change.pole_id, change.source),
            latest: change.row_ref,
            full_row: Some(change.row_ref),
            patches: Vec::new(),
            changed: false,
        }
    }
}

#[cfg(test)]
mod tests;
