//! Which raw objects and receipts of a stream are of an audit's days.

use std::collections::BTreeMap;

use lake::{Chunk, Receipt};

use super::scope::AuditScope;

/// The raw objects and receipts that began no later than the scope's last day. A raw object without
/// a receipt is of the scope unless an object of a later day comes before it.
pub(super) fn limit_to_scope(
    mut chunks: Vec<Chunk>,
    receipts: Vec<Receipt>,
    scope: AuditScope,
) -> (Vec<Chunk>, BTreeMap<i64, Receipt>) {
    let last_date = scope.to.map(|day| day.to_string());
    let (later, within): (Vec<Receipt>, Vec<Receipt>) = receipts
        .into_iter()
        .partition(|receipt| begins_after(receipt, last_date.as_deref()));
    let receipts: BTreeMap<i64, Receipt> = within
        .into_iter()
        .map(|receipt| (receipt.offset, receipt))
        .collect();

    // An object at `end` or behind it began later, unless it has a receipt of the scope.
    let end = later.iter().map(|receipt| receipt.offset).min();
    let end = end.unwrap_or(i64::MAX);
    chunks.retain(|chunk| chunk.offset < end || receipts.contains_key(&chunk.offset));
    (chunks, receipts)
}

/// Whether a raw object's first record was appended after the date.
fn begins_after(receipt: &Receipt, date: Option<&str>) -> bool {
    let first = receipt.days.first().map(|day| day.date.as_str());
    first.zip(date).is_some_and(|(first, date)| first > date)
}

#[cfg(test)]
mod tests {
    use lake::{Day, DayStart, StreamKey};

    use super::*;

    fn receipt(offset: i64, date: &str) -> Receipt {
        Receipt {
            stream: StreamKey {
                topic: "t".into(),
                epoch: 1,
                partition: 0,
            },
            offset,
            next: offset + 1,
            source: "s".into(),
            contract_version: "1".into(),
            mapping_version: "1".into(),
            landed: 1,
            refined: 1,
            days: vec![DayStart {
                date: date.into(),
                offset,
            }],
            ..Receipt::default()
        }
    }

    /// The offsets of the raw objects that are of the scope up to Monday the 2nd.
    fn of_monday(chunks: &[i64], receipts: &[(i64, &str)]) -> Vec<i64> {
        let chunk = |offset: &i64| Chunk {
            topic: "t".into(),
            epoch: 1,
            partition: 0,
            offset: *offset,
        };
        let scope = AuditScope {
            to: Day::parse("2026-03-02"),
            ..AuditScope::default()
        };
        let receipts = receipts
            .iter()
            .map(|(offset, date)| receipt(*offset, date))
            .collect();
        let (chunks, _) = limit_to_scope(chunks.iter().map(chunk).collect(), receipts, scope);
        chunks.into_iter().map(|chunk| chunk.offset).collect()
    }

    #[test]
    fn a_day_has_what_began_on_it_and_what_may_have() {
        let (monday, tuesday) = ("2026-03-02", "2026-03-03");
        assert_eq!(
            of_monday(&[0, 1, 2], &[(0, monday), (1, monday), (2, tuesday)]),
            [0, 1]
        );
        // A partition that was quiet on Monday.
        assert_eq!(of_monday(&[5], &[(5, tuesday)]), Vec::<i64>::new());
        // An object that is not transformed is of Monday unless one of Tuesday comes before it.
        assert_eq!(of_monday(&[0, 1, 2], &[(0, monday), (2, tuesday)]), [0, 1]);
        assert_eq!(of_monday(&[0, 1, 2], &[(0, monday), (1, tuesday)]), [0]);
        assert_eq!(of_monday(&[0, 1], &[(0, monday)]), [0, 1]);
        // The log's clock stepped back over midnight.
        assert_eq!(
            of_monday(&[0, 1, 2], &[(0, monday), (1, tuesday), (2, monday)]),
            [0, 2]
        );
    }
}
