//! Messages of the events queue that were acknowledged and did not land.

use lake::NumberRange;
use store::lane_states::read_all_lane_states;

use super::finding_kind::FindingKind;
use super::report::AuditFinding;
use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// Finds what the lanes miss for half an hour; `now` is in milliseconds since 1970.
pub(super) async fn audit_queue_messages(
    lake: &LakeHandle,
    now: i64,
    findings: &mut Vec<AuditFinding>,
) -> Result<(), OperationError> {
    let states = read_all_lane_states(&*lake.raw).await?;
    for (key, why) in states.damaged {
        let what = format!("cannot be read: {why}");
        findings.push(AuditFinding::new(
            FindingKind::LaneStateWrong,
            key,
            None,
            what,
        ));
    }
    for (topic, known) in &states.state.topics {
        for (sandbox, sender) in &known.senders {
            let missing = sender.missing_for_long(now);
            if !missing.is_empty() {
                findings.push(missing_messages(topic, sandbox, &missing));
            }
        }
    }
    Ok(())
}

fn missing_messages(topic: &str, sandbox: &str, missing: &[NumberRange]) -> AuditFinding {
    let numbers = describe_numbers(missing);
    let what = format!(
        "messages {numbers} of the relay's sandbox {sandbox} were acknowledged and did not land"
    );
    AuditFinding::new(FindingKind::MessagesMissing, topic, None, what)
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
}
