//! What would be deployed, asked for its meaning: who may do what, which alarm rings when, what is
//! kept and for how long.
//!
//! `infra/tests/stacks.tftest.hcl` makes three stacks over mocked AWS; their resources are the
//! answers. `infra/tests/mutations.py` makes mistakes in the Terraform, which these tests notice.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on must stop"
)]

mod acts;
mod alarm_days;
mod day_acts;
mod forbidden_acts;
mod rights;
mod settings;
mod stack_under_test;
