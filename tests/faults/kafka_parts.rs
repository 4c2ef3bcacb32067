//! Kafka in a seed's world: the embedded broker, which goes down and comes back, and its client.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use event_relay::kafka::{EventSink, KafkaSettings, KafkaSink, OutgoingRecord, SendError};
use local_platform::clock::Clock;
use local_platform::kafka::fault_injection::{
    FaultInjection, INVALID_PRODUCER_EPOCH, MESSAGE_TOO_LARGE, NOT_ENOUGH_REPLICAS, ProduceFault,
};
use local_platform::kafka::{self, TopicLogs};
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::fault_injector::FaultInjector;

/// The broker and its clients live in real time: krafka's engine has loops that virtual time never
/// ends.
pub(crate) struct KafkaParts {
    pub(crate) topics: Arc<TopicLogs>,
    injector: Arc<FaultInjector>,
    real_time: Option<Runtime>,
    address: String,
    broker: Mutex<Option<JoinHandle<()>>>,
    held_socket: Mutex<Option<TcpSocket>>,
    broker_epochs: Mutex<i64>,
}

impl Drop for KafkaParts {
    fn drop(&mut self) {
        if let Some(real) = self.real_time.take() {
            real.shutdown_background();
        }
    }
}

impl KafkaParts {
    pub(crate) async fn start(
        folder: &Path,
        clock: Arc<Clock>,
        injector: Arc<FaultInjector>,
    ) -> Self {
        let real = real_time_runtime();
        let broker = real
            .spawn(TcpListener::bind("127.0.0.1:0"))
            .await
            .unwrap()
            .unwrap();
        let parts = Self {
            topics: Arc::new(TopicLogs::open(&folder.join("kafka"), clock).unwrap()),
            injector,
            real_time: Some(real),
            address: broker.local_addr().unwrap().to_string(),
            broker: Mutex::new(None),
            held_socket: Mutex::new(None),
            broker_epochs: Mutex::new(0),
        };
        parts.start_broker(broker);
        parts
    }

    /// A client in a sandbox of its own.
    pub(crate) fn new_sink(&self) -> Arc<dyn EventSink> {
        let settings = KafkaSettings::open(&self.address);
        Arc::new(RealTimeSink {
            sink: Arc::new(KafkaSink::new(settings)),
            real_time: Some(real_time_runtime()),
        })
    }

    fn start_broker(&self, listener: TcpListener) {
        let mut lives = self.broker_epochs.lock().unwrap();
        *lives += 1;
        let (topics, forecast, first) = (
            Arc::clone(&self.topics),
            self.fault_injection(),
            *lives * 1_000,
        );
        let real = self.real_time.as_ref().unwrap();
        let task = real.spawn(async move {
            drop(kafka::serve_broker(listener, topics, first, forecast).await);
        });
        *self.broker.lock().unwrap() = Some(task);
    }

    fn fault_injection(&self) -> FaultInjection {
        let chance = Arc::clone(&self.injector);
        Arc::new(move || {
            let weather = chance.draw_fault(&[
                (
                    "Kafka retriable error",
                    40,
                    ProduceFault::Refused(NOT_ENOUGH_REPLICAS),
                ),
                (
                    "Kafka fatal error",
                    30,
                    ProduceFault::Refused(INVALID_PRODUCER_EPOCH),
                ),
                (
                    "Kafka message too large",
                    20,
                    ProduceFault::Refused(MESSAGE_TOO_LARGE),
                ),
                (
                    "Kafka error after the append",
                    30,
                    ProduceFault::RefusedAfterAppend(NOT_ENOUGH_REPLICAS),
                ),
                (
                    "Kafka connection lost before the append",
                    40,
                    ProduceFault::LostBeforeAppend,
                ),
                (
                    "Kafka connection lost after the append",
                    40,
                    ProduceFault::LostAfterAppend,
                ),
            ]);
            weather.unwrap_or(ProduceFault::NoFault)
        })
    }

    /// The broker ends, and its connections with it.
    pub(crate) async fn stop_broker(&self) {
        let task = self.broker.lock().unwrap().take();
        if let Some(task) = task {
            task.abort();
            drop(task.await);
            // The address is held, without an ear: else another seed's broker might get it.
            *self.held_socket.lock().unwrap() = Some(hold_address(&self.address));
        }
    }

    /// The broker is there again, at the same address.
    pub(crate) async fn restart_broker(&self) {
        if self.broker.lock().unwrap().is_some() {
            return;
        }
        let held = self.held_socket.lock().unwrap().take().unwrap();
        let listening = self
            .real_time
            .as_ref()
            .unwrap()
            .spawn(async move { held.listen(128) });
        self.start_broker(listening.await.unwrap().unwrap());
    }
}

fn hold_address(address: &str) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    // The broker's own ear may be closing yet.
    while socket.bind(address.parse().unwrap()).is_err() {
        std::thread::sleep(Duration::from_millis(1));
    }
    socket
}

fn real_time_runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

/// A Kafka client in a process of its own, as far as time goes: it ends with its sandbox.
struct RealTimeSink {
    sink: Arc<KafkaSink>,
    real_time: Option<Runtime>,
}

impl Drop for RealTimeSink {
    fn drop(&mut self) {
        if let Some(real) = self.real_time.take() {
            real.shutdown_background();
        }
    }
}

#[async_trait]
impl EventSink for RealTimeSink {
    async fn send_records(
        &self,
        records: Vec<OutgoingRecord>,
        within: Duration,
    ) -> Vec<Result<(), SendError>> {
        let sink = Arc::clone(&self.sink);
        let sent = self
            .real_time
            .as_ref()
            .unwrap()
            .spawn(async move { sink.send_records(records, within).await });
        sent.await.unwrap()
    }
}
