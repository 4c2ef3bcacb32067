//! What event types do, by their names.

/// What an event type does, by its name. A cancellation changes a record, and deletes none.
pub(super) fn guess_operation(event_type: &str) -> &'static str {
    const CHANGES: &[&str] = &[
        "updat", "chang", "edit", "amend", "cancel", "complet", "clos", "reopen", "withdr",
        "assign", "schedul", "resolv",
    ];
    let name = event_type.to_lowercase();
    if contains_any(&name, &["delet", "remov", "erase"]) {
        "delete"
    } else if contains_any(&name, CHANGES) {
        "patch"
    } else {
        "upsert"
    }
}

/// Whether a name has one of these parts.
pub(super) fn contains_any(name: &str, parts: &[&str]) -> bool {
    parts.iter().any(|part| name.contains(part))
}
