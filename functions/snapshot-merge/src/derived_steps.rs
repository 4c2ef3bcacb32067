//! Steps that derive something from a day that readers see already: statistics for planners, the
//! Iceberg table, the tables of the zones, the index of events. A failure of one stops nothing. The
//! run tells it as a warning, and a later run makes it up.

use std::fmt;

use host::{Failure, FailureKind, emit_metric};
use serde::{Deserialize, Serialize};
use store::{ObjectError, UnreadableObject};

/// A step that is derived from a committed day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DerivedStep {
    /// The statistics of a table's columns.
    Statistics,
    /// A table as Iceberg.
    Iceberg,
    /// The tables of raw topics, refined increments and metrics.
    ZoneTables,
    /// The raw objects of a topic as Iceberg.
    RawTable,
    /// The index of a day's events.
    EventIndex,
}

/// A derived step that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepWarning {
    /// The step: `statistics`, `iceberg`, `zone-tables`, `raw-table` or `event-index`.
    pub step: String,
    /// The table or the topic; none where the step is of the whole day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Why it failed.
    pub cause: String,
    /// The key of the object that cannot be read, when the failure is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// What readers have until then, and what makes it up.
    pub remedy: String,
}

impl StepWarning {
    /// The failure for a caller that must not go on without the step.
    #[must_use]
    pub fn to_failure(&self) -> Failure {
        match &self.object {
            Some(key) => UnreadableObject::new(key, &self.cause).into(),
            None => Failure::new(FailureKind::Unavailable, self.to_string()),
        }
    }
}

impl fmt::Display for StepWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.step)?;
        if let Some(name) = &self.name {
            write!(f, " of {name}")?;
        }
        write!(f, ": {}; {}", self.cause, self.remedy)
    }
}

impl DerivedStep {
    fn label(self) -> &'static str {
        match self {
            Self::Statistics => "statistics",
            Self::Iceberg => "iceberg",
            Self::ZoneTables => "zone-tables",
            Self::RawTable => "raw-table",
            Self::EventIndex => "event-index",
        }
    }

    /// What readers have until the step succeeds, and what makes it up.
    fn remedy(self) -> &'static str {
        match self {
            Self::Statistics => {
                "engines plan with the statistics of an earlier day; the next merge of the table \
                 writes them again"
            }
            Self::Iceberg => {
                "readers of the Iceberg table see its earlier state; the next merge adds a day that \
                 it lacks, and `polelake run-day` of the day replaces one that it has"
            }
            Self::ZoneTables => {
                "new columns of raw and refined tables are not shown yet; the next merge writes \
                 them again"
            }
            Self::RawTable => {
                "readers of the topic's Iceberg table see the raw objects of an earlier merge; the \
                 next merge adds the others"
            }
            Self::EventIndex => {
                "`polelake trace` reads the receipts of the day; the next merge writes the index"
            }
        }
    }
}

/// Logs and counts a failure of a derived step.
pub(crate) fn warn_of_failure(
    step: DerivedStep,
    name: Option<&str>,
    failure: &Failure,
) -> StepWarning {
    let warning = StepWarning {
        step: step.label().to_owned(),
        name: name.map(str::to_owned),
        cause: failure.to_string(),
        object: failure.unreadable_object().map(|object| object.object),
        remedy: step.remedy().to_owned(),
    };
    tracing::warn!(
        step = warning.step,
        name = warning.name,
        cause = warning.cause,
        remedy = warning.remedy,
        "a step that is derived from the day failed"
    );
    emit_metric(
        &[("function", "snapshot-merge")],
        &[("derived_steps_failed", 1)],
    );
    warning
}

/// The warning of a step that failed; none of one that succeeded.
pub(crate) fn warning_of(
    step: DerivedStep,
    name: &str,
    outcome: Result<(), Failure>,
) -> Option<StepWarning> {
    let failure = outcome.err()?;
    Some(warn_of_failure(step, Some(name), &failure))
}
