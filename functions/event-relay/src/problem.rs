//! Every HTTP status of the relay, and every reason for refusing a request or an event (problem
//! details, RFC 9457).
//!
//! A test compares the two tables of this file with the table in `README.md`.

use contract::EventFault;
use serde_json::{Value, json};

/// The status of an answer, with the title that problem details carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HttpStatus {
    /// The number.
    pub(crate) code: u16,
    title: &'static str,
}

impl HttpStatus {
    /// The contract follows.
    pub(crate) const OK: Self = Self::new(200, "OK");
    /// Kafka acknowledged every event.
    pub(crate) const ACCEPTED: Self = Self::new(202, "Accepted");
    /// Of several events some were refused and some not; each result has a status of its own.
    pub(crate) const MULTI_STATUS: Self = Self::new(207, "Multi-Status");

    const BAD_REQUEST: Self = Self::new(400, "Bad request");
    const UNAUTHORISED: Self = Self::new(401, "Unauthorised");
    const FORBIDDEN: Self = Self::new(403, "Forbidden");
    const NOT_FOUND: Self = Self::new(404, "Not found");
    const METHOD_NOT_ALLOWED: Self = Self::new(405, "Method not allowed");
    const TOO_LARGE: Self = Self::new(413, "Too large");
    const UNSUPPORTED_TYPE: Self = Self::new(415, "Not a type that is read");
    const UNPROCESSABLE: Self = Self::new(422, "Event refused");
    const BAD_GATEWAY: Self = Self::new(502, "The record's state was not given");
    const UNAVAILABLE: Self = Self::new(503, "Try again");

    const fn new(code: u16, title: &'static str) -> Self {
        Self { code, title }
    }

    /// The status of several events that are all refused. It is never one of a success: many
    /// clients look at nothing else. Where a repeat may get an event through, it asks for one.
    pub(crate) fn of_refused_events(statuses: &[Self]) -> Self {
        if statuses.contains(&Self::UNAVAILABLE) {
            return Self::UNAVAILABLE;
        }
        match statuses {
            [first, rest @ ..] if rest.iter().all(|status| status == first) => *first,
            _ => Self::UNPROCESSABLE,
        }
    }

    /// Seconds after which the client may send the request again; none when a repeat would get the
    /// same answer.
    pub(crate) fn retry_after(self) -> Option<u32> {
        (self == Self::UNAVAILABLE).then_some(5)
    }
}

/// Declares the reasons, their list and their statuses and rules from one table: no reason can lack
/// a row.
macro_rules! refusal_reasons {
    ($($(#[$doc:meta])* $reason:ident => $status:ident, $rule:literal;)+) => {
        /// Why the relay refuses a request or an event.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum RefusalReason {
            $($(#[$doc])* $reason,)+
        }

        impl RefusalReason {
            /// Every reason, in the order of the table.
            const ALL: &[Self] = &[$(Self::$reason,)+];

            /// The status of the answer.
            pub(crate) const fn status(self) -> HttpStatus {
                match self {
                    $(Self::$reason => HttpStatus::$status,)+
                }
            }

            /// The stable id of the rule that the request or the event broke.
            pub(crate) const fn rule(self) -> &'static str {
                match self {
                    $(Self::$reason => $rule,)+
                }
            }
        }
    };
}

refusal_reasons! {
    /// The body is neither gzip nor base64, as the request's headers or the gateway announce it.
    BodyDamaged => BAD_REQUEST, "body.encoding";
    /// The body, or the list in it, has no event.
    BodyEmpty => BAD_REQUEST, "body.empty";
    /// A CloudEvents batch is not a list.
    BodyNoBatch => BAD_REQUEST, "body.batch";
    /// The event, or the list of events, is not JSON.
    EventNotJson => BAD_REQUEST, "event.json";
    /// The `Idempotency-Key` is empty, too long or holds invisible characters.
    IdempotencyKey => BAD_REQUEST, "request.idempotency-key";
    /// The header `polelake-file` does not name a place for each event.
    FilePlaces => BAD_REQUEST, "request.file";

    /// The request has neither an IAM signature nor a bearer token.
    RequestUnsigned => UNAUTHORISED, "request.unsigned";
    /// The bearer token has expired.
    TokenExpired => UNAUTHORISED, "request.expired";
    /// The bearer token is not valid yet.
    TokenNotYetValid => UNAUTHORISED, "request.not-yet-valid";

    /// The source's contract does not admit the caller.
    CallerNotAdmitted => FORBIDDEN, "request.caller";

    /// The path is none of the relay's.
    UnknownPath => NOT_FOUND, "request.path";
    /// No contract declares the source.
    UnknownSource => NOT_FOUND, "request.source";

    /// The path exists, with another method.
    WrongMethod => METHOD_NOT_ALLOWED, "request.method";

    /// The body has too many bytes.
    BodyTooLarge => TOO_LARGE, "body.too-large";
    /// The request has too many events.
    TooManyEvents => TOO_LARGE, "body.too-many-events";
    /// The event has more bytes than the relay or the topic takes.
    EventTooLarge => TOO_LARGE, "event.too-large";

    /// The body is compressed otherwise than by gzip.
    UnsupportedEncoding => UNSUPPORTED_TYPE, "body.encoding";
    /// The content type is not one that the relay reads.
    UnsupportedType => UNSUPPORTED_TYPE, "body.type";

    /// The CloudEvent lacks an attribute that version 1.0 requires, or is in a form that the relay
    /// does not read.
    CloudEventInvalid => UNPROCESSABLE, "event.cloudevent";
    /// The event has no id, or one that is too long.
    EventId => UNPROCESSABLE, "event.id";
    /// The event breaks a rule that has no row of its own.
    EventInvalid => UNPROCESSABLE, "event.invalid";
    /// The record's key is missing, too long, or not fit for the address of the record's state.
    EventKey => UNPROCESSABLE, "event.key";
    /// The event is nested too deeply.
    EventNesting => UNPROCESSABLE, "event.nesting";
    /// The event has no time, or one that the contract's `event_time` does not read.
    EventTime => UNPROCESSABLE, "event.time";
    /// The event says to have happened after it came.
    EventTimeAhead => UNPROCESSABLE, "event.time_ahead";
    /// The event has no type.
    EventType => UNPROCESSABLE, "event.type";
    /// The record's version is missing or not a whole number.
    EventVersion => UNPROCESSABLE, "event.version";

    /// The record's API refuses to give the state; a repeat alone does not help.
    StateRefused => BAD_GATEWAY, "event.state-refused";

    /// The record's state could not be fetched now.
    StateUnavailable => UNAVAILABLE, "event.state";
    /// The event's transport did not acknowledge it.
    NotAcknowledged => UNAVAILABLE, "event.not-acknowledged";
}

impl RefusalReason {
    /// The reason with the rule that [`contract::Event::parse`] names. Each of its rules has one
    /// row of the table.
    fn from_event_rule(rule: &str) -> Self {
        Self::ALL
            .iter()
            .copied()
            .find(|reason| reason.rule() == rule)
            .unwrap_or(Self::EventInvalid)
    }
}

/// What is wrong with a request or an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProblemDetails {
    /// The reason, which gives the status and the rule.
    pub(crate) reason: RefusalReason,
    /// What is wrong and what would be right; never a value of the event.
    detail: String,
}

impl ProblemDetails {
    /// A problem with its explanation for the client.
    pub(crate) fn new(reason: RefusalReason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
        }
    }

    /// What is wrong and what would be right; never a value of the event.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// The status code of the answer.
    pub(crate) fn status_code(&self) -> u16 {
        self.reason.status().code
    }

    /// What is wrong and what would be right, in words.
    pub(crate) fn into_detail(self) -> String {
        self.detail
    }

    /// The members that RFC 9457 defines, and the rule.
    pub(crate) fn to_json(&self) -> Value {
        let rule = self.reason.rule();
        let status = self.reason.status();

        json!({
            "type": problem_type(rule),
            "title": status.title,
            "status": status.code,
            "rule": rule,
            "detail": self.detail,
        })
    }
}

/// The rule of a request whose events are all refused. Its status is that of its events, so it is
/// no reason of the table.
const ALL_REFUSED_RULE: &str = "body.all-refused";

/// The problem of a request whose events are all refused, with this status. Each result says why of
/// one event.
pub(crate) fn refused_events_json(status: HttpStatus, results: &[Value]) -> Value {
    let refused = results.len();
    json!({
        "type": problem_type(ALL_REFUSED_RULE),
        "title": status.title,
        "status": status.code,
        "rule": ALL_REFUSED_RULE,
        "detail": format!("all {refused} events are refused; `results` says of each one why"),
        "accepted": 0,
        "refused": refused,
        "results": results,
    })
}

/// The address that RFC 9457 has for a kind of problem.
fn problem_type(rule: &str) -> String {
    format!("https://polelake.example/problems/{rule}")
}

/// An event that cannot be read as its contract says.
impl From<EventFault> for ProblemDetails {
    fn from(fault: EventFault) -> Self {
        Self::new(
            RefusalReason::from_event_rule(&fault.rule),
            format!("{}: {}", fault.path, fault.reason),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    const SUCCESSES: [HttpStatus; 3] = [
        HttpStatus::OK,
        HttpStatus::ACCEPTED,
        HttpStatus::MULTI_STATUS,
    ];

    /// The rules of each status, as this file declares them.
    fn declared_rules() -> BTreeMap<u16, BTreeSet<&'static str>> {
        let mut rules: BTreeMap<u16, BTreeSet<&str>> = BTreeMap::new();
        for success in SUCCESSES {
            rules.entry(success.code).or_default();
        }
        for reason in RefusalReason::ALL {
            rules
                .entry(reason.status().code)
                .or_default()
                .insert(reason.rule());
        }
        rules
    }

    /// The rules of each status, as the README lists them: `| 404 | `request.path`, … | … |`.
    fn documented_rules() -> BTreeMap<u16, BTreeSet<&'static str>> {
        let mut documented = BTreeMap::new();
        for line in include_str!("../README.md").lines() {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let [_, status, rules, _, _] = cells.as_slice() else {
                continue;
            };
            if let Ok(status) = status.parse::<u16>() {
                documented.insert(status, rules.split('`').skip(1).step_by(2).collect());
            }
        }
        documented
    }

    #[test]
    fn the_readme_lists_every_status_with_its_rules() {
        assert_eq!(documented_rules(), declared_rules());
    }

    #[test]
    fn every_fault_of_an_event_has_one_row() {
        let rules = [
            ("event.id", 422),
            ("event.json", 400),
            ("event.key", 422),
            ("event.nesting", 422),
            ("event.time", 422),
            ("event.time_ahead", 422),
            ("event.type", 422),
            ("event.version", 422),
        ];
        for (rule, status) in rules {
            let rows = RefusalReason::ALL
                .iter()
                .filter(|reason| reason.rule() == rule);
            assert_eq!(rows.count(), 1, "{rule}");

            let reason = RefusalReason::from_event_rule(rule);
            assert_eq!((reason.rule(), reason.status().code), (rule, status));
        }
        assert_eq!(
            RefusalReason::from_event_rule("event.other").status().code,
            422
        );
    }

    #[test]
    fn only_what_a_repeat_may_get_through_asks_for_a_repeat() {
        let repeatable: Vec<&str> = RefusalReason::ALL
            .iter()
            .filter(|reason| reason.status().retry_after().is_some())
            .map(|reason| reason.rule())
            .collect();
        assert_eq!(repeatable, ["event.state", "event.not-acknowledged"]);
    }

    #[test]
    fn refused_events_never_have_the_status_of_a_success() {
        let (bad, unprocessable) = (HttpStatus::BAD_REQUEST, HttpStatus::UNPROCESSABLE);
        for (statuses, expected) in [
            (vec![unprocessable, unprocessable], 422),
            (vec![bad, bad], 400),
            (vec![bad, unprocessable], 422),
            (vec![HttpStatus::TOO_LARGE, HttpStatus::BAD_GATEWAY], 422),
            (vec![HttpStatus::BAD_GATEWAY, HttpStatus::BAD_GATEWAY], 502),
            (vec![unprocessable, HttpStatus::UNAVAILABLE], 503),
        ] {
            let status = HttpStatus::of_refused_events(&statuses);
            assert_eq!(status.code, expected, "{statuses:?}");
        }
    }

    #[test]
    fn details_have_the_members_of_rfc_9457() {
        let problem = ProblemDetails::new(RefusalReason::UnknownPath, "there is no such path");
        let expected = json!({
            "type": "https://polelake.example/problems/request.path",
            "title": "Not found",
            "status": 404,
            "rule": "request.path",
            "detail": "there is no such path",
        });
        assert_eq!(problem.to_json(), expected);
    }
}
