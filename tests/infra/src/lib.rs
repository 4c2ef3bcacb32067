//! The house's own rules of `infra/`, over its parsed Terraform.
//!
//! Terraform's tests say that a plan is what is meant; these say that nothing is missing from the
//! text: a trigger, dead letters, an alarm, a setting. [`find_problems`] names everything that is;
//! the mutation tests take each of these things out and see that it does.

mod alarms;
mod iam;
mod levers;
mod remembered;
mod rules;
mod settings;
mod stack;
mod terraform;
mod tools;
mod watching;

pub use alarms::{MetricAlarm, MetricSeries, SeriesName};
pub use iam::{AccessRequest, PolicyAnswer, PolicyDocument};
pub use levers::Levers;
pub use remembered::RememberedTest;
pub use rules::find_problems;
pub use settings::settings_read_by;
pub use stack::{StackResource, StackState};
pub use terraform::{BlockLocation, Infra, infra_folder, repository_root};
pub use tools::{copy_infra, has_terraform, has_tool, skip_test, terraform_init_arguments};

/// The functions: the names recur in files, functions, packages, roles, logs, alarms.
pub const FUNCTIONS: [&str; 5] = [
    "event-relay",
    "raw-landing",
    "pole-transform",
    "snapshot-merge",
    "quality-report",
];
