//! The payloads that Lambda delivers, decoded leniently, and the answers that it understands.
//!
//! Lenient, because a single odd record must not make a full batch unreadable: in
//! `aws_lambda_events` 1.2 a null header, or one byte of 128 or more, fails the entire Kafka event
//! before any handler runs. Its types are used where they are reliable ([`SqsEvent`],
//! [`HttpRequest`]).

mod kafka;
mod queue;
mod schedule;

pub use aws_lambda_events::apigw::ApiGatewayV2httpRequest as HttpRequest;
pub use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
pub use kafka::{KafkaEvent, KafkaFailures, KafkaRecord, PayloadText};
pub use queue::{ObjectCreated, SqsFailures, objects_created, unwrap_sns};
pub use schedule::ScheduleRequest;
