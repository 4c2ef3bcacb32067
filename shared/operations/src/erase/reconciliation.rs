//! A chunk's receipt after an erasure: what was refined or refused and is gone counts as ignored, so that the books close.

use std::collections::{BTreeMap, BTreeSet};

use lake::Receipt;

/// What was found of a chunk's records.
#[derive(Default)]
pub(super) struct ExaminedCounts {
    /// Rows of its refined objects as they will be, by key.
    pub(super) rows: BTreeMap<String, u64>,
    /// Refused records as they will be, by rule; none without a quarantine object.
    pub(super) refused: Option<BTreeMap<String, u64>>,
    /// Records about a subject in the raw object, those that were erased before among them; none when it has expired.
    pub(super) erased: Option<u64>,
    /// Records about a subject whose rows were there, for books whose raw object has expired.
    pub(super) seen: u64,
    /// Those of them whose type makes no rows.
    pub(super) ignored: u64,
    /// Where erased records were first landed, if they were redriven.
    pub(super) origins: BTreeSet<String>,
}

/// The receipt as it must be. Done again it changes nothing: how many records are erased is counted, not added.
pub(super) fn reconcile_receipt(mut receipt: Receipt, found: &ExaminedCounts) -> Receipt {
    for object in receipt.tables.values_mut() {
        if let Some(rows) = found.rows.get(&object.key) {
            object.rows = *rows;
        }
    }
    let before = receipt.quarantined_total();
    if let Some(left) = &found.refused {
        for (rule, count) in &mut receipt.quarantined {
            *count = left.get(rule).copied().unwrap_or_default().min(*count);
        }
        receipt.quarantined.retain(|_, count| *count > 0);
    }
    let refused = before - receipt.quarantined_total();
    let pending = found.erased.map_or(found.seen, |erased| {
        erased.saturating_sub(receipt.erased + refused)
    });
    let ignored = found.ignored.min(pending);
    let refined = (pending - ignored).min(receipt.refined);
    receipt.refined -= refined;
    receipt.ignored += refined + refused;
    receipt.erased += refined + refused + ignored;
    for redriven in receipt
        .redriven
        .iter_mut()
        .filter(|one| found.origins.contains(&one.of))
    {
        "ignored".clone_into(&mut redriven.outcome);
    }
    receipt
}

#[cfg(test)]
mod tests {
    use lake::{RedrivenRecord, RefinedObject};
    use serde_json::json;

    use super::*;

    fn receipt() -> Receipt {
        let receipt = json!({
            "format": 2, "topic": "t", "epoch": 1, "partition": -1, "offset": 0, "next": 9, "source": "s", "contract_version": "1",
            "mapping_version": "1", "landed": 9, "refined": 5, "ignored": 1, "quarantined": {"a": 2, "b": 1}, "days": [],
            "tables": {},
        });
        let mut receipt = Receipt::from_json(receipt.to_string().as_bytes()).unwrap();
        receipt.tables.insert(
            "person".into(),
            RefinedObject {
                key: "k".into(),
                rows: 5,
            },
        );
        receipt.redriven.push(RedrivenRecord {
            of: "1/0/3/4".into(),
            outcome: "a".into(),
        });
        receipt
    }

    #[test]
    fn the_books_close_and_stay_closed() {
        let found = ExaminedCounts {
            rows: [("k".to_owned(), 3)].into(),
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
