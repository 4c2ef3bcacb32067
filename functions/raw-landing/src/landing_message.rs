//! A message of the events queue, whoever received it.

use store::DeliveredMessage;
use trigger::SqsMessage;

/// What the landing needs of a message.
#[derive(Clone, Copy)]
pub(crate) struct LandingMessage<'m> {
    /// The message's id, the same at each delivery.
    pub(crate) id: &'m str,
    pub(crate) body: &'m str,
    /// When SQS stored the message, in milliseconds since 1970.
    pub(crate) sent_at: Option<i64>,
}

impl<'m> From<&'m SqsMessage> for LandingMessage<'m> {
    fn from(message: &'m SqsMessage) -> Self {
        let sent_at = message.attributes.get("SentTimestamp");
        Self {
            id: message.message_id.as_deref().unwrap_or_default(),
            body: message.body.as_deref().unwrap_or_default(),
            sent_at: sent_at.and_then(|text| text.parse().ok()),
        }
    }
}

impl<'m> From<&'m DeliveredMessage> for LandingMessage<'m> {
    fn from(message: &'m DeliveredMessage) -> Self {
        Self {
            id: &message.id,
            body: &message.body,
            sent_at: message.sent_at,
        }
    }
}
