//! The objects that receipts name.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use lake::Receipt;

/// What receipts name. Of each key a hash of eight bytes is held, for there may be millions.
#[derive(Clone, Debug, Default)]
pub(super) struct NamedObjects(HashSet<u64>);

impl NamedObjects {
    pub(super) fn add_receipt(&mut self, receipt: &Receipt) {
        self.0.extend(named_keys(receipt).map(hash_key));
    }

    pub(super) fn add_all(&mut self, other: &Self) {
        self.0.extend(&other.0);
    }

    pub(super) fn contains(&self, key: &str) -> bool {
        self.0.contains(&hash_key(key))
    }
}

/// The keys of the objects that a receipt names.
pub(super) fn named_keys(receipt: &Receipt) -> impl Iterator<Item = &str> {
    let refined = receipt.tables.values().map(|object| object.key.as_str());
    let quarantine = receipt.quarantine.iter().map(|object| object.key.as_str());
    refined.chain(quarantine)
}

fn hash_key(key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}
