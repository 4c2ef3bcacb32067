//! What is true of one record: every statement about it in, its rows out.
//!
//! Pure. The result does not depend on the order in which statements arrive, nor on repeats, nor on how they are
//! spread over days: what is needed later (tombstones, patches, emptied sets) is given back as state.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use pole::{Op, Position, Truth};

/// Where a statement's row lies: which batch, which row.
pub type At = (usize, usize);

/// Where a statement comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The base's snapshot.
    Base,
    /// What the base's merge remembered.
    State,
    /// Today's increments.
    New,
}

/// One statement about a row.
#[derive(Clone, Copy, Debug)]
pub struct Statement<'s> {
    /// The row's id.
    pub pole_id: &'s str,
    /// The source.
    pub source: &'s str,
    /// The owner's set; none for a record of its own.
    pub set: Option<&'s str>,
    /// What it does.
    pub op: Op,
    /// The event that makes it.
    pub event_id: &'s str,
    /// Its rank.
    pub truth: Truth,
    /// What a patch carries.
    pub carried: Option<&'s str>,
    /// Where its row lies.
    pub at: At,
    /// Where it comes from.
    pub origin: Origin,
}

/// A row of the snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live<'s> {
    /// The row's key: (pole_id, source).
    pub key: (&'s str, &'s str),
    /// The latest statement: the provenance is its.
    pub latest: At,
    /// The whole row that the patches are laid over; none when no whole row was ever stated.
    pub whole: Option<At>,
    /// Patches in their order, with the columns that they carry.
    pub patches: Vec<(At, &'s str)>,
    /// Whether today's statements had a part in it.
    pub changed: bool,
}

/// What a fold gives.
#[derive(Debug, Default)]
pub struct Folded<'s> {
    /// The rows that readers see, by key.
    pub live: Vec<Live<'s>>,
    /// The statements to remember.
    pub state: Vec<Statement<'s>>,
}

/// Folds every statement about the rows of one owner.
#[must_use]
pub fn fold<'s>(mut statements: Vec<Statement<'s>>) -> Folded<'s> {
    one_place_per_event(&mut statements);
    let mut groups: BTreeMap<(&str, &str, &str), Vec<Statement<'s>>> = BTreeMap::new();
    for statement in statements {
        // A set is judged as a whole, a record of its own by its id.
        let group = match statement.set {
            Some(set) => (statement.source, set, ""),
            None => (statement.source, "", statement.pole_id),
        };
        groups.entry(group).or_default().push(statement);
    }
    let mut folded = Folded::default();
    for ((_, set, _), statements) in groups {
        if set.is_empty() {
            fold_record(statements, &mut folded);
        } else {
            fold_set(&statements, &mut folded);
        }
    }
    folded.live.sort_by(|a, b| a.key.cmp(&b.key));
    folded
}

/// An event that was sent twice stands in the log twice. Its first place counts, so that a repeat changes nothing.
fn one_place_per_event(statements: &mut [Statement<'_>]) {
    let mut first: BTreeMap<(&str, &str), Position> = BTreeMap::new();
    for statement in statements.iter() {
        let place = first
            .entry((statement.source, statement.event_id))
            .or_insert(statement.truth.position);
        *place = (*place).min(statement.truth.position);
    }
    // The rows themselves are kept in the order of their own places, so that the first one is chosen.
    statements.sort_by_key(|statement| (statement.truth.position, statement.origin, statement.at));
    for statement in statements.iter_mut() {
        statement.truth.position = first[&(statement.source, statement.event_id)];
    }
}

/// The first of the statements with the greatest rank.
fn greatest<'a, 's>(
    statements: impl Iterator<Item = &'a Statement<'s>>,
) -> Option<&'a Statement<'s>>
where
    's: 'a,
{
    statements
        .enumerate()
        .max_by_key(|(place, statement)| (statement.truth, Reverse(*place)))
        .map(|(_, found)| found)
}

/// The rows of the event that stated the set last; all others are gone.
fn fold_set<'s>(statements: &[Statement<'s>], folded: &mut Folded<'s>) {
    let Some(last) = greatest(statements.iter()).copied() else {
        return;
    };
    let mut seen = BTreeMap::new();
    for statement in statements
        .iter()
        .filter(|statement| statement.truth == last.truth && statement.op == Op::Upsert)
    {
        seen.entry(statement.pole_id).or_insert(*statement);
    }
    if seen.is_empty() {
        // Nothing is left to show how late the set was stated: remember it.
        let marker = statements
            .iter()
            .find(|statement| statement.truth == last.truth);
        folded.state.extend(marker.map(|marker| Statement {
            op: Op::Replace,
            ..*marker
        }));
    }
    folded
        .state
        .extend(tied(statements, &last).map(|loser| Statement {
            op: Op::Replace,
            ..*loser
        }));
    folded.live.extend(seen.into_values().map(|row| Live {
        key: (row.pole_id, row.source),
        latest: row.at,
        whole: Some(row.at),
        patches: Vec::new(),
        changed: row.origin == Origin::New,
    }));
}

/// Events of the winner's very moment that lost by their place in the log. They are remembered: when one is sent
/// again, its new place is later, and without its first place it would win.
fn tied<'a, 's>(
    statements: &'a [Statement<'s>],
    winner: &Statement<'s>,
) -> impl Iterator<Item = &'a Statement<'s>> {
    let winner = winner.truth;
    let lost =
        move |loser: &&Statement<'_>| loser.truth.same_moment(&winner) && loser.truth < winner;
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
fn fold_record<'s>(mut statements: Vec<Statement<'s>>, folded: &mut Folded<'s>) {
    let base = statements
        .iter()
        .find(|statement| statement.origin == Origin::Base)
        .copied();
    if statements
        .iter()
        .any(|statement| statement.origin == Origin::State)
    {
        // The base's row is made from what the state holds: it says nothing of its own.
        statements.retain(|statement| statement.origin != Origin::Base);
    }
    let whole = greatest(
        statements
            .iter()
            .filter(|statement| statement.op != Op::Patch),
    )
    .copied();
    let patches = later_patches(&statements, whole);
    let new = |statement: &Statement<'_>| statement.origin == Origin::New;
    let changed = whole.as_ref().is_some_and(new) || patches.iter().any(new);
    let deleted = whole.is_some_and(|whole| whole.op == Op::Delete);
    let tied: Vec<Statement<'s>> = whole
        .iter()
        .flat_map(|whole| tied(&statements, whole))
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
    folded.live.push(match base.filter(|_| !changed) {
        Some(base) => Live {
            key,
            latest: base.at,
            whole: Some(base.at),
            patches: Vec::new(),
            changed,
        },
        None => Live {
            key,
            latest: latest.at,
            whole: whole.map(|whole| whole.at),
            patches: patches
                .iter()
                .map(|patch| (patch.at, patch.carried.unwrap_or_default()))
                .collect(),
            changed,
        },
    });
}

/// The patches behind the last whole row, in order, each event once.
fn later_patches<'s>(
    statements: &[Statement<'s>],
    whole: Option<Statement<'s>>,
) -> Vec<Statement<'s>> {
    let later = |patch: &&Statement<'_>| {
        patch.op == Op::Patch && whole.is_none_or(|whole| patch.truth > whole.truth)
    };
    let mut patches: Vec<Statement<'s>> = statements.iter().filter(later).copied().collect();
    patches.sort_by_key(|patch| patch.truth);
    patches.dedup_by_key(|patch| patch.truth);
    patches
}

#[cfg(test)]
mod tests;
