//! Consumer groups, of which the local broker has none.
//!
//! A consumer that waits in silence tells its owner nothing. So a consumer may ask for the
//! coordinator and for committed offsets, as it does with partitions that it was assigned by hand;
//! joining a group is refused with an error that clients show and do not repeat.

use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponsePartition, OffsetFetchResponseTopic,
};
use kafka_protocol::messages::{
    BrokerId, FindCoordinatorRequest, FindCoordinatorResponse, HeartbeatResponse, JoinGroupRequest,
    JoinGroupResponse, LeaveGroupResponse, OffsetCommitRequest, OffsetCommitResponse,
    OffsetFetchRequest, OffsetFetchResponse, SyncGroupResponse,
};
use kafka_protocol::protocol::StrBytes;

/// The one error of groups that clients neither hide nor repeat.
const GROUP_AUTHORIZATION_FAILED: i16 = 30;

/// The same of transactions.
const TRANSACTIONAL_ID_AUTHORIZATION_FAILED: i16 = 53;

/// The kind of a coordinator's key that is a transaction's.
const TRANSACTION_KEY: i8 = 1;

/// No offset was committed.
const NO_OFFSET: i64 = -1;

const NO_TRANSACTIONS: &str = "the local platform's broker has no transactions";

/// The coordinator of every group is this broker; transactions have none.
pub(super) fn find_coordinator(
    request: &FindCoordinatorRequest,
    port: u16,
) -> FindCoordinatorResponse {
    let is_group = request.key_type != TRANSACTION_KEY;
    let error_code = match is_group {
        true => 0,
        false => TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    };
    let message = (!is_group).then(|| StrBytes::from_static_str(NO_TRANSACTIONS));
    let host = StrBytes::from_static_str("127.0.0.1");

    let coordinators = request.coordinator_keys.iter().map(|key| {
        Coordinator::default()
            .with_key(key.clone())
            .with_node_id(BrokerId(1))
            .with_host(host.clone())
            .with_port(port.into())
            .with_error_code(error_code)
            .with_error_message(message.clone())
    });
    FindCoordinatorResponse::default()
        .with_coordinators(coordinators.collect())
        .with_node_id(BrokerId(1))
        .with_host(host.clone())
        .with_port(port.into())
        .with_error_code(error_code)
        .with_error_message(message.clone())
}

/// Refuses to let a consumer join a group.
pub(super) fn refuse_to_join(request: &JoinGroupRequest) -> JoinGroupResponse {
    tracing::warn!(
        group = request.group_id.as_str(),
        "a consumer asked to join a group: the local broker has none; assign its partitions by \
         hand (docs/adr/0003-own-broker.md)"
    );
    JoinGroupResponse::default()
        .with_error_code(GROUP_AUTHORIZATION_FAILED)
        .with_generation_id(-1)
}

pub(super) fn refuse_to_sync() -> SyncGroupResponse {
    SyncGroupResponse::default().with_error_code(GROUP_AUTHORIZATION_FAILED)
}

pub(super) fn refuse_heartbeat() -> HeartbeatResponse {
    HeartbeatResponse::default().with_error_code(GROUP_AUTHORIZATION_FAILED)
}

pub(super) fn refuse_to_leave() -> LeaveGroupResponse {
    LeaveGroupResponse::default().with_error_code(GROUP_AUTHORIZATION_FAILED)
}

/// The committed offsets of partitions: there are none, so a consumer begins where its settings
/// say.
pub(super) fn fetch_committed_offsets(request: OffsetFetchRequest) -> OffsetFetchResponse {
    let topics = request.topics.unwrap_or_default().into_iter().map(|topic| {
        let partitions = topic.partition_indexes.into_iter().map(|index| {
            OffsetFetchResponsePartition::default()
                .with_partition_index(index)
                .with_committed_offset(NO_OFFSET)
        });
        OffsetFetchResponseTopic::default()
            .with_name(topic.name)
            .with_partitions(partitions.collect())
    });
    OffsetFetchResponse::default().with_topics(topics.collect())
}

/// Refuses to keep offsets: a consumer that was told otherwise would read records again after its
/// next start.
pub(super) fn refuse_to_commit(request: OffsetCommitRequest) -> OffsetCommitResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.into_iter().map(|partition| {
            OffsetCommitResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(GROUP_AUTHORIZATION_FAILED)
        });
        OffsetCommitResponseTopic::default()
            .with_name(topic.name)
            .with_partitions(partitions.collect())
    });
    OffsetCommitResponse::default().with_topics(topics.collect())
}
