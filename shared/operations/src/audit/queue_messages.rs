//! Messages of the events queue that were acknowledged and did not land.

use lake::{LaneState, NumberRange, SenderMessages};

use super::finding_kind::FindingKind;
use super::report::AuditFinding;
use crate::error::OperationError;
use crate::events_queue::read_lane_states;
use crate::lake_handle::LakeHandle;

/// A message is on its way for some minutes: one that is missing for less is no finding.
const ON_ITS_WAY_MILLIS: i64 = 30 * 60_000;

/// Finds what the lanes miss of the topics that the contracts declare; `now` is in milliseconds
/// since 1970.
pub(super) async fn audit_queue_messages(
    lake: &LakeHandle,
    now: i64,
    findings: &mut Vec<AuditFinding>,
) -> Result<(), OperationError> {
    let states = read_lane_states(&*lake.raw).await?;
    for (key, why) in states.damaged {
        let what = format!("cannot be read: {why}");
        findings.push(AuditFinding::new(
            FindingKind::LaneStateWrong,
            key,
            None,
            what,
        ));
    }
    for (topic, known) in &states.all.topics {
        for (sandbox, sender) in &known.senders {
            if is_missing_for_long(sender, now) {
                let numbers = describe_numbers(&sender.missing());
                let what = format!(
                    "messages {numbers} of the relay's sandbox {sandbox} were acknowledged and \
                     did not land"
                );
                let object = format!("{}{topic}", LaneState::PREFIX);
                findings.push(AuditFinding::new(
                    FindingKind::MessagesMissing,
                    object,
                    None,
                    what,
                ));
            }
        }
    }
    Ok(())
}

fn is_missing_for_long(sender: &SenderMessages, now: i64) -> bool {
    let is_long = |since| now - since >= ON_ITS_WAY_MILLIS;
    sender.missing_since.is_some_and(is_long) && !sender.missing().is_empty()
}

/// The numbers as `3, 7 to 9`.
fn describe_numbers(ranges: &[NumberRange]) -> String {
    let texts = ranges.iter().map(|(first, last)| match first == last {
        true => first.to_string(),
        false => format!("{first} to {last}"),
    });
    texts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_as_ranges() {
        assert_eq!(describe_numbers(&[(3, 3), (7, 9)]), "3, 7 to 9");
    }

    #[test]
    fn a_message_is_missing_after_half_an_hour() {
        let mut sender = SenderMessages::default();
        sender.note_acknowledged(2, 0);
        sender.missing_since = Some(1_000);
        assert!(!is_missing_for_long(&sender, 1_000));
        assert!(is_missing_for_long(&sender, 1_000 + ON_ITS_WAY_MILLIS));
        for number in 0..3 {
            sender.note_landed(number, &[], 0);
        }
        assert!(!is_missing_for_long(&sender, 1_000 + ON_ITS_WAY_MILLIS));
    }
}
