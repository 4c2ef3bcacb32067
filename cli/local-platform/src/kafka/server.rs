//! The wire protocol: the requests of producers, plain consumers and `kcat`.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::fetch_request::FetchPartition;
use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::list_offsets_request::ListOffsetsPartition;
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::produce_request::PartitionProduceData;
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{
    ApiKey, BrokerId, CreateTopicsRequest, CreateTopicsResponse, FetchRequest, FetchResponse,
    InitProducerIdResponse, ListOffsetsRequest, ListOffsetsResponse, MetadataRequest,
    MetadataResponse, ProduceRequest, ProduceResponse, ProducerId, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::configs::describe_configs;
use super::fault_injection::{FaultInjection, ProduceFault};
use super::groups;
use super::log::{PARTITIONS, PartitionLog, STORAGE_ERROR, TopicLogs};
use super::requests::{
    BrokerRequest, EncodedResponse, INVALID_TOPIC, OFFSET_OUT_OF_RANGE, REQUEST_BYTES_MAX,
    UNKNOWN_TOPIC_OR_PARTITION,
};

/// The namespace of topic ids: a topic's id follows from its name.
const TOPIC_ID_NAMESPACE: &str = "kafka-topic";

/// The longest wait of a fetch for new records.
const FETCH_WAIT_MAX: Duration = Duration::from_secs(30);

struct LocalBroker {
    topics: Arc<TopicLogs>,
    port: u16,
    next_producer: AtomicI64,
    fault_injection: FaultInjection,
}

/// Serves connections until this future is dropped; they end with it.
///
/// # Errors
/// When the listener fails.
pub async fn serve_broker(
    listener: TcpListener,
    topics: Arc<TopicLogs>,
    first_producer: i64,
    fault_injection: FaultInjection,
) -> io::Result<()> {
    let port = listener.local_addr()?.port();
    let broker = Arc::new(LocalBroker {
        topics,
        port,
        next_producer: AtomicI64::new(first_producer),
        fault_injection,
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
            .filter(|length| *length <= REQUEST_BYTES_MAX)
            .ok_or_else(|| io::Error::other("a request of impossible length"))?;
        let mut request = BytesMut::zeroed(length);
        stream.read_exact(&mut request).await?;

        let answer = broker
            .handle_request(request.freeze())
            .await
            .map_err(|error| io::Error::other(error.to_string()))?;
        if let Some(answer) = answer {
            let length = i32::try_from(answer.len()).unwrap_or(i32::MAX);
            stream.write_i32(length).await?;
            stream.write_all(&answer).await?;
        }
    }
}

impl LocalBroker {
    async fn handle_request(&self, bytes: Bytes) -> EncodedResponse {
        let mut request = BrokerRequest::parse(bytes)?;
        if !request.is_supported() {
            return request.answer_unsupported();
        }

        match request.key {
            ApiKey::ApiVersions => request.answer_versions(),
            ApiKey::Metadata => {
                let body = request.decode()?;
                request.answer(&self.metadata_response(body))
            }
            ApiKey::InitProducerId => request.answer(&self.allocate_producer_id()),
            ApiKey::CreateTopics => {
                let body = request.decode()?;
                request.answer(&self.create_topics(body))
            }
            ApiKey::Produce => self.handle_produce(request),
            ApiKey::Fetch => {
                let body = request.decode()?;
                request.answer(&self.fetch_or_wait(body).await)
            }
            ApiKey::ListOffsets => {
                let body = request.decode()?;
                request.answer(&self.list_offsets(body))
            }
            ApiKey::DescribeConfigs => {
                let body = request.decode()?;
                request.answer(&describe_configs(body, &self.topics))
            }
            _ => self.answer_group_request(request),
        }
    }

    /// Answers a request about consumer groups.
    fn answer_group_request(&self, mut request: BrokerRequest) -> EncodedResponse {
        match request.key {
            ApiKey::FindCoordinator => {
                let body = request.decode()?;
                request.answer(&groups::find_coordinator(&body, self.port))
            }
            ApiKey::JoinGroup => {
                let body = request.decode()?;
                request.answer(&groups::refuse_to_join(&body))
            }
            ApiKey::OffsetFetch => {
                let body = request.decode()?;
                request.answer(&groups::fetch_committed_offsets(body))
            }
            ApiKey::OffsetCommit => {
                let body = request.decode()?;
                request.answer(&groups::refuse_to_commit(body))
            }
            ApiKey::SyncGroup => request.answer(&groups::refuse_to_sync()),
            ApiKey::Heartbeat => request.answer(&groups::refuse_heartbeat()),
            ApiKey::LeaveGroup => request.answer(&groups::refuse_to_leave()),
            _ => Err("an unknown request".into()),
        }
    }

    /// Appends records; a producer that asked for no acknowledgement gets no answer.
    fn handle_produce(&self, mut request: BrokerRequest) -> EncodedResponse {
        let body: ProduceRequest = request.decode()?;
        let wants_answer = body.acks != 0;
        let answer = request.answer(&self.produce_with_faults(body)?)?;
        Ok(answer.filter(|_| wants_answer))
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
        let topics = names.into_iter().map(|name| self.topic_metadata(name));

        let broker = MetadataResponseBroker::default()
            .with_node_id(BrokerId(1))
            .with_host(StrBytes::from_static_str("127.0.0.1"))
            .with_port(i32::from(self.port));
        MetadataResponse::default()
            .with_brokers(vec![broker])
            .with_cluster_id(Some(StrBytes::from_static_str("polelake-local")))
            .with_controller_id(BrokerId(1))
            .with_topics(topics.collect())
    }

    fn topic_metadata(&self, name: String) -> MetadataResponseTopic {
        let logs = self.topics.find_topic(&name);
        let topic = MetadataResponseTopic::default()
            .with_topic_id(pole::stable_id(TOPIC_ID_NAMESPACE, &[&name]))
            .with_name(Some(TopicName(StrBytes::from_string(name))));
        match logs {
            Ok(Some(_)) => topic.with_partitions((0..PARTITIONS).map(partition_metadata).collect()),
            Ok(None) => topic.with_error_code(UNKNOWN_TOPIC_OR_PARTITION),
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
        let topics = request.topics.into_iter();
        let results = topics.map(|topic| self.create_topic(topic.name));
        CreateTopicsResponse::default().with_topics(results.collect())
    }

    fn create_topic(&self, name: TopicName) -> CreatableTopicResult {
        let error_code = match self.topics.get_or_create_topic(&name) {
            Ok(_) => 0,
            Err(_) => INVALID_TOPIC,
        };
        let id = pole::stable_id(TOPIC_ID_NAMESPACE, &[&name]);
        CreatableTopicResult::default()
            .with_name(name)
            .with_topic_id(id)
            .with_error_code(error_code)
            .with_num_partitions(PARTITIONS)
            .with_replication_factor(1)
    }

    /// Appends records, with the fault that is injected for this request.
    fn produce_with_faults(&self, request: ProduceRequest) -> io::Result<ProduceResponse> {
        match (self.fault_injection)() {
            ProduceFault::NoFault => Ok(self.append_produced(request)),
            ProduceFault::Refused(code) => Ok(refuse_produce(&request, code)),
            ProduceFault::RefusedAfterAppend(code) => {
                let answer = refuse_produce(&request, code);
                self.append_produced(request);
                Ok(answer)
            }
            ProduceFault::LostBeforeAppend => Err(lost_connection()),
            ProduceFault::LostAfterAppend => {
                self.append_produced(request);
                Err(lost_connection())
            }
        }
    }

    fn append_produced(&self, request: ProduceRequest) -> ProduceResponse {
        let responses = request.topic_data.into_iter().map(|topic| {
            let partitions = topic
                .partition_data
                .into_iter()
                .map(|data| self.append_partition(&topic.name, &data));
            TopicProduceResponse::default()
                .with_partition_responses(partitions.collect())
                .with_name(topic.name.clone())
        });
        let response = ProduceResponse::default().with_responses(responses.collect());
        self.topics.appended.notify_waiters();
        response
    }

    fn append_partition(
        &self,
        topic: &TopicName,
        data: &PartitionProduceData,
    ) -> PartitionProduceResponse {
        let answer = PartitionProduceResponse::default().with_index(data.index);
        let appended = self.with_partition(topic, data.index, |log| {
            log.append_batches(data.records.as_deref().unwrap_or_default())
        });
        match appended {
            None => answer.with_error_code(UNKNOWN_TOPIC_OR_PARTITION),
            Some(Err(code)) => answer.with_error_code(code).with_base_offset(-1),
            Some(Ok((offset, time))) => answer
                .with_base_offset(offset)
                .with_log_append_time_ms(time),
        }
    }

    /// Reads or changes a partition's log; none when the topic or the partition does not exist.
    fn with_partition<T>(
        &self,
        topic: &TopicName,
        index: i32,
        act: impl FnOnce(&PartitionLog) -> T,
    ) -> Option<T> {
        let logs = self.topics.find_topic(topic).ok()??;
        let log = logs.get(usize::try_from(index).ok()?)?;
        Some(act(log))
    }

    async fn fetch_or_wait(&self, request: FetchRequest) -> FetchResponse {
        let wait_millis = u64::try_from(request.max_wait_ms).unwrap_or_default();
        let wait = Duration::from_millis(wait_millis).min(FETCH_WAIT_MAX);
        let deadline = tokio::time::Instant::now() + wait;

        loop {
            let appended = self.topics.appended.notified();
            let (response, bytes) = self.fetch_now(&request);
            if bytes > 0 || tokio::time::timeout_at(deadline, appended).await.is_err() {
                return response;
            }
        }
    }

    /// What there is to fetch now, and how much: bytes of records, with each error counted as one.
    fn fetch_now(&self, request: &FetchRequest) -> (FetchResponse, usize) {
        let mut bytes = 0;
        let mut responses = Vec::new();
        for topic in &request.topics {
            let mut partitions = Vec::new();
            for wanted in &topic.partitions {
                let data = self.fetch_partition(&topic.topic, wanted);
                bytes += data.records.as_ref().map_or(0, Bytes::len);
                bytes += usize::from(data.error_code != 0);
                partitions.push(data);
            }
            let response = FetchableTopicResponse::default()
                .with_partitions(partitions)
                .with_topic(topic.topic.clone());
            responses.push(response);
        }
        (FetchResponse::default().with_responses(responses), bytes)
    }

    fn fetch_partition(&self, topic: &TopicName, wanted: &FetchPartition) -> PartitionData {
        let max_bytes = usize::try_from(wanted.partition_max_bytes).unwrap_or_default();
        let data = self.with_partition(topic, wanted.partition, |log| {
            read_partition(log, wanted.fetch_offset, max_bytes)
        });
        data.unwrap_or_else(|| PartitionData::default().with_error_code(UNKNOWN_TOPIC_OR_PARTITION))
            .with_partition_index(wanted.partition)
    }

    fn list_offsets(&self, request: ListOffsetsRequest) -> ListOffsetsResponse {
        let topics = request.topics.into_iter().map(|topic| {
            let partitions = topic
                .partitions
                .iter()
                .map(|wanted| self.list_partition_offset(&topic.name, wanted));
            ListOffsetsTopicResponse::default()
                .with_partitions(partitions.collect())
                .with_name(topic.name.clone())
        });
        ListOffsetsResponse::default().with_topics(topics.collect())
    }

    /// The end of a partition for a request of the latest offset; its beginning answers all other
    /// requests.
    fn list_partition_offset(
        &self,
        topic: &TopicName,
        wanted: &ListOffsetsPartition,
    ) -> ListOffsetsPartitionResponse {
        const LATEST: i64 = -1;
        let answer =
            ListOffsetsPartitionResponse::default().with_partition_index(wanted.partition_index);
        let offset_of = match wanted.timestamp {
            LATEST => PartitionLog::next_offset,
            _ => PartitionLog::start_offset,
        };
        match self.with_partition(topic, wanted.partition_index, offset_of) {
            None => answer.with_error_code(UNKNOWN_TOPIC_OR_PARTITION),
            Some(offset) => answer.with_offset(offset).with_timestamp(-1),
        }
    }
}

fn partition_metadata(index: i32) -> MetadataResponsePartition {
    MetadataResponsePartition::default()
        .with_partition_index(index)
        .with_leader_id(BrokerId(1))
        .with_leader_epoch(0)
        .with_replica_nodes(vec![BrokerId(1)])
        .with_isr_nodes(vec![BrokerId(1)])
}

fn lost_connection() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "the connection was lost")
}

/// The answer that refuses every partition of the request.
fn refuse_produce(request: &ProduceRequest, code: i16) -> ProduceResponse {
    let responses = request.topic_data.iter().map(|topic| {
        let refusals = topic.partition_data.iter().map(|data| {
            PartitionProduceResponse::default()
                .with_index(data.index)
                .with_error_code(code)
                .with_base_offset(-1)
        });
        TopicProduceResponse::default()
            .with_partition_responses(refusals.collect())
            .with_name(topic.name.clone())
    });
    ProduceResponse::default().with_responses(responses.collect())
}

fn read_partition(log: &PartitionLog, offset: i64, max_bytes: usize) -> PartitionData {
    let start = log.start_offset();
    let next = log.next_offset();
    let data = PartitionData::default()
        .with_high_watermark(next)
        .with_last_stable_offset(next)
        .with_log_start_offset(start);
    if offset > next || offset < start {
        return data.with_error_code(OFFSET_OUT_OF_RANGE);
    }

    match log.read_batches(offset, max_bytes.max(1)) {
        Ok(bytes) => data.with_records(Some(bytes)),
        Err(_) => data.with_error_code(STORAGE_ERROR),
    }
}
