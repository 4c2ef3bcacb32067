//! The wire protocol: what producers, plain consumers and `kcat` ask of a broker.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::produce_request::PartitionProduceData;
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsResponse, BrokerId, CreateTopicsRequest, CreateTopicsResponse, FetchRequest,
    FetchResponse, InitProducerIdResponse, ListOffsetsRequest, ListOffsetsResponse,
    MetadataRequest, MetadataResponse, ProduceRequest, ProduceResponse, ProducerId, ResponseHeader,
    TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes, decode_request_header_from_buffer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::fault_injection::{FaultInjection, ProduceFault};
use super::log::{PARTITIONS, PartitionLog, STORAGE_ERROR, TopicLogs};

/// The largest request that is read: a producer's batch is far below it.
const REQUEST_BYTES_MAX: usize = 64 * 1024 * 1024;

const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const INVALID_TOPIC: i16 = 17;
const UNSUPPORTED_VERSION: i16 = 35;
const OFFSET_OUT_OF_RANGE: i16 = 1;

/// What the broker speaks: key, oldest and newest version. Produce ends before topic ids replace names.
const SUPPORTED_APIS: [(ApiKey, i16, i16); 7] = [
    (ApiKey::Produce, 3, 12),
    (ApiKey::Fetch, 4, 12),
    (ApiKey::ListOffsets, 1, 7),
    (ApiKey::Metadata, 0, 12),
    (ApiKey::ApiVersions, 0, 4),
    (ApiKey::CreateTopics, 2, 7),
    (ApiKey::InitProducerId, 0, 4),
];

struct LocalBroker {
    topics: Arc<TopicLogs>,
    port: u16,
    next_producer: AtomicI64,
    fault_injection: FaultInjection,
}

/// Serves connections until this is dropped; they end with it.
///
/// # Errors
/// When the listener fails.
pub async fn serve_broker(
    listener: TcpListener,
    topics: Arc<TopicLogs>,
    first_producer: i64,
    forecast: FaultInjection,
) -> io::Result<()> {
    let port = listener.local_addr()?.port();
    let broker = Arc::new(LocalBroker {
        topics,
        port,
        next_producer: AtomicI64::new(first_producer),
        fault_injection: forecast,
    });
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        while connections.try_join_next().is_some() {}
        let broker = Arc::clone(&broker);
        connections.spawn(async move {
            if let Err(error) = serve_connection(stream, &broker).await {
                tracing::debug!(%error, "a Kafka connection ended");
            }
        });
    }
}

async fn serve_connection(mut stream: TcpStream, broker: &LocalBroker) -> io::Result<()> {
    stream.set_nodelay(true)?;
    loop {
        let length = stream.read_i32().await?;
        let length = usize::try_from(length)
            .ok()
            .filter(|length| *length <= REQUEST_BYTES_MAX);
        let mut request = BytesMut::zeroed(
            length.ok_or_else(|| io::Error::other("a request of impossible length"))?,
        );
        stream.read_exact(&mut request).await?;
        let answer = broker
            .handle_request(request.freeze())
            .await
            .map_err(|error| io::Error::other(error.to_string()))?;
        if let Some(answer) = answer {
            stream
                .write_i32(i32::try_from(answer.len()).unwrap_or(i32::MAX))
                .await?;
            stream.write_all(&answer).await?;
        }
    }
}

type EncodedResponse = Result<Option<Bytes>, Box<dyn std::error::Error + Send + Sync>>;

impl LocalBroker {
    async fn handle_request(&self, mut request: Bytes) -> EncodedResponse {
        let header = decode_request_header_from_buffer(&mut request)?;
        let key = ApiKey::try_from(header.request_api_key).map_err(|()| "an unknown request")?;
        let (version, id) = (header.request_api_version, header.correlation_id);
        let spoken = SUPPORTED_APIS
            .iter()
            .any(|(known, min, max)| *known == key && (*min..=*max).contains(&version));
        match key {
            // A client that is newer than the broker asks again in the oldest version.
            ApiKey::ApiVersions if !spoken => {
                encode_response(&api_versions(UNSUPPORTED_VERSION), key, 0, id)
            }
            ApiKey::ApiVersions => encode_response(&api_versions(0), key, version, id),
            _ if !spoken => Err(format!("{key:?} version {version} is not spoken").into()),
            ApiKey::Metadata => encode_response(
                &self.metadata_response(MetadataRequest::decode(&mut request, version)?),
                key,
                version,
                id,
            ),
            ApiKey::InitProducerId => {
                encode_response(&self.allocate_producer_id(), key, version, id)
            }
            ApiKey::CreateTopics => encode_response(
                &self.create_topics(CreateTopicsRequest::decode(&mut request, version)?),
                key,
                version,
                id,
            ),
            ApiKey::Produce => {
                let request = ProduceRequest::decode(&mut request, version)?;
                let silent = request.acks == 0;
                let answer =
                    encode_response(&self.produce_with_faults(request)?, key, version, id)?;
                Ok(answer.filter(|_| !silent))
            }
            ApiKey::Fetch => encode_response(
                &self
                    .fetch_or_wait(FetchRequest::decode(&mut request, version)?)
                    .await,
                key,
                version,
                id,
            ),
            ApiKey::ListOffsets => encode_response(
                &self.list_offsets(ListOffsetsRequest::decode(&mut request, version)?),
                key,
                version,
                id,
            ),
            _ => Err("an unknown request".into()),
        }
    }

    fn metadata_response(&self, request: MetadataRequest) -> MetadataResponse {
        let named = request.topics.map(|topics| {
            topics
                .into_iter()
                .filter_map(|topic| topic.name)
                .map(|name| name.to_string())
                .collect::<Vec<_>>()
        });
        let names = named.unwrap_or_else(|| self.topics.topic_names());
        let broker = MetadataResponseBroker::default()
            .with_node_id(BrokerId(1))
            .with_host(StrBytes::from_static_str("127.0.0.1"))
            .with_port(i32::from(self.port));
        MetadataResponse::default()
            .with_brokers(vec![broker])
            .with_cluster_id(Some(StrBytes::from_static_str("polelake-local")))
            .with_controller_id(BrokerId(1))
            .with_topics(
                names
                    .into_iter()
                    .map(|name| self.topic_metadata(name))
                    .collect(),
            )
    }

    fn topic_metadata(&self, name: String) -> MetadataResponseTopic {
        let known = self.topics.get_or_create_topic(&name);
        let partition = |index| {
            MetadataResponsePartition::default()
                .with_partition_index(index)
                .with_leader_id(BrokerId(1))
                .with_leader_epoch(0)
                .with_replica_nodes(vec![BrokerId(1)])
                .with_isr_nodes(vec![BrokerId(1)])
        };
        let topic =
            MetadataResponseTopic::default().with_topic_id(pole::pole_id("kafka-topic", &[&name]));
        let topic = topic.with_name(Some(TopicName(StrBytes::from_string(name))));
        match known {
            Ok(_) => topic.with_partitions((0..PARTITIONS).map(partition).collect()),
            Err(_) => topic.with_error_code(INVALID_TOPIC),
        }
    }

    fn allocate_producer_id(&self) -> InitProducerIdResponse {
        let id = self.next_producer.fetch_add(1, Ordering::SeqCst);
        InitProducerIdResponse::default()
            .with_producer_id(ProducerId(id))
            .with_producer_epoch(0)
    }

    fn create_topics(&self, request: CreateTopicsRequest) -> CreateTopicsResponse {
        let result = |name: TopicName| {
            let code = if self.topics.get_or_create_topic(&name).is_ok() {
                0
            } else {
                INVALID_TOPIC
            };
            let id = pole::pole_id("kafka-topic", &[&name]);
            CreatableTopicResult::default()
                .with_name(name)
                .with_topic_id(id)
                .with_error_code(code)
                .with_num_partitions(PARTITIONS)
                .with_replication_factor(1)
        };
        let topics = request
            .topics
            .into_iter()
            .map(|topic| result(topic.name))
            .collect();
        CreateTopicsResponse::default().with_topics(topics)
    }

    /// The answer to a produce request, as the weather lets it come.
    fn produce_with_faults(&self, request: ProduceRequest) -> io::Result<ProduceResponse> {
        let lost = || {
            Err(io::Error::new(
                io::ErrorKind::ConnectionReset,
                "the connection was lost",
            ))
        };
        match (self.fault_injection)() {
            ProduceFault::NoFault => Ok(self.append_produced(request)),
            ProduceFault::Refused(code) => Ok(refuse_produce(&request, code)),
            ProduceFault::RefusedAfterAppend(code) => {
                let answer = refuse_produce(&request, code);
                self.append_produced(request);
                Ok(answer)
            }
            ProduceFault::LostBeforeAppend => lost(),
            ProduceFault::LostAfterAppend => {
                self.append_produced(request);
                lost()
            }
        }
    }

    fn append_produced(&self, request: ProduceRequest) -> ProduceResponse {
        let responses = request.topic_data.into_iter().map(|topic| {
            let logs = self.topics.get_or_create_topic(&topic.name);
            let partitions = topic.partition_data.into_iter().map(|data| {
                let log = logs
                    .as_ref()
                    .ok()
                    .and_then(|logs| logs.get(usize::try_from(data.index).ok()?));
                let answer = PartitionProduceResponse::default().with_index(data.index);
                match log.map(|log| log.append_batches(data.records.as_deref().unwrap_or_default()))
                {
                    None => answer.with_error_code(UNKNOWN_TOPIC_OR_PARTITION),
                    Some(Err(code)) => answer.with_error_code(code).with_base_offset(-1),
                    Some(Ok((offset, time))) => answer
                        .with_base_offset(offset)
                        .with_log_append_time_ms(time),
                }
            });
            TopicProduceResponse::default()
                .with_partition_responses(partitions.collect())
                .with_name(topic.name)
        });
        let response = ProduceResponse::default().with_responses(responses.collect());
        self.topics.appended.notify_waiters();
        response
    }

    async fn fetch_or_wait(&self, request: FetchRequest) -> FetchResponse {
        let wait = Duration::from_millis(
            u64::try_from(request.max_wait_ms)
                .unwrap_or_default()
                .min(30_000),
        );
        let deadline = tokio::time::Instant::now() + wait;
        loop {
            let appended = self.topics.appended.notified();
            let (response, bytes) = self.fetch_now(&request);
            if bytes > 0 || tokio::time::timeout_at(deadline, appended).await.is_err() {
                return response;
            }
        }
    }

    fn fetch_now(&self, request: &FetchRequest) -> (FetchResponse, usize) {
        let mut bytes = 0;
        let responses = request.topics.iter().map(|topic| {
            let logs = self.topics.get_or_create_topic(&topic.topic);
            let partitions = topic.partitions.iter().map(|wanted| {
                let log = logs
                    .as_ref()
                    .ok()
                    .and_then(|logs| logs.get(usize::try_from(wanted.partition).ok()?));
                let max = usize::try_from(wanted.partition_max_bytes).unwrap_or_default();
                let data = fetch_partition(log, wanted.fetch_offset, max)
                    .with_partition_index(wanted.partition);
                bytes +=
                    data.records.as_ref().map_or(0, Bytes::len) + usize::from(data.error_code != 0);
                data
            });
            FetchableTopicResponse::default()
                .with_partitions(partitions.collect())
                .with_topic(topic.topic.clone())
        });
        let responses = responses.collect();
        (FetchResponse::default().with_responses(responses), bytes)
    }

    fn list_offsets(&self, request: ListOffsetsRequest) -> ListOffsetsResponse {
        const LATEST: i64 = -1;
        let topics = request.topics.into_iter().map(|topic| {
            let logs = self.topics.get_or_create_topic(&topic.name);
            let partitions = topic.partitions.into_iter().map(|wanted| {
                let log = logs
                    .as_ref()
                    .ok()
                    .and_then(|logs| logs.get(usize::try_from(wanted.partition_index).ok()?));
                let answer = ListOffsetsPartitionResponse::default()
                    .with_partition_index(wanted.partition_index);
                match log {
                    None => answer.with_error_code(UNKNOWN_TOPIC_OR_PARTITION),
                    Some(log) if wanted.timestamp == LATEST => {
                        answer.with_offset(log.next_offset()).with_timestamp(-1)
                    }
                    // The log keeps everything: its beginning is the answer to every other question.
                    Some(_) => answer.with_offset(0).with_timestamp(-1),
                }
            });
            ListOffsetsTopicResponse::default()
                .with_partitions(partitions.collect())
                .with_name(topic.name)
        });
        ListOffsetsResponse::default().with_topics(topics.collect())
    }
}

/// The answer that says no to every partition of the request.
fn refuse_produce(request: &ProduceRequest, code: i16) -> ProduceResponse {
    let responses = request.topic_data.iter().map(|topic| {
        let no = |data: &PartitionProduceData| {
            PartitionProduceResponse::default()
                .with_index(data.index)
                .with_error_code(code)
                .with_base_offset(-1)
        };
        TopicProduceResponse::default()
            .with_partition_responses(topic.partition_data.iter().map(no).collect())
            .with_name(topic.name.clone())
    });
    ProduceResponse::default().with_responses(responses.collect())
}

fn fetch_partition(log: Option<&PartitionLog>, offset: i64, max_bytes: usize) -> PartitionData {
    let Some(log) = log else {
        return PartitionData::default().with_error_code(UNKNOWN_TOPIC_OR_PARTITION);
    };
    let next = log.next_offset();
    let data = PartitionData::default()
        .with_high_watermark(next)
        .with_last_stable_offset(next)
        .with_log_start_offset(0);
    if offset > next || offset < 0 {
        return data.with_error_code(OFFSET_OUT_OF_RANGE);
    }
    match log.read_batches(offset, max_bytes.max(1)) {
        Ok(bytes) => data.with_records(Some(bytes)),
        Err(_) => data.with_error_code(STORAGE_ERROR),
    }
}

fn api_versions(error_code: i16) -> ApiVersionsResponse {
    let version = |(key, min, max): &(ApiKey, i16, i16)| {
        ApiVersion::default()
            .with_api_key(*key as i16)
            .with_min_version(*min)
            .with_max_version(*max)
    };
    ApiVersionsResponse::default()
        .with_error_code(error_code)
        .with_api_keys(SUPPORTED_APIS.iter().map(version).collect())
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
