//! Files with erased persons' rows that must stay for now: a manifest that cannot be read, or that
//! cannot be rewritten, may name them, and they hold other people's rows too.

use std::collections::{BTreeMap, BTreeSet};

use lake::{Day, SnapshotManifest, parse_version_day};
use store::{UnreadableObject, UnreadableObjects};

use super::MatchedFiles;
use crate::retention::{ManifestReadings, referenced_keys};

/// The files that stay, each with the key of the object because of which it stays.
#[derive(Default)]
pub(super) struct ProtectedFiles(BTreeMap<String, String>);

impl ProtectedFiles {
    /// The matched files that a manifest which cannot be read may name: those of its day or an
    /// earlier one.
    pub(super) fn behind_unreadable_manifests(
        manifests: &ManifestReadings,
        files: &MatchedFiles,
    ) -> Self {
        let mut protected = Self::default();
        for (day, manifest) in manifests {
            let Err(object) = manifest else { continue };
            let nameable = files.keys().filter(|key| is_nameable(key, *day));
            protected.add_all(nameable, &object.object);
        }
        protected
    }

    /// Protects the matched files of a day that cannot be rewritten because of an object.
    pub(super) fn protect_day(
        &mut self,
        manifest: &SnapshotManifest,
        files: &MatchedFiles,
        object: &str,
    ) {
        let named = referenced_keys(manifest).filter_map(|key| files.get_key_value(key));
        self.add_all(named.map(|(key, _)| key), object);
    }

    pub(super) fn keys(&self) -> BTreeSet<String> {
        self.0.keys().cloned().collect()
    }

    pub(super) fn contains(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// Adds the files to the objects that an operator has to look at.
    pub(super) fn note_into(&self, unreadable: &UnreadableObjects) {
        for (key, object) in &self.0 {
            let cause = format!(
                "it holds rows of the subject and stays as long as {object} cannot be read"
            );
            unreadable.add(UnreadableObject {
                next: "repair that object first, and run the command again",
                ..UnreadableObject::new(key, cause)
            });
        }
    }

    fn add_all<'k>(&mut self, keys: impl Iterator<Item = &'k String>, object: &str) {
        for key in keys {
            self.0
                .entry(key.clone())
                .or_insert_with(|| object.to_owned());
        }
    }
}

/// Whether a manifest of the day can name the file. A file of a kind that names no day may be any
/// day's.
fn is_nameable(key: &str, day: Day) -> bool {
    parse_version_day(key).is_none_or(|written| written <= day)
}
