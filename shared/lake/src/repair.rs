//! What an operator does about an object that cannot be read: that depends on its zone.

use crate::curated_keys::MANIFESTS_PREFIX;
use crate::{Chunk, DayRoot, DeclaredLoss, ERASURES_KEY, EventIndexPart, erasure_receipt_prefix};

/// The next step for an object of this key that cannot be read, with the command where there is
/// one. Whatever was made from raw objects can be made again.
#[must_use]
pub fn repair_hint(key: &str) -> &'static str {
    if key == ERASURES_KEY {
        return "restore an earlier version of it: without the list a replay restores erased people";
    }
    if key.starts_with(erasure_receipt_prefix()) {
        return "restore an earlier version of it, or move it away, and run the command again";
    }
    if key.starts_with(DeclaredLoss::prefix()) {
        return "restore an earlier version of it, or delete it with `polelake repair --withdraw` \
                and its key; then `polelake repair --dry-run` names what is lost";
    }
    if key.starts_with(DayRoot::prefix()) {
        return "`polelake repair` writes it again";
    }
    if key.starts_with(EventIndexPart::prefix()) {
        return "`polelake rebuild --from` with its day writes it again; until then `polelake \
                trace` reads the receipts in its place";
    }
    if key.starts_with(MANIFESTS_PREFIX) {
        return "`polelake repair` makes it again; where it cannot, restore an earlier version of \
                it, or move it away and run `polelake rebuild --from` with its day";
    }
    if key.starts_with(Chunk::RECEIPTS_PREFIX)
        || key.starts_with(Chunk::QUARANTINE_PREFIX)
        || key.starts_with(Chunk::REFINED_PREFIX)
    {
        return "`polelake repair` makes it again from its raw object; `polelake rebuild --raw \
                --from` with its day does so under the contracts of today; where the raw object is \
                lost, `polelake repair --declare-lost` with its key has rebuilds go over it";
    }
    if key.starts_with(Chunk::RAW_PREFIX) {
        return "restore an earlier version of it or a copy from a backup, and run the command \
                again; `polelake repair --dry-run` finds others, and says which records are lost; \
                `polelake repair --declare-lost` with its key has rebuilds go over them";
    }
    "`polelake repair` makes it again; where it cannot, restore an earlier version of it, or move \
     away the manifests that name it and run `polelake rebuild --from` with their first day"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Day, manifest_key, table_prefix};

    #[test]
    fn every_zone_has_a_next_step_of_its_own() {
        let day = Day(20_000);
        let chunk = Chunk {
            topic: "t".into(),
            epoch: 1,
            partition: 0,
            offset: 0,
        };
        for (key, part) in [
            (chunk.raw_key(), "backup"),
            (chunk.receipt_key(), "rebuild --raw"),
            (chunk.refined_key("person", day), "rebuild --raw"),
            (chunk.quarantine_key(day), "rebuild --raw"),
            (manifest_key("person", day), "rebuild --from"),
            (table_prefix("person"), "manifests that name it"),
            (DayRoot::key(day), "writes it again"),
            (
                EventIndexPart::day_prefix("t", day),
                "rebuild --from` with its day writes it again",
            ),
            (DeclaredLoss::key_of(&chunk), "--withdraw"),
            (ERASURES_KEY.to_owned(), "erased people"),
            (erasure_receipt_prefix().to_owned(), "move it away"),
        ] {
            assert!(repair_hint(&key).contains(part), "{key}");
        }
    }
}
