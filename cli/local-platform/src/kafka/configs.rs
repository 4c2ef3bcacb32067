//! The settings of the broker and of its topics, as `DESCRIBE_CONFIGS` asks for them. Each is what
//! the log does; no setting can be changed.

use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult,
};
use kafka_protocol::messages::{DescribeConfigsRequest, DescribeConfigsResponse};
use kafka_protocol::protocol::StrBytes;

use super::log::TopicLogs;
use super::requests::{REQUEST_BYTES_MAX, UNKNOWN_TOPIC_OR_PARTITION};

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const INVALID_REQUEST: i16 = 42;

/// The source of every setting: it is a default of the broker.
const DEFAULT_CONFIG: i8 = 5;

/// The kinds of a setting's value.
const BOOLEAN: i8 = 1;
const TEXT: i8 = 2;
const LONG: i8 = 5;

/// A setting: name, kind and value.
type LogSetting = (&'static str, i8, String);

fn topic_settings() -> [LogSetting; 6] {
    [
        ("cleanup.policy", TEXT, "delete".to_owned()),
        ("compression.type", TEXT, "producer".to_owned()),
        ("max.message.bytes", LONG, REQUEST_BYTES_MAX.to_string()),
        ("message.timestamp.type", TEXT, "LogAppendTime".to_owned()),
        ("retention.bytes", LONG, "-1".to_owned()),
        ("retention.ms", LONG, "-1".to_owned()),
    ]
}

fn broker_settings(topics: &TopicLogs) -> [LogSetting; 3] {
    let creates_topics = topics.creates_topics().to_string();
    [
        ("auto.create.topics.enable", BOOLEAN, creates_topics),
        (
            "log.message.timestamp.type",
            TEXT,
            "LogAppendTime".to_owned(),
        ),
        ("message.max.bytes", LONG, REQUEST_BYTES_MAX.to_string()),
    ]
}

/// Answers with the settings of every resource that is asked for.
pub(super) fn describe_configs(
    request: DescribeConfigsRequest,
    topics: &TopicLogs,
) -> DescribeConfigsResponse {
    let results = request
        .resources
        .into_iter()
        .map(|resource| describe_resource(resource, topics));
    DescribeConfigsResponse::default().with_results(results.collect())
}

fn describe_resource(
    resource: DescribeConfigsResource,
    topics: &TopicLogs,
) -> DescribeConfigsResult {
    let is_topic = topics
        .topic_names()
        .contains(&resource.resource_name.to_string());
    let (error_code, settings) = match resource.resource_type {
        TOPIC if is_topic => (0, topic_settings().to_vec()),
        TOPIC => (UNKNOWN_TOPIC_OR_PARTITION, Vec::new()),
        BROKER => (0, broker_settings(topics).to_vec()),
        _ => (INVALID_REQUEST, Vec::new()),
    };

    let wanted = resource.configuration_keys;
    let configs = settings.into_iter().filter(|(name, ..)| {
        let wanted = wanted.as_ref();
        wanted.is_none_or(|wanted| wanted.iter().any(|key| key.as_str() == *name))
    });
    DescribeConfigsResult::default()
        .with_error_code(error_code)
        .with_resource_type(resource.resource_type)
        .with_resource_name(resource.resource_name)
        .with_configs(configs.map(describe_setting).collect())
}

fn describe_setting((name, kind, value): LogSetting) -> DescribeConfigsResourceResult {
    DescribeConfigsResourceResult::default()
        .with_name(StrBytes::from_static_str(name))
        .with_value(Some(StrBytes::from_string(value)))
        .with_read_only(true)
        .with_config_source(DEFAULT_CONFIG)
        .with_config_type(kind)
}
