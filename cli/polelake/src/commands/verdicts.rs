//! Words that commands print for the verdicts of a day.

use lake::RuleVerdict;

/// What a rule that did not pass does.
pub(super) fn failure_label(verdict: RuleVerdict) -> &'static str {
    if verdict == RuleVerdict::Fail {
        "blocks"
    } else {
        "warns"
    }
}

/// Whether the reconciliation of a day balances.
pub(super) fn balance_label(balances: bool) -> &'static str {
    if balances { "balanced" } else { "not balanced" }
}

/// Whether readers see a day.
pub(super) fn passed_label(passed: bool) -> &'static str {
    if passed { "passed" } else { "held back" }
}
