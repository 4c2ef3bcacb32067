//! A chunk's receipt after an erasure: erased records count as ignored, so that the reconciliation
//! still balances.

use std::collections::{BTreeMap, BTreeSet};

use lake::{ObjectDigest, Receipt};

/// What an examination found of a chunk's records.
#[derive(Default)]
pub(super) struct ExaminedCounts {
    /// Rows that its refined objects will have, by key.
    pub(super) rows: BTreeMap<String, u64>,
    /// The content that objects of the refined zone will have, by key.
    pub(super) contents: BTreeMap<String, ObjectDigest>,
    /// The content that the raw object will have; none when it has expired or cannot be read.
    pub(super) raw: Option<ObjectDigest>,
    /// Refused records that will remain, by rule; none without a quarantine object.
    pub(super) refused: Option<BTreeMap<String, u64>>,
    /// Records about a subject in the raw object, those that an earlier erasure removed among them;
    /// none when the object has expired.
    pub(super) erased: Option<u64>,
    /// Records about a subject whose rows were found, for a receipt whose raw object has expired.
    pub(super) seen: u64,
    /// Erased records of a type that makes no rows.
    pub(super) ignored: u64,
    /// The origins of erased records that were redriven.
    pub(super) origins: BTreeSet<String>,
}

/// The receipt as it must be. A second time it changes nothing: it holds how many records are
/// erased, counted afresh.
pub(super) fn reconcile_receipt(mut receipt: Receipt, found: &ExaminedCounts) -> Receipt {
    for object in receipt.tables.values_mut() {
        if let Some(rows) = found.rows.get(&object.key) {
            object.rows = *rows;
        }
        if let Some(content) = found.contents.get(&object.key) {
            object.digest = *content;
        }
    }
    if let Some(object) = &mut receipt.quarantine
        && let Some(content) = found.contents.get(&object.key)
    {
        object.digest = *content;
    }
    receipt.raw = found.raw.unwrap_or(receipt.raw);
    let refused = remove_refused(&mut receipt, found);

    // Records that are erased, and that the receipt does not count as erased yet.
    let pending = match found.erased {
        Some(erased) => erased.saturating_sub(receipt.erased + refused),
        None => found.seen,
    };
    let ignored = found.ignored.min(pending);
    let refined = (pending - ignored).min(receipt.refined);
    receipt.refined -= refined;
    receipt.ignored += refined + refused;
    receipt.erased += refined + refused + ignored;

    for redriven in &mut receipt.redriven {
        if found.origins.contains(&redriven.of) {
            "ignored".clone_into(&mut redriven.outcome);
        }
    }
    receipt
}

/// Takes the refused records that are erased out of the receipt; gives how many they are.
fn remove_refused(receipt: &mut Receipt, found: &ExaminedCounts) -> u64 {
    let Some(remaining) = &found.refused else {
        return 0;
    };

    let before = receipt.quarantined_total();
    for (rule, count) in &mut receipt.quarantined {
        let remaining = remaining.get(rule).copied().unwrap_or_default();
        *count = remaining.min(*count);
    }
    receipt.quarantined.retain(|_, count| *count > 0);
    before - receipt.quarantined_total()
}

#[cfg(test)]
mod tests {
    use lake::{RedrivenRecord, RefinedObject};

    use super::*;

    fn receipt() -> Receipt {
        let person = RefinedObject {
            key: "k".into(),
            rows: 5,
            digest: ObjectDigest::of_content(b"five rows"),
        };
        Receipt {
            next: 9,
            landed: 9,
            refined: 5,
            ignored: 1,
            quarantined: BTreeMap::from([("a".to_owned(), 2), ("b".to_owned(), 1)]),
            tables: BTreeMap::from([("person".to_owned(), person)]),
            redriven: vec![RedrivenRecord {
                of: "1/0/3/4".into(),
                outcome: "a".into(),
            }],
            ..Receipt::default()
        }
    }

    #[test]
    fn the_receipt_balances_and_stays_so() {
        let found = ExaminedCounts {
            rows: [("k".to_owned(), 3)].into(),
            contents: [("k".to_owned(), ObjectDigest::of_content(b"three rows"))].into(),
            raw: Some(ObjectDigest::of_content(b"raw")),
            refused: Some([("a".to_owned(), 1), ("b".to_owned(), 1)].into()),
            erased: Some(4),
            seen: 0,
            ignored: 1,
            origins: ["1/0/3/4".to_owned()].into(),
        };
        let once = reconcile_receipt(receipt(), &found);
        assert_eq!(
            (
                once.refined,
                once.ignored,
                once.erased,
                once.quarantined_total()
            ),
            (3, 4, 4, 2)
        );
        assert_eq!(
            once.landed,
            once.refined + once.ignored + once.quarantined_total()
        );
        assert_eq!(
            (
                once.tables["person"].rows,
                once.redriven[0].outcome.as_str()
            ),
            (3, "ignored")
        );
        assert_eq!(reconcile_receipt(once.clone(), &found), once);
    }

    #[test]
    fn nothing_found_changes_nothing() {
        assert_eq!(
            reconcile_receipt(receipt(), &ExaminedCounts::default()),
            receipt()
        );
    }
}
