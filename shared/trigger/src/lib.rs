//! The payloads that Lambda delivers, decoded leniently, and the answers that it understands.
//!
//! Lenient, because a single odd record must not make a full batch unreadable: in
//! `aws_lambda_events` 1.2 a null header, or one byte of 128 or more, fails the entire Kafka event
//! before any handler runs. Its types are used where they are reliable ([`SqsEvent`],
//! [`HttpRequest`]).

mod batch_failures;
mod kafka;
mod queue;
mod queued_batch;
mod schedule;

pub use aws_lambda_events::apigw::ApiGatewayV2httpRequest as HttpRequest;
pub use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
pub use batch_failures::BatchFailures;
pub use kafka::{KafkaEvent, KafkaFailures, KafkaRecord, PayloadText};
pub use queue::{ObjectCreated, SqsFailures, objects_created, unwrap_sns};
pub use queued_batch::{
    AcknowledgementNotice, BatchReference, MessageNumber, QUEUE_MESSAGE_HEADER, QueuedBatch,
    QueuedMessage, QueuedMessageError, QueuedRecord, VALUE_BYTES_MAX,
};
pub use schedule::ScheduleRequest;
