//! The events queue: each request's records of a topic travel in one message.

mod numbers;
mod sink;

pub use sink::{QueueSink, QueueSinkOptions};
