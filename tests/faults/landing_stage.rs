//! The landing of a world, whichever transport it has.

use crate::kafka_landing::KafkaLandingStage;
use crate::queue_landing::{QueueLandingStage, queue_of};
use crate::world::{World, WorldTransport};

pub(crate) enum LandingStage {
    Kafka(KafkaLandingStage),
    Queue(QueueLandingStage),
}

impl LandingStage {
    pub(crate) fn new(world: &World) -> Self {
        match world.transport {
            WorldTransport::Kafka(_) => Self::Kafka(KafkaLandingStage::new(world)),
            WorldTransport::Queue(_) => Self::Queue(QueueLandingStage::new(world)),
        }
    }

    pub(crate) async fn run_once(&mut self, world: &World) {
        match self {
            Self::Kafka(landing) => landing.run_once(world).await,
            Self::Queue(landing) => landing.run_once(world).await,
        }
    }

    /// Whether everything that the transport holds is done.
    pub(crate) fn is_done(&self, world: &World) -> bool {
        match self {
            Self::Kafka(landing) => landing.offset_lag(world) == 0,
            Self::Queue(_) => queue_of(world).waiting().is_empty(),
        }
    }

    /// Everything from the beginning, to a new sandbox.
    pub(crate) async fn reland_everything(world: &World) {
        match world.transport {
            WorldTransport::Kafka(_) => KafkaLandingStage::reland_everything(world).await,
            WorldTransport::Queue(_) => QueueLandingStage::reland_everything(world).await,
        }
    }
}
