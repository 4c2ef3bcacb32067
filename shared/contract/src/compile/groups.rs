//! The records of a mapping whose rows the merge makes from a record's statements, grouped by the
//! events that state them.

use super::CompiledRecord;
use super::record::mapped_expressions;
use crate::expression::PathRoots;
use crate::path_tree::{PathTree, TreePath};
use crate::source::SourceContract;

/// Records of a mapping that the same events state, in whichever tables they are.
#[derive(Debug)]
pub struct RecordGroup {
    /// The events that state the records, joined by commas; none when every event does.
    pub name: Option<String>,
    /// The records.
    pub records: Vec<GroupedRecord>,
    /// The events that state the records; empty when every event does.
    pub(crate) events: Vec<String>,
    /// What the records read of the event around their record.
    pub(crate) event_tree: PathTree,
    /// What they read of the record.
    pub(crate) body_tree: PathTree,
}

/// A record of the mapping, with what it reads.
#[derive(Debug)]
pub struct GroupedRecord {
    /// The index in the catalogue of the table that it fills.
    pub table: usize,
    /// Its index in the mapping.
    pub(crate) index: usize,
    pub(crate) body_tree: PathTree,
}

impl GroupedRecord {
    /// Whether this body holds anything that the record is made from.
    #[must_use]
    pub fn is_touched_by(&self, body: &serde_json::Value) -> bool {
        self.body_tree.is_read_from(body)
    }
}

/// The groups of a source with patches; none for other sources.
pub(super) fn group_records(
    records: &[CompiledRecord],
    contract: &SourceContract,
) -> Vec<RecordGroup> {
    let mut groups: Vec<RecordGroup> = Vec::new();
    if !contract.events.values().any(|op| op.is_partial()) {
        return groups;
    }

    let of_record = records.iter().enumerate();
    for (index, record) in of_record.filter(|(_, record)| record.kind.is_of_record()) {
        let known = groups
            .iter()
            .position(|group| group.events == record.events);
        let position = known.unwrap_or_else(|| {
            groups.push(RecordGroup::new(record));
            groups.len() - 1
        });
        groups[position].add_record(index, record);
    }
    groups
}

impl RecordGroup {
    /// The group of a record, without it.
    fn new(record: &CompiledRecord) -> Self {
        Self {
            name: (!record.events.is_empty()).then(|| record.events.join(",")),
            records: Vec::new(),
            events: record.events.clone(),
            event_tree: PathTree::default(),
            body_tree: PathTree::default(),
        }
    }

    fn add_record(&mut self, index: usize, record: &CompiledRecord) {
        let mut body_tree = PathTree::default();
        let (lists, paths) = read_paths(record);
        for path in &lists {
            self.tree_of(path, &mut body_tree).add_list(&path.steps);
        }
        for path in &paths {
            self.tree_of(path, &mut body_tree).add_path(&path.steps);
        }
        self.body_tree.add_tree(&body_tree);
        self.records.push(GroupedRecord {
            table: record.table,
            index,
            body_tree,
        });
    }

    /// The tree that a path belongs to.
    fn tree_of<'t>(&'t mut self, path: &TreePath, body_tree: &'t mut PathTree) -> &'t mut PathTree {
        if path.is_of_event {
            &mut self.event_tree
        } else {
            body_tree
        }
    }

    /// Whether events of a type state the records.
    pub(crate) fn is_stated_by(&self, event_type: &str) -> bool {
        self.events.is_empty() || self.events.iter().any(|name| name == event_type)
    }
}

/// The lists that a record of the mapping goes through, and the paths that it reads, from the root
/// of the event or of the body.
fn read_paths(record: &CompiledRecord) -> (Vec<TreePath>, Vec<TreePath>) {
    let (lists, roots) = walk_lists(record);
    let mut paths = Vec::new();
    for (_, expression) in mapped_expressions(record) {
        let read = expression.paths().into_iter();
        paths.extend(read.map(|path| path.steps_from_root(&roots)));
    }
    (lists, paths)
}

/// The lists that a record of the mapping goes through, and where its paths begin.
pub(super) fn walk_lists(record: &CompiledRecord) -> (Vec<TreePath>, PathRoots<TreePath>) {
    let mut roots = PathRoots {
        event: TreePath {
            is_of_event: true,
            steps: Vec::new(),
        },
        body: TreePath::default(),
        parent: TreePath::default(),
        here: TreePath::default(),
    };
    let mut lists = Vec::new();
    for list in &record.for_each {
        let here = list.steps_from_root(&roots);
        lists.push(here.clone());
        roots.parent = std::mem::replace(&mut roots.here, here);
    }
    (lists, roots)
}
