//! The pipeline's tests: a module for each hop, over the real function processes and real
//! protocols.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod accounting;
mod add_a_source;
mod attacks;
mod aws_commands;
mod backfill;
mod bench;
mod catalogue;
mod contracts;
mod days_in_memory;
mod documents;
mod endpoints;
mod entities;
mod erasure;
mod field_faults;
mod house;
mod house_cycles;
mod house_keys;
mod http_to_topic;
mod kafka_sink;
mod kills;
mod lake_under_test;
mod merge_crashes;
mod merge_oracle;
mod operators;
mod outputs;
mod patches;
mod pole_to_snapshot;
mod quality;
mod quarantine;
mod raw_to_pole;
mod readers;
mod rights;
mod rust_source;
mod site;
mod smoke;
mod snapshot_days;
mod snapshots;
mod state_fetch;
mod state_machine;
mod topic_to_raw;
mod vectors;
mod whole_day;
mod workflows;
