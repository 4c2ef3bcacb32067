//! Every kind of finding, with what an operator does about it.

use serde::Serialize;

/// What stands for the day of a finding in the next step.
const DAY: &str = "DAY";

/// Declares the kinds, their list and their next steps from one table: no kind can lack a step.
macro_rules! finding_kinds {
    ($($(#[$doc:meta])* $kind:ident => $next:literal;)+) => {
        /// What does not reconcile.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum FindingKind {
            $($(#[$doc])* $kind,)+
        }

        impl FindingKind {
            /// Every kind, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$kind,)+];

            /// The next step, in which `DAY` stands for the day.
            const fn step(self) -> &'static str {
                match self {
                    $(Self::$kind => $next,)+
                }
            }
        }
    };
}

finding_kinds! {
    /// Kafka holds records that the raw zone does not.
    NotLanded => "they land while the platform runs: `polelake up`, then `polelake audit` again; \
                  on AWS docs/runbook.md, Kafka to raw";
    /// The raw zone ends behind Kafka's end: the topic begins at 0 again.
    TopicRecreated => "raise the topic's epoch, TOPIC_EPOCH (docs/runbook.md, A topic was \
                       recreated), then `polelake audit` again";
    /// The events queue acknowledged messages that did not land.
    MessagesMissing => "look among the dead letters of the events queue and deliver them again \
                        (docs/runbook.md, Messages are missing), then `polelake audit` again; \
                        what is not there is lost: have the source send it again";
    /// The state of a lane of the events queue is damaged.
    LaneStateWrong => "restore an earlier version of it (docs/runbook.md, Messages are missing), \
                       then `polelake audit` again: the landing stops until then";
    /// Kafka has not the topic of a source, or does not let this role use it.
    TopicRefused => "create the topic, or grant its use (docs/deploy.md, Topics), then `polelake \
                     audit` again";
    /// A raw object has no receipt.
    NotTransformed => "`polelake audit` again in a minute; where it stays, send its notification \
                       again (docs/runbook.md, Redrive dead letters)";
    /// A receipt is of a raw object that is not there.
    RawMissing => "restore an earlier version of the raw object or a copy from a backup, then \
                   `polelake audit --deep`; without either its records are lost: `polelake repair \
                   --dry-run` names them, and `polelake repair --declare-lost` records it";
    /// Offsets are in no raw object.
    RawGap => "restore the raw object of these offsets where one was deleted; otherwise have the \
               source send their events again with `polelake push` (docs/runbook.md, Records that \
               Lambda gave up); `polelake repair --declare-lost` records that they are lost";
    /// A raw object that is declared lost is there again.
    LossReturned => "`polelake repair --withdraw` with its key deletes the declaration; then \
                     `polelake repair` makes again what was lost with it";
    /// A declared loss is not what is lost.
    LossWrong => "`polelake repair --withdraw` with its key deletes the declaration; then `polelake \
                  repair --dry-run` names what is lost";
    /// Two raw objects hold the same offsets.
    RawOverlap => "compare the two objects, move away the one that was written later, then \
                   `polelake rebuild --raw --from` with the day of its records";
    /// An object of a topic is none that the platform wrote.
    RawForeign => "move it away, then `polelake audit --deep`";
    /// A raw object holds other records than it says.
    RawDamaged => "restore an earlier version of it or a copy from a backup, then `polelake \
                   rebuild --raw --from` with the day of its records";
    /// A receipt does not account for the records of its raw object.
    ReceiptWrong => "`polelake repair` makes it again from its raw object; `polelake rebuild --raw \
                     --from DAY` does so under the contracts of today";
    /// An object of rows is missing, or has other rows than its receipt says.
    RefinedWrong => "`polelake repair` makes it again from its raw object; `polelake rebuild --raw \
                     --from DAY` does so under the contracts of today";
    /// Refused records are missing, or others than their receipt says.
    QuarantineWrong => "`polelake repair` makes it again from its raw object; `polelake rebuild --raw \
                        --from DAY` does so under the contracts of today";
    /// A manifest says other numbers than its files have.
    ManifestWrong => "`polelake repair` makes it again; where it cannot, `polelake rebuild --from \
                      DAY` builds the day and the later ones again";
    /// A manifest is not the one that its day's root names, or is named by none.
    ManifestChanged => "`polelake repair` makes the manifest again that the root names; where it \
                        cannot, `polelake rebuild --from DAY` builds the day again";
    /// The root of a day is missing, or is that of another.
    RootWrong => "`polelake repair` makes it again; compare the day's root with the one that you \
                  kept";
    /// A snapshot was built on another manifest than the one that is there.
    BaseChanged => "`polelake rebuild --from DAY` builds the day on the manifest that is there";
    /// The day on which a snapshot was built is not there.
    BaseMissing => "`polelake repair` makes that manifest again; where it cannot, `polelake rebuild \
                    --from DAY` builds the day on the one before";
    /// A file of a snapshot is missing, or has other rows than its manifest says.
    SnapshotFileWrong => "`polelake repair` makes it again; where it cannot, restore an earlier \
                          version of it, or move away the manifests that name it and run \
                          `polelake rebuild --from DAY`";
    /// A file is among those that readers are given, and no manifest names it.
    SnapshotFileAdded => "`polelake repair --delete-added` deletes it";
    /// Iceberg's metadata are not what the merge wrote, or do not show the days that passed.
    IcebergWrong => "`polelake repair` writes the table's metadata again; where a day was being \
                     merged, `polelake audit` again in a minute";
    /// An object of the refined zone is named by no receipt.
    RefinedAdded => "`polelake repair --delete-added` deletes it";
    /// The list of erased subjects lacks those of an erasure.
    ErasureListWrong => "restore the newest version of it; without one `polelake erase` the same \
                         subjects again";
    /// An erasure broke off.
    ErasureUnfinished => "`polelake erase` the same subjects again, which does the rest; where it \
                          was finished, restore its receipt in curated/_erasures/";
    /// The receipt of an erasure stands under the key of another.
    ErasureReceiptWrong => "restore an earlier version of it, then `polelake audit --deep`";
    /// The hint of a log's end says what the landing did not write.
    HintWrong => "`polelake repair` deletes it: the next landing finds the end by listing and \
                  writes it again";
    /// The index of a day's events says other ids than the receipts.
    EventIndexWrong => "`polelake repair` deletes it: `polelake trace` reads the receipts in its \
                        place, and `polelake rebuild --from DAY` writes it again";
    /// An object among the indexes of events is none that the platform wrote.
    EventIndexAdded => "`polelake repair --delete-added` deletes it";
    /// An object cannot be read. Its own cause and step are known where it was read.
    Unreadable => "restore an earlier version of it, then `polelake audit --deep`";
}

impl FindingKind {
    /// The next step, with the day where the audit knows it; otherwise `DAY` stays, as in the
    /// usage of commands.
    pub(super) fn next_step(self, day: Option<&str>) -> String {
        match day {
            Some(day) => self.step().replace(DAY, day),
            None => self.step().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_next_step_with_a_command() {
        for kind in FindingKind::ALL {
            let step = kind.next_step(Some("2026-03-02"));
            assert!(step.contains("`polelake "), "{kind:?}: {step}");
            assert!(!step.contains(DAY), "{kind:?}: {step}");
            assert_eq!(step.matches('`').count() % 2, 0, "{kind:?}: {step}");
        }
    }
}
