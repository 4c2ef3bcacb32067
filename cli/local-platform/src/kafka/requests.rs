//! Requests of the wire protocol: which are supported, how one is read, and how it is answered.

use std::ops::RangeInclusive;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::{ApiKey, ApiVersionsResponse, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, decode_request_header_from_buffer};

/// The largest request that is read: a producer's batch is far below it.
pub(super) const REQUEST_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Kafka's error codes that a request is answered with.
pub(super) const OFFSET_OUT_OF_RANGE: i16 = 1;
pub(super) const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
pub(super) const INVALID_TOPIC: i16 = 17;
const UNSUPPORTED_VERSION: i16 = 35;

/// The supported requests: key, oldest and newest version. Produce ends before topic ids replace
/// names.
const SUPPORTED_APIS: [(ApiKey, i16, i16); 15] = [
    (ApiKey::Produce, 3, 12),
    (ApiKey::Fetch, 4, 12),
    (ApiKey::ListOffsets, 1, 7),
    (ApiKey::Metadata, 0, 12),
    (ApiKey::ApiVersions, 0, 4),
    (ApiKey::CreateTopics, 2, 7),
    (ApiKey::InitProducerId, 0, 4),
    (ApiKey::DescribeConfigs, 1, 4),
    (ApiKey::FindCoordinator, 0, 5),
    (ApiKey::JoinGroup, 0, 7),
    (ApiKey::SyncGroup, 0, 5),
    (ApiKey::Heartbeat, 0, 4),
    (ApiKey::LeaveGroup, 0, 5),
    (ApiKey::OffsetFetch, 1, 7),
    (ApiKey::OffsetCommit, 2, 8),
];

pub(super) type BrokerError = Box<dyn std::error::Error + Send + Sync>;

/// The bytes of an answer; none for a request that gets no answer.
pub(super) type EncodedResponse = Result<Option<Bytes>, BrokerError>;

/// A request whose header is read: its kind, its version, and the id that the answer repeats.
pub(super) struct BrokerRequest {
    pub(super) key: ApiKey,
    version: i16,
    correlation_id: i32,
    body: Bytes,
}

impl BrokerRequest {
    pub(super) fn parse(mut bytes: Bytes) -> Result<Self, BrokerError> {
        let header = decode_request_header_from_buffer(&mut bytes)?;
        let key = ApiKey::try_from(header.request_api_key).map_err(|()| "an unknown request")?;
        Ok(Self {
            key,
            version: header.request_api_version,
            correlation_id: header.correlation_id,
            body: bytes,
        })
    }

    pub(super) fn is_supported(&self) -> bool {
        supported_versions(self.key).is_some_and(|versions| versions.contains(&self.version))
    }

    pub(super) fn decode<R: Decodable>(&mut self) -> Result<R, BrokerError> {
        Ok(R::decode(&mut self.body, self.version)?)
    }

    /// The answer in the request's version.
    pub(super) fn answer(&self, response: &impl Encodable) -> EncodedResponse {
        encode_response(response, self.key, self.version, self.correlation_id)
    }

    /// The answer that lists the supported requests.
    pub(super) fn answer_versions(&self) -> EncodedResponse {
        self.answer(&api_versions(0))
    }

    /// The answer to a request whose kind or version is not supported.
    pub(super) fn answer_unsupported(&self) -> EncodedResponse {
        if self.key != ApiKey::ApiVersions {
            let message = format!("{:?} version {} is not supported", self.key, self.version);
            return Err(message.into());
        }
        // A client that is newer than the broker asks again in the oldest version.
        let response = api_versions(UNSUPPORTED_VERSION);
        encode_response(&response, ApiKey::ApiVersions, 0, self.correlation_id)
    }
}

/// The versions of a request that are supported; none when the request is not.
pub(super) fn supported_versions(key: ApiKey) -> Option<RangeInclusive<i16>> {
    let known = SUPPORTED_APIS.iter().find(|(known, ..)| *known == key);
    known.map(|(_, min, max)| *min..=*max)
}

fn api_versions(error_code: i16) -> ApiVersionsResponse {
    let versions = SUPPORTED_APIS.iter().map(|(key, min, max)| {
        ApiVersion::default()
            .with_api_key(*key as i16)
            .with_min_version(*min)
            .with_max_version(*max)
    });
    ApiVersionsResponse::default()
        .with_error_code(error_code)
        .with_api_keys(versions.collect())
}

fn encode_response(
    response: &impl Encodable,
    key: ApiKey,
    version: i16,
    correlation_id: i32,
) -> EncodedResponse {
    let mut bytes = BytesMut::new();
    let header = ResponseHeader::default().with_correlation_id(correlation_id);
    header.encode(&mut bytes, key.response_header_version(version))?;
    response.encode(&mut bytes, version)?;
    Ok(Some(bytes.freeze()))
}
