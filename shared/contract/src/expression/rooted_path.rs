//! Paths of expressions, and where each begins.

use serde_json::Value;

use crate::path::EventPath;
use crate::path_tree::{TreePath, tree_steps};
use crate::structure::DeclaredStructure;

/// Where a path begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PathRoot {
    /// The item of a `for_each`, or the body outside of one.
    Here,
    /// The item that holds this one, or the body.
    Parent,
    /// The record's body.
    Body,
    /// The whole event.
    Event,
}

/// The places that paths begin from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PathRoots<T> {
    pub(crate) event: T,
    pub(crate) body: T,
    pub(crate) parent: T,
    pub(crate) here: T,
}

/// The values in which paths are looked up.
pub(crate) type ValueRoots<'v> = PathRoots<&'v Value>;

/// The declared structures of these values.
pub(crate) type StructureRoots<'s> = PathRoots<&'s DeclaredStructure>;

/// A path with where it begins: `$.a`, `parent:$.a`, `body:$.a`, `event:$.a`.
#[derive(Clone, Debug)]
pub(crate) struct RootedPath {
    pub(super) root: PathRoot,
    path: EventPath,
}

impl RootedPath {
    /// Parses a path; without a root it begins at the item of the innermost list.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (root, path) = match text.split_once(':') {
            Some(("event", path)) => (PathRoot::Event, path),
            Some(("body", path)) => (PathRoot::Body, path),
            Some(("parent", path)) => (PathRoot::Parent, path),
            _ => (PathRoot::Here, text),
        };
        Ok(Self {
            root,
            path: EventPath::parse(path)?,
        })
    }

    fn select_root<T: Copy>(&self, roots: &PathRoots<T>) -> T {
        match self.root {
            PathRoot::Here => roots.here,
            PathRoot::Parent => roots.parent,
            PathRoot::Body => roots.body,
            PathRoot::Event => roots.event,
        }
    }

    /// The path within an event, where every root is the event.
    pub(crate) fn event_path(&self) -> &EventPath {
        &self.path
    }

    /// The path as it was written, where it begins at the whole event.
    pub(super) fn whole_event_path(&self) -> Option<&str> {
        (self.root == PathRoot::Event).then(|| self.path.text())
    }

    /// The path as it was written, without its root.
    pub(crate) fn text(&self) -> &str {
        self.path.text()
    }

    /// The structure that the contract declares at the path, or what is wrong with the path.
    pub(crate) fn declared_structure<'s>(
        &self,
        roots: &StructureRoots<'s>,
    ) -> Result<&'s DeclaredStructure, String> {
        self.select_root(roots).structure_at(&self.path)
    }

    /// The first value at the path; none when there is nothing.
    pub(crate) fn first_value<'v>(&self, scope: &ValueRoots<'v>) -> Option<&'v Value> {
        self.path.first_value(self.select_root(scope))
    }

    /// Every value at the path.
    pub(crate) fn all_values<'v>(&self, scope: &ValueRoots<'v>) -> Vec<&'v Value> {
        self.path.all_values(self.select_root(scope))
    }

    /// Whether the path begins at an item of a list, or at the one that holds it.
    pub(crate) fn begins_at_item(&self) -> bool {
        matches!(self.root, PathRoot::Here | PathRoot::Parent)
    }

    /// The steps from the root of the event or of the body; `roots` are the steps to the places
    /// that paths begin from.
    pub(crate) fn steps_from_root(&self, roots: &PathRoots<TreePath>) -> TreePath {
        let root = match self.root {
            PathRoot::Here => &roots.here,
            PathRoot::Parent => &roots.parent,
            PathRoot::Body => &roots.body,
            PathRoot::Event => &roots.event,
        };
        let mut path = root.clone();
        path.steps.extend(tree_steps(&self.path));
        path
    }

    /// Whether the path begins at the item itself.
    pub(crate) fn begins_here(&self) -> bool {
        self.root == PathRoot::Here
    }

    /// Whether the path goes on to each element of what is neither a list nor null.
    pub(crate) fn is_no_list(&self, scope: &ValueRoots<'_>) -> bool {
        self.path.is_no_list(self.select_root(scope))
    }

    /// Whether the record's body states a value at the path. Values outside of the body state
    /// nothing about the record.
    pub(crate) fn is_stated(&self, scope: &ValueRoots<'_>) -> bool {
        self.root != PathRoot::Event && self.path.is_stated(self.select_root(scope))
    }
}
