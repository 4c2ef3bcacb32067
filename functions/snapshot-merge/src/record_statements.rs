//! A record resolved from what its events state: whole states, patches, deletions.
//!
//! Pure. The result depends only on which of them there are: not on the order in which they come,
//! nor on repeats, nor on how they are spread over days. Those that later days need
//! are returned, without what later patches have replaced, so that what is kept is bounded by the
//! record's fields and not by the number of its patches. Only patches that can begin a record all
//! keep their place.

use contract::{Statement, apply_patch, join_covers, uncovered_patch};
use host::{Failure, FailureKind};
use pole::RowOperation;
use serde_json::{Value, json};

use crate::resolve::{ChangeRecord, latest_change, tied_losers};

/// A statement that later days need.
#[derive(Clone, Debug)]
pub(crate) struct RetainedStatement<'s> {
    pub(crate) change: ChangeRecord<'s>,
    /// What is left of it.
    pub(crate) text: RetainedText,
}

/// What is left of it once later patches have replaced parts of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RetainedText {
    /// All of it, as its row holds it.
    AsStored,
    /// A part of it.
    Part(String),
    /// Only that its event came: it lost a tie, and a repeat of it must lose again.
    Nothing,
}

/// A record in its present state.
#[derive(Debug)]
pub(crate) struct ResolvedRecord<'s> {
    pub(crate) body: Value,
    /// The states and patches that made it, in their order.
    pub(crate) applied: Vec<AppliedStatement<'s>>,
}

/// A state or patch that had a part in a record's state.
#[derive(Debug)]
pub(crate) struct AppliedStatement<'s> {
    pub(crate) change: ChangeRecord<'s>,
    pub(crate) statement: Statement,
    /// Whether the record begins with it: a whole state, or a patch that brings the record back
    /// after a deletion.
    begins_record: bool,
}

impl AppliedStatement<'_> {
    /// Whether it stated anything that a record of the mapping is made from.
    pub(crate) fn touches(&self, grouped: &contract::GroupedRecord) -> bool {
        self.begins_record || grouped.is_touched_by(&self.statement.body)
    }
}

/// A patch behind the last whole state.
struct LaterPatch<'s> {
    change: ChangeRecord<'s>,
    statement: Statement,
    /// What no later patch replaces; none when nothing is left.
    left: Option<Value>,
}

/// What events state of one record for one group of the mapping's records, in their order.
struct OrderedStatements<'s> {
    whole: Option<ChangeRecord<'s>>,
    /// The patches behind the whole one, without what later ones replace.
    patches: Vec<LaterPatch<'s>>,
}

/// The statements of one record for one group that later days need, in their order. Each event
/// counts at its first position already; of several copies of an event the first is taken.
///
/// # Errors
/// When a stored statement cannot be read.
pub(crate) fn retain_statements<'s>(
    changes: &[ChangeRecord<'s>],
) -> Result<Vec<RetainedStatement<'s>>, Failure> {
    let ordered = OrderedStatements::read(changes)?;
    Ok(ordered.retain(changes))
}

/// The present state of one record for one group; none where it is deleted, or was never stated.
///
/// # Errors
/// When a stored statement cannot be read.
pub(crate) fn resolve_statements<'s>(
    changes: &[ChangeRecord<'s>],
) -> Result<Option<ResolvedRecord<'s>>, Failure> {
    OrderedStatements::read(changes)?.apply()
}

/// What a change states; none for a deletion, and for an event of which only its coming is stored.
fn parse_statement(change: &ChangeRecord<'_>) -> Result<Option<Statement>, Failure> {
    let Some(text) = change.statement else {
        return Ok(None);
    };
    let statement = Statement::parse(text).map_err(|fault| {
        let message = format!(
            "a stored statement of `{}` cannot be read: {}",
            change.source, fault.reason
        );
        Failure::new(FailureKind::Corrupt, message)
    })?;
    Ok(Some(statement))
}

/// The patches behind the last whole state, in their order, each event once.
fn read_later_patches<'s>(
    changes: &[ChangeRecord<'s>],
    whole: Option<&ChangeRecord<'s>>,
) -> Result<Vec<LaterPatch<'s>>, Failure> {
    let mut later: Vec<ChangeRecord<'s>> = changes
        .iter()
        .filter(|change| change.op.is_partial_statement())
        .filter(|patch| whole.is_none_or(|whole| patch.precedence > whole.precedence))
        .copied()
        .collect();
    later.sort_by_key(|patch| patch.precedence);
    later.dedup_by_key(|patch| patch.precedence);

    let mut patches = Vec::with_capacity(later.len());
    for change in later {
        if let Some(statement) = parse_statement(&change)? {
            patches.push(LaterPatch {
                change,
                left: None,
                statement,
            });
        }
    }
    Ok(patches)
}

/// Takes out of each patch what later ones replace. Patches of one version and time do not take
/// from each other: a repeat of one of them must find it.
fn reduce_patches(patches: &mut [LaterPatch<'_>]) {
    let mut cover = json!({});
    let ties = patches.chunk_by_mut(|a, b| {
        let second = b.change.precedence;
        a.change.precedence.has_same_version_and_time(&second)
    });
    let ties: Vec<&mut [LaterPatch<'_>]> = ties.collect();
    for tied in ties.into_iter().rev() {
        for patch in tied.iter_mut() {
            patch.left = uncovered_patch(&patch.statement.body, &cover);
        }
        for patch in tied.iter() {
            join_covers(&mut cover, &patch.statement.body);
        }
    }
}

/// Drops the patches of which nothing is left. The last one stays where no whole state says that
/// the record exists, and so does every patch that can begin a record.
fn drop_replaced_patches(patches: &mut Vec<LaterPatch<'_>>, needs_last: bool) {
    let last = patches.last().map(|patch| patch.change.precedence);
    patches.retain(|patch| {
        patch.left.is_some()
            || patch.change.op == RowOperation::RecordCreate
            || (needs_last && Some(patch.change.precedence) == last)
    });
}

impl<'s> OrderedStatements<'s> {
    fn read(changes: &[ChangeRecord<'s>]) -> Result<Self, Failure> {
        let whole_changes = changes
            .iter()
            .filter(|change| change.op.is_whole_statement());
        let whole = latest_change(whole_changes).copied();
        let states_record = whole.is_some_and(|whole| whole.statement.is_some());

        let mut patches = read_later_patches(changes, whole.as_ref())?;
        reduce_patches(&mut patches);
        drop_replaced_patches(&mut patches, !states_record);
        Ok(Self { whole, patches })
    }

    /// The statements that later days need: the last whole one, what is left of patches, and events
    /// that lost a tie.
    fn retain(self, changes: &[ChangeRecord<'s>]) -> Vec<RetainedStatement<'s>> {
        let mut retained = Vec::new();
        if let Some(whole) = self.whole {
            let lost = tied_losers(changes, &whole);
            retained.extend(lost.map(|lost| RetainedStatement {
                change: *lost,
                text: RetainedText::Nothing,
            }));
            retained.push(RetainedStatement {
                change: whole,
                text: RetainedText::AsStored,
            });
        }

        retained.extend(self.patches.iter().map(|patch| RetainedStatement {
            change: patch.change,
            text: patch.retained_text(),
        }));
        retained
    }

    /// The record after all of them; none when it is deleted, or was never stated.
    fn apply(self) -> Result<Option<ResolvedRecord<'s>>, Failure> {
        let mut is_deleted = false;
        let mut body = json!({});
        let mut applied = Vec::new();
        if let Some(change) = self.whole {
            match parse_statement(&change)? {
                None => is_deleted = true,
                Some(statement) => {
                    body.clone_from(&statement.body);
                    applied.push(AppliedStatement {
                        change,
                        statement,
                        begins_record: true,
                    });
                }
            }
        }

        for patch in self.patches {
            if is_deleted && patch.change.op != RowOperation::RecordCreate {
                continue;
            }
            let begins_record = std::mem::take(&mut is_deleted);
            apply_patch(&mut body, &patch.statement.body);
            applied.push(AppliedStatement {
                change: patch.change,
                statement: Statement {
                    body: patch.left.unwrap_or_else(|| json!({})),
                    ..patch.statement
                },
                begins_record,
            });
        }
        Ok((!is_deleted && !applied.is_empty()).then_some(ResolvedRecord { body, applied }))
    }
}

impl LaterPatch<'_> {
    fn retained_text(&self) -> RetainedText {
        match &self.left {
            Some(left) if *left == self.statement.body => RetainedText::AsStored,
            left => RetainedText::Part(
                Statement {
                    body: left.clone().unwrap_or_else(|| json!({})),
                    ..self.statement.clone()
                }
                .to_text(),
            ),
        }
    }
}

#[cfg(test)]
mod tests;
