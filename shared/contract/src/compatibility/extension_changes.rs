//! What a change of our extension does: where things stand in an event, event types, who may push.

use serde_json::Value;

use super::ContractComparison;

/// Members of the extension whose change breaks a reader or a sender, each with the reason.
const BREAKING_MEMBERS: [(&str, &str); 13] = [
    (
        "files",
        "files are read in another way, and one that was read may be refused",
    ),
    ("topic", "records would begin again in another topic"),
    ("envelope", "what was pushed would not be read any more"),
    ("key", "records would get other keys and other ids"),
    ("event_id", "repeats would not be seen as such"),
    ("event_type", "event types would be read from another place"),
    ("event_time", "version precedence would change"),
    ("event_time_default", "version precedence would change"),
    ("version", "version precedence would change"),
    ("body", "records would be read from another place"),
    ("delete_body", "deletions would be read from another place"),
    ("state", "states would be read from another place"),
    ("family", "the table would be another one"),
];

/// Members of the extension whose change readers and senders should know.
const NOTICED_MEMBERS: [&str; 6] = [
    "event_time_skew",
    "fetch",
    "backfill",
    "record",
    "event_type_default",
    "bad_records",
];

impl ContractComparison<'_> {
    /// Compares the values of the custom property `polelake`.
    pub(super) fn compare_extensions(&mut self, old: &Value, new: &Value) {
        for (name, why) in BREAKING_MEMBERS {
            if old.get(name) != new.get(name) {
                self.add_breaking(name, format!("it changed: {why}"));
            }
        }
        if old["fetch"]["version"] != new["fetch"]["version"] {
            self.add_breaking(
                "fetch.version",
                "it changed: version precedence would change",
            );
        }
        if !old["backfill"].is_null() && old["backfill"]["key"] != new["backfill"]["key"] {
            self.add_breaking(
                "backfill.key",
                "it changed: records would get other keys and other ids",
            );
        }

        for name in NOTICED_MEMBERS {
            if old.get(name) != new.get(name) {
                self.add_notice(name, "it changed");
            }
        }

        self.compare_event_types(&old["events"], &new["events"]);
        self.compare_callers(&old["push"], &new["push"]);
    }

    fn compare_event_types(&mut self, old: &Value, new: &Value) {
        for (event, op) in old.as_object().into_iter().flatten() {
            match new.get(event) {
                None => self.add_breaking(
                    event,
                    "the event type is gone: such events would be quarantined",
                ),
                Some(other) if other != op => {
                    self.add_breaking(
                        event,
                        format!("{op} became {other}: the same event would do something else"),
                    );
                }
                Some(_) => {}
            }
        }

        let events = new.as_object().into_iter().flatten();
        for (event, _) in events.filter(|(event, _)| old.get(event).is_none()) {
            self.add_fine(event, "the event type is new");
        }
    }

    /// Compares who may push, by principal and by claims.
    fn compare_callers(&mut self, old: &Value, new: &Value) {
        for (kind, caller) in listed_callers(old) {
            if !lists_caller(new, kind, caller) {
                self.add_breaking("push", format!("{caller} may not push any more"));
            }
        }
        for (kind, caller) in listed_callers(new) {
            if !lists_caller(old, kind, caller) {
                self.add_notice("push", format!("{caller} may push now"));
            }
        }
    }
}

/// Every caller of `push` with the list that it stands in, `principals` or `claims`.
fn listed_callers(push: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let lists = push.as_object().into_iter().flatten();
    lists.flat_map(|(kind, list)| {
        let callers = list.as_array().into_iter().flatten();
        callers.map(|caller| (kind.as_str(), caller))
    })
}

fn lists_caller(push: &Value, kind: &str, caller: &Value) -> bool {
    push[kind]
        .as_array()
        .is_some_and(|list| list.contains(caller))
}
