//! What the API answered to pushed events: counts, and why events were refused.

use std::collections::BTreeMap;
use std::fmt;

use reqwest::StatusCode;
use serde_json::Value;

/// What became of pushed events.
#[derive(Clone, Debug, Default)]
pub struct PushCounts {
    /// Events that were accepted.
    pub accepted: u64,
    /// Events that were refused.
    pub refused: u64,
    /// Why events were refused, by rule, path and reason; never a value.
    pub reasons: BTreeMap<String, RefusedEvents>,
}

/// The events that were refused for one reason.
#[derive(Clone, Debug, Default)]
pub struct RefusedEvents {
    /// How many they are.
    pub count: u64,
    /// The places of the first of them, from 0, among the events that were pushed.
    pub first: Vec<usize>,
}

/// Places of refused events that are kept of each reason.
const PLACES_KEPT: usize = 5;

impl RefusedEvents {
    /// Counts an event at a place.
    pub(crate) fn add(&mut self, place: usize) {
        self.count += 1;
        if self.first.len() < PLACES_KEPT {
            self.first.push(place);
        }
    }
}

impl PushCounts {
    /// Adds the answer to a request of so many events; `first` is the place of the first of them.
    pub(crate) fn add_answer(&mut self, answer: &Value, events: usize, first: usize) {
        let accepted = answer["accepted"].as_u64().unwrap_or_default();
        self.accepted += accepted;
        self.refused += (events as u64).saturating_sub(accepted);
        for (index, reason) in refusal_reasons(answer) {
            let refused = self.reasons.entry(reason).or_default();
            refused.add(first + index);
        }
    }
}

/// Whether Kafka did not acknowledge some event in time.
pub(crate) fn has_unanswered_event(answer: &Value) -> bool {
    let results = answer["results"].as_array().into_iter().flatten();
    let mut statuses = results.map(|result| &result["status"]);
    statuses.any(|status| *status == 503)
}

/// Whether the answer is about the full request, and not about its events.
pub(crate) fn is_request_refused(answer: &Value) -> bool {
    let rule = answer["rule"].as_str();
    answer["accepted"].is_null() && rule.is_none_or(|rule| !rule.starts_with("event."))
}

/// A request that the API refused as a whole.
#[derive(Debug)]
pub(crate) struct RequestRefused {
    /// The rule that it broke; none of an answer that is not the relay's.
    pub(crate) rule: Option<String>,
    message: String,
}

impl RequestRefused {
    pub(crate) fn from_answer(url: &str, status: StatusCode, json: &Value, text: &str) -> Self {
        let detail = json["detail"].as_str().unwrap_or(text);
        Self {
            rule: json["rule"].as_str().map(str::to_owned),
            message: format!("{url} answered {status}: {detail}"),
        }
    }
}

impl fmt::Display for RequestRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for RequestRefused {}

/// The index of every refused event, with rule and reason. An answer without results is the problem
/// of its only event.
fn refusal_reasons(answer: &Value) -> Vec<(usize, String)> {
    let problems: Vec<&Value> = match answer["results"].as_array() {
        Some(results) => results.iter().map(|result| &result["problem"]).collect(),
        None => vec![answer],
    };
    let numbered = problems.into_iter().enumerate();
    numbered
        .filter_map(|(index, problem)| Some((index, describe_refusal(problem)?)))
        .collect()
}

fn describe_refusal(problem: &Value) -> Option<String> {
    let rule = problem["rule"].as_str()?;
    let detail = problem["detail"].as_str().unwrap_or_default();
    Some(format!("{rule}: {detail}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn refused_events_are_counted_by_reason_with_the_places_of_the_first() {
        let problem = json!({"rule": "event.time", "detail": "$.at: the event has no time"});
        let refused = |index: usize| json!({"index": index, "status": 422, "problem": problem});
        let results: Vec<Value> = (0..8)
            .map(|index| match index {
                0 => json!({"index": 0, "status": 202, "id": "a"}),
                _ => refused(index),
            })
            .collect();
        let mut counts = PushCounts::default();
        counts.add_answer(&json!({"accepted": 1, "results": results}), 8, 10);
        counts.add_answer(&problem, 1, 18);

        assert_eq!((counts.accepted, counts.refused), (1, 8));
        let reason = &counts.reasons["event.time: $.at: the event has no time"];
        assert_eq!(reason.count, 8);
        assert_eq!(reason.first, [11, 12, 13, 14, 15]);
    }

    #[test]
    fn a_request_whose_events_are_all_refused_has_their_reasons_alone() {
        let problem = json!({"rule": "event.time", "detail": "$.at: the event has no time"});
        let result = json!({"index": 0, "status": 422, "problem": problem});
        let answer = json!({
            "rule": "body.all-refused", "status": 422, "detail": "all 2 events are refused",
            "accepted": 0, "refused": 2, "results": [result, result],
        });
        assert!(!is_request_refused(&answer));

        let mut counts = PushCounts::default();
        counts.add_answer(&answer, 2, 0);
        assert_eq!((counts.accepted, counts.refused), (0, 2));
        let reasons: Vec<(&str, u64)> = counts
            .reasons
            .iter()
            .map(|(reason, refused)| (reason.as_str(), refused.count))
            .collect();
        assert_eq!(reasons, [("event.time: $.at: the event has no time", 2)]);
    }

    #[test]
    fn a_refused_request_is_told_from_a_refused_event() {
        let unknown = json!({"rule": "request.source", "detail": "there is no such source"});
        assert!(is_request_refused(&unknown));
        assert!(!is_request_refused(
            &json!({"rule": "event.time", "detail": ""})
        ));
        let refused = RequestRefused::from_answer("http://x", StatusCode::NOT_FOUND, &unknown, "");
        assert_eq!(refused.rule.as_deref(), Some("request.source"));
        assert!(refused.to_string().contains("there is no such source"));
    }
}
